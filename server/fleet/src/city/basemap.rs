//! The bundled basemap, `public/basemap/kochi.geojson`, as the field tools need it.
//!
//! The browser draws the same file; a unit that drives a road here is on that road there.

use super::geo::Place;
use sentinel_model::outline::{self, Line, Shape};
use std::sync::LazyLock;

const KOCHI: &str = include_str!("../../../../public/basemap/kochi.geojson");

/// What of the basemap matters off screen.
pub struct Basemap {
    pub roads: Vec<Road>,
    /// Each polygon: its outline, then its holes.
    pub land: Vec<Vec<Vec<Place>>>,
    pub water: Vec<Vec<Vec<Place>>>,
    pub stations: Vec<Site>,
}

pub struct Road {
    pub class: RoadClass,
    pub name: Option<String>,
    pub bridge: bool,
    pub line: Vec<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoadClass {
    Motorway,
    Primary,
    Secondary,
    Street,
}

pub struct Site {
    pub number: u32,
    pub name: String,
    pub place: Place,
}

/// The demo city's basemap, read once.
pub fn kochi() -> &'static Basemap {
    static BASEMAP: LazyLock<Basemap> =
        LazyLock::new(|| parse(KOCHI).expect("the bundled basemap is well formed; a test reads it"));
    &BASEMAP
}

fn place([lon, lat]: [f64; 2]) -> Place {
    Place { lat, lon }
}

fn places(Line(points): Line) -> Vec<Place> {
    points.into_iter().map(place).collect()
}

fn road_class(word: Option<&str>) -> RoadClass {
    match word {
        Some("motorway") => RoadClass::Motorway,
        Some("primary") => RoadClass::Primary,
        Some("secondary") => RoadClass::Secondary,
        _ => RoadClass::Street,
    }
}

fn parse(text: &str) -> Result<Basemap, serde_json::Error> {
    let mut map = Basemap { roads: Vec::new(), land: Vec::new(), water: Vec::new(), stations: Vec::new() };
    for feature in outline::Basemap::from_geojson(text)?.features {
        match (feature.kind.as_str(), feature.shape) {
            ("road", Shape::Lines(lines)) => map.roads.extend(lines.into_iter().map(|line| Road {
                class: road_class(feature.class.as_deref()),
                name: feature.name.clone(),
                bridge: feature.bridge,
                line: places(line),
            })),
            (kind @ ("land" | "water"), Shape::Areas(areas)) => {
                let rings = areas.into_iter().map(|rings| rings.into_iter().map(places).collect());
                if kind == "land" { map.land.extend(rings) } else { map.water.extend(rings) }
            }
            ("station_site", Shape::Point(Line(at))) => {
                map.stations.extend(at.first().map(|at| Site {
                    number: feature.station.unwrap_or(0),
                    name: feature.name.unwrap_or_default(),
                    place: place(*at),
                }));
            }
            _ => {}
        }
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_basemap_reads_and_is_small_enough_to_send() {
        let map = parse(KOCHI).expect("well formed");
        assert!(map.roads.len() > 300 && map.land.len() > 10 && !map.water.is_empty());
        assert_eq!(map.stations.len(), 30);
        assert!(KOCHI.len() < 360 * 1024, "{} bytes", KOCHI.len());
        assert!(KOCHI.contains("\"note\":\"An approximate map"));
    }

    #[test]
    fn the_ways_that_people_of_the_city_name_are_there() {
        let roads = &kochi().roads;
        for name in ["NH 66", "NH 544", "MG Road", "SA Road", "Banerji Road", "Chittoor Road", "Goshree Road"]
        {
            assert!(roads.iter().any(|r| r.name.as_deref() == Some(name)), "{name}");
        }
    }
}
