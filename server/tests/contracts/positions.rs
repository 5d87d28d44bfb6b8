//! What every keeper of current positions promises.

use crate::{NOW, contract, contract_of_service, redis::Base, unit};
use futures::StreamExt as _;
use sentinel_model::Location;
use sentinel_server::{
    geo::distance_m,
    memory::MemoryPositions,
    ports::{Among, NearbyQuery, Positions, Put},
    redis::CURRENT_FOR,
};

/// Positions and what they stand on.
struct Held {
    positions: Box<dyn Positions>,
    _base: Option<Base>,
}

impl std::ops::Deref for Held {
    type Target = dyn Positions;
    fn deref(&self) -> &Self::Target {
        &*self.positions
    }
}

impl Held {
    fn in_process() -> Self {
        Self { positions: Box::new(MemoryPositions::default()), _base: None }
    }

    async fn over(base: impl Future<Output = Option<Base>>) -> Option<Self> {
        let base = base.await?;
        Some(Self { positions: Box::new(base.positions(CURRENT_FOR)), _base: Some(base) })
    }
}

macro_rules! every_engine {
    ($($story:ident)*) => {
        contract!(memory, Held::in_process(), $($story)*);
        contract_of_service!(redis, Held::over(Base::redis()), $($story)*);
        contract_of_service!(redis_cluster, Held::over(Base::cluster()), $($story)*);
    };
}

every_engine!(
    a_position_is_held_and_read_back
    an_older_or_equal_one_changes_nothing_but_the_sign_of_life
    many_are_read_in_the_order_asked
    nearby_comes_nearest_first_within_the_radius
    nearby_is_limited_to_the_nearest
    nearby_holds_only_who_is_kept
    nearby_follows_who_moves
    nearby_reaches_over_the_antimeridian_and_the_poles
    who_is_removed_is_nowhere
    puts_from_many_tasks_leave_the_newest
    nearby_is_what_sorting_ten_thousand_by_distance_would_give
    nearby_is_as_complete_at_the_edges_of_the_globe
    nearby_is_the_same_for_who_knows_who_may_be_kept
);

pub fn location(of: &str, seconds: i64, latitude: f64, longitude: f64) -> Location {
    Location {
        unit_id: unit(of),
        patrol_id: None,
        latitude,
        longitude,
        speed_mps: Some(3.0),
        heading_deg: None,
        accuracy_m: None,
        battery: Some(0.5),
        time: NOW.plus_ms(seconds * 1000),
        received_at: NOW.plus_ms(seconds * 1000),
    }
}

pub async fn put(positions: &dyn Positions, location: Location) -> Put {
    positions.put(location).await.expect("put")
}

pub async fn near(positions: &dyn Positions, at: (f64, f64), radius_m: f64, limit: usize) -> Vec<String> {
    let query =
        NearbyQuery { latitude: at.0, longitude: at.1, radius_m, limit, keep: &|_| true, among: None };
    let found = positions.nearby(query).await.expect("reads");
    assert!(found.is_sorted_by(|a, b| a.1 <= b.1), "nearest first");
    assert!(found.iter().all(|(_, distance)| *distance <= radius_m));
    found.into_iter().map(|(location, _)| location.unit_id.to_string()).collect()
}

async fn a_position_is_held_and_read_back(positions: &Held) {
    assert_eq!(positions.get(&unit("a")).await.expect("reads"), None);
    let held = location("a", 0, 9.931_233_123_456_789, 76.25);
    assert_eq!(put(&**positions, held.clone()).await, Put::Advanced);
    assert_eq!(positions.get(&unit("a")).await.expect("reads"), Some(held));
    assert_eq!(put(&**positions, location("a", 1, 9.94, 76.25)).await, Put::Advanced);
    let now = positions.get(&unit("a")).await.expect("reads");
    assert_eq!(now, Some(location("a", 1, 9.94, 76.25)));
}

