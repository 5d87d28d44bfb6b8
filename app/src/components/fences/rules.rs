//! The alert rules of the scope on show: what holds, whose it is, and the form that sets its own.

use super::{form, words};
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, part, text},
    },
    console::Console,
    format::Measure,
    live::{
        fence_requests,
        link::Link,
        rest::{self, RestError},
    },
};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::{
    Scope,
    alert_rules::{AlertRules, ScopeAlertRules},
};

/// What is on show: of which scope, and what holds there.
#[derive(Debug, Clone, PartialEq)]
enum Held {
    Reading,
    Failed(String),
    Done(Scope, ScopeAlertRules),
}

pub fn rules() -> AnyView {
    let console = Console::of_page();
    let (read, again) = (RwSignal::new(Held::Reading), RwSignal::new(0u32));
    let editing = RwSignal::new(false);
    crate::components::whole::effect(move || {
        again.track();
        let scope = console.scope.get();
        // While somebody writes, what they write stays.
        editing.set(false);
        if !matches!(*read.read_untracked(), Held::Done(of, _) if of == scope) {
            read.set(Held::Reading);
        }
        spawn_local(async move {
            let answer = fence_requests::alert_rules(scope).await;
            if console.scope.get_untracked() != scope {
                return;
            }
            match answer {
                Ok(rules) => {
                    read.try_set(Held::Done(scope, rules));
                }
                Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
                Err(e) => {
                    read.try_set(Held::Failed(e.to_string()));
                    rest::ask_later(again);
                }
            }
        });
    });
    view! {
        <div class="rules scroll" role="group" aria-label="Alert rules" tabindex="0">
            {part(move || Some(match read.get() {
                Held::Reading => view! { <div class="empty"><p class="empty-title">"Reading…"</p></div> }.whole(),
                Held::Failed(why) => view! {
                    <div class="alerts-failed" role="status">
                        <p>"The alert rules cannot be read now. " {why}</p>
                        <button type="button" class="button" on:click=move |_| again.update(|n| *n = n.wrapping_add(1))>
                            <Icon glyph=Glyph::Retry/>
                            "Try again"
                        </button>
                    </div>
                }
                .whole(),
                Held::Done(scope, rules) => {
                    let is_editing = editing.get();
                    untrack(|| match is_editing {
                        true => edit(console, scope, rules, read, editing),
                        false => shown(console, scope, rules, read, editing),
                    })
                }
            }))}
        </div>
    }
    .whole()
}

/// Whose rules hold.
fn whose(console: Console, scope: Scope, held: &ScopeAlertRules) -> String {
    let place = console.scope_name(scope);
    match held.scope {
        Some(from) if from == scope => format!("{place} has rules of its own."),
        Some(from) => format!("{place} has none of its own: those of {} hold.", console.scope_name(from)),
        None if held.rules == AlertRules::default() => {
            format!("{place} has no rules, nor has an area above it.")
        }
        None => format!("{place} has none of its own: those of an area above yours hold."),
    }
}

fn shown(
    console: Console,
    scope: Scope,
    held: ScopeAlertRules,
    read: RwSignal<Held>,
    editing: RwSignal<bool>,
) -> AnyView {
    let is_own = held.scope == Some(scope);
    let list = move || {
        let told = words::rules(&held.rules, console.measure.get());
        match told.is_empty() {
            true => view! { <p>"Nothing raises an alert but calls for help and geofences."</p> }.whole(),
            false => view! { <ul class="fence-rules">{told.into_iter().map(|what| view! { <li>{what}</li> }).collect_view()}</ul> }.whole(),
        }
    };
    let may = console.may_set_rules();
    view! {
        <p class="rules-whose">{whose(console, scope, &held)}</p>
        {part(move || Some(list()))}
        <p class="faint">"Calls for help and geofences raise an alert whatever stands here. A call for help that nobody takes is passed on after 2 min, where no rule says otherwise."</p>
        {if may {
            view! {
                <button type="button" class="button" on:click=move |_| editing.set(true)>
                    {if is_own { "Change the rules" } else { "Set rules of its own" }}
                </button>
                {is_own.then(|| remove(console, scope, read))}
            }
            .whole()
        } else {
            view! { <p class="fence-note"><Icon glyph=Glyph::Lock/><span>"Administrators of the area change its rules."</span></p> }.whole()
        }}
    }
    .whole()
}

