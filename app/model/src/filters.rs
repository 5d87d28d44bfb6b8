//! Which positions move a unit's marker: settings of a scope.

use crate::Scope;
use serde::{Deserialize, Serialize};

/// What keeps a position from being shown; what is absent keeps none. History has them all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Filters {
    /// Less exact than this, in metres.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100_000, example = 200.0))]
    pub poor_accuracy_m: Option<f32>,
    /// So far from the shown one that the unit would have been faster, in metres per second.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000, example = 70.0))]
    pub max_speed_mps: Option<f32>,
    /// Sooner after the shown one, in seconds.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 3_600, example = 5))]
    pub min_period_s: Option<u32>,
    /// Nearer to the shown one, in metres.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100_000, example = 10.0))]
    pub min_distance_m: Option<f32>,
    /// Called invalid by the device itself (`valid=false`).
    pub invalid: bool,
    /// Nearer to the shown one than the accuracies of both together.
    pub within_accuracies: bool,
    /// A position is shown all the same when the shown one is this old, in seconds; 300 where
    /// nothing is said.
    #[cfg_attr(feature = "openapi", schema(minimum = 10, maximum = 86_400, example = 300))]
    pub keep_after_s: Option<u32>,
}

impl Filters {
    pub const KEEP_AFTER_S: u32 = 300;

    pub fn keep_after_s(&self) -> u32 {
        self.keep_after_s.unwrap_or(Self::KEEP_AFTER_S)
    }

    /// Whether each is within what makes sense.
    pub fn check(&self) -> Result<(), FiltersError> {
        let within = |name, value: Option<f64>, least: f64, most: f64| match value {
            Some(value) if !(least..=most).contains(&value) => Err(FiltersError { name, least, most, value }),
            _ => Ok(()),
        };
        within("poor_accuracy_m", self.poor_accuracy_m.map(Into::into), 1.0, 100_000.0)?;
        within("max_speed_mps", self.max_speed_mps.map(Into::into), 1.0, 1_000.0)?;
        within("min_period_s", self.min_period_s.map(Into::into), 1.0, 3_600.0)?;
        within("min_distance_m", self.min_distance_m.map(Into::into), 1.0, 100_000.0)?;
        within("keep_after_s", self.keep_after_s.map(Into::into), 10.0, 86_400.0)
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} is from {least} to {most}, not {value}")]
pub struct FiltersError {
    name: &'static str,
    least: f64,
    most: f64,
    value: f64,
}

/// The filters that hold in a scope.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScopeFilters {
    /// Whose they are: the scope's own, or those of the nearest above it that has some. None
    /// where nothing is set, or above what the viewer may see.
    pub scope: Option<Scope>,
    pub filters: Filters,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_has_its_bounds_and_a_misspelt_one_is_refused() {
        let read = |text: &str| serde_json::from_str::<Filters>(text);
        for good in ["{}", r#"{"max_speed_mps": 70}"#, r#"{"within_accuracies": true, "keep_after_s": 10}"#] {
            assert_eq!(read(good).expect("reads").check(), Ok(()), "{good}");
        }
        for bad in [
            r#"{"max_speed_mps": 0}"#,
            r#"{"poor_accuracy_m": -1}"#,
            r#"{"min_distance_m": 1e30}"#,
            r#"{"min_period_s": 3601}"#,
            r#"{"keep_after_s": 9}"#,
        ] {
            assert!(read(bad).expect("reads").check().is_err(), "{bad}");
        }
        assert!(read(r#"{"max_speed": 70}"#).is_err());
        assert_eq!(Filters::default().keep_after_s(), 300);
    }
}
