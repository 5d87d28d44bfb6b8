//! Server-sent events where several nodes share their engines: what happens at one is told at
//! the others, and who comes back goes on at whichever is there.

use crate::{
    server::{DEADLINE, Server, at, fix, id, positions_in, send, zone},
    socket::{EventSource, Form, Heard, Socket, subscribe_to},
};
use reqwest::Method;
use sentinel_model::{
    Permission, Scope,
    live::{ClientFrame, Event, ServerFrame, Subscribe, close},
};

/// The next frame, and the id that a browser would come back with.
async fn frame(events: &mut EventSource) -> (ServerFrame, Option<String>) {
    match tokio::time::timeout(DEADLINE, events.next()).await.expect("something comes in time") {
        Heard::Frame(frame) => (frame, events.last_id.clone()),
        Heard::Closed(code) => panic!("closed with {code}"),
    }
}

/// Opens the stream of the caller's own scope, from the id on where there is one.
async fn open(node: &Server, credential: &str, last: Option<&str>) -> EventSource {
    let mut events = EventSource::of(format!("http://{}", node.address), credential);
    let headers: Vec<_> = last.into_iter().map(|id| ("last-event-id", id)).collect();
    events.open("", &headers).await;
    events
}

on_each_ground!(what_happens_at_one_node_is_on_the_streams_of_the_others_at_once, 3 nodes, 0 workers);

async fn what_happens_at_one_node_is_on_the_streams_of_the_others_at_once(town: crate::town::Town) {
    let [a, b, c] = &town.nodes[..] else { panic!("three nodes") };
    let car = a.unit("PC-1", 5).await;
    town.settled().await;
    let chief = a.sign_in("chief5").await;
    let mut streams = Vec::new();
    for node in [b, c] {
        let (stream, snapshot) = Socket::subscribed_as(Form::Events, node, &chief, Scope::station(5)).await;
        assert_eq!(snapshot.units, []);
        streams.push(stream);
    }
    for (n, node) in (0..).zip([a, b, c, a]) {
        node.fixes(&car, &[fix(at(n), 9.9, 76.2)]).await;
        for stream in &mut streams {
            let moved = stream.until("it is there", |frame| {
                positions_in(&frame).into_iter().find(|unit| unit.time == Some(at(n)))
            });
            assert_eq!(moved.await.id, id("PC-1"));
        }
    }
    town.end().await;
}

on_each_ground!(who_comes_back_at_another_node_gets_what_it_missed_and_nothing_twice, 3 nodes, 0 workers);

async fn who_comes_back_at_another_node_gets_what_it_missed_and_nothing_twice(mut town: crate::town::Town) {
    for unit in ["PC-1", "PC-2", "PC-3"] {
        town.nodes[0].unit(unit, 5).await;
    }
    town.settled().await;
    let key = town.nodes[0].key(zone(3), &[Permission::Read]).await;
    town.settled().await;
    let mut events = open(&town.nodes[1], &key, None).await;
    let (ServerFrame::Snapshot(snapshot), _) = frame(&mut events).await else { panic!("a snapshot first") };
    town.nodes[0].start_patrol("PC-1", 5).await;
    let (ServerFrame::Event(Event::UnitJoined(_)), last) = frame(&mut events).await else {
        panic!("it joined")
    };
    let last = last.expect("an event has an id");
    // The node goes; what happens meanwhile is told by another, whichever has told the rest.
    events.leave();
    town.nodes.remove(1).end().await;
    let patrol = town.nodes[0].start_patrol("PC-2", 5).await;
    town.nodes[1].end_patrol(patrol).await;
    town.nodes[0].start_patrol("PC-3", 6).await;
    for node in &town.nodes {
        let mut events = open(node, &key, Some(&last)).await;
        let mut missed = Vec::new();
        while missed.len() < 3 {
            match frame(&mut events).await.0 {
                ServerFrame::Event(event) => {
                    missed.push((event.offset(), event.unit().expect("of a unit").to_string()))
                }
                other => panic!("what it missed comes first: {other:?}"),
            }
        }
        let expected = [(2, "PC-2"), (3, "PC-2"), (4, "PC-3")];
        assert_eq!(missed, expected.map(|(n, unit)| (snapshot.offset + n, unit.to_owned())));
        let (ServerFrame::Positions(now), _) = frame(&mut events).await else { panic!("then where all are") };
        assert_eq!(now.units.len(), 2);
    }
    // Of another scope, wherever: nothing to go on from.
    for node in &town.nodes {
        let mut events = EventSource::of(format!("http://{}", node.address), &key);
        events.open("scope=station:6", &[("last-event-id", last.as_str())]).await;
        let (ServerFrame::Snapshot(snapshot), _) = frame(&mut events).await else { panic!("it begins anew") };
        assert_eq!(snapshot.units.len(), 1);
    }
    // A WebSocket goes on from where an event stream was.
    let place = last.strip_prefix("zone:3/").expect("the scope, then the place in its stream");
    let (epoch, offset) = place.rsplit_once(':').expect("epoch and offset");
    let (epoch, offset) = (Some(epoch.to_owned()), offset.parse().ok());
    let mut socket = Socket::open(&town.nodes[1], &key, Form::Postcard).await;
    socket.say(ClientFrame::Subscribe(Subscribe { epoch, offset, ..subscribe_to(zone(3)) })).await;
    assert_eq!(socket.event().await.offset(), snapshot.offset + 2);
    town.end().await;
}

on_each_ground!(a_key_that_is_revoked_at_one_node_ends_its_streams_on_the_others, 3 nodes, 0 workers);

async fn a_key_that_is_revoked_at_one_node_ends_its_streams_on_the_others(town: crate::town::Town) {
    let [a, b, c] = &town.nodes[..] else { panic!("three nodes") };
    let admin = a.sign_in("admin").await;
    let key = a.key_named("the-key", zone(3), &[Permission::Read]).await;
    a.unit("mark", 5).await;
    town.settled().await;
    let mut streams = Vec::new();
    for node in [b, c] {
        streams.push(Socket::subscribed_as(Form::Events, node, &key, zone(3)).await.0);
    }
    let zone3 = a.sign_in("zone3").await;
    let (mut other, _) = Socket::subscribed_as(Form::Events, b, &zone3, zone(3)).await;
    let revoked = send(a.request(Method::DELETE, &admin, "/api/v1/api-keys/the-key")).await;
    assert!(revoked.status.is_success(), "{}", revoked.text);
    for stream in streams {
        assert_eq!(stream.closed().await.0, close::UNAUTHORIZED);
    }
    for node in [b, c] {
        assert_eq!(Socket::open_with(node, &key, Form::Events, &[]).await.err(), Some(401));
    }
    other.settled(a, "mark", 5).await;
    town.end().await;
}