async fn an_older_or_equal_one_changes_nothing_but_the_sign_of_life(positions: &Held) {
    put(&**positions, location("a", 100, 9.9, 76.2)).await;
    for seconds in [99, 100, -5] {
        let later_heard = Location { received_at: NOW.plus_ms(500_000), ..location("a", seconds, 1.0, 1.0) };
        assert_eq!(put(&**positions, later_heard).await, Put::Kept);
    }
    let expected = Location { received_at: NOW.plus_ms(500_000), ..location("a", 100, 9.9, 76.2) };
    assert_eq!(positions.get(&unit("a")).await.expect("reads"), Some(expected.clone()));
    // What was heard earlier does not take the sign of life back.
    assert_eq!(put(&**positions, location("a", 50, 1.0, 1.0)).await, Put::Kept);
    assert_eq!(positions.get(&unit("a")).await.expect("reads"), Some(expected));
    assert_eq!(near(&**positions, (1.0, 1.0), 1000.0, 10).await, [""; 0], "nor did it move for who is near");
}

async fn many_are_read_in_the_order_asked(positions: &Held) {
    put(&**positions, location("a", 0, 1.0, 1.0)).await;
    put(&**positions, location("b", 0, 2.0, 2.0)).await;
    let asked = [unit("b"), unit("nobody"), unit("a"), unit("b")];
    let found = positions.get_many(&asked).await.expect("reads");
    let names: Vec<Option<String>> = found.into_iter().map(|l| l.map(|l| l.unit_id.to_string())).collect();
    assert_eq!(names, [Some("b".into()), None, Some("a".into()), Some("b".into())]);
    assert_eq!(positions.get_many(&[]).await.expect("reads"), []);
}

async fn nearby_comes_nearest_first_within_the_radius(positions: &Held) {
    // A thousandth of a degree of latitude is 111 m.
    for (name, latitude) in [("c", 9.903), ("a", 9.901), ("far", 9.99), ("b", 9.898), ("here", 9.9)] {
        put(&**positions, location(name, 0, latitude, 76.25)).await;
    }
    assert_eq!(near(&**positions, (9.9, 76.25), 1000.0, 10).await, ["here", "a", "b", "c"]);
    assert_eq!(near(&**positions, (9.9, 76.25), 112.0, 10).await, ["here", "a"]);
    assert_eq!(near(&**positions, (9.9, 76.25), 110.0, 10).await, ["here"]);
    assert_eq!(near(&**positions, (9.9, 76.25), 0.0, 10).await, ["here"]);
    assert_eq!(near(&**positions, (20.0, 76.25), 1000.0, 10).await, [""; 0]);
    assert_eq!(near(&**positions, (9.9, 76.25), 500_000.0, 10).await.len(), 5);
    let query = NearbyQuery {
        latitude: 9.9,
        longitude: 76.25,
        radius_m: 150.0,
        limit: 10,
        keep: &|_| true,
        among: None,
    };
    let found = positions.nearby(query).await.expect("reads");
    assert!((found[1].1 - 111.2).abs() < 0.2, "{} m", found[1].1);
}

async fn nearby_is_limited_to_the_nearest(positions: &Held) {
    for n in 0..200 {
        let aside = f64::from((n * 37) % 200) / 10_000.0;
        put(&**positions, location(&format!("u{:03}", (n * 37) % 200), 0, 9.9 + aside, 76.25)).await;
    }
    for limit in [0, 1, 7, 199, 200, 1000] {
        let expected: Vec<String> = (0..200.min(limit)).map(|n| format!("u{n:03}")).collect();
        assert_eq!(near(&**positions, (9.9, 76.25), 50_000.0, limit).await, expected, "{limit}");
    }
}

async fn nearby_holds_only_who_is_kept(positions: &Held) {
    for n in 0..10 {
        put(&**positions, location(&format!("u{n}"), 0, 9.9 + f64::from(n) / 10_000.0, 76.25)).await;
    }
    let even = |l: &Location| l.unit_id.as_str().ends_with(['0', '2', '4', '6', '8']);
    let query =
        NearbyQuery { latitude: 9.9, longitude: 76.25, radius_m: 5000.0, limit: 3, keep: &even, among: None };
    let found = positions.nearby(query).await.expect("reads");
    let names: Vec<&str> = found.iter().map(|(location, _)| location.unit_id.as_str()).collect();
    assert_eq!(names, ["u0", "u2", "u4"], "who is not kept takes nobody's place");
}

