//! Frames of positions, encoded once for all who asked for the same view and interval.

use super::{Cursor, EncodedUnit, Frame, Room, View, frame};
use sentinel_model::UnitId;
use std::{collections::HashMap, sync::Arc, time::Duration};
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

/// The lanes of a room, by the units that they show: a unit that moves concerns those that
/// show it, however many streams there are of others.
#[derive(Default)]
pub(super) struct Lanes {
    of_all: Vec<Arc<Lane>>,
    of_unit: HashMap<UnitId, Vec<Arc<Lane>>>,
}

impl Lanes {
    /// Says that this unit has moved.
    pub fn touch(&self, unit: &EncodedUnit) {
        let of_it = unit.id().and_then(|id| self.of_unit.get(id));
        for lane in self.of_all.iter().chain(of_it.into_iter().flatten()) {
            if lane.view.filter.keeps_unit(unit) {
                lane.dirty.notify_one();
            }
        }
    }

    fn find(&self, view: &View, interval: Duration) -> Option<&Arc<Lane>> {
        let among = match &view.filter.units {
            None => &self.of_all,
            Some(units) => self.of_unit.get(units.first()?)?,
        };
        among.iter().find(|lane| lane.view == *view && lane.interval == interval)
    }

    fn add(&mut self, lane: &Arc<Lane>) {
        match &lane.view.filter.units {
            None => self.of_all.push(lane.clone()),
            Some(units) => {
                for unit in &**units {
                    self.of_unit.entry(unit.clone()).or_default().push(lane.clone());
                }
            }
        }
    }

    fn remove(&mut self, lane: &Arc<Lane>) {
        let others = |other: &Arc<Lane>| !Arc::ptr_eq(other, lane);
        self.of_all.retain(others);
        for unit in lane.view.filter.units.iter().flat_map(|units| units.iter()) {
            if let Some(lanes) = self.of_unit.get_mut(unit) {
                lanes.retain(others);
                if lanes.is_empty() {
                    self.of_unit.remove(unit);
                }
            }
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
        if let Some(lane) = lanes.find(view, interval) {
            return lane.frames.subscribe();
        }
        let to = self.state.lock().cursor();
        let none = Arc::new(LaneFrame { from: to.version, to, frame: None });
        let (view, frames) = (view.clone(), watch::Sender::new(none));
        let lane = Arc::new(Lane { view, interval, frames, dirty: Notify::new() });
        let frames = lane.frames.subscribe();
        lanes.add(&lane);
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
        lanes.remove(lane);
        true
    }
}

pub(super) fn positions_of(view: &View, units: Vec<Arc<EncodedUnit>>) -> Option<Frame> {
    let units = view.of(units);
    (!units.is_empty()).then(|| frame::positions(view.encoding, units.iter().map(AsRef::as_ref)))
}
