//! A fence's shape while it is drawn and changed, apart from the map: degrees in, degrees out.

use crate::platform::maths;
use sentinel_model::{
    geo::{M_PER_DEG_LATITUDE, distance_m},
    geofence::{Circle, Polygon, RADIUS_MAX_M, RADIUS_MIN_M, Shape},
};

/// Latitude and longitude, degrees.
pub type Place = (f64, f64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    Circle,
    Polygon,
}

/// Both shapes, so that who looks at the other tool loses nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Sketch {
    pub tool: Tool,
    pub middle: Option<Place>,
    pub radius_m: f64,
    /// The radius follows the pointer until the next click.
    pub sizing: bool,
    pub points: Vec<Place>,
    pub closed: bool,
}

const RADIUS_FIRST_M: f64 = 200.0;

/// A tenth of a metre, and one turn of the globe: a map that was moved around it counts on.
pub fn tidy((lat, lon): Place) -> Place {
    let round = |degrees: f64| (degrees * 1e6).round() / 1e6;
    (round(lat.clamp(-85.0, 85.0)), round((lon + 180.0).rem_euclid(360.0) - 180.0))
}

/// The meridian of `lon` that is within half a turn of `to`.
pub fn near(lon: f64, to: f64) -> f64 {
    let aside = (lon - to + 180.0).rem_euclid(360.0) - 180.0;
    if (lon - to).abs() <= 180.0 { lon } else { to + aside }
}

fn half_way(a: Place, b: Place) -> Place {
    ((a.0 + b.0) / 2.0, (a.1 + near(b.1, a.1)) / 2.0)
}

impl Sketch {
    pub fn new(tool: Tool) -> Self {
        Self {
            tool,
            middle: None,
            radius_m: RADIUS_FIRST_M,
            sizing: false,
            points: Vec::new(),
            closed: false,
        }
    }

    pub fn of(shape: &Shape) -> Self {
        match shape {
            Shape::Circle(circle) => Self {
                middle: Some((circle.latitude, circle.longitude)),
                radius_m: circle.radius_m,
                ..Self::new(Tool::Circle)
            },
            Shape::Polygon(polygon) => {
                Self { points: polygon.points.clone(), closed: true, ..Self::new(Tool::Polygon) }
            }
        }
    }

    /// Whether a click on the map goes on with it.
    pub fn is_drawing(&self) -> bool {
        match self.tool {
            Tool::Circle => self.middle.is_none() || self.sizing,
            Tool::Polygon => !self.closed,
        }
    }

    /// Whether nothing is drawn yet.
    pub fn is_empty(&self) -> bool {
        match self.tool {
            Tool::Circle => self.middle.is_none(),
            Tool::Polygon => self.points.is_empty(),
        }
    }

    /// A click or a tap. `first_m` is the radius that a new circle begins with.
    pub fn click(&mut self, at: Place, first_m: f64) {
        match self.tool {
            Tool::Circle if self.middle.is_none() => {
                self.middle = Some(tidy(at));
                self.radius_m = rounded(first_m);
                self.sizing = true;
            }
            Tool::Circle if self.sizing => {
                self.resize_to(at);
                self.sizing = false;
            }
            Tool::Polygon if !self.closed => {
                let at = tidy(at);
                // The second half of a double click.
                if self.points.last() != Some(&at) {
                    self.points.push(at);
                }
            }
            _ => {}
        }
    }

    /// The circle reaches to a place.
    pub fn resize_to(&mut self, at: Place) {
        if let Some(middle) = self.middle {
            self.radius_m = rounded(distance_m(middle, at));
        }
    }

    /// What is drawn so far is the shape; nothing where it is too little.
    pub fn close(&mut self) {
        match self.tool {
            Tool::Circle => self.sizing = false,
            Tool::Polygon => self.closed = self.closed || self.points.len() >= 3,
        }
    }

    /// Takes the last step of drawing back.
    pub fn back(&mut self) {
        match self.tool {
            Tool::Circle if self.sizing => self.cancel(),
            Tool::Polygon if !self.closed => {
                self.points.pop();
            }
            _ => {}
        }
    }

    /// Nothing is drawn.
    pub fn cancel(&mut self) {
        *self = match self.tool {
            Tool::Circle => Self { middle: None, sizing: false, ..self.clone() },
            Tool::Polygon => Self { points: Vec::new(), closed: false, ..self.clone() },
        };
    }

    pub fn move_point(&mut self, index: usize, to: Place) {
        if let Some(point) = self.points.get_mut(index) {
            *point = tidy(to);
        }
    }

    /// Another point behind that of `index`.
    pub fn split(&mut self, index: usize, at: Place) {
        self.points.insert((index + 1).min(self.points.len()), tidy(at));
    }

