//! Frames of positions, encoded once for all who asked for the same view and interval.

use super::{Cursor, EncodedUnit, Frame, Room, View, frame};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How much early the timer of an interval is set: timers count in milliseconds, round up and wake
/// late, and a frame takes its time to be encoded and written to all of its subscribers. What
/// changes as a frame begins is to be on a socket within the shortest interval nevertheless.
const EARLY: Duration = Duration::from_millis(5);

/// What a lane shows its subscribers: the positions that changed between two versions.
pub struct LaneFrame {
    pub from: u64,
    /// Where the room stood when this was encoded: at an older event than a subscriber
    /// stands, the frame may still hold a unit that has left.
    pub to: Cursor,
    pub frame: Option<Frame>,
}

pub(super) struct Lane {
    view: View,
    interval: Duration,
    frames: watch::Sender<Arc<LaneFrame>>,
    dirty: Notify,
}

impl Lane {
    /// Says that this unit has moved.
    pub fn touch(&self, unit: &EncodedUnit) {
        if self.view.filter.keeps_unit(unit) {
            self.dirty.notify_one();
        }
    }
}

impl Room {
    /// The lane for a view and interval, begun where there is none yet.
    pub fn lane(
        self: &Arc<Self>,
        view: &View,
        interval: Duration,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> watch::Receiver<Arc<LaneFrame>> {
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.iter().find(|l| l.view == *view && l.interval == interval) {
            return lane.frames.subscribe();
        }
        let to = self.state.lock().cursor();
        let none = Arc::new(LaneFrame { from: to.version, to, frame: None });
        let (view, frames) = (view.clone(), watch::Sender::new(none));
        let lane = Arc::new(Lane { view, interval, frames, dirty: Notify::new() });
        let frames = lane.frames.subscribe();
        lanes.push(lane.clone());
        tasks.spawn(self.clone().run_lane(lane, to, stop.clone()));
        frames
    }

    async fn run_lane(self: Arc<Self>, lane: Arc<Lane>, mut at: Cursor, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = lane.dirty.notified() => {}
                () = lane.frames.closed() => {}
                () = stop.cancelled() => break,
            }
            if self.retire(&lane) {
                break;
            }
            let began = tokio::time::Instant::now();
            let (units, now) = {
                let state = self.state.lock();
                let now = state.cursor();
                // All of a room that was filled anew goes out as snapshots: here it is only
                // said that there is something.
                let is_anew = now.head.generation != at.head.generation;
                (if is_anew { Vec::new() } else { state.changed_since(at.version) }, now)
            };
            if now.version > at.version {
                let frame = positions_of(&lane.view, units);
                let from = if frame.is_some() { at.version } else { now.version };
                lane.frames.send_replace(Arc::new(LaneFrame { from, to: now, frame }));
            }
            at = now;
            tokio::select! {
                () = tokio::time::sleep_until(began + lane.interval.saturating_sub(EARLY)) => {}
                () = stop.cancelled() => break,
            }
        }
    }

    /// Ends a lane that nobody listens to; under the lock that joining takes too.
    fn retire(&self, lane: &Arc<Lane>) -> bool {
        let mut lanes = self.lanes.lock();
        if lane.frames.receiver_count() > 0 {
            return false;
        }
        lanes.retain(|other| !Arc::ptr_eq(other, lane));
        true
    }
}

pub(super) fn positions_of(view: &View, units: Vec<Arc<EncodedUnit>>) -> Option<Frame> {
    let units = view.of(units);
    (!units.is_empty()).then(|| frame::positions(view.encoding, units.iter().map(AsRef::as_ref)))
}
