//! Positions in.

use crate::server::{Server, at, fix, send};
use reqwest::{Method, StatusCode};
use sentinel_model::{Scope, Time};
use sentinel_server::{config::ServeArgs, ingest::limits::UnitRate};
use serde_json::{Value, json};

const ALL_TIME: &str = "start_time=1971-01-01T00:00:00Z&end_time=2100-01-01T00:00:00Z";

#[tokio::test]
async fn every_shape_of_body_is_told_apart_and_stored() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let flat = |n| json!({"latitude": 9.9, "longitude": 76.2, "timestamp": at(n), "speed": 3.5, "uuid": n.to_string()});
    let bodies = [
        json!({"unit_id": "PC-1", "location": fix(at(1), 9.9, 76.2)}),
        json!({"location": [fix(at(3), 9.9, 76.2), fix(at(2), 9.9, 76.2)]}),
        json!({"locations": [fix(at(4), 9.9, 76.2)]}),
        fix(at(5), 9.9, 76.2),
        json!([fix(at(6), 9.9, 76.2), flat(7)]),
        flat(8),
        json!({"patrol_status": "on", "location": flat(9)}),
    ];
    let mut accepted = 0;
    for body in bodies {
        let answer = server.post(&token, "/api/v1/locations", body.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}: {}", answer.text);
        assert_eq!(answer.json["duplicates"], 0);
        accepted += answer.json["accepted"].as_u64().expect("a count");
    }
    assert_eq!(accepted, 9);
    assert_eq!(server.stored_times(&admin, "PC-1").await, (1..=9).map(at).collect::<Vec<_>>());
}

#[tokio::test]
async fn bad_points_are_set_aside_with_a_reason_and_good_ones_stored() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    let body = json!({"location": [fix(at(0), 9.9, 76.2), fix(at(1), 91.0, 76.2), fix(at(2), 9.9, 76.2)]});
    let answer = server.post(&token, "/api/v1/locations", body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.text,
        r#"{"status":"ok","accepted":2,"duplicates":0,"rejected":[{"index":1,"reason":"latitude 91 is outside -90..90"}]}"#
    );
    let hopeless = json!({"location": [{}, 7, null, {"coords": {"latitude": "north"}, "timestamp": "soon"}]});
    let answer = server.post(&token, "/api/v1/locations", hopeless).await;
    assert_eq!(answer.status, StatusCode::OK, "a device must never be stuck: {}", answer.text);
    assert_eq!(
        (&answer.json["accepted"], answer.json["rejected"].as_array().map(Vec::len)),
        (&json!(0), Some(4))
    );
    let empty = server.post(&token, "/api/v1/locations", json!({"location": []})).await;
    assert_eq!((empty.status, &empty.json["accepted"]), (StatusCode::OK, &json!(0)));
}

#[tokio::test]
async fn a_resent_batch_stores_nothing_new_whatever_its_order_or_overlap() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let batch: Vec<Value> = (0..300).map(|n| fix(at(n), 9.9, 76.2)).collect();
    server.fixes(&token, &batch).await;
    let mut newest_first = batch[100..].to_vec();
    newest_first.reverse();
    newest_first.extend((300..350).map(|n| fix(at(n), 9.9, 76.2)));
    let answer = server.post(&token, "/api/v1/locations", json!({"location": newest_first})).await;
    assert_eq!((&answer.json["accepted"], &answer.json["duplicates"]), (&json!(50), &json!(200)));
    assert_eq!(server.stored_times(&admin, "PC-1").await, (0..350).map(at).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_time_with_two_uuids_is_two_fixes() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let with = |uuid: &str| json!({"timestamp": at(0), "uuid": uuid, "coords": {"latitude": 9.9, "longitude": 76.2}});
    let body = json!([with("a"), with("b"), with("a"), fix(at(0), 9.9, 76.2)]);
    let answer = server.post(&token, "/api/v1/locations", body).await;
    assert_eq!((&answer.json["accepted"], &answer.json["duplicates"]), (&json!(3), &json!(1)));
    assert_eq!(server.stored_times(&admin, "PC-1").await, [at(0); 3]);
}

