//! How long and how many, and the checks of what people write.

use super::{NewAssignment, Place, Refusal};
use crate::{alerts::NOTE_MAX, ids};

/// The longest kind of an incident, in characters; so the others here.
pub const KIND_MAX: usize = 60;
pub const CUSTOMER_MAX: usize = 100;
/// The text of a place.
pub const ADDRESS_MAX: usize = 200;
/// A task's own notes; a note in its timeline has at most [`NOTE_MAX`].
pub const NOTES_MAX: usize = 2000;

/// Assignments of one task, those that have ended among them.
pub const ASSIGNMENTS_MAX: usize = 50;
/// Entries of one timeline.
pub const TIMELINE_MAX: usize = 500;
/// Notes, edits and hand-overs of one task: what is left of the timeline when it was created,
/// closed, and each assignment went through its five states. So it is never full when a unit
/// reports or somebody closes the task.
pub const REMARKS_MAX: usize = TIMELINE_MAX - 2 - 5 * ASSIGNMENTS_MAX;

/// One line, trimmed; not empty.
pub(super) fn line(field: &'static str, text: &str, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::invalid(field, "it cannot be empty"));
    }
    no_longer(field, text, most)?;
    if text.chars().any(char::is_control) {
        return Err(Refusal::invalid(field, "it is one line of ordinary characters"));
    }
    Ok(text.to_owned())
}

/// One line or none; an empty one is none.
pub(super) fn line_or_none(
    field: &'static str,
    text: Option<&str>,
    most: usize,
) -> Result<Option<String>, Refusal> {
    text.filter(|text| !text.trim().is_empty()).map(|text| line(field, text, most)).transpose()
}

/// Some lines, trimmed; may be empty.
pub(super) fn lines(field: &'static str, text: &str, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    no_longer(field, text, most)?;
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Refusal::invalid(field, "it is of ordinary characters"));
    }
    Ok(text.to_owned())
}

/// A note in the timeline; may be empty.
pub(super) fn note(field: &'static str, text: &str) -> Result<String, Refusal> {
    lines(field, text, NOTE_MAX)
}

fn no_longer(field: &'static str, text: &str, most: usize) -> Result<(), Refusal> {
    match text.chars().count() {
        chars if chars > most => {
            Err(Refusal::invalid(field, format!("it has at most {most} characters, this one has {chars}")))
        }
        _ => Ok(()),
    }
}

pub(super) fn place(field: &'static str, place: Place) -> Result<Place, Refusal> {
    let within = |name, degrees: f64, most: f64| {
        let bad = || Refusal::invalid(field, format!("its {name} is from -{most} to {most}, not {degrees}"));
        if (-most..=most).contains(&degrees) { Ok(()) } else { Err(bad()) }
    };
    within("latitude", place.latitude, 90.0)?;
    within("longitude", place.longitude, 180.0)?;
    Ok(Place { text: line_or_none(field, place.text.as_deref(), ADDRESS_MAX)?, ..place })
}

pub(super) fn assignment(new: &NewAssignment) -> Result<(), Refusal> {
    ids::check(&new.id).map_err(|error| Refusal::invalid("assignment", error.to_string()))?;
    for (field, estimate) in [("distance_m", new.distance_m), ("eta_s", new.eta_s)] {
        if estimate.is_some_and(|estimate| !(0.0..=f64::MAX).contains(&estimate)) {
            return Err(Refusal::invalid(field, "it is a number from 0 up"));
        }
    }
    Ok(())
}
