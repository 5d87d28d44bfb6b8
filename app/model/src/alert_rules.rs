//! What a scope is told of its units: settings of a scope.

use crate::Scope;
use serde::{Deserialize, Serialize};
use std::{fmt::Display, ops::RangeInclusive};

/// What raises an alert of a unit on patrol; what is absent raises none. Calls for help and fences
/// raise theirs whatever stands here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AlertRules {
    /// Nothing was heard of it for a while.
    pub stale: bool,
    /// … for longer.
    pub offline: bool,
    /// Its device's battery is down to this, as a fraction of a full one.
    #[cfg_attr(feature = "openapi", schema(minimum = 0.01, maximum = 0.9, example = 0.15))]
    pub low_battery: Option<f32>,
    /// It is faster than this, in metres per second.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100, example = 33.3))]
    pub speed_limit_mps: Option<f64>,
    /// Any alert that nobody has taken for so long, in seconds, is passed on to the scope above.
    #[cfg_attr(feature = "openapi", schema(minimum = 30, maximum = 86_400, example = 300))]
    pub escalate_after_s: Option<u32>,
}

impl AlertRules {
    /// Whether each is within what makes sense.
    pub fn check(&self) -> Result<(), AlertRulesError> {
        within("low_battery", self.low_battery, 0.01..=0.9)?;
        within("speed_limit_mps", self.speed_limit_mps, 1.0..=100.0)?;
        within("escalate_after_s", self.escalate_after_s, 30..=86_400)
    }
}

fn within<T: PartialOrd + Display>(
    name: &'static str,
    value: Option<T>,
    range: RangeInclusive<T>,
) -> Result<(), AlertRulesError> {
    match value {
        Some(value) if !range.contains(&value) => {
            let (least, most) = (range.start().to_string(), range.end().to_string());
            Err(AlertRulesError { name, least, most, value: value.to_string() })
        }
        _ => Ok(()),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is from {least} to {most}, not {value}")]
pub struct AlertRulesError {
    name: &'static str,
    least: String,
    most: String,
    value: String,
}

/// The alert rules that hold in a scope.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScopeAlertRules {
    /// Whose they are: the scope's own, or those of the nearest above it that has some. None
    /// where nothing is set, or above what the viewer may see.
    pub scope: Option<Scope>,
    pub rules: AlertRules,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_its_bounds_and_a_misspelt_one_is_refused() {
        let read = |text: &str| serde_json::from_str::<AlertRules>(text);
        for good in [
            "{}",
            r#"{"stale": true, "offline": true}"#,
            r#"{"low_battery": 0.01, "speed_limit_mps": 1, "escalate_after_s": 30}"#,
            r#"{"low_battery": 0.9, "speed_limit_mps": 100, "escalate_after_s": 86400}"#,
        ] {
            assert_eq!(read(good).expect("reads").check(), Ok(()), "{good}");
        }
        for (bad, said) in [
            (r#"{"low_battery": 0.95}"#, "low_battery is from 0.01 to 0.9, not 0.95"),
            (r#"{"low_battery": 0}"#, "low_battery is from 0.01 to 0.9, not 0"),
            (r#"{"speed_limit_mps": 0.5}"#, "speed_limit_mps is from 1 to 100, not 0.5"),
            (r#"{"speed_limit_mps": 101}"#, "speed_limit_mps is from 1 to 100, not 101"),
            (r#"{"escalate_after_s": 29}"#, "escalate_after_s is from 30 to 86400, not 29"),
        ] {
            let refused = read(bad).expect("reads").check().expect_err(bad);
            assert_eq!(refused.to_string(), said);
        }
        assert!(AlertRules { low_battery: Some(f32::NAN), ..AlertRules::default() }.check().is_err());
        assert!(read(r#"{"silent": true}"#).is_err());
    }
}
