//! Whether a fence is one that can be watched, and if not, why: points count from 1.

use super::{
    Circle, FenceRules, Geofence, LATITUDE_MAX, NAME_MAX, POINTS_MAX, POINTS_MIN, Polygon, RADIUS_MAX_M,
    RADIUS_MIN_M, Shape, WIDTH_MAX,
    shape::{is_within, side},
};

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GeofenceError {
    #[error("a fence's name has 1 to {NAME_MAX} characters, this one has {0}")]
    Name(usize),
    #[error("{name} is from {least} to {most}, not {value}")]
    Range { name: &'static str, least: f64, most: f64, value: f64 },
    #[error("a polygon has {POINTS_MIN} to {POINTS_MAX} points, this one has {0}")]
    Points(usize),
    #[error("point {point}: {name} is from -{most} to {most}, not {value}")]
    Place { point: usize, name: &'static str, most: f64, value: f64 },
    #[error("point {point} is where point {same} is; name each once, the outline closes by itself")]
    Twice { point: usize, same: usize },
    #[error("at point {0} the outline turns back upon itself")]
    TurnsBack(usize),
    #[error("the line after point {first} and the line after point {second} cross")]
    Crossing { first: usize, second: usize },
    #[error("a polygon is narrower than {WIDTH_MAX} degrees of longitude, this one has {0}")]
    Wide(f64),
}

fn within(name: &'static str, value: f64, least: f64, most: f64) -> Result<(), GeofenceError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(GeofenceError::Range { name, least, most, value })
    }
}

impl Geofence {
    /// Whether name, shape and rules are such as can be watched.
    pub fn check(&self) -> Result<(), GeofenceError> {
        let length = self.name.chars().count();
        if self.name.trim().is_empty() || length > NAME_MAX {
            return Err(GeofenceError::Name(length));
        }
        self.shape.check()?;
        self.on.check()
    }
}

impl FenceRules {
    pub fn check(&self) -> Result<(), GeofenceError> {
        self.dwell_s.map_or(Ok(()), |dwell_s| within("dwell_s", dwell_s.into(), 30.0, 86_400.0))?;
        self.speed_limit_mps.map_or(Ok(()), |limit| within("speed_limit_mps", limit, 1.0, 100.0))
    }
}

impl Shape {
    pub fn check(&self) -> Result<(), GeofenceError> {
        match self {
            Shape::Circle(circle) => circle.check(),
            Shape::Polygon(polygon) => polygon.check(),
        }
    }
}

impl Circle {
    fn check(&self) -> Result<(), GeofenceError> {
        within("latitude", self.latitude, -LATITUDE_MAX, LATITUDE_MAX)?;
        within("longitude", self.longitude, -180.0, 180.0)?;
        within("radius_m", self.radius_m, RADIUS_MIN_M, RADIUS_MAX_M)
    }
}

impl Polygon {
    fn check(&self) -> Result<(), GeofenceError> {
        let count = self.points.len();
        if !(POINTS_MIN..=POINTS_MAX).contains(&count) {
            return Err(GeofenceError::Points(count));
        }
        for (point, (latitude, longitude)) in (1..).zip(&self.points) {
            for (name, &value, most) in
                [("latitude", latitude, LATITUDE_MAX), ("longitude", longitude, 180.0)]
            {
                // So that what is no number is refused, too.
                if !(-most..=most).contains(&value) {
                    return Err(GeofenceError::Place { point, name, most, value });
                }
            }
        }
        let bounds = self.bounds();
        if bounds.east - bounds.west >= WIDTH_MAX {
            return Err(GeofenceError::Wide(bounds.east - bounds.west));
        }
        self.check_outline()
    }

    fn check_outline(&self) -> Result<(), GeofenceError> {
        let lines: Vec<_> = self.lines().collect();
        for (n, (point, _)) in lines.iter().enumerate() {
            if let Some(same) = lines[..n].iter().position(|(other, _)| other == point) {
                return Err(GeofenceError::Twice { point: n + 1, same: same + 1 });
            }
        }
        let count = lines.len();
        for (n, &(from, at)) in lines.iter().enumerate() {
            let (_, to) = lines[(n + 1) % count];
            if side(from, at, to) == 0.0 && is_ahead(at, from, to) {
                return Err(GeofenceError::TurnsBack((n + 1) % count + 1));
            }
            // Those beside it share a point with it.
            let others = n + 2..count - usize::from(n == 0);
            if let Some(other) = others.into_iter().find(|&other| do_meet(lines[n], lines[other])) {
                return Err(GeofenceError::Crossing { first: n + 1, second: other + 1 });
            }
        }
        Ok(())
    }
}

/// Whether two places on one line through `at` are on the same side of it.
fn is_ahead(at: (f64, f64), a: (f64, f64), b: (f64, f64)) -> bool {
    (a.0 - at.0) * (b.0 - at.0) + (a.1 - at.1) * (b.1 - at.1) > 0.0
}

type Line = ((f64, f64), (f64, f64));

/// Whether two lines have a point in common.
fn do_meet((a, b): Line, (c, d): Line) -> bool {
    let (of_c, of_d) = (side(a, b, c), side(a, b, d));
    let (of_a, of_b) = (side(c, d, a), side(c, d, b));
    let is_apart = |one: f64, other: f64| (one > 0.0 && other < 0.0) || (one < 0.0 && other > 0.0);
    (is_apart(of_c, of_d) && is_apart(of_a, of_b))
        || (of_c == 0.0 && is_within(a, b, c))
        || (of_d == 0.0 && is_within(a, b, d))
        || (of_a == 0.0 && is_within(c, d, a))
        || (of_b == 0.0 && is_within(c, d, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scope, Time};

    fn circle(latitude: f64, longitude: f64, radius_m: f64) -> Shape {
        Shape::Circle(Circle { latitude, longitude, radius_m })
    }

    fn polygon(points: &[(f64, f64)]) -> Shape {
        Shape::Polygon(Polygon { points: points.to_vec() })
    }

    const SQUARE: [(f64, f64); 4] = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)];

    #[test]
    fn good_shapes_are_good() {
        let mut turned = SQUARE;
        turned.reverse();
        let star: Vec<(f64, f64)> = (0..500)
            .map(|n: u16| {
                let (up, aside) = (f64::from(n) * std::f64::consts::TAU / 500.0).sin_cos();
                let reach = if n.is_multiple_of(2) { 1.0 } else { 0.5 };
                (9.9 + up * reach, 76.2 + aside * reach)
            })
            .collect();
        for good in [
            circle(85.0, -180.0, 10.0),
            circle(0.0, 0.0, 100_000.0),
            polygon(&SQUARE),
            polygon(&turned),
            polygon(&SQUARE[..3]),
            polygon(&star),
            polygon(&[(0.0, 179.0), (0.0, -179.0), (1.0, 180.0)]),
            // A point on the line between two others is none too many.
            polygon(&[(0.0, 0.0), (0.0, 0.5), (0.0, 1.0), (1.0, 1.0)]),
        ] {
            assert_eq!(good.check(), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong_and_at_which_point() {
        let refused = |shape: Shape| shape.check().expect_err("it is bad").to_string();
        assert_eq!(refused(circle(85.1, 0.0, 50.0)), "latitude is from -85 to 85, not 85.1");
        assert_eq!(refused(circle(0.0, 180.5, 50.0)), "longitude is from -180 to 180, not 180.5");
        assert_eq!(refused(circle(0.0, 0.0, 9.9)), "radius_m is from 10 to 100000, not 9.9");
        assert!(circle(f64::NAN, 0.0, 50.0).check().is_err());
        assert_eq!(refused(polygon(&SQUARE[..2])), "a polygon has 3 to 500 points, this one has 2");
        assert_eq!(
            refused(polygon(&[(0.0, 0.0), (0.0, 1.0), (91.0, 1.0)])),
            "point 3: latitude is from -85 to 85, not 91"
        );
        assert_eq!(
            refused(polygon(&[(0.0, 0.0), (0.0, f64::INFINITY), (1.0, 1.0)])),
            "point 2: longitude is from -180 to 180, not inf"
        );
        let closed = [SQUARE.as_slice(), &SQUARE[..1]].concat();
        assert_eq!(
            refused(polygon(&closed)),
            "point 5 is where point 1 is; name each once, the outline closes by itself"
        );
        let bow = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]];
        assert_eq!(refused(polygon(&bow)), "the line after point 1 and the line after point 3 cross");
        let touching = [(0.0, 0.0), (0.0, 2.0), (1.0, 2.0), (0.0, 1.0), (1.0, 0.0)];
        assert_eq!(refused(polygon(&touching)), "the line after point 1 and the line after point 3 cross");
        let flat = [(0.0, 0.0), (1.0, 1.0), (3.0, 3.0)];
        assert_eq!(refused(polygon(&flat)), "at point 3 the outline turns back upon itself");
        let spike = [(0.0, 0.0), (0.0, 1.0), (2.0, 1.0), (1.0, 1.0)];
        assert_eq!(refused(polygon(&spike)), "at point 3 the outline turns back upon itself");
        let around = [(0.0, 0.0), (0.0, 100.0), (50.0, -100.0)];
        assert_eq!(
            refused(polygon(&around)),
            "a polygon is narrower than 180 degrees of longitude, this one has 200"
        );
    }

    #[test]
    fn name_and_rules_have_their_bounds() {
        let fence = |name: &str, on: FenceRules| {
            let fence = Geofence {
                id: "f1".into(),
                name: name.into(),
                scope: Scope::station(5),
                shape: circle(9.9, 76.2, 150.0),
                on,
                enabled: true,
                created_at: Time(0),
                updated_at: Time(0),
                created_by: "user:chief5".into(),
            };
            fence.check()
        };
        assert_eq!(fence(&"é".repeat(100), FenceRules::default()), Ok(()));
        assert_eq!(fence(&"é".repeat(101), FenceRules::default()), Err(GeofenceError::Name(101)));
        assert_eq!(fence("", FenceRules::default()), Err(GeofenceError::Name(0)));
        assert!(fence(" ", FenceRules::default()).is_err());
        let dwell = |dwell_s| fence("Depot", FenceRules { dwell_s: Some(dwell_s), ..FenceRules::default() });
        assert_eq!((dwell(30), dwell(86_400)), (Ok(()), Ok(())));
        assert_eq!(dwell(29).expect_err("it is short").to_string(), "dwell_s is from 30 to 86400, not 29");
        let limit =
            |limit| fence("Depot", FenceRules { speed_limit_mps: Some(limit), ..FenceRules::default() });
        assert_eq!((limit(1.0), limit(100.0)), (Ok(()), Ok(())));
        assert!(limit(100.1).is_err() && limit(f64::NAN).is_err() && dwell(86_401).is_err());
    }
}
