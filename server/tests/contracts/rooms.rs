//! What every keeper of rooms promises.

use crate::{contract, member, path};
use sentinel_model::{PatrolId, Scope};
use sentinel_server::{
    memory::MemoryRooms,
    ports::{RoomMember, Rooms},
};
use std::collections::BTreeSet;

contract!(memory, MemoryRooms::default(),
    who_enters_is_in_the_room_of_every_scope_above
    who_leaves_is_in_none
    who_enters_elsewhere_has_moved
    a_room_holds_each_of_its_members_whole
    entering_and_leaving_from_many_tasks_leaves_no_trace
);

async fn patrols(rooms: &impl Rooms, scope: Scope) -> BTreeSet<u64> {
    let members = rooms.members(scope).await.expect("reads");
    let patrols: BTreeSet<u64> = members.iter().map(|member| member.patrol.0).collect();
    assert_eq!(patrols.len(), members.len(), "each is there once");
    patrols
}

async fn who_enters_is_in_the_room_of_every_scope_above(rooms: &impl Rooms) {
    rooms.enter(member(1, 5)).await.expect("enters");
    rooms.enter(member(2, 6)).await.expect("enters");
    rooms.enter(member(3, 19)).await.expect("enters");
    for scope in path(5).scopes() {
        assert!(patrols(rooms, scope).await.contains(&1), "{scope}");
    }
    let [district, zone, division, station] = path(5).scopes();
    assert_eq!(patrols(rooms, district).await, BTreeSet::from([1, 2, 3]));
    assert_eq!(patrols(rooms, zone).await, BTreeSet::from([1, 2]));
    assert_eq!(patrols(rooms, division).await, BTreeSet::from([1, 2]));
    assert_eq!(patrols(rooms, station).await, BTreeSet::from([1]));
    assert_eq!(patrols(rooms, Scope::station(404)).await, BTreeSet::new());
}

async fn who_leaves_is_in_none(rooms: &impl Rooms) {
    rooms.enter(member(1, 5)).await.expect("enters");
    rooms.enter(member(2, 5)).await.expect("enters");
    rooms.leave(PatrolId(1)).await.expect("leaves");
    rooms.leave(PatrolId(1)).await.expect("leaving twice is leaving");
    rooms.leave(PatrolId(404)).await.expect("who is not there has left");
    for scope in path(5).scopes() {
        assert_eq!(patrols(rooms, scope).await, BTreeSet::from([2]), "{scope}");
    }
}

async fn who_enters_elsewhere_has_moved(rooms: &impl Rooms) {
    rooms.enter(member(1, 5)).await.expect("enters");
    rooms.enter(member(1, 5)).await.expect("entering twice is entering");
    rooms.enter(member(1, 19)).await.expect("moves");
    let [district, zone, division, station] = path(5).scopes();
    for scope in [zone, division, station] {
        assert_eq!(patrols(rooms, scope).await, BTreeSet::new(), "{scope}");
    }
    for scope in path(19).scopes() {
        assert_eq!(patrols(rooms, scope).await, BTreeSet::from([1]), "{scope}");
    }
    assert_eq!(district, path(19).scopes()[0]);
}

async fn a_room_holds_each_of_its_members_whole(rooms: &impl Rooms) {
    rooms.enter(member(1, 5)).await.expect("enters");
    let moved = RoomMember { path: path(6), ..member(1, 5) };
    rooms.enter(moved.clone()).await.expect("moves");
    assert_eq!(rooms.members(path(6).scopes()[0]).await.expect("reads"), [moved]);
}

async fn entering_and_leaving_from_many_tasks_leaves_no_trace(rooms: &impl Rooms) {
    let comings = (0..100u64).map(|n| async move {
        for station in [5, 6, 19] {
            rooms.enter(member(n, station)).await.expect("enters");
        }
        if n % 2 == 0 {
            rooms.leave(PatrolId(n)).await.expect("leaves");
        }
    });
    futures::future::join_all(comings).await;
    let odd: BTreeSet<u64> = (0..100).filter(|n| n % 2 == 1).collect();
    for scope in path(19).scopes() {
        assert_eq!(patrols(rooms, scope).await, odd, "{scope}");
    }
    assert_eq!(patrols(rooms, Scope::station(5)).await, BTreeSet::new());
}
