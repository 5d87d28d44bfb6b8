//! Which of a unit's positions move its marker, by the filters of its scope.
//!
//! The decision is of positions alone, in the order of their time, each against the one shown
//! before it. Nothing is hidden for longer than the filters say: a position that comes when
//! the shown one is that old is shown as it is.

use crate::geo::distance_m;
use sentinel_model::{Fix, Location, filters::Filters};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::Duration;

#[derive(Debug, Default, PartialEq)]
pub struct Picked {
    /// Where the unit is to be shown; none where its marker stays.
    pub shown: Option<Location>,
    /// Newer than the marker, and not shown.
    pub hidden: u64,
}

/// A position that may be shown.
pub struct Offered {
    pub location: Location,
    /// Its device does not vouch for it, and those are to be hidden.
    pub said_invalid: bool,
}

/// Whether a fix is one that its device itself calls invalid, as OsmAnd's and Traccar's do
/// (`valid=false`) whose receiver repeats an old place.
pub fn says_invalid(fix: &Fix) -> bool {
    #[derive(Deserialize)]
    struct Extras<'a> {
        #[serde(borrow)]
        valid: Option<&'a RawValue>,
    }
    // Most say nothing of it, and need not be read for it.
    let extras = fix.extras.as_deref().filter(|extras| extras.contains("\"valid\""));
    let said = extras.and_then(|extras| serde_json::from_str::<Extras<'_>>(extras).ok()?.valid);
    said.is_some_and(|valid| matches!(valid.get().trim_matches('"'), "false" | "0"))
}

/// What becomes of a marker at `held` by these positions, oldest first.
pub fn pick(
    filters: &Filters,
    held: Option<Location>,
    positions: impl IntoIterator<Item = Offered>,
) -> Picked {
    let mut picked = Picked::default();
    for Offered { location, said_invalid } in positions {
        match picked.shown.as_ref().or(held.as_ref()) {
            Some(shown) if location.time <= shown.time => {}
            Some(shown) if hides(filters, shown, &location, said_invalid) => picked.hidden += 1,
            _ => picked.shown = Some(location),
        }
    }
    picked
}

/// Whether a fix, shown as that position, is hidden behind an earlier one that is shown.
pub fn is_hidden(filters: &Filters, shown: &Location, position: &Location, fix: &Fix) -> bool {
    hides(filters, shown, position, filters.invalid && says_invalid(fix))
}

