//! The selected unit: how it is, where it is, what may be done with it.

use super::whole::{IntoWhole, effect, part, text};
use super::{
    board::of_unit::{incident_here, tasks_of},
    copy::copy as copy_text,
    icon::{Glyph, Icon},
    mark::{Mark, status_class},
    patrol_actions::PatrolActions,
    trail::{SpeedLine, Trail, follow_trail},
};
use crate::{
    console::Console,
    format::{ago, battery, coordinates, count, distance, heading, kind, span, speed, status_word, whole},
    later::as_sent,
    live::{link::Doubt, rest},
};
use leptos::prelude::*;
use sentinel_model::{PatrolId, UnitId, UnitStatus};

#[component]
pub fn UnitDrawer() -> impl IntoView {
    let console = Console::of_page();
    let first = console.selected.get_untracked();
    view! {
        {part(move || {
            console
                .selected
                .get()
                .map(|id| {
                    let label = format!("Unit {id}");
                    let first = first.clone();
                    view! {
                        <aside class="drawer" aria-label=label>
                            {part(move || {
                                let id = id.clone();
                                Some(match console.parts() {
                                    Some(parts) => untrack(|| (parts.unit_card)(id)),
                                    None if first.as_ref() == Some(&id) => as_sent(|| unit_card(id)),
                                    None => waiting(&id),
                                })
                            })}
                        </aside>
                    }
                    .whole()
                })
        })}
    }
    .whole()
}

/// A unit that was chosen before the code that shows it was here.
fn waiting(id: &UnitId) -> AnyView {
    view! {
        <header class="drawer-head" aria-busy="true">
            <div class="drawer-title">
                <h2>{id.to_string()}</h2>
            </div>
            <CloseUnit/>
        </header>
    }
    .whole()
}

#[component]
fn CloseUnit() -> impl IntoView {
    let console = Console::of_page();
    view! {
        <a
            class="icon-button"
            href=move || console.closed_address()
            aria-label="Close"
            on:click=move |e| {
                e.prevent_default();
                console.select(None);
            }
        >
            <Icon glyph=Glyph::Close/>
        </a>
    }
    .whole()
}

pub fn unit_card(id: UnitId) -> AnyView {
    let console = Console::of_page();
    let watched = id.clone();
    let entry = Memo::new(move |_| console.unit(&watched, Clone::clone));
    let known = Memo::new(move |_| entry.read().is_some());
    let status = Signal::derive(move || entry.read().as_ref().map_or(UnitStatus::OffDuty, |e| e.status));
    let name = move || {
        entry.read().as_ref().map(|e| {
            if e.kind.is_empty() { e.name.clone() } else { format!("{} · {}", e.name, kind(&e.kind)) }
        })
    };
    let title = id.to_string();
    let body = id.clone();
    let calling = Signal::derive(move || console.alerts.calling.read().contains(&id));
    let badge = move || if calling.get() { "s-sos" } else { status_class(status.get()) };
    view! {
        <header class="drawer-head">
            <span class=move || format!("badge {}", badge())>
                <Mark status calling/>
            </span>
            <div class="drawer-title">
                <h2>{title.clone()}</h2>
                <p class="faint">{text(move || name().unwrap_or_default())}</p>
            </div>
            <CloseUnit/>
        </header>
        {part(move || {
            Some(if known.get() {
                view! { <UnitBody id=body.clone() entry status/> }.whole()
            } else {
                view! {
                    <div class="empty">
                        <p class="empty-title">"This unit is not here"</p>
                        <p class="faint">
                            {title.clone()} " is not a unit of " {text(move || console.scope_name(console.scope.get()))}
                            ", or it is not yours to see."
                        </p>
                    </div>
                }
                    .whole()
            })
        })}
    }
    .whole()
}

