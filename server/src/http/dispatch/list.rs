//! Lists of tasks: by scope, state, kind, unit and words, newest first.

use crate::{
    auth::ScopeGrant,
    http::{error::ApiError, input::Paging},
    ports::TasksOf,
    state::Sentinel,
};
use sentinel_model::{
    Page, TaskId, Time, UnitId,
    dispatch::{Priority, Task, TaskState, What},
};
use serde::Deserialize;
use std::str::FromStr;
use utoipa::ToSchema;

/// Tasks that are read for one page at most, where many of them are not what is looked for.
const READ_MAX: usize = 5_000;
/// Read at once.
const READ: usize = 500;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListState {
    /// All that are not closed.
    #[default]
    Active,
    Open,
    Assigned,
    OnScene,
    Closed,
    All,
}

impl ListState {
    fn is_open(self) -> Option<bool> {
        match self {
            ListState::Active | ListState::Open | ListState::Assigned | ListState::OnScene => Some(true),
            ListState::Closed => Some(false),
            ListState::All => None,
        }
    }

    fn keeps(self, state: TaskState) -> bool {
        match self {
            ListState::Active | ListState::Closed | ListState::All => true,
            ListState::Open => state == TaskState::Open,
            ListState::Assigned => state == TaskState::Assigned,
            ListState::OnScene => state == TaskState::OnScene,
        }
    }
}

/// What is looked for.
pub struct Wanted {
    pub is_order: bool,
    pub state: ListState,
    pub priority: Option<Priority>,
    pub kind: Option<String>,
    pub unit: Option<UnitId>,
    pub words: Option<String>,
}

impl Wanted {
    fn keeps(&self, task: &Task) -> bool {
        let incident = if let What::Incident(incident) = &task.what { Some(incident) } else { None };
        self.state.keeps(task.state)
            && self.priority.is_none_or(|priority| incident.is_some_and(|i| i.priority == priority))
            && self.kind.as_ref().is_none_or(|kind| {
                incident.is_some_and(|incident| incident.kind.to_lowercase() == kind.to_lowercase())
            })
            && self.words.as_ref().is_none_or(|words| holds(task, words))
    }
}

/// Whether the texts of a task hold every one of these words.
fn holds(task: &Task, words: &str) -> bool {
    let mut text = format!("{}\n{}\n{}", task.id, task.notes, task.place.text.as_deref().unwrap_or_default());
    match &task.what {
        What::Incident(incident) => text.push_str(&format!("\n{}", incident.kind)),
        What::Order(order) => text.push_str(&format!("\n{}", order.customer.as_deref().unwrap_or_default())),
    }
    for assignment in &task.assignments {
        text.push_str(&format!("\n{}\n{}", assignment.unit_id, assignment.unit_name));
    }
    let text = text.to_lowercase();
    words.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

pub async fn page(
    sentinel: &Sentinel,
    grant: &ScopeGrant,
    wanted: &Wanted,
    paging: &Paging,
) -> Result<Page<Task>, ApiError> {
    let limit = paging.limit();
    let mut behind = paging.after::<Cursor>()?.map(|Cursor(at, id)| (at, id));
    let of = TasksOf {
        is_order: Some(wanted.is_order),
        is_open: wanted.state.is_open(),
        scope: Some(grant.scope()),
        unit: wanted.unit.clone(),
    };
    let mut items = Vec::new();
    let mut read = 0;
    let is_whole = loop {
        let some = sentinel.directory.registry().tasks(&of, behind.clone(), READ).await?;
        let was_last = some.len() < READ;
        read += some.len();
        for record in some {
            if items.len() == limit {
                break;
            }
            behind = Some((record.task.created_at, record.task.id.clone()));
            if wanted.keeps(&record.task) {
                items.push(record.task);
            }
        }
        if was_last && items.len() < limit {
            break true;
        }
        // Full, or enough was read: whoever wants more asks on from here.
        if items.len() == limit || read >= READ_MAX {
            break false;
        }
    };
    let next = behind.filter(|_| !is_whole).map(|(at, id)| format!("{}_{id}", at.ms()));
    Ok(Page { items, next })
}

/// Behind the task of this time and id.
struct Cursor(Time, TaskId);

#[derive(Debug, thiserror::Error)]
#[error("it is `next` of another list")]
struct NotOne;

impl FromStr for Cursor {
    type Err = NotOne;
    fn from_str(text: &str) -> Result<Self, NotOne> {
        let (at, id) = text.split_once('_').ok_or(NotOne)?;
        Ok(Self(Time(at.parse().map_err(|_| NotOne)?), id.parse().map_err(|_| NotOne)?))
    }
}
