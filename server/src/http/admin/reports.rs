//! `/reports`: how fast incidents and orders were attended to, for whoever may see them.

use super::{Visit, scopes_of};
use crate::{
    http::{
        error::ApiError,
        input::Asked,
        reports::{self as api, DAY_MS},
    },
    reports::Wanted,
    state::Sentinel,
};
use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use sentinel_app::admin::{
    Section,
    reports::{self as pages, Column, Shown, Slow, Span},
};
use sentinel_model::{
    Scope, Time,
    report::{GroupBy, SlowTask, TaskKind},
};
use serde::Deserialize;
use std::sync::Arc;

pub fn routes() -> Router<Arc<Sentinel>> {
    Router::new().route("/reports", get(response_times))
}

/// As the page's form and links write it; what is left out or empty is as on the first visit.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Typed {
    span: String,
    from: String,
    to: String,
    scope: String,
    kind: String,
    by: String,
    sort: String,
    falling: bool,
}

impl Typed {
    fn asked(self, home: Scope, now: Time) -> Result<pages::Asked, ApiError> {
        let choice = |what: &str| ApiError::bad_request(format!("{what} is none of those to choose from"));
        let span = Span::ALL.into_iter().find(|span| self.span == span.as_str());
        let sort = Column::ALL.into_iter().find(|column| self.sort == column.as_str());
        let by = GroupBy::ALL.into_iter().find(|by| self.by == by.as_str());
        let kind = [TaskKind::Incident, TaskKind::Order].into_iter().find(|kind| self.kind == kind.as_str());
        let scope = match self.scope.as_str() {
            "" => home,
            scope => scope.parse().map_err(|_| choice("that area"))?,
        };
        let day = |typed: String| if typed.is_empty() { day_of(now) } else { typed };
        Ok(pages::Asked {
            span: if self.span.is_empty() {
                Span::default()
            } else {
                span.ok_or_else(|| choice("that time"))?
            },
            from: day(self.from),
            to: day(self.to),
            scope,
            kind: if self.kind.is_empty() {
                TaskKind::default()
            } else {
                kind.ok_or_else(|| choice("that sort"))?
            },
            by: if self.by.is_empty() {
                GroupBy::default()
            } else {
                by.ok_or_else(|| choice("that grouping"))?
            },
            sort: sort.unwrap_or_default(),
            falling: self.falling,
        })
    }
}

/// `2026-11-21`, in UTC.
fn day_of(at: Time) -> String {
    at.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// From when to when, both of them part of it.
fn range(asked: &pages::Asked, now: Time) -> Result<(Time, Time), ApiError> {
    let read = |day: &str, clock: &str| {
        let bad = |_| ApiError::bad_request("a day does not read; write it as 2027-01-31");
        Time::parse(&format!("{day}T{clock}Z")).map_err(bad)
    };
    Ok(match asked.span {
        Span::Today => (read(&day_of(now), "00:00:00")?, now),
        Span::Week => (now.plus_ms(-7 * DAY_MS), now),
        Span::Month => (now.plus_ms(-30 * DAY_MS), now),
        Span::Days => (read(&asked.from, "00:00:00")?, read(&asked.to, "23:59:59.999")?),
    })
}

async fn response_times(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    typed: Result<Asked<Typed>, ApiError>,
) -> Response {
    let now = state.clock.now();
    let typed = typed.and_then(|Asked(typed)| typed.asked(visit.caller.home_scope(), now));
    let asked = match typed {
        Ok(asked) => asked,
        Err(error) => return visit.refused(Section::Reports, &error),
    };
    let made = async {
        let (from, to) = range(&asked, now)?;
        let wanted = Wanted { scope: asked.scope, kind: asked.kind, group_by: asked.by, from, to };
        api::made(&state, &visit.caller, wanted).await
    };
    let scopes = scopes_of(&state, &visit.caller, |_| true);
    let (status, report) = match made.await {
        Ok(report) => (StatusCode::OK, Ok(report)),
        // Something else can be chosen.
        Err(error) if error.status() == StatusCode::BAD_REQUEST => {
            (error.status(), Err(error.message().to_owned()))
        }
        Err(error) => return visit.refused(Section::Reports, &error),
    };
    let slowest = report.as_ref().map(|report| report.slowest.clone()).unwrap_or_default();
    let slow = |task: SlowTask| Slow { scope_name: api::name_for(&state, &visit.caller, task.scope), task };
    let slowest = slowest.into_iter().map(slow).collect();
    visit.page_as(status, pages::response_times(&visit.frame, Shown { asked, scopes, report, slowest }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_795_226_400_000);

    fn asked(typed: Typed) -> Result<pages::Asked, ApiError> {
        typed.asked(Scope::station(5), NOW)
    }

    #[test]
    fn a_day_is_whole_and_today_begins_at_midnight() {
        let days = Typed {
            span: "days".into(),
            from: "2026-11-19".into(),
            to: "2026-11-20".into(),
            ..Typed::default()
        };
        let (from, to) = range(&asked(days).expect("reads"), NOW).expect("reads");
        assert_eq!(
            (from.to_string(), to.to_string()),
            ("2026-11-19T00:00:00.000Z".to_owned(), "2026-11-20T23:59:59.999Z".to_owned())
        );
        let today = Typed { span: "today".into(), ..Typed::default() };
        let (from, to) = range(&asked(today).expect("reads"), NOW).expect("reads");
        assert_eq!((from.to_string().as_str(), to), ("2026-11-21T00:00:00.000Z", NOW));
        let wrong = Typed { span: "days".into(), from: "soon".into(), ..Typed::default() };
        assert!(range(&asked(wrong).expect("reads"), NOW).is_err());
    }

    #[test]
    fn what_is_none_of_the_choices_is_refused() {
        assert_eq!(asked(Typed::default()).expect("reads").span, Span::Week);
        for wrong in [
            Typed { span: "year".into(), ..Typed::default() },
            Typed { scope: "here".into(), ..Typed::default() },
            Typed { kind: "wish".into(), ..Typed::default() },
            Typed { by: "colour".into(), ..Typed::default() },
        ] {
            assert!(asked(wrong).is_err());
        }
    }
}
