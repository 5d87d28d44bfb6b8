//! Reports: how fast incidents and orders were attended to.

use crate::{Scope, TaskId, Time, dispatch::Priority};
use serde::{Deserialize, Serialize};

/// Which sort of task a report is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    #[default]
    Incident,
    Order,
}

impl TaskKind {
    pub fn as_str(self) -> &'static str {
        match self {
            TaskKind::Incident => "incident",
            TaskKind::Order => "order",
        }
    }
}

/// What a report puts together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// The scope that a task belongs to: mostly a station.
    #[default]
    Station,
    /// The kind of an incident, in small or capital letters.
    Type,
    /// Of an incident.
    Priority,
    /// Each unit that was dispatched to it: of its part alone.
    Unit,
    /// The day on which it was opened, in UTC.
    Day,
}

impl GroupBy {
    pub const ALL: [GroupBy; 5] =
        [GroupBy::Station, GroupBy::Type, GroupBy::Priority, GroupBy::Unit, GroupBy::Day];

    pub fn as_str(self) -> &'static str {
        match self {
            GroupBy::Station => "station",
            GroupBy::Type => "type",
            GroupBy::Priority => "priority",
            GroupBy::Unit => "unit",
            GroupBy::Day => "day",
        }
    }

    /// Orders have no type and no priority.
    pub fn is_of(self, kind: TaskKind) -> bool {
        kind == TaskKind::Incident || !matches!(self, GroupBy::Type | GroupBy::Priority)
    }
}

/// How long something took, over all tasks of which it is known; seconds, none where there is no
/// such task. Median and ninetieth percentile are times that were measured (the nearest rank).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Spread {
    /// Tasks of which it is known.
    #[cfg_attr(feature = "openapi", schema(example = 37))]
    pub count: u64,
    /// At least half of them took no longer.
    #[cfg_attr(feature = "openapi", schema(example = 370.0))]
    pub median_s: Option<f64>,
    /// At least nine in ten took no longer.
    #[cfg_attr(feature = "openapi", schema(example = 742.5))]
    pub p90_s: Option<f64>,
    #[cfg_attr(feature = "openapi", schema(example = 412.25))]
    pub mean_s: Option<f64>,
    #[cfg_attr(feature = "openapi", schema(example = 1310.0))]
    pub longest_s: Option<f64>,
}

/// What became of some tasks, and how fast.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Performance {
    /// All of them; the next three add up to it.
    #[cfg_attr(feature = "openapi", schema(example = 42))]
    pub opened: u64,
    /// Closed, and not cancelled.
    #[cfg_attr(feature = "openapi", schema(example = 36))]
    pub closed: u64,
    #[cfg_attr(feature = "openapi", schema(example = 2))]
    pub cancelled: u64,
    #[cfg_attr(feature = "openapi", schema(example = 4))]
    pub still_open: u64,
    /// From opening to the first unit dispatched.
    pub to_assigned: Spread,
    /// From opening to the first unit that accepted.
    pub to_accepted: Spread,
    /// From opening to the first unit en route.
    pub to_en_route: Spread,
    /// The response time: from opening to the first unit on scene.
    pub to_on_scene: Spread,
    /// From the first unit on scene to the closing; of a unit, to the end of its part.
    pub on_scene: Spread,
}

/// The tasks that have something in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PerformanceGroup {
    /// `station:5`, `accident`, `high`, `PC-001` or `2026-11-21`.
    #[cfg_attr(feature = "openapi", schema(example = "station:5"))]
    pub key: String,
    /// As people call it, where that is something else.
    #[cfg_attr(feature = "openapi", schema(example = "Kadavanthra"))]
    pub name: Option<String>,
    #[serde(flatten)]
    pub performance: Performance,
}

/// A task that somebody waited long for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SlowTask {
    pub id: TaskId,
    /// Of an incident, as is its priority.
    #[cfg_attr(feature = "openapi", schema(example = "accident"))]
    pub kind: Option<String>,
    pub priority: Option<Priority>,
    pub scope: Scope,
    #[cfg_attr(feature = "openapi", schema(example = "Kadavanthra junction"))]
    pub address: Option<String>,
    pub opened_at: Time,
    /// From opening to the first unit on scene.
    #[cfg_attr(feature = "openapi", schema(example = 1310.0))]
    pub to_on_scene_s: f64,
}

/// How fast the tasks were attended to that were opened in a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResponseTimesReport {
    /// Who sees it sees these tasks.
    pub scope: Scope,
    #[cfg_attr(feature = "openapi", schema(inline))]
    pub kind: TaskKind,
    #[cfg_attr(feature = "openapi", schema(inline))]
    pub group_by: GroupBy,
    pub from: Time,
    /// Part of the time.
    pub to: Time,
    /// Each task once.
    pub total: Performance,
    /// By their keys; priorities from high to low. A task stands in those of all its units.
    pub groups: Vec<PerformanceGroup>,
    /// The ten with the longest response times, the longest first.
    pub slowest: Vec<SlowTask>,
}
