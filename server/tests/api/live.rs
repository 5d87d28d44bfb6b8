//! The live stream: a snapshot, then every change, once and in order.

use crate::{
    over_every_form,
    server::{DEADLINE, DISTRICT, Server, at, fix, id, positions_in, zone},
    socket::{FORMS, Form, Socket, subscribe_to},
};
use sentinel_model::{
    PatrolId, Scope, Time, UnitStatus,
    live::{ClientFrame, Event, Ping, ServerFrame, Subscribe, Unsubscribe},
};
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

over_every_form!(
    a_patrol_is_told_of_from_its_first_fix_to_its_end
    a_snapshot_holds_who_is_on_patrol_and_nobody_else
    joining_leaving_and_moving_reach_each_scope_above_and_no_other
    changes_conflate_to_the_latest_while_the_interval_runs
    a_change_is_sent_at_once_while_nothing_else_is
    who_resumes_gets_exactly_the_events_it_missed_and_where_all_are_now
    who_cannot_be_told_what_it_missed_gets_a_new_snapshot
    a_marker_never_goes_back_in_device_time
);

/// Reads until the unit's position of that device time has come, or a later one.
async fn position_of(socket: &mut Socket, unit: &str, time: Time) -> sentinel_model::live::LiveUnit {
    socket
        .until(&format!("{unit} at {time}"), |frame| {
            positions_in(&frame).into_iter().find(|u| u.id.as_str() == unit && u.time >= Some(time))
        })
        .await
}

async fn a_patrol_is_told_of_from_its_first_fix_to_its_end(form: Form) {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let token = server.unit("PC-1", 5).await;
    let mut socket = Socket::open(&server, &chief, form).await;
    let snapshot = socket.subscribe(subscribe_to(Scope::station(5))).await;
    assert!(!snapshot.epoch.is_empty());
    assert_eq!(snapshot.units, []);

    server.fixes(&token, &[fix(at(0), 9.9312, 76.2673)]).await;
    let Event::UnitJoined(joined) = socket.event().await else { panic!("its first fix starts its patrol") };
    assert_eq!(joined.offset, snapshot.offset + 1);
    assert_eq!((joined.unit.id.clone(), joined.unit.station), (id("PC-1"), Scope::station(5)));
    assert_eq!((joined.unit.lat, joined.unit.time), (Some(9.9312), Some(at(0))));

    server.fixes(&token, &[fix(at(1), 9.94, -76.25)]).await;
    let moved = position_of(&mut socket, "PC-1", at(1)).await;
    assert_eq!((moved.lat, moved.lon, moved.status), (Some(9.94), Some(-76.25), UnitStatus::Available));
    assert_eq!(moved.patrol, joined.unit.patrol);

    server.end_patrol(joined.unit.patrol).await;
    let Event::UnitLeft(left) = socket.event().await else { panic!("it left") };
    assert_eq!((left.id, left.patrol, left.offset), (id("PC-1"), joined.unit.patrol, joined.offset + 1));
}

async fn a_snapshot_holds_who_is_on_patrol_and_nobody_else(form: Form) {
    let server = Server::start().await;
    for (unit, station) in [("PC-5", 5), ("PC-6", 6), ("PC-9", 9)] {
        let token = server.unit(unit, station).await;
        server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    }
    server.unit("PC-quiet", 5).await;
    server.start_patrol("PC-quiet", 5).await;
    server.unit("PC-home", 5).await;
    let admin = server.sign_in("admin").await;
    for (scope, expected) in [
        (Scope::station(5), vec!["PC-5", "PC-quiet"]),
        (Scope::station(6), vec!["PC-6"]),
        (zone(3), vec!["PC-5", "PC-6", "PC-quiet"]),
        (zone(4), vec!["PC-9"]),
        (DISTRICT, vec!["PC-5", "PC-6", "PC-9", "PC-quiet"]),
    ] {
        let (_socket, snapshot) = Socket::subscribed_as(form, &server, &admin, scope).await;
        let mut units: Vec<&str> = snapshot.units.iter().map(|unit| unit.id.as_str()).collect();
        units.sort_unstable();
        assert_eq!(units, expected, "{scope}");
        let quiet = snapshot.units.iter().find(|unit| unit.id.as_str() == "PC-quiet");
        assert!(quiet.is_none_or(|unit| unit.lat.is_none() && unit.time.is_none()));
    }
}

