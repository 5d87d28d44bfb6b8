//! What every keeper of rooms promises, told with the bus that its events go to.

use crate::{NOW, contract, contract_of_service, member, path, redis::Base};
use sentinel_model::{
    PatrolId, Scope, UnitStatus,
    live::{Event, LiveUnit, StatusChanged, UnitJoined, UnitLeft},
};
use sentinel_server::{
    memory::{MemoryBus, MemoryRooms},
    ports::{Bus, RoomMember, Rooms, StreamPosition},
};
use std::{collections::BTreeSet, sync::Arc};

/// Rooms, and a bus that brings what happens in them.
struct Place {
    rooms: Arc<dyn Rooms>,
    bus: Arc<dyn Bus>,
    /// What both stand on, where that is a service.
    _base: Option<Base>,
}

impl Place {
    fn in_process() -> Self {
        let bus = Arc::new(MemoryBus::new("an epoch"));
        Self { rooms: Arc::new(MemoryRooms::new(bus.clone())), bus, _base: None }
    }

    async fn over(base: impl Future<Output = Option<Base>>) -> Option<Self> {
        let base = base.await?;
        let (rooms, bus) = (base.rooms(), base.bus());
        bus.up().await.expect("listens");
        Some(Self { rooms, bus, _base: Some(base) })
    }
}

macro_rules! every_engine {
    ($($story:ident)*) => {
        contract!(memory, Place::in_process(), $($story)*);
        contract_of_service!(redis, Place::over(Base::redis()), $($story)*);
        contract_of_service!(redis_cluster, Place::over(Base::cluster()), $($story)*);
    };
}

every_engine!(
    who_enters_is_in_the_room_of_every_scope_above
    who_leaves_is_in_none
    entering_and_leaving_are_told_in_every_scope_once
    who_left_before_it_entered_never_enters
    a_room_holds_each_of_its_members_whole
    a_status_is_told_once_and_noted_for_whoever_goes_on
    entering_and_leaving_from_many_tasks_leaves_no_trace
    what_is_told_and_who_is_there_agree_whatever_the_order
);

pub fn joined(member: &RoomMember) -> Event {
    let unit = LiveUnit {
        id: member.unit.clone(),
        patrol: member.patrol,
        station: member.path.station(),
        lat: None,
        lon: None,
        speed_mps: None,
        heading_deg: None,
        battery: None,
        status: UnitStatus::Available,
        time: None,
    };
    Event::UnitJoined(UnitJoined { offset: 0, at: NOW, unit, name: "A".into(), unit_kind: "car".into() })
}

fn left(patrol: u64) -> Event {
    let id = crate::unit(&format!("u{patrol}"));
    Event::UnitLeft(UnitLeft { offset: 0, at: NOW, id, patrol: PatrolId(patrol) })
}

impl Place {
    async fn enter(&self, patrol: u64, station: u32) {
        let member = member(patrol, station);
        self.rooms.enter(member.clone(), joined(&member)).await.expect("enters");
    }

    async fn leave(&self, patrol: u64) {
        self.rooms.leave(PatrolId(patrol), left(patrol)).await.expect("leaves");
    }

    async fn patrols(&self, scope: Scope) -> BTreeSet<u64> {
        let members = self.rooms.members(scope).await.expect("reads");
        let patrols: BTreeSet<u64> = members.iter().map(|member| member.patrol.0).collect();
        assert_eq!(patrols.len(), members.len(), "each is there once");
        patrols
    }

    /// What a scope's stream told since `from`: who joined (true) or left, in order.
    async fn told(&self, scope: Scope, from: &StreamPosition) -> Vec<(u64, bool)> {
        let events = self.bus.events_since(scope, from).await.expect("reads").expect("it reaches back");
        events
            .iter()
            .map(|event| {
                (event.patrol().map_or(0, |patrol| patrol.0), matches!(**event, Event::UnitJoined(_)))
            })
            .collect()
    }

    async fn position(&self, scope: Scope) -> StreamPosition {
        self.bus.watch_scope(scope).await.expect("watches")
    }
}

async fn who_enters_is_in_the_room_of_every_scope_above(place: &Place) {
    place.enter(1, 5).await;
    place.enter(2, 6).await;
    place.enter(3, 19).await;
    for scope in path(5).scopes() {
        assert!(place.patrols(scope).await.contains(&1), "{scope}");
    }
    let [district, zone, division, station] = path(5).scopes();
    assert_eq!(place.patrols(district).await, BTreeSet::from([1, 2, 3]));
    assert_eq!(place.patrols(zone).await, BTreeSet::from([1, 2]));
    assert_eq!(place.patrols(division).await, BTreeSet::from([1, 2]));
    assert_eq!(place.patrols(station).await, BTreeSet::from([1]));
    assert_eq!(place.patrols(Scope::station(404)).await, BTreeSet::new());
}

async fn who_leaves_is_in_none(place: &Place) {
    place.enter(1, 5).await;
    place.enter(2, 5).await;
    place.leave(1).await;
    place.leave(1).await;
    place.leave(404).await;
    for scope in path(5).scopes() {
        assert_eq!(place.patrols(scope).await, BTreeSet::from([2]), "{scope}");
    }
}