#[tokio::test]
async fn every_value_reads_back_as_it_was_sent() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let (latitude, longitude) = (9.931_233_123_456_789, -76.267_303_999_999_9);
    let record = json!({
        "timestamp": "2026-11-21T07:29:59.123+05:30", "is_moving": true, "odometer": 12.0, "event": "motionchange",
        "coords": {"latitude": latitude, "longitude": longitude, "speed": 8.2, "heading": 271.5, "accuracy": 4.0, "altitude": -3.25},
        "battery": {"level": 0.75, "is_charging": false}, "activity": {"type": "in_vehicle"}, "extras": {"shift": "late"}
    });
    server.fixes(&token, &[record]).await;
    let location = server.get(&admin, "/api/v1/units/PC-1/location").await.json;
    assert_eq!(location["latitude"], json!(latitude));
    assert_eq!(location["longitude"], json!(longitude));
    assert_eq!(location["time"], "2026-11-21T01:59:59.123Z");
    assert_eq!(location["speed_mps"].as_f64().map(|v| v as f32), Some(8.2));
    assert_eq!((&location["heading_deg"], &location["accuracy_m"]), (&json!(271.5), &json!(4.0)));
    assert_eq!(location["battery"], 0.75);
    let route = server.get(&admin, &format!("/api/v1/units/PC-1/route?{ALL_TIME}")).await.json;
    assert_eq!(route["points"][0]["latitude"], json!(latitude));

    let unknown = json!({"timestamp": at(1), "battery": {"level": -1},
        "coords": {"latitude": 9.9, "longitude": 76.2, "speed": -1, "heading": -1, "accuracy": -1}});
    server.fixes(&token, &[unknown]).await;
    let location = server.get(&admin, "/api/v1/units/PC-1/location").await.json;
    for name in ["speed_mps", "heading_deg", "accuracy_m", "battery"] {
        assert_eq!(location[name], Value::Null, "{name}: negative means unknown");
    }
}

#[tokio::test]
async fn the_token_comes_as_bearer_basic_or_in_the_query_and_every_address_takes_it() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let mut n = 0;
    let mut next = || {
        n += 1;
        fix(at(n), 9.9, 76.2)
    };
    for path in ["/api/v1/locations", "/locations", "/telemetry", "/", "/log", "/api/v1/units/PC-1/location"]
    {
        let answer = server.post(&token, path, next()).await;
        assert_eq!(
            (answer.status, &answer.json["accepted"]),
            (StatusCode::OK, &json!(1)),
            "{path}: {}",
            answer.text
        );
    }
    let driver = server.post(&token, "/api/v1/drivers/PC-1/location", next()).await;
    assert_eq!((driver.status, &driver.json["accepted"]), (StatusCode::ACCEPTED, &json!(1)));
    let basic = server.request(Method::POST, "", "/api/v1/locations").basic_auth("anybody", Some(&token));
    assert_eq!(send(basic.json(&next())).await.status, StatusCode::OK);
    let query = server.request(Method::POST, "", &format!("/?token={token}")).json(&next());
    assert_eq!(send(query).await.status, StatusCode::OK);
    assert_eq!(server.stored_times(&admin, "PC-1").await.len(), 9);
}

#[tokio::test]
async fn an_address_that_names_the_unit_needs_no_time() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    let body = json!({"latitude": 9.9, "longitude": 76.2, "speed": 4, "heading": 90, "accuracy": 5, "order_id": "o-1"});
    let answer = server.post(&token, "/api/v1/drivers/PC-1/location", body.clone()).await;
    assert_eq!(
        (answer.status, &answer.json["accepted"]),
        (StatusCode::ACCEPTED, &json!(1)),
        "{}",
        answer.text
    );
    let elsewhere = server.post(&token, "/api/v1/locations", body).await;
    assert_eq!(elsewhere.json["rejected"][0]["reason"], "timestamp is missing");
}