async fn joining_leaving_and_moving_reach_each_scope_above_and_no_other(form: Form) {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    for (unit, station) in [("PC-1", 5), ("mark-5", 5), ("mark-6", 6), ("mark-9", 9)] {
        server.unit(unit, station).await;
    }
    let mut sockets = HashMap::new();
    for scope in [Scope::station(5), Scope::station(6), zone(3), zone(4), DISTRICT] {
        let (socket, _) = Socket::subscribed_as(form, &server, &admin, scope).await;
        sockets.insert(scope, socket);
    }
    let first = server.start_patrol("PC-1", 5).await;
    let second = server.start_patrol("PC-1", 6).await;
    assert_ne!(first, second, "under another station it is another patrol");
    server.end_patrol(second).await;
    let told = |patrol: PatrolId, here: [bool; 2]| match here {
        [true, false] => vec![('+', patrol), ('-', patrol)],
        _ => Vec::new(),
    };
    let both = [told(first, [true, false]), told(second, [true, false])].concat();
    for (scope, marker, station, expected) in [
        (Scope::station(5), "mark-5", 5, told(first, [true, false])),
        (Scope::station(6), "mark-6", 6, told(second, [true, false])),
        (zone(3), "mark-5", 5, both.clone()),
        (DISTRICT, "mark-5", 5, both),
        (zone(4), "mark-9", 9, Vec::new()),
    ] {
        let socket = sockets.get_mut(&scope).expect("it is open");
        let heard: Vec<(char, PatrolId)> = socket
            .settled(&server, marker, station)
            .await
            .into_iter()
            .filter_map(|frame| match frame {
                // The other markers of a wider scope are no part of this.
                ServerFrame::Event(Event::UnitJoined(e)) if e.unit.id == id("PC-1") => {
                    Some(('+', e.unit.patrol))
                }
                ServerFrame::Event(Event::UnitLeft(e)) if e.id == id("PC-1") => Some(('-', e.patrol)),
                _ => None,
            })
            .collect();
        assert_eq!(heard, expected, "{scope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_comes_while_units_move_misses_nothing() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let mut tokens = Vec::new();
    for n in 0..4 {
        tokens.push(server.unit(&format!("PC-{n}"), 5).await);
    }
    const LAST: i64 = 60;
    let moving = futures::future::join_all(tokens.iter().map(|token| async {
        for n in 0..=LAST {
            server.fixes(token, &[fix(at(n - 100), 9.9, 76.2)]).await;
        }
    }));
    let watching = futures::future::join_all((0..12).map(|n| {
        let (server, admin) = (&server, &admin);
        async move {
            let form = FORMS[n % 3];
            let mut socket = Socket::open(server, admin, form).await;
            socket
                .say(ClientFrame::Subscribe(subscribe_to(if n % 2 == 0 {
                    zone(3)
                } else {
                    Scope::station(5)
                })))
                .await;
            let mut times: HashMap<String, Option<Time>> = HashMap::new();
            let mut offset = None;
            while times.len() < 4 || times.values().any(|time| *time < Some(at(LAST - 100))) {
                let frame = socket.frame().await;
                match &frame {
                    ServerFrame::Snapshot(snapshot) => offset = Some(snapshot.offset),
                    ServerFrame::Event(event) => {
                        assert_eq!(
                            Some(event.offset()),
                            offset.map(|o| o + 1),
                            "no event is left out or told twice"
                        );
                        offset = Some(event.offset());
                    }
                    _ => {}
                }
                for unit in positions_in(&frame) {
                    let held = times.entry(unit.id.to_string()).or_default();
                    assert!(*held <= unit.time, "a marker went back: {held:?} to {:?}", unit.time);
                    *held = unit.time;
                }
            }
        }
    }));
    tokio::time::timeout(DEADLINE * 2, futures::future::join(moving, watching)).await.expect("all have all");
}

async fn changes_conflate_to_the_latest_while_the_interval_runs(form: Form) {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(-100), 9.9, 76.2)]).await;
    let mut socket = Socket::open(&server, &admin, form).await;
    socket.subscribe(Subscribe { interval_ms: Some(1000), ..subscribe_to(zone(3)) }).await;
    let begun = Instant::now();
    let first = fix(at(-99), 9.9, 76.2);
    server.fixes(&token, &[first]).await;
    position_of(&mut socket, "PC-1", at(-99)).await;
    for n in -98..=-60 {
        server.fixes(&token, &[fix(at(n), 9.9, 76.2)]).await;
    }
    let posted_in = begun.elapsed();
    let mut frames = 0;
    loop {
        let units = positions_in(&socket.frame().await);
        assert_eq!(units.len(), 1, "one entry a unit");
        frames += 1;
        if units[0].time == Some(at(-60)) {
            break;
        }
    }
    // The lane's timer is set five milliseconds early, for what comes after it.
    assert!(begun.elapsed() >= Duration::from_millis(995), "the interval was not kept");
    let intervals = u128::from(posted_in.as_secs()) + 2;
    assert!(frames <= intervals, "{frames} frames in {posted_in:?}");
}