    /// Takes a point away; the last three of an outline stay.
    pub fn remove(&mut self, index: usize) {
        if index < self.points.len() && (!self.closed || self.points.len() > 3) {
            self.points.remove(index);
        }
    }

    /// Half way along each line of an outline.
    pub fn between(&self) -> Vec<Place> {
        let ends = self.points.iter().cycle().skip(1);
        self.points.iter().zip(ends).map(|(a, b)| half_way(*a, *b)).collect()
    }

    /// Where a circle's border is due east of its middle.
    pub fn rim(&self) -> Option<Place> {
        let (lat, lon) = self.middle?;
        let wide = maths::cos(lat.to_radians()).max(0.01);
        Some((lat, lon + self.radius_m / (M_PER_DEG_LATITUDE * wide)))
    }

    pub fn shape(&self) -> Option<Shape> {
        match self.tool {
            Tool::Circle => self.middle.map(|(latitude, longitude)| {
                Shape::Circle(Circle { latitude, longitude, radius_m: self.radius_m })
            }),
            Tool::Polygon => (self.closed && self.points.len() >= 3)
                .then(|| Shape::Polygon(Polygon { points: self.points.clone() })),
        }
    }
}

/// To a tenth of a metre, within what a fence may have.
pub fn rounded(radius_m: f64) -> f64 {
    ((radius_m * 10.0).round() / 10.0).clamp(RADIUS_MIN_M, RADIUS_MAX_M)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_its_middle_and_then_its_border() {
        let mut sketch = Sketch::new(Tool::Circle);
        assert!(sketch.is_drawing() && sketch.shape().is_none());
        sketch.click((9.96, 76.29), 300.0);
        assert!(sketch.is_drawing() && sketch.radius_m == 300.0);
        sketch.click((9.97, 76.29), 300.0);
        assert!(!sketch.is_drawing());
        assert!((sketch.radius_m - 1_112.0).abs() < 1.0, "{}", sketch.radius_m);
        let drawn = sketch.clone();
        sketch.click((9.5, 76.0), 300.0);
        assert_eq!(sketch, drawn, "what is drawn is not moved by a click");
        let rim = sketch.rim().expect("it has a border");
        assert!((distance_m((9.96, 76.29), rim) - sketch.radius_m).abs() < 1.0);
    }

    #[test]
    fn a_step_back_takes_the_middle_or_the_last_point_away() {
        let mut circle = Sketch::new(Tool::Circle);
        circle.click((9.96, 76.29), 300.0);
        circle.back();
        assert_eq!(circle.middle, None);
        let mut outline = Sketch::new(Tool::Polygon);
        for at in [(0.0, 0.0), (0.0, 1.0), (0.0, 1.0), (1.0, 1.0)] {
            outline.click(at, 300.0);
        }
        assert_eq!(outline.points.len(), 3, "a double click is one point");
        outline.back();
        outline.close();
        assert!(!outline.closed, "two points are no outline");
        outline.click((1.0, 1.0), 300.0);
        outline.close();
        outline.back();
        assert_eq!((outline.closed, outline.points.len()), (true, 3));
    }

    #[test]
    fn points_of_an_outline_are_moved_added_and_taken() {
        let square = vec![(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)];
        let mut sketch = Sketch::of(&Shape::Polygon(Polygon { points: square }));
        assert_eq!(sketch.between(), [(0.0, 0.5), (0.5, 1.0), (1.0, 0.5), (0.5, 0.0)]);
        sketch.split(3, (0.5, -0.5));
        assert_eq!(sketch.points.last(), Some(&(0.5, -0.5)));
        sketch.move_point(4, (0.5, -0.25));
        assert_eq!(sketch.points.last(), Some(&(0.5, -0.25)));
        for _ in 0..4 {
            sketch.remove(0);
        }
        assert_eq!(sketch.points.len(), 3);
        assert!(sketch.shape().is_some());
    }

    #[test]
    fn places_are_of_one_turn_of_the_globe() {
        assert_eq!(tidy((9.0, 436.5)), (9.0, 76.5));
        assert_eq!(tidy((89.0, -180.25)), (85.0, 179.75));
        assert_eq!(near(-179.5, 179.5), 180.5);
        assert_eq!(near(76.29, 76.3), 76.29);
        let mut sketch = Sketch::new(Tool::Polygon);
        sketch.points = vec![(0.0, 179.0), (0.0, -179.0), (1.0, 180.0)];
        assert_eq!(sketch.between()[0], (0.0, 180.0));
    }

    #[test]
    fn a_radius_keeps_within_what_a_fence_may_have() {
        assert_eq!((rounded(3.0), rounded(1e7), rounded(150.06)), (10.0, 100_000.0, 150.1));
    }
}
