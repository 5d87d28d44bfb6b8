//! What can be chosen of a report, as it stands in the page's address.

use crate::admin::parts::encoded;
use sentinel_model::{
    Scope,
    report::{GroupBy, Performance, TaskKind},
};

/// Of which time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Span {
    /// Since midnight, UTC.
    Today,
    #[default]
    Week,
    Month,
    /// From one day to another.
    Days,
}

impl Span {
    pub const ALL: [Span; 4] = [Span::Today, Span::Week, Span::Month, Span::Days];

    /// As it stands in the address.
    pub fn as_str(self) -> &'static str {
        match self {
            Span::Today => "today",
            Span::Week => "week",
            Span::Month => "month",
            Span::Days => "days",
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Span::Today => "Today",
            Span::Week => "7 days",
            Span::Month => "30 days",
            Span::Days => "From – to",
        }
    }
}

/// A column of the table, by which it can be sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Column {
    /// The groups in their own order.
    #[default]
    Group,
    Response,
    P90,
    Longest,
    Assigned,
    Accepted,
    EnRoute,
    OnScene,
    Opened,
}

impl Column {
    pub const ALL: [Column; 9] = [
        Column::Group,
        Column::Response,
        Column::P90,
        Column::Longest,
        Column::Assigned,
        Column::Accepted,
        Column::EnRoute,
        Column::OnScene,
        Column::Opened,
    ];

    /// As it stands in the address.
    pub fn as_str(self) -> &'static str {
        match self {
            Column::Group => "group",
            Column::Response => "response",
            Column::P90 => "p90",
            Column::Longest => "longest",
            Column::Assigned => "assigned",
            Column::Accepted => "accepted",
            Column::EnRoute => "en_route",
            Column::OnScene => "on_scene",
            Column::Opened => "opened",
        }
    }

    pub(super) fn word(self, by: GroupBy) -> &'static str {
        match self {
            Column::Group => group_word(by),
            Column::Response => "Response",
            Column::P90 => "90 % within",
            Column::Longest => "Longest",
            Column::Assigned => "Assigned",
            Column::Accepted => "Accepted",
            Column::EnRoute => "En route",
            Column::OnScene => "At the scene",
            Column::Opened => "Opened",
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a count")]
    pub(super) fn value(self, told: &Performance) -> Option<f64> {
        match self {
            Column::Group => None,
            Column::Response => told.to_on_scene.median_s,
            Column::P90 => told.to_on_scene.p90_s,
            Column::Longest => told.to_on_scene.longest_s,
            Column::Assigned => told.to_assigned.median_s,
            Column::Accepted => told.to_accepted.median_s,
            Column::EnRoute => told.to_en_route.median_s,
            Column::OnScene => told.on_scene.median_s,
            Column::Opened => Some(told.opened as f64),
        }
    }
}

/// What was chosen.
#[derive(Debug, Clone)]
pub struct Asked {
    pub span: Span,
    /// Days, `2026-11-21`, as they were typed; of [`Span::Days`].
    pub from: String,
    pub to: String,
    pub scope: Scope,
    pub kind: TaskKind,
    pub by: GroupBy,
    pub sort: Column,
    /// From the highest to the lowest.
    pub falling: bool,
}

impl Asked {
    pub(super) fn address(&self, sort: Column, falling: bool) -> String {
        format!(
            "/reports?span={}&from={}&to={}&scope={}&kind={}&by={}&sort={}&falling={falling}",
            self.span.as_str(),
            encoded(&self.from),
            encoded(&self.to),
            self.scope,
            self.kind.as_str(),
            self.by.as_str(),
            sort.as_str(),
        )
    }
}

pub(super) fn group_word(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Station => "Station",
        GroupBy::Type => "Type",
        GroupBy::Priority => "Priority",
        GroupBy::Unit => "Unit",
        GroupBy::Day => "Day (UTC)",
    }
}
