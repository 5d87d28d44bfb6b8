//! How a task begins and goes on.

use super::{
    AssignedEntry, Assignment, AssignmentState, By, ClosedEntry, CreatedEntry, EditedEntry, Entry, EntryKind,
    HandedOverEntry, NewAssignment, NotedEntry, Outcome, Place, Priority, Refusal, StatusEntry, Task,
    TaskField, TaskState, What, limits,
};
use crate::{Scope, TaskId, Time};
use serde::{Deserialize, Serialize};

/// What a task is made of.
#[derive(Debug, Clone)]
pub struct NewTask {
    pub what: What,
    pub scope: Scope,
    pub place: Place,
    pub notes: String,
}

/// What can be done with a task.
#[derive(Debug, Clone)]
pub enum Step {
    Edit(TaskEdit),
    Note {
        text: String,
    },
    Assign {
        assignment: NewAssignment,
    },
    /// Stands the unit of an assignment down and assigns another in its place.
    Reassign {
        assignment: String,
        to: NewAssignment,
    },
    Status {
        assignment: String,
        state: AssignmentState,
    },
    HandOver {
        to: Scope,
    },
    Close {
        outcome: Outcome,
        note: Option<String>,
    },
}

/// The body that changes a task; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskEdit {
    /// Of an incident.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 60, example = "accident"))]
    pub kind: Option<String>,
    /// Of an incident.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// Of an order; an empty one takes it away.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 100, example = "Marine Drive Bakery"))]
    pub customer: Option<String>,
    #[serde(default)]
    pub place: Option<Place>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 2000))]
    pub notes: Option<String>,
}

impl Task {
    /// An open task, its texts trimmed.
    pub fn create(id: TaskId, new: NewTask, by: &By, at: Time) -> Result<Task, Refusal> {
        let what = match new.what {
            What::Incident(mut incident) => {
                incident.kind = limits::line("kind", &incident.kind, limits::KIND_MAX)?;
                What::Incident(incident)
            }
            What::Order(mut order) => {
                order.customer = customer(order.customer.as_deref())?;
                order.pickup = order.pickup.map(|pickup| limits::place("pickup", pickup)).transpose()?;
                What::Order(order)
            }
        };
        let created = Entry { at, by: by.clone(), step: EntryKind::Created(CreatedEntry {}), note: None };
        Ok(Task {
            id,
            what,
            state: TaskState::Open,
            outcome: None,
            scope: new.scope,
            place: limits::place("place", new.place)?,
            notes: limits::lines("notes", &new.notes, limits::NOTES_MAX)?,
            created_at: at,
            created_by: by.clone(),
            closed_at: None,
            assignments: Vec::new(),
            timeline: vec![created],
        })
    }

    /// The task after `step`, or why it does not take it. A step that changes nothing, such as a
    /// state that a device sends again, answers the task as it is. An `at` before the last entry
    /// of the timeline counts as that entry's.
    pub fn apply(&self, step: Step, by: &By, at: Time) -> Result<Task, Refusal> {
        if self.is_closed() && !matches!(step, Step::Note { .. }) && !self.is_so_already(&step) {
            return Err(Refusal::Closed);
        }
        let at = self.timeline.last().map_or(at, |last| at.max(last.at));
        let mut next = Next { task: self.clone(), by, at };
        match step {
            Step::Edit(edit) => next.edit(edit)?,
            Step::Note { text } => next.note(&text)?,
            Step::Assign { assignment } => next.assign(assignment)?,
            Step::Reassign { assignment, to } => next.reassign(&assignment, to)?,
            Step::Status { assignment, state } => next.status(&assignment, state)?,
            Step::HandOver { to } => next.hand_over(to)?,
            Step::Close { outcome, note } => next.close(outcome, note.as_deref())?,
        }
        next.task.state = next.task.derive_state();
        Ok(next.task)
    }

    fn is_so_already(&self, step: &Step) -> bool {
        let Step::Status { assignment, state } = step else { return false };
        self.assignment(assignment).is_some_and(|held| held.state == *state)
    }
}

/// A task on its way to what it is after a step.
struct Next<'a> {
    task: Task,
    by: &'a By,
    at: Time,
}

