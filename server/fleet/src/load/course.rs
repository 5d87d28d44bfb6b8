//! What each unit sends: a function of the fix's number alone.
//!
//! Time and place of every fix can be worked out again at any moment, so that the
//! delivery figures and the audit need no copy of what was sent, and nothing that
//! the server might change or invent goes unnoticed.

use sentinel_model::Time;

/// Degrees times 1e6: what is sent is exact in decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub lat_e6: i64,
    pub lon_e6: i64,
}

/// Half the side of the square, round its site, in which a unit's course may begin (about 2 km).
const SPREAD_E6: i64 = 20_000;
/// How far a unit drives before it turns back, and how much of it in one fix (about 2 m).
const LEG_E6: u64 = 4_000;
const STRIDE_E6: u64 = 20;

#[derive(Debug, Clone)]
pub struct Course {
    base: Time,
    step_ms: i64,
    batch: u32,
    sites: Vec<Place>,
}

impl Course {
    /// `base` is the device time of every unit's first fix, `step_ms` the time between
    /// two, `sites` where each unit begins.
    pub fn new(base: Time, step_ms: i64, batch: u32, sites: Vec<Place>) -> Self {
        debug_assert!(step_ms > 0 && batch > 0);
        let sites = (0u64..).zip(sites).map(|(unit, site)| scatter(unit, site)).collect();
        Self { base, step_ms, batch, sites }
    }

    pub fn batch(&self) -> u32 {
        self.batch
    }

    pub fn base(&self) -> Time {
        self.base
    }

    pub fn units(&self) -> usize {
        self.sites.len()
    }

    pub fn time(&self, fix: u64) -> Time {
        self.base.plus_ms(i64::try_from(fix).unwrap_or(i64::MAX).saturating_mul(self.step_ms))
    }

    /// The number of the fix with that device time, none where no fix of the run has it.
    pub fn fix_at(&self, time: Time) -> Option<u64> {
        let since = time.ms_since(self.base);
        (since >= 0 && since % self.step_ms == 0).then(|| u64::try_from(since / self.step_ms).ok()).flatten()
    }

    /// The unit's post that a fix goes in.
    pub fn post_of(&self, fix: u64) -> u64 {
        fix / u64::from(self.batch)
    }

    pub fn first_fix_of(&self, post: u64) -> u64 {
        post * u64::from(self.batch)
    }

    pub fn place(&self, unit: usize, fix: u64) -> Place {
        let site = self.sites[unit];
        let way = fix.wrapping_mul(STRIDE_E6) % (2 * LEG_E6);
        let along = if way < LEG_E6 { way } else { 2 * LEG_E6 - way };
        let along = i64::try_from(along).expect("a leg is short");
        Place { lat_e6: site.lat_e6 + along, lon_e6: site.lon_e6 + along / 2 }
    }
}

fn scatter(unit: u64, site: Place) -> Place {
    let side = 2 * SPREAD_E6.unsigned_abs() + 1;
    let offset =
        |prime: u64| i64::try_from(unit.wrapping_mul(prime) % side).expect("an offset is short") - SPREAD_E6;
    Place { lat_e6: site.lat_e6 + offset(7_919), lon_e6: site.lon_e6 + offset(104_729) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course() -> Course {
        Course::new(Time(1_000), 40, 10, vec![Place { lat_e6: 9_931_200, lon_e6: 76_267_300 }; 3])
    }

    #[test]
    fn a_fix_is_known_again_by_its_time() {
        let course = course();
        for fix in [0, 1, 9, 10, 123_456] {
            assert_eq!(course.fix_at(course.time(fix)), Some(fix));
        }
        assert_eq!(course.fix_at(Time(1_001)), None);
        assert_eq!(course.fix_at(Time(960)), None);
    }

    #[test]
    fn posts_hold_their_batch() {
        let course = course();
        assert_eq!((course.post_of(9), course.post_of(10)), (0, 1));
        assert_eq!(course.first_fix_of(3), 30);
    }

    #[test]
    fn a_unit_moves_between_fixes_and_stays_near_its_site() {
        let course = course();
        assert_ne!(course.place(1, 0), course.place(1, 1));
        assert_ne!(course.place(0, 5), course.place(1, 5));
        for fix in 0..1_000 {
            let place = course.place(2, fix);
            assert!((place.lat_e6 - 9_931_200).abs() < 30_000 && (place.lon_e6 - 76_267_300).abs() < 30_000);
        }
    }
}
