//! The site's files are compiled in: the folder must exist, even before the first site
//! is built, and a new site makes a new program.

fn main() {
    let site = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/site");
    if let Err(error) = std::fs::create_dir_all(&site) {
        println!("cargo::error={} could not be made: {error}", site.display());
    }
    println!("cargo::rerun-if-changed={}", site.display());
}
