//! The units that attend to a task: how far each is, the next step, standing it down.

use super::{drawer::OnShow, words};
use crate::{
    components::whole::{IntoWhole, Row, part, rows, text},
    console::Console,
    format::ago,
    live::fleet::Entry,
};
use leptos::prelude::*;
use sentinel_model::{
    dispatch::{Assignment, AssignmentState, Estimate},
    geo::distance_m,
};

/// The steps in their order.
const STEPS: [AssignmentState; 5] = [
    AssignmentState::Dispatched,
    AssignmentState::Accepted,
    AssignmentState::EnRoute,
    AssignmentState::OnScene,
    AssignmentState::Cleared,
];

pub fn assigned(on_show: OnShow, steers: Signal<bool>) -> AnyView {
    let held = on_show.of(|task| task.assignments.clone());
    let some = move || held.get().unwrap_or_default();
    let active = move || some().into_iter().filter(Assignment::is_active).count();
    view! {
        <section class="assigned" aria-label="Units on it" hidden=move || some().is_empty()>
            <header class="task-head">
                <h3>"Units on it"</h3>
                <span class="faint">{text(move || active().to_string())}</span>
            </header>
            <ul class="assigned-list">
                {rows(move || {
                    let (mut on, ended): (Vec<_>, Vec<_>) = some().into_iter().partition(Assignment::is_active);
                    on.extend(ended.into_iter().rev());
                    let row = |one: Assignment| {
                        let key = format!("{} {} {}", one.id, one.state.as_str(), steers.get());
                        Row::new(key, move || unit(on_show, one, steers.get_untracked()))
                    };
                    on.into_iter().map(row).collect()
                })}
            </ul>
        </section>
    }
    .whole()
}

fn unit(on_show: OnShow, held: Assignment, steers: bool) -> AnyView {
    let console = Console::of_page();
    let id = held.unit_id.clone();
    let at = words::since(&held);
    let name = if held.unit_name == id.as_str() { String::new() } else { held.unit_name.clone() };
    let may =
        held.is_active() && on_show.now().is_some_and(|task| untrack(|| console.may_step(&task, &held)));
    let link = id.clone();
    let (way, lost) = (way(console, on_show, &held), lost(console, &held));
    let ended = !held.is_active();
    let steps = may.then(|| stepper(on_show, &held));
    let more = (may && steers).then(|| more(on_show, &held));
    let word = ended.then(|| view! { <span class="assigned-end">{words::step(held.state)}</span> });
    let read_only =
        (!ended && !may).then(|| view! { <span class="assigned-end">{words::step(held.state)}</span> });
    view! {
        <li class="assigned-unit" class:is-past=ended>
            <p class="assigned-head">
                <button
                    type="button"
                    class="link assigned-id"
                    title="Open this unit"
                    on:click=move |_| console.look_at(&link)
                >
                    {id.to_string()}
                </button>
                <span class="faint">{name}</span>
                {word}
                {read_only}
                <time title=move || console.wall.get().exact(at) tabindex="0">
                    {text(move || ago(console.now.get().ms_since(at)))}
                </time>
            </p>
            {steps}
            <p class="faint" hidden=move || way.read().is_none()>{text(move || way.get().unwrap_or_default())}</p>
            <p class="assigned-lost" role="status" hidden=move || lost.read().is_none()>
                {text(move || lost.get().unwrap_or_default())}
            </p>
            {more}
        </li>
    }
    .whole()
}

