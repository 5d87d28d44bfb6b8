//! A unit changes its station in the middle of a shift.

use crate::{
    server::{Server, at, fix, id, positions_in, zone},
    socket::Socket,
    town::Town,
};
use sentinel_model::{
    PatrolId, Scope,
    live::{Event, ServerFrame},
};
use serde_json::json;

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Joined(PatrolId),
    Left(PatrolId),
}

async fn told(socket: &mut Socket) -> Told {
    match socket.event().await {
        Event::UnitJoined(joined) => Told::Joined(joined.unit.patrol),
        Event::UnitLeft(left) => Told::Left(left.patrol),
        other => panic!("nobody fell silent or calls for help: {other:?}"),
    }
}

/// Moves the unit by a request to the node; answers its new patrol.
async fn move_to(node: &Server, credential: &str, unit: &str, station: u32) -> PatrolId {
    let body = json!({"unit_id": unit, "station": Scope::station(station)});
    let patrol: sentinel_model::Patrol = node.post(credential, "/api/v1/patrols", body).await.as_a();
    assert_eq!((patrol.unit_id, patrol.station), (id(unit), Scope::station(station)));
    patrol.id
}

/// A patrol of no other use than that what came before them has been told then.
async fn mark(node: &Server, unit: &str, station: u32) -> PatrolId {
    let patrol = node.start_patrol(unit, station).await;
    node.end_patrol(patrol).await;
    patrol
}

/// Reads until the last of the marks has left; nothing else may be told meanwhile.
async fn hears_nothing_but(socket: &mut Socket, marks: &[PatrolId]) {
    loop {
        let frame = socket.frame().await;
        assert!(
            positions_in(&frame).iter().all(|unit| marks.contains(&unit.patrol)),
            "whoever has lost it hears no more: {frame:?}"
        );
        if let ServerFrame::Event(event) = &frame {
            assert!(event.patrol().is_some_and(|patrol| marks.contains(&patrol)), "{event:?}");
            if matches!(event, Event::UnitLeft(left) if Some(&left.patrol) == marks.last()) {
                return;
            }
        }
    }
}

on_each_ground!(
    a_patrol_that_moves_mid_shift_leaves_one_station_and_joins_the_other_on_every_node,
    3 nodes, 2 workers
);

async fn a_patrol_that_moves_mid_shift_leaves_one_station_and_joins_the_other_on_every_node(town: Town) {
    use Told::{Joined, Left};
    let [a, b, c] = &town.nodes[..] else { panic!("three nodes") };
    let car = a.unit("PC-1", 5).await;
    a.unit("mark", 5).await;
    a.fixes(&car, &[fix(at(0), 9.9, 76.2)]).await;
    town.settled().await;
    let first = a.sentinel.directory.unit(&id("PC-1")).and_then(|unit| unit.patrol).expect("on patrol").id;
    let admin = a.sign_in("admin").await;
    // Each scope is watched on both of the other nodes.
    let (chief5, chief6, chief9) =
        (a.sign_in("chief5").await, a.sign_in("chief6").await, a.sign_in("chief9").await);
    let zone3 = a.sign_in("zone3").await;
    let (mut of_5, mut of_6, mut of_9, mut of_zone) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for node in [b, c] {
        of_5.push(Socket::subscribed(node, &chief5, Scope::station(5)).await.0);
        of_6.push(Socket::subscribed(node, &chief6, Scope::station(6)).await.0);
        of_9.push(Socket::subscribed(node, &chief9, Scope::station(9)).await.0);
        of_zone.push(Socket::subscribed(node, &zone3, zone(3)).await.0);
    }

    let second = move_to(a, &admin, "PC-1", 6).await;
    for socket in &mut of_5 {
        assert_eq!(told(socket).await, Left(first));
    }
    for socket in &mut of_6 {
        assert_eq!(told(socket).await, Joined(second));
    }
    for socket in &mut of_zone {
        assert_eq!([told(socket).await, told(socket).await], [Left(first), Joined(second)]);
    }
    for (n, node) in (1..).zip([a, b, c]) {
        node.fixes(&car, &[fix(at(n), 9.9, 76.2)]).await;
        for socket in of_6.iter_mut().chain(&mut of_zone) {
            let moved = socket.until("it moves", |frame| {
                positions_in(&frame).into_iter().find(|unit| unit.time == Some(at(n)))
            });
            assert_eq!(moved.await.patrol, second);
        }
    }
    let marked = mark(a, "mark", 5).await;
    for socket in &mut of_5 {
        hears_nothing_but(socket, &[marked]).await;
    }

    // Out of the zone, by a request to another node.
    let third = move_to(c, &admin, "PC-1", 9).await;
    for socket in &mut of_zone {
        assert_eq!([told(socket).await, told(socket).await], [Joined(marked), Left(marked)]);
    }
    for socket in of_6.iter_mut().chain(&mut of_zone) {
        assert_eq!(told(socket).await, Left(second));
    }
    for socket in &mut of_9 {
        assert_eq!(told(socket).await, Joined(third));
    }
    for (n, node) in (4..).zip([a, b, c]) {
        node.fixes(&car, &[fix(at(n), 9.9, 76.2)]).await;
        for socket in &mut of_9 {
            let moved = socket.until("it moves", |frame| {
                positions_in(&frame).into_iter().find(|unit| unit.time == Some(at(n)))
            });
            assert_eq!(moved.await.patrol, third);
        }
    }
    let (in_5, in_6) = (mark(b, "mark", 5).await, mark(b, "mark", 6).await);
    for (sockets, marks) in
        [(&mut of_5, vec![in_5]), (&mut of_6, vec![in_6]), (&mut of_zone, vec![in_5, in_6])]
    {
        for socket in sockets {
            hears_nothing_but(socket, &marks).await;
        }
    }
    town.end().await;
}
