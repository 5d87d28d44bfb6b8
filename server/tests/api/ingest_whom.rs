//! For which unit a position counts: by the credential, and by the names in the body.

use crate::server::{Server, at, fix, id, zone};
use reqwest::StatusCode;
use sentinel_model::Permission;
use serde_json::{Value, json};

#[tokio::test]
async fn a_key_names_the_unit_by_unit_or_patrol_and_posts_within_its_scope_only() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    server.unit("PC-1", 5).await;
    server.unit("PC-9", 9).await;
    let key = server.key(zone(3), &[Permission::Ingest]).await;
    let post = async |body: Value| server.post(&key, "/api/v1/locations", body).await;

    let by_unit = post(json!({"unit_id": "PC-1", "location": fix(at(0), 9.9, 76.2)})).await;
    assert_eq!(by_unit.status, StatusCode::OK, "{}", by_unit.text);
    let patrol =
        server.sentinel.directory.unit(&id("PC-1")).and_then(|unit| unit.patrol).expect("on patrol").id;
    let by_patrol = post(json!({"patrol_id": patrol, "location": fix(at(1), 9.9, 76.2)})).await;
    assert_eq!(by_patrol.status, StatusCode::OK, "{}", by_patrol.text);
    assert_eq!(server.stored_times(&admin, "PC-1").await.len(), 2);

    let nobody = post(json!({"location": fix(at(2), 9.9, 76.2)})).await;
    assert_eq!(nobody.status, StatusCode::BAD_REQUEST);
    assert!(nobody.message().contains("unit_id"), "{}", nobody.text);
    for foreign in [json!({"unit_id": "PC-9"}), json!({"unit_id": "PC-404"}), json!({"patrol_id": "404"})] {
        let mut body = foreign;
        body["location"] = fix(at(2), 9.9, 76.2);
        assert_eq!(post(body).await.status, StatusCode::FORBIDDEN);
    }
    let reader = server.key(zone(3), &[Permission::Read]).await;
    let body = json!({"unit_id": "PC-1", "location": fix(at(3), 9.9, 76.2)});
    assert_eq!(server.post(&reader, "/api/v1/locations", body).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_a_phone_gathered_offline_is_taken_under_a_patrol_that_has_ended() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    server.unit("PC-1", 5).await;
    server.unit("PC-9", 9).await;
    let (patrol, foreign) = (server.start_patrol("PC-1", 5).await, server.start_patrol("PC-9", 9).await);
    server.end_patrol(patrol).await;
    server.end_patrol(foreign).await;
    let key = server.key(zone(3), &[Permission::Ingest]).await;
    let late = json!({"patrol_id": patrol, "location": [fix(at(-60), 9.9, 76.2), fix(at(-30), 9.9, 76.2)]});
    let answer = server.post(&key, "/api/v1/locations", late.clone()).await;
    assert_eq!((answer.status, &answer.json["accepted"]), (StatusCode::OK, &json!(2)), "{}", answer.text);
    assert_eq!(server.stored_times(&admin, "PC-1").await, [at(-60), at(-30)]);
    let unit = server.get(&admin, "/api/v1/units/PC-1").await.json;
    assert_eq!(unit["status"], "off_duty", "it starts no patrol");
    let body = json!({"patrol_id": foreign, "location": fix(at(-60), 9.9, 76.2)});
    assert_eq!(server.post(&key, "/api/v1/locations", body).await.status, StatusCode::FORBIDDEN);
    let server = server.restart().await;
    let answer = server.post(&key, "/api/v1/locations", late).await;
    assert_eq!((answer.status, &answer.json["duplicates"]), (StatusCode::OK, &json!(2)), "{}", answer.text);
}

