//! Acknowledging several alerts at once: one note, and a word for each that was refused.

use super::drawer::keep_focus;
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, effect, text},
    },
    console::Console,
    live::rest::RestError,
};
use leptos::{html, prelude::*, task::spawn_local};
use sentinel_model::alerts::{Alert, AlertKind, NOTE_MAX};

/// What is to be acknowledged.
#[derive(Debug, Clone)]
pub struct Several {
    pub alerts: Vec<Alert>,
    /// The unit whose they all are.
    pub of: Option<String>,
}

/// What became of them, one after another.
#[derive(Debug, Clone, Default, PartialEq)]
struct Outcome {
    done: usize,
    /// … by somebody else, who was faster.
    before: usize,
    /// Why, and of how many.
    refused: Vec<(String, usize)>,
}

impl Outcome {
    fn refuse(&mut self, why: String) {
        match self.refused.iter_mut().find(|(other, _)| *other == why) {
            Some((_, count)) => *count += 1,
            None => self.refused.push((why, 1)),
        }
    }

    /// `12 acknowledged, 2 of them by others before you`
    fn said(&self) -> String {
        let before = match self.before {
            0 => String::new(),
            before => format!(", {before} of them by others before you"),
        };
        format!("{} acknowledged{before}", self.done)
    }

    fn refusal(&self) -> String {
        let one = |(why, count): &(String, usize)| format!("{count} not acknowledged. {why}");
        self.refused.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

/// `12 alerts of Car 7 (PC-7), 1 of them an SOS`
fn words(several: &Several) -> String {
    let of = several.of.as_ref().map(|unit| format!(" of {unit}")).unwrap_or_default();
    let calls = several.alerts.iter().filter(|alert| alert.kind == AlertKind::Sos).count();
    let sos = match calls {
        0 => String::new(),
        1 => ", 1 of them an SOS".into(),
        calls => format!(", {calls} of them SOS"),
    };
    format!("{} alerts{of}{sos}", several.alerts.len())
}

pub fn several(what: Several, asking: RwSignal<Option<Several>>) -> AnyView {
    let console = Console::of_page();
    let title = format!("Acknowledge {}?", words(&what));
    let left = StoredValue::new(what.alerts);
    let (at, failed) = (RwSignal::new(None::<usize>), RwSignal::new(None::<String>));
    let stopped = StoredValue::new(false);
    let note = NodeRef::<html::Input>::new();
    effect(move || {
        if let Some(note) = note.get() {
            let _ = note.focus();
        }
    });
    let shut = move || {
        stopped.set_value(true);
        asking.set(None);
        keep_focus();
    };
    let send = move |e: leptos::ev::SubmitEvent| {
        e.prevent_default();
        let (Some(note), None) = (note.get_untracked(), at.get_untracked()) else { return };
        let note = note.value().trim().to_owned();
        failed.set(None);
        at.set(Some(0));
        spawn_local(async move {
            // The form, and all that is its own, may be gone by any answer.
            let is_stopped = || stopped.try_get_value().unwrap_or(true);
            let (mut outcome, mut kept, mut ended) = (Outcome::default(), Vec::new(), None);
            for (n, alert) in left.get_value().into_iter().enumerate() {
                if is_stopped() {
                    break;
                }
                at.try_set(Some(n + 1));
                let answer = match ended.clone() {
                    None => console.take_one(&alert, &note).await,
                    Some(why) => Err(why),
                };
                match answer {
                    Ok(first) => {
                        outcome.done += 1;
                        outcome.before += usize::from(first.is_some());
                    }
                    Err(why) => {
                        outcome.refuse(why.to_string());
                        kept.push(alert);
                        // Where nothing is heard the others need not be asked.
                        ended = (!matches!(why, RestError::Refused { .. })).then_some(why);
                    }
                }
            }
            if outcome.done > 0 {
                console.tell(outcome.said());
            }
            if is_stopped() {
                return;
            }
            if kept.is_empty() {
                asking.set(None);
                return keep_focus();
            }
            left.set_value(kept);
            failed.set(Some(outcome.refusal()));
            at.set(None);
        });
    };
    let busy = move || at.read().is_some();
    let progress = move || match at.get() {
        Some(n) => format!("Acknowledging {n} of {}…", left.with_value(Vec::len)),
        None => String::new(),
    };
    view! {
        <form
            class="alert-form alerts-several"
            on:submit=send
            on:keydown=move |e| {
                if e.key() == "Escape" {
                    e.stop_propagation();
                    shut();
                }
            }
        >
            <p>{title}</p>
            <input
                type="text"
                class="alert-note-field"
                aria-label="Note for all of them (optional)"
                placeholder="Note for all of them (optional)"
                autocomplete="off"
                maxlength=NOTE_MAX.to_string()
                readonly=busy
                node_ref=note
            />
            <p role="status" hidden=move || !busy()>{text(progress)}</p>
            <p class="alert-failed" role="alert" hidden=move || failed.read().is_none()>
                {text(move || failed.get().unwrap_or_default())}
            </p>
            <div class="alert-actions">
                <button type="button" class="button" on:click=move |_| shut()>
                    {text(move || if busy() { "Stop".into() } else { "Cancel".into() })}
                </button>
                <button type="submit" class="button primary" disabled=busy>
                    <Icon glyph=Glyph::Done/>
                    "Acknowledge all"
                </button>
            </div>
        </form>
    }
    .whole()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::alerts::words::tests::alert;

    #[test]
    fn what_became_of_several_is_said_with_each_reason_once() {
        let mut outcome = Outcome { done: 9, before: 2, ..Outcome::default() };
        assert_eq!(outcome.said(), "9 acknowledged, 2 of them by others before you");
        outcome.refuse("You may not.".into());
        outcome.refuse("There is none.".into());
        outcome.refuse("You may not.".into());
        assert_eq!(outcome.refusal(), "2 not acknowledged. You may not. 1 not acknowledged. There is none.");
    }

    #[test]
    fn calls_for_help_among_several_are_counted() {
        let of = |kinds: &[AlertKind]| Several {
            alerts: kinds.iter().map(|kind| alert(*kind)).collect(),
            of: Some("Car 7 (PC-7)".into()),
        };
        let (fast, sos) = (AlertKind::Overspeed, AlertKind::Sos);
        assert_eq!(words(&of(&[fast, fast])), "2 alerts of Car 7 (PC-7)");
        assert_eq!(words(&of(&[fast, sos])), "2 alerts of Car 7 (PC-7), 1 of them an SOS");
        assert_eq!(words(&Several { of: None, ..of(&[sos, sos]) }), "2 alerts, 2 of them SOS");
    }
}
