//! One webhook endpoint: what can be done with it, and what became of each delivery.

use super::{
    Frame, Section, page,
    parts::{State, confirmed, message, pager, second, since, state},
    webhooks::{events, switched, trouble},
};
use crate::{
    components::icon::{Glyph, Icon},
    format::plural,
};
use leptos::prelude::*;
use sentinel_model::{
    Page, Time,
    webhook::{Delivery, DeliveryAttempt, DeliveryState, Webhook},
};

pub struct Shown {
    pub webhook: Webhook,
    /// Tells its secret from the next: see [`once`](super::parts::once).
    pub secret_mark: String,
    pub scope_name: String,
    /// Newest first.
    pub deliveries: Page<Delivery>,
    pub is_first_page: bool,
    /// What the request before this one did.
    pub done: Option<&'static str>,
}

pub fn shown(frame: &Frame, shown: Shown) -> String {
    let Shown { webhook, secret_mark, scope_name, deliveries: Page { items, next }, is_first_page, done } =
        shown;
    let to = format!("/admin/webhooks/{}", webhook.id);
    let first = (!is_first_page).then(|| to.clone());
    let next = next.map(|cursor| format!("{to}?cursor={cursor}"));
    let title = webhook.name.clone();
    let now = frame.now;
    page(frame, Section::Webhooks, &title, || {
        view! {
            <nav class="admin-path" aria-label="Where this page is">
                <a class="link" href="/admin/webhooks">"Webhooks"</a>
            </nav>
            <div class="admin-head">
                <div>
                    <h1>{title.clone()}</h1>
                    <p class="faint address">{webhook.url.clone()}</p>
                </div>
            </div>
            {done.map(|words| message(false, words.into()))}
            {trouble(&webhook).map(|words| message(true, words))}
            {facts(&webhook, scope_name, now)}
            {actions(&webhook, &to, secret_mark)}
            <div class="admin-head log-head">
                <h2>"Deliveries"</h2>
                <a class="button" href=to.clone()><Icon glyph=Glyph::Retry/>"Look again"</a>
            </div>
            {if items.is_empty() {
                view! {
                    <div class="empty">
                        <p class="empty-title">"Nothing was sent yet"</p>
                        <p class="faint">"A test tells whether the endpoint answers."</p>
                    </div>
                }
                    .into_any()
            } else {
                view! { <ol class="deliveries">{items.into_iter().map(|it| delivery(it, &to, &webhook, now)).collect_view()}</ol> }
                    .into_any()
            }}
            {pager(first, next)}
        }
    })
}

fn facts(webhook: &Webhook, scope_name: String, now: Time) -> impl IntoView + use<> {
    let (how, word) = switched(webhook);
    view! {
        <dl class="admin-facts">
            <div><dt>"State"</dt><dd>{state(how, word)}</dd></div>
            <div><dt>"Scope"</dt><dd>{scope_name} <span class="faint">{webhook.scope.to_string()}</span></dd></div>
            <div><dt>"Events"</dt><dd>{events(webhook)}</dd></div>
            <div><dt>"Made"</dt><dd>{since(webhook.created_at, now)}</dd></div>
        </dl>
    }
}

fn actions(webhook: &Webhook, to: &str, secret_mark: String) -> impl IntoView + use<> {
    let (switch, enabled) = if webhook.enabled { ("Switch off", "false") } else { ("Switch on", "true") };
    view! {
        <div class="actions">
            {webhook.enabled
                .then(|| view! {
                    <form method="post" action=format!("{to}/test")><button class="button primary">"Send a test"</button></form>
                })}
            <a class="button" href=format!("{to}/change")>"Change"</a>
            <form method="post" action=format!("{to}/enabled")>
                <input type="hidden" name="enabled" value=enabled/>
                <button class="button">{switch}</button>
            </form>
            {confirmed(
                "New secret",
                "For a day what is sent is signed with the old secret too. Give the receiver the new one before that ends.".into(),
                format!("{to}/rotate-secret"),
                Some(secret_mark),
                "Make a new secret".into(),
                format!("Make a new secret for {}", webhook.name),
            )}
            {confirmed(
                "Remove",
                format!("\u{201c}{}\u{201d} is told nothing more. What waits for it is dropped, and so is this log.", webhook.name),
                format!("{to}/remove"),
                None,
                "Remove the endpoint".into(),
                format!("Remove {}", webhook.name),
            )}
        </div>
    }
}

fn delivery(delivery: Delivery, to: &str, webhook: &Webhook, now: Time) -> impl IntoView + use<> {
    let (how, word) = match delivery.state {
        DeliveryState::Pending => (State::Waiting, "Waiting"),
        DeliveryState::Delivered => (State::Good, "Delivered"),
        DeliveryState::Failed => (State::Bad, "Failed"),
    };
    let tries = plural(delivery.attempts.len(), "attempt", "attempts");
    let next = next_attempt(&delivery, webhook);
    let again = webhook.enabled.then(|| format!("{to}/deliveries/{}/redeliver", delivery.id));
    view! {
        <li>
            <details class="delivery">
                <summary>
                    <Icon glyph=Glyph::ChevronRight/>
                    {state(how, word)}
                    <span class="delivery-event">
                        {delivery.event.as_str()}
                        {delivery.unit_id.map(|unit| view! { " " <span class="delivery-unit">{unit.to_string()}</span> })}
                    </span>
                    <span class="faint">{tries}</span>
                    {since(delivery.created_at, now)}
                </summary>
                <div class="delivery-body">
                    <p class="faint">"Id " <code>{delivery.id}</code></p>
                    {next}
                    <p class="faint">"What is sent"</p>
                    <pre class="delivery-sent" tabindex="0" aria-label="What is sent">{delivery.body}</pre>
                    <ol class="attempts">{delivery.attempts.into_iter().map(attempt).collect_view()}</ol>
                    {again
                        .map(|again| view! {
                            <form method="post" action=again>
                                <button class="button"><Icon glyph=Glyph::Retry/>"Send it again"</button>
                            </form>
                        })}
                </div>
            </details>
        </li>
    }
}

/// Behind an endpoint that is failing many wait for one that is tried.
fn next_attempt(delivery: &Delivery, webhook: &Webhook) -> Option<AnyView> {
    let at = delivery.next_attempt_at?;
    Some(match webhook.failing_since {
        Some(_) => {
            view! { <p>"Waiting for the endpoint, which is tried next at " {second(at)}</p> }.into_any()
        }
        None => view! { <p>"Next attempt " {second(at)}</p> }.into_any(),
    })
}

fn attempt(attempt: DeliveryAttempt) -> impl IntoView {
    let answered = attempt.status.map_or("no answer".into(), |status| format!("HTTP {status}"));
    let took = format!("{} ms", attempt.duration_ms);
    let said = attempt.response.filter(|said| !said.trim().is_empty());
    view! {
        <li>
            {second(attempt.at)}
            {match attempt.error {
                Some(error) => view! { <span class="attempt-error">{error}</span> }.into_any(),
                None => view! { <span>{answered}</span> }.into_any(),
            }}
            <span class="faint">{took}</span>
            {said.map(|said| view! { <pre class="attempt-answer" tabindex="0" aria-label="What it answered">{said}</pre> })}
        </li>
    }
}
