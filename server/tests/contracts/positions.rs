//! What every keeper of current positions promises.

use crate::{NOW, contract, unit};
use sentinel_model::Location;
use sentinel_server::{
    memory::MemoryPositions,
    ports::{NearbyQuery, Positions, Put},
};

contract!(memory, MemoryPositions::default(),
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
);

fn location(of: &str, seconds: i64, latitude: f64, longitude: f64) -> Location {
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

async fn put(positions: &impl Positions, location: Location) -> Put {
    positions.put(location).await.expect("put")
}

async fn near(positions: &impl Positions, at: (f64, f64), radius_m: f64, limit: usize) -> Vec<String> {
    let query = NearbyQuery { latitude: at.0, longitude: at.1, radius_m, limit, keep: &|_| true };
    let found = positions.nearby(query).await.expect("reads");
    assert!(found.is_sorted_by(|a, b| a.1 <= b.1), "nearest first");
    assert!(found.iter().all(|(_, distance)| *distance <= radius_m));
    found.into_iter().map(|(location, _)| location.unit_id.to_string()).collect()
}

async fn a_position_is_held_and_read_back(positions: &impl Positions) {
    assert_eq!(positions.get(&unit("a")).await.expect("reads"), None);
    let held = location("a", 0, 9.931_233_123_456_789, 76.25);
    assert_eq!(put(positions, held.clone()).await, Put::Advanced);
    assert_eq!(positions.get(&unit("a")).await.expect("reads"), Some(held));
    assert_eq!(put(positions, location("a", 1, 9.94, 76.25)).await, Put::Advanced);
    let now = positions.get(&unit("a")).await.expect("reads");
    assert_eq!(now, Some(location("a", 1, 9.94, 76.25)));
}

async fn an_older_or_equal_one_changes_nothing_but_the_sign_of_life(positions: &impl Positions) {
    put(positions, location("a", 100, 9.9, 76.2)).await;
    for seconds in [99, 100, -5] {
        let later_heard = Location { received_at: NOW.plus_ms(500_000), ..location("a", seconds, 1.0, 1.0) };
        assert_eq!(put(positions, later_heard).await, Put::Kept);
    }
    let expected = Location { received_at: NOW.plus_ms(500_000), ..location("a", 100, 9.9, 76.2) };
    assert_eq!(positions.get(&unit("a")).await.expect("reads"), Some(expected.clone()));
    // What was heard earlier does not take the sign of life back.
    assert_eq!(put(positions, location("a", 50, 1.0, 1.0)).await, Put::Kept);
    assert_eq!(positions.get(&unit("a")).await.expect("reads"), Some(expected));
    assert_eq!(near(positions, (1.0, 1.0), 1000.0, 10).await, [""; 0], "nor did it move for who is near");
}

async fn many_are_read_in_the_order_asked(positions: &impl Positions) {
    put(positions, location("a", 0, 1.0, 1.0)).await;
    put(positions, location("b", 0, 2.0, 2.0)).await;
    let asked = [unit("b"), unit("nobody"), unit("a"), unit("b")];
    let found = positions.get_many(&asked).await.expect("reads");
    let names: Vec<Option<String>> = found.into_iter().map(|l| l.map(|l| l.unit_id.to_string())).collect();
    assert_eq!(names, [Some("b".into()), None, Some("a".into()), Some("b".into())]);
    assert_eq!(positions.get_many(&[]).await.expect("reads"), []);
}

async fn nearby_comes_nearest_first_within_the_radius(positions: &impl Positions) {
    // A thousandth of a degree of latitude is 111 m.
    for (name, latitude) in [("c", 9.903), ("a", 9.901), ("far", 9.99), ("b", 9.898), ("here", 9.9)] {
        put(positions, location(name, 0, latitude, 76.25)).await;
    }
    assert_eq!(near(positions, (9.9, 76.25), 1000.0, 10).await, ["here", "a", "b", "c"]);
    assert_eq!(near(positions, (9.9, 76.25), 112.0, 10).await, ["here", "a"]);
    assert_eq!(near(positions, (9.9, 76.25), 110.0, 10).await, ["here"]);
    assert_eq!(near(positions, (9.9, 76.25), 0.0, 10).await, ["here"]);
    assert_eq!(near(positions, (20.0, 76.25), 1000.0, 10).await, [""; 0]);
    assert_eq!(near(positions, (9.9, 76.25), 500_000.0, 10).await.len(), 5);
    let query = NearbyQuery { latitude: 9.9, longitude: 76.25, radius_m: 150.0, limit: 10, keep: &|_| true };
    let found = positions.nearby(query).await.expect("reads");
    assert!((found[1].1 - 111.2).abs() < 0.2, "{} m", found[1].1);
}

async fn nearby_is_limited_to_the_nearest(positions: &impl Positions) {
    for n in 0..200 {
        let aside = f64::from((n * 37) % 200) / 10_000.0;
        put(positions, location(&format!("u{:03}", (n * 37) % 200), 0, 9.9 + aside, 76.25)).await;
    }
    for limit in [0, 1, 7, 199, 200, 1000] {
        let expected: Vec<String> = (0..200.min(limit)).map(|n| format!("u{n:03}")).collect();
        assert_eq!(near(positions, (9.9, 76.25), 50_000.0, limit).await, expected, "{limit}");
    }
}

async fn nearby_holds_only_who_is_kept(positions: &impl Positions) {
    for n in 0..10 {
        put(positions, location(&format!("u{n}"), 0, 9.9 + f64::from(n) / 10_000.0, 76.25)).await;
    }
    let even = |l: &Location| l.unit_id.as_str().ends_with(['0', '2', '4', '6', '8']);
    let query = NearbyQuery { latitude: 9.9, longitude: 76.25, radius_m: 5000.0, limit: 3, keep: &even };
    let found = positions.nearby(query).await.expect("reads");
    let names: Vec<&str> = found.iter().map(|(location, _)| location.unit_id.as_str()).collect();
    assert_eq!(names, ["u0", "u2", "u4"], "who is not kept takes nobody's place");
}

async fn nearby_follows_who_moves(positions: &impl Positions) {
    for n in 0..50 {
        put(positions, location("a", n, 9.9 + n as f64 / 100.0, 76.25)).await;
    }
    assert_eq!(near(positions, (9.9, 76.25), 2000.0, 10).await, [""; 0]);
    assert_eq!(near(positions, (9.9 + 0.49, 76.25), 2000.0, 10).await, ["a"]);
}

async fn nearby_reaches_over_the_antimeridian_and_the_poles(positions: &impl Positions) {
    put(positions, location("east", 0, 0.0, 179.999)).await;
    put(positions, location("west", 0, 0.0, -179.999)).await;
    put(positions, location("on-it", 0, 0.0, 180.0)).await;
    put(positions, location("on-it-too", 0, 0.0, -180.0)).await;
    let around = near(positions, (0.0, 179.9995), 1000.0, 10).await;
    assert_eq!(around.len(), 4, "{around:?}");
    put(positions, location("pole", 0, 89.9999, 10.0)).await;
    assert_eq!(near(positions, (89.9999, -170.0), 1000.0, 10).await, ["pole"]);
    put(positions, location("south", 0, -89.9999, 10.0)).await;
    assert_eq!(near(positions, (-90.0, 100.0), 1000.0, 10).await, ["south"]);
}

async fn who_is_removed_is_nowhere(positions: &impl Positions) {
    put(positions, location("a", 100, 9.9, 76.25)).await;
    positions.remove(&unit("a")).await.expect("removes");
    positions.remove(&unit("nobody")).await.expect("removes");
    assert_eq!(positions.get(&unit("a")).await.expect("reads"), None);
    assert_eq!(near(positions, (9.9, 76.25), 1000.0, 10).await, [""; 0]);
    assert_eq!(put(positions, location("a", 1, 9.9, 76.25)).await, Put::Advanced, "and may begin anew");
}

async fn puts_from_many_tasks_leave_the_newest(positions: &impl Positions) {
    let puts = (0..200).map(|n| put(positions, location("a", (n * 71) % 200, 9.9, 76.25)));
    let advanced =
        futures::future::join_all(puts).await.into_iter().filter(|put| *put == Put::Advanced).count();
    assert!(advanced >= 1);
    let held = positions.get(&unit("a")).await.expect("reads").expect("held");
    assert_eq!(held.time, NOW.plus_ms(199_000));
}
