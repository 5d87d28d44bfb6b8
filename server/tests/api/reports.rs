//! Response times, by real steps: `/api/v1/reports/response-times` and the page `/reports`.

use super::{
    incidents::{assign, incident, on_patrol, status},
    server::*,
};
use reqwest::{Method, StatusCode};
use sentinel_model::{
    Permission, Scope, Task, Time,
    report::{GroupBy, Performance, ResponseTimesReport},
};
use serde_json::json;

const REPORT: &str = "/api/v1/reports/response-times";

async fn report(server: &Server, who: &str, query: &str) -> ResponseTimesReport {
    server.get(who, &format!("{REPORT}{query}")).await.as_a()
}

async fn task(server: &Server, who: &str, id: &str) -> Task {
    server.get(who, &format!("/api/v1/incidents/{id}")).await.as_a()
}

fn seconds(from: Time, to: Option<Time>) -> Option<f64> {
    to.map(|to| to.ms_since(from) as f64 / 1000.0)
}

fn counts(told: &Performance) -> [u64; 4] {
    [told.opened, told.closed, told.cancelled, told.still_open]
}

fn keys(report: &ResponseTimesReport) -> Vec<&str> {
    report.groups.iter().map(|group| group.key.as_str()).collect()
}

/// Sends PC-1 and takes it through every step; six minutes and ten seconds until it is there.
async fn attended(server: &Server, who: &str, made: &Task) -> Task {
    server.clock.turn(20);
    assert_eq!(assign(server, who, made, "PC-1").await.status, StatusCode::CREATED);
    let assignment = format!("{}.1", made.id);
    for (turn, state) in [(10, "accepted"), (40, "en_route"), (300, "on_scene"), (600, "cleared")] {
        server.clock.turn(turn);
        assert_eq!(status(server, who, &assignment, state).await.status, StatusCode::OK, "{state}");
    }
    task(server, who, made.id.as_str()).await
}

#[tokio::test]
async fn a_report_tells_what_the_timelines_tell_also_after_a_restart() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    on_patrol(&server, "PC-1", 5).await;
    let made = incident(&server, &admin, json!({"priority": "high", "address": "Gate 2"})).await;
    let went = attended(&server, &admin, &made).await;
    incident(&server, &admin, json!({"scope": "station:6"})).await;
    let false_alarm = incident(&server, &admin, json!({})).await;
    let close = format!("/api/v1/incidents/{}/close", false_alarm.id);
    server.post(&admin, &close, json!({"outcome": "cancelled"})).await.as_a::<Task>();

    let told = report(&server, &admin, "").await;
    assert_eq!((told.scope, counts(&told.total)), (DISTRICT, [3, 1, 1, 1]));
    let (opened, times) = (went.created_at, went.assignments[0].times);
    for (spread, expected) in [
        (told.total.to_assigned, seconds(opened, Some(times.dispatched_at))),
        (told.total.to_accepted, seconds(opened, times.accepted_at)),
        (told.total.to_en_route, seconds(opened, times.en_route_at)),
        (told.total.to_on_scene, seconds(opened, times.on_scene_at)),
        (told.total.on_scene, seconds(times.on_scene_at.expect("it was there"), went.closed_at)),
    ] {
        assert_eq!((spread.count, spread.median_s), (1, expected));
        assert_eq!([spread.p90_s, spread.mean_s, spread.longest_s], [expected; 3]);
    }
    assert!(told.total.to_on_scene.median_s.is_some_and(|s| (370.0..400.0).contains(&s)), "{told:?}");
    assert_eq!(keys(&told), ["station:5", "station:6"]);
    assert_eq!(told.groups[0].name.as_deref(), Some("the station:5"));
    assert_eq!(counts(&told.groups[1].performance), [1, 0, 0, 1]);
    let [slow] = &told.slowest[..] else { panic!("one was attended: {told:?}") };
    assert_eq!((slow.id.as_str(), slow.address.as_deref()), ("inc-1", Some("Gate 2")));
    assert_eq!(Some(slow.to_on_scene_s), told.total.to_on_scene.median_s);

    let query = format!("?from={}&to={}", told.from, told.to);
    let server = server.restart().await;
    assert_eq!(report(&server, &admin, &query).await, told);
    server.end().await;
}

