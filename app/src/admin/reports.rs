//! How fast incidents and orders were attended to.
//!
//! All that is chosen stands in the address: it can be kept, and sent to somebody else.

use super::{
    Frame, ScopeChoice, Section, page,
    parts::{encoded, message, minute, moment, scope_options},
};
use crate::{
    components::icon::{Glyph, Icon},
    format::{fixed, kind as kind_word, plural, took},
};
use leptos::prelude::*;
use sentinel_model::{
    Scope,
    dispatch::Priority,
    report::{GroupBy, Performance, PerformanceGroup, ResponseTimesReport, SlowTask, Spread, TaskKind},
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

    fn word(self) -> &'static str {
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

    fn word(self, by: GroupBy) -> &'static str {
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
    fn value(self, told: &Performance) -> Option<f64> {
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
    fn address(&self, sort: Column, falling: bool) -> String {
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

pub struct Slow {
    pub task: SlowTask,
    pub scope_name: String,
}

pub struct Shown {
    pub asked: Asked,
    /// Those that the viewer may ask for.
    pub scopes: Vec<ScopeChoice>,
    /// Or why there is none.
    pub report: Result<ResponseTimesReport, String>,
    pub slowest: Vec<Slow>,
}

pub fn response_times(frame: &Frame, shown: Shown) -> String {
    let Shown { asked, scopes, report, slowest } = shown;
    let name = scopes.iter().find(|choice| choice.scope == asked.scope).map(|choice| choice.name.clone());
    let whose = name.unwrap_or_else(|| asked.scope.to_string());
    let tasks = if asked.kind == TaskKind::Order { "orders" } else { "incidents" };
    let (file, of_when) = match &report {
        Ok(report) => {
            let when = format!("opened {} to {}", minute(report.from), minute(report.to));
            (Some(file(report)), format!("{} of {whose}, {when}.", kind_word(tasks)))
        }
        Err(_) => (None, format!("{} of {whose}.", kind_word(tasks))),
    };
    page(frame, Section::Reports, "Response times", || {
        view! {
            <div class="admin-head">
                <div>
                    <h1>"Response times"</h1>
                    <p class="faint">{of_when}</p>
                </div>
                {file.map(|to| view! { <a class="button" href=to download><Icon glyph=Glyph::Download/>"Download CSV"</a> })}
            </div>
            {form(&asked, scopes)}
            {match report {
                Err(why) => message(true, why).into_any(),
                Ok(report) if report.total.opened == 0 => empty(tasks).into_any(),
                Ok(report) => view! { {total(&report.total)} {table(&asked, report)} {slow(slowest, asked.kind)} }.into_any(),
            }}
        }
    })
}

fn file(report: &ResponseTimesReport) -> String {
    let ResponseTimesReport { scope, kind, group_by, from, to, .. } = report;
    let (kind, by) = (kind.as_str(), group_by.as_str());
    format!(
        "/api/v1/reports/response-times?scope={scope}&from={from}&to={to}&kind={kind}&group_by={by}&format=csv"
    )
}

fn group_word(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Station => "Station",
        GroupBy::Type => "Type",
        GroupBy::Priority => "Priority",
        GroupBy::Unit => "Unit",
        GroupBy::Day => "Day (UTC)",
    }
}

fn form(asked: &Asked, scopes: Vec<ScopeChoice>) -> impl IntoView + use<> {
    let Asked { span, from, to, scope, kind, by, sort, falling } = asked.clone();
    let radio = move |one: Span| {
        view! {
            <label>
                <input type="radio" name="span" value=one.as_str() checked=one == span/>
                <span class="segment">{one.word()}</span>
            </label>
        }
    };
    let kinds = [(TaskKind::Incident, "Incidents"), (TaskKind::Order, "Orders")];
    let kind_option = move |(one, word): (TaskKind, &'static str)| {
        view! { <option value=one.as_str() selected=one == kind>{word}</option> }
    };
    let by_option = move |one: GroupBy| {
        view! { <option value=one.as_str() selected=one == by>{group_word(one)}</option> }
    };
    view! {
        <form class="report-form" method="get" action="/reports">
            <input type="hidden" name="sort" value=sort.as_str()/>
            <input type="hidden" name="falling" value=falling.to_string()/>
            <fieldset class="report-span">
                <legend>"Opened within"</legend>
                <div class="segments">{Span::ALL.map(radio).collect_view()}</div>
            </fieldset>
            <div class="report-days">
                <label class="field"><span>"From"</span><input type="date" name="from" value=from/></label>
                <label class="field"><span>"To"</span><input type="date" name="to" value=to/></label>
            </div>
            <label class="field">
                <span>"Area"</span>
                <select name="scope">{scope_options(scopes, Some(scope))}</select>
            </label>
            <label class="field">
                <span>"Of"</span>
                <select name="kind">{kinds.map(kind_option).collect_view()}</select>
            </label>
            <label class="field">
                <span>"By"</span>
                <select name="by">{GroupBy::ALL.map(by_option).collect_view()}</select>
            </label>
            <button class="button primary">"Show"</button>
        </form>
    }
}

fn length(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "–".to_owned(), |s| took((s * 1000.0).round() as i64))
}

fn total(told: &Performance) -> impl IntoView + use<> {
    let Performance { opened, closed, cancelled, still_open, to_assigned, to_on_scene, .. } = *told;
    let became = format!("{closed} closed, {cancelled} cancelled, {still_open} open");
    let fact = |word: &'static str, value: String, more: String| {
        view! { <div><dt>{word}</dt><dd>{value} <span class="faint">{more}</span></dd></div> }
    };
    let of = |spread: Spread| format!("of {}", spread.count);
    view! {
        <dl class="report-facts">
            {fact("Response time, median", length(to_on_scene.median_s), of(to_on_scene))}
            {fact("90 % within", length(to_on_scene.p90_s), format!("mean {}", length(to_on_scene.mean_s)))}
            {fact("Assigned after, median", length(to_assigned.median_s), of(to_assigned))}
            {fact("Opened", opened.to_string(), became)}
        </dl>
    }
}

