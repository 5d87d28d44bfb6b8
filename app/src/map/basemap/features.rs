//! The bundled outlines, read once and projected.

use crate::map::project::World;
use sentinel_model::outline::{self, Basemap, Feature, Shape};

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

impl Outlines {
    /// Takes the kinds that are drawn; others are passed over.
    pub fn of(map: Basemap) -> Self {
        let mut out = Outlines {
            bounds: map.bounds.map(|[w, s, e, n]| Line::new(&[[w, s], [e, n]]).bounds),
            ..Outlines::default()
        };
        map.features.into_iter().for_each(|feature| out.take(feature));
        out
    }

    fn take(&mut self, mut feature: Feature) {
        match std::mem::replace(&mut feature.shape, Shape::Lines(Vec::new())) {
            Shape::Point(at) => {
                if let Some(at) = at.0.first() {
                    self.point(feature, World::from_degrees(at[1], at[0]));
                }
            }
            Shape::Lines(lines) => lines.iter().for_each(|line| self.line(&feature, &line.0)),
            Shape::Areas(areas) => areas.iter().for_each(|rings| self.area(&feature, rings)),
        }
    }

    fn point(&mut self, f: Feature, at: World) {
        let name = f.name.unwrap_or_default();
        match f.kind.as_str() {
            "place" => {
                let water = f.class.as_deref() == Some("water");
                self.places.push(Place { name, rank: f.rank.unwrap_or(4), at, water });
            }
            "station_site" => self.sites.push(Site { name, at }),
            _ => {}
        }
    }

    fn line(&mut self, f: &Feature, points: &[[f64; 2]]) {
        let class = match f.class.as_deref() {
            Some("motorway") => RoadClass::Motorway,
            Some("primary") => RoadClass::Primary,
            Some("secondary") => RoadClass::Secondary,
            _ => RoadClass::Street,
        };
        match f.kind.as_str() {
            "road" => self.roads[class as usize].push(Line::new(points)),
            "rail" => self.rail.push(Line::new(points)),
            "coast" => self.coast.push(Line::new(points)),
            _ => {}
        }
    }

    fn area(&mut self, f: &Feature, rings: &[outline::Line]) {
        let area: Area = rings.iter().map(|ring| Line::new(&ring.0)).collect();
        match f.kind.as_str() {
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
        let read = |text| Outlines::of(Basemap::from_geojson(text).expect("well formed"));
        let city = read(include_str!("../../../../public/basemap/kochi.geojson"));
        assert!(city.roads.iter().all(|r| !r.is_empty()) && city.sites.len() == 30);
        assert!(city.places.iter().any(|p| p.water) && city.bounds.is_some());
        let world = read(include_str!("../../../../public/basemap/world.geojson"));
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