async fn a_change_is_sent_at_once_while_nothing_else_is(form: Form) {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let mut socket = Socket::open(&server, &admin, form).await;
    // The longest interval: what comes well before its end was not held back.
    socket.subscribe(Subscribe { interval_ms: Some(60_000), ..subscribe_to(zone(3)) }).await;
    server.fixes(&token, &[fix(at(1), 9.9, 76.2)]).await;
    position_of(&mut socket, "PC-1", at(1)).await;
}

async fn who_resumes_gets_exactly_the_events_it_missed_and_where_all_are_now(form: Form) {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    for unit in ["PC-1", "PC-2", "PC-3", "mark"] {
        server.unit(unit, 5).await;
    }
    server.start_patrol("PC-1", 5).await;
    let (socket, snapshot) = Socket::subscribed_as(form, &server, &admin, zone(3)).await;
    drop(socket);
    let second = server.start_patrol("PC-2", 5).await;
    server.end_patrol(second).await;
    let third = server.start_patrol("PC-3", 6).await;

    let mut socket = Socket::open(&server, &admin, form).await;
    let resume = |offset| Subscribe {
        epoch: Some(snapshot.epoch.clone()),
        offset: Some(offset),
        ..subscribe_to(zone(3))
    };
    socket.say(ClientFrame::Subscribe(resume(snapshot.offset))).await;
    let mut missed = Vec::new();
    for _ in 0..3 {
        let ServerFrame::Event(event) = socket.frame().await else { panic!("the missed events come first") };
        missed.push(event);
    }
    let kinds: Vec<(u64, Option<PatrolId>, bool)> =
        missed.iter().map(|e| (e.offset(), e.patrol(), matches!(e, Event::UnitJoined(_)))).collect();
    let offset = snapshot.offset;
    let (second, third) = (Some(second), Some(third));
    assert_eq!(kinds, [(offset + 1, second, true), (offset + 2, second, false), (offset + 3, third, true)]);
    let ServerFrame::Positions(now) = socket.frame().await else { panic!("then where all are") };
    let mut units: Vec<&str> = now.units.iter().map(|unit| unit.id.as_str()).collect();
    units.sort_unstable();
    assert_eq!(units, ["PC-1", "PC-3"]);
    // Somebody who missed nothing is told nothing again, and goes on from there.
    let mut socket = Socket::open(&server, &admin, form).await;
    let (epoch, offset) = (Some(snapshot.epoch), Some(snapshot.offset + 3));
    socket.say(ClientFrame::Subscribe(Subscribe { epoch, offset, ..subscribe_to(zone(3)) })).await;
    let quiet = socket.settled(&server, "mark", 5).await;
    assert!(
        !quiet.iter().any(|f| matches!(f, ServerFrame::Event(_) | ServerFrame::Snapshot(_))),
        "{quiet:?}"
    );
}

