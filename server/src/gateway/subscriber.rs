//! A live stream, whatever carries it: whose it is, what it gets next, and what ends it.

use crate::{
    auth::{Caller, Denied, DriverGrant, Share, links::LinkHolder},
    http::error::ApiError,
    live::{Ending, Frame, JoinError, Session, Wanted},
    state::Sentinel,
};
use sentinel_model::{Scope, live::close};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, Interval, interval_at},
};

/// How often the server says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(25);
const TOO_MANY: &str = "this sign-in or key has as many live streams open here as it may; close some, or come \
    back (the operator sets how many: --streams-per-credential)";
const TOO_MANY_OF_LINK: &str =
    "this link is looked at in as many places as it may be; close one, or come back";
const TOO_MANY_WAIT_S: u32 = 10;
const STOPPING: End = End { code: close::RESTART, reason: "the server is going down; come back" };
const SEES_NOTHING: End =
    End { code: close::RESTART, reason: "this server is cut off from what moves; come back" };
const BEHIND: End =
    End { code: close::RESTART, reason: "this server cannot read what others have changed; come back" };
const NOT_OPENED: End = End { code: close::RESTART, reason: "the stream could not be opened; come back" };
pub const SIGN_IN_ENDED: End =
    End { code: close::UNAUTHORIZED, reason: "the sign-in or key behind this stream has ended" };

/// Why a stream ends; the codes are those of [`close`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub code: u16,
    pub reason: &'static str,
}

/// What a stream carries next.
pub enum Next {
    Frames(Vec<Frame>),
    /// Nothing came for a while: a word, so that nobody on the way takes it for dead.
    Beat,
    End(End),
}

/// Why a subscription is not begun.
#[derive(Debug)]
pub enum Refused {
    Denied(Denied),
    /// Not here, or not now.
    Away(End),
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Denied(denied) => denied.into(),
            Refused::Away(end) => ApiError::unavailable(end.reason, 1),
        }
    }
}

pub struct Subscriber {
    pub sentinel: Arc<Sentinel>,
    /// None of who follows an order by a link.
    caller: Option<Caller>,
    session: Option<(Session, Ending)>,
    heartbeat: Interval,
    blind: watch::Receiver<bool>,
    behind: watch::Receiver<bool>,
    _counted: Counted,
    _share: Share,
}

impl Subscriber {
    /// Before anything is promised to the client: one that has as many streams as it may is
    /// told to come back.
    pub fn new(sentinel: Arc<Sentinel>, caller: Caller) -> Result<Self, ApiError> {
        let Some(share) = sentinel.streams_each.take(&caller) else {
            metrics::counter!("sentinel_streams_refused_total").increment(1);
            return Err(ApiError::too_many(TOO_MANY, TOO_MANY_WAIT_S));
        };
        Ok(Self::with(sentinel, Some(caller), share))
    }

    /// The same for who follows an order by one of its links.
    pub fn by_link(sentinel: Arc<Sentinel>, link: &LinkHolder) -> Result<Self, ApiError> {
        let Some(share) = sentinel.streams_of_link.take_as(&link.name()) else {
            metrics::counter!("sentinel_streams_refused_total").increment(1);
            return Err(ApiError::too_many(TOO_MANY_OF_LINK, TOO_MANY_WAIT_S));
        };
        Ok(Self::with(sentinel, None, share))
    }

    fn with(sentinel: Arc<Sentinel>, caller: Option<Caller>, _share: Share) -> Self {
        let _counted = Counted::one(&sentinel.sockets_open);
        let (blind, behind) = (sentinel.hub.blind(), sentinel.directory.behind());
        let heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        Self { sentinel, caller, session: None, heartbeat, blind, behind, _counted, _share }
    }

    /// Subscribes to a scope, if the caller may see it. One subscription at a time: the new
    /// one replaces what was, and a refused one leaves none.
    pub async fn subscribe(&mut self, scope: Scope, wanted: Wanted) -> Result<(), Refused> {
        self.leave();
        let directory = &self.sentinel.directory;
        let caller = self.caller.as_ref().ok_or(Refused::Denied(Denied::NotYours(scope)))?;
        let mut grant = caller.view(directory, scope);
        // Another node may have made the scope just now.
        if matches!(grant, Err(Denied::NotYours(_))) && directory.freshen().await {
            grant = caller.view(directory, scope);
        }
        let joined = self.sentinel.hub.join(grant.map_err(Refused::Denied)?, wanted).await;
        self.sit_down(scope, joined)
    }

    /// Follows the driver of an order: frames tell that something has moved, of that unit alone.
    pub async fn follow(&mut self, grant: DriverGrant) -> Result<(), Refused> {
        self.leave();
        let scope = grant.scope();
        let joined = self.sentinel.hub.follow(grant).await;
        self.sit_down(scope, joined)
    }

    fn sit_down(&mut self, scope: Scope, joined: Result<Session, JoinError>) -> Result<(), Refused> {
        let session = match joined {
            Ok(session) => session,
            Err(JoinError::Stopping) => return Err(Refused::Away(STOPPING)),
            Err(JoinError::Blind) => return Err(Refused::Away(SEES_NOTHING)),
            Err(JoinError::Engine(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, %scope, "a room could not be opened");
                return Err(Refused::Away(NOT_OPENED));
            }
        };
        let ending = session.ending();
        self.session = Some((session, ending));
        Ok(())
    }

    pub fn leave(&mut self) {
        self.session = None;
    }

    /// Waits for what comes next; an end before anything else that is there too. May be
    /// dropped while it waits and called again: nothing is lost by that.
    pub async fn next(&mut self) -> Next {
        tokio::select! {
            biased;
            () = self.sentinel.stop.cancelled() => Next::End(STOPPING),
            () = is_true(&mut self.behind) => Next::End(BEHIND),
            () = is_true(&mut self.blind) => Next::End(SEES_NOTHING),
            _ = self.heartbeat.tick() => Next::Beat,
            next = next_of(&mut self.session) => next,
        }
    }
}

async fn next_of(session: &mut Option<(Session, Ending)>) -> Next {
    let Some((session, ending)) = session else { return std::future::pending().await };
    tokio::select! {
        biased;
        () = ending.come() => Next::End(SIGN_IN_ENDED),
        frames = session.next() => Next::Frames(frames),
    }
}

async fn is_true(told: &mut watch::Receiver<bool>) {
    if told.wait_for(|told| *told).await.is_err() {
        std::future::pending().await
    }
}

/// Counts a stream for as long as it is held.
struct Counted(Arc<AtomicU64>);

impl Counted {
    fn one(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
