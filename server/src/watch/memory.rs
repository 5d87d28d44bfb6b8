//! What is remembered of a unit over the end of its owner.

use super::{allowance::Allowance, crossing::State, limits::Limits};
use sentinel_model::{Location, Time, UnitId};
use serde::{Deserialize, Serialize};

/// As JSON: what an older program did not remember begins as it would of a new unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    pub crossings: State,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub allowance: Allowance,
}

impl Memory {
    /// None where that reads as nothing, or no position was looked at.
    pub fn read(text: &str) -> Option<Self> {
        let memory: Self = serde_json::from_str(text).ok()?;
        memory.crossings.seen_until().is_some().then_some(memory)
    }

    /// With the time of the last position that was looked at; none where none was.
    pub fn write(&self) -> Option<(Time, String)> {
        Some((self.crossings.seen_until()?, serde_json::to_string(self).ok()?))
    }

    /// Where the unit was last seen, as much as is remembered of that.
    pub fn last(&self, unit: &UnitId) -> Option<Location> {
        let (time, (latitude, longitude)) = self.crossings.seen_until().zip(self.crossings.seen_at())?;
        Some(Location {
            unit_id: unit.clone(),
            patrol_id: None,
            latitude,
            longitude,
            speed_mps: None,
            heading_deg: None,
            accuracy_m: None,
            battery: None,
            time,
            received_at: time,
        })
    }
}