async fn who_cannot_be_told_what_it_missed_gets_a_new_snapshot(form: Form) {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    server.unit("PC-1", 5).await;
    server.start_patrol("PC-1", 5).await;
    let (mut socket, snapshot) = Socket::subscribed_as(form, &server, &admin, zone(3)).await;
    for (epoch, offset) in [("another", snapshot.offset), (snapshot.epoch.as_str(), snapshot.offset + 1)] {
        let resume = Subscribe { epoch: Some(epoch.into()), offset: Some(offset), ..subscribe_to(zone(3)) };
        socket.say(ClientFrame::Subscribe(resume)).await;
        let ServerFrame::Snapshot(anew) = socket.frame().await else { panic!("a snapshot comes first") };
        assert_eq!(anew, snapshot);
    }
    let server = server.restart().await;
    let mut socket = Socket::open(&server, &server.sign_in("admin").await, form).await;
    let resume = Subscribe { epoch: Some(snapshot.epoch.clone()), offset: Some(0), ..subscribe_to(zone(3)) };
    socket.say(ClientFrame::Subscribe(resume)).await;
    let ServerFrame::Snapshot(anew) = socket.frame().await else { panic!("a snapshot comes first") };
    assert_ne!(anew.epoch, snapshot.epoch);
    assert_eq!(anew.units.len(), 1, "the patrol goes on");
}

async fn a_marker_never_goes_back_in_device_time(form: Form) {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    server.unit("mark", 5).await;
    server.fixes(&token, &[fix(at(100), 9.9, 76.2)]).await;
    let (mut socket, _) = Socket::subscribed_as(form, &server, &admin, zone(3)).await;
    server.fixes(&token, &[fix(at(50), 1.0, 1.0), fix(at(99), 2.0, 2.0), fix(at(100), 3.0, 3.0)]).await;
    let frames = socket.settled(&server, "mark", 5).await;
    assert!(frames.iter().all(|frame| positions_in(frame).is_empty()), "{frames:?}");
    server.fixes(&token, &[fix(at(101), 9.95, 76.25), fix(at(60), 4.0, 4.0)]).await;
    let moved = position_of(&mut socket, "PC-1", at(0)).await;
    assert_eq!((moved.time, moved.lat), (Some(at(101)), Some(9.95)));
    let (_, snapshot) = Socket::subscribed_as(form, &server, &admin, zone(3)).await;
    assert_eq!(snapshot.units[0].time, Some(at(101)));
}

#[tokio::test]
async fn a_subscription_is_replaced_by_the_next_and_ended_by_unsubscribing() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let here = server.unit("PC-5", 5).await;
    let there = server.unit("PC-9", 9).await;
    server.unit("mark", 9).await;
    server.fixes(&here, &[fix(at(0), 9.9, 76.2)]).await;
    server.fixes(&there, &[fix(at(0), 9.9, 76.2)]).await;
    let (mut socket, snapshot) = Socket::subscribed(&server, &admin, Scope::station(5)).await;
    assert_eq!(snapshot.units.len(), 1);
    socket.subscribe(subscribe_to(Scope::station(9))).await;
    server.fixes(&here, &[fix(at(1), 9.9, 76.2)]).await;
    server.fixes(&there, &[fix(at(1), 9.9, 76.2)]).await;
    let frames = socket.settled(&server, "mark", 9).await;
    let units: Vec<_> = frames.iter().flat_map(positions_in).map(|unit| unit.id.to_string()).collect();
    assert_eq!(units, ["PC-9"]);

    socket.say(ClientFrame::Unsubscribe(Unsubscribe {})).await;
    socket.say(ClientFrame::Ping(Ping {})).await;
    assert!(matches!(socket.frame().await, ServerFrame::Pong(_)));
    server.fixes(&there, &[fix(at(2), 9.9, 76.2)]).await;
    let snapshot = socket.subscribe(subscribe_to(Scope::station(5))).await;
    assert_eq!(snapshot.units[0].time, Some(at(1)), "and nothing of the other station came in between");
}
