//! Who could attend to a task.

use crate::{Location, Scope, UnitId};
use serde::{Deserialize, Serialize};

/// A free unit, and how long it would take to a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NearestUnit {
    pub unit_id: UnitId,
    #[cfg_attr(feature = "openapi", schema(example = "Kadavanthra car 1"))]
    pub name: String,
    pub kind: String,
    pub station: Scope,
    pub location: Location,
    /// Along the way, as it is estimated.
    #[cfg_attr(feature = "openapi", schema(example = 1830.0))]
    pub distance_m: f64,
    /// Seconds until it would arrive, as it is estimated.
    #[cfg_attr(feature = "openapi", schema(example = 214.0))]
    pub eta_s: f64,
}
