//! Where a fence is: circles on the globe, and polygons whose lines are straight in degrees.
//!
//! Longitudes of a polygon are taken near that of its first point, so that one across the
//! antimeridian is as whole as any other.

use crate::{
    geo::{M_PER_DEG_LATITUDE, distance_m},
    wire::wire_enum,
};
use serde::{Deserialize, Serialize};

wire_enum! {
    /// What a fence is around.
    pub enum Shape tagged "type" {
        Circle(Circle),
        Polygon(Polygon),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Circle {
    /// Degrees, -85 to 85.
    #[cfg_attr(feature = "openapi", schema(minimum = -85, maximum = 85, example = 9.9624))]
    pub latitude: f64,
    /// Degrees, -180 to 180.
    #[cfg_attr(feature = "openapi", schema(minimum = -180, maximum = 180, example = 76.2995))]
    pub longitude: f64,
    #[cfg_attr(feature = "openapi", schema(minimum = 10, maximum = 100_000, example = 150.0))]
    pub radius_m: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Polygon {
    /// `[latitude, longitude]` in degrees, the outline in either direction, each point once. No
    /// line crosses another.
    #[cfg_attr(feature = "openapi", schema(min_items = 3, max_items = 500))]
    pub points: Vec<(f64, f64)>,
}

/// A box that holds a shape, degrees. West is at most east: of a shape across the antimeridian
/// one of them lies beyond ±180.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    pub south: f64,
    pub west: f64,
    pub north: f64,
    pub east: f64,
}

impl Bounds {
    pub fn holds(&self, latitude: f64, longitude: f64) -> bool {
        let is_between = |longitude: f64| (self.west..=self.east).contains(&longitude);
        (self.south..=self.north).contains(&latitude)
            && (is_between(longitude) || is_between(longitude - 360.0) || is_between(longitude + 360.0))
    }
}

impl Shape {
    /// Whether a place is in it or on its border.
    pub fn contains(&self, latitude: f64, longitude: f64) -> bool {
        match self {
            Shape::Circle(circle) => circle.middle_to_m(latitude, longitude) <= circle.radius_m,
            Shape::Polygon(polygon) => polygon.contains(latitude, longitude),
        }
    }

    /// Metres from a place to the shape's nearest point, 0 in the shape. To a polygon by a plane
    /// that touches the earth at the place: exact to a thousandth where that is within some
    /// kilometres, and rough farther away.
    pub fn distance_m(&self, latitude: f64, longitude: f64) -> f64 {
        match self {
            Shape::Circle(circle) => (circle.middle_to_m(latitude, longitude) - circle.radius_m).max(0.0),
            Shape::Polygon(polygon) if polygon.contains(latitude, longitude) => 0.0,
            Shape::Polygon(polygon) => polygon.to_outline_m(latitude, longitude),
        }
    }

    pub fn bounds(&self) -> Bounds {
        match self {
            Shape::Circle(circle) => circle.bounds(),
            Shape::Polygon(polygon) => polygon.bounds(),
        }
    }
}

impl Circle {
    fn middle_to_m(&self, latitude: f64, longitude: f64) -> f64 {
        distance_m((self.latitude, self.longitude), (latitude, longitude))
    }

    fn bounds(&self) -> Bounds {
        /// What rounding may take away, in degrees: a tenth of a millimetre.
        const ROUNDING: f64 = 1e-9;
        let up = self.radius_m / M_PER_DEG_LATITUDE;
        let narrowing = self.latitude.to_radians().cos();
        // Widest where a meridian touches the circle, a little nearer the pole than its middle.
        let aside = (up.to_radians().sin() / narrowing).min(1.0).asin().to_degrees();
        Bounds {
            south: self.latitude - up - ROUNDING,
            west: self.longitude - aside - ROUNDING,
            north: self.latitude + up + ROUNDING,
            east: self.longitude + aside + ROUNDING,
        }
    }
}

/// The same meridian within half a turn of `to`.
fn near(longitude: f64, to: f64) -> f64 {
    match longitude - to {
        // A longitude that is near already stays as exact as it is.
        aside if aside > 180.0 => longitude - 360.0,
        aside if aside < -180.0 => longitude + 360.0,
        _ => longitude,
    }
}

impl Polygon {
    /// From each point to the next, and from the last to the first.
    pub(super) fn lines(&self) -> impl Iterator<Item = ((f64, f64), (f64, f64))> + '_ {
        let first = self.first();
        let whole = move |&(latitude, longitude): &(f64, f64)| (latitude, near(longitude, first));
        let ends = self.points.iter().cycle().skip(1).map(whole);
        self.points.iter().map(whole).zip(ends)
    }

    /// The longitude that the others are taken near.
    fn first(&self) -> f64 {
        self.points.first().map_or(0.0, |(_, longitude)| *longitude)
    }

    pub(super) fn bounds(&self) -> Bounds {
        let none = Bounds {
            south: f64::INFINITY,
            west: f64::INFINITY,
            north: f64::NEG_INFINITY,
            east: f64::NEG_INFINITY,
        };
        self.lines().fold(none, |bounds, ((latitude, longitude), _)| Bounds {
            south: bounds.south.min(latitude),
            west: bounds.west.min(longitude),
            north: bounds.north.max(latitude),
            east: bounds.east.max(longitude),
        })
    }

    /// By the parity of the lines that lie east of the place.
    fn contains(&self, latitude: f64, longitude: f64) -> bool {
        let place = (latitude, near(longitude, self.first()));
        let mut is_in = false;
        for (a, b) in self.lines() {
            let side = side(a, b, place);
            if side == 0.0 && is_within(a, b, place) {
                return true;
            }
            let goes_up = a.0 <= place.0 && place.0 < b.0;
            let goes_down = b.0 <= place.0 && place.0 < a.0;
            if (goes_up && side > 0.0) || (goes_down && side < 0.0) {
                is_in = !is_in;
            }
        }
        is_in
    }

    fn to_outline_m(&self, latitude: f64, longitude: f64) -> f64 {
        let longitude = near(longitude, self.first());
        let narrowing = latitude.to_radians().cos();
        let east_north = |(at, aside): (f64, f64)| {
            ((aside - longitude) * narrowing * M_PER_DEG_LATITUDE, (at - latitude) * M_PER_DEG_LATITUDE)
        };
        let nearest = |(a, b)| {
            let ((ax, ay), (bx, by)) = (east_north(a), east_north(b));
            let (dx, dy) = (bx - ax, by - ay);
            let length2 = dx * dx + dy * dy;
            let part = if length2 > 0.0 { (-(ax * dx + ay * dy) / length2).clamp(0.0, 1.0) } else { 0.0 };
            (ax + part * dx).hypot(ay + part * dy)
        };
        self.lines().map(nearest).fold(f64::INFINITY, f64::min)
    }
}

/// On which side of the line from `a` to `b` a place is: above 0 west of one that goes north, 0 on it.
pub(super) fn side(a: (f64, f64), b: (f64, f64), place: (f64, f64)) -> f64 {
    (b.1 - a.1) * (place.0 - a.0) - (b.0 - a.0) * (place.1 - a.1)
}

/// Whether a place is in the box of which `a` and `b` are corners.
pub(super) fn is_within(a: (f64, f64), b: (f64, f64), place: (f64, f64)) -> bool {
    let is_between = |a: f64, b: f64, of: f64| (a.min(b)..=a.max(b)).contains(&of);
    is_between(a.0, b.0, place.0) && is_between(a.1, b.1, place.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polygon(points: &[(f64, f64)]) -> Shape {
        Shape::Polygon(Polygon { points: points.to_vec() })
    }

    #[test]
    fn the_border_of_a_polygon_is_in_it() {
        let square = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)];
        let dart = polygon(&[(0.0, 0.0), (0.0, 4.0), (2.0, 4.0), (1.0, 2.0), (4.0, 0.0)]);
        for (latitude, longitude) in
            square.into_iter().chain([(0.0, 0.5), (0.5, 1.0), (1.0, 0.25), (0.75, 0.0)])
        {
            assert!(polygon(&square).contains(latitude, longitude), "{latitude} {longitude}");
        }
        for (latitude, longitude) in [(1.0, 2.0), (1.5, 3.0), (2.0, 4.0), (0.5, 3.5), (1.0, 1.0)] {
            assert!(dart.contains(latitude, longitude), "{latitude} {longitude}");
        }
        for (latitude, longitude) in
            [(1.5, 2.5), (2.0, 3.0), (2.0, -1.0), (0.0, 4.5), (4.0, 4.0), (-1e-9, 2.0)]
        {
            assert!(!dart.contains(latitude, longitude), "{latitude} {longitude}");
        }
    }

    #[test]
    fn a_circle_reaches_as_far_as_its_radius() {
        let circle = Circle { latitude: 60.0, longitude: -180.0, radius_m: 1_000.0 };
        let shape = Shape::Circle(circle);
        let up = 1_000.0 / M_PER_DEG_LATITUDE;
        for (part, is_in) in [(0.999_999, true), (1.000_001, false)] {
            for (latitude, longitude) in
                [(60.0 + part * up, 180.0), (60.0 - part * up, -180.0), (60.0, 180.0 - 2.0 * part * up)]
            {
                assert_eq!(shape.contains(latitude, longitude), is_in, "{latitude} {longitude}");
            }
        }
        assert!((shape.distance_m(60.0 + 3.0 * up, -180.0) - 2_000.0).abs() < 0.01);
        assert_eq!(shape.distance_m(60.0, 180.0), 0.0);
    }

    #[test]
    fn across_the_antimeridian_a_fence_is_whole() {
        for (points, west, east) in [
            ([(-1.0, 179.5), (-1.0, -179.5), (1.0, -179.5), (1.0, 179.5)], 179.5, 180.5),
            ([(-1.0, -179.5), (1.0, -179.5), (1.0, 179.5), (-1.0, 179.5)], -180.5, -179.5),
        ] {
            let shape = polygon(&points);
            let bounds = shape.bounds();
            assert_eq!((bounds.west, bounds.east), (west, east));
            for longitude in [179.5, 179.75, 180.0, -180.0, -179.75, -179.5] {
                assert!(shape.contains(0.5, longitude) && bounds.holds(0.5, longitude), "{longitude}");
            }
            for longitude in [179.25, 0.0, -179.25] {
                assert!(!shape.contains(0.5, longitude) && !bounds.holds(0.5, longitude), "{longitude}");
            }
            let quarter = 0.25 * M_PER_DEG_LATITUDE;
            for longitude in [179.25, -179.25] {
                assert!((shape.distance_m(0.0, longitude) - quarter).abs() < 0.001, "{longitude}");
            }
        }
    }
}
