//! What this worker holds: delivered to it, and not in the archive yet.

use crate::redis::{Delivered, EntryId, Queue, shard::SHARDS};
use parking_lot::Mutex;
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// What is held at most, in KiB, however large its entries are.
const HELD_MAX_KIB: u32 = 64 * 1024;
/// Entries that are named in one command.
const AT_ONCE: usize = 500;

pub struct Hands {
    shards: [Mutex<HashSet<EntryId>>; SHARDS as usize],
    room: Arc<Semaphore>,
    /// Held while one entry is tried alone.
    pub alone: tokio::sync::Mutex<()>,
}

impl Default for Hands {
    fn default() -> Self {
        let room = Arc::new(Semaphore::new(HELD_MAX_KIB as usize));
        Self { shards: Default::default(), room, alone: tokio::sync::Mutex::default() }
    }
}

/// An entry with the room that it takes.
pub struct Held {
    pub entry: Delivered,
    _room: OwnedSemaphorePermit,
    /// Who waits until this one, which is tried alone, is dealt with.
    alone: Option<oneshot::Sender<()>>,
}

impl Held {
    pub fn is_alone(&self) -> bool {
        self.alone.is_some()
    }
}

impl Hands {
    fn shard(&self, shard: u8) -> &Mutex<HashSet<EntryId>> {
        &self.shards[usize::from(shard)]
    }

    pub fn hold(&self, shard: u8, id: &EntryId) -> bool {
        self.shard(shard).lock().contains(id)
    }

    /// From now on these are this worker's.
    pub fn take(&self, entries: &[Delivered]) {
        for entry in entries {
            self.shard(entry.shard).lock().insert(entry.id.clone());
        }
    }

    /// It has dealt with these, or does no more.
    pub fn release<'a>(&self, shard: u8, ids: impl IntoIterator<Item = &'a EntryId>) {
        let mut held = self.shard(shard).lock();
        for id in ids {
            held.remove(id);
        }
    }

    /// Waits for room.
    pub async fn held(&self, entry: Delivered, alone: Option<oneshot::Sender<()>>) -> Held {
        let kib = u32::try_from(entry.bytes.len() / 1024 + 1).unwrap_or(u32::MAX).min(HELD_MAX_KIB);
        let room = self.room.clone().acquire_many_owned(kib).await;
        Held { entry, _room: room.expect("nobody closes the semaphore"), alone }
    }

    fn ids(&self, shard: u8) -> Vec<EntryId> {
        self.shard(shard).lock().iter().cloned().collect()
    }
}

/// Tells the other workers that this one lives, by every entry that it holds: while the
/// archive is away they may be held for long.
pub async fn keep(hands: &Hands, queues: &[Queue], every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        for (shard, queue) in (0..SHARDS).zip(queues) {
            for ids in hands.ids(shard).chunks(AT_ONCE) {
                if let Err(error) = queue.keep(ids).await {
                    tracing::debug!(%error, shard, "what is held could not be kept");
                    break;
                }
            }
        }
    }
}