/// How far a unit that is on its way still has to go, and how long it takes: by where it is now,
/// as the server estimates it. As it was when it was sent, where nobody here knows where it is.
fn way(console: Console, on_show: OnShow, held: &Assignment) -> Memo<Option<String>> {
    let is_coming = held.is_active() && held.state < AssignmentState::OnScene;
    let when_sent = held.distance_m.zip(held.eta_s);
    let when_sent = when_sent.map(|(distance_m, eta_s)| Estimate { distance_m, eta_s });
    let id = held.unit_id.clone();
    Memo::new(move |_| {
        if !is_coming {
            return None;
        }
        let here = console.unit(&id, Entry::on_map).flatten();
        let to = on_show.task.read().as_ref().map(|task| (task.place.latitude, task.place.longitude));
        let now = here
            .zip(to)
            .map(|(here, to)| Estimate::of_line(distance_m((here.lat, here.lon), to), here.speed_mps));
        now.or(when_sent).map(|way| words::away(way, console.measure.get(), now.is_some()))
    })
}

/// That a unit which attends to it is silent, or off duty.
fn lost(console: Console, held: &Assignment) -> Memo<Option<String>> {
    let is_active = held.is_active();
    let id = held.unit_id.clone();
    Memo::new(move |_| {
        let (status, heard_at) = console.unit(&id, |e| (e.status, e.place.map(|place| place.time)))?;
        let silent_ms = || heard_at.map(|at| console.now.get().ms_since(at));
        words::lost(status, silent_ms()).filter(|_| is_active)
    })
}

/// The steps beside each other with their times: a later one is a click away, an earlier one is past.
fn stepper(on_show: OnShow, held: &Assignment) -> AnyView {
    let console = Console::of_page();
    let sending = on_show.sending;
    let one = |state: AssignmentState| {
        let (id, at) = (held.id.clone(), words::came_at(held, state));
        let class = if state == held.state {
            "step now"
        } else if state < held.state {
            "step past"
        } else {
            "step"
        };
        let when = move || match at {
            Some(at) => format!("{}: {}", words::step(state), console.wall.get().exact(at)),
            None => format!("Set to {}", words::step(state)),
        };
        let next = state > held.state;
        view! {
            <button
                type="button"
                class=class
                title=when
                aria-current=(state == held.state).then_some("step")
                disabled=move || !next || sending.busy.get()
                on:click=move |_| sending.step(id.clone(), state)
            >
                <span>{words::step(state)}</span>
                <span class="step-at">{text(move || at.map(|at| console.wall.get().clock_short(at)).unwrap_or_default())}</span>
            </button>
        }
    };
    let label = format!("How far {} is", held.unit_id);
    view! { <div class="stepper" role="group" aria-label=label>{STEPS.map(one).collect_view()}</div> }.whole()
}

fn more(on_show: OnShow, held: &Assignment) -> AnyView {
    let sending = on_show.sending;
    let (down, other, chosen) = (held.id.clone(), held.id.clone(), held.id.clone());
    let asking = RwSignal::new(false);
    let is_replaced = move || sending.instead_of.read().as_ref() == Some(&chosen);
    let unit = held.unit_id.to_string();
    let label = format!("Stand {unit} down");
    let replace = format!("Send another in place of {unit}");
    view! {
        <div class="task-actions" hidden=asking>
            <button type="button" class="text-button" aria-label=label on:click=move |_| asking.set(true)>"Stand down"</button>
            <button
                type="button"
                class="text-button"
                aria-label=replace
                aria-pressed=move || is_replaced().to_string()
                on:click=move |_| {
                    let other = other.clone();
                    sending.instead_of.update(|instead| {
                        *instead = if instead.as_ref() == Some(&other) { None } else { Some(other) };
                    });
                }
            >
                "Replace"
            </button>
        </div>
        {part(move || {
            let down = down.clone();
            asking.get().then(|| view! {
                <div class="task-actions">
                    <span>"Stand it down?"</span>
                    <button
                        type="button"
                        class="button danger"
                        disabled=sending.busy
                        on:click=move |_| sending.step(down.clone(), AssignmentState::Cancelled)
                    >
                        "Stand down"
                    </button>
                    <button type="button" class="button" on:click=move |_| asking.set(false)>"Keep it"</button>
                </div>
            }
            .whole())
        })}
    }
    .whole()
}