#[tokio::test]
async fn groups_are_of_what_was_asked_for_and_of_the_time_alone() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    on_patrol(&server, "PC-1", 5).await;
    let first = incident(&server, &admin, json!({"kind": "Fire", "priority": "low"})).await;
    attended(&server, &admin, &first).await;
    server.clock.turn(24 * 3600);
    // The sign-in has ended meanwhile.
    let admin = server.sign_in("admin").await;
    let second = incident(&server, &admin, json!({"kind": "fire", "priority": "high"})).await;
    incident(&server, &admin, json!({"kind": "accident", "priority": "high"})).await;
    let order = json!({"latitude": 9.9, "longitude": 76.2, "scope": "station:5"});
    server.post(&admin, "/api/v1/orders", order).await.as_a::<Task>();

    let of = async |query: &str| report(&server, &admin, query).await;
    let week = format!("?from={START}");
    for (by, expected) in [
        (GroupBy::Type, vec!["accident", "fire"]),
        (GroupBy::Priority, vec!["high", "low"]),
        (GroupBy::Unit, vec!["PC-1"]),
        (GroupBy::Day, vec!["2026-11-21", "2026-11-22"]),
        (GroupBy::Station, vec!["station:5"]),
    ] {
        let told = of(&format!("{week}&group_by={}", by.as_str())).await;
        assert_eq!((keys(&told), told.total.opened), (expected, 3), "{by:?}");
    }
    assert_eq!(of(&format!("{week}&group_by=type")).await.groups[1].performance.opened, 2);
    assert_eq!(of("").await.total.opened, 2, "the last day, unless more is asked for");
    assert_eq!(of(&format!("{week}&kind=order&group_by=day")).await.total.opened, 1);
    let exact = format!("?from={}&to={}", first.created_at, first.created_at);
    assert_eq!(of(&exact).await.total.opened, 1, "both ends are part of the time");
    let between = format!("?from={}&to={}", first.created_at.plus_ms(1), second.created_at.plus_ms(-1));
    let told = of(&between).await;
    assert_eq!((counts(&told.total), told.groups.len(), told.slowest.len()), ([0; 4], 0, 0));
    assert_eq!(told.total.to_on_scene.median_s, None);
    server.end().await;
}

#[tokio::test]
async fn nobody_s_report_holds_what_their_scope_does_not_see() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    on_patrol(&server, "PC-1", 5).await;
    incident(&server, &admin, json!({"scope": "station:9", "kind": "burglary"})).await;
    let shared = incident(&server, &admin, json!({"scope": "zone:4", "kind": "flood"})).await;
    assign(&server, &admin, &shared, "PC-1").await;
    let chief = server.sign_in("chief5").await;
    let told = report(&server, &chief, "").await;
    assert_eq!((told.scope, keys(&told), told.total.opened), (Scope::station(5), vec!["zone:4"], 1));
    assert_eq!(told.groups[0].name, None, "it is not theirs to know");
    let kinds = report(&server, &chief, "?group_by=type").await;
    assert_eq!(keys(&kinds), ["flood"]);
    let other = server.sign_in("chief9").await;
    assert_eq!(keys(&report(&server, &other, "").await), ["station:9"]);

    let blind = server.key(DISTRICT, &[Permission::Dispatch, Permission::Ingest, Permission::Manage]).await;
    let narrow = server.key(Scope::station(6), &[Permission::Read]).await;
    assert_eq!(report(&server, &narrow, "").await.total.opened, 0);
    let device = server.unit("PC-2", 5).await;
    for (who, query, expected) in [
        (chief.as_str(), "?scope=station:9", StatusCode::FORBIDDEN),
        (&chief, "?scope=zone:3", StatusCode::FORBIDDEN),
        (&chief, "?scope=station:77", StatusCode::FORBIDDEN),
        (&narrow, "?scope=station:5", StatusCode::FORBIDDEN),
        (&blind, "", StatusCode::FORBIDDEN),
        (&device, "", StatusCode::FORBIDDEN),
        ("", "", StatusCode::UNAUTHORIZED),
    ] {
        for format in ["json", "csv"] {
            let joint = if query.is_empty() { "?" } else { "&" };
            let answer = server.get(who, &format!("{REPORT}{query}{joint}format={format}")).await;
            assert_eq!(answer.status, expected, "{query}: {}", answer.text);
        }
    }
    server.end().await;
}

