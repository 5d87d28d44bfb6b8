//! How long units take along roads, by a routing service of the test's own.

use crate::{
    incidents::{assign, incident},
    server::{Server, fix},
};
use axum::{Json, Router, extract::State, http::Uri, routing::get};
use parking_lot::Mutex;
use sentinel_model::dispatch::Task;
use sentinel_server::config::ServeArgs;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::net::TcpListener;

/// What it answers, and what it was asked.
#[derive(Default)]
struct Service {
    answer: Mutex<Value>,
    asked: Mutex<Vec<String>>,
}

async fn answer(State(service): State<Arc<Service>>, uri: Uri) -> Json<Value> {
    service.asked.lock().push(uri.to_string());
    Json(service.answer.lock().clone())
}

async fn service() -> (Arc<Service>, String) {
    let service = Arc::new(Service::default());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("it has one");
    let router = Router::new().route("/table/{*rest}", get(answer)).with_state(service.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (service, format!("http://{address}/"))
}

#[tokio::test]
async fn who_arrives_first_is_as_the_routing_service_says_and_as_estimated_where_it_says_nothing() {
    let (service, url) = service().await;
    let server = Server::start_with(ServeArgs { routing_url: Some(url), ..ServeArgs::default() }).await;
    let admin = server.sign_in("admin").await;
    // The first is the nearest by the straight line.
    for (n, north) in [0.01, 0.02, 0.03].into_iter().enumerate() {
        let name = format!("PC-{n}");
        let token = server.unit(&name, 5).await;
        server.start_patrol(&name, 5).await;
        server.fixes(&token, &[fix(server.clock.now(), 9.9 + north, 76.2)]).await;
    }
    incident(&server, &admin, json!({})).await;
    let nearest = async || -> Vec<(String, f64, f64)> {
        let page = server.get(&admin, "/api/v1/incidents/inc-1/nearest").await.json;
        let items = page["items"].as_array().expect("a list").clone();
        let number = |item: &Value, name: &str| item[name].as_f64().expect("a number");
        let read = |item: &Value| {
            let unit = item["unit_id"].as_str().expect("an id").to_owned();
            (unit, number(item, "distance_m"), number(item, "eta_s"))
        };
        items.iter().map(read).collect()
    };
    // A river is in the way of the nearest; of the last one no way is known.
    *service.answer.lock() = json!({"code": "Ok",
        "durations": [[900.0], [240.0], [null]], "distances": [[7000.0], [3100.5], [null]]});
    let by_road = nearest().await;
    assert_eq!(by_road[0], ("PC-1".into(), 3100.5, 240.0), "{by_road:?}");
    assert_eq!(by_road.iter().find(|unit| unit.0 == "PC-0"), Some(&("PC-0".into(), 7000.0, 900.0)));
    let asked = service.asked.lock().pop().expect("it was asked");
    let expected = "/table/v1/driving/76.200000,9.900000;76.200000,9.910000;76.200000,9.920000;76.200000,9.930000\
        ?annotations=duration,distance&destinations=0&sources=1;2;3";
    assert_eq!(asked, expected);
    // An answer that makes no sense is none.
    let line: Vec<String> = ["PC-0", "PC-1", "PC-2"].map(Into::into).into();
    for nonsense in [
        json!({"code": "NoTable"}),
        json!(7),
        json!({"code": "Ok", "durations": [[1.0]], "distances": [[1.0]]}),
    ] {
        *service.answer.lock() = nonsense;
        assert_eq!(nearest().await.into_iter().map(|unit| unit.0).collect::<Vec<_>>(), line);
    }
    server.end().await;
}

#[tokio::test]
async fn an_answer_holds_a_moment_for_all_who_follow_and_who_is_away_is_left_in_peace() {
    let (service, url) = service().await;
    let server = Server::start_with(ServeArgs { routing_url: Some(url), ..ServeArgs::default() }).await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    server.start_patrol("PC-1", 5).await;
    server.fixes(&token, &[fix(server.clock.now(), 9.91, 76.2)]).await;
    let body = json!({"id": "A-1", "latitude": 9.9, "longitude": 76.2, "scope": "station:5"});
    let order: Task = server.post(&admin, "/api/v1/orders", body).await.as_a();
    assign(&server, &admin, &order, "PC-1").await;
    let link = server.post(&admin, "/api/v1/orders/A-1/links", json!({})).await;
    let path = format!("/t/{}/now", link.json["token"].as_str().expect("a text"));
    let says = |eta_s: f64| json!({"code": "Ok", "durations": [[eta_s]], "distances": [[2_000.0]]});
    let eta = async || server.get("", &path).await.json["eta_s"].as_f64().expect("an estimate");
    let asked = || service.asked.lock().len();
    server.clock.turn(60);

    *service.answer.lock() = says(300.0);
    let before = asked();
    assert_eq!(eta().await, 300.0);
    *service.answer.lock() = says(200.0);
    server.fixes(&token, &[fix(server.clock.now(), 9.909, 76.2)]).await;
    assert_eq!((eta().await, asked()), (300.0, before + 1));
    server.clock.turn(9);
    assert_eq!((eta().await, asked()), (200.0, before + 2));

    // What it does not know is no reason to leave it in peace; what cannot be read is.
    for (answer, asks) in [(json!({"code": "NoSegment"}), 3), (json!(7), 4), (says(100.0), 4)] {
        server.clock.turn(9);
        *service.answer.lock() = answer;
        assert!(![100.0, 200.0].contains(&eta().await), "it is estimated");
        assert_eq!(asked(), before + asks);
    }
    server.clock.turn(31);
    assert_eq!((eta().await, asked()), (100.0, before + 5));
    server.end().await;
}
