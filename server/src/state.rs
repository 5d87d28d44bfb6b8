//! The parts of a running Sentinel, as handlers get them.

use crate::{auth::Access, clock::Clock, directory::Directory};
use std::sync::Arc;

/// Shared by every request; made once, in `wiring`.
pub struct Sentinel {
    pub clock: Clock,
    pub directory: Arc<Directory>,
    pub access: Arc<Access>,
}
