//! The folder that holds an installation's databases, held by one process at a time:
//! a second one would answer from a memory that the first one's changes never reach.

use anyhow::Context;
use std::{
    fs::{self, File, TryLockError},
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
        fs::create_dir_all(path).with_context(|| {
            format!("the data folder {shown} could not be made; give another with --data")
        })?;
        let lock =
            File::options().create(true).truncate(false).write(true).open(path.join("lock")).with_context(
                || format!("the data folder {shown} is not writable for this user; give another with --data"),
            )?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
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

    pub fn records(&self) -> PathBuf {
        self.path.join("records.db")
    }

    pub fn history(&self) -> PathBuf {
        self.path.join("history.db")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
