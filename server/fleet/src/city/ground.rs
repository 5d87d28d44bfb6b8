//! Land and water.

use super::{basemap, geo::Place};

/// Whether a place of the demo city is on land. Outside the basemap nothing is.
pub fn is_land(place: Place) -> bool {
    basemap::kochi().land.iter().any(|rings| inside(rings, place))
}

/// Even-odd over all rings, so that holes count as outside.
fn inside(rings: &[Vec<Place>], p: Place) -> bool {
    let crossings = rings
        .iter()
        .flat_map(|ring| ring.windows(2))
        .filter(|edge| {
            let (a, b) = (edge[0], edge[1]);
            (a.lat > p.lat) != (b.lat > p.lat)
                && p.lon < a.lon + (p.lat - a.lat) / (b.lat - a.lat) * (b.lon - a.lon)
        })
        .count();
    crossings % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::geo::Spot;

    #[test]
    fn places_are_on_the_side_of_the_shore_that_one_expects() {
        let land = |lat, lon| is_land(Place { lat, lon });
        // Kadavanthra, Fort Kochi, Willingdon Island, Vypin, Bolgatty, Aluva
        for (lat, lon) in [
            (9.966, 76.299),
            (9.964, 76.243),
            (9.95, 76.273),
            (10.02, 76.228),
            (9.983, 76.2672),
            (10.105, 76.357),
        ] {
            assert!(land(lat, lon), "{lat} {lon}");
        }
        // the sea, the harbour mouth, the channel off Marine Drive, Vembanad Lake
        for (lat, lon) in [(9.95, 76.20), (9.971, 76.242), (9.975, 76.272), (9.79, 76.375), (9.95, 75.0)] {
            assert!(!land(lat, lon), "{lat} {lon}");
        }
    }

    #[test]
    fn roads_cross_water_on_bridges_only() {
        for road in basemap::kochi().roads.iter().filter(|r| !r.bridge) {
            for edge in road.line.windows(2) {
                let (a, b): (Spot, Spot) = (edge[0].spot(), edge[1].spot());
                let steps = (a.distance_m(b) / 15.0).ceil().max(1.0);
                let mut step = 0.0;
                while step <= steps {
                    let place = a.toward(b, step / steps).place();
                    assert!(is_land(place), "{:?} {:?} wades at {place:?}", road.class, road.name);
                    step += 1.0;
                }
            }
        }
    }
}