#[tokio::test]
async fn with_a_key_the_patrol_counts_before_what_the_phone_calls_itself() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    server.unit("PC-1", 5).await;
    let patrol = server.start_patrol("PC-1", 5).await;
    let key = server.key(zone(3), &[Permission::Ingest]).await;
    let post = async |names: Value, seconds| {
        let mut body = names;
        body["location"] = fix(at(seconds), 9.9, 76.2);
        server.post(&key, "/api/v1/locations", body).await
    };
    let both = post(json!({"patrol_id": patrol, "device_id": "iPhone14,2"}), 0).await;
    assert_eq!(both.status, StatusCode::OK, "{}", both.text);
    assert_eq!(post(json!({"device_id": "PC-1"}), 1).await.status, StatusCode::OK);
    let stranger = post(json!({"device_id": "iPhone14,2"}), 2).await;
    assert_eq!(stranger.status, StatusCode::FORBIDDEN);
    assert!(stranger.message().contains("iPhone14,2") && stranger.message().contains("device_id"));
    assert_eq!(server.stored_times(&admin, "PC-1").await.len(), 2);
}

#[tokio::test]
async fn with_a_key_each_record_may_name_its_unit_and_what_is_not_the_key_s_is_set_aside() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    for (unit, station) in [("PC-1", 5), ("PC-2", 6), ("PC-9", 9)] {
        server.unit(unit, station).await;
    }
    let patrol = server.start_patrol("PC-2", 6).await;
    let key = server.key(zone(3), &[Permission::Ingest]).await;
    let post = async |body: &Value| server.post(&key, "/api/v1/locations", body.clone()).await;
    let of = |name: &str, value: Value, seconds: i64| {
        let mut record = fix(at(seconds), 9.9, 76.2);
        record[name] = value;
        record
    };
    let batch = json!({"location": [
        of("unit_id", json!("PC-1"), 0),
        of("patrol_id", json!(patrol), 1),
        of("unit_id", json!("PC-9"), 2),
        of("device_id", json!("PC-1"), 3),
        fix(at(4), 9.9, 76.2),
        {"unit_id": "PC-1"},
        of("unit_id", json!("PC-2"), 6),
    ]});
    let answer = post(&batch).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!((&answer.json["accepted"], &answer.json["duplicates"]), (&json!(4), &json!(0)));
    let reasons: Vec<(u64, &str)> = answer.json["rejected"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|point| (point["index"].as_u64().expect("a place"), point["reason"].as_str().expect("a reason")))
        .collect();
    let foreign = "there is no unit \"PC-9\" that you may post for";
    assert_eq!(reasons, [(2, foreign), (4, "unit_id is missing"), (5, "timestamp is missing")]);
    assert_eq!(server.stored_times(&admin, "PC-1").await, [at(0), at(3)]);
    assert_eq!(server.stored_times(&admin, "PC-2").await, [at(1), at(6)]);
    assert_eq!(server.stored_times(&admin, "PC-9").await, []);
    assert_eq!(post(&batch).await.json["duplicates"], 4, "sent again it is the same batch");

    let bare = post(&json!([of("unit_id", json!("PC-1"), 10)])).await;
    assert_eq!((bare.status, &bare.json["accepted"]), (StatusCode::OK, &json!(1)), "{}", bare.text);
    let refused = post(&json!([of("unit_id", json!("PC-9"), 10)])).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "nothing in it is the key's");
    let hopeless = post(&json!([{"unit_id": "PC-1"}])).await;
    assert_eq!((hopeless.status, &hopeless.json["accepted"]), (StatusCode::OK, &json!(0)));
    assert_eq!(post(&json!([fix(at(11), 9.9, 76.2)])).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_device_posts_for_itself_whatever_its_body_says() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    server.unit("PC-2", 5).await;
    let body = json!({"unit_id": "PC-2", "device_id": "PC-2", "location": fix(at(0), 9.9, 76.2)});
    assert_eq!(server.post(&token, "/api/v1/locations", body).await.status, StatusCode::OK);
    assert_eq!(server.stored_times(&admin, "PC-1").await.len(), 1);
    assert_eq!(server.stored_times(&admin, "PC-2").await.len(), 0);
    let other = server.post(&token, "/api/v1/units/PC-2/location", fix(at(1), 9.9, 76.2)).await;
    assert_eq!(other.status, StatusCode::FORBIDDEN);
}