async fn nearby_follows_who_moves(positions: &Held) {
    for n in 0..50 {
        put(&**positions, location("a", n, 9.9 + n as f64 / 100.0, 76.25)).await;
    }
    assert_eq!(near(&**positions, (9.9, 76.25), 2000.0, 10).await, [""; 0]);
    assert_eq!(near(&**positions, (9.9 + 0.49, 76.25), 2000.0, 10).await, ["a"]);
}

async fn nearby_reaches_over_the_antimeridian_and_the_poles(positions: &Held) {
    put(&**positions, location("east", 0, 0.0, 179.999)).await;
    put(&**positions, location("west", 0, 0.0, -179.999)).await;
    put(&**positions, location("on-it", 0, 0.0, 180.0)).await;
    put(&**positions, location("on-it-too", 0, 0.0, -180.0)).await;
    let around = near(&**positions, (0.0, 179.9995), 1000.0, 10).await;
    assert_eq!(around.len(), 4, "{around:?}");
    put(&**positions, location("pole", 0, 89.9999, 10.0)).await;
    assert_eq!(near(&**positions, (89.9999, -170.0), 1000.0, 10).await, ["pole"]);
    put(&**positions, location("south", 0, -89.9999, 10.0)).await;
    assert_eq!(near(&**positions, (-90.0, 100.0), 1000.0, 10).await, ["south"]);
}

async fn who_is_removed_is_nowhere(positions: &Held) {
    put(&**positions, location("a", 100, 9.9, 76.25)).await;
    positions.remove(&unit("a")).await.expect("removes");
    positions.remove(&unit("nobody")).await.expect("removes");
    assert_eq!(positions.get(&unit("a")).await.expect("reads"), None);
    assert_eq!(near(&**positions, (9.9, 76.25), 1000.0, 10).await, [""; 0]);
    assert_eq!(put(&**positions, location("a", 1, 9.9, 76.25)).await, Put::Advanced, "and may begin anew");
}

async fn puts_from_many_tasks_leave_the_newest(positions: &Held) {
    let puts = (0..200).map(|n| put(&**positions, location("a", (n * 71) % 200, 9.9, 76.25)));
    let advanced =
        futures::future::join_all(puts).await.into_iter().filter(|put| *put == Put::Advanced).count();
    assert!(advanced >= 1);
    let held = positions.get(&unit("a")).await.expect("reads").expect("held");
    assert_eq!(held.time, NOW.plus_ms(199_000));
}

/// Numbers below 1 that look random and are the same in every run.
fn scattered(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

async fn put_all(positions: &Held, all: &[Location]) {
    let puts = all.iter().map(|location| put(&**positions, location.clone()));
    futures::stream::iter(puts).buffer_unordered(500).for_each(|_| async {}).await;
}

async fn assert_nearby_is_as_sorted(
    positions: &Held,
    all: &[Location],
    at: (f64, f64),
    radius_m: f64,
    limit: usize,
) {
    let keep = |location: &Location| !location.unit_id.as_str().ends_with('3');
    assert_kept_are_as_sorted(positions, all, &keep, at, radius_m, limit).await;
}

/// Whether all are looked at, or those alone who are kept.
async fn assert_kept_are_as_sorted(
    positions: &Held,
    all: &[Location],
    keep: &(dyn Fn(&Location) -> bool + Send + Sync),
    at: (f64, f64),
    radius_m: f64,
    limit: usize,
) {
    let kept: Vec<&Location> = all.iter().filter(|location| keep(location)).collect();
    let mut expected: Vec<(Location, f64)> = kept
        .iter()
        .map(|location| ((*location).clone(), distance_m(at, (location.latitude, location.longitude))))
        .filter(|(_, distance)| *distance <= radius_m)
        .collect();
    expected.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.unit_id.cmp(&b.0.unit_id)));
    expected.truncate(limit);
    let named = |found: &[(Location, f64)]| -> Vec<(String, f64)> {
        found.iter().map(|(location, distance)| (location.unit_id.to_string(), *distance)).collect()
    };
    let units = || kept.iter().map(|location| location.unit_id.clone()).collect();
    for among in [None, Some(Among { count: kept.len(), units: &units })] {
        let query = NearbyQuery { latitude: at.0, longitude: at.1, radius_m, limit, keep, among };
        let found = positions.nearby(query).await.expect("reads");
        let asked = format!("{limit} of {} within {radius_m} m of {at:?}", kept.len());
        assert_eq!(named(&found), named(&expected), "{asked}, known: {}", among.is_some());
        assert_eq!(found, expected);
    }
}

