//! One alert: who, where, when; the way there, and taking it upon oneself.

use super::{AlertMark, words};
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, Row, effect, part, rows, text},
    },
    console::Console,
    format::ago,
    live::{
        tasks::Draft,
        urgency::{Urgency, urgency},
    },
};
use leptos::{html, prelude::*, task::spawn_local};
use sentinel_model::{
    Level, Time,
    alerts::{Alert, AlertKind, Escalation, NOTE_MAX},
};
use std::sync::Arc;

/// Its age, kept current, with the exact times beneath.
fn age(console: Console, alert: &Alert) -> AnyView {
    let told = alert.clone();
    let exact = move || {
        let wall = console.wall.get();
        match words::is_late(&told) {
            true => format!("called {}; heard {}", wall.exact(told.time), wall.exact(told.at)),
            false => wall.exact(told.time),
        }
    };
    let (alert, stamp) = (alert.clone(), alert.time.to_string());
    view! {
        <time datetime=stamp title=exact tabindex="0">
            {text(move || words::when(&alert, console.now.get()))}
        </time>
    }
    .whole()
}

fn clock(console: Console, at: Time) -> AnyView {
    view! { <time datetime=at.to_string() title=move || console.wall.get().exact(at)>{text(move || console.wall.get().clock_short(at))}</time> }.whole()
}

/// Who acknowledged it, when, and what they said.
fn outcome(console: Console, alert: &Alert) -> Option<AnyView> {
    let by = alert.acknowledged.clone()?;
    let note = (!by.note.is_empty()).then(|| view! { <p class="alert-note">{by.note}</p> });
    Some(
        view! {
            <p class="alert-outcome"><Icon glyph=Glyph::Done/><span>{by.name} " at " {clock(console, by.at)}</span></p>
            {note}
        }
        .whole(),
    )
}

/// As it is by now: a card stands while its alert goes up.
fn current<T>(console: Console, alert: &Alert, read: impl FnOnce(&Alert) -> T) -> T {
    let open = console.alerts.open.read();
    read(open.iter().find(|other| other.id == alert.id).unwrap_or(alert))
}

