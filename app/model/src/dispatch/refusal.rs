//! Why a task does not take a step.

use super::AssignmentState;
use crate::UnitId;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the task is closed: nothing but notes can be added to it")]
    Closed,
    #[error("the task has no assignment {0:?}")]
    NoSuchAssignment(String),
    #[error("unit {0} attends to this task already")]
    AlreadyAssigned(UnitId),
    #[error("the assignment is {from} already and does not go back to {to}")]
    StepBack { from: AssignmentState, to: AssignmentState },
    /// An assignment that has ended stays as it is.
    #[error("the assignment has ended already: it was {0}")]
    Ended(AssignmentState),
    #[error("a task has at most {most} {what}")]
    TooMany { what: &'static str, most: usize },
    #[error("{field}: {why}")]
    Invalid { field: &'static str, why: String },
}

impl Refusal {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Closed => "closed",
            Refusal::NoSuchAssignment(_) => "no_such_assignment",
            Refusal::AlreadyAssigned(_) => "already_assigned",
            Refusal::StepBack { .. } => "step_back",
            Refusal::Ended(_) => "ended",
            Refusal::TooMany { .. } => "too_many",
            Refusal::Invalid { .. } => "invalid",
        }
    }

    pub(super) fn invalid(field: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid { field, why: why.into() }
    }
}
