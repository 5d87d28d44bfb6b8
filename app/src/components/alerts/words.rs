//! An alert in words.

use crate::format::{ago, coordinates, span};
use sentinel_model::{
    Scope, Time,
    alerts::{Alert, AlertKind},
};

/// Between what a device says of itself and when it is heard: longer, and it had no network.
const LATE_MS: i64 = 2 * 60_000;

pub fn kind(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Sos => "SOS",
        AlertKind::Enter => "Entered",
        AlertKind::Exit => "Left",
        AlertKind::Dwell => "Stays",
        AlertKind::Overspeed => "Too fast",
        AlertKind::Stale => "Silent",
        AlertKind::Offline => "Offline",
        AlertKind::LowBattery => "Low battery",
    }
}

/// `SOS`, `Entered Depot`, `Too fast in Depot`
pub fn what(alert: &Alert) -> String {
    let word = kind(alert.kind);
    let fence = alert.fence.as_deref();
    match alert.kind {
        AlertKind::Sos => word.into(),
        AlertKind::Enter | AlertKind::Exit => format!("{word} {}", fence.unwrap_or("a fence")),
        AlertKind::Dwell => format!("{word} in {}", fence.unwrap_or("a fence")),
        AlertKind::Overspeed | AlertKind::Stale | AlertKind::Offline | AlertKind::LowBattery => {
            fence.map_or_else(|| word.into(), |fence| format!("{word} in {fence}"))
        }
    }
}

/// The unit's name and id, which may be the same.
pub fn who(alert: &Alert) -> String {
    match alert.unit_name == alert.unit_id.as_str() || alert.unit_name.is_empty() {
        true => alert.unit_id.to_string(),
        false => format!("{} ({})", alert.unit_name, alert.unit_id),
    }
}

/// Whether the device called long before it was heard.
pub fn is_late(alert: &Alert) -> bool {
    alert.at.ms_since(alert.time) > LATE_MS
}

/// `12 s ago`; of one that comes late both.
pub fn when(alert: &Alert, now: Time) -> String {
    let happened = ago(now.ms_since(alert.time));
    if !is_late(alert) {
        return happened;
    }
    let verb = if alert.kind == AlertKind::Sos { "called " } else { "" };
    format!("{verb}{happened}, heard {}", ago(now.ms_since(alert.at)))
}

/// To whom it was passed on; a scope that the viewer does not see has no name for them.
pub fn passed_on(to: Scope, name: Option<String>) -> String {
    format!("Escalated to {}", name.unwrap_or_else(|| format!("the {} above", to.level.as_str())))
}

/// Where it was, and how well that is known.
pub fn place(alert: &Alert) -> String {
    let Some(place) = alert.place else { return "No place known".into() };
    let at = coordinates(place.latitude, place.longitude);
    match alert.time.ms_since(place.time) {
        old if old > LATE_MS => format!("{at}, the last known place, {} before", span(old)),
        // It called without a place, was heard late, and had said where it is meanwhile.
        old if old < -LATE_MS => format!("{at}, the last known place, {} after", span(-old)),
        _ => at,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use sentinel_model::{Level, alerts::AlertPlace};

    pub fn alert(kind: AlertKind) -> Alert {
        Alert {
            id: "a".into(),
            kind,
            unit_id: "PC-7".parse().expect("a good id"),
            unit_name: "Car 7".into(),
            patrol_id: None,
            station: Scope::station(5),
            at: Time(10_000_000),
            time: Time(9_999_000),
            place: None,
            fence: None,
            acknowledged: None,
            fence_id: None,
            escalated: Vec::new(),
        }
    }

    #[test]
    fn an_alert_that_was_heard_late_says_when_it_was_called() {
        let fresh = alert(AlertKind::Sos);
        assert_eq!(when(&fresh, Time(10_011_000)), "12 s ago");
        let late = Alert { time: fresh.at.plus_ms(-7_200_000), ..fresh };
        assert_eq!(when(&late, late.at.plus_ms(5_000)), "called 2 h ago, heard 5 s ago");
    }

    #[test]
    fn who_does_not_see_the_scope_above_is_told_its_level() {
        let zone = Scope::new(Level::Zone, 3);
        assert_eq!(passed_on(zone, Some("South".into())), "Escalated to South");
        assert_eq!(passed_on(zone, None), "Escalated to the zone above");
    }

    #[test]
    fn a_place_says_whether_it_is_of_another_time() {
        let none = alert(AlertKind::Sos);
        assert_eq!(place(&none), "No place known");
        let at = |time| Some(AlertPlace { latitude: 9.5, longitude: 76.25, time });
        let here = Alert { place: at(none.time), ..none.clone() };
        assert_eq!(place(&here), "9.50000, 76.25000");
        let earlier = Alert { place: at(none.time.plus_ms(-40 * 60_000)), ..none.clone() };
        assert_eq!(place(&earlier), "9.50000, 76.25000, the last known place, 40 min before");
        let later = Alert { place: at(none.time.plus_ms(2 * 3_600_000)), ..none };
        assert_eq!(place(&later), "9.50000, 76.25000, the last known place, 2 h 00 min after");
    }

    #[test]
    fn a_fence_is_called_by_its_name() {
        let fence = |kind, name: Option<&str>| Alert { fence: name.map(Into::into), ..alert(kind) };
        assert_eq!(what(&fence(AlertKind::Enter, Some("Depot"))), "Entered Depot");
        assert_eq!(what(&fence(AlertKind::Dwell, Some("Depot"))), "Stays in Depot");
        assert_eq!(what(&fence(AlertKind::Exit, None)), "Left a fence");
        assert_eq!(what(&fence(AlertKind::Overspeed, Some("Depot"))), "Too fast in Depot");
        assert_eq!(what(&fence(AlertKind::LowBattery, None)), "Low battery");
        assert_eq!(who(&fence(AlertKind::Exit, None)), "Car 7 (PC-7)");
    }
}