async fn entering_and_leaving_are_told_in_every_scope_once(place: &Place) {
    let scopes = path(5).scopes();
    let mut begun = Vec::new();
    for scope in scopes {
        begun.push(place.position(scope).await);
    }
    let elsewhere = Scope::station(6);
    let not_told = place.position(elsewhere).await;
    place.enter(1, 5).await;
    place.enter(1, 5).await;
    place.leave(1).await;
    place.leave(1).await;
    for (scope, from) in scopes.into_iter().zip(&begun) {
        assert_eq!(place.told(scope, from).await, [(1, true), (1, false)], "{scope}");
        let events = place.bus.events_since(scope, from).await.expect("reads").expect("it reaches back");
        let offsets: Vec<u64> = events.iter().map(|event| event.offset()).collect();
        assert_eq!(offsets, [from.offset + 1, from.offset + 2], "{scope}");
        assert_eq!((*events[0]).clone().with_offset(0), joined(&member(1, 5)), "it is told whole");
    }
    assert_eq!(place.told(elsewhere, &not_told).await, []);
}

async fn who_left_before_it_entered_never_enters(place: &Place) {
    let from = place.position(Scope::station(5)).await;
    place.leave(1).await;
    place.enter(1, 5).await;
    assert_eq!(place.patrols(Scope::station(5)).await, BTreeSet::new());
    assert_eq!(place.told(Scope::station(5), &from).await, []);
    place.enter(2, 5).await;
    place.leave(2).await;
    place.enter(2, 5).await;
    assert_eq!(place.patrols(Scope::station(5)).await, BTreeSet::new());
    assert_eq!(place.told(Scope::station(5), &from).await, [(2, true), (2, false)]);
}

async fn a_room_holds_each_of_its_members_whole(place: &Place) {
    place.enter(1, 5).await;
    assert_eq!(place.rooms.members(path(5).scopes()[0]).await.expect("reads"), [member(1, 5)]);
}

async fn a_status_is_told_once_and_noted_for_whoever_goes_on(place: &Place) {
    place.enter(1, 5).await;
    place.enter(2, 6).await;
    let scope = path(5).scopes()[1];
    let from = place.position(scope).await;
    let set = async |patrol: u64, status| {
        let (id, at) = (crate::unit(&format!("u{patrol}")), NOW);
        let changed = StatusChanged { offset: 0, at, id, patrol: PatrolId(patrol), status };
        place.rooms.set_status(PatrolId(patrol), status, Event::Status(changed)).await.expect("notes");
    };
    set(1, UnitStatus::Available).await;
    set(1, UnitStatus::Stale).await;
    set(1, UnitStatus::Stale).await;
    set(1, UnitStatus::Offline).await;
    set(404, UnitStatus::Stale).await;
    let events = place.bus.events_since(scope, &from).await.expect("reads").expect("it reaches back");
    let told: Vec<_> = events.iter().map(|e| (e.patrol(), e.status())).collect();
    let of_one = |status| (Some(PatrolId(1)), Some(status));
    assert_eq!(told, [of_one(UnitStatus::Stale), of_one(UnitStatus::Offline)]);
    let noted = place.rooms.statuses().await.expect("reads");
    assert_eq!(noted, [(PatrolId(1), UnitStatus::Offline), (PatrolId(2), UnitStatus::Available)].into());
    place.leave(1).await;
    set(1, UnitStatus::Stale).await;
    assert_eq!(place.rooms.statuses().await.expect("reads"), [(PatrolId(2), UnitStatus::Available)].into());
}

async fn entering_and_leaving_from_many_tasks_leaves_no_trace(place: &Place) {
    let comings = (0..100u64).map(|n| async move {
        place.enter(n, 5).await;
        if n % 2 == 0 {
            place.leave(n).await;
        }
    });
    futures::future::join_all(comings).await;
    let odd: BTreeSet<u64> = (0..100).filter(|n| n % 2 == 1).collect();
    for scope in path(5).scopes() {
        assert_eq!(place.patrols(scope).await, odd, "{scope}");
    }
}

async fn what_is_told_and_who_is_there_agree_whatever_the_order(place: &Place) {
    let scope = Scope::station(5);
    let from = place.position(scope).await;
    let comings = (0..200u64).map(|n| async move {
        let (enter, leave) = (place.enter(n, 5), async {
            if n % 3 != 0 {
                place.leave(n).await;
            }
        });
        futures::future::join(enter, leave).await;
    });
    futures::future::join_all(comings).await;
    let mut there = BTreeSet::new();
    for (patrol, has_joined) in place.told(scope, &from).await {
        let is_news = if has_joined { there.insert(patrol) } else { there.remove(&patrol) };
        assert!(is_news, "{patrol} joined or left twice");
    }
    assert_eq!(there, place.patrols(scope).await);
    assert_eq!(there, (0..200).filter(|n| n % 3 == 0).collect());
}
