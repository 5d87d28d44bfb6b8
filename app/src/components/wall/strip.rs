//! What matters now, beside the map: as many as there is room for.

use super::matters::{Matter, Matters, choose};
use crate::{
    components::{
        alerts::{AlertMark, words as alert_words},
        board::{card::priority_class, task_mark, words},
        whole::{IntoWhole, Row, effect, rows, text},
    },
    console::Console,
    format::plural,
    live::{alerts::Reading, tasks::priority},
};
use leptos::{html, prelude::*};
use sentinel_model::{Task, Time, alerts::Alert, alerts::AlertKind, dispatch::Priority};

#[component]
pub fn Strip() -> impl IntoView {
    let console = Console::of_page();
    let (list, one) = (NodeRef::<html::Ul>::new(), NodeRef::<html::Li>::new());
    let room = RwSignal::new(0);
    let measure = move || {
        if let (Some(list), Some(one)) = (list.get_untracked(), one.get_untracked()) {
            let fit = list.client_height() / one.offset_height().max(1);
            room.set(usize::try_from(fit).unwrap_or_default());
        }
    };
    effect(move || {
        if list.get().is_some() && one.get().is_some() {
            measure();
        }
    });
    effect(move || {
        let handle = window_event_listener(leptos::ev::resize, move |_| measure());
        on_cleanup(move || handle.remove());
    });
    let chosen = Memo::new(move |_| {
        let open = console.alerts.open.read();
        let tasks = console.board.with(|tasks| tasks.all());
        choose(&open, &tasks, room.get())
    });
    let list_rows = move || {
        let made = |matter: Matter| Row::new(matter.key(), move || row(console, &matter));
        chosen.read().shown.iter().cloned().map(made).collect()
    };
    view! {
        <section class="matters" aria-label="Alerts and incidents">
            <ul class="matter-list" node_ref=list>
                <li class="matter matter-size" aria-hidden="true" node_ref=one></li>
                {rows(list_rows)}
            </ul>
            <div class="matters-none" hidden=move || !chosen.read().shown.is_empty()>
                <p class="matters-calm">{text(move || calm(console).to_string())}</p>
            </div>
            <p class="matters-more">{text(move || more(console, &chosen.read()))}</p>
        </section>
    }
    .whole()
}

fn calm(console: Console) -> &'static str {
    match (&*console.alerts.reading.read(), &*console.board.reading.read()) {
        (Reading::Done { .. }, Reading::Done { .. }) => "No open alert, no open incident",
        (Reading::Failed(_), _) | (_, Reading::Failed(_)) => "",
        _ => "Reading alerts and incidents…",
    }
}

/// What has no room, and what is not known.
fn more(console: Console, chosen: &Matters) -> String {
    let unread = |what: &str, reading: &Reading| {
        matches!(reading, Reading::Failed(_)).then(|| format!("{what} cannot be read now"))
    };
    let unread = [
        unread("Alerts", &console.alerts.reading.read()),
        unread("Incidents", &console.board.reading.read()),
    ];
    let (alerts, incidents) = (chosen.more_alerts, chosen.more_incidents);
    let hidden = match (alerts, incidents) {
        (0, 0) => None,
        (_, 0) => Some(format!("and {}", plural(alerts, "more alert", "more alerts"))),
        (0, _) => Some(format!("and {}", plural(incidents, "more incident", "more incidents"))),
        _ => Some(format!(
            "and {} more: {}, {}",
            alerts + incidents,
            plural(alerts, "alert", "alerts"),
            plural(incidents, "incident", "incidents"),
        )),
    };
    unread.into_iter().chain([hidden]).flatten().collect::<Vec<_>>().join(". ")
}

fn row(console: Console, matter: &Matter) -> AnyView {
    match matter {
        Matter::Alert(alert) => of_alert(console, alert),
        Matter::Incident(task) => of_incident(console, task),
    }
}

fn age(console: Console, since: Time) -> AnyView {
    let words = move || words::age(console.now.get().ms_since(since));
    view! { <span class="matter-age">{text(words)}</span> }.whole()
}

fn of_alert(console: Console, alert: &Alert) -> AnyView {
    let class = if alert.kind == AlertKind::Sos { "matter matter-call" } else { "matter" };
    let named = alert.unit_name != alert.unit_id.as_str() && !alert.unit_name.is_empty();
    let passed_on = if alert.escalated.is_empty() { "" } else { ", passed on" };
    let station = alert.station;
    view! {
        <li class=class>
            <AlertMark kind=alert.kind/>
            <b class="matter-what">{alert_words::what(alert)}</b>
            {age(console, alert.time)}
            <span class="matter-who">
                {alert.unit_id.to_string()}
                {named.then(|| view! { <span>{alert.unit_name.clone()}</span> }.whole())}
            </span>
            <span class="matter-where">{text(move || console.scope_name(station))} {passed_on}</span>
        </li>
    }
    .whole()
}

fn of_incident(console: Console, task: &Task) -> AnyView {
    let (scope, place) = (task.scope, task.place.text.clone());
    // Numbers of degrees tell nobody at three metres anything.
    let place = move || place.clone().unwrap_or_else(|| console.scope_name(scope));
    let units: Vec<&str> = task.active().map(|held| held.unit_id.as_str()).collect();
    let waits = units.is_empty();
    let who = match waits {
        true => words::state(task).to_string(),
        false => format!("{}: {}", words::state(task), units.join(", ")),
    };
    let urgent = (priority(task) != Priority::Normal)
        .then(|| view! { <span class="task-priority">{words::priority(priority(task))}</span> }.whole());
    view! {
        <li class=format!("matter matter-incident {}", priority_class(priority(task))) class:waits=waits>
            {task_mark(task)}
            <b class="matter-what">{words::title(task)} {urgent}</b>
            {age(console, task.created_at)}
            <span class="matter-who">{text(place)}</span>
            <span class="matter-where">{who}</span>
        </li>
    }
    .whole()
}