/// Ten thousand: a dense centre and wide outskirts.
async fn put_a_town(positions: &Held, next: &mut impl FnMut() -> f64) -> Vec<Location> {
    let all: Vec<Location> = (0..10_000)
        .map(|n| {
            let wide = if n % 2 == 0 { 0.05 } else { 1.0 };
            let mut aside = || (next() - 0.5) * wide;
            location(&format!("u{n}"), 0, 9.93 + aside(), 76.26 + aside())
        })
        .collect();
    put_all(positions, &all).await;
    all
}

async fn nearby_is_the_same_for_who_knows_who_may_be_kept(positions: &Held) {
    let mut next = scattered(13);
    let all = put_a_town(positions, &mut next).await;
    let number = |location: &Location| -> usize { location.unit_id.as_str()[1..].parse().expect("a number") };
    // From everybody to one in ten thousand; of the second kind those alone that are far away.
    for (nth, north_of) in [(1, 0.0), (3, 0.0), (15, 0.0), (150, 0.0), (9_999, 0.0), (1, 10.1), (1, 90.0)] {
        let keep = |location: &Location| number(location) % nth == 0 && location.latitude > north_of;
        for (radius_m, limit) in [(500.0, 40), (20_000.0, 5), (200_000.0, 36), (200_000.0, 1_000)] {
            let at = (9.93 + (next() - 0.5) * 0.3, 76.26 + (next() - 0.5) * 0.3);
            assert_kept_are_as_sorted(positions, &all, &keep, at, radius_m, limit).await;
        }
    }
}

async fn nearby_is_what_sorting_ten_thousand_by_distance_would_give(positions: &Held) {
    let mut next = scattered(7);
    let all = put_a_town(positions, &mut next).await;
    for (radius_m, limit) in [
        (0.0, 5),
        (60.0, 100),
        (500.0, 20),
        (5_000.0, 10),
        (5_000.0, 10_000),
        (50_000.0, 1),
        (500_000.0, 500),
    ] {
        for _ in 0..3 {
            let at = (9.93 + (next() - 0.5) * 0.3, 76.26 + (next() - 0.5) * 0.3);
            assert_nearby_is_as_sorted(positions, &all, at, radius_m, limit).await;
        }
    }
}

async fn nearby_is_as_complete_at_the_edges_of_the_globe(positions: &Held) {
    const SEARCHES: usize = 20;
    let mut next = scattered(11);
    let corners = [
        (0.0, 180.0),
        (60.0, -180.0),
        (90.0, 0.0),
        (-90.0, 0.0),
        (85.05, 40.0),
        (-85.0, 179.9),
        (0.0, 0.0),
        (75.0, 180.0),
        (-70.0, -179.0),
    ];
    let around = |(latitude, longitude): (f64, f64), wide: f64, next: &mut dyn FnMut() -> f64| {
        let latitude = (latitude + (next() - 0.5) * wide).clamp(-90.0, 90.0);
        let longitude = longitude + (next() - 0.5) * wide;
        (latitude, (longitude + 540.0).rem_euclid(360.0) - 180.0)
    };
    let all: Vec<Location> = (0..1800)
        .map(|n| {
            let (latitude, longitude) = around(corners[n % corners.len()], 4.0, &mut next);
            location(&format!("u{n}"), 0, latitude, longitude)
        })
        .collect();
    put_all(positions, &all).await;
    for corner in corners {
        for n in 0..SEARCHES {
            // From 1 km to the whole globe.
            let radius_m = 1_000.0 * 25_000f64.powf(next());
            let at = if n % 3 == 0 { corner } else { around(corner, 6.0, &mut next) };
            let limit = if n % 2 == 0 { 2_000 } else { 30 };
            assert_nearby_is_as_sorted(positions, &all, at, radius_m, limit).await;
        }
    }
}
