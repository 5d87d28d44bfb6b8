//! Places in degrees, and the same city as a flat plane in metres.
//!
//! Within fifty kilometres a plane is exact to a metre or two, and far cheaper than
//! spherical geometry when hundreds of units move.

/// Metres in a degree of latitude, near 10 degrees north.
const M_PER_DEG_LAT: f64 = 110_610.0;
/// Metres in a degree of longitude at the equator.
const M_PER_DEG_LON: f64 = 111_320.0;
/// The middle of Kochi: where the plane touches the earth.
const ORIGIN: Place = Place { lat: 9.98, lon: 76.30 };

/// Degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub lat: f64,
    pub lon: f64,
}

/// Metres east and north of the middle of the city.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spot {
    pub east: f64,
    pub north: f64,
}

impl Place {
    pub fn spot(self) -> Spot {
        Spot {
            east: (self.lon - ORIGIN.lon) * M_PER_DEG_LON * ORIGIN.lat.to_radians().cos(),
            north: (self.lat - ORIGIN.lat) * M_PER_DEG_LAT,
        }
    }
}

impl Spot {
    pub const fn new(east: f64, north: f64) -> Self {
        Self { east, north }
    }

    pub fn place(self) -> Place {
        Place {
            lat: ORIGIN.lat + self.north / M_PER_DEG_LAT,
            lon: ORIGIN.lon + self.east / (M_PER_DEG_LON * ORIGIN.lat.to_radians().cos()),
        }
    }

    pub fn distance_m(self, other: Spot) -> f64 {
        (self.east - other.east).hypot(self.north - other.north)
    }

    /// The point this part of the way to `other`: 0 is here, 1 is there.
    pub fn toward(self, other: Spot, part: f64) -> Spot {
        Spot {
            east: self.east + (other.east - self.east) * part,
            north: self.north + (other.north - self.north) * part,
        }
    }

    /// Degrees clockwise from north, 0 to 360.
    pub fn heading_to(self, other: Spot) -> f64 {
        (other.east - self.east).atan2(other.north - self.north).to_degrees().rem_euclid(360.0)
    }

    /// The point of the straight line from `a` to `b` that is nearest to this, and how far along it is (0 to 1).
    pub fn nearest_on(self, a: Spot, b: Spot) -> (Spot, f64) {
        let (dx, dy) = (b.east - a.east, b.north - a.north);
        let length2 = dx * dx + dy * dy;
        let part = if length2 == 0.0 {
            0.0
        } else {
            (((self.east - a.east) * dx + (self.north - a.north) * dy) / length2).clamp(0.0, 1.0)
        };
        (a.toward(b, part), part)
    }
}

/// The smaller turn from one heading to another, -180 to 180 degrees, positive to the right.
pub fn turn_deg(from: f64, to: f64) -> f64 {
    (to - from + 180.0).rem_euclid(360.0) - 180.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_the_plane() {
        let place = Place { lat: 9.9660, lon: 76.2421 };
        let back = place.spot().place();
        assert!((back.lat - place.lat).abs() < 1e-9 && (back.lon - place.lon).abs() < 1e-9);
    }

    #[test]
    fn headings_are_clockwise_from_north() {
        let here = Spot::default();
        for (east, north, heading) in
            [(0.0, 1.0, 0.0), (1.0, 0.0, 90.0), (0.0, -1.0, 180.0), (-1.0, 0.0, 270.0)]
        {
            assert!((here.heading_to(Spot::new(east, north)) - heading).abs() < 1e-9);
        }
        assert_eq!(turn_deg(350.0, 10.0), 20.0);
        assert_eq!(turn_deg(10.0, 350.0), -20.0);
    }
}