#[tokio::test]
async fn what_cannot_be_reported_is_refused_in_words() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    for (query, part) in [
        ("?group=station", "group"),
        ("?group_by=colour", "colour"),
        ("?kind=wish", "wish"),
        ("?from=yesterday", "yesterday"),
        ("?format=gpx", "gpx"),
        ("?from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z", "from is after to"),
        ("?from=2025-01-01T00:00:00Z&to=2026-11-21T00:00:00Z", "366 days"),
        ("?kind=order&group_by=type", "orders have no type"),
        ("?kind=order&group_by=priority", "orders have no priority"),
    ] {
        let refused = server.get(&admin, &format!("{REPORT}{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}: {}", refused.text);
        assert!(refused.message().contains(part), "{query}: {}", refused.text);
    }
    server.end().await;
}

#[tokio::test]
async fn as_csv_there_is_a_line_a_group_and_one_of_all() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    incident(&server, &admin, json!({"kind": "=cmd, \"x\""})).await;
    let path = format!("{REPORT}?group_by=type");
    let asked = server.get(&admin, &format!("{path}&format=csv")).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    assert_eq!(asked.header("content-type"), "text/csv; charset=utf-8; header=present");
    let name = asked.header("content-disposition");
    assert!(name.starts_with("attachment; filename=\"response-times_district-1_2026"), "{name}");
    let lines: Vec<&str> = asked.text.lines().collect();
    assert!(lines[0].starts_with("row,key,name,opened,closed,cancelled,still_open,to_assigned_count"));
    assert!(lines[1].starts_with("group,\"'=cmd, \"\"x\"\"\",,1,0,0,1,0,,,,"), "{}", lines[1]);
    assert!(lines[2].starts_with("total,,,1,0,0,1,"), "{}", lines[2]);
    assert_eq!(lines.len(), 3);
    let named = server.request(Method::GET, &admin, &path).header("accept", "text/csv");
    assert_eq!(send(named).await.text.lines().count(), 3);
    server.end().await;
}

#[tokio::test]
async fn the_page_shows_the_report_of_the_own_scope() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    on_patrol(&server, "PC-1", 5).await;
    let chief = server.cookie("chief5").await;
    let empty = server.get(&chief, "/reports").await;
    assert_eq!(empty.status, StatusCode::OK, "{}", empty.text);
    assert!(empty.text.contains("No incidents were opened in this time"));
    let made = incident(&server, &admin, json!({"kind": "fire", "address": "<Gate>"})).await;
    attended(&server, &admin, &made).await;
    incident(&server, &admin, json!({"scope": "station:9", "kind": "burglary"})).await;

    let page = server.get(&chief, "/reports?span=today&by=type&sort=response&falling=true").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for part in [
        "6 min 10 s",
        "href=\"/?incident=inc-1\"",
        "&lt;Gate&gt;",
        "aria-sort=\"descending\"",
        "&amp;format=csv",
        "UTC",
    ] {
        assert!(page.text.contains(part), "{part:?} in {}", page.text);
    }
    assert!(!page.text.to_lowercase().contains("burglary"), "another station's");
    let file = super::admin::between(&page.text, "href=\"/api/v1/reports", "\"").replace("&amp;", "&");
    let file = server.get(&chief, &format!("/api/v1/reports{file}")).await;
    assert!(file.text.contains("\r\ngroup,fire,,1,1,0,0,"), "{}", file.text);

    let foreign = server.get(&chief, "/reports?scope=station:9").await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert!(foreign.text.contains("This is not yours to see"));
    let wrong = server.get(&chief, "/reports?span=days&from=2026-11-22&to=2026-11-21").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text.contains("from is after to") && wrong.text.contains("value=\"2026-11-22\""));
    let days = server.get(&chief, "/reports?span=days&from=2026-11-21&to=2026-11-21&kind=order&by=day").await;
    assert!(days.text.contains("No orders were opened in this time"), "{}", days.text);
    let nobody = server.get("", "/reports?by=type").await;
    assert_eq!(nobody.status, StatusCode::SEE_OTHER);
    assert_eq!(nobody.header("location"), "/login?error=expired&next=/reports%3Fby%3Dtype");
    server.end().await;
}

#[tokio::test]
async fn response_times_are_counted_for_prometheus() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    on_patrol(&server, "PC-1", 5).await;
    let made = incident(&server, &admin, json!({})).await;
    attended(&server, &admin, &made).await;
    let metrics = server.get(&admin, "/metrics").await.text;
    assert!(metrics.contains("sentinel_response_seconds_count{kind=\"incident\"}"), "{metrics}");
    server.end().await;
}
