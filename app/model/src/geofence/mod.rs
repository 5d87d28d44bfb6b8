//! Geofences: areas of the map of which it is told when units come, stay, hurry and go.

mod check;
mod edit;
mod shape;

pub use check::GeofenceError;
pub use edit::{GeofencePatch, NewGeofence};
pub use shape::{Bounds, Circle, Polygon, Shape};

use crate::{Scope, Time};
use serde::{Deserialize, Serialize};

/// The longest name, in characters.
pub const NAME_MAX: usize = 100;
/// Fences that there may be: whoever watches holds all of them.
pub const FENCES_MAX: usize = 10_000;
/// Degrees north and south of which there are no fences: too near a pole an outline in degrees
/// says nothing.
pub const LATITUDE_MAX: f64 = 85.0;
pub const RADIUS_MIN_M: f64 = 10.0;
pub const RADIUS_MAX_M: f64 = 100_000.0;
pub const POINTS_MIN: usize = 3;
pub const POINTS_MAX: usize = 500;
/// Degrees of longitude that a polygon is narrower than.
pub const WIDTH_MAX: f64 = 180.0;

/// An area, and what is told of the units of its scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Geofence {
    pub id: String,
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, example = "Depot"))]
    pub name: String,
    /// Whose units it is for: those of all stations in it.
    pub scope: Scope,
    pub shape: Shape,
    pub on: FenceRules,
    pub enabled: bool,
    pub created_at: Time,
    /// When its shape, scope or rules last changed, or when it was last switched on or off.
    pub updated_at: Time,
    /// `user:chief5` or `key:1f…`.
    pub created_by: String,
}

/// What is told of a unit on patrol; what is absent is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct FenceRules {
    /// It came in.
    pub enter: bool,
    /// It left.
    pub exit: bool,
    /// It has been in for so long, in seconds; once for each stay.
    #[cfg_attr(feature = "openapi", schema(minimum = 30, maximum = 86_400, example = 900))]
    pub dwell_s: Option<u32>,
    /// It is faster than this while it is in, in metres per second; once until it is slower
    /// again. Of devices that say how fast they are.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100, example = 13.9))]
    pub speed_limit_mps: Option<f64>,
    /// It falls silent while it is in.
    pub silent: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(shape: Shape) -> Geofence {
        Geofence {
            id: "f1".into(),
            name: "Depot".into(),
            scope: Scope::station(5),
            shape,
            on: FenceRules { enter: true, dwell_s: Some(900), ..FenceRules::default() },
            enabled: true,
            created_at: Time(1_795_226_400_000),
            updated_at: Time(1_795_226_400_000),
            created_by: "user:chief5".into(),
        }
    }

    #[test]
    fn a_fence_survives_both_encodings() {
        for shape in [
            Shape::Circle(Circle { latitude: 9.5, longitude: 76.25, radius_m: 150.0 }),
            Shape::Polygon(Polygon { points: vec![(9.5, 76.25), (9.5, 76.5), (9.75, 76.5)] }),
        ] {
            let fence = fence(shape);
            let json = serde_json::to_string(&fence).expect("encodes");
            assert_eq!(serde_json::from_str::<Geofence>(&json).expect("decodes"), fence, "{json}");
            let binary = postcard::to_allocvec(&fence).expect("encodes");
            assert_eq!(postcard::from_bytes::<Geofence>(&binary), Ok(fence));
        }
    }

    #[test]
    fn json_says_the_shape_s_type_and_leaves_rules_out_that_are_not_wanted() {
        let fence = fence(Shape::Polygon(Polygon { points: vec![(9.5, 76.25), (9.5, 76.5), (9.75, 76.5)] }));
        let json = serde_json::to_string(&fence).expect("encodes");
        assert!(
            json.contains(r#""shape":{"type":"polygon","points":[[9.5,76.25],[9.5,76.5],[9.75,76.5]]}"#),
            "{json}"
        );
        let circle = r#"{"type":"circle","latitude":9.5,"longitude":76.25,"radius_m":150}"#;
        let read: Shape = serde_json::from_str(circle).expect("reads");
        assert_eq!(read, Shape::Circle(Circle { latitude: 9.5, longitude: 76.25, radius_m: 150.0 }));
        let rules: FenceRules = serde_json::from_str(r#"{"exit":true}"#).expect("reads");
        assert_eq!(rules, FenceRules { exit: true, ..FenceRules::default() });
        assert!(serde_json::from_str::<FenceRules>(r#"{"entry":true}"#).is_err());
    }
}
