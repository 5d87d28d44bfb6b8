//! How fast a task went, by its timeline.

use super::{AssignmentState, EntryKind, Task};
use crate::{Time, UnitId};

/// When something first happened to a task; none where it has not, or where that state was left
/// out. Those that there are do not lie before the task's opening.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Milestones {
    /// The first unit was dispatched to it.
    pub assigned_at: Option<Time>,
    pub accepted_at: Option<Time>,
    pub en_route_at: Option<Time>,
    /// The first unit was there.
    pub on_scene_at: Option<Time>,
    /// Of a task when it was closed; of one unit's part, when the unit that was there was cleared
    /// or stood down.
    pub ended_at: Option<Time>,
}

impl Task {
    /// By whichever unit was the first.
    pub fn milestones(&self) -> Milestones {
        Milestones { ended_at: self.closed_at, ..self.first_of(|_| true) }
    }

    /// Of one unit's part in it.
    pub fn milestones_of(&self, unit: &UnitId) -> Milestones {
        self.first_of(|other| other == unit)
    }

    fn first_of(&self, counts: impl Fn(&UnitId) -> bool) -> Milestones {
        let mut first = Milestones::default();
        for entry in &self.timeline {
            let (unit, state) = match &entry.step {
                EntryKind::Assigned(told) => (&told.unit_id, AssignmentState::Dispatched),
                EntryKind::Status(told) => (&told.unit_id, told.state),
                _ => continue,
            };
            if !counts(unit) {
                continue;
            }
            let at = match state {
                AssignmentState::Dispatched => &mut first.assigned_at,
                AssignmentState::Accepted => &mut first.accepted_at,
                AssignmentState::EnRoute => &mut first.en_route_at,
                AssignmentState::OnScene => &mut first.on_scene_at,
                // Of a part that never came there it does not matter when it ended.
                AssignmentState::Cleared | AssignmentState::Cancelled if first.on_scene_at.is_none() => {
                    continue;
                }
                AssignmentState::Cleared | AssignmentState::Cancelled => &mut first.ended_at,
            };
            at.get_or_insert(entry.at);
        }
        first
    }
}
