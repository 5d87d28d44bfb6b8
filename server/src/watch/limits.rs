//! What a scope's rules say of each of its units, wherever it is: too fast, or its battery low.
//! Each is told once, until it has clearly ended.

use super::Sighting;
use sentinel_model::{
    alert_rules::AlertRules,
    alerts::{AlertKind, AlertPlace},
};
use serde::{Deserialize, Serialize};

/// Of a speed limit; below it hurrying ends.
const SLOW_AGAIN: f64 = 0.9;
/// So much more than what is low is enough again, of 1.
const CHARGED: f32 = 0.05;

/// What is remembered of a unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    is_hurrying: bool,
    is_low: bool,
}

/// Whether rules say anything of single positions.
pub fn concern(rules: &AlertRules) -> bool {
    rules.speed_limit_mps.is_some() || rules.low_battery.is_some()
}

impl Limits {
    /// Looks at a position that is newer than all before.
    pub fn step(&mut self, at: &Sighting, rules: &AlertRules) -> Vec<(AlertKind, AlertPlace)> {
        let before = *self;
        match (rules.speed_limit_mps, at.speed_mps.map(f64::from)) {
            (None, _) => self.is_hurrying = false,
            (Some(limit), Some(speed)) if speed > limit => self.is_hurrying = true,
            (Some(limit), Some(speed)) if speed < limit * SLOW_AGAIN => self.is_hurrying = false,
            (Some(_), _) => {}
        }
        match (rules.low_battery, at.battery) {
            (None, _) => self.is_low = false,
            (Some(low), Some(battery)) if battery <= low => self.is_low = true,
            (Some(low), Some(battery)) if battery > low + CHARGED => self.is_low = false,
            (Some(_), _) => {}
        }
        let place = AlertPlace { latitude: at.latitude, longitude: at.longitude, time: at.time };
        let hurries = (self.is_hurrying && !before.is_hurrying).then_some(AlertKind::Overspeed);
        let is_low = (self.is_low && !before.is_low).then_some(AlertKind::LowBattery);
        hurries.into_iter().chain(is_low).map(|kind| (kind, place)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::Time;

    const RULES: AlertRules = AlertRules {
        stale: false,
        offline: false,
        low_battery: Some(0.2),
        speed_limit_mps: Some(20.0),
        escalate_after_s: None,
    };

    fn at(seconds: i64, speed_mps: Option<f32>, battery: Option<f32>) -> Sighting {
        let time = Time(1_795_226_400_000 + seconds * 1000);
        Sighting { time, latitude: 9.9, longitude: 76.2, speed_mps, accuracy_m: None, battery }
    }

    fn told(rules: &AlertRules, track: &[Sighting]) -> Vec<(AlertKind, i64)> {
        let mut limits = Limits::default();
        let seconds = |place: AlertPlace| place.time.ms_since(at(0, None, None).time) / 1000;
        let told = track.iter().flat_map(|at| limits.step(at, rules));
        told.map(|(kind, place)| (kind, seconds(place))).collect()
    }

    #[test]
    fn hurrying_is_told_once_until_it_has_clearly_ended() {
        let speeds = [20.0, 20.1, 40.0, 18.1, 20.1, 17.9, 20.0, 20.1];
        let track: Vec<_> = (1..).zip(speeds).map(|(n, mps)| at(n, Some(mps), None)).collect();
        assert_eq!(told(&RULES, &track), [(AlertKind::Overspeed, 2), (AlertKind::Overspeed, 8)]);
    }

    #[test]
    fn a_low_battery_is_told_once_until_it_is_charged() {
        let charges = [0.21, 0.2, 0.1, 0.24, 0.19, 0.26, 0.2];
        let track: Vec<_> = (1..).zip(charges).map(|(n, charge)| at(n, None, Some(charge))).collect();
        assert_eq!(told(&RULES, &track), [(AlertKind::LowBattery, 2), (AlertKind::LowBattery, 7)]);
    }

    #[test]
    fn what_a_device_does_not_say_changes_nothing_and_what_is_no_rule_is_not_told() {
        let track = [at(1, Some(30.0), Some(0.1)), at(2, None, None), at(3, Some(30.0), Some(0.1))];
        assert_eq!(told(&RULES, &track), [(AlertKind::Overspeed, 1), (AlertKind::LowBattery, 1)]);
        assert_eq!(told(&AlertRules::default(), &track), []);
        assert!(concern(&RULES) && !concern(&AlertRules { offline: true, ..AlertRules::default() }));
    }
}
