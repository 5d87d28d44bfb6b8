//! The units of the service manager are sound, and let the program have little.

use crate::program::ran;
use std::{fs, path::Path, process::Command};

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/systemd");

/// The units, with this build's program in them, under names that they have when they run.
fn installed(folder: &Path) -> Vec<String> {
    let names = [
        ("sentinel.service", "sentinel.service"),
        ("sentinel@.service", "sentinel@3001.service"),
        ("sentinel-worker@.service", "sentinel-worker@1.service"),
    ];
    for (file, _) in names {
        let unit = fs::read_to_string(Path::new(DEPLOY).join(file)).expect("is there");
        let unit = unit.replace("/usr/local/bin/sentinel", env!("CARGO_BIN_EXE_sentinel"));
        for name in names.iter().filter(|(of, _)| *of == file).flat_map(|(of, name)| [of, name]) {
            fs::write(folder.join(name), &unit).expect("writes");
        }
    }
    names.iter().map(|(_, name)| folder.join(name).display().to_string()).collect()
}

#[test]
fn the_units_of_systemd_are_sound_and_let_the_program_have_little() {
    if crate::balancer::installed("systemd-analyze").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for unit in installed(folder.path()) {
        let (well, said) = ran(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit));
        assert!(well && !said.contains("entinel"), "{unit}: {said}");
        let mut security = Command::new("systemd-analyze");
        let (well, said) = ran(security.args(["security", "--offline=yes", "--threshold=20"]).arg(&unit));
        assert!(well, "{unit}: {said}");
    }
}
