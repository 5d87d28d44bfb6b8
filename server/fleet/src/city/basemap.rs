//! The bundled basemap, `public/basemap/kochi.geojson`, as the field tools need it.
//!
//! The browser draws the same file; a unit that drives a road here is on that road there.

use super::geo::Place;
use serde::Deserialize;
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
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

#[derive(Deserialize)]
struct Collection {
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    properties: Properties,
    geometry: Geometry,
}

#[derive(Deserialize)]
struct Properties {
    kind: String,
    #[serde(default)]
    class: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    bridge: bool,
    #[serde(default)]
    station: Option<u32>,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Point([f64; 2]),
    LineString(Vec<[f64; 2]>),
    Polygon(Vec<Vec<[f64; 2]>>),
}

fn place([lon, lat]: [f64; 2]) -> Place {
    Place { lat, lon }
}

fn parse(text: &str) -> Result<Basemap, serde_json::Error> {
    use serde::de::{IntoDeserializer, value::StrDeserializer};
    let collection: Collection = serde_json::from_str(text)?;
    let mut map = Basemap { roads: Vec::new(), land: Vec::new(), water: Vec::new(), stations: Vec::new() };
    for Feature { properties, geometry } in collection.features {
        match (properties.kind.as_str(), geometry) {
            ("road", Geometry::LineString(line)) => {
                let class = properties.class.as_deref().unwrap_or("street");
                let class: StrDeserializer<serde_json::Error> = class.into_deserializer();
                map.roads.push(Road {
                    class: RoadClass::deserialize(class)?,
                    name: properties.name,
                    bridge: properties.bridge,
                    line: line.into_iter().map(place).collect(),
                });
            }
            (kind @ ("land" | "water"), Geometry::Polygon(rings)) => {
                let rings = rings.into_iter().map(|ring| ring.into_iter().map(place).collect()).collect();
                if kind == "land" { map.land.push(rings) } else { map.water.push(rings) }
            }
            ("station_site", Geometry::Point(at)) => map.stations.push(Site {
                number: properties.station.unwrap_or(0),
                name: properties.name.unwrap_or_default(),
                place: place(at),
            }),
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