/// The rows in the order that was asked for; what is not known stands last.
fn sorted(asked: &Asked, mut rows: Vec<PerformanceGroup>) -> Vec<PerformanceGroup> {
    match asked.sort {
        Column::Group if asked.falling => rows.reverse(),
        Column::Group => {}
        column => rows.sort_by(|a, b| {
            let (a, b) = (column.value(&a.performance), column.value(&b.performance));
            match (a, b) {
                (Some(a), Some(b)) if asked.falling => b.total_cmp(&a),
                (Some(a), Some(b)) => a.total_cmp(&b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            }
        }),
    }
    rows
}

fn table(asked: &Asked, report: ResponseTimesReport) -> impl IntoView + use<> {
    let by = report.group_by;
    let longest = report.groups.iter().filter_map(|group| group.performance.to_on_scene.p90_s);
    let longest = longest.fold(0.0, f64::max);
    let heads = Column::ALL.map(|column| head(asked, column)).collect_view();
    let rows = sorted(asked, report.groups).into_iter().map(|group| row(group, by, longest)).collect_view();
    view! {
        <h2 id="groups">{format!("By {}", group_word(by).split(' ').next().unwrap_or_default().to_lowercase())}</h2>
        <p class="faint report-note">
            "Response: from opening to the first unit on scene. All but \u{201c}90 % within\u{201d} and \u{201c}longest\u{201d} are medians; the bars show median and 90 %."
        </p>
        <table class="records report-table" aria-labelledby="groups">
            <thead><tr>{heads}</tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn head(asked: &Asked, column: Column) -> impl IntoView + use<> {
    let is_sorted = asked.sort == column;
    let to = asked.address(column, if is_sorted { !asked.falling } else { column != Column::Group });
    let (order, sign) = match (is_sorted, asked.falling) {
        (false, _) => (None, ""),
        (true, true) => (Some("descending"), " \u{2193}"),
        (true, false) => (Some("ascending"), " \u{2191}"),
    };
    view! {
        <th scope="col" aria-sort=order>
            <a href=to>{column.word(asked.by)}<span aria-hidden="true">{sign}</span></a>
        </th>
    }
}

fn row(group: PerformanceGroup, by: GroupBy, longest: f64) -> impl IntoView {
    let PerformanceGroup { key, name, performance: told } = group;
    let (title, more) = match by {
        GroupBy::Type => (kind_word(name.as_deref().unwrap_or(&key)), None),
        GroupBy::Priority => (kind_word(&key), None),
        GroupBy::Station => name.map_or((key, None), |name| (name, None)),
        GroupBy::Unit | GroupBy::Day => (key, name),
    };
    let cell = |column: Column| {
        view! { <td data-label=column.word(by)>{length(column.value(&told))}</td> }
    };
    let became = [(told.still_open, "open"), (told.cancelled, "cancelled")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect::<Vec<_>>()
        .join(", ");
    view! {
        <tr>
            <th scope="row">{title}{more.map(|more| view! { <span class="faint">{more}</span> })}</th>
            <td data-label="Response" class="report-main">
                <b>{length(told.to_on_scene.median_s)}</b>
                {bars(told.to_on_scene, longest)}
            </td>
            {[Column::P90, Column::Longest, Column::Assigned, Column::Accepted, Column::EnRoute, Column::OnScene]
                .map(cell)
                .collect_view()}
            <td data-label="Opened">{told.opened.to_string()} " " <span class="faint">{became}</span></td>
        </tr>
    }
}

/// Median over ninetieth percentile, in hundredths of the longest of the latter.
fn bars(spread: Spread, longest: f64) -> Option<impl IntoView> {
    let (median, p90) = (spread.median_s?, spread.p90_s?);
    let width =
        |seconds: f64| if longest > 0.0 { fixed(100.0 * seconds / longest, 1) } else { "0".to_owned() };
    Some(view! {
        <svg class="report-bars" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <rect class="report-p90" width=width(p90) height="6"></rect>
            <rect class="report-median" width=width(median) height="6"></rect>
        </svg>
    })
}

fn slow(slowest: Vec<Slow>, kind: TaskKind) -> impl IntoView {
    let (word, one, many) = match kind {
        TaskKind::Incident => ("Incident", "incident", "incidents"),
        TaskKind::Order => ("Order", "order", "orders"),
    };
    let title = match slowest.len() {
        1 => format!("The slowest {one}"),
        count => format!("The slowest {}", plural(count, one, many)),
    };
    (!slowest.is_empty()).then(|| {
        view! {
            <h2 id="slowest">{title}</h2>
            <table class="records" aria-labelledby="slowest">
                <thead>
                    <tr>
                        <th scope="col">{word}</th>
                        <th scope="col">"Response"</th>
                        <th scope="col">"Priority"</th>
                        <th scope="col">"Place"</th>
                        <th scope="col">"Opened"</th>
                    </tr>
                </thead>
                <tbody>{slowest.into_iter().map(|slow| slow_row(slow, kind)).collect_view()}</tbody>
            </table>
        }
    })
}

fn slow_row(slow: Slow, kind: TaskKind) -> impl IntoView {
    let Slow { task, scope_name } = slow;
    let SlowTask { id, kind: sort, priority, address, opened_at, to_on_scene_s, .. } = task;
    let to = format!("/?{}={id}", kind.as_str());
    let priority = priority.map_or("–", |priority| match priority {
        Priority::High => "High",
        Priority::Normal => "Normal",
        Priority::Low => "Low",
    });
    let title = sort.map_or_else(|| id.to_string(), |sort| kind_word(&sort));
    let more = (title != id.as_str()).then(|| id.to_string());
    view! {
        <tr>
            <th scope="row">
                <a class="record-link" href=to>{title}</a>
                {more.map(|id| view! { <span class="faint">{id}</span> })}
            </th>
            <td data-label="Response"><b>{length(Some(to_on_scene_s))}</b></td>
            <td data-label="Priority">{priority}</td>
            <td data-label="Place" class="address">{address} " " <span class="faint">{scope_name}</span></td>
            <td data-label="Opened">{moment(opened_at)}</td>
        </tr>
    }
}

fn empty(tasks: &str) -> impl IntoView + use<> {
    let title = format!("No {tasks} were opened in this time");
    view! {
        <div class="empty">
            <p class="empty-title">{title}</p>
            <p class="faint">"Choose a longer time or a wider area."</p>
        </div>
    }
}
