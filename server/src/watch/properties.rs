//! Random fences and tracks, held against the [`oracle`](super::oracle).

use super::{
    Sighting,
    crossing::State,
    index::FenceIndex,
    journey::{Goal, Journey, Stage},
    oracle,
};
use proptest::prelude::*;
use sentinel_model::{
    Level, Scope, ScopePath, Time,
    geofence::{Circle, FenceRules, Geofence, Polygon, Shape},
};
use std::{collections::BTreeSet, sync::Arc};

const PATH: ScopePath = ScopePath { district: 1, zone: 3, division: 4, station: 5 };

type Line = ((f64, f64), (f64, f64));

/// A city, and islands on both sides of the antimeridian.
const TOWNS: [(f64, f64); 3] = [(37.77, -122.42), (-16.8, 179.998), (66.0, -179.99)];

/// So many metres north and east of a place.
fn moved((latitude, longitude): (f64, f64), north_m: f64, east_m: f64) -> (f64, f64) {
    let degree_m = crate::geo::M_PER_DEG_LATITUDE;
    let turned = longitude + east_m / degree_m / latitude.to_radians().cos();
    (latitude + north_m / degree_m, (turned + 180.0).rem_euclid(360.0) - 180.0)
}

/// An outline around a place that crosses itself nowhere.
fn outline(middle: (f64, f64), corners: Vec<(f64, f64)>) -> Shape {
    let count = corners.len() as f64;
    let point = |(n, (part, reach_m)): (usize, (f64, f64))| {
        let (up, aside) = ((n as f64 + part) / count * std::f64::consts::TAU).sin_cos();
        moved(middle, up * reach_m, aside * reach_m)
    };
    Shape::Polygon(Polygon { points: corners.into_iter().enumerate().map(point).collect() })
}

fn shape(town: (f64, f64)) -> impl Strategy<Value = Shape> {
    let middle = (-1_500.0..1_500.0, -1_500.0..1_500.0).prop_map(move |(n, e)| moved(town, n, e));
    let corners = prop::collection::vec((0.0..0.9, 20.0..800.0), 3..12);
    prop_oneof![
        (middle.clone(), 10.0..800.0).prop_map(|((latitude, longitude), radius_m)| Shape::Circle(Circle {
            latitude,
            longitude,
            radius_m
        })),
        (middle, corners, any::<bool>()).prop_map(|(middle, corners, turned)| {
            let mut shape = outline(middle, corners);
            if let (true, Shape::Polygon(polygon)) = (turned, &mut shape) {
                polygon.points.reverse();
            }
            shape
        }),
    ]
}

fn rules() -> impl Strategy<Value = FenceRules> {
    let (dwell, limit) = (prop::option::of(30u32..300), prop::option::of(1.0..20.0));
    (any::<bool>(), any::<bool>(), dwell, limit).prop_map(|(enter, exit, dwell_s, speed_limit_mps)| {
        FenceRules { enter, exit, dwell_s, speed_limit_mps, silent: false }
    })
}

fn fences(town: (f64, f64)) -> impl Strategy<Value = Vec<Arc<Geofence>>> {
    let scopes = [Scope::station(5), Scope::new(Level::Zone, 3), Scope::station(3)];
    let one = (shape(town), rules(), prop::sample::select(scopes.to_vec()), prop::bool::weighted(0.9));
    prop::collection::vec(one, 1..8).prop_map(|all| {
        let fence = |(n, (shape, on, scope, enabled)): (usize, (Shape, FenceRules, Scope, bool))| {
            Arc::new(Geofence {
                id: format!("f{n}"),
                name: format!("Fence {n}"),
                scope,
                shape,
                on,
                enabled,
                created_at: Time(0),
                updated_at: Time(0),
                created_by: "user:chief5".into(),
            })
        };
        all.into_iter().enumerate().map(fence).collect()
    })
}

/// Where somebody was who walks and drives about; some of it comes late, some says little.
fn track(town: (f64, f64)) -> impl Strategy<Value = Vec<Sighting>> {
    let pace = prop_oneof![Just(5.0), Just(60.0), Just(400.0)];
    let step = (pace, -1.0..1.0, -1.0..1.0, -15i64..60);
    let said = (prop::option::of(0f32..25.0), prop::option::of(0f32..120.0));
    prop::collection::vec((step, said), 1..80).prop_map(move |steps| {
        let (mut place, mut time) = (town, Time(1_795_226_400_000));
        let sighting = |((pace_m, north, east, later_s), (speed_mps, accuracy_m))| {
            place = moved(place, north * pace_m, east * pace_m);
            time = time.plus_ms(later_s * 1000);
            let (latitude, longitude) = place;
            Sighting { time, latitude, longitude, speed_mps, accuracy_m, battery: None }
        };
        steps.into_iter().map(sighting).collect()
    })
}

fn town() -> impl Strategy<Value = (f64, f64)> {
    prop::sample::select(TOWNS.to_vec())
}

/// What is told of the rest of a track.
fn told(state: &mut State, track: &[Sighting], index: &FenceIndex) -> Vec<oracle::Told> {
    let crossings = track.iter().flat_map(|at| state.step(at, index, &PATH));
    crossings.map(|crossing| (crossing.fence.id.clone(), crossing.kind, crossing.at.time)).collect()
}

