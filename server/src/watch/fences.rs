//! The fences as they are now, ready to be asked.

use super::index::FenceIndex;
use crate::directory::Directory;
use parking_lot::Mutex;
use std::sync::Arc;

/// An index of the directory's fences, made anew when one of them has changed.
pub struct Fences {
    directory: Arc<Directory>,
    /// With the version that it was made of.
    made: Mutex<(u64, Arc<FenceIndex>)>,
}

impl Fences {
    pub fn new(directory: Arc<Directory>) -> Self {
        Self { directory, made: Mutex::default() }
    }

    pub fn now(&self) -> Arc<FenceIndex> {
        // Read before the fences are: of those that change meanwhile it is made again.
        let version = self.directory.fences_version();
        let mut made = self.made.lock();
        if made.0 != version {
            *made = (version, Arc::new(FenceIndex::new(self.directory.all_fences())));
        }
        made.1.clone()
    }
}
