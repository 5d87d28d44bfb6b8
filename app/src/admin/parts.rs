//! What the pages have in common.

use super::ScopeChoice;
use crate::{
    components::icon::{Glyph, Icon},
    format::ago,
};
use leptos::prelude::*;
use sentinel_model::{Scope, Time};

/// How a record is, as a word and a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Good,
    Waiting,
    Bad,
    Off,
}

impl State {
    fn class(self) -> &'static str {
        match self {
            State::Good => "state good",
            State::Waiting => "state waiting",
            State::Bad => "state bad",
            State::Off => "state off",
        }
    }

    /// Told apart without colour: a disc, a ring, a triangle, a dash.
    fn shape(self) -> &'static str {
        match self {
            State::Good => "M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12z",
            State::Waiting => "M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12zM8 5a3 3 0 1 1 0 6a3 3 0 1 1 0-6z",
            State::Bad => "M8 1 15.5 14.5H.5z",
            State::Off => "M2 6.5h12v3H2z",
        }
    }
}

pub fn state(state: State, word: &'static str) -> impl IntoView {
    view! {
        <span class=state.class()>
            <svg class="state-mark" viewBox="0 0 16 16" aria-hidden="true"><path d=state.shape()></path></svg>
            {word}
        </span>
    }
}

/// `2026-11-21 02:00 UTC`: only a browser knows a person's own zone.
pub fn minute(at: Time) -> String {
    let text = at.to_string();
    let (day, clock) = text.split_once('T').unwrap_or((&text, ""));
    format!("{day} {} UTC", clock.get(..5).unwrap_or(clock))
}

/// The same with its seconds, for what follows upon another within a minute.
pub fn second(at: Time) -> impl IntoView {
    let text = at.to_string();
    let (day, clock) = text.split_once('T').unwrap_or((&text, ""));
    view! { <time datetime=text.clone()>{format!("{day} {} UTC", clock.get(..8).unwrap_or(clock))}</time> }
}

/// How long ago, with the exact time on hover.
pub fn since(at: Time, now: Time) -> impl IntoView {
    view! { <time datetime=at.to_string() title=minute(at)>{ago(now.ms_since(at))}</time> }
}

/// Day and clock, which a narrow column may put below each other.
pub fn moment(at: Time) -> impl IntoView {
    let text = minute(at);
    let (day, clock) = text.split_once(' ').unwrap_or((&text, ""));
    view! { <time datetime=at.to_string()><span>{day.to_owned()}</span> " " <span>{clock.to_owned()}</span></time> }
}

/// A value to type elsewhere, with a button that copies it.
pub fn copied(id: String, what: &str, value: String) -> impl IntoView + use<> {
    view! {
        <span class="copied">
            <code id=id.clone()>{value}</code>
            <button type="button" class="button needs-script" data-copy=id aria-label=format!("Copy {what}")>
                <Icon glyph=Glyph::Copy/>
                <span aria-live="polite">"Copy"</span>
            </button>
        </span>
    }
}

/// What went wrong with a form, or what has been done.
pub fn message(bad: bool, words: String) -> impl IntoView {
    view! {
        <p class="login-message" class:bad=bad role=if bad { "alert" } else { "status" }>
            <Icon glyph=if bad { Glyph::Warning } else { Glyph::Done }/>
            <span>{words}</span>
        </p>
    }
}

/// What a form of something that happens once carries: sent again, by whoever loads its answer
/// anew, it does nothing more.
pub fn once(mark: String) -> impl IntoView {
    view! { <input type="hidden" name="once" value=mark autocomplete="off"/> }
}

/// A step that cannot be taken back asks once more, without JavaScript too. Of one that makes
/// something new, `mark` is as [`once`] has it.
pub fn confirmed(
    ask: &str,
    why: String,
    action: String,
    mark: Option<String>,
    button: String,
    label: String,
) -> impl IntoView + use<> {
    view! {
        <details class="confirm">
            <summary class="button danger" aria-label=label>{ask.to_owned()}</summary>
            <form method="post" action=action>
                {mark.map(once)}
                <p>{why}</p>
                <button class="button danger-solid">{button}</button>
            </form>
        </details>
    }
}

/// The scopes as a tree in a list: what lies below stands further in.
pub fn scope_options(scopes: Vec<ScopeChoice>, chosen: Option<Scope>) -> impl IntoView {
    scopes
        .into_iter()
        .map(|choice| {
            let words = format!("{}{} ({})", "\u{2003}".repeat(choice.depth), choice.name, choice.scope);
            view! {
                <option value=choice.scope.to_string() selected=chosen == Some(choice.scope)>{words}</option>
            }
        })
        .collect_view()
}

/// To the rest of a list that is longer than a page.
pub fn pager(first: Option<String>, next: Option<String>) -> impl IntoView {
    let any = first.is_some() || next.is_some();
    any.then(|| {
        view! {
            <nav class="pager" aria-label="Pages of this list">
                {first.map(|to| view! { <a class="button" href=to>"First page"</a> })}
                {next.map(|to| view! { <a class="button" href=to rel="next">"Next page"</a> })}
            </nav>
        }
    })
}

/// Text as a value in an address.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
