//! History taken away as files, read back by readers that are not ours.

use crate::server::{Answer, DEADLINE, DISTRICT, START, Server, at, eventually, fix, id, path, unit, within};
use quick_xml::events::Event;
use reqwest::{Method, StatusCode};
use sentinel_model::{Fix, Patrol, PatrolId, Permission, RouteAnswer, Scope, Time};
use sentinel_server::{
    auth::secret,
    ports::{Change, Home, TimeRange, UnitRecord},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ALL: &str = "start_time=2026-11-20T00:00:00Z&end_time=2026-11-30T00:00:00Z";

/// Fixes with everything and with nothing, and texts that formats have to escape.
fn posts() -> Vec<Value> {
    let mut posts: Vec<Value> = (0..40).map(|n| fix(at(n), 9.9 + n as f64 / 1e4, 76.25)).collect();
    posts[7] = json!({
        "timestamp": at(7), "uuid": "u,\"7\"", "event": "=SUM(A1)", "is_moving": true, "odometer": 3.5,
        "coords": {"latitude": -9.9, "longitude": -76.1234567, "speed": 4.1, "heading": 12.5, "accuracy": 3.3,
            "altitude": -2.5},
        "battery": {"level": 0.75, "is_charging": false}, "extras": {"note": "<a href='&'>\n]]>"},
    });
    posts
}

async fn told(server: &Server, unit: &str) -> Vec<Fix> {
    server.sentinel.reads.archive.fixes(&id(unit), TimeRange::ALL, usize::MAX).await.expect("reads")
}

async fn export(server: &Server, who: &str, query: &str) -> Answer {
    let answer = server.get(who, query).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer
}

/// The CSV rows of a file, by column.
fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.expect("reads")).collect()
}

#[tokio::test]
async fn a_route_comes_in_each_format_with_every_fix() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &posts()).await;
    let stored = told(&server, "PC-1").await;
    let chief = server.sign_in("chief5").await;
    let route = |format: &str| format!("/api/v1/units/PC-1/route?{ALL}&format={format}");

    let answer = export(&server, &chief, &route("csv")).await;
    assert!(answer.header("content-type").starts_with("text/csv"), "{}", answer.header("content-type"));
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"PC-1_20261120T000000Z_20261130T000000Z.csv\""
    );
    let rows = rows(&answer.text);
    assert_eq!(rows.len(), stored.len());
    for (row, fix) in rows.iter().zip(&stored) {
        assert_eq!((row["unit_id"].as_str(), &row["time"]), ("PC-1", &fix.time.to_string()));
        assert_eq!(row["latitude"].parse::<f64>(), Ok(fix.latitude));
        assert_eq!(row["longitude"].parse::<f64>(), Ok(fix.longitude));
        assert_eq!(row["speed_mps"].parse::<f32>().ok(), fix.speed_mps);
        assert_eq!(row["altitude_m"].parse::<f32>().ok(), fix.altitude_m);
    }
    assert_eq!((rows[7]["event"].as_str(), rows[7]["uuid"].as_str()), ("'=SUM(A1)", "u,\"7\""));

    let answer = export(&server, &chief, &route("gpx")).await;
    assert_eq!(answer.header("content-type"), "application/gpx+xml");
    let file = gpx::read(answer.text.as_bytes()).expect("another reader takes it");
    assert_eq!((file.version, file.tracks.len()), (gpx::GpxVersion::Gpx11, 1));
    assert_eq!(file.tracks[0].name.as_deref(), Some("PC-1"));
    let points = &file.tracks[0].segments[0].points;
    assert_eq!(points.len(), stored.len());
    for (point, fix) in points.iter().zip(&stored) {
        assert_eq!((point.point().y(), point.point().x()), (fix.latitude, fix.longitude));
        let time = point.time.expect("each has one").format().expect("writes");
        assert_eq!(Time::parse(&time), Ok(fix.time));
        assert_eq!(point.elevation, fix.altitude_m.map(f64::from));
    }

    let answer = export(&server, &chief, &route("geojson")).await;
    assert_eq!(answer.header("content-type"), "application/geo+json");
    let file: geojson::FeatureCollection = answer.text.parse().expect("another reader takes it");
    assert_eq!(file.features.len(), stored.len());
    let seventh = &file.features[7];
    assert_eq!(seventh.property("event"), Some(&json!("=SUM(A1)")));
    assert_eq!(seventh.property("time"), Some(&json!(at(7))));
    let geometry = seventh.geometry.clone().expect("it has a place");
    assert_eq!(
        serde_json::to_value(geometry).expect("writes")["coordinates"],
        json!([-76.1234567, -9.9, -2.5])
    );

    let answer = export(&server, &chief, &route("kml")).await;
    assert_eq!(answer.header("content-type"), "application/vnd.google-earth.kml+xml");
    let (whens, coords) = (texts(&answer.text, "when"), texts(&answer.text, "gx:coord"));
    assert_eq!((whens.len(), coords.len()), (stored.len(), stored.len()));
    assert_eq!((whens[7].as_str(), coords[7].as_str()), (&*at(7).to_string(), "-76.1234567 -9.9 -2.5"));
    assert_eq!(texts(&answer.text, "name"), ["Sentinel", "PC-1"]);
}

