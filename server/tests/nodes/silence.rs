//! What workers tell is told once, whichever of them does it, and goes on when they end.

use crate::{
    server::{at, eventually, fix, id, positions_in},
    socket::Socket,
    town::Town,
};
use sentinel_model::{Patrol, PatrolId, Scope, UnitStatus, live::Event};
use sentinel_server::ports::Change;

async fn status(socket: &mut Socket) -> UnitStatus {
    match socket.event().await {
        Event::Status(status) => status.status,
        event => panic!("nobody comes or goes: {event:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_told_once_and_still_when_one_worker_or_every_one_has_ended() {
    let Some(mut town) = Town::start(3, 2).await else { return };
    let car = town.nodes[0].unit("PC-1", 5).await;
    let chief = town.nodes[0].sign_in("chief5").await;
    town.nodes[0].unit("mark", 5).await;
    town.nodes[0].fixes(&car, &[fix(at(0), 9.9, 76.2)]).await;
    town.settled().await;
    let (mut socket, _) = Socket::subscribed(&town.nodes[1], &chief, Scope::station(5)).await;

    let clock = town.ground.clock.clone();
    clock.turn(70);
    assert_eq!(status(&mut socket).await, UnitStatus::Stale);
    clock.turn(300);
    assert_eq!(status(&mut socket).await, UnitStatus::Offline);
    town.nodes[2].fixes(&car, &[fix(at(1), 9.9, 76.2)]).await;
    assert_eq!(status(&mut socket).await, UnitStatus::Available);
    let heard = socket.settled(&town.nodes[0], "mark", 5).await;
    assert!(heard.iter().all(|frame| !positions_in(frame).is_empty()), "told once: {heard:?}");

    let on_duty = town.ground.on_duty();
    town.workers.remove(0).end().await;
    eventually("the other worker is on duty", || async {
        let now = town.ground.on_duty();
        now.is_some() && now != on_duty
    })
    .await;
    clock.turn(70);
    assert_eq!(status(&mut socket).await, UnitStatus::Stale, "the other goes on where the first was");
    let heard = socket.settled(&town.nodes[0], "mark", 5).await;
    assert!(heard.is_empty(), "told once: {heard:?}");

    // Without any worker a node sees to it.
    town.workers.remove(0).end().await;
    eventually("a node stands in", || async { town.ground.is_stood_in_for() }).await;
    clock.turn(300);
    assert_eq!(status(&mut socket).await, UnitStatus::Offline);
    let heard = socket.settled(&town.nodes[0], "mark", 5).await;
    assert!(heard.is_empty(), "told once: {heard:?}");
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_and_never_told_is_mended_by_a_worker() {
    let Some(town) = Town::start(3, 2).await else { return };
    let [a, b, c] = &town.nodes[..] else { panic!("three nodes") };
    a.unit("PC-1", 5).await;
    a.unit("PC-2", 5).await;
    let told = a.start_patrol("PC-2", 5).await;
    town.settled().await;
    let chief = a.sign_in("chief5").await;
    let (mut socket, _) = Socket::subscribed(b, &chief, Scope::station(5)).await;

    // As a node leaves it that is killed between the commit and its telling.
    let patrol = |id: PatrolId, unit, ended| Patrol {
        id,
        unit_id: crate::server::id(unit),
        station: Scope::station(5),
        started_at: at(0),
        ended_at: ended,
    };
    let untold = PatrolId(told.0 + 1);
    let (begun, ended) = (patrol(untold, "PC-1", None), patrol(told, "PC-2", Some(at(5))));
    a.change(vec![Change::PutPatrol(begun), Change::PutPatrol(ended)]).await;
    let (mut joined, mut left) = (false, false);
    while !(joined && left) {
        match socket.event().await {
            Event::UnitJoined(told) if told.unit.patrol == untold => joined = true,
            Event::UnitLeft(gone) if gone.patrol == told => left = true,
            event => panic!("nothing else happened: {event:?}"),
        }
    }
    let (_, snapshot) = Socket::subscribed(c, &chief, Scope::station(5)).await;
    let there: Vec<_> = snapshot.units.iter().map(|unit| (unit.patrol, unit.id.clone())).collect();
    assert_eq!(there, [(untold, id("PC-1"))]);
    town.end().await;
}