/// Whether a later position is hidden behind the one that is shown.
fn hides(filters: &Filters, shown: &Location, position: &Location, said_invalid: bool) -> bool {
    let since_ms = position.time.ms_since(shown.time);
    if since_ms >= i64::from(filters.keep_after_s()) * 1000 {
        return false;
    }
    let place = |location: &Location| (location.latitude, location.longitude);
    let moved_m = distance_m(place(shown), place(position));
    let accuracies_m = shown.accuracy_m.unwrap_or(0.0) + position.accuracy_m.unwrap_or(0.0);
    let since_s = Duration::from_millis(since_ms.unsigned_abs()).as_secs_f64();
    said_invalid
        || filters.poor_accuracy_m.zip(position.accuracy_m).is_some_and(|(most, accuracy)| accuracy > most)
        || filters.max_speed_mps.is_some_and(|most| moved_m > f64::from(most) * since_s)
        || filters.min_period_s.is_some_and(|least| since_ms < i64::from(least) * 1000)
        || filters.min_distance_m.is_some_and(|least| moved_m < f64::from(least))
        || (filters.within_accuracies && moved_m < f64::from(accuracies_m))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sentinel_model::Time;

    /// So many metres north of a place, so many seconds after a time.
    fn at(seconds: i64, north_m: f64, accuracy_m: Option<f32>) -> Location {
        Location {
            unit_id: "PC-1".parse().expect("an id"),
            patrol_id: None,
            latitude: 9.9 + north_m / crate::geo::M_PER_DEG_LATITUDE,
            longitude: 76.2,
            speed_mps: None,
            heading_deg: None,
            accuracy_m,
            battery: None,
            time: Time(1_795_226_400_000 + seconds * 1000),
            received_at: Time(1_795_226_400_000 + seconds * 1000),
        }
    }

    fn pick(filters: &Filters, held: Option<Location>, positions: Vec<Location>) -> Picked {
        let offered = positions.into_iter().map(|location| Offered { location, said_invalid: false });
        super::pick(filters, held, offered)
    }

    fn shows(filters: Filters, before: Location, after: Location) -> bool {
        pick(&filters, Some(before), vec![after]).shown.is_some()
    }

    #[test]
    fn each_filter_hides_what_it_names_and_nothing_else() {
        let here = || at(0, 0.0, Some(20.0));
        let poor = Filters { poor_accuracy_m: Some(100.0), ..Filters::default() };
        assert!(!shows(poor, here(), at(10, 50.0, Some(100.1))));
        assert!(shows(poor, here(), at(10, 50.0, Some(100.0))));
        assert!(shows(poor, here(), at(10, 50.0, None)), "unknown is not poor");
        let speed = Filters { max_speed_mps: Some(50.0), ..Filters::default() };
        assert!(!shows(speed, here(), at(10, 501.0, None)));
        assert!(shows(speed, here(), at(10, 499.0, None)));
        let period = Filters { min_period_s: Some(5), ..Filters::default() };
        assert!(!shows(period, here(), at(4, 500.0, None)));
        assert!(shows(period, here(), at(5, 0.0, None)));
        let distance = Filters { min_distance_m: Some(10.0), ..Filters::default() };
        assert!(!shows(distance, here(), at(10, 9.9, None)));
        assert!(shows(distance, here(), at(10, 10.1, None)));
        let accuracies = Filters { within_accuracies: true, ..Filters::default() };
        assert!(!shows(accuracies, here(), at(10, 29.9, Some(10.0))));
        assert!(shows(accuracies, here(), at(10, 30.1, Some(10.0))));
        assert!(
            shows(Filters::default(), here(), at(1, 900_000.0, Some(9_000.0))),
            "no filter hides nothing"
        );
    }

    #[test]
    fn who_is_nowhere_yet_is_shown_however_poorly_and_what_is_older_never() {
        let strict =
            Filters { poor_accuracy_m: Some(1.0), min_distance_m: Some(100.0), ..Filters::default() };
        let picked = pick(&strict, None, vec![at(0, 0.0, Some(5_000.0)), at(1, 5.0, Some(0.5))]);
        assert_eq!((picked.shown, picked.hidden), (Some(at(0, 0.0, Some(5_000.0))), 1));
        let older =
            pick(&Filters::default(), Some(at(10, 0.0, None)), vec![at(9, 900.0, None), at(10, 1.0, None)]);
        assert_eq!(older, Picked::default());
    }

    #[test]
    fn what_a_device_calls_invalid_is_known_however_it_writes_that() {
        let says = |extras: Option<&str>| {
            let extras = extras.map(Into::into);
            says_invalid(&Fix { extras, ..crate::sqlite::plain_fix(0) })
        };
        for invalid in
            [r#"{"valid":false}"#, r#"{"a":"\"valid\":1","valid":"false"}"#, r#"{"hdop":1,"valid": 0}"#]
        {
            assert!(says(Some(invalid)), "{invalid}");
        }
        for valid in
            [r#"{"valid":true}"#, r#"{"valid":1}"#, r#"{"note":"\"valid\":false"}"#, "{}", "\"valid\""]
        {
            assert!(!says(Some(valid)), "{valid}");
        }
        assert!(!says(None));
        let (held, offered) =
            (at(0, 0.0, None), |seconds| Offered { location: at(seconds, 9.0, None), said_invalid: true });
        let hidden = super::pick(&Filters::default(), Some(held.clone()), [offered(299)]);
        assert_eq!((hidden.shown, hidden.hidden), (None, 1));
        assert!(super::pick(&Filters::default(), Some(held), [offered(300)]).shown.is_some(), "not for ever");
    }

    #[test]
    fn one_bad_position_in_a_batch_does_not_hide_the_good_ones_around_it() {
        let filters = Filters { max_speed_mps: Some(50.0), ..Filters::default() };
        let batch = vec![at(1, 20.0, None), at(2, 90_000.0, None), at(3, 60.0, None), at(4, 99_000.0, None)];
        let picked = pick(&filters, Some(at(0, 0.0, None)), batch);
        assert_eq!((picked.shown, picked.hidden), (Some(at(3, 60.0, None)), 2));
    }

    fn filters() -> impl Strategy<Value = Filters> {
        let metres = || prop::option::of(1.0f32..10_000.0);
        (
            metres(),
            metres(),
            prop::option::of(1u32..3_600),
            metres(),
            any::<bool>(),
            prop::option::of(10u32..5_000),
        )
            .prop_map(|(poor, speed, period, distance, within_accuracies, keep_after_s)| Filters {
                poor_accuracy_m: poor,
                max_speed_mps: speed,
                min_period_s: period,
                min_distance_m: distance,
                invalid: false,
                within_accuracies,
                keep_after_s,
            })
    }

    proptest! {
        #[test]
        fn a_marker_never_stands_for_longer_than_it_may_nor_goes_back_however_positions_are_batched(
            filters in filters(),
            steps in prop::collection::vec((1i64..900, -5_000.0..5_000.0, prop::option::of(0.0f32..5_000.0)), 1..60),
            batch in 1usize..10,
        ) {
            let mut time = 0;
            let all: Vec<Location> = steps
                .into_iter()
                .map(|(later, north_m, accuracy_m)| {
                    time += later;
                    at(time, north_m, accuracy_m)
                })
                .collect();
            let one_by_one = all.iter().try_fold(None, |held: Option<Location>, position| {
                let picked = pick(&filters, held.clone(), vec![position.clone()]);
                prop_assert_eq!(picked.hidden == 0, picked.shown.is_some());
                let shown = picked.shown.or(held).expect("the first is shown");
                let stands_for_ms = position.time.ms_since(shown.time);
                prop_assert!((0..i64::from(filters.keep_after_s()) * 1000).contains(&stands_for_ms));
                Ok(Some(shown))
            })?;
            let in_batches = all.chunks(batch).fold(None, |held: Option<Location>, batch| {
                pick(&filters, held.clone(), batch.to_vec()).shown.or(held)
            });
            prop_assert_eq!(one_by_one, in_batches);
        }
    }
}
