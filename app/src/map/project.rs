//! Web Mercator, and the view from the world to the screen.
//!
//! The world is a square of side 1, x to the east and y to the south, in f64. The
//! graphics card sees f32 places relative to an origin near the view, which is what
//! keeps a marker steady at the deepest zoom.

use crate::platform::maths;

/// Pixels of the whole world at zoom 0, as Leaflet and every tile server count.
pub const WORLD_PX: f64 = 256.0;
/// Where Web Mercator ends, degrees.
pub const LAT_MAX: f64 = 85.051_128_779_806_6;
/// How long Leaflet's zoom takes: `leaflet.css`, `.leaflet-zoom-anim`.
pub const ZOOM_ANIM_MS: f64 = 250.0;

/// A place on the world square.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct World {
    pub x: f64,
    pub y: f64,
}

impl World {
    pub fn from_degrees(lat: f64, lon: f64) -> Self {
        let lat = lat.clamp(-LAT_MAX, LAT_MAX).to_radians();
        let y = (1.0 - maths::asinh(maths::tan(lat)) / std::f64::consts::PI) / 2.0;
        Self { x: lon / 360.0 + 0.5, y }
    }

    /// Latitude and longitude.
    pub fn to_degrees(self) -> (f64, f64) {
        let lat = maths::atan(maths::sinh(std::f64::consts::PI * (1.0 - 2.0 * self.y))).to_degrees();
        (lat, (self.x - 0.5) * 360.0)
    }

    /// The corners of the least rectangle with all of them in it.
    pub fn around(places: &[World]) -> Option<(World, World)> {
        let first = *places.first()?;
        Some(places.iter().fold((first, first), |(a, b), w| {
            (World { x: a.x.min(w.x), y: a.y.min(w.y) }, World { x: b.x.max(w.x), y: b.y.max(w.y) })
        }))
    }

    pub fn lerp(self, to: World, f: f64) -> World {
        World { x: self.x + (to.x - self.x) * f, y: self.y + (to.y - self.y) * f }
    }
}

/// What part of the world is on the screen: a scale and a shift, as long as the
/// map is not turned. Screen places are CSS pixels from the container's corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Pixels that the world square's side takes.
    pub scale: f64,
    pub tx: f64,
    pub ty: f64,
    pub width: f64,
    pub height: f64,
}

impl Default for View {
    fn default() -> Self {
        Self { scale: WORLD_PX, tx: 0.0, ty: 0.0, width: 1.0, height: 1.0 }
    }
}

impl View {
    pub fn to_px(self, w: World) -> (f64, f64) {
        (w.x * self.scale + self.tx, w.y * self.scale + self.ty)
    }

    pub fn to_world(self, x: f64, y: f64) -> World {
        World { x: (x - self.tx) / self.scale, y: (y - self.ty) / self.scale }
    }

    pub fn zoom(&self) -> f64 {
        maths::log2(self.scale / WORLD_PX)
    }

    pub fn center(&self) -> World {
        self.to_world(self.width / 2.0, self.height / 2.0)
    }

    /// Corners of the view grown by `margin_px` on every side.
    pub fn bounds(&self, margin_px: f64) -> (World, World) {
        (
            self.to_world(-margin_px, -margin_px),
            self.to_world(self.width + margin_px, self.height + margin_px),
        )
    }

    /// Between two views as CSS goes between two `translate() scale()`: every place
    /// moves in a straight line, so the units stay glued to the tiles beneath.
    pub fn lerp(&self, to: &View, f: f64) -> View {
        let mix = |a: f64, b: f64| a + (b - a) * f;
        View {
            scale: mix(self.scale, to.scale),
            tx: mix(self.tx, to.tx),
            ty: mix(self.ty, to.ty),
            width: to.width,
            height: to.height,
        }
    }
}

/// `cubic-bezier(0, 0, 0.25, 1)`, the easing of Leaflet's zoom.
pub fn zoom_ease(x: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..24 {
        let u: f64 = (low + high) / 2.0;
        if u * u * (0.75 + 0.25 * u) < x {
            low = u;
        } else {
            high = u;
        }
    }
    let u: f64 = (low + high) / 2.0;
    u * u * (3.0 - 2.0 * u)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_the_world_square() {
        for (lat, lon) in [(9.97, 76.28), (0.0, 0.0), (-33.9, 151.2), (64.1, -21.9)] {
            let (lat2, lon2) = World::from_degrees(lat, lon).to_degrees();
            assert!((lat - lat2).abs() < 1e-9 && (lon - lon2).abs() < 1e-9, "{lat} {lon}");
        }
        let corner = World::from_degrees(90.0, -180.0);
        assert!(corner.x.abs() < 1e-12 && corner.y.abs() < 1e-9);
    }

    #[test]
    fn the_view_and_its_inverse_agree() {
        let view =
            View { scale: WORLD_PX * 4096.0, tx: -700_000.0, ty: -400_000.0, width: 800.0, height: 600.0 };
        let w = World::from_degrees(9.97, 76.28);
        let (x, y) = view.to_px(w);
        let back = view.to_world(x, y);
        assert!((back.x - w.x).abs() < 1e-12 && (back.y - w.y).abs() < 1e-12);
        assert!((view.zoom() - 12.0).abs() < 1e-12);
    }

    #[test]
    fn a_place_moves_straight_between_two_views() {
        let a = View { scale: 1000.0, tx: 10.0, ty: 20.0, width: 1.0, height: 1.0 };
        let b = View { scale: 2000.0, tx: -300.0, ty: 5.0, width: 1.0, height: 1.0 };
        let w = World { x: 0.3, y: 0.7 };
        let (ax, _) = a.to_px(w);
        let (bx, _) = b.to_px(w);
        assert!((a.lerp(&b, 0.25).to_px(w).0 - (ax + (bx - ax) * 0.25)).abs() < 1e-9);
    }

    #[test]
    fn the_zoom_easing_starts_fast_and_ends_exactly() {
        assert!(zoom_ease(0.0) < 1e-6 && (zoom_ease(1.0) - 1.0).abs() < 1e-6);
        assert!(zoom_ease(0.25) > 0.5, "ease-out");
        assert!((0..100).all(|i| zoom_ease(f64::from(i) / 100.0) <= zoom_ease(f64::from(i + 1) / 100.0)));
    }
}
