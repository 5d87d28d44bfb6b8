//! The folder that holds an installation's databases, held by one process at a time:
//! a second one would answer from a memory that the first one's changes never reach.

use anyhow::Context;
use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Holds the folder until it is dropped, also where the process is killed.
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where it is missing, and takes it.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        anyhow::ensure!(
            !path.exists() || path.is_dir(),
            "the data folder {shown} is a file; give a folder with --data"
        );
        fs::create_dir_all(path).with_context(|| {
            format!("the data folder {shown} could not be made; give another with --data")
        })?;
        let lock =
            File::options().create(true).truncate(false).write(true).open(path.join("lock")).with_context(
                || format!("the data folder {shown} is not writable for this user; give another with --data"),
            )?;
        match lock.try_lock() {
            Ok(()) => {
                let folder = Self { path: path.to_owned(), _lock: lock };
                folder.warn_if_half_is_missing();
                keep_private(&folder.records())?;
                keep_private(&folder.history())?;
                Ok(folder)
            }
            Err(TryLockError::WouldBlock) => {
                anyhow::bail!(
                    "the data folder {shown} is in use by another running Sentinel; stop it, or give another with --data"
                )
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("the data folder {shown} could not be locked"))
            }
        }
    }

    /// One database without the other was lost or moved, or the other put back from a
    /// backup alone. It may also be meant, so it is taken up, but not silently.
    fn warn_if_half_is_missing(&self) {
        let shown = self.path.display();
        match (self.records().exists(), self.history().exists()) {
            (true, false) => tracing::warn!(
                "HISTORY IS MISSING: {shown} has records.db but no history.db. An empty history begins now: where \
                 units were before is not known. If that is not meant, stop, and put history.db back"
            ),
            (false, true) => tracing::warn!(
                "RECORDS ARE MISSING: {shown} has history.db but no records.db. Empty records begin now: without \
                 accounts, stations, units and keys. If that is not meant, stop, and put records.db back"
            ),
            (true, true) | (false, false) => {}
        }
    }

    pub fn records(&self) -> PathBuf {
        self.path.join("records.db")
    }

    pub fn history(&self) -> PathBuf {
        self.path.join("history.db")
    }
}

/// Makes a database file where there is none, and lets nobody else read it: neither who
/// may sign in nor where everybody was is for other users of the machine. What SQLite
/// puts beside a database gets the same permissions.
fn keep_private(file: &Path) -> anyhow::Result<()> {
    let private = || {
        let made = File::options().create(true).append(true).mode(0o600).open(file)?;
        made.set_permissions(fs::Permissions::from_mode(0o600))
    };
    private().with_context(|| format!("{} could not be opened for writing", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_readable_for_their_owner_alone_old_ones_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = folder.path().join("history.db");
        fs::write(&old, "").expect("writes");
        fs::set_permissions(&old, fs::Permissions::from_mode(0o644)).expect("sets");
        let held = DataFolder::take(folder.path()).expect("it is free");
        for file in [held.records(), held.history()] {
            let mode = fs::metadata(&file).expect("is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
    }

    #[test]
    fn a_folder_is_one_process_s_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = DataFolder::take(folder.path()).expect("it is free");
        let error = DataFolder::take(folder.path()).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("in use"), "{error}");
        drop(held);
        assert!(DataFolder::take(folder.path()).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_says_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("writes");
        let error = DataFolder::take(&file.join("data")).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("--data"), "{error}");
    }
}
