//! Somebody who looks at each position once the archive has it.
//!
//! Batches are stored several at a time. They are looked at one after the other, in the order
//! in which they were gathered, and leave the queue within the same turn: so what is looked at
//! a second time, after a worker was lost, is what was looked at last.

use crate::ports::EngineError;
use async_trait::async_trait;
use sentinel_model::{Fix, UnitId};
use tokio::sync::oneshot;

#[async_trait]
pub trait Looks: Send + Sync {
    /// From here on this process looks at the units of a [shard](crate::redis::shard): others
    /// may have until now, and what is remembered of these units may be older than that.
    fn begin(&self, _shard: u8) {}

    /// Fixes of a unit, as it posted them. A unit is looked at by one process at a time, in the
    /// order of the queue, after the archive has the fixes and before they leave the queue;
    /// several units at once. What fails comes again after a pause, and everything else of this
    /// worker waits for it: so it fails only for what passes. After the loss of a worker the
    /// last fixes come again; and what the archive refused at first comes late.
    async fn look(&self, unit: &UnitId, fixes: &[Fix]) -> Result<(), EngineError>;
}

/// Gives turns, one after the other.
#[derive(Default)]
pub struct Turns {
    last: Option<oneshot::Receiver<()>>,
}

/// Dropped before it [ends](Turn::ends), it is the last: those after it never come.
pub struct Turn {
    before: Option<oneshot::Receiver<()>>,
    after: oneshot::Sender<()>,
}

impl Turns {
    pub fn next(&mut self) -> Turn {
        let (after, last) = oneshot::channel();
        Turn { before: self.last.replace(last), after }
    }
}

impl Turn {
    /// Waits until the one before has ended; false where it never will.
    pub async fn comes(&mut self) -> bool {
        match self.before.take() {
            Some(before) => before.await.is_ok(),
            None => true,
        }
    }

    pub fn ends(self) {
        // Perhaps nobody comes after it.
        self.after.send(()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt as _, pin_mut};

    #[tokio::test]
    async fn a_turn_comes_once_the_one_before_has_ended_and_never_where_that_was_dropped() {
        let mut turns = Turns::default();
        let [mut first, mut second, mut third] = [turns.next(), turns.next(), turns.next()];
        assert!(first.comes().await);
        {
            let waiting = second.comes();
            pin_mut!(waiting);
            assert_eq!(waiting.as_mut().now_or_never(), None);
            first.ends();
            assert!(waiting.await);
        }
        drop(second);
        assert!(!third.comes().await);
    }
}
