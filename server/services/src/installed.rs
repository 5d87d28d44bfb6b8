//! Where the servers' programs are: on the PATH, or where setup.sh put what it built.

use std::{
    env,
    path::{Path, PathBuf},
};

/// A program that the system installed.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Something that setup.sh built, by its path in setup.sh's cache.
pub fn in_cache(path: &str) -> Option<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(cache) => PathBuf::from(cache),
        None => Path::new(&env::var_os("HOME")?).join(".cache"),
    };
    Some(cache.join("sentinel").join(path)).filter(|file| file.exists())
}
