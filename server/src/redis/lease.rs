//! Who of several processes does what one should do.
//!
//! A lease is for saving work, not for safety: a process that was stopped for long may still
//! believe that it holds one. What is done under it must bear being done twice.

use super::{keys, link::Link};
use redis::{RedisResult, Script};
use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// After the loss of its holder another has it at the latest after this.
const LASTS: Duration = Duration::from_secs(6);
const RENEWED_EVERY: Duration = Duration::from_secs(2);

/// KEYS: the lease. ARGV: holder, milliseconds, what names of stand-ins begin with. Answers 1
/// where it is the holder's now. It is removed first, as after that Redis takes it however
/// full its memory is.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local holder = redis.call('GET', KEYS[1])
local stands_in = function(name) return string.sub(name, 1, #ARGV[3]) == ARGV[3] end
if holder and holder ~= ARGV[1] and (stands_in(ARGV[1]) or not stands_in(holder)) then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
",
    )
});

/// What the names of stand-ins begin with.
const STAND_IN: &str = "stand-in:";

/// KEYS: the lease. ARGV: holder.
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(r"if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end")
});

/// For whom a lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeker {
    /// Whose work it is.
    Worker,
    /// Holds it only while no worker does, and loses it to the first that asks.
    StandIn,
}

/// Begins to ask for the lease `name`, and to keep it once it is given; tells whether this
/// process holds it. Gives it back when `stop` is cancelled.
pub fn seek_lease(
    name: &str,
    seeker: Seeker,
    link: Link,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> watch::Receiver<bool> {
    let (held, is_held) = watch::channel(false);
    let rank = if seeker == Seeker::StandIn { STAND_IN } else { "" };
    let holder: Arc<str> = format!("{rank}{}", crate::auth::secret::random_id()).into();
    let lease = Lease::new(keys::lease(name), holder, LASTS, link);
    tasks.spawn(Keeper { lease, held }.run(stop));
    is_held
}

/// A lease as one of those sees it who would hold it.
pub struct Lease {
    key: String,
    holder: Arc<str>,
    lasts: Duration,
    link: Link,
}

impl Lease {
    pub(super) fn new(key: String, holder: Arc<str>, lasts: Duration, link: Link) -> Self {
        Self { key, holder, lasts, link }
    }

    /// Takes it, or has it last longer; answers whether it is this one's.
    pub async fn take(&self) -> RedisResult<bool> {
        let mut call = TAKE.prepare_invoke();
        call.key(&self.key).arg(&*self.holder).arg(self.lasts.as_millis() as u64).arg(STAND_IN);
        call.invoke_async(&mut self.link.clone()).await
    }

    /// Another may have it.
    pub async fn give_back(&self) -> RedisResult<()> {
        let mut call = GIVE_BACK.prepare_invoke();
        call.key(&self.key).arg(&*self.holder).invoke_async(&mut self.link.clone()).await
    }
}

struct Keeper {
    lease: Lease,
    held: watch::Sender<bool>,
}

impl Keeper {
    async fn run(self, stop: CancellationToken) {
        let mut lasts_until = Instant::now();
        loop {
            let asked = Instant::now();
            match self.lease.take().await {
                Ok(true) => {
                    lasts_until = asked + LASTS;
                    self.tell(true);
                }
                Ok(false) => self.tell(false),
                // Unknown: it lasts for as long as it was given.
                Err(error) => {
                    tracing::debug!(%error, "a lease could not be renewed");
                    self.tell(asked < lasts_until && *self.held.borrow());
                }
            }
            tokio::select! {
                () = tokio::time::sleep(RENEWED_EVERY) => {}
                () = stop.cancelled() => break,
            }
        }
        self.tell(false);
        // It runs out by itself.
        self.lease.give_back().await.ok();
    }

    fn tell(&self, held: bool) {
        self.held.send_if_modified(|before| std::mem::replace(before, held) != held);
    }
}
