//! Basemaps of our own: outlines, kept as GeoJSON and sent small.
//!
//! The server and the field tools read the GeoJSON; the page gets the same features in
//! postcard, each line as its steps in hundred-thousandths of a degree (about a metre),
//! a third of the text's size and nothing to parse.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Steps to a degree.
const STEPS: f64 = 100_000.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Basemap {
    /// West, south, east, north: within it these outlines are all there is to see.
    pub bounds: Option<[f64; 4]>,
    pub features: Vec<Feature>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// `land`, `water`, `coast`, `road`, `rail`, `place`, `station_site`.
    pub kind: String,
    pub class: Option<String>,
    pub name: Option<String>,
    /// Of a place: 1 is the most important.
    pub rank: Option<u8>,
    /// Of a road: it crosses water.
    pub bridge: bool,
    /// Of a station's site: whose.
    pub station: Option<u32>,
    pub shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    Point(Line),
    Lines(Vec<Line>),
    /// Each area: its outline, then its holes.
    Areas(Vec<Vec<Line>>),
}

/// Longitude and latitude of each point, in degrees.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line(pub Vec<[f64; 2]>);

impl Serialize for Line {
    #[expect(clippy::cast_possible_truncation, reason = "degrees in steps fit an i32")]
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut last = [0, 0];
        s.collect_seq(self.0.iter().map(|point| {
            let at = point.map(|degrees| (degrees * STEPS).round() as i32);
            let step = (at[0] - last[0], at[1] - last[1]);
            last = at;
            step
        }))
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let steps = Vec::<(i32, i32)>::deserialize(d)?;
        let mut at = (0_i32, 0_i32);
        let point = |(x, y): (i32, i32)| {
            at = (at.0.wrapping_add(x), at.1.wrapping_add(y));
            [f64::from(at.0) / STEPS, f64::from(at.1) / STEPS]
        };
        Ok(Line(steps.into_iter().map(point).collect()))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod geojson {
    use super::{Basemap, Feature, Line, Shape};
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Collection {
        #[serde(default)]
        bbox: Option<[f64; 4]>,
        features: Vec<Member>,
    }

    #[derive(Deserialize)]
    struct Member {
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
        rank: Option<u8>,
        #[serde(default)]
        bridge: bool,
        #[serde(default)]
        station: Option<u32>,
    }

    type Points = Vec<[f64; 2]>;

    #[derive(Deserialize)]
    #[serde(tag = "type", content = "coordinates")]
    enum Geometry {
        Point([f64; 2]),
        LineString(Points),
        MultiLineString(Vec<Points>),
        Polygon(Vec<Points>),
        MultiPolygon(Vec<Vec<Points>>),
    }

    impl From<Geometry> for Shape {
        fn from(geometry: Geometry) -> Self {
            let lines = |lines: Vec<Points>| lines.into_iter().map(Line).collect::<Vec<_>>();
            match geometry {
                Geometry::Point(at) => Shape::Point(Line(vec![at])),
                Geometry::LineString(points) => Shape::Lines(vec![Line(points)]),
                Geometry::MultiLineString(all) => Shape::Lines(lines(all)),
                Geometry::Polygon(rings) => Shape::Areas(vec![lines(rings)]),
                Geometry::MultiPolygon(areas) => Shape::Areas(areas.into_iter().map(lines).collect()),
            }
        }
    }

    impl Basemap {
        /// Reads GeoJSON whose features say their `kind`.
        pub fn from_geojson(text: &str) -> Result<Self, serde_json::Error> {
            let collection: Collection = serde_json::from_str(text)?;
            let feature = |member: Member| Feature {
                kind: member.properties.kind,
                class: member.properties.class,
                name: member.properties.name,
                rank: member.properties.rank,
                bridge: member.properties.bridge,
                station: member.properties.station,
                shape: member.geometry.into(),
            };
            Ok(Self {
                bounds: collection.bbox,
                features: collection.features.into_iter().map(feature).collect(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_was_kept() {
        for kept in [
            include_str!("../../../public/basemap/kochi.geojson"),
            include_str!("../../../public/basemap/world.geojson"),
        ] {
            let map = Basemap::from_geojson(kept).expect("well formed");
            assert!(map.features.len() > 100);
            let sent = postcard::to_allocvec(&map).expect("encodes");
            assert!(sent.len() * 2 < kept.len(), "{} of {}", sent.len(), kept.len());
            assert_eq!(postcard::from_bytes::<Basemap>(&sent), Ok(map));
        }
    }
}
