//! What stands where there is nothing to show.

use super::{Frame, Section, page};
use crate::components::icon::{Glyph, Icon};
use leptos::prelude::*;

/// The viewer has not the right; what they may do instead is said.
pub fn no_permission(frame: &Frame, section: Section, why: &str) -> String {
    let words = format!("As it stands, {why}. Somebody who administers your area can change that.");
    notice(frame, section, Glyph::Lock, "This is not yours to see", words)
}

pub fn not_found(frame: &Frame, section: Section, why: &str) -> String {
    let words = format!("It says: {why}. It may have been typed wrong, or it is outside your area.");
    notice(frame, section, Glyph::Search, "There is nothing at this address", words)
}

/// The server could not do it; the request's id finds the cause in the log.
pub fn failed(frame: &Frame, section: Section, why: &str, request_id: &str) -> String {
    let words = format!("It says: {why}. The request was {request_id}.");
    notice(frame, section, Glyph::Warning, "This did not work", words)
}

/// A form was sent again whose answer showed a secret. `instead` is where to go on, and its words.
pub fn done_already(frame: &Frame, section: Section, why: &str, instead: (&str, &'static str)) -> String {
    let words = format!("{why} If nobody has copied it, make another in its place.");
    leading(frame, section, Glyph::Done, "This was done already", words, instead)
}

fn notice(frame: &Frame, section: Section, glyph: Glyph, title: &'static str, words: String) -> String {
    leading(frame, section, glyph, title, words, ("/admin/units", "See your units"))
}

fn leading(
    frame: &Frame,
    section: Section,
    glyph: Glyph,
    title: &'static str,
    words: String,
    (to, word): (&str, &'static str),
) -> String {
    let to = to.to_owned();
    page(frame, section, title, || {
        view! {
            <div class="notice-card admin-notice">
                <Icon glyph/>
                <h1>{title}</h1>
                <p>{words}</p>
                <a class="button primary" href=to>{word}</a>
            </div>
        }
    })
}