#[component]
fn UnitBody(
    id: UnitId,
    entry: Memo<Option<crate::live::fleet::Entry>>,
    status: Signal<UnitStatus>,
) -> impl IntoView {
    let console = Console::of_page();
    let place = Memo::new(move |_| entry.read().as_ref().and_then(|e| e.place));
    let patrol = Signal::derive(move || entry.read().as_ref().and_then(|e| e.patrol));
    let trail = follow_trail(console, &id);
    let none = || "—".to_string();
    ask_since(console, &id, patrol);

    let moving = Memo::new(move |_| entry.read().as_ref().and_then(|e| e.moving_now(console.now.get())));
    let still = move || moving.read().is_none();
    let fast =
        move || moving.get().and_then(|p| p.speed_mps).map_or_else(none, |v| speed(v, console.measure.get()));
    let to = move || moving.get().and_then(|p| p.heading_deg);
    let on_map = Memo::new(move |_| entry.read().as_ref().and_then(|e| e.on_map()).is_some());
    effect(move || {
        if !on_map.get() {
            console.following.set(false);
        }
    });
    let state = move || {
        let word = status_word(status.get());
        match console.doubt.get() {
            Some(Doubt::Offline(_)) => format!("{word} when last heard of"),
            _ => word.to_string(),
        }
    };
    let charge = move || place.get().and_then(|p| p.battery);
    let age = move || place.get().map_or_else(none, |p| ago(console.now.get().ms_since(p.time)));
    let exact = move || {
        place
            .get()
            .map(|p| if console.alive.get() { console.wall.get().exact(p.time) } else { p.time.to_string() })
    };
    let stamp = move || place.get().map(|p| p.time.to_string());
    let station = move || {
        entry.read().as_ref().map(|e| (console.scope_name(e.station), console.scope_address(e.station)))
    };
    let duty = move || {
        let entry = entry.read();
        let Some(entry) = entry.as_ref() else { return String::new() };
        match (entry.patrol, entry.since) {
            (None, _) => "Off duty".into(),
            (Some(_), Some(at)) => {
                let began = console.wall.get().clock_short(at);
                format!("since {began} ({})", span(console.now.get().ms_since(at)))
            }
            (Some(_), None) => "On patrol".into(),
        }
    };
    let follow = move |_| {
        console.following.update(|on| *on = !*on);
    };
    let unit = id.clone();
    let centre = move |_| console.look_at(&unit);
    view! {
        <div class="drawer-body scroll">
            <p class=move || format!("status-line {}", status_class(status.get()))>
                <b>{text(state)}</b>
                <span hidden=move || place.read().is_some()>"No fix yet"</span>
                <span hidden=move || place.read().is_none()>
                    "Last fix " <time datetime=stamp title=exact tabindex="0">{text(age)}</time>
                </span>
            </p>
            <dl class="readouts">
                <div class="since" hidden=move || !still()>
                    <dt>"Last seen"</dt>
                    <dd>{text(age)}</dd>
                </div>
                <div hidden=still>
                    <dt>"Speed"</dt>
                    <dd>{text(fast)}</dd>
                </div>
                <div hidden=still>
                    <dt>"Heading"</dt>
                    <dd>
                        {part(move || {
                            to().map(|deg| {
                                view! {
                                    <svg class="needle" viewBox="0 0 16 16" aria-hidden="true">
                                        <path d="M8 1.5 12.5 14 8 11.2 3.5 14z" transform=format!("rotate({} 8 8)", whole(deg))></path>
                                    </svg>
                                }
                                .whole()
                            })
                        })}
                        {text(move || to().map_or_else(none, heading))}
                    </dd>
                </div>
                <div>
                    <dt>"Battery"</dt>
                    <dd class:low=move || charge().is_some_and(|b| b < 0.2)>{text(move || charge().map_or_else(none, battery))}</dd>
                </div>
            </dl>
            <div class="actions needs-script" hidden=move || patrol.get().is_none()>
                <button type="button" class="button" disabled=move || !on_map.get() aria-pressed=move || console.following.get().to_string() on:click=follow>
                    <Icon glyph=Glyph::Follow/>
                    {text(move || if console.following.get() { "Following" } else { "Follow" }.to_string())}
                </button>
                <button type="button" class="button" on:click=centre disabled=move || !on_map.get()>
                    <Icon glyph=Glyph::Centre/>
                    "Show on map"
                </button>
                {incident_here(place)}
            </div>
            {tasks_of(id.clone())}
            <Today trail/>
            <dl class="facts">
                <div>
                    <dt>"Station"</dt>
                    <dd>{part(move || station().map(|(name, to)| view! { <a class="link" href=to>{name}</a> }.whole()))}</dd>
                </div>
                <div>
                    <dt>"Patrol"</dt>
                    <dd>{text(duty)}</dd>
                </div>
                <div>
                    <dt>"Place"</dt>
                    <dd class="with-button">
                        <span>{text(move || place.get().map_or_else(none, |p| coordinates(p.lat, p.lon)))}</span>
                        <CopyPlace place=Signal::derive(move || place.get().map(|p| coordinates(p.lat, p.lon)))/>
                    </dd>
                </div>
            </dl>
            {console.may_manage_patrols().then(|| view! { <PatrolActions id=id.clone() patrol/> })}
        </div>
    }
    .whole()
}

