//! What became of some tasks, counted one by one, and how long things took.

use sentinel_model::{
    Time,
    dispatch::{Milestones, Outcome},
    report::{Performance, Spread},
};

/// Every time that was measured is kept, so that medians are exact: eight bytes each, at most five
/// a task.
#[derive(Debug, Default)]
pub struct Tally {
    opened: u64,
    closed: u64,
    cancelled: u64,
    to_assigned: Times,
    to_accepted: Times,
    to_en_route: Times,
    to_on_scene: Times,
    on_scene: Times,
}

impl Tally {
    /// One task, or one unit's part in it.
    pub fn count(&mut self, opened_at: Time, went: &Milestones, outcome: Option<Outcome>) {
        self.opened += 1;
        match outcome {
            Some(Outcome::Done) => self.closed += 1,
            Some(Outcome::Cancelled) => self.cancelled += 1,
            None => {}
        }
        self.to_assigned.put(Some(opened_at), went.assigned_at);
        self.to_accepted.put(Some(opened_at), went.accepted_at);
        self.to_en_route.put(Some(opened_at), went.en_route_at);
        self.to_on_scene.put(Some(opened_at), went.on_scene_at);
        self.on_scene.put(went.on_scene_at, went.ended_at);
    }

    pub fn performance(mut self) -> Performance {
        Performance {
            opened: self.opened,
            closed: self.closed,
            cancelled: self.cancelled,
            still_open: self.opened - self.closed - self.cancelled,
            to_assigned: self.to_assigned.spread(),
            to_accepted: self.to_accepted.spread(),
            to_en_route: self.to_en_route.spread(),
            to_on_scene: self.to_on_scene.spread(),
            on_scene: self.on_scene.spread(),
        }
    }
}

/// Milliseconds.
#[derive(Debug, Default)]
struct Times(Vec<i64>);

impl Times {
    fn put(&mut self, from: Option<Time>, to: Option<Time>) {
        self.0.extend(from.zip(to).map(|(from, to)| to.ms_since(from)));
    }

    fn spread(&mut self) -> Spread {
        let times = &mut self.0;
        times.sort_unstable();
        let count = times.len();
        // The first of which so many percent are at or below it.
        let rank = |percent: usize| times.get((count * percent).div_ceil(100).saturating_sub(1)).copied();
        let sum: i128 = times.iter().copied().map(i128::from).sum();
        let mean =
            i128::try_from(count).ok().filter(|count| *count > 0).map(|count| (sum + count / 2) / count);
        Spread {
            count: count as u64,
            median_s: rank(50).map(seconds),
            p90_s: rank(90).map(seconds),
            mean_s: mean.and_then(|mean| i64::try_from(mean).ok()).map(seconds),
            longest_s: times.last().copied().map(seconds),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "the milliseconds of a thousand years are exact in a double")]
pub fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spread(times: &[i64]) -> Spread {
        Times(times.to_vec()).spread()
    }

    #[test]
    fn nothing_has_no_median() {
        assert_eq!(spread(&[]), Spread::default());
    }

    #[test]
    fn the_median_of_two_is_the_lower_and_the_ninetieth_of_ten_the_last_but_one() {
        let two = spread(&[3_000, 1_000]);
        assert_eq!((two.median_s, two.p90_s, two.mean_s), (Some(1.0), Some(3.0), Some(2.0)));
        let ten: Vec<i64> = (1..=10).map(|n| n * 1_500).collect();
        let ten = spread(&ten);
        assert_eq!(
            (ten.count, ten.median_s, ten.p90_s, ten.longest_s),
            (10, Some(7.5), Some(13.5), Some(15.0))
        );
        assert_eq!(ten.mean_s, Some(8.25));
    }

    /// By counting: the least of the times that enough are no longer than.
    fn by_counting(times: &[i64], percent: usize) -> Option<f64> {
        let enough =
            |time: &&i64| times.iter().filter(|other| *other <= *time).count() * 100 >= percent * times.len();
        times.iter().filter(enough).min().copied().map(seconds)
    }

    proptest! {
        #[test]
        fn a_spread_is_what_counting_says(times in prop::collection::vec(0..100_000i64, 0..60)) {
            let spread = spread(&times);
            prop_assert_eq!(spread.count as usize, times.len());
            prop_assert_eq!(spread.median_s, by_counting(&times, 50));
            prop_assert_eq!(spread.p90_s, by_counting(&times, 90));
            prop_assert_eq!(spread.longest_s, times.iter().max().copied().map(seconds));
            let mean = times.iter().sum::<i64>() as f64 / 1000.0 / times.len() as f64;
            prop_assert!(spread.mean_s.is_none_or(|told| (told - mean).abs() < 0.001), "{mean}");
            prop_assert_eq!(spread.mean_s.is_none(), times.is_empty());
        }
    }
}
