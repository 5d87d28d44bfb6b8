//! Where units are shown before a server ends, they are shown when it starts again.

use crate::{
    server::{Server, at, fix, send, zone},
    socket::Socket,
};
use reqwest::{Method, StatusCode};
use sentinel_model::{Location, Time, live::LiveUnit};
use serde_json::{Value, json};

async fn import(server: &Server, admin: &str, unit: &str, seconds: impl IntoIterator<Item = i64>) {
    let lines = seconds.into_iter().map(|second| format!("{},1.5,2.5\n", at(second)));
    let file: String = std::iter::once("time,lat,lon\n".to_owned()).chain(lines).collect();
    let path = format!("/api/v1/units/{unit}/import");
    let answer = send(server.request(Method::POST, admin, &path).body(file)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

async fn filters(server: &Server, admin: &str, filters: Value) {
    let path = "/api/v1/scopes/station:9/filters";
    let set = send(server.request(Method::PUT, admin, path).json(&filters)).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
}

/// As REST and as a live snapshot tell it; the latter only of units on patrol.
async fn shown(server: &Server, unit: &str) -> (Option<Location>, Option<LiveUnit>) {
    let admin = server.sign_in("admin").await;
    let told = server.get(&admin, &format!("/api/v1/units/{unit}/location")).await;
    let location = (told.status == StatusCode::OK).then(|| told.as_a());
    let (_, snapshot) =
        Socket::subscribed(server, &admin, zone(if unit.ends_with('9') { 4 } else { 3 })).await;
    (location, snapshot.units.into_iter().find(|live| live.id.as_str() == unit))
}

fn time_of(shown: &(Option<Location>, Option<LiveUnit>)) -> Option<Time> {
    shown.0.as_ref().map(|location| location.time)
}

#[tokio::test]
async fn imports_of_newer_and_of_older_tracks_move_no_marker_over_a_restart_either() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    for unit in ["PLAIN", "OLDER", "NEWER", "BOTH", "AFTER", "LATE"] {
        let token = server.unit(unit, 5).await;
        server.fixes(&token, &[fix(at(-61), 9.8, 76.1), fix(at(-60), 9.9, 76.2)]).await;
        match unit {
            "OLDER" => import(&server, &admin, unit, [-9000, -8000]).await,
            "NEWER" => import(&server, &admin, unit, -59..500).await,
            "BOTH" => import(&server, &admin, unit, [-9000, -10]).await,
            "AFTER" | "LATE" => {
                import(&server, &admin, unit, -59..0).await;
                // It drives on, and what it sends late moves nothing.
                let late = if unit == "LATE" { -300 } else { -20 };
                server.fixes(&token, &[fix(at(late), 9.95, 76.25)]).await;
            }
            _ => {}
        }
    }
    server.unit("NEVER", 5).await;
    import(&server, &admin, "NEVER", [-100]).await;
    let expected =
        [("PLAIN", -60), ("OLDER", -60), ("NEWER", -60), ("BOTH", -60), ("AFTER", -20), ("LATE", -60)];
    let mut before = Vec::new();
    for (unit, second) in expected {
        before.push(shown(&server, unit).await);
        assert_eq!(before.last().and_then(time_of), Some(at(second)), "{unit}");
    }
    assert_eq!(shown(&server, "NEVER").await, (None, None));
    let mut server = server.restart().await;
    for again in 0..2 {
        for ((unit, _), before) in expected.iter().zip(&before) {
            assert_eq!(&shown(&server, unit).await, before, "{unit}, start {again}");
        }
        assert_eq!(shown(&server, "NEVER").await, (None, None));
        server = server.restart().await;
    }
}

#[tokio::test]
async fn what_filters_hid_stays_hidden_over_a_restart_however_much_it_was() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    filters(&server, &admin, json!({"poor_accuracy_m": 50, "invalid": true, "keep_after_s": 86_400})).await;
    let token = server.unit("PC-9", 9).await;
    let vague = |second: i64| json!({"timestamp": at(second), "coords": {"latitude": 9.7, "longitude": 76.0, "accuracy": 900}});
    server.fixes(&token, &[fix(at(-20_000), 9.9, 76.2)]).await;
    // Far more than are read back.
    let hidden: Vec<Value> = (0..3_000).map(|n| vague(n - 5_000)).collect();
    server.fixes(&token, &hidden).await;
    server.fixes(&token, &[fix(at(-1_900), 9.91, 76.2)]).await;
    server.fixes(&token, &hidden.iter().take(50).cloned().collect::<Vec<_>>()).await;
    let invalid =
        json!({"timestamp": at(-1_800), "valid": false, "coords": {"latitude": 9.5, "longitude": 76.2}});
    server.fixes(&token, &[invalid]).await;
    import(&server, &admin, "PC-9", [-1_000]).await;
    let before = shown(&server, "PC-9").await;
    assert_eq!(time_of(&before), Some(at(-1_900)));
    let server = server.restart().await;
    assert_eq!(shown(&server, "PC-9").await, before);
    // Without filters it is as the unit goes on.
    let admin = server.sign_in("admin").await;
    filters(&server, &admin, json!({})).await;
    server.fixes(&token, &[vague(-1_500)]).await;
    let before = shown(&server, "PC-9").await;
    assert_eq!(time_of(&before), Some(at(-1_500)));
    assert_eq!(shown(&server.restart().await, "PC-9").await, before);
}

#[tokio::test]
async fn a_clock_that_runs_ahead_is_shown_by_ours_before_and_after() {
    let server = Server::start().await;
    let token = server.unit("PC-5", 5).await;
    server.fixes(&token, &[fix(at(-60), 9.9, 76.2)]).await;
    server.fixes(&token, &[fix(at(90_000), 9.91, 76.2)]).await;
    server.clock.turn(30);
    server.fixes(&token, &[fix(at(80_000), 9.92, 76.2)]).await;
    // Sent again it was made no later.
    server.clock.turn(30);
    server.fixes(&token, &[fix(at(90_000), 9.91, 76.2)]).await;
    let before = shown(&server, "PC-5").await;
    assert_eq!(before.0.as_ref().map(|location| location.latitude), Some(9.92));
    assert_eq!(shown(&server.restart().await, "PC-5").await, before);
}
