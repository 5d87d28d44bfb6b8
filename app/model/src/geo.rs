//! Distances on the globe.

/// Mean earth radius, metres.
const EARTH_M: f64 = 6_371_008.8;
pub const M_PER_DEG_LATITUDE: f64 = EARTH_M * std::f64::consts::PI / 180.0;

/// Great-circle distance in metres (haversine).
pub fn distance_m(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
    let lat = ((lat_b - lat_a) / 2.0).sin();
    let lon = ((b.1 - a.1).to_radians() / 2.0).sin();
    let h = lat * lat + lat_a.cos() * lat_b.cos() * lon * lon;
    2.0 * EARTH_M * h.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_of_latitude_is_111_km() {
        assert!((distance_m((9.0, 76.0), (10.0, 76.0)) - 111_195.0).abs() < 1.0);
    }
}