/// Takes its own rules away; asks first.
fn remove(console: Console, scope: Scope, read: RwSignal<Held>) -> AnyView {
    let (asking, busy) = (RwSignal::new(false), RwSignal::new(false));
    let go = move |_| {
        busy.set(true);
        spawn_local(async move {
            let done = match fence_requests::remove_alert_rules(scope).await {
                Ok(()) => fence_requests::alert_rules(scope).await,
                Err(e) => Err(e),
            };
            busy.try_set(false);
            match done {
                Ok(rules) => {
                    read.try_set(Held::Done(scope, rules));
                    console.tell("Those of the area above hold again.");
                }
                Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
                Err(e) => console.warn(e.to_string()),
            }
        });
    };
    view! {
        <button type="button" class="button" hidden=asking on:click=move |_| asking.set(true)>"Remove its own rules"</button>
        <div class="task-form asked" role="group" aria-label="Remove its own rules?" hidden=move || !asking.get()>
            <p>"Remove them? Those of the area above hold again."</p>
            <div class="task-actions">
                <button type="button" class="button" on:click=move |_| asking.set(false)>"Keep them"</button>
                <button type="button" class="button danger" disabled=busy on:click=go>"Remove them"</button>
            </div>
        </div>
    }
    .whole()
}

/// What stands in the fields.
#[derive(Debug, Clone, PartialEq)]
struct Written {
    stale: bool,
    offline: bool,
    battery: String,
    speed: String,
    escalate: String,
}

impl Written {
    fn of(rules: &AlertRules, measure: Measure) -> Self {
        Self {
            stale: rules.stale,
            offline: rules.offline,
            battery: battery_text(rules.low_battery),
            speed: form::speed_text(rules.speed_limit_mps, measure),
            escalate: rules.escalate_after_s.map(|s| words::short(f64::from(s) / 60.0)).unwrap_or_default(),
        }
    }

    /// Which field is wrong, by its place: 0 battery, 1 speed, 2 minutes.
    fn read(&self, held: &AlertRules, measure: Measure) -> Result<AlertRules, (usize, String)> {
        Ok(AlertRules {
            stale: self.stale,
            offline: self.offline,
            low_battery: read_battery(&self.battery, held.low_battery).map_err(|why| (0, why))?,
            speed_limit_mps: form::read_speed(&self.speed, held.speed_limit_mps, measure)
                .map_err(|why| (1, why))?,
            escalate_after_s: form::read_minutes(&self.escalate, held.escalate_after_s)
                .map_err(|why| (2, why))?,
        })
    }
}

fn battery_text(share: Option<f32>) -> String {
    share.map(|share| words::short(f64::from(share) * 100.0)).unwrap_or_default()
}

fn read_battery(text: &str, held: Option<f32>) -> Result<Option<f32>, String> {
    if text == battery_text(held) {
        return Ok(held);
    }
    match text.trim().trim_end_matches('%').trim() {
        "" => Ok(None),
        text => match text.parse::<f32>() {
            Ok(percent) if (1.0..=90.0).contains(&percent) => Ok(Some(percent / 100.0)),
            Ok(_) => Err("From 1 to 90 %.".into()),
            Err(_) => Err("Write a number.".into()),
        },
    }
}

