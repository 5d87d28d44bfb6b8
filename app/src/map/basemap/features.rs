//! The bundled outlines, read once and projected.

use crate::map::project::World;
use serde::Deserialize;

#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    pub min: World,
    pub max: World,
}

impl Bounds {
    fn of<'a>(points: impl Iterator<Item = &'a World>) -> Self {
        let far = f64::INFINITY;
        let mut b = Bounds { min: World { x: far, y: far }, max: World { x: -far, y: -far } };
        for w in points {
            b.min = World { x: b.min.x.min(w.x), y: b.min.y.min(w.y) };
            b.max = World { x: b.max.x.max(w.x), y: b.max.y.max(w.y) };
        }
        b
    }

    pub fn meets(&self, other: &Bounds) -> bool {
        self.min.x <= other.max.x
            && self.max.x >= other.min.x
            && self.min.y <= other.max.y
            && self.max.y >= other.min.y
    }

    pub fn holds(&self, other: &Bounds) -> bool {
        self.min.x <= other.min.x
            && self.max.x >= other.max.x
            && self.min.y <= other.min.y
            && self.max.y >= other.max.y
    }
}

/// A line, or one ring of an area.
#[derive(Debug, Clone)]
pub struct Line {
    pub points: Vec<World>,
    pub bounds: Bounds,
}

impl Line {
    fn new(points: &[[f64; 2]]) -> Self {
        let points: Vec<World> = points.iter().map(|p| World::from_degrees(p[1], p[0])).collect();
        let bounds = Bounds::of(points.iter());
        Self { points, bounds }
    }
}

/// An outer ring and its holes.
pub type Area = Vec<Line>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoadClass {
    Street = 0,
    Secondary = 1,
    Primary = 2,
    Motorway = 3,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub name: String,
    pub rank: u8,
    pub at: World,
    pub water: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    pub name: String,
    pub at: World,
}

#[derive(Debug, Default)]
pub struct Outlines {
    pub bounds: Option<Bounds>,
    pub land: Vec<Area>,
    pub water: Vec<Area>,
    pub coast: Vec<Line>,
    pub rail: Vec<Line>,
    /// By class.
    pub roads: [Vec<Line>; 4],
    pub places: Vec<Place>,
    pub sites: Vec<Site>,
}

#[derive(Deserialize)]
struct Collection {
    #[serde(default)]
    bbox: Option<[f64; 4]>,
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
    rank: Option<u8>,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Point([f64; 2]),
    LineString(Vec<[f64; 2]>),
    MultiLineString(Vec<Vec<[f64; 2]>>),
    Polygon(Vec<Vec<[f64; 2]>>),
    MultiPolygon(Vec<Vec<Vec<[f64; 2]>>>),
}

impl Outlines {
    /// Reads GeoJSON of the kinds that Sentinel's basemaps have; others are passed over.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        let collection: Collection = serde_json::from_str(text)?;
        let mut out = Outlines {
            bounds: collection.bbox.map(|[w, s, e, n]| Line::new(&[[w, s], [e, n]]).bounds),
            ..Outlines::default()
        };
        for feature in collection.features {
            out.take(feature.properties, feature.geometry);
        }
        Ok(out)
    }

    fn take(&mut self, p: Properties, geometry: Geometry) {
        match geometry {
            Geometry::Point(at) => self.point(p, World::from_degrees(at[1], at[0])),
            Geometry::LineString(line) => self.line(&p, &line),
            Geometry::MultiLineString(lines) => lines.iter().for_each(|l| self.line(&p, l)),
            Geometry::Polygon(rings) => self.area(&p, &rings),
            Geometry::MultiPolygon(areas) => areas.iter().for_each(|rings| self.area(&p, rings)),
        }
    }

    fn point(&mut self, p: Properties, at: World) {
        let name = p.name.unwrap_or_default();
        match p.kind.as_str() {
            "place" => {
                let water = p.class.as_deref() == Some("water");
                self.places.push(Place { name, rank: p.rank.unwrap_or(4), at, water });
            }
            "station_site" => self.sites.push(Site { name, at }),
            _ => {}
        }
    }

    fn line(&mut self, p: &Properties, points: &[[f64; 2]]) {
        let class = match p.class.as_deref() {
            Some("motorway") => RoadClass::Motorway,
            Some("primary") => RoadClass::Primary,
            Some("secondary") => RoadClass::Secondary,
            _ => RoadClass::Street,
        };
        match p.kind.as_str() {
            "road" => self.roads[class as usize].push(Line::new(points)),
            "rail" => self.rail.push(Line::new(points)),
            "coast" => self.coast.push(Line::new(points)),
            _ => {}
        }
    }

    fn area(&mut self, p: &Properties, rings: &[Vec<[f64; 2]>]) {
        let area: Area = rings.iter().map(|r| Line::new(r)).collect();
        match p.kind.as_str() {
            "land" => self.land.push(area),
            "water" => self.water.push(area),
            _ => {}
        }
    }
}

/// The part of a ring inside a rectangle, by the four edges in turn.
pub fn clip(ring: &[(f64, f64)], min: (f64, f64), max: (f64, f64)) -> Vec<(f64, f64)> {
    type Inside = fn(&(f64, f64), f64) -> bool;
    let edges: [(Inside, bool, f64); 4] = [
        (|p, v| p.0 >= v, true, min.0),
        (|p, v| p.0 <= v, true, max.0),
        (|p, v| p.1 >= v, false, min.1),
        (|p, v| p.1 <= v, false, max.1),
    ];
    let mut ring = ring.to_vec();
    for (inside, vertical, at) in edges {
        let Some(mut last) = ring.last().copied() else { break };
        let mut out = Vec::with_capacity(ring.len() + 4);
        for p in ring {
            if inside(&p, at) != inside(&last, at) {
                out.push(cross(last, p, vertical, at));
            }
            if inside(&p, at) {
                out.push(p);
            }
            last = p;
        }
        ring = out;
    }
    ring
}

fn cross(a: (f64, f64), b: (f64, f64), vertical: bool, at: f64) -> (f64, f64) {
    if vertical {
        (at, a.1 + (b.1 - a.1) * (at - a.0) / (b.0 - a.0))
    } else {
        (a.0 + (b.0 - a.0) * (at - a.1) / (b.1 - a.1), at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_basemaps_read() {
        let city = Outlines::read(include_str!("../../../../public/basemap/kochi.geojson")).expect("reads");
        assert!(city.roads.iter().all(|r| !r.is_empty()) && city.sites.len() == 30);
        assert!(city.places.iter().any(|p| p.water) && city.bounds.is_some());
        let world = Outlines::read(include_str!("../../../../public/basemap/world.geojson")).expect("reads");
        assert!(world.land.len() > 100);
    }

    #[test]
    fn clipping_keeps_what_is_inside() {
        let square = [(-10.0, -10.0), (10.0, -10.0), (10.0, 10.0), (-10.0, 10.0)];
        let area = |ring: &[(f64, f64)]| {
            let next = ring.iter().cycle().skip(1);
            ring.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>().abs() / 2.0
        };
        assert_eq!(area(&clip(&square, (0.0, 0.0), (20.0, 20.0))), 100.0);
        assert_eq!(area(&clip(&square, (-20.0, -20.0), (20.0, 20.0))), 400.0);
        assert!(clip(&square, (11.0, 11.0), (20.0, 20.0)).is_empty());
    }
}
