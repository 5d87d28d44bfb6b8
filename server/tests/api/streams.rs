//! What server-sent events have beyond the WebSocket: ids to come back by, filters, packing,
//! a word now and then. What both have is told over both, in `live` and `live_rights`.

use crate::{
    server::{DISTRICT, Server, at, eventually, fix, id, send, zone},
    socket::{EventSource, FORMS, Form, Heard, Socket},
};
use flate2::write::GzDecoder;
use reqwest::{Method, Response};
use sentinel_model::{
    Permission, Scope, UnitStatus,
    live::{Event, ServerFrame, Snapshot, StatusChanged, close},
};
use sentinel_server::{config::ServeArgs, ports::EVENT_HISTORY};
use std::{collections::BTreeSet, io::Write as _, time::Duration};

const PATIENCE: Duration = Duration::from_secs(60);

async fn open(server: &Server, credential: &str, query: &str) -> EventSource {
    let mut events = EventSource::of(format!("http://{}", server.address), credential);
    events.open(query, &[]).await;
    events
}

async fn heard(events: &mut EventSource) -> Heard {
    tokio::time::timeout(PATIENCE, events.next()).await.expect("something comes in time")
}

async fn frame(events: &mut EventSource) -> ServerFrame {
    match heard(events).await {
        Heard::Frame(frame) => frame,
        Heard::Closed(code) => panic!("closed with {code}"),
    }
}

async fn snapshot(events: &mut EventSource) -> Snapshot {
    match frame(events).await {
        ServerFrame::Snapshot(snapshot) => snapshot,
        frame => panic!("a snapshot comes first, not {frame:?}"),
    }
}

fn names(snapshot: &Snapshot) -> Vec<&str> {
    let mut names: Vec<&str> = snapshot.units.iter().map(|unit| unit.id.as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn without_a_scope_it_is_the_caller_s_own() {
    let server = Server::start().await;
    for (credential, scope) in [
        (server.sign_in("chief5").await, Scope::station(5)),
        (server.cookie("zone3").await, zone(3)),
        (server.key(DISTRICT, &[Permission::Read]).await, DISTRICT),
    ] {
        let mut events = open(&server, &credential, "").await;
        assert_eq!(snapshot(&mut events).await.scope, scope);
    }
    // Where no header can be set: a key in the address.
    let key = server.key(zone(4), &[Permission::Read]).await;
    let mut events = open(&server, "", &format!("token={key}")).await;
    assert_eq!(snapshot(&mut events).await.scope, zone(4));
}

#[tokio::test]
async fn what_is_refused_is_refused_before_the_stream_begins() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let many = ["PC-1"; 3].join(",") + &(0..1000).map(|n| format!(",u{n}")).collect::<String>();
    for (credential, query, status, says) in [
        ("", "", 401, "say who you are"),
        ("snt_key_nonsense", "", 401, "not known here"),
        (chief.as_str(), "scope=station:6", 403, "station:6 is not within what you may see"),
        (&chief, "scope=station:404", 403, "station:404 is not within what you may see"),
        (&chief, "scope=galaxy:1", 400, "query does not read"),
        (&chief, "scoop=station:5", 400, "query does not read"),
        (&chief, "units=PC-1,no%20id", 400, "units is ids with commas between"),
        (&chief, "units=", 400, "units is ids"),
        (&chief, &format!("units={many}"), 400, "at most 1000"),
        (&chief, "kinds=status,weather", 400, "unit_joined, unit_left, status"),
        (&chief, "interval_ms=soon", 400, "query does not read"),
    ] {
        let answer = server.get(credential, &format!("/api/v1/stream?{query}")).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
        assert!(answer.message().contains(says), "{query}: {}", answer.text);
        assert!(!answer.json["request_id"].as_str().expect("an id").is_empty());
    }
}

#[tokio::test]
async fn who_comes_back_with_the_last_id_goes_on_where_it_was() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    for unit in ["PC-1", "PC-2"] {
        server.unit(unit, 5).await;
    }
    let mut events = open(&server, &chief, "").await;
    let begun = snapshot(&mut events).await;
    server.start_patrol("PC-1", 5).await;
    assert!(matches!(frame(&mut events).await, ServerFrame::Event(Event::UnitJoined(_))));
    let last = events.last_id.clone().expect("the event had an id");
    let bare = format!("{}:{}", begun.epoch, begun.offset + 1);
    assert_eq!(last, format!("station:5/{bare}"));
    events.leave();
    server.start_patrol("PC-2", 5).await;

    // As a header, which a browser sends; in the address, for who cannot; the header counts,
    // as the address is the one that a browser began with.
    let first = format!("station:5/{}:{}", begun.epoch, begun.offset);
    for (query, header) in [
        (String::new(), Some(last.as_str())),
        (format!("last_event_id={last}"), None),
        (format!("last_event_id={first}"), Some(last.as_str())),
        // As ids were before they named a scope.
        (String::new(), Some(bare.as_str())),
    ] {
        let headers: Vec<_> = header.into_iter().map(|id| ("last-event-id", id)).collect();
        events.open(&query, &headers).await;
        let ServerFrame::Event(Event::UnitJoined(joined)) = frame(&mut events).await else {
            panic!("what was missed comes first")
        };
        assert_eq!((joined.offset, joined.unit.id.as_str()), (begun.offset + 2, "PC-2"));
    }
    let others = ["station:6/", "zone:3/", "nowhere/", "/"].map(|of| format!("{of}{bare}"));
    let others = others.iter().map(String::as_str);
    let ahead = format!("station:5/{}:99999", begun.epoch);
    for foreign in ["", "nonsense", "12", "elsewhere:1", &ahead].into_iter().chain(others) {
        events.open("", &[("last-event-id", foreign)]).await;
        assert_eq!(names(&snapshot(&mut events).await), ["PC-1", "PC-2"], "{foreign:?} begins anew");
    }
}