#[tokio::test]
async fn a_point_that_is_not_even_json_is_set_aside_alone() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let record = |seconds: i64, more: &str| {
        format!(r#"{{"timestamp":"{}","coords":{{"latitude":9.9,"longitude":76.2}}{more}}}"#, at(seconds))
    };
    let bad = [r#","speed":1e999"#, r#","event":"\ud83d""#];
    let batch = format!("[{},{},{},{}]", record(0, ""), record(1, bad[0]), record(2, bad[1]), record(3, ""));
    let mut body = format!(r#"{{"note":"?","location":{batch}}}"#).into_bytes();
    let mark = body.iter().position(|byte| *byte == b'?').expect("the mark");
    body[mark] = 0xff;
    let answer = send(server.request(Method::POST, &token, "/api/v1/locations").body(body)).await;
    assert_eq!((answer.status, &answer.json["accepted"]), (StatusCode::OK, &json!(2)), "{}", answer.text);
    assert_eq!(
        (&answer.json["rejected"][0]["index"], &answer.json["rejected"][1]["index"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(server.stored_times(&admin, "PC-1").await, [at(0), at(3)]);
}

#[tokio::test]
async fn without_a_good_credential_nothing_is_stored() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let body = json!({"unit_id": "PC-1", "location": fix(at(0), 9.9, 76.2)});
    let mut wrong = token.clone();
    wrong.push('x');
    let cookie = server.cookie("admin").await;
    for credential in ["", "nonsense", wrong.as_str(), cookie.as_str()] {
        let answer = server.post(credential, "/api/v1/locations", body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{credential}");
        assert_eq!(answer.json["code"], "unauthorized");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(server.stored_times(&admin, "PC-1").await, []);
}

#[tokio::test]
async fn a_renewed_token_replaces_the_old_one_at_once() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let old = server.unit("PC-1", 5).await;
    let renewed = server.post(&admin, "/api/v1/units/PC-1/token", json!({})).await;
    let new = renewed.json["ingest_token"].as_str().expect("it is shown").to_owned();
    let body = fix(at(0), 9.9, 76.2);
    assert_eq!(server.post(&old, "/api/v1/locations", body.clone()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.post(&new, "/api/v1/locations", body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_is_no_known_format_is_refused_in_words() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    for body in ["hello=1&world=2", "{", "null", "{}", r#"{"hello":"world"}"#, "\"text\""] {
        let request = server.request(Method::POST, &token, "/api/v1/locations").body(body);
        let answer = send(request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {}", answer.text);
        assert_eq!(answer.json["code"], "bad_request", "{body}");
        assert!(!answer.message().is_empty() && answer.json["request_id"] == answer.header("x-request-id"));
    }
}

#[tokio::test]
async fn too_large_a_body_or_batch_is_refused_whole() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let points: Vec<Value> = (0..10_001).map(|n| fix(at(n - 20_000), 9.9, 76.2)).collect();
    let answer = server.post(&token, "/api/v1/locations", json!(points)).await;
    assert_eq!((answer.status, &answer.json["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large")));
    assert!(answer.message().contains("10000"), "{}", answer.text);

    let heavy = json!({"location": [], "padding": "x".repeat(8 * 1024 * 1024)});
    let answer = server.post(&token, "/api/v1/locations", heavy).await;
    assert_eq!((answer.status, &answer.json["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large")));
    assert_eq!(server.stored_times(&admin, "PC-1").await, []);
}

#[tokio::test]
async fn a_unit_that_floods_is_told_when_to_come_back_and_others_are_not_slowed() {
    let rate: UnitRate = "1".parse().expect("a rate");
    let server = Server::start_with(ServeArgs { unit_rate_limit: Some(rate), ..ServeArgs::default() }).await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let other = server.unit("PC-2", 5).await;
    let backlog: Vec<Value> = (0..10_000).map(|n| fix(at(n - 10_000), 9.9, 76.2)).collect();
    server.fixes(&token, &backlog).await;
    let more: Vec<Value> = (0..1_000).map(|n| fix(at(n - 50_000), 9.9, 76.2)).collect();
    let answer = server.post(&token, "/api/v1/locations", json!(more)).await;
    assert_eq!(
        (answer.status, &answer.json["code"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("too_many_requests"))
    );
    let wait: u64 = answer.header("retry-after").parse().expect("Retry-After is seconds");
    assert!((900..=1_001).contains(&wait), "{wait}");
    assert_eq!(server.stored_times(&admin, "PC-1").await.len(), 10_000, "a refused batch is refused whole");
    server.fixes(&other, &[fix(at(0), 9.9, 76.2)]).await;
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(-5), 9.95, 76.25)]).await;
    server.fixes(&token, &[fix(at(-10), 9.9, 76.2)]).await;
    let server = server.restart().await;
    let admin = server.sign_in("admin").await;
    assert_eq!(server.stored_times(&admin, "PC-1").await, [at(-10), at(-5)]);
    let answer = server.post(&token, "/api/v1/locations", json!([fix(at(-5), 9.95, 76.25)])).await;
    assert_eq!(answer.json["duplicates"], 1);
    let unit = server.get(&admin, "/api/v1/units/PC-1").await.json;
    assert_eq!((&unit["status"], &unit["location"]["time"]), (&json!("available"), &json!(at(-5))));
    assert_eq!(unit["station"], json!(Scope::station(5)));
    let long_ago: Time = Time(0);
    assert!(server.stored_times(&admin, "PC-1").await.iter().all(|time| *time > long_ago));
}

#[tokio::test]
async fn points_from_many_connections_at_once_are_each_stored_once() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    // Forty posts overlap their neighbours by half.
    let posts = (0..40).map(|n| {
        let (server, token) = (&server, &token);
        async move {
            let points: Vec<Value> = (0..20).map(|k| fix(at(n * 10 + k - 1000), 9.9, 76.2)).collect();
            server.post(token, "/api/v1/locations", json!(points)).await.json["accepted"].as_u64()
        }
    });
    let accepted: u64 = futures::future::join_all(posts).await.into_iter().map(|n| n.expect("a count")).sum();
    assert_eq!(accepted, 410, "each point is accepted by exactly one post");
    assert_eq!(server.stored_times(&admin, "PC-1").await, (-1000..-590).map(at).collect::<Vec<_>>());
}