/// Asks when the patrol began, where the page has not seen it begin.
fn ask_since(console: Console, id: &UnitId, patrol: Signal<Option<PatrolId>>) {
    let id = id.clone();
    let patrol = Memo::new(move |_| patrol.get());
    let again = RwSignal::new(0u32);
    effect(move || {
        again.track();
        let Some(patrol) = patrol.get() else { return };
        if console.with_fleet(|f| f.get(&id).is_some_and(|e| e.since.is_some())) {
            return;
        }
        let id = id.clone();
        leptos::task::spawn_local(async move {
            // Until there is an answer the page says only that it is on patrol.
            match rest::patrol(patrol).await {
                Ok(known) => {
                    console.fleet.update_value(|f| f.began(&id, patrol, known.started_at));
                    console.moved.update(|n| *n = n.wrapping_add(1));
                }
                Err(_) => rest::ask_later(again),
            }
        });
    });
}

/// How far it went today, and how fast.
#[component]
fn Today(trail: RwSignal<Trail>) -> impl IntoView {
    let console = Console::of_page();
    let parts = Memo::new(move |_| match &*trail.read() {
        Trail::Ready { speeds, .. } => speeds.clone(),
        _ => Vec::new(),
    });
    let words = move || match &*trail.read() {
        Trail::Loading => ("…".to_string(), "reading today's trail".to_string()),
        Trail::Ready { fixes: 0, .. } => {
            ("No fix today".to_string(), "the trail begins with the first".to_string())
        }
        Trail::Ready { fixes, distance_m, .. } => (
            distance(*distance_m, console.measure.get()),
            format!("from {} {}", count(*fixes), if *fixes == 1 { "fix" } else { "fixes" }),
        ),
        Trail::Failed(e) => ("No trail".to_string(), e.to_string()),
    };
    view! {
        <section class="today needs-script" aria-label="Today" class:waiting=move || *trail.read() == Trail::Loading>
            <div class="today-words">
                <h3>"Today"</h3>
                <p>
                    <b>{text(move || words().0)}</b>
                    " "
                    <span class="faint">{text(move || words().1)}</span>
                </p>
            </div>
            <div class="today-line">
                {part(move || {
                    let speeds = parts.get();
                    (speeds.len() > 2).then(|| view! { <SpeedLine speeds/> }.whole())
                })}
            </div>
        </section>
    }
    .whole()
}

#[component]
fn CopyPlace(place: Signal<Option<String>>) -> impl IntoView {
    let console = Console::of_page();
    let copy = move |_| {
        let Some(text) = place.get_untracked() else { return };
        let copied = format!("Copied {text}");
        copy_text(&text, move |is_there| match is_there {
            true => console.tell(copied),
            false => console.warn("The browser does not let this page copy. Select the numbers instead."),
        });
    };
    view! {
        <button type="button" class="icon-button needs-script" aria-label="Copy the coordinates" on:click=copy>
            <Icon glyph=Glyph::Copy/>
        </button>
    }
    .whole()
}