/// To whom it was passed on last, and how long ago.
fn escalation(console: Console, alert: &Alert) -> AnyView {
    let alert = Arc::new(alert.clone());
    let up = {
        let alert = alert.clone();
        Arc::new(move || current(console, &alert, |now| now.escalated.last().copied()))
    };
    let (none, exact) = (up.clone(), alert);
    let every = move || {
        let wall = console.wall.get();
        let all: Vec<Escalation> = current(console, &exact, |now| now.escalated.clone());
        let one = |up: &Escalation| {
            format!("{} at {}", words::passed_on(up.to, console.known_name(up.to)), wall.exact(up.at))
        };
        all.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    let words = move || {
        let Some(up) = up() else { return String::new() };
        let ago = ago(console.now.get().ms_since(up.at));
        format!("{}, {ago}", words::passed_on(up.to, console.known_name(up.to)))
    };
    view! {
        <p class="alert-up" hidden=move || none().is_none()>
            <Icon glyph=Glyph::Escalated/>
            <span title=every>{text(words)}</span>
        </p>
    }
    .whole()
}

/// Another thing to do about an alert, below the others.
pub type Extra = Arc<dyn Fn(&Alert) -> AnyView + Send + Sync>;

/// Alerts below each other. Without an `extra` they are banners, which say it in fewer lines.
pub fn cards(alerts: Box<dyn Fn() -> Vec<Alert> + Send + Sync>, extra: Option<Extra>) -> AnyView {
    let console = Console::of_page();
    view! {
        <ul class="alert-list">
            {rows(move || {
                let row = |alert: Alert| {
                    let extra = extra.clone();
                    Row::new(alert.id.clone(), move || {
                        let class = if extra.is_none() { "call" } else { "alert" };
                        let it = alert.clone();
                        let presses = move || {
                            let home = console.alerts.home;
                            it.is_open() && current(console, &it, |now| urgency(now, home)) == Urgency::Pressing
                        };
                        view! {
                            <li class=class class:pressing=presses>
                                <AlertCard alert extra/>
                            </li>
                        }
                        .whole()
                    })
                };
                alerts().into_iter().map(row).collect()
            })}
        </ul>
    }
    .whole()
}

/// What every view of an alert says.
#[component]
fn AlertCard(alert: Alert, extra: Option<Extra>) -> impl IntoView {
    let console = Console::of_page();
    let banner = extra.is_none();
    let named = alert.unit_name != alert.unit_id.as_str() && !alert.unit_name.is_empty();
    let name = if named { alert.unit_name.clone() } else { alert.unit_id.to_string() };
    let station = alert.station;
    let place = (!banner || alert.place.is_none())
        .then(|| view! { <p class="alert-place">{words::place(&alert)}</p> }.whole());
    // Whose own is one station has no others to tell them from.
    let yours = (console.alerts.home.level != Level::Station)
        .then(|| view! { <span class="alert-yours">"Waits for you"</span> });
    let extra = extra.filter(|_| alert.is_open() && console.may_acknowledge()).map(|extra| extra(&alert));
    view! {
        <p class="alert-head">
            <AlertMark kind=alert.kind/>
            <b class="alert-what">{words::what(&alert)}</b>
            {yours}
            {age(console, &alert)}
        </p>
        <p class="alert-who">
            <b>{name}</b>
            {named.then(|| view! { <span>{alert.unit_id.to_string()}</span> })}
            <span>{text(move || console.scope_name(station))}</span>
        </p>
        {place}
        {escalation(console, &alert)}
        {outcome(console, &alert)}
        <AlertActions alert banner/>
        {extra}
    }
    .whole()
}

#[component]
fn AlertActions(alert: Alert, banner: bool) -> impl IntoView {
    let console = Console::of_page();
    let asking = RwSignal::new(false);
    let may = alert.is_open() && console.may_acknowledge();
    let label = format!("{} of {}", words::kind(alert.kind), words::who(&alert));
    let shown = alert.clone();
    let primary = if alert.kind == AlertKind::Sos { "button primary" } else { "button" };
    let aside = alert.id.clone();
    let draft =
        (alert.is_open() && !banner && console.may_dispatch() && alert.place.is_some()).then(|| Draft {
            is_order: false,
            place: alert.place.map(|p| (p.latitude, p.longitude)),
            kind: if alert.kind == AlertKind::Sos { "SOS".into() } else { String::new() },
            notes: format!("{}: {}", words::who(&alert), words::what(&alert)),
            is_high: alert.kind == AlertKind::Sos,
        });
    let held = alert.id.clone();
    effect(move || {
        let (asks, held) = (asking.get(), Some(held.clone()));
        let is_held = banner && console.alerts.held.read_untracked() == held;
        match asks {
            true if banner => console.alerts.held.set(held.clone()),
            false if is_held => console.alerts.held.set(None),
            _ => {}
        }
        let id = held.clone().unwrap_or_default();
        match asks {
            true => console.alerts.writing.set_value(Some((id, String::new()))),
            false => console.alerts.writing.update_value(|writing| {
                writing.take_if(|(other, _)| *other == id);
            }),
        }
    });
    view! {
        <div class="alert-actions" hidden=asking>
            <button
                type="button"
                class="button"
                aria-label=format!("Show {label}")
                on:click=move |_| console.look_at_alert(&shown)
            >
                <Icon glyph=Glyph::Centre/>
                "Show"
            </button>
            {may.then(|| view! {
                <button type="button" class=primary aria-label=format!("Acknowledge {label}") on:click=move |_| asking.set(true)>
                    <Icon glyph=Glyph::Done/>
                    "Acknowledge"
                </button>
            })}
            {draft.map(|draft| view! {
                <button
                    type="button"
                    class="button"
                    title="Make an incident of this"
                    aria-label=format!("Make an incident of {label}")
                    on:click=move |_| console.begin_incident(draft.clone())
                >
                    <Icon glyph=Glyph::Incident/>
                </button>
            })}
            {banner.then(|| view! {
                <button
                    type="button"
                    class="icon-button"
                    aria-label=format!("Dismiss {label}")
                    title="Dismiss: it stays open in the alerts"
                    on:click=move |_| console.alerts.aside.update(|ids| ids.push(aside.clone()))
                >
                    <Icon glyph=Glyph::Close/>
                </button>
            })}
        </div>
        {part(move || asking.get().then(|| view! { <Acknowledge alert=alert.clone() asking/> }.whole()))}
    }
    .whole()
}

/// The note, and the last word before everybody is told.
#[component]
fn Acknowledge(alert: Alert, asking: RwSignal<bool>) -> impl IntoView {
    let console = Console::of_page();
    let (busy, failed) = (RwSignal::new(false), RwSignal::new(None::<String>));
    let note = NodeRef::<html::Input>::new();
    effect(move || {
        if let Some(note) = note.get() {
            let _ = note.focus();
        }
    });
    let send = move |e: leptos::ev::SubmitEvent| {
        e.prevent_default();
        let (Some(note), false) = (note.get_untracked(), busy.get_untracked()) else { return };
        busy.set(true);
        failed.set(None);
        let (alert, note) = (alert.clone(), note.value());
        spawn_local(async move {
            match console.acknowledge(alert, note.trim().to_string()).await {
                Ok(()) => super::drawer::keep_focus(),
                Err(why) => {
                    // The alert, and this with it, may be gone by now.
                    failed.try_set(Some(why));
                    busy.try_set(false);
                }
            }
        });
    };
    view! {
        <form
            class="alert-form"
            on:submit=send
            on:keydown=move |e| {
                if e.key() == "Escape" {
                    e.stop_propagation();
                    asking.set(false);
                }
            }
        >
            <input
                type="text"
                class="alert-note-field"
                aria-label="Note (optional)"
                placeholder="Note (optional)"
                autocomplete="off"
                maxlength=NOTE_MAX.to_string()
                node_ref=note
                on:input=move |e| {
                    let typed = event_target_value(&e);
                    console.alerts.writing.update_value(|writing| {
                        if let Some((_, note)) = writing {
                            *note = typed;
                        }
                    });
                }
            />
            <p class="alert-failed" role="alert" hidden=move || failed.read().is_none()>
                {text(move || failed.get().map(|why| format!("Not acknowledged. {why}")).unwrap_or_default())}
            </p>
            <div class="alert-actions">
                <button type="button" class="button" on:click=move |_| asking.set(false)>"Cancel"</button>
                <button type="submit" class="button primary" disabled=busy>
                    <Icon glyph=Glyph::Done/>
                    "Acknowledge"
                </button>
            </div>
        </form>
    }
    .whole()
}