impl Next<'_> {
    fn edit(&mut self, edit: TaskEdit) -> Result<(), Refusal> {
        let task = &mut self.task;
        let mut fields = Vec::new();
        match &mut task.what {
            What::Incident(incident) => {
                if edit.customer.is_some() {
                    return Err(Refusal::invalid("customer", "an incident has none"));
                }
                if let Some(kind) = edit.kind {
                    let kind = limits::line("kind", &kind, limits::KIND_MAX)?;
                    put(&mut incident.kind, kind, TaskField::Kind, &mut fields);
                }
                if let Some(priority) = edit.priority {
                    put(&mut incident.priority, priority, TaskField::Priority, &mut fields);
                }
            }
            What::Order(order) => {
                for (field, said) in [("kind", edit.kind.is_some()), ("priority", edit.priority.is_some())] {
                    if said {
                        return Err(Refusal::invalid(field, "an order has none"));
                    }
                }
                if let Some(name) = edit.customer {
                    put(&mut order.customer, customer(Some(&name))?, TaskField::Customer, &mut fields);
                }
            }
        }
        if let Some(place) = edit.place {
            put(&mut task.place, limits::place("place", place)?, TaskField::Place, &mut fields);
        }
        if let Some(notes) = edit.notes {
            let notes = limits::lines("notes", &notes, limits::NOTES_MAX)?;
            put(&mut task.notes, notes, TaskField::Notes, &mut fields);
        }
        if fields.is_empty() {
            return Ok(());
        }
        self.remark(EntryKind::Edited(EditedEntry { fields }))
    }

    fn note(&mut self, text: &str) -> Result<(), Refusal> {
        let text = limits::note("text", text)?;
        if text.is_empty() {
            return Err(Refusal::invalid("text", "it cannot be empty"));
        }
        self.remark(EntryKind::Noted(NotedEntry { text }))
    }

    fn hand_over(&mut self, to: Scope) -> Result<(), Refusal> {
        let from = std::mem::replace(&mut self.task.scope, to);
        if from == to {
            return Ok(());
        }
        self.remark(EntryKind::HandedOver(HandedOverEntry { from, to }))
    }

    fn assign(&mut self, new: NewAssignment) -> Result<(), Refusal> {
        limits::assignment(&new)?;
        if self.task.is_active_for(&new.unit_id) {
            return Err(Refusal::AlreadyAssigned(new.unit_id));
        }
        if self.task.assignment(&new.id).is_some() {
            return Err(Refusal::invalid("assignment", "the task has one of that id already"));
        }
        if self.task.assignments.len() >= limits::ASSIGNMENTS_MAX {
            return Err(Refusal::TooMany { what: "assignments", most: limits::ASSIGNMENTS_MAX });
        }
        let told = AssignedEntry { assignment: new.id.clone(), unit_id: new.unit_id.clone() };
        self.task.assignments.push(Assignment::dispatched(new, self.at));
        self.tell(EntryKind::Assigned(told));
        Ok(())
    }

    /// To another unit: one that attends to the task already would lose how far it is.
    fn reassign(&mut self, id: &str, to: NewAssignment) -> Result<(), Refusal> {
        let index = self.index(id)?;
        let held = &self.task.assignments[index];
        if !held.is_active() {
            return Err(Refusal::Ended(held.state));
        }
        if held.unit_id == to.unit_id {
            return Err(Refusal::AlreadyAssigned(to.unit_id));
        }
        self.go(index, AssignmentState::Cancelled);
        self.assign(to)
    }

    fn status(&mut self, id: &str, to: AssignmentState) -> Result<(), Refusal> {
        let index = self.index(id)?;
        let from = self.task.assignments[index].state;
        if from == to {
            return Ok(());
        }
        if !from.is_active() {
            return Err(Refusal::Ended(from));
        }
        if to < from {
            return Err(Refusal::StepBack { from, to });
        }
        self.go(index, to);
        if self.task.active().next().is_none() && self.is_done_by(to) {
            self.end(Outcome::Done, By::sentinel(), None);
        }
        Ok(())
    }

    /// Whether the task is done, now that the last part in it has ended so: somebody was there, and
    /// what they did was not broken off.
    fn is_done_by(&self, last: AssignmentState) -> bool {
        let mut were_there = self.task.assignments.iter().filter(|held| held.times.on_scene_at.is_some());
        match last {
            AssignmentState::Cleared => were_there.next().is_some(),
            _ => were_there.any(|held| held.state == AssignmentState::Cleared),
        }
    }

    fn close(&mut self, outcome: Outcome, note: Option<&str>) -> Result<(), Refusal> {
        let note = note.map(|note| limits::note("note", note)).transpose()?;
        for index in 0..self.task.assignments.len() {
            if self.task.assignments[index].is_active() {
                self.go(index, outcome.ends_in());
            }
        }
        self.end(outcome, self.by.clone(), note.filter(|note| !note.is_empty()));
        Ok(())
    }

    fn index(&self, id: &str) -> Result<usize, Refusal> {
        let found = self.task.assignments.iter().position(|held| held.id == id);
        found.ok_or_else(|| Refusal::NoSuchAssignment(id.chars().take(64).collect()))
    }

    fn go(&mut self, index: usize, state: AssignmentState) {
        let held = &mut self.task.assignments[index];
        held.go(state, self.at);
        let told = StatusEntry { assignment: held.id.clone(), unit_id: held.unit_id.clone(), state };
        self.tell(EntryKind::Status(told));
    }

    fn end(&mut self, outcome: Outcome, by: By, note: Option<String>) {
        self.task.outcome = Some(outcome);
        self.task.closed_at = Some(self.at);
        let step = EntryKind::Closed(ClosedEntry { outcome });
        self.task.timeline.push(Entry { at: self.at, by, step, note });
    }

    fn tell(&mut self, step: EntryKind) {
        self.task.timeline.push(Entry { at: self.at, by: self.by.clone(), step, note: None });
    }

    /// Tells what there may be any number of.
    fn remark(&mut self, step: EntryKind) -> Result<(), Refusal> {
        let told = self.task.timeline.iter().filter(|entry| is_remark(&entry.step)).count();
        if told >= limits::REMARKS_MAX {
            return Err(Refusal::TooMany { what: "notes, edits and hand-overs", most: limits::REMARKS_MAX });
        }
        self.tell(step);
        Ok(())
    }
}

fn is_remark(step: &EntryKind) -> bool {
    matches!(step, EntryKind::Edited(_) | EntryKind::Noted(_) | EntryKind::HandedOver(_))
}

fn customer(name: Option<&str>) -> Result<Option<String>, Refusal> {
    limits::line_or_none("customer", name, limits::CUSTOMER_MAX)
}

fn put<T: PartialEq>(held: &mut T, new: T, field: TaskField, changed: &mut Vec<TaskField>) {
    if *held != new {
        *held = new;
        changed.push(field);
    }
}
