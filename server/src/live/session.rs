//! One subscriber's place in a room.

use super::{
    filter::{Filter, View},
    frame::{EncodedEvent, Encoding, Frame},
    room::{Cursor, Head, LaneFrame, Room},
};
use crate::{
    auth::{DriverGrant, ScopeGrant},
    ports::StreamPosition,
};
use sentinel_model::{
    Scope, Time,
    live::{Event, INTERVAL_MAX_MS, INTERVAL_MIN_MS, Subscribe},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// How a subscriber wants its frames.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub view: View,
    pub interval: Duration,
    /// The last position in the stream that it has seen.
    pub resume: Option<StreamPosition>,
}

impl Wanted {
    pub fn of(subscribe: &Subscribe, encoding: Encoding) -> Self {
        Self {
            view: View { encoding, filter: Filter::default() },
            interval: interval(subscribe.interval_ms.unwrap_or(INTERVAL_MIN_MS)),
            resume: subscribe
                .epoch
                .as_deref()
                .zip(subscribe.offset)
                .map(|(epoch, offset)| StreamPosition { epoch: epoch.into(), offset }),
        }
    }
}

/// Intervals in steps, so that subscribers share lanes: what is asked for, rounded up.
fn interval(asked_ms: u32) -> Duration {
    const STEPS_MS: [u32; 10] = [INTERVAL_MIN_MS, 20, 50, 100, 200, 500, 1000, 5000, 15_000, INTERVAL_MAX_MS];
    let step = STEPS_MS.iter().copied().find(|step| *step >= asked_ms).unwrap_or(INTERVAL_MAX_MS);
    Duration::from_millis(u64::from(step))
}

/// Timers reach this far; a grant that lasts longer is renewed by reconnecting.
const RUN_OUT_MAX_MS: u64 = 365 * 24 * 3600 * 1000;

/// What a session is let in by; it goes with it.
#[derive(Debug)]
pub(super) enum Leave {
    Scope(ScopeGrant),
    Driver(DriverGrant),
}

impl Leave {
    pub fn scope(&self) -> Scope {
        match self {
            Self::Scope(grant) => grant.scope(),
            Self::Driver(grant) => grant.scope(),
        }
    }

    fn ended(&self) -> CancellationToken {
        match self {
            Self::Scope(grant) => grant.ended(),
            Self::Driver(grant) => grant.ended(),
        }
    }

    fn expires_at(&self) -> Option<Time> {
        match self {
            Self::Scope(grant) => grant.expires_at(),
            Self::Driver(grant) => grant.expires_at(),
        }
    }
}

/// The end of the right behind a session.
#[derive(Debug, Clone)]
pub struct Ending {
    revoked: CancellationToken,
    runs_out: Option<Instant>,
}

impl Ending {
    /// Returns once the credential is revoked or has run out.
    pub async fn come(&self) {
        let run_out = async {
            match self.runs_out {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.revoked.cancelled() => {}
            () = run_out => {}
        }
    }
}

/// The events a returning subscriber has not seen.
pub(super) struct Missed {
    pub since: StreamPosition,
    pub events: Vec<Arc<Event>>,
}

impl Missed {
    /// Where the subscriber stands once it has them.
    pub fn until(&self) -> StreamPosition {
        let offset = self.events.last().map_or(self.since.offset, |last| last.offset());
        StreamPosition { offset, ..self.since.clone() }
    }
}

/// Holds a room open.
pub(super) struct Seat(pub Arc<Room>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::AcqRel);
    }
}

pub struct Session {
    seat: Seat,
    /// Held, because dropping it ends the right.
    _leave: Leave,
    ending: Ending,
    view: View,
    lane: watch::Receiver<Arc<LaneFrame>>,
    head: watch::Receiver<Head>,
    cursor: Cursor,
    /// What it gets first: a snapshot, or what it missed.
    first: Vec<Frame>,
}

impl Session {
    pub(super) fn begin(
        seat: Seat,
        leave: Leave,
        now: Time,
        lane: watch::Receiver<Arc<LaneFrame>>,
        view: View,
        missed: Option<Missed>,
    ) -> Self {
        let runs_out = leave.expires_at().map(|at| {
            let left = u64::try_from(at.ms_since(now)).unwrap_or(0).min(RUN_OUT_MAX_MS);
            Instant::now() + Duration::from_millis(left)
        });
        let room = &seat.0;
        let head = room.heads();
        // What the room has heard beyond the missed events follows them before anybody's
        // position: nobody moves before they are told to have joined, or after they left.
        let resumed = missed.and_then(|missed| {
            let (rest, cursor) = room.resume(&missed.until(), &view)?;
            let (scope, epoch) = (room.scope, missed.since.epoch);
            let told = missed.events.into_iter().filter(|event| view.filter.keeps_event(event));
            let told = told.map(|event| EncodedEvent::of(scope, epoch.clone(), event).frame(view.encoding));
            Some((told.chain(rest).collect(), cursor))
        });
        let (first, cursor) = resumed.unwrap_or_else(|| {
            let (snapshot, cursor) = room.snapshot(&view);
            (vec![snapshot], cursor)
        });
        let ending = Ending { revoked: leave.ended(), runs_out };
        Self { seat, _leave: leave, ending, view, lane, head, cursor, first }
    }

    /// When the right to this stream goes.
    pub fn ending(&self) -> Ending {
        self.ending.clone()
    }

    /// The next frames for this subscriber, in order; waits until there are some.
    /// May be dropped while it waits and called again: nothing is lost by that.
    pub async fn next(&mut self) -> Vec<Frame> {
        if !self.first.is_empty() {
            return std::mem::take(&mut self.first);
        }
        loop {
            let lane_frame = tokio::select! {
                Ok(()) = self.lane.changed() => Some(self.lane.borrow_and_update().clone()),
                Ok(()) = self.head.changed() => None,
                else => return std::future::pending().await,
            };
            // A frame that begins before where this subscriber stands only repeats itself.
            if let Some(shared) = &lane_frame
                && (shared.from..=shared.to.version).contains(&self.cursor.version)
                && shared.to.head == self.cursor.head
                && let Some(frame) = &shared.frame
            {
                self.cursor.version = shared.to.version;
                return vec![frame.clone()];
            }
            if lane_frame.as_ref().is_some_and(|shared| shared.to.version <= self.cursor.version)
                && *self.head.borrow() <= self.cursor.head
            {
                continue;
            }
            self.head.mark_unchanged();
            let frames = match self.seat.0.since(self.cursor, &self.view) {
                Some((frames, cursor)) => {
                    self.cursor = cursor;
                    frames
                }
                None => {
                    let (snapshot, cursor) = self.seat.0.snapshot(&self.view);
                    self.cursor = cursor;
                    vec![snapshot]
                }
            };
            if !frames.is_empty() {
                return frames;
            }
        }
    }
}