fn edit(
    console: Console,
    scope: Scope,
    held: ScopeAlertRules,
    read: RwSignal<Held>,
    editing: RwSignal<bool>,
) -> AnyView {
    let measure = console.measure.get_untracked();
    let written = RwSignal::new(Written::of(&held.rules, measure));
    let (busy, failed) = (RwSignal::new(false), RwSignal::new(None::<(usize, String)>));
    let send = move |e: leptos::ev::SubmitEvent| {
        e.prevent_default();
        let rules = match written.read_untracked().read(&held.rules, measure) {
            Ok(rules) => rules,
            Err(refused) => return failed.set(Some(refused)),
        };
        busy.set(true);
        failed.set(None);
        spawn_local(async move {
            let done = fence_requests::put_alert_rules(scope, &rules).await;
            busy.try_set(false);
            match done {
                Ok(now) => {
                    console.tell("The rules hold from now on.");
                    editing.try_set(false);
                    read.try_set(Held::Done(scope, now));
                }
                Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
                Err(e) => {
                    failed.try_set(Some((3, e.to_string())));
                }
            }
        });
    };
    let check = move |word: &'static str, is: fn(&Written) -> bool, put: fn(&mut Written, bool)| {
        view! {
            <label class="check">
                <input
                    type="checkbox"
                    prop:checked=move || is(&written.read())
                    on:change=move |e| written.update(|written| put(written, event_target_checked(&e)))
                />
                <span>{word}</span>
            </label>
        }
        .whole()
    };
    let number = move |at: usize,
                       word: String,
                       is: fn(&Written) -> &String,
                       put: fn(&mut Written, String)| {
        let wrong = move || failed.get().filter(|(of, _)| *of == at).map(|(_, why)| why);
        view! {
            <label>
                <span>{word}</span>
                <input
                    type="text"
                    inputmode="decimal"
                    class="text-field"
                    autocomplete="off"
                    placeholder="not told"
                    aria-invalid=move || wrong().map(|_| "true")
                    prop:value=move || is(&written.read()).clone()
                    on:input=move |e| written.update(|written| put(written, event_target_value(&e)))
                />
                <span class="field-wrong" role="alert" hidden=move || wrong().is_none()>{text(move || wrong().unwrap_or_default())}</span>
            </label>
        }
        .whole()
    };
    let other = move || failed.get().filter(|(of, _)| *of > 2).map(|(_, why)| why);
    view! {
        <form class="task-form" on:submit=send aria-label="Alert rules">
            <p class="rules-whose">"Rules of " {console.scope_name(scope)}</p>
            {check("A unit is not heard of for a while (stale)", |w| w.stale, |w, on| w.stale = on)}
            {check("A unit is not heard of for long (offline)", |w| w.offline, |w, on| w.offline = on)}
            {number(0, "Battery down to (%)".into(), |w| &w.battery, |w, text| w.battery = text)}
            {number(1, format!("Faster than ({})", form::speed_unit(measure)), |w| &w.speed, |w, text| w.speed = text)}
            {number(2, "Passed on to the area above after (minutes)".into(), |w| &w.escalate, |w, text| w.escalate = text)}
            <p class="alert-failed" role="alert" hidden=move || other().is_none()>{text(move || other().unwrap_or_default())}</p>
            <div class="task-actions">
                <button type="button" class="button" on:click=move |_| editing.set(false)>"Cancel"</button>
                <button type="submit" class="button primary" disabled=busy>"Save"</button>
            </div>
        </form>
    }
    .whole()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_back_from_the_form_as_they_were() {
        let held = AlertRules {
            stale: true,
            low_battery: Some(0.15),
            speed_limit_mps: Some(33.3),
            escalate_after_s: Some(100),
            ..AlertRules::default()
        };
        for measure in [Measure::Metric, Measure::Imperial] {
            assert_eq!(Written::of(&held, measure).read(&held, measure), Ok(held));
        }
        let none = Written {
            battery: String::new(),
            speed: " ".into(),
            escalate: String::new(),
            ..Written::of(&held, Measure::Metric)
        };
        assert_eq!(
            none.read(&held, Measure::Metric),
            Ok(AlertRules { stale: true, ..AlertRules::default() })
        );
    }

    #[test]
    fn what_is_out_of_bounds_is_said_at_its_field() {
        let written = Written::of(&AlertRules::default(), Measure::Metric);
        let refused =
            |written: Written| written.read(&AlertRules::default(), Measure::Metric).expect_err("bad");
        assert_eq!(
            refused(Written { battery: "95".into(), ..written.clone() }),
            (0, "From 1 to 90 %.".into())
        );
        assert_eq!(
            refused(Written { speed: "400".into(), ..written.clone() }),
            (1, "From 3.6 to 360 km/h.".into())
        );
        assert_eq!(refused(Written { escalate: "soon".into(), ..written }), (2, "Write a number.".into()));
    }
}