proptest! {
    #[test]
    fn a_shape_holds_what_plain_geometry_says_that_it_holds(
        (shape, places) in town().prop_flat_map(|town| {
            let place = (-2_500.0..2_500.0, -2_500.0..2_500.0).prop_map(move |(n, e)| moved(town, n, e));
            (shape(town), prop::collection::vec(place, 1..100))
        }),
    ) {
        prop_assert_eq!(shape.check(), Ok(()));
        for (latitude, longitude) in places {
            let is_in = shape.contains(latitude, longitude);
            prop_assert_eq!(is_in, oracle::is_in(&shape, (latitude, longitude)));
            prop_assert!(!is_in || shape.bounds().holds(latitude, longitude));
            let out_m = if is_in { 0.0 } else { oracle::out_m(&shape, (latitude, longitude)) };
            let distance_m = shape.distance_m(latitude, longitude);
            prop_assert!((distance_m - out_m).abs() <= 0.001 + out_m / 1_000.0, "{distance_m} {out_m}");
        }
    }

    #[test]
    fn an_outline_is_refused_where_two_of_its_lines_cross(
        points in prop::collection::vec((-1.0f64..1.0, -1.0f64..1.0), 3..9),
    ) {
        let line = |n: usize| (points[n], points[(n + 1) % points.len()]);
        let do_cross = |(a, b): Line, (c, d): Line| {
            let (along, other) = ((b.0 - a.0, b.1 - a.1), (d.0 - c.0, d.1 - c.1));
            let between = (c.0 - a.0, c.1 - a.1);
            let turn = along.0 * other.1 - along.1 * other.0;
            let part = (between.0 * other.1 - between.1 * other.0) / turn;
            let of_other = (between.0 * along.1 - between.1 * along.0) / turn;
            (0.0..=1.0).contains(&part) && (0.0..=1.0).contains(&of_other)
        };
        let count = points.len();
        let apart = (0..count).flat_map(|n| (n + 2..count).map(move |other| (n, other)));
        let crosses =
            apart.filter(|pair| *pair != (0, count - 1)).any(|(n, other)| do_cross(line(n), line(other)));
        let polygon = Shape::Polygon(Polygon { points: points.clone() });
        prop_assert_eq!(polygon.check().is_err(), crosses, "{:?}", polygon.check());
    }

    #[test]
    fn the_index_knows_every_fence_whose_bounds_hold_a_place(
        (fences, places) in town().prop_flat_map(|town| {
            let place = (-2_500.0..2_500.0, -2_500.0..2_500.0).prop_map(move |(n, e)| moved(town, n, e));
            (fences(town), prop::collection::vec(place, 1..50))
        }),
    ) {
        let index = FenceIndex::new(fences.clone());
        for (latitude, longitude) in places {
            let found: Vec<&str> = index.at(latitude, longitude).map(|fence| fence.id.as_str()).collect();
            let once: BTreeSet<&str> = found.iter().copied().collect();
            prop_assert_eq!(found.len(), once.len());
            let holds = |fence: &&Arc<Geofence>| fence.enabled && fence.shape.bounds().holds(latitude, longitude);
            prop_assert_eq!(once, fences.iter().filter(holds).map(|fence| fence.id.as_str()).collect());
        }
    }

    #[test]
    fn crossings_are_those_that_all_fixes_and_all_fences_say(
        (fences, track) in town().prop_flat_map(|town| (fences(town), track(town))),
        cut in 0.0..1.0,
    ) {
        let expected = oracle::crossings(&track, &fences, &PATH);
        prop_assume!(expected.is_some());
        let index = FenceIndex::new(fences);
        let (first, rest) = track.split_at((track.len() as f64 * cut) as usize);
        let mut state = State::default();
        let mut all = told(&mut state, first, &index);
        let kept = postcard::to_allocvec(&state).expect("encodes");
        let json = serde_json::to_string(&state).expect("encodes");
        let after = told(&mut state, rest, &index);
        let mut of_json: State = serde_json::from_str(&json).expect("decodes");
        prop_assert_eq!(&told(&mut of_json, rest, &index), &after);
        let mut of_kept: State = postcard::from_bytes(&kept).expect("decodes");
        prop_assert_eq!(&told(&mut of_kept, rest, &index), &after);
        prop_assert_eq!(&of_kept, &state);
        prop_assert_eq!(told(&mut of_kept, &track, &index), vec![], "what is sent again tells nothing");
        all.extend(after);
        all.sort();
        prop_assert_eq!(Some(all), expected);
    }

    #[test]
    fn a_journey_is_what_all_fixes_say(
        (track, goal) in town().prop_flat_map(|town| {
            (track(town), (-400.0..400.0, -400.0..400.0).prop_map(move |(n, e)| moved(town, n, e)))
        }),
        near_m in 30.0..300.0,
    ) {
        let goal = Goal { latitude: goal.0, longitude: goal.1, near_m };
        let mut journey = Journey::begin(track.first());
        let mut told = Vec::new();
        for at in &track {
            told.extend(journey.step(at, at.time, &goal));
            let kept = postcard::to_allocvec(&journey).expect("encodes");
            journey = postcard::from_bytes(&kept).expect("decodes");
        }
        prop_assert_eq!(&told, &oracle::stages(&track, &goal));
        prop_assert_eq!(journey.stage(), told.last().map_or_else(Default::default, |(stage, _)| *stage));
        // Who falls silent is there where they were near at last, since then, and not twice.
        let was_there = journey.stage() == Stage::OnScene;
        let silent = journey.falls_silent();
        prop_assert_eq!(silent, oracle::silent_since(&track, &goal).filter(|_| !was_there));
        prop_assert_eq!(journey.falls_silent(), None);
        let again: Vec<_> = track.iter().filter_map(|at| {
            let later = Sighting { time: at.time.plus_ms(10_000_000), ..*at };
            journey.step(&later, later.time, &goal)
        }).collect();
        prop_assert!(silent.is_none() || again.is_empty(), "what was told is told again");
    }
}
