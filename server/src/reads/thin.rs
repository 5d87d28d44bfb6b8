//! Fewer points, same shape.
//!
//! Largest triangle, three buckets: the points between first and last are dealt into
//! as many buckets as there are points to keep, and of each bucket the point stays
//! that spans the largest triangle with the one kept before it and the middle of the
//! bucket after it. Turns stay, straights thin out; one pass over the points.

use sentinel_model::RoutePoint;

/// Holds a route while it comes in piece by piece, thinned evenly once it is too long.
pub struct Thinner {
    held: Vec<RoutePoint>,
    held_max: usize,
    total: u64,
    /// Of so many points about one is held.
    one_of: usize,
    /// Too few yet to be thinned.
    gathered: Vec<RoutePoint>,
}

impl Thinner {
    pub fn new(held_max: usize) -> Self {
        Self { held: Vec::new(), held_max, total: 0, one_of: 1, gathered: Vec::new() }
    }

    /// Whether this many more are simply taken in, which is quick.
    pub fn fits(&self, more: usize) -> bool {
        self.one_of == 1 && self.held.len() + more <= self.held_max
    }

    /// Takes the points that come next.
    pub fn with(mut self, mut points: Vec<RoutePoint>) -> Self {
        self.total += points.len() as u64;
        if self.held.is_empty() {
            self.held = points;
        } else if self.one_of == 1 {
            self.held.append(&mut points);
        } else {
            self.gathered.append(&mut points);
            if self.gathered.len() >= 8 * self.one_of {
                self.thin_gathered();
            }
        }
        while self.held.len() > self.held_max {
            let half = self.held.len() / 2;
            self.held = thin(std::mem::take(&mut self.held), half);
            self.one_of *= 2;
        }
        self
    }

    /// What comes is thinned as often as what is held was: so it stays even.
    fn thin_gathered(&mut self) {
        let gathered = std::mem::take(&mut self.gathered);
        let share = gathered.len().div_ceil(self.one_of).max(2);
        self.held.extend(thin(gathered, share));
    }

    /// How many were taken, exactly.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What is held of them, the first and the last among them.
    pub fn held(mut self) -> Vec<RoutePoint> {
        self.thin_gathered();
        self.held
    }
}

/// At most `keep` of the points, the first and the last always among them.
pub fn thin(points: Vec<RoutePoint>, keep: usize) -> Vec<RoutePoint> {
    if points.len() <= keep {
        return points;
    }
    let (Some(&first), Some(&last)) = (points.first(), points.last()) else { return points };
    match keep {
        0 => return Vec::new(),
        1 => return vec![last],
        2 => return vec![first, last],
        _ => {}
    }
    // Degrees of longitude are shorter away from the equator.
    let narrowing = first.latitude.to_radians().cos();
    let flat = |p: &RoutePoint| (p.longitude * narrowing, p.latitude);
    let inner = &points[1..points.len() - 1];
    let buckets = keep - 2;
    let edge = |bucket: usize| bucket * inner.len() / buckets;
    let mut kept = Vec::with_capacity(keep);
    kept.push(first);
    let mut before = flat(&first);
    for bucket in 0..buckets {
        let here = &inner[edge(bucket)..edge(bucket + 1)];
        let next =
            if bucket + 1 < buckets { &inner[edge(bucket + 1)..edge(bucket + 2)] } else { &[last][..] };
        let after = middle(next, flat);
        let Some(chosen) = here
            .iter()
            .max_by(|a, b| triangle(before, flat(a), after).total_cmp(&triangle(before, flat(b), after)))
        else {
            continue;
        };
        before = flat(chosen);
        kept.push(*chosen);
    }
    kept.push(last);
    kept
}

fn middle(points: &[RoutePoint], flat: impl Fn(&RoutePoint) -> (f64, f64)) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "a count of points")]
    let n = points.len().max(1) as f64;
    let (x, y) = points.iter().map(flat).fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
    (x / n, y / n)
}

/// Twice the area.
fn triangle(a: (f64, f64), b: (f64, f64), c: (f64, f64)) -> f64 {
    ((b.0 - a.0) * (c.1 - a.1) - (c.0 - a.0) * (b.1 - a.1)).abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::Time;

    fn route(n: usize, at: impl Fn(usize) -> (f64, f64)) -> Vec<RoutePoint> {
        (0..n)
            .map(|i| {
                let (latitude, longitude) = at(i);
                RoutePoint {
                    time: Time(i64::try_from(i).unwrap_or(0)),
                    latitude,
                    longitude,
                    speed_mps: None,
                    heading_deg: None,
                }
            })
            .collect()
    }

    #[test]
    fn first_and_last_stay_and_no_more_than_asked_for() {
        for n in [0, 1, 2, 3, 10, 1000] {
            for keep in [2, 3, 7, 100, 5000] {
                let points = route(n, |i| ((i as f64 / 10.0).sin(), i as f64 / 100.0));
                let thinned = thin(points.clone(), keep);
                assert!(thinned.len() <= keep.max(n.min(keep)));
                assert_eq!(thinned.first(), points.first());
                assert_eq!(thinned.last(), points.last());
                assert!(thinned.is_sorted_by(|a, b| a.time < b.time));
            }
        }
    }

    #[test]
    fn a_long_route_is_held_in_bounds_and_evenly_and_counted_exactly() {
        let points = route(100_000, |i| ((i as f64 / 50.0).sin(), i as f64 / 1000.0));
        for piece in [1, 7, 500, 3_000, 100_000] {
            let mut thinner = Thinner::new(2_000);
            for piece in points.chunks(piece) {
                thinner = thinner.with(piece.to_vec());
                assert!(thinner.held.len() + thinner.gathered.len() <= 4_000);
            }
            assert_eq!(thinner.total(), 100_000);
            let held = thinner.held();
            assert_eq!((held.first(), held.last()), (points.first(), points.last()));
            assert!(held.is_sorted_by(|a, b| a.time < b.time));
            let tenth = |n: i64| held.iter().filter(|p| p.time.0 / 10_000 == n).count();
            for n in 0..10 {
                assert!(
                    (50..=400).contains(&tenth(n)),
                    "piece {piece}: {:?}",
                    (0..10).map(tenth).collect::<Vec<_>>()
                );
            }
        }
    }

    #[test]
    fn a_route_that_fits_is_held_whole() {
        let points = route(2_000, |i| (i as f64, 0.0));
        let thinner = points.chunks(300).fold(Thinner::new(2_000), |t, piece| {
            assert!(t.fits(piece.len()));
            t.with(piece.to_vec())
        });
        assert!(!thinner.fits(1));
        assert_eq!(thinner.held(), points);
    }

    #[test]
    fn a_corner_survives_strong_thinning() {
        // East for 500 points, then north for 500.
        let points = route(1001, |i| if i <= 500 { (0.0, i as f64) } else { (i as f64 - 500.0, 500.0) });
        let thinned = thin(points, 10);
        assert!(thinned.iter().any(|p| p.longitude > 440.0 && p.latitude < 60.0), "{thinned:?}");
    }
}
