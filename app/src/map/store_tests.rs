use super::*;
use sentinel_model::{Scope, Time};

fn unit(n: u64, lat: f64, lon: f64, at_ms: i64) -> LiveUnit {
    LiveUnit {
        id: format!("U-{n}").parse().expect("a good id"),
        patrol: PatrolId(n),
        station: Scope::station(1),
        lat: Some(lat),
        lon: Some(lon),
        speed_mps: Some(5.0),
        heading_deg: Some(90.0),
        battery: None,
        status: UnitStatus::Available,
        time: Some(Time(at_ms)),
    }
}

fn shown(store: &UnitStore, n: u64, now: f64) -> (f64, f64) {
    let index = store.find(&format!("U-{n}").parse().expect("a good id")).expect("it is there");
    store.get(index).expect("it is there").position(now).to_degrees()
}

#[test]
fn a_marker_moves_from_where_it_is_shown() {
    let mut store = UnitStore::new(false);
    store.apply(&unit(1, 10.0, 76.0, 0), 0.0);
    store.apply(&unit(1, 10.0, 76.002, 1000), 1000.0);
    let (_, lon) = shown(&store, 1, 1540.0);
    assert!((lon - 76.001).abs() < 1e-6, "half of 1.08 s: {lon}");
    store.apply(&unit(1, 10.0, 76.0, 1540), 1540.0);
    let (_, lon) = shown(&store, 1, 1540.0);
    assert!((lon - 76.001).abs() < 1e-6, "no jump at the new fix: {lon}");
    assert!(store.moving_until_ms() > 1540.0);
}

#[test]
fn a_marker_never_goes_back_in_device_time() {
    let mut store = UnitStore::new(false);
    store.apply(&unit(1, 10.0, 76.0, 5000), 0.0);
    assert!(!store.apply(&unit(1, 11.0, 77.0, 4999), 100.0));
    store.replace(&[unit(1, 11.0, 77.0, 4000)], 200.0);
    let (lat, _) = shown(&store, 1, 9000.0);
    assert!((lat - 10.0).abs() < 1e-9);
}

#[test]
fn with_reduced_motion_it_jumps() {
    let mut store = UnitStore::new(true);
    store.apply(&unit(1, 10.0, 76.0, 0), 0.0);
    store.apply(&unit(1, 10.0, 76.002, 1000), 1000.0);
    assert!((shown(&store, 1, 1000.0).1 - 76.002).abs() < 1e-9);
    assert!(store.moving_until_ms() <= 1000.0, "nothing to animate");
}

#[test]
fn a_snapshot_drops_what_is_not_in_it_and_slots_are_reused() {
    let mut store = UnitStore::new(false);
    store.replace(&(0..100).map(|n| unit(n, 10.0, 76.0, 0)).collect::<Vec<_>>(), 0.0);
    assert_eq!((store.len(), store.capacity()), (100, 100));
    store.replace(&(200..260).map(|n| unit(n, 10.0, 76.0, 0)).collect::<Vec<_>>(), 1.0);
    assert_eq!((store.len(), store.capacity(), store.drawn()), (60, 100, 60));
    assert!(store.find(&"U-5".parse().expect("a good id")).is_none());
}

#[test]
fn a_new_patrol_of_a_unit_takes_the_place_of_the_old() {
    let mut store = UnitStore::new(false);
    store.apply(&unit(1, 10.0, 76.0, 9000), 0.0);
    let mut next = unit(1, 11.0, 76.0, 100);
    next.patrol = PatrolId(77);
    store.apply(&next, 1.0);
    assert_eq!(store.len(), 1);
    assert!((shown(&store, 1, 2.0).0 - 11.0).abs() < 1e-9);
}

#[test]
fn only_blocks_that_changed_are_uploaded() {
    let mut store = UnitStore::new(false);
    store.replace(&(0..1000).map(|n| unit(n, 10.0, 76.0, 0)).collect::<Vec<_>>(), 0.0);
    let mut bytes = 0;
    store.take_dirty(|range| bytes += range.len());
    assert_eq!(bytes, 1000 * RECORD);
    store.take_dirty(|_| panic!("nothing changed"));
    store.apply(&unit(999, 10.0, 76.001, 1000), 1000.0);
    store.apply(&unit(0, 10.0, 76.001, 1000), 1000.0);
    let mut runs = Vec::new();
    store.take_dirty(|range| runs.push(range));
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().map(ExactSizeIterator::len).sum::<usize>() <= 2 * BLOCK * RECORD);
}

#[test]
fn a_filter_hides_and_shows_and_covers_newcomers() {
    let mut store = UnitStore::new(false);
    store.replace(&(0..3).map(|n| unit(n, 10.0, 76.0, 0)).collect::<Vec<_>>(), 0.0);
    store.set_filter(Some([PatrolId(1)].into()));
    store.apply(&unit(9, 10.0, 76.0, 0), 1.0);
    assert_eq!(store.drawn(), 1);
    store.set_filter(None);
    assert_eq!(store.drawn(), 4);
}

#[test]
fn a_record_holds_places_relative_to_the_origin() {
    let mut store = UnitStore::new(false);
    store.apply(&unit(1, 9.97, 76.28, 0), 50_000.0);
    let origin = World::from_degrees(9.9, 76.2);
    store.rebase(origin, 40_000.0);
    let float = |at: usize| f32::from_le_bytes(store.records()[at..at + 4].try_into().expect("four bytes"));
    let want = World::from_degrees(9.97, 76.28);
    assert!((f64::from(float(8)) - (want.x - origin.x)).abs() < 1e-10);
    assert!((float(16) - 10.0).abs() < 1e-6, "seconds since the epoch");
    assert_eq!(store.records()[33] & 3, 3, "shown, heading known");
}
