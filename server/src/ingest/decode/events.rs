//! What a device says has happened, as one word: the same for all formats.
//!
//! `sos`; `geofence_enter:NAME`, `geofence_exit:NAME` and `geofence_dwell:NAME`;
//! `alarm:NAME` for a device's other alarms; anything else as the device wrote it.

use super::{UUID_MAX, leaf::Leaf};
use sentinel_model::alerts::AlertKind;
use serde::Deserialize;
use serde_json::value::RawValue;

pub const SOS: &str = "sos";

/// A device's alarm; some send the name always, empty or false where there is none.
pub fn of_alarm(name: &str) -> Option<String> {
    match name.trim() {
        "" | "0" | "false" | "null" => None,
        sos if sos.eq_ignore_ascii_case(SOS) => Some(SOS.into()),
        other => Some(format!("alarm:{other}")),
    }
}

/// A fence entered or left, in the words of any client.
pub fn of_fence(action: &str, name: &str) -> Option<String> {
    let action = match &*action.to_ascii_lowercase() {
        "enter" => "enter",
        "exit" | "leave" => "exit",
        "dwell" => "dwell",
        _ => return None,
    };
    Some(format!("geofence_{action}:{}", name.trim()))
}

/// `{"identifier", "action"}`.
pub fn of_geofence(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Geofence {
        #[serde(default)]
        identifier: Leaf,
        #[serde(default)]
        action: Leaf,
    }
    let Geofence { identifier, action } = serde_json::from_str(raw.get()).ok()?;
    of_fence(&action.text()?, &identifier.text()?)
}

/// The alarm among a device's own extras.
pub fn alarm_in(extras: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Extras {
        #[serde(default)]
        alarm: Leaf,
    }
    // Most have none, and need not be read for it.
    if !extras.get().contains("\"alarm\"") {
        return None;
    }
    let Extras { alarm } = serde_json::from_str(extras.get()).ok()?;
    of_alarm(&alarm.text()?)
}

/// Whether an event is sos, in whatever letters.
pub fn is_sos(event: &str) -> bool {
    event.eq_ignore_ascii_case(SOS)
}

/// What alert such an event is, and of which fence; none where it asks for nobody's attention.
pub fn alert_of(event: &str) -> Option<(AlertKind, Option<String>)> {
    if event == SOS {
        return Some((AlertKind::Sos, None));
    }
    let (action, name) = event.strip_prefix("geofence_")?.split_once(':')?;
    let kind = match action {
        "enter" => AlertKind::Enter,
        "exit" => AlertKind::Exit,
        "dwell" => AlertKind::Dwell,
        _ => return None,
    };
    Some((kind, Some(name.to_owned())))
}

/// What tells a fix with such an event from the plain one that most clients send of the
/// same second, where the device itself gives it no id: neither may pass for the other.
pub fn identity(event: &str) -> Option<String> {
    let apart = event == SOS || event.starts_with("geofence_") || event.starts_with("alarm:");
    apart.then(|| {
        event
            .chars()
            .scan(0, |bytes, c| {
                *bytes += c.len_utf8();
                (*bytes <= UUID_MAX).then_some(c)
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_and_fences_have_one_word_whoever_sends_them() {
        for (name, word) in
            [("sos", Some("sos")), ("SOS", Some("sos")), ("lowBattery", Some("alarm:lowBattery"))]
        {
            assert_eq!(of_alarm(name).as_deref(), word);
        }
        for none in ["", "0", "false"] {
            assert_eq!(of_alarm(none), None);
        }
        assert_eq!(of_fence("ENTER", "home").as_deref(), Some("geofence_enter:home"));
        assert_eq!(of_fence("leave", " depot ").as_deref(), Some("geofence_exit:depot"));
        assert_eq!(of_fence("DWELL", "").as_deref(), Some("geofence_dwell:"));
        assert_eq!(of_fence("paint", "home"), None);
    }

    #[test]
    fn a_call_for_help_and_fences_are_alerts_and_nothing_else_is() {
        assert_eq!(alert_of("sos"), Some((AlertKind::Sos, None)));
        let entered = alert_of(&of_fence("enter", "gate: north").expect("a fence"));
        assert_eq!(entered, Some((AlertKind::Enter, Some("gate: north".into()))));
        assert_eq!(alert_of("geofence_dwell:"), Some((AlertKind::Dwell, Some(String::new()))));
        for other in ["alarm:sos", "geofence_paint:x", "geofence_enter", "motionchange", ""] {
            assert_eq!(alert_of(other), None, "{other}");
        }
    }

    #[test]
    fn an_identity_fits_whatever_a_fence_is_called() {
        assert_eq!(identity("motionchange"), None);
        assert_eq!(identity("sos").as_deref(), Some("sos"));
        let long = identity(&format!("geofence_enter:{}", "ക".repeat(60))).expect("one of its own");
        assert!(long.len() <= UUID_MAX && long.starts_with("geofence_enter:ക"), "{long}");
    }
}
