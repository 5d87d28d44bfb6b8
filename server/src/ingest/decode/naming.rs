//! Whom a body or a record names.

use super::{Named, leaf::Leaf, record::Members};

/// All the names given, of which the first of the most exact kind counts: a unit's
/// own id, before its patrol's, before whatever a device calls itself.
#[derive(Default)]
pub struct Naming {
    unit: Option<String>,
    patrol: Option<String>,
    device: Option<String>,
}

impl Naming {
    pub fn take(&mut self, name: &str, leaf: Leaf) {
        let slot = match name {
            "unit_id" => &mut self.unit,
            "patrol_id" => &mut self.patrol,
            "device_id" => &mut self.device,
            _ => return,
        };
        *slot = slot.take().or(leaf.text().filter(|text| !text.is_empty()));
    }

    /// The names among members that may read only in part.
    pub fn among(members: &Members<'_>) -> Self {
        let mut naming = Self::default();
        for name in ["unit_id", "patrol_id", "device_id"] {
            if let Some(leaf) = members.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()) {
                naming.take(name, leaf);
            }
        }
        naming
    }

    pub fn is_empty(&self) -> bool {
        self.unit.is_none() && self.patrol.is_none() && self.device.is_none()
    }

    pub fn chosen(self) -> Option<Named> {
        let unit = self.unit.map(Named::Unit);
        let device = self.device.map(|device| Named::Device(vec![device]));
        unit.or(self.patrol.map(Named::Patrol)).or(device)
    }
}
