//! What the geo index is asked, so that nobody within a radius is missed.
//!
//! The index rounds places (by less than a metre) and measures on a slightly larger sphere.
//! Near the poles its searches miss who is there, and it takes no place beyond
//! [`LATITUDE_MAX`]: who is beyond is held at that latitude, and a search that reaches above
//! [`TRUSTED_TO`] looks at everyone. Longitude 180 it loses; -180 is the same meridian.

use crate::geo::M_PER_DEG_LATITUDE;

/// Of Redis: Web Mercator's edge, rounded down.
pub const LATITUDE_MAX: f64 = 85.05;
/// Degrees north and south; beyond all but a few research stations.
const TRUSTED_TO: f64 = 80.0;
/// The sphere is larger by 0.03 %.
const LARGER: f64 = 1.001;
const ROUNDED_M: f64 = 2.0;
/// Where a search begins; see [`rings`].
const FIRST_RADIUS_M: f64 = 250.0;
const WIDENED_BY: f64 = 2.0;

#[derive(Debug, PartialEq)]
pub enum Area {
    Circle { latitude: f64, longitude: f64, radius_m: f64 },
    Everywhere,
}

impl Area {
    pub fn around((latitude, longitude): (f64, f64), radius_m: f64) -> Self {
        if latitude.abs() + radius_m / M_PER_DEG_LATITUDE > TRUSTED_TO {
            return Self::Everywhere;
        }
        let longitude = if longitude == 180.0 { -180.0 } else { longitude };
        Self::Circle { latitude, longitude, radius_m: radius_m * LARGER + ROUNDED_M }
    }
}

/// Radii to search one after the other, up to the one given, until enough is found.
pub fn rings(radius_m: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(FIRST_RADIUS_M.min(radius_m)), move |last| {
        (*last < radius_m).then(|| (last * WIDENED_BY).min(radius_m))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_widen_up_to_the_radius() {
        assert_eq!(rings(100.0).collect::<Vec<_>>(), [100.0]);
        assert_eq!(rings(250.0).collect::<Vec<_>>(), [250.0]);
        assert_eq!(rings(5_000.0).collect::<Vec<_>>(), [250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 5_000.0]);
        assert_eq!(rings(0.0).collect::<Vec<_>>(), [0.0]);
    }

    #[test]
    fn only_what_reaches_towards_the_poles_looks_at_everyone() {
        for (latitude, radius_m, is_everywhere) in [
            (9.9, 500_000.0, false),
            (-78.2, 50_000.0, false),
            (78.2, 500_000.0, true),
            (-90.0, 0.0, true),
            (0.0, 12_000_000.0, true),
        ] {
            let area = Area::around((latitude, 180.0), radius_m);
            assert_eq!(area == Area::Everywhere, is_everywhere, "{latitude} {radius_m}: {area:?}");
        }
    }
}
