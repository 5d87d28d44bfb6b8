//! Webhook endpoints: which there are, the form that makes or changes one, its secret.

use super::{
    Frame, ScopeChoice, Section, page,
    parts::{State, copied, message, minute, once, scope_options, state},
};
use crate::components::icon::{Glyph, Icon};
use leptos::prelude::*;
use sentinel_model::{
    Time,
    webhook::{Webhook, WebhookEvent},
};

pub struct Row {
    pub webhook: Webhook,
    pub scope_name: String,
}

pub struct List {
    pub rows: Vec<Row>,
    /// An endpoint was removed by the request before this one.
    pub removed: bool,
}

pub fn list(frame: &Frame, list: List) -> String {
    let List { rows, removed } = list;
    page(frame, Section::Webhooks, "Webhooks", || {
        view! {
            <div class="admin-head">
                <div>
                    <h1>"Webhooks"</h1>
                    <p class="faint">"What happens in a scope, posted to your own systems, signed, until it arrives."</p>
                </div>
                <a class="button primary" href="/admin/new-webhook"><Icon glyph=Glyph::Plus/>"Add an endpoint"</a>
            </div>
            {removed.then(|| message(false, "The endpoint is removed. Nothing more is sent there.".into()))}
            {if rows.is_empty() {
                view! {
                    <div class="empty">
                        <p class="empty-title">"No endpoints yet"</p>
                        <p class="faint">"Add the address of a system that shall be told."</p>
                    </div>
                }
                    .into_any()
            } else {
                view! {
                    <table class="records">
                        <caption class="visually-hidden">"Webhook endpoints"</caption>
                        <thead>
                            <tr>
                                <th scope="col">"Name"</th>
                                <th scope="col">"Scope"</th>
                                <th scope="col">"Events"</th>
                                <th scope="col">"State"</th>
                            </tr>
                        </thead>
                        <tbody>{rows.into_iter().map(line).collect_view()}</tbody>
                    </table>
                }
                    .into_any()
            }}
        }
    })
}

fn line(row: Row) -> impl IntoView {
    let Row { webhook, scope_name } = row;
    let (how, word) = switched(&webhook);
    view! {
        <tr>
            <th scope="row" data-label="Name">
                <a class="record-link" href=format!("/admin/webhooks/{}", webhook.id)>{webhook.name.clone()}</a>
                <span class="faint address">{webhook.url.clone()}</span>
            </th>
            <td data-label="Scope">{scope_name} <span class="faint">{webhook.scope.to_string()}</span></td>
            <td data-label="Events">{events(&webhook)}</td>
            <td data-label="State">{state(how, word)}</td>
        </tr>
    }
}

/// How an endpoint is.
pub fn switched(webhook: &Webhook) -> (State, &'static str) {
    match (webhook.enabled, webhook.failing_since) {
        (true, None) => (State::Good, "On"),
        (true, Some(_)) => (State::Bad, "Failing"),
        (false, _) => (State::Off, "Off"),
    }
}

/// What it is that an endpoint does not take, where that is so.
pub fn trouble(webhook: &Webhook) -> Option<String> {
    let failing = |since: Time| {
        format!(
            "It has taken nothing since {}. One delivery a minute tries it until one arrives; after five days it is switched off.",
            minute(since)
        )
    };
    match (webhook.enabled, &webhook.disabled_because, webhook.failing_since) {
        (false, Some(why), _) => Some(format!("Sentinel has switched it off: {why}.")),
        (true, _, Some(since)) => Some(failing(since)),
        _ => None,
    }
}

/// `all`, or each by its name.
pub fn events(webhook: &Webhook) -> String {
    let names = Vec::<String>::from(webhook.events.clone());
    if names == [ALL] { "all".into() } else { names.join(", ") }
}

/// Stands for every event.
pub const ALL: &str = "*";

/// What each box of the form asks to be told of.
fn choices() -> Vec<(&'static str, &'static str, &'static str)> {
    let meaning = |event| match event {
        WebhookEvent::PatrolStarted => "A unit comes on duty under a station.",
        WebhookEvent::PatrolEnded => "Its duty there ends.",
        WebhookEvent::UnitStale => "Nothing was heard of a unit on patrol for a minute or so.",
        WebhookEvent::UnitOffline => "It has been silent for minutes.",
        WebhookEvent::UnitAvailable => "It is heard of again.",
        WebhookEvent::AlertSos => "A device calls for help.",
        WebhookEvent::AlertEnter => "A unit came into a fence, its device's own or one of Sentinel's.",
        WebhookEvent::AlertExit => "It left a fence.",
        WebhookEvent::AlertDwell => "It stays in a fence.",
        WebhookEvent::AlertOverspeed => "It is faster than its scope or a fence lets it be.",
        WebhookEvent::AlertStale => {
            "It is silent, and the alert rules of its scope or a fence ask for an alert."
        }
        WebhookEvent::AlertOffline => "It has been silent for minutes, and the alert rules ask for an alert.",
        WebhookEvent::AlertLowBattery => "Its device's battery is nearly empty.",
        WebhookEvent::AlertEscalated => {
            "Nobody has taken an alert in time, and it goes up to the scope above."
        }
        WebhookEvent::IncidentChanged => {
            "An incident was made or changed: a unit was sent or arrived, somebody wrote, it was closed."
        }
        WebhookEvent::OrderChanged => "The same of an order.",
        WebhookEvent::Ping => "Asked for by hand.",
    };
    let each = WebhookEvent::OFFERED.map(|event| (event.as_str(), event.as_str(), meaning(event)));
    [(ALL, "All events", "Those below, and those that later versions add.")].into_iter().chain(each).collect()
}

