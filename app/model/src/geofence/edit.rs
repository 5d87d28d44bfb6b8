//! What makes and changes a fence.

use super::{FenceRules, Geofence, Shape};
use crate::{Scope, Time};
use serde::{Deserialize, Serialize};

/// The body that makes a fence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewGeofence {
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, example = "Depot"))]
    pub name: String,
    /// Whose units it is for; the caller's own scope where it is left out.
    #[serde(default)]
    pub scope: Option<Scope>,
    pub shape: Shape,
    /// Nothing is told where it is left out.
    #[serde(default)]
    pub on: FenceRules,
    #[serde(default = "yes")]
    #[cfg_attr(feature = "openapi", schema(default = true))]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// The body that changes a fence; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct GeofencePatch {
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    pub name: Option<String>,
    pub scope: Option<Scope>,
    pub shape: Option<Shape>,
    /// All of them anew: what is absent in it is told no more.
    pub on: Option<FenceRules>,
    pub enabled: Option<bool>,
}

impl GeofencePatch {
    /// The fence as it is from `now` on. Whoever watches it begins anew where more than its name
    /// is another: by `updated_at`, which never stays the same then.
    pub fn apply(self, before: &Geofence, now: Time) -> Geofence {
        let named = Geofence { name: self.name.unwrap_or_else(|| before.name.clone()), ..before.clone() };
        let after = Geofence {
            scope: self.scope.unwrap_or(before.scope),
            shape: self.shape.unwrap_or_else(|| before.shape.clone()),
            on: self.on.unwrap_or(before.on),
            enabled: self.enabled.unwrap_or(before.enabled),
            ..named.clone()
        };
        let updated_at =
            if after == named { before.updated_at } else { now.max(before.updated_at.plus_ms(1)) };
        Geofence { updated_at, ..after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geofence::Circle;

    fn fence() -> Geofence {
        Geofence {
            id: "f1".into(),
            name: "Depot".into(),
            scope: Scope::station(5),
            shape: Shape::Circle(Circle { latitude: 9.5, longitude: 76.25, radius_m: 150.0 }),
            on: FenceRules { enter: true, ..FenceRules::default() },
            enabled: true,
            created_at: Time(1_000),
            updated_at: Time(1_000),
            created_by: "user:chief5".into(),
        }
    }

    fn changed(json: &str, now: i64) -> Geofence {
        serde_json::from_str::<GeofencePatch>(json).expect("reads").apply(&fence(), Time(now))
    }

    #[test]
    fn a_new_fence_is_enabled_and_silent_about_all_but_what_it_says() {
        let json =
            r#"{"name":"Depot","shape":{"type":"circle","latitude":9.5,"longitude":76.25,"radius_m":150}}"#;
        let new: NewGeofence = serde_json::from_str(json).expect("reads");
        assert_eq!((new.scope, new.on, new.enabled), (None, FenceRules::default(), true));
        let misspelt = json.replace("name", "title");
        assert!(serde_json::from_str::<NewGeofence>(&misspelt).is_err());
    }

    #[test]
    fn what_is_absent_stays_and_a_change_that_is_watched_is_dated() {
        assert_eq!(changed("{}", 2_000), fence());
        let renamed = changed(r#"{"name":"Yard"}"#, 2_000);
        assert_eq!((renamed.name.as_str(), renamed.updated_at), ("Yard", Time(1_000)));
        assert_eq!(changed(r#"{"enabled":true,"scope":"station:5"}"#, 2_000), fence(), "as it was");
        for change in [
            r#"{"enabled":false}"#,
            r#"{"scope":"zone:3"}"#,
            r#"{"on":{"exit":true}}"#,
            r#"{"shape":{"type":"circle","latitude":9.5,"longitude":76.25,"radius_m":151}}"#,
        ] {
            assert_eq!(changed(change, 2_000).updated_at, Time(2_000), "{change}");
            assert_eq!(changed(change, 1_000).updated_at, Time(1_001), "{change} within the same moment");
        }
        let rules = changed(r#"{"on":{"exit":true}}"#, 2_000).on;
        assert_eq!(rules, FenceRules { exit: true, ..FenceRules::default() });
        assert!(serde_json::from_str::<GeofencePatch>(r#"{"rules":{}}"#).is_err());
    }
}
