//! Webhook endpoints, and what became of each delivery.

use super::{
    Frame, ScopeChoice, Section, page,
    parts::{State, confirmed, copied, message, moment, pager, scope_options, since, state},
};
use crate::{
    components::icon::{Glyph, Icon},
    format::plural,
};
use leptos::prelude::*;
use sentinel_model::{Page, Time};

pub struct Endpoint {
    pub id: String,
    pub name: String,
    pub url: String,
    pub scope_name: String,
    pub events: Vec<String>,
    pub enabled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// To be tried, or tried again.
    Waiting,
    Delivered,
    /// Tried for as long as is tried.
    Failed,
}

pub struct Attempt {
    pub at: Time,
    /// What the receiver answered, where it did.
    pub status: Option<u16>,
    pub error: Option<String>,
    pub duration_ms: u64,
}

pub struct Delivery {
    pub id: String,
    pub event: String,
    pub created_at: Time,
    pub outcome: Outcome,
    pub attempts: Vec<Attempt>,
    pub next_attempt_at: Option<Time>,
}

pub fn list(frame: &Frame, endpoints: Vec<Endpoint>, done: Option<String>) -> String {
    page(frame, Section::Webhooks, "Webhooks", || {
        view! {
            <div class="admin-head">
                <div>
                    <h1>"Webhooks"</h1>
                    <p class="faint">"Events of an area, posted to your own systems, signed, until they arrive."</p>
                </div>
                <a class="button primary" href="/admin/new-webhook"><Icon glyph=Glyph::Plus/>"Add an endpoint"</a>
            </div>
            {done.map(|words| message(false, words))}
            {if endpoints.is_empty() {
                view! {
                    <div class="empty">
                        <p class="empty-title">"No endpoints yet"</p>
                        <p class="faint">"Add the address that shall be told."</p>
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
                                <th scope="col">"Address"</th>
                                <th scope="col">"Scope"</th>
                                <th scope="col">"Events"</th>
                                <th scope="col">"State"</th>
                            </tr>
                        </thead>
                        <tbody>{endpoints.into_iter().map(line).collect_view()}</tbody>
                    </table>
                }
                    .into_any()
            }}
        }
    })
}

fn line(endpoint: Endpoint) -> impl IntoView {
    let switched = if endpoint.enabled { (State::Good, "On") } else { (State::Off, "Off") };
    view! {
        <tr>
            <th scope="row" data-label="Name">
                <a class="record-link" href=format!("/admin/webhooks/{}", endpoint.id)>{endpoint.name}</a>
            </th>
            <td data-label="Address"><span class="address">{endpoint.url}</span></td>
            <td data-label="Scope">{endpoint.scope_name}</td>
            <td data-label="Events">{endpoint.events.join(", ")}</td>
            <td data-label="State">{state(switched.0, switched.1)}</td>
        </tr>
    }
}

/// What was typed into the form, to stand there again when it is refused.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    pub name: String,
    pub url: String,
    pub scope: String,
    pub events: Vec<String>,
}

/// `events` are those that an endpoint can be told of, each with what it means.
pub fn form(
    frame: &Frame,
    scopes: Vec<ScopeChoice>,
    events: Vec<(String, String)>,
    typed: Typed,
    refusal: Option<String>,
) -> String {
    let chosen = typed.scope.parse().ok();
    page(frame, Section::Webhooks, "Add an endpoint", || {
        view! {
            <div class="admin-head"><h1>"Add an endpoint"</h1></div>
            {refusal.map(|words| message(true, words))}
            <form class="admin-form" method="post" action="/admin/new-webhook">
                <label class="field">
                    <span>"Name"</span>
                    <input name="name" required maxlength="100" value=typed.name autocomplete="off"/>
                </label>
                <label class="field">
                    <span>"Address"</span>
                    <input name="url" type="url" required maxlength="2000" value=typed.url autocomplete="off" placeholder="https://"/>
                </label>
                <label class="field">
                    <span>"Scope"</span>
                    <select name="scope" required>{scope_options(scopes, chosen)}</select>
                </label>
                <fieldset class="choices">
                    <legend>"Events"</legend>
                    {events
                        .into_iter()
                        .map(|(event, hint)| {
                            let checked = typed.events.contains(&event);
                            view! {
                                <label class="choice">
                                    <input type="checkbox" name=format!("event.{event}") value="on" checked=checked/>
                                    <span>{event}</span>
                                    <small class="faint">{hint}</small>
                                </label>
                            }
                        })
                        .collect_view()}
                </fieldset>
                <div class="form-foot">
                    <button class="button primary">"Add the endpoint"</button>
                    <a class="button" href="/admin/webhooks">"Cancel"</a>
                </div>
            </form>
        }
    })
}