/// What was typed into the form, to stand there again when it is refused.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// Of a new endpoint: see [`once`].
    pub once: String,
    pub name: String,
    pub url: String,
    pub scope: String,
    /// By their names; [`ALL`] for all.
    pub events: Vec<String>,
}

/// The form of a new endpoint, or of the one that stands under `id`. Where one is changed,
/// its scope stays, so there are no scopes to choose from.
pub fn form(
    frame: &Frame,
    id: Option<&str>,
    scopes: Vec<ScopeChoice>,
    typed: Typed,
    refusal: Option<String>,
) -> String {
    let chosen = typed.scope.parse().ok();
    let (title, button, action, back) = match id {
        None => (
            "Add an endpoint",
            "Add the endpoint",
            "/admin/new-webhook".to_owned(),
            "/admin/webhooks".to_owned(),
        ),
        Some(id) => (
            "Change an endpoint",
            "Save",
            format!("/admin/webhooks/{id}/change"),
            format!("/admin/webhooks/{id}"),
        ),
    };
    page(frame, Section::Webhooks, title, || {
        view! {
            <div class="admin-head"><h1>{title}</h1></div>
            {refusal.map(|words| message(true, words))}
            <form class="admin-form" method="post" action=action>
                {id.is_none().then(|| once(typed.once))}
                <label class="field">
                    <span>"Name"</span>
                    <input name="name" required maxlength="100" value=typed.name autocomplete="off" placeholder="Which system it is"/>
                </label>
                <label class="field">
                    <span>"Address"</span>
                    <input name="url" type="url" required maxlength="2000" value=typed.url autocomplete="off" placeholder="https://"/>
                    <small class="faint">"A public one, by https; others only where whoever runs this server allows the host."</small>
                </label>
                {id.is_none()
                    .then(|| view! {
                        <label class="field">
                            <span>"Scope"</span>
                            <select name="scope" required>{scope_options(scopes, chosen)}</select>
                        </label>
                    })}
                <fieldset class="choices">
                    <legend>"Events"</legend>
                    {choices()
                        .into_iter()
                        .map(|(event, word, hint)| {
                            let checked = typed.events.iter().any(|typed| typed == event);
                            view! {
                                <label class="choice">
                                    <input type="checkbox" name=format!("event.{event}") value="on" checked=checked/>
                                    <span>{word}</span>
                                    <small class="faint">{hint}</small>
                                </label>
                            }
                        })
                        .collect_view()}
                </fieldset>
                <div class="form-foot">
                    <button class="button primary">{button}</button>
                    <a class="button" href=back>"Cancel"</a>
                </div>
            </form>
        }
    })
}

/// The one time that a signing secret is shown. Where it takes the place of another, that
/// one signs until `previous_until`.
pub fn secret(frame: &Frame, name: &str, id: &str, secret: String, previous_until: Option<Time>) -> String {
    page(frame, Section::Webhooks, "The signing secret", || {
        view! {
            <div class="admin-head"><h1>{format!("The secret of \u{201c}{name}\u{201d}")}</h1></div>
            <section class="secret" aria-labelledby="secret-title">
                <h2 id="secret-title">"Copy it now: it is not shown again"</h2>
                {copied("secret".into(), "the secret", secret)}
                <p class="faint">
                    "The receiver checks the header webhook-signature with it. Libraries for that: "
                    <a class="link" href="https://www.standardwebhooks.com/" rel="external noopener">"Standard Webhooks"</a> "."
                </p>
                {previous_until
                    .map(|until| view! {
                        <p class="faint">{format!("Until {} the secret before signs too, so that nothing is refused meanwhile.", minute(until))}</p>
                    })}
            </section>
            <div class="form-foot">
                <a class="button primary" href=format!("/admin/webhooks/{id}")>"I have copied it"</a>
            </div>
        }
    })
}