#[tokio::test]
async fn an_id_of_another_scope_s_stream_begins_anew() {
    let server = Server::start().await;
    let [zone3, zone4] = [server.sign_in("zone3").await, server.sign_in("zone4").await];
    for (unit, station) in [("PC-1", 5), ("PC-9", 9)] {
        server.unit(unit, station).await;
    }
    let mut events = open(&server, &zone3, "").await;
    snapshot(&mut events).await;
    let last = events.last_id.clone().expect("a snapshot has one");
    // In each scope an event that would be taken for what was missed.
    for (unit, station) in [("PC-1", 5), ("PC-9", 9)] {
        server.start_patrol(unit, station).await;
    }
    let asked = [("last-event-id", last.as_str())];
    // Named in the address; and where none is named, the own of somebody else, as one's own may
    // have become.
    events.open("scope=station:5", &asked).await;
    assert_eq!(names(&snapshot(&mut events).await), ["PC-1"]);
    let mut events = EventSource::of(format!("http://{}", server.address), &zone4);
    events.open("", &asked).await;
    assert_eq!(names(&snapshot(&mut events).await), ["PC-9"]);
}

#[tokio::test]
async fn one_caller_has_no_more_streams_than_its_share_however_they_are_carried() {
    let args = ServeArgs { streams_per_credential: "3".parse().ok(), ..ServeArgs::default() };
    let server = Server::start_with(args).await;
    server.unit("PC-1", 5).await;
    let chief = server.sign_in("chief5").await;
    let refused = async |credential: &str| {
        let mut statuses = Vec::new();
        for form in FORMS {
            statuses.push(Socket::open_with(&server, credential, form, &[]).await.err());
        }
        let track = server.request(Method::GET, credential, "/ws/track/PC-1").header("connection", "upgrade");
        let track = track.header("upgrade", "websocket").header("sec-websocket-version", "13");
        let track = send(track.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")).await;
        statuses.push(Some(track.status.as_u16()));
        statuses
    };
    let mut events = open(&server, &chief, "").await;
    snapshot(&mut events).await;
    let (socket, _) = Socket::subscribed_as(Form::Postcard, &server, &chief, Scope::station(5)).await;
    let _silent = Socket::open(&server, &chief, Form::Json).await;
    assert_eq!(refused(&chief).await, [Some(429); 4]);
    let told = server.get(&chief, "/api/v1/stream").await;
    assert!(told.message().contains("--streams-per-credential"), "{}", told.text);
    assert!(told.header("retry-after").parse::<u32>().is_ok_and(|wait| wait > 0));
    assert_eq!(refused(&server.cookie("chief5").await).await, [Some(429); 4], "it is the same person");
    let mut other = open(&server, &server.sign_in("viewer5").await, "").await;
    snapshot(&mut other).await;
    assert!(server.get(&chief, "/metrics").await.text.contains("sentinel_streams_refused_total"));
    drop(socket);
    eventually("who has left makes room", async || {
        EventSource::of(format!("http://{}", server.address), &chief).ask("", &[]).await.status() == 200
    })
    .await;
}

#[tokio::test]
async fn filters_narrow_what_is_shown() {
    let server = Server::start().await;
    let zone3 = server.sign_in("zone3").await;
    let mut tokens = Vec::new();
    for (unit, station) in [("PC-1", 5), ("PC-2", 5), ("PC-3", 6), ("PC-9", 9)] {
        let token = server.unit(unit, station).await;
        // By hand: its first fix is answered before the patrol is there where the disk is slow.
        server.start_patrol(unit, station).await;
        server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
        tokens.push(token);
    }
    let mut all = open(&server, &zone3, "").await;
    assert_eq!(names(&snapshot(&mut all).await), ["PC-1", "PC-2", "PC-3"]);
    // One of another zone may be asked for and is not shown.
    let mut some = open(&server, &zone3, "units=PC-3,PC-1,PC-9,PC-404").await;
    assert_eq!(names(&snapshot(&mut some).await), ["PC-1", "PC-3"]);
    let mut of_status = open(&server, &zone3, "kinds=status").await;
    assert_eq!(names(&snapshot(&mut of_status).await).len(), 3);

    for token in &tokens {
        server.fixes(token, &[fix(at(1), 9.9, 76.2)]).await;
    }
    server.unit("PC-4", 5).await;
    server.start_patrol("PC-4", 5).await;
    let last = server.sentinel.directory.unit(&id("PC-1")).expect("there").patrol;
    server.end_patrol(last.expect("on patrol").id).await;
    let (mut moved, mut told) = (Vec::new(), Vec::new());
    while told.is_empty() {
        match frame(&mut some).await {
            ServerFrame::Positions(p) => moved.extend(p.units.iter().map(|unit| unit.id.to_string())),
            // That its first fix made it available may be told only now.
            ServerFrame::Event(event) if event.kind() == "status" => {
                moved.push(event.unit().expect("of a unit").to_string())
            }
            ServerFrame::Event(event) => {
                told.push((event.kind(), event.unit().expect("of a unit").to_string()))
            }
            frame => panic!("{frame:?}"),
        }
    }
    assert!(moved.iter().all(|unit| ["PC-1", "PC-3"].contains(&unit.as_str())), "{moved:?}");
    assert_eq!(told, [("unit_left", "PC-1".to_owned())], "PC-4 joined before, and is nobody asked for");

    // By now all of that has passed the other too: the clock is all that makes a status.
    server.clock.turn(61);
    loop {
        match frame(&mut of_status).await {
            ServerFrame::Positions(_) => {}
            ServerFrame::Event(event) => {
                assert_eq!(event.kind(), "status");
                break;
            }
            frame => panic!("{frame:?}"),
        }
    }
}

#[tokio::test]
async fn each_of_many_filtered_streams_is_told_of_its_own_units_alone() {
    let server = Server::start().await;
    let zone3 = server.sign_in("zone3").await;
    let mut tokens = Vec::new();
    for n in 0..6 {
        let unit = format!("PC-{n}");
        let token = server.unit(&unit, 5).await;
        server.start_patrol(&unit, 5).await;
        server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
        tokens.push(token);
    }
    // Some of the same units, some of others, and one gone again.
    let mut streams = Vec::new();
    for units in [&[0, 1][..], &[1, 2], &[1, 2], &[5], &[3, 4, 5]] {
        let names: Vec<String> = units.iter().map(|n| format!("PC-{n}")).collect();
        let mut events = open(&server, &zone3, &format!("units={}", names.join(","))).await;
        snapshot(&mut events).await;
        streams.push((names, events));
    }
    streams.remove(3);
    for round in 1..4 {
        for token in &tokens {
            server.fixes(token, &[fix(at(round), 9.9 + round as f64 / 100.0, 76.2)]).await;
        }
        for (names, events) in &mut streams {
            let mut moved = BTreeSet::new();
            while moved.len() < names.len() {
                match frame(events).await {
                    ServerFrame::Positions(positions) => {
                        let units = positions.units.iter().filter(|unit| unit.time == Some(at(round)));
                        moved.extend(units.map(|unit| unit.id.to_string()));
                    }
                    // That its first fix made it available may be told only now.
                    ServerFrame::Event(event) => {
                        assert!(
                            names.contains(&event.unit().expect("of a unit").to_string()),
                            "{event:?} at {names:?}"
                        );
                    }
                    frame => panic!("{frame:?}"),
                }
            }
            assert!(moved.iter().eq(&*names), "{moved:?} is not {names:?}");
        }
    }
}

#[tokio::test]
async fn a_filtered_stream_goes_on_from_its_last_id_too() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    for unit in ["PC-1", "PC-2"] {
        server.unit(unit, 5).await;
    }
    let mut events = open(&server, &chief, "units=PC-2").await;
    snapshot(&mut events).await;
    let last = events.last_id.clone().expect("a snapshot has one");
    events.leave();
    for _ in 0..5 {
        let patrol = server.start_patrol("PC-1", 5).await;
        server.end_patrol(patrol).await;
    }
    server.start_patrol("PC-2", 5).await;
    events.open("units=PC-2", &[("last-event-id", &last)]).await;
    let ServerFrame::Event(event) = frame(&mut events).await else { panic!("what it missed") };
    assert_eq!((event.kind(), event.unit().expect("of a unit").as_str()), ("unit_joined", "PC-2"));
    events.leave();
    let patrol = server.start_patrol("PC-1", 5).await;
    for n in 0..=EVENT_HISTORY {
        let status = [UnitStatus::Stale, UnitStatus::Available][n % 2];
        let changed = StatusChanged { offset: 0, at: at(0), id: id("PC-1"), patrol, status };
        let rooms = &server.sentinel.patrols.rooms;
        rooms.set_status(patrol, status, Event::Status(changed)).await.expect("it is told");
    }
    events.open("units=PC-2", &[("last-event-id", &last)]).await;
    assert_eq!(names(&snapshot(&mut events).await), ["PC-2"], "what it missed is kept no longer");
}

