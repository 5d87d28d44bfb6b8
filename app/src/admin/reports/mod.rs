//! How fast incidents and orders were attended to.
//!
//! All that is chosen stands in the address: it can be kept, and sent to somebody else.

mod asked;
mod table;

pub use asked::{Asked, Column, Span};

use super::{
    Frame, ScopeChoice, Section, page,
    parts::{message, minute, scope_options},
};
use crate::{
    components::icon::{Glyph, Icon},
    format::kind as kind_word,
};
use asked::group_word;
use leptos::prelude::*;
use sentinel_model::report::{GroupBy, Performance, ResponseTimesReport, SlowTask, Spread, TaskKind};
use table::{length, slow, table};

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

fn empty(tasks: &str) -> impl IntoView + use<> {
    let title = format!("No {tasks} were opened in this time");
    view! {
        <div class="empty">
            <p class="empty-title">{title}</p>
            <p class="faint">"Choose a longer time or a wider area."</p>
        </div>
    }
}
