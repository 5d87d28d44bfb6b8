//! What this worker holds, in all shards together.

use super::tenure::Tenure;
use crate::redis::Delivered;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// What is held at most, in KiB, however large its entries are.
const HELD_MAX_KIB: u32 = 64 * 1024;

pub struct Hands {
    room: Arc<Semaphore>,
    /// Held while one entry is tried alone.
    pub alone: tokio::sync::Mutex<()>,
}

impl Default for Hands {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(HELD_MAX_KIB as usize)), alone: tokio::sync::Mutex::default() }
    }
}

/// An entry, the tenure in which it was delivered, and the room that it takes.
pub struct Held {
    pub entry: Delivered,
    pub tenure: Arc<Tenure>,
    room: Option<OwnedSemaphorePermit>,
    /// Who waits until this one, which is tried alone, is dealt with.
    alone: Option<oneshot::Sender<()>>,
}

impl Held {
    /// It takes no room.
    pub fn new(entry: Delivered, tenure: Arc<Tenure>) -> Self {
        Self { entry, tenure, room: None, alone: None }
    }

    /// It is to be tried alone; what is returned ends once it is dealt with.
    pub fn alone(&mut self) -> oneshot::Receiver<()> {
        let (alone, dealt_with) = oneshot::channel();
        self.alone = Some(alone);
        dealt_with
    }

    pub fn is_alone(&self) -> bool {
        self.alone.is_some()
    }
}

impl Hands {
    /// Waits for the room that it takes.
    pub async fn make_room(&self, held: &mut Held) {
        let kib = u32::try_from(held.entry.bytes.len() / 1024 + 1).unwrap_or(u32::MAX).min(HELD_MAX_KIB);
        let room = self.room.clone().acquire_many_owned(kib).await;
        held.room = Some(room.expect("nobody closes the semaphore"));
    }
}
