//! Room for words in one texture: shelves of rows, filled from the left.
//!
//! It never frees single words; when it is full everything goes and what is still
//! shown comes back, which with a few hundred labels is seldom and cheap.

/// A rectangle of the texture, in its own pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    pub x: u32,
    pub y: u32,
    pub w: u32,
    pub h: u32,
}

#[derive(Debug, Clone)]
pub struct Shelves {
    side: u32,
    /// Top, height, and how far each is filled.
    rows: Vec<(u32, u32, u32)>,
}

/// Pixels kept free around every area, so that filtering does not bleed.
const GAP: u32 = 1;

impl Shelves {
    pub fn new(side: u32) -> Self {
        Self { side, rows: Vec::new() }
    }

    /// Finds room, or says that there is none left.
    pub fn place(&mut self, w: u32, h: u32) -> Option<Area> {
        let (wide, high) = (w + GAP, h + GAP);
        if wide > self.side || high > self.side {
            return None;
        }
        // A row may be a little too high, not much: words come in few sizes.
        let fits = |row: &(u32, u32, u32)| row.1 >= high && row.1 <= high + 4 && row.2 + wide <= self.side;
        if let Some(row) = self.rows.iter_mut().find(|r| fits(r)) {
            let area = Area { x: row.2, y: row.0, w, h };
            row.2 += wide;
            return Some(area);
        }
        let top = self.rows.last().map_or(0, |r| r.0 + r.1);
        if top + high > self.side {
            return None;
        }
        self.rows.push((top, high, wide));
        Some(Area { x: 0, y: top, w, h })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_never_overlap_and_stay_inside() {
        let mut shelves = Shelves::new(256);
        let mut areas = Vec::new();
        for n in 0..500u32 {
            match shelves.place(20 + n * 7 % 50, 12 + n % 3 * 5) {
                Some(area) => areas.push(area),
                None => break,
            }
        }
        assert!(areas.len() > 40, "{}", areas.len());
        for (i, a) in areas.iter().enumerate() {
            assert!(a.x + a.w <= 256 && a.y + a.h <= 256);
            for b in &areas[i + 1..] {
                let apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
                assert!(apart, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn full_is_said() {
        let mut shelves = Shelves::new(64);
        while shelves.place(30, 14).is_some() {}
        assert!(shelves.place(30, 14).is_none());
        assert!(shelves.place(100, 10).is_none(), "wider than the texture");
    }
}