/// The one time that a signing secret is shown.
pub fn secret(frame: &Frame, endpoint: &str, id: &str, secret: String) -> String {
    page(frame, Section::Webhooks, "The signing secret", || {
        view! {
            <div class="admin-head"><h1>{format!("The secret of \u{201c}{endpoint}\u{201d}")}</h1></div>
            <section class="secret" aria-labelledby="secret-title">
                <h2 id="secret-title">"Copy it now: it is not shown again"</h2>
                {copied("secret".into(), "the secret", secret)}
                <p class="faint">"The receiver checks each delivery's webhook-signature with it, as Standard Webhooks says."</p>
            </section>
            <div class="form-foot">
                <a class="button primary" href=format!("/admin/webhooks/{id}")>"I have copied it"</a>
            </div>
        }
    })
}

pub struct Log {
    pub endpoint: Endpoint,
    pub deliveries: Page<Delivery>,
    pub is_first_page: bool,
    /// What the request before this one did.
    pub done: Option<String>,
}

/// One endpoint: what can be done with it, and its deliveries, newest first.
pub fn log(frame: &Frame, log: Log) -> String {
    let Log { endpoint, deliveries: Page { items, next }, is_first_page, done } = log;
    let to = format!("/admin/webhooks/{}", endpoint.id);
    let first = (!is_first_page).then(|| to.clone());
    let next = next.map(|cursor| format!("{to}?cursor={cursor}"));
    let title = endpoint.name.clone();
    let now = frame.now;
    page(frame, Section::Webhooks, &title, || {
        view! {
            <nav class="admin-path" aria-label="Where this page is">
                <a class="link" href="/admin/webhooks">"Webhooks"</a>
            </nav>
            <div class="admin-head">
                <div>
                    <h1>{title.clone()}</h1>
                    <p class="faint address">{endpoint.url.clone()}</p>
                </div>
            </div>
            {done.map(|words| message(false, words))}
            {actions(&endpoint, &to)}
            <h2>"Deliveries"</h2>
            {if items.is_empty() {
                view! { <p class="empty faint">"Nothing was sent yet. \u{201c}Send a test\u{201d} sends the first."</p> }.into_any()
            } else {
                view! { <ol class="deliveries">{items.into_iter().map(|it| delivery(it, &to, now)).collect_view()}</ol> }
                    .into_any()
            }}
            {pager(first, next)}
        }
    })
}

fn actions(endpoint: &Endpoint, to: &str) -> impl IntoView + use<> {
    let (switch, enabled) = if endpoint.enabled { ("Switch off", "false") } else { ("Switch on", "true") };
    view! {
        <div class="actions">
            <form method="post" action=format!("{to}/test")><button class="button">"Send a test"</button></form>
            <form method="post" action=format!("{to}/enabled")>
                <input type="hidden" name="enabled" value=enabled/>
                <button class="button">{switch}</button>
            </form>
            {confirmed(
                "New secret",
                "The receiver needs the new secret; until it has it, it refuses what is signed with it.".into(),
                format!("{to}/rotate-secret"),
                "Make a new secret".into(),
                format!("Make a new secret for {}", endpoint.name),
            )}
            {confirmed(
                "Remove",
                format!("\u{201c}{}\u{201d} is told nothing more, and what waits for it is dropped.", endpoint.name),
                format!("{to}/remove"),
                "Remove the endpoint".into(),
                format!("Remove {}", endpoint.name),
            )}
        </div>
    }
}

fn delivery(delivery: Delivery, to: &str, now: Time) -> impl IntoView + use<> {
    let (how, word) = match delivery.outcome {
        Outcome::Waiting => (State::Waiting, "Waiting"),
        Outcome::Delivered => (State::Good, "Delivered"),
        Outcome::Failed => (State::Bad, "Failed"),
    };
    let tries = plural(delivery.attempts.len(), "attempt", "attempts");
    let again = format!("{to}/deliveries/{}/redeliver", delivery.id);
    view! {
        <li>
            <details class="delivery">
                <summary>
                    <Icon glyph=Glyph::ChevronRight/>
                    {state(how, word)}
                    <span class="delivery-event">{delivery.event}</span>
                    <span class="faint">{tries}</span>
                    {since(delivery.created_at, now)}
                </summary>
                <div class="delivery-body">
                    <p class="faint">"Id " <code>{delivery.id}</code></p>
                    {delivery.next_attempt_at.map(|at| view! { <p>"Next attempt " {moment(at)}</p> })}
                    <ol class="attempts">{delivery.attempts.into_iter().map(attempt).collect_view()}</ol>
                    <form method="post" action=again>
                        <button class="button"><Icon glyph=Glyph::Retry/>"Send it again"</button>
                    </form>
                </div>
            </details>
        </li>
    }
}

fn attempt(attempt: Attempt) -> impl IntoView {
    let answered = attempt.status.map(|status| format!("HTTP {status}"));
    let took = format!("{} ms", attempt.duration_ms);
    view! {
        <li>
            {moment(attempt.at)}
            <span>{answered.unwrap_or_else(|| "no answer".into())}</span>
            <span class="faint">{took}</span>
            {attempt.error.map(|error| view! { <span class="attempt-error">{error}</span> })}
        </li>
    }
}
