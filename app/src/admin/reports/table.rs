//! The table of groups, which can be sorted, and that of the slowest tasks.

use super::{Asked, Column, Slow, asked::group_word};
use crate::{
    admin::parts::moment,
    format::{fixed, kind as kind_word, plural, took},
};
use leptos::prelude::*;
use sentinel_model::{
    dispatch::Priority,
    report::{GroupBy, PerformanceGroup, ResponseTimesReport, SlowTask, Spread, TaskKind},
};

/// As words; a dash where it is not known.
pub fn length(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "–".to_owned(), |s| took((s * 1000.0).round() as i64))
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

pub fn table(asked: &Asked, report: ResponseTimesReport) -> impl IntoView + use<> {
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

pub fn slow(slowest: Vec<Slow>, kind: TaskKind) -> impl IntoView {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::reports::Span;
    use sentinel_model::{Scope, report::Performance};

    fn order(sort: Column, falling: bool) -> Vec<String> {
        let row = |(key, median_s): (&str, Option<f64>)| {
            let to_on_scene = Spread { median_s, ..Spread::default() };
            let performance = Performance { to_on_scene, ..Performance::default() };
            PerformanceGroup { key: key.into(), name: None, performance }
        };
        let rows = [("a", Some(9.0)), ("b", None), ("c", Some(70.0))].map(row).to_vec();
        let asked = Asked {
            span: Span::Week,
            from: String::new(),
            to: String::new(),
            scope: Scope::station(5),
            kind: TaskKind::Incident,
            by: GroupBy::Type,
            sort,
            falling,
        };
        sorted(&asked, rows).into_iter().map(|group| group.key).collect()
    }

    #[test]
    fn rows_stand_in_the_order_that_was_asked_for_and_what_is_not_known_last() {
        assert_eq!(order(Column::Group, false), ["a", "b", "c"]);
        assert_eq!(order(Column::Group, true), ["c", "b", "a"]);
        assert_eq!(order(Column::Response, false), ["a", "c", "b"]);
        assert_eq!(order(Column::Response, true), ["c", "a", "b"]);
    }
}
