//! Units, where they are and were.

use crate::server::{Server, at, fix, zone};
use reqwest::StatusCode;
use sentinel_model::{
    Page, Permission, RouteAnswer, Unit, UnitStatus, fix::Nearby, page::Stats, unit::HistoryAnswer,
};
use serde_json::{Value, json};

fn route_path(unit: &str, from: i64, to: i64, max_points: usize) -> String {
    format!("/api/v1/units/{unit}/route?start_time={}&end_time={}&max_points={max_points}", at(from), at(to))
}

#[tokio::test]
async fn a_list_comes_in_pages_without_gap_or_repetition() {
    let server = Server::start().await;
    for n in 0..25 {
        server.unit(&format!("PC-{n:02}"), if n % 5 == 4 { 9 } else { 5 + n % 2 }).await;
    }
    let zone3 = server.sign_in("zone3").await;
    for limit in [1, 3, 10, 20, 1000] {
        let (mut cursor, mut told) = (String::new(), Vec::new());
        loop {
            let path = format!("/api/v1/units?scope=zone:3&limit={limit}&cursor={cursor}");
            let page: Page<Unit> = server.get(&zone3, &path).await.as_a();
            assert!(page.items.len() <= limit);
            told.extend(page.items.into_iter().map(|unit| unit.id.to_string()));
            match page.next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        let expected: Vec<String> = (0..25).filter(|n| n % 5 != 4).map(|n| format!("PC-{n:02}")).collect();
        assert_eq!(told, expected, "{limit} a page");
    }
}

#[tokio::test]
async fn a_list_is_searched_by_id_name_and_station_and_stays_within_its_scope() {
    let server = Server::start().await;
    for (unit, station) in [("PC-05", 5), ("PC-15", 6), ("VAN-5", 5), ("PC-95", 9)] {
        server.unit(unit, station).await;
    }
    let zone3 = server.sign_in("zone3").await;
    let station =
        server.sentinel.directory.scope(sentinel_model::Scope::station(5)).expect("made").name.to_uppercase();
    let too_long = "x".repeat(101);
    for (words, expected) in [
        ("5", vec!["PC-05", "PC-15", "VAN-5"]),
        ("pc%205", vec!["PC-05", "PC-15"]),
        ("%20%20", vec!["PC-05", "PC-15", "VAN-5"]),
        (station.replace(' ', "%20").as_str(), vec!["PC-05", "VAN-5"]),
        ("PC-95", vec![]),
    ] {
        let page: Page<Unit> = server.get(&zone3, &format!("/api/v1/units?q={words}")).await.as_a();
        let told: Vec<&str> = page.items.iter().map(|unit| unit.id.as_str()).collect();
        assert_eq!(told, expected, "{words}");
    }
    let refused = server.get(&zone3, &format!("/api/v1/units?q={too_long}")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_list_without_a_scope_is_of_all_that_the_caller_sees() {
    let server = Server::start().await;
    for (unit, station) in [("PC-5", 5), ("PC-6", 6), ("PC-9", 9)] {
        server.unit(unit, station).await;
    }
    for (name, expected) in
        [("chief5", vec!["PC-5"]), ("zone3", vec!["PC-5", "PC-6"]), ("admin", vec!["PC-5", "PC-6", "PC-9"])]
    {
        let page: Page<Unit> = server.get(&server.sign_in(name).await, "/api/v1/units").await.as_a();
        assert_eq!(page.items.iter().map(|unit| unit.id.as_str()).collect::<Vec<_>>(), expected, "{name}");
    }
    let chief = server.sign_in("chief5").await;
    for (scope, status) in [
        ("zone:3", StatusCode::FORBIDDEN),
        ("station:6", StatusCode::FORBIDDEN),
        ("station:404", StatusCode::FORBIDDEN),
        ("galaxy:1", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(
            server.get(&chief, &format!("/api/v1/units?scope={scope}")).await.status,
            status,
            "{scope}"
        );
    }
    assert_eq!(server.get("", "/api/v1/units").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_unit_and_its_location_have_the_shape_that_outsiders_rely_on() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let token = server.unit("PC-1", 5).await;
    let bare = server.get(&chief, "/api/v1/units/PC-1").await;
    let off_duty = json!({"id": "PC-1", "name": "PC-1", "kind": "van", "station": "station:5", "status": "off_duty", "patrol_id": null, "location": null});
    assert_eq!(bare.json, off_duty);
    assert_eq!(server.get(&chief, "/api/v1/units/PC-1/location").await.status, StatusCode::NOT_FOUND);

    server.fixes(&token, &[fix(at(0), 9.9312, 76.2673)]).await;
    for path in ["/api/v1/units/PC-1/location", "/api/v1/drivers/PC-1/location"] {
        let location = server.get(&chief, path).await.json;
        let members: Vec<&str> =
            location.as_object().expect("an object").keys().map(String::as_str).collect();
        let mut expected = vec![
            "unit_id",
            "patrol_id",
            "latitude",
            "longitude",
            "speed_mps",
            "heading_deg",
            "accuracy_m",
            "battery",
            "time",
            "received_at",
        ];
        expected.sort_unstable();
        let mut sorted = members.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected);
        assert_eq!(
            (&location["latitude"], &location["time"]),
            (&json!(9.9312), &json!("2026-11-21T02:00:00.000Z"))
        );
    }
}

#[tokio::test]
async fn nearby_comes_nearest_first_within_the_radius_and_the_caller_s_scope() {
    let server = Server::start().await;
    // A hundredth of a degree of latitude is 1.11 km.
    for (unit, station, latitude) in
        [("here", 5, 9.9), ("near", 6, 9.91), ("far", 5, 9.93), ("other", 9, 9.9)]
    {
        let token = server.unit(unit, station).await;
        server.fixes(&token, &[fix(at(0), latitude, 76.25)]).await;
    }
    let off_duty = server.unit("home", 5).await;
    server.fixes(&off_duty, &[fix(at(0), 9.9, 76.25)]).await;
    let patrol = server.sentinel.directory.unit(&crate::server::id("home")).and_then(|unit| unit.patrol);
    server.end_patrol(patrol.expect("on patrol").id).await;

    let zone3 = server.sign_in("zone3").await;
    let near = async |token: &str, rest: &str| -> Vec<(String, f64)> {
        let path = format!("/api/v1/units/nearby?lat=9.9&lng=76.25{rest}");
        let page: Page<Nearby> = server.get(token, &path).await.as_a();
        page.items.into_iter().map(|near| (near.location.unit_id.to_string(), near.distance_m)).collect()
    };
    let names = |found: &[(String, f64)]| found.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let found = near(&zone3, "&radius=5000").await;
    assert_eq!(names(&found), ["here", "near", "far"]);
    assert!((found[1].1 - 1112.0).abs() < 2.0, "{found:?}");
    assert_eq!(names(&near(&zone3, "&radius=1200").await), ["here", "near"]);
    assert_eq!(names(&near(&zone3, "&radius=5000&limit=1").await), ["here"]);
    assert_eq!(names(&near(&server.sign_in("chief6").await, "&radius=5000").await), ["near"]);
    assert_eq!(names(&near(&server.sign_in("zone4").await, "&radius=5000").await), ["other"]);

    server.clock.turn(90);
    let awake = server.unit("awake", 5).await;
    server.fixes(&awake, &[fix(at(60), 9.92, 76.25)]).await;
    assert_eq!(names(&near(&zone3, "&radius=5000&free=true").await), ["awake"], "the others are stale");
    for bad in ["&radius=-1", "&radius=1e9", "&free=maybe", "&radius=x"] {
        let path = format!("/api/v1/units/nearby?lat=9.9&lng=76.25{bad}");
        assert_eq!(server.get(&zone3, &path).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    for bad in ["lat=91&lng=0", "lat=0&lng=181", "lat=NaN&lng=0", "lat=0"] {
        let path = format!("/api/v1/units/nearby?{bad}");
        assert_eq!(server.get(&zone3, &path).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn a_route_counts_all_and_thins_to_what_is_asked_keeping_first_last_and_shape() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let token = server.unit("PC-1", 5).await;
    // East for 500 fixes, then north for as many.
    let place =
        |n: i64| if n <= 500 { (9.9, 76.2 + n as f64 / 1e4) } else { (9.9 + (n - 500) as f64 / 1e4, 76.25) };
    let fixes: Vec<Value> = (0..=1000).map(|n| fix(at(n - 2000), place(n).0, place(n).1)).collect();
    server.fixes(&token, &fixes).await;
    let whole: RouteAnswer = server.get(&chief, &route_path("PC-1", -2000, 0, 2000)).await.as_a();
    assert_eq!((whole.total, whole.points.len()), (1001, 1001));
    let thin: RouteAnswer = server.get(&chief, &route_path("PC-1", -2000, 0, 20)).await.as_a();
    assert_eq!(thin.total, 1001);
    assert!(thin.points.len() <= 20);
    assert_eq!(thin.points.first(), whole.points.first());
    assert_eq!(thin.points.last(), whole.points.last());
    assert!(thin.points.iter().all(|point| whole.points.contains(point)), "thinned, not made up");
    assert!(
        thin.points.iter().any(|p| (p.longitude - 76.25).abs() < 0.004 && p.latitude < 9.904),
        "the corner stays"
    );
    assert_eq!(
        server.get(&chief, "/api/v1/drivers/PC-1/route").await.json["total"],
        1001,
        "without a range, the last day"
    );
}

/// Sixteen and seventeen digits: a quick reader of numbers gets the last bit of some wrong.
#[tokio::test]
async fn coordinates_come_back_bit_for_bit() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let token = server.unit("PC-1", 5).await;
    let places = [
        ("9.931200000000002", "76.26000000000001"),
        ("9.935092435806613", "76.26"),
        ("9.906996023642007", "-0.10000000000000002"),
        ("9.966981434481141", "179.99999999999997"),
        ("10.090391205680529", "76.12345678901234567"),
    ];
    let unit = server.sentinel.directory.unit(&crate::server::id("PC-1")).expect("made");
    for (n, (latitude, longitude)) in (0..).zip(places) {
        let body = format!(
            r#"{{"location":{{"timestamp":"{}","coords":{{"latitude":{latitude},"longitude":{longitude}}}}}}}"#,
            at(n)
        );
        let post = server.request(reqwest::Method::POST, &token, "/api/v1/locations").body(body);
        let answer = crate::server::send(post).await;
        assert_eq!((answer.status, &answer.json["accepted"]), (StatusCode::OK, &json!(1)), "{}", answer.text);
    }
    let answer = server.get(&chief, &route_path("PC-1", 0, 10, 100)).await;
    let route: RouteAnswer = answer.as_a();
    let bits = |text: &str| text.parse::<f64>().expect("a number").to_bits();
    let told: Vec<_> = route.points.iter().map(|p| (p.latitude.to_bits(), p.longitude.to_bits())).collect();
    assert_eq!(told, places.map(|(latitude, longitude)| (bits(latitude), bits(longitude))));
    let last = server.sentinel.positions.get(&unit.record.id).await.expect("reads").expect("it is shown");
    assert_eq!(last.longitude.to_bits(), bits(places[4].1));
}

/// Thinned as it is read, since so many points are not held at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_route_longer_than_memory_is_let_hold_is_counted_exactly_and_keeps_its_ends() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    server.unit("PC-1", 5).await;
    const FIXES: i64 = 450_000;
    let unit = crate::server::id("PC-1");
    for from in (0..FIXES).step_by(50_000) {
        let fixes = (from..from + 50_000).map(|n| sentinel_model::Fix {
            time: at(n - 2 * FIXES),
            received_at: at(0),
            latitude: 9.9,
            longitude: 76.0 + n as f64 / 1e6,
            speed_mps: None,
            heading_deg: None,
            accuracy_m: None,
            altitude_m: None,
            battery: None,
            uuid: None,
            event: None,
            extras: None,
        });
        server.sentinel.intake.accept(&unit, fixes.collect()).await.expect("stored");
    }
    let all_time = "/api/v1/units/PC-1/route?start_time=1971-01-01T00:00:00Z&end_time=2100-01-01T00:00:00Z";
    let route: RouteAnswer = server.get(&chief, all_time).await.as_a();
    assert_eq!((route.total, route.points.len()), (FIXES as u64, 2_000));
    assert_eq!(route.points.first().map(|p| p.time), Some(at(-2 * FIXES)));
    assert_eq!(route.points.last().map(|p| p.time), Some(at(-FIXES - 1)));
    assert!(route.points.is_sorted_by(|a, b| a.time < b.time));
}

#[tokio::test]
async fn a_route_s_range_holds_its_start_and_its_end() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let token = server.unit("PC-1", 5).await;
    let fixes: Vec<Value> = (0..10).map(|n| fix(at(n), 9.9, 76.2)).collect();
    server.fixes(&token, &fixes).await;
    for (from, to, expected) in [(0, 9, 10), (3, 5, 3), (4, 4, 1), (-100, -1, 0), (9, 100, 1), (10, 100, 0)] {
        let route: RouteAnswer = server.get(&chief, &route_path("PC-1", from, to, 100)).await.as_a();
        assert_eq!((route.total, route.points.len()), (expected, expected as usize), "{from}..{to}");
    }
    for path in
        [route_path("PC-1", 5, 4, 100), route_path("PC-1", 0, 9, 1), route_path("PC-1", 0, 9, 1_000_000)]
    {
        assert_eq!(server.get(&chief, &path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    let bad = "/api/v1/units/PC-1/route?start_time=yesterday";
    assert_eq!(server.get(&chief, bad).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.get(&chief, &route_path("PC-404", 0, 9, 100)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_hours_that_a_unit_was_lent_belong_to_whom_it_was_lent() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.unit("PC-2", 5).await;
    let now = || server.clock.now().ms_since(at(0)) / 1000;
    // Ten minutes at home, ten with the neighbours, ten at home again.
    let mut posted = Vec::new();
    let mut post = async |minute: i64| {
        let time = at(now());
        server.fixes(&token, &[fix(time, 9.9 + minute as f64 / 1e3, 76.2)]).await;
        posted.push(time);
        server.clock.turn(60);
    };
    server.start_patrol("PC-1", 5).await;
    server.clock.turn(1);
    for minute in 0..10 {
        post(minute).await;
    }
    server.start_patrol("PC-1", 9).await;
    server.clock.turn(1);
    for minute in 10..20 {
        post(minute).await;
    }
    server.start_patrol("PC-1", 5).await;
    server.clock.turn(1);
    for minute in 20..30 {
        post(minute).await;
    }
    let (chief5, chief9) = (server.sign_in("chief5").await, server.sign_in("chief9").await);
    let times = async |who: &str| -> Vec<_> {
        let route: RouteAnswer = server.get(who, &route_path("PC-1", -10, now(), 1000)).await.as_a();
        route.points.iter().map(|point| point.time).collect()
    };
    let own = [&posted[..10], &posted[20..]].concat();
    assert_eq!(times(&chief5).await, own);
    assert_eq!(times(&chief9).await, &posted[10..20]);
    assert_eq!(times(&server.sign_in("admin").await).await, posted);

    let there = async |who: &str, scope: &str, at| -> Vec<_> {
        let answer: HistoryAnswer =
            server.get(who, &format!("/api/v1/history?scope={scope}&at={at}")).await.as_a();
        answer.units.iter().map(|location| (location.unit_id.to_string(), location.time)).collect()
    };
    let while_lent = posted[15].plus_ms(30_000);
    assert_eq!(there(&chief5, "station:5", while_lent).await, []);
    assert_eq!(there(&chief9, "station:9", while_lent).await, [("PC-1".to_owned(), posted[15])]);
    let back = posted[25].plus_ms(30_000);
    assert_eq!(there(&chief5, "station:5", back).await, [("PC-1".to_owned(), posted[25])]);
    assert_eq!(there(&chief9, "station:9", back).await, []);
    assert_eq!(there(&chief5, "station:5", at(-100)).await, [], "before its first fix it was nowhere");
    for path in [
        "/api/v1/history?scope=station:9&at=2026-11-21T02:00:00Z",
        "/api/v1/history?scope=zone:3&at=2026-11-21T02:00:00Z",
    ] {
        assert_eq!(server.get(&chief5, path).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(server.get(&chief5, "/api/v1/history?scope=station:5").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_unit_that_changes_its_home_leaves_its_past_behind() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let patrol = server.sentinel.directory.unit(&crate::server::id("PC-1")).and_then(|unit| unit.patrol);
    server.end_patrol(patrol.expect("on patrol").id).await;
    server.clock.turn(10);
    let patch = server
        .request(reqwest::Method::PATCH, &admin, "/api/v1/units/PC-1")
        .json(&json!({"station": "station:9"}));
    assert_eq!(crate::server::send(patch).await.json["station"], "station:9");
    server.fixes(&token, &[fix(at(20), 9.9, 76.2)]).await;
    for (name, expected) in [("chief5", vec![at(0)]), ("chief9", vec![at(20)])] {
        let route: RouteAnswer =
            server.get(&server.sign_in(name).await, &route_path("PC-1", -10, 100, 100)).await.as_a();
        assert_eq!(route.points.iter().map(|point| point.time).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[tokio::test]
async fn a_new_unit_s_token_is_shown_once_and_works() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let body = json!({"id": "PC-7", "name": " Car seven ", "kind": "patrol_car", "station": "station:5"});
    let made = server.post(&admin, "/api/v1/units", body.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!((&made.json["name"], &made.json["status"]), (&json!("Car seven"), &json!("off_duty")));
    let token = made.json["ingest_token"].as_str().expect("it is shown");
    server.fixes(token, &[fix(at(0), 9.9, 76.2)]).await;
    assert!(!server.get(&admin, "/api/v1/units/PC-7").await.text.contains(token));
    assert_eq!(server.post(&admin, "/api/v1/units", body).await.status, StatusCode::CONFLICT);
    for (who, body, status) in [
        ("chief5", json!({"id": "PC-8", "station": "station:5"}), StatusCode::FORBIDDEN),
        ("zone3", json!({"id": "PC-8", "station": "station:5"}), StatusCode::FORBIDDEN),
        ("admin", json!({"id": "PC 8", "station": "station:5"}), StatusCode::BAD_REQUEST),
        ("admin", json!({"id": "PC-8", "station": "zone:3"}), StatusCode::BAD_REQUEST),
        ("admin", json!({"id": "PC-8", "station": "station:404"}), StatusCode::BAD_REQUEST),
        ("zone3", json!({"id": "PC-8", "station": "station:404"}), StatusCode::FORBIDDEN),
    ] {
        let answer = server.post(&server.sign_in(who).await, "/api/v1/units", body.clone()).await;
        assert_eq!(answer.status, status, "{who} {body}: {}", answer.text);
    }
    let manager = server.key(zone(3), &[Permission::Manage, Permission::Read]).await;
    let answer = server.post(&manager, "/api/v1/units", json!({"id": "PC-8", "station": "station:6"})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
}

#[tokio::test]
async fn stats_count_what_the_caller_sees_and_what_the_process_took() {
    let server = Server::start().await;
    for (unit, station) in [("PC-5", 5), ("PC-6", 6), ("PC-9", 9)] {
        let token = server.unit(unit, station).await;
        server
            .post(
                &token,
                "/api/v1/locations",
                json!([fix(at(0), 9.9, 76.2), fix(at(0), 9.9, 76.2), fix(at(1), 99.0, 0.0)]),
            )
            .await;
    }
    server.unit("PC-off", 5).await;
    let stats: Stats = server.get(&server.sign_in("zone3").await, "/api/v1/stats").await.as_a();
    assert_eq!((stats.units, stats.patrols_active), (3, 2));
    assert_eq!((stats.fixes_accepted, stats.fixes_duplicate, stats.fixes_rejected), (3, 3, 3));
    assert_eq!((stats.intake_queue, stats.sockets), (0, 0));
}

#[tokio::test]
async fn the_tree_of_scopes_counts_units_by_status() {
    let server = Server::start().await;
    for (unit, station) in [("PC-5", 5), ("PC-6", 6), ("PC-9", 9)] {
        server.unit(unit, station).await;
    }
    server.start_patrol("PC-5", 9).await;
    let admin = server.sign_in("admin").await;
    let page = server.get(&admin, "/api/v1/scopes").await.json;
    let counts = |scope: &str| {
        let node = page["items"].as_array().expect("items").iter().find(|node| node["scope"] == scope);
        node.map(|node| (node["counts"]["units"].clone(), node["counts"]["available"].clone()))
            .expect("it is there")
    };
    assert_eq!(counts("district:1"), (json!(3), json!(1)));
    assert_eq!(counts("zone:3"), (json!(1), json!(0)));
    assert_eq!(counts("station:9"), (json!(2), json!(1)));
    let units: Page<Unit> = server.get(&admin, "/api/v1/units?scope=station:9").await.as_a();
    assert_eq!(units.items.iter().filter(|unit| unit.status == UnitStatus::Available).count(), 1);
}
