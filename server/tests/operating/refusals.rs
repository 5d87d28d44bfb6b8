//! Backups that are not sound, and places that are not empty: nothing is written.

use crate::{
    moving::{backup, restore},
    of_folder,
    program::{ran, sentinel, succeeds, told},
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// A folder with one account, and its backup.
struct Small {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Small {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("backup.gz");
        let place = of_folder(&folder.path().join("data"));
        told(sentinel("user").args(["add", "boss"]).args(&place), "a good long password");
        backup(&place, &file);
        Self { folder, file }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self) -> String {
        unpacked(&fs::read(&self.file).expect("is there")).expect("reads")
    }

    fn write(&self, text: &str) -> PathBuf {
        let path = self.at("other.gz");
        let mut out = GzEncoder::new(File::create(&path).expect("made"), Compression::fast());
        out.write_all(text.as_bytes()).expect("writes");
        out.finish().expect("ends");
        path
    }

    /// What restoring a file into a new folder says, which it does not touch.
    #[track_caller]
    fn refusal(&self, file: &Path) -> String {
        let new = self.at("new");
        let (well, said) = ran(sentinel("restore").args(of_folder(&new)).arg(file));
        assert!(!well && !said.contains("panicked"), "{said}");
        assert!(!new.exists(), "nothing is written: {said}");
        said
    }
}

fn unpacked(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).ok().map(|_| text)
}

#[test]
fn a_backup_is_its_owner_s_alone_and_nothing_is_left_beside_it() {
    let small = Small::make();
    assert_eq!(fs::metadata(&small.file).expect("is there").permissions().mode() & 0o777, 0o600);
    let names = fs::read_dir(small.folder.path()).expect("reads").map(|e| e.expect("an entry").file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["backup.gz", "data"]);
    // The same again, in its place, over what a killed one left.
    fs::write(small.at("backup.gz.part"), "x".repeat(100_000)).expect("writes");
    backup(&of_folder(&small.at("data")), &small.file);
    restore(&of_folder(&small.at("new")), &small.file);
}

#[test]
fn a_backup_that_was_changed_anywhere_is_refused() {
    let small = Small::make();
    let text = small.text();
    let said = small.refusal(&small.write(&text.replacen("boss", "bosz", 1)));
    assert!(said.contains("not as it was written") && said.contains("nothing was written"), "{said}");
    let without: String = text
        .lines()
        .filter(|line| !line.contains("PutUser"))
        .fold(String::new(), |all, line| all + line + "\n");
    assert!(small.refusal(&small.write(&without)).contains("not as it was written"));
    assert!(small.refusal(&small.write(&(text.clone() + "{}\n"))).contains("behind its end"));
    let bytes = fs::read(&small.file).expect("reads");
    for at in (0..bytes.len()).step_by(bytes.len() / 40 + 1) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        // Some bits of gzip say nothing: a time and a system in its header, what fills up the last byte.
        if unpacked(&changed).as_ref() == Some(&text) {
            continue;
        }
        fs::write(small.at("other.gz"), changed).expect("writes");
        let said = small.refusal(&small.at("other.gz"));
        assert!(said.contains("other.gz"), "at {at}: {said}");
    }
}

#[test]
fn a_backup_that_ends_early_is_refused() {
    let small = Small::make();
    let bytes = fs::read(&small.file).expect("reads");
    for kept in [0, 5, bytes.len() / 2, bytes.len() - 9, bytes.len() - 1] {
        fs::write(small.at("other.gz"), &bytes[..kept]).expect("writes");
        let said = small.refusal(&small.at("other.gz"));
        assert!(said.contains("cut short"), "{kept} of {}: {said}", bytes.len());
    }
    let text = small.text();
    let last = text.trim_end().rfind('\n').expect("has lines");
    let said = small.refusal(&small.write(&text[..=last]));
    assert!(said.contains("cut short"), "{said}");
}

#[test]
fn a_newer_format_is_refused_with_what_to_do() {
    let small = Small::make();
    // What this program writes is what it knows: one more is a newer program's.
    let text = small.text();
    let header: serde_json::Value =
        text.lines().next().and_then(|line| serde_json::from_str(line).ok()).expect("a header");
    let known = header["sentinel_backup"]["version"].as_u64().expect("a version");
    let newer = known + 1;
    let text = format!("{{\"sentinel_backup\":{{\"version\":{newer},\"what\":\"unknown\"}}}}\n");
    let said = small.refusal(&small.write(&text));
    for part in [&format!("version {newer}"), &format!("up to {known}"), "newer program"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(small.refusal(&small.write("{\"a\":1}\n")).contains("no backup of Sentinel"));
    fs::write(small.at("other.gz"), "not gzip at all").expect("writes");
    assert!(small.refusal(&small.at("other.gz")).contains("no backup of Sentinel"));
    assert!(small.refusal(&small.at("missing.gz")).contains("could not be opened"));
}

#[test]
fn only_what_is_empty_is_filled() {
    let small = Small::make();
    let new = of_folder(&small.at("new"));
    succeeds(sentinel("restore").args(&new).arg(&small.file));
    let (well, said) = ran(sentinel("restore").args(&new).arg(&small.file));
    assert!(!well && said.contains("not empty") && said.contains("remove the folder"), "{said}");
}

#[test]
fn a_folder_without_an_installation_is_not_backed_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("misspelt"), folder.path().join("b.gz"));
    let (well, said) = ran(sentinel("backup").args(of_folder(&data)).arg(&file));
    assert!(!well && said.contains("misspelt") && said.contains("--data"), "{said}");
    assert!(!data.exists() && !file.exists());
}