/// The texts of all elements of a name; the file has to be XML to its end.
fn texts(file: &str, name: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(file);
    let (mut found, mut within) = (Vec::new(), false);
    loop {
        match reader.read_event().expect("it is XML") {
            Event::Start(start) => {
                within = start.name().as_ref() == name;
                found.extend(within.then(String::new));
            }
            Event::Text(text) if within => found.last_mut().expect("begun").push_str(&text.xml10_content()),
            Event::End(_) => within = false,
            Event::Eof => return found,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_thinned_route_is_whole_fixes_at_the_points_of_the_thinned_one() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &posts()).await;
    let chief = server.sign_in("chief5").await;
    let thinned = format!("/api/v1/units/PC-1/route?{ALL}&max_points=9");
    let points: RouteAnswer = export(&server, &chief, &thinned).await.as_a();
    let file = rows(&export(&server, &chief, &format!("{thinned}&format=csv")).await.text);
    assert_eq!((points.total, file.len()), (40, 9));
    let times: Vec<String> = points.points.iter().map(|point| point.time.to_string()).collect();
    assert_eq!(file.iter().map(|row| row["time"].clone()).collect::<Vec<_>>(), times);
    assert!(file.iter().all(|row| !row["received_at"].is_empty()));
}

#[tokio::test]
async fn a_scope_s_history_holds_what_its_units_did_while_they_were_under_it() {
    let server = Server::start().await;
    for (unit, station) in [("PC-5", 5), ("PC-6", 6), ("PC-9", 9)] {
        let token = server.unit(unit, station).await;
        server.fixes(&token, &[fix(at(-20), 9.9, 76.2)]).await;
    }
    // One that moved from station 5 to station 9, and was lent to station 6 for a while.
    let token = secret::mint(secret::Kind::Unit);
    let Change::PutUnit(moved) = unit("PC-M", 5, token.hash) else { panic!("a unit") };
    let homes = vec![Home { from: at(-5000), path: path(5) }, Home { from: at(-100), path: path(9) }];
    let lent = Patrol {
        id: PatrolId(7),
        unit_id: id("PC-M"),
        station: Scope::station(6),
        started_at: at(-300),
        ended_at: Some(at(-200)),
    };
    let managed = UnitRecord { homes, patrols_managed: true, ..moved };
    server.change(vec![Change::PutUnit(managed), Change::PutPatrol(lent)]).await;
    let times = [-400, -301, -300, -250, -201, -200, -150, -101, -100, -50];
    let posts: Vec<Value> = times.iter().map(|n| fix(at(*n), 9.9, 76.2)).collect();
    server.fixes(&token.text, &posts).await;

    let of_moved = async |who: &str, scope: &str| -> Vec<i64> {
        let who = server.sign_in(who).await;
        let answer = export(&server, &who, &format!("/api/v1/history/export?scope={scope}&{ALL}")).await;
        let seconds = |row: &BTreeMap<String, String>| {
            Time::parse(&row["time"]).expect("a time").ms_since(START) / 1000
        };
        rows(&answer.text).iter().filter(|row| row["unit_id"] == "PC-M").map(seconds).collect()
    };
    assert_eq!(of_moved("chief5", "station:5").await, [-400, -301, -200, -150, -101]);
    assert_eq!(of_moved("chief6", "station:6").await, [-300, -250, -201]);
    assert_eq!(of_moved("chief9", "station:9").await, [-100, -50]);
    assert_eq!(of_moved("zone3", "zone:3").await.len(), 8);
    assert_eq!(of_moved("admin", "station:6").await, [-300, -250, -201]);
    assert_eq!(of_moved("admin", "district:1").await, times);

    let zone3 = server.sign_in("zone3").await;
    let units = |text: &str| rows(text).into_iter().map(|row| row["unit_id"].clone()).collect::<Vec<_>>();
    let own = export(&server, &zone3, &format!("/api/v1/history/export?{ALL}")).await;
    assert!(units(&own.text).contains(&"PC-6".to_owned()) && !units(&own.text).contains(&"PC-9".to_owned()));
    assert_eq!(
        own.header("content-disposition"),
        "attachment; filename=\"zone-3_20261120T000000Z_20261130T000000Z.csv\""
    );
    let gpx = export(&server, &zone3, &format!("/api/v1/history/export?{ALL}&format=gpx")).await;
    let gpx = gpx::read(gpx.text.as_bytes()).expect("reads");
    let tracks: Vec<_> = gpx.tracks.iter().map(|track| track.name.clone().unwrap_or_default()).collect();
    assert_eq!(tracks, ["PC-5", "PC-6", "PC-M"], "one track for what has no gap");
    let chief5 = server.sign_in("chief5").await;
    let gpx = export(&server, &chief5, &format!("/api/v1/history/export?{ALL}&format=gpx")).await;
    assert_eq!(gpx::read(gpx.text.as_bytes()).expect("reads").tracks.len(), 3, "and two where it has one");
}

#[tokio::test]
async fn nobody_takes_away_what_they_may_not_see() {
    let server = Server::start().await;
    let token = server.unit("PC-9", 9).await;
    server.fixes(&token, &[fix(at(-1), 9.9, 76.2)]).await;
    let ingests = server.key(DISTRICT, &[Permission::Ingest, Permission::Manage]).await;
    let chief5 = server.sign_in("chief5").await;
    for scope in ["station:9", "zone:3", "station:404", "district:1"] {
        let answer = server.get(&chief5, &format!("/api/v1/history/export?scope={scope}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{scope}");
    }
    for (who, expected) in [
        (chief5.as_str(), StatusCode::NOT_FOUND),
        (&ingests, StatusCode::FORBIDDEN),
        (&token, StatusCode::FORBIDDEN),
        ("", StatusCode::UNAUTHORIZED),
    ] {
        for format in ["csv", "gpx", "kml", "geojson"] {
            let path = format!("/api/v1/units/PC-9/route?{ALL}&format={format}");
            assert_eq!(server.get(who, &path).await.status, expected, "{format}");
        }
        let whole = server.get(who, "/api/v1/history/export").await;
        if who != chief5 {
            assert_eq!(whole.status, if who.is_empty() { expected } else { StatusCode::FORBIDDEN });
        }
    }
    let own = server.get(&chief5, &format!("/api/v1/history/export?{ALL}")).await;
    assert_eq!(rows(&own.text).len(), 0, "an empty history is a file of its names alone");
    for wrong in
        ["format=shp", "format=json", "start_time=2026-11-22T00:00:00Z&end_time=2026-11-21T00:00:00Z"]
    {
        let answer = server.get(&chief5, &format!("/api/v1/history/export?{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

/// A fix with nothing but a time and a place.
pub fn plain(second: i64) -> Fix {
    Fix {
        time: at(second),
        received_at: at(second),
        latitude: 9.9,
        longitude: 76.2,
        speed_mps: None,
        heading_deg: None,
        accuracy_m: None,
        altitude_m: None,
        battery: None,
        uuid: None,
        event: None,
        extras: None,
    }
}

/// Many plain fixes, put into the history at once.
async fn fill(server: &Server, unit: &str, count: i64) {
    server.unit(unit, 5).await;
    for begin in (0..count).step_by(10_000) {
        let fixes = (begin..count.min(begin + 10_000)).map(plain);
        server.sentinel.intake.accept(&id(unit), fixes.collect()).await.expect("accepted");
    }
}

/// Reads on to the end; answers how much came, and whether it came whole.
async fn rest(mut response: reqwest::Response) -> (usize, bool) {
    let mut read = 0;
    loop {
        match response.chunk().await {
            Ok(Some(more)) => read += more.len(),
            Ok(None) => return (read, true),
            Err(_) => return (read, false),
        }
    }
}

#[tokio::test]
async fn a_transfer_that_cannot_be_finished_is_broken_off_and_never_looks_whole() {
    let server = Server::start().await;
    fill(&server, "PC-1", 25_000).await;
    let chief = server.sign_in("chief5").await;
    let path = format!("/api/v1/units/PC-1/route?{ALL}&format=gpx");
    let ask = || server.request(Method::GET, &chief, &path);
    assert!(rest(ask().send().await.expect("it begins")).await.1);
    let file = rusqlite::Connection::open(server.folder().join("history.db")).expect("opens");
    let damage = "UPDATE block SET fixes = x'ff' WHERE first = (SELECT max(first) FROM block)";
    assert_eq!(file.execute(damage, []).expect("damages"), 1);
    for encoding in ["identity", "gzip"] {
        let begun = ask().header("accept-encoding", encoding).send().await.expect("it begins");
        assert_eq!(begun.status(), StatusCode::OK);
        let (read, whole) = rest(begun).await;
        assert!(read > 0 && !whole, "{encoding}: {read}");
    }
    eventually("who is over leaves room", async || server.sentinel.exports.available_permits() == 4).await;
}

#[tokio::test]
async fn a_transfer_ends_with_the_right_to_it() {
    let server = Server::start().await;
    fill(&server, "PC-1", 150_000).await;
    let key = server.key_named("leaver", Scope::station(5), &[Permission::Read]).await;
    let path = format!("/api/v1/history/export?{ALL}&format=gpx");
    let ask = async || server.request(Method::GET, &key, &path).send().await.expect("it begins");
    let (all, whole) = rest(ask().await).await;
    assert!(whole);
    let mut begun = ask().await;
    let first = begun.chunk().await.expect("it begins").expect("it has a beginning").len();
    let held = server.sentinel.directory.key("leaver").expect("made");
    let revoked = sentinel_server::ports::KeyRecord { revoked: true, ..(*held).clone() };
    server.change(vec![Change::PutKey(revoked)]).await;
    let (read, whole) = rest(begun).await;
    assert!(!whole && first + read < all, "{read} of {all}");
}

#[tokio::test]
async fn more_files_at_once_than_the_server_sends_are_refused_with_when_to_come_back() {
    let server = Server::start().await;
    server.unit("PC-1", 5).await;
    let chief = server.sign_in("chief5").await;
    let all = server.sentinel.exports.clone().acquire_many_owned(4).await.expect("free");
    let refused = server.get(&chief, "/api/v1/units/PC-1/route?format=csv").await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "10"));
    drop(all);
    assert_eq!(server.get(&chief, "/api/v1/units/PC-1/route?format=csv").await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_caller_takes_no_more_files_at_once_than_its_share() {
    let server = Server::start().await;
    fill(&server, "PC-1", 150_000).await;
    let (chief, viewer) = (server.sign_in("chief5").await, server.sign_in("viewer5").await);
    let path = format!("/api/v1/history/export?{ALL}&format=gpx");
    let begin = async |who: &str| server.request(Method::GET, who, &path).send().await.expect("it begins");
    // As nobody reads on, they stay under way.
    let mine = [begin(&chief).await, begin(&chief).await];
    assert!(mine.iter().all(|file| file.status() == StatusCode::OK));
    for more in [path.as_str(), "/api/v1/units/PC-1/route?format=csv"] {
        let refused = server.get(&chief, more).await;
        assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "10"));
    }
    assert_eq!(begin(&viewer).await.status(), StatusCode::OK, "there is room for others");
    drop(mine);
    eventually("who is over leaves room", async || begin(&chief).await.status() == StatusCode::OK).await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_gives_its_place_back() {
    let server = Server::start().await;
    fill(&server, "PC-1", 150_000).await;
    let chief = server.sign_in("chief5").await;
    let path = format!("/api/v1/history/export?{ALL}&format=gpx");
    let unread = server.request(Method::GET, &chief, &path).send().await.expect("it begins");
    assert_eq!(server.sentinel.exports.available_permits(), 3);
    // Half a minute, by the listener's patience.
    let given_back = async || server.sentinel.exports.available_permits() == 4;
    within(3 * DEADLINE, "its place is there again", given_back).await;
    assert!(!rest(unread).await.1, "what it has not read, it does not get");
}