/// Reads packed pieces until what they hold has a text in it.
async fn until(response: &mut Response, plain: &mut GzDecoder<Vec<u8>>, text: &str) {
    let reading = async {
        while !String::from_utf8_lossy(plain.get_ref()).contains(text) {
            let piece = response.chunk().await.expect("it comes whole").expect("it goes on");
            plain.write_all(&piece).expect("it unpacks");
            plain.flush().expect("it unpacks");
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("never came: {text}"));
}

#[tokio::test]
async fn packed_a_frame_comes_at_once_while_the_stream_stays_open() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let token = server.unit("PC-1", 5).await;
    let events = EventSource::of(format!("http://{}", server.address), &chief);
    let mut response = events.ask("", &[("accept-encoding", "br, gzip;q=0.5")]).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut plain = GzDecoder::new(Vec::new());
    until(&mut response, &mut plain, r#""units":[],"alerts":[]}"#).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    until(&mut response, &mut plain, "unit_joined").await;
    for (n, lat) in (1..).zip([9.91, 9.92, 9.93]) {
        server.fixes(&token, &[fix(at(n), lat, 76.2)]).await;
        until(&mut response, &mut plain, &format!(r#""lat":{lat}"#)).await;
    }
    server.ask_to_stop();
    until(&mut response, &mut plain, &format!(r#""code":{}"#, close::RESTART)).await;
    assert_eq!(response.chunk().await.expect("ended as it should"), None);
    let plain = plain.finish().expect("a whole file, its checksum right");
    assert!(plain.starts_with(b"retry: ") && plain.ends_with(b"\n\n"));
}

#[tokio::test]
async fn unpacked_where_packing_is_not_asked_for() {
    let server = Server::start().await;
    let events = EventSource::of(format!("http://{}", server.address), &server.sign_in("chief5").await);
    for accepted in ["identity", "gzip;q=0", "br, zstd"] {
        let mut response = events.ask("", &[("accept-encoding", accepted)]).await;
        assert!(!response.headers().contains_key("content-encoding"), "{accepted}");
        let first = response.chunk().await.expect("comes").expect("something");
        assert!(first.starts_with(b"retry: "), "{first:?}");
    }
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_says_that_it_is_there() {
    let server = Server::start().await;
    let events = EventSource::of(format!("http://{}", server.address), &server.sign_in("chief5").await);
    let mut response = events.ask("", &[]).await;
    let breathing = async {
        let mut read = Vec::new();
        while !read.ends_with(b"\n\n:\n\n") {
            read.extend_from_slice(&response.chunk().await.expect("comes").expect("goes on"));
        }
    };
    tokio::time::timeout(PATIENCE, breathing).await.expect("a comment comes");
}
