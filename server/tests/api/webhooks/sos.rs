//! Calls for help go out, each once.

use super::*;
use crate::receiver::How;
use crate::server::{Answer, at, eventually, send, send_until_heard};
use sentinel_model::webhook::WebhookEvent::{PatrolEnded, PatrolStarted};
use std::collections::BTreeSet;

async fn call(server: &Server, token: &str, seconds: i64) {
    let path = format!("/?id={token}&lat=9.9&lon=76.2&timestamp={}&alarm=sos", at(seconds));
    let Answer { status, text, .. } = send_until_heard(server.request(Method::GET, "", &path)).await;
    assert_eq!((status, &*text), (StatusCode::OK, ""));
}

#[tokio::test]
async fn an_sos_is_told_to_the_endpoints_above_its_unit_once_however_often_it_is_sent() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let [told, elsewhere, other] =
        [Receiver::start().await, Receiver::start().await, Receiver::start().await];
    let (_, secret) = make(&server, &admin, &told.url(), "zone:3", &["alert.sos"]).await;
    make(&server, &admin, &elsewhere.url(), "zone:4", &["*"]).await;
    make(&server, &admin, &other.url(), "zone:3", &["patrol.ended"]).await;
    let token = server.unit("PC-1", 5).await;
    let plain = json!({"location": crate::server::fix(at(0), 9.9, 76.2)});
    assert_eq!(server.post(&token, "/api/v1/locations", plain).await.status, StatusCode::OK);
    let on_duty = || async {
        server.sentinel.directory.unit(&crate::server::id("PC-1")).is_some_and(|unit| unit.patrol.is_some())
    };
    eventually("its first fix starts its patrol", on_duty).await;
    for seconds in [1, 1, 2] {
        call(&server, &token, seconds).await;
    }
    let first = told.until(2).await.remove(0);
    assert!(first.is_signed_with(&secret));
    let data = &first.json["data"];
    let patrol = server.sentinel.directory.unit(&crate::server::id("PC-1")).expect("a unit").patrol;
    assert_eq!(
        first.json,
        json!({"type": "alert.sos", "timestamp": first.json["timestamp"], "data": {
            "unit_id": "PC-1", "patrol_id": patrol.expect("its first fix started it").id,
            "station": "station:5", "division": "division:2", "zone": "zone:3", "district": "district:1",
            "alert_id": data["alert_id"], "unit_name": "PC-1", "time": at(1),
            "latitude": 9.9, "longitude": 76.2, "place_time": at(1),
        }})
    );
    // What was told of it is on disk: a server that has forgotten it otherwise tells no more.
    let server = server.restart().await;
    for seconds in [1, 2, 3] {
        call(&server, &token, seconds).await;
    }
    let got = told.until(3).await;
    let times: Vec<&Value> = got.iter().map(|got| &got.json["data"]["time"]).collect();
    assert_eq!(times, [&json!(at(1)), &json!(at(2)), &json!(at(3))], "in order, each once");
    assert_eq!(got.iter().map(|got| got.id()).collect::<BTreeSet<_>>().len(), 3);
    assert!(elsewhere.got().is_empty() && other.got().is_empty());
}

#[tokio::test]
async fn an_sos_of_a_unit_off_duty_goes_out_without_a_patrol() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let receiver = Receiver::start().await;
    make(&server, &admin, &receiver.url(), "station:5", &["alert.sos"]).await;
    let token = server.unit("PC-1", 5).await;
    shift(&server, "PC-1").await;
    call(&server, &token, 0).await;
    let data = receiver.until(1).await.remove(0).json["data"].take();
    assert_eq!((&data["unit_id"], &data["station"]), (&json!("PC-1"), &json!("station:5")));
    assert_eq!(data.get("patrol_id"), None);
}

#[tokio::test]
async fn where_a_unit_called_for_help_is_erased_with_its_data_sent_or_not() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let receiver = Receiver::start().await;
    let (webhook, _) = make(&server, &admin, &receiver.url(), "zone:3", &["*"]).await;
    let token = server.unit("PC-1", 5).await;
    let plain = json!({"location": crate::server::fix(at(0), 9.9, 76.2)});
    assert_eq!(server.post(&token, "/api/v1/locations", plain).await.status, StatusCode::OK);
    call(&server, &token, 1).await;
    receiver.until(2).await;
    receiver.answer_by(How::Status(500));
    call(&server, &token, 2).await;
    receiver.until(3).await;
    let erase = server.request(Method::DELETE, &admin, "/api/v1/units/PC-1/data");
    let erased = send(erase).await;
    assert_eq!(erased.status, StatusCode::OK, "{}", erased.text);
    let mut left: Vec<_> = log(&server, &admin, &webhook).await.iter().map(|told| told.event).collect();
    // Its patrol was ended, and one begun in its place.
    left.sort();
    assert_eq!(left, [PatrolStarted, PatrolStarted, PatrolEnded]);
}
