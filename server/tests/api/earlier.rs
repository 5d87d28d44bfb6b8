//! The addresses of earlier systems, each against the answer that it gave.

use crate::server::{Server, at, eventually, fix, id, send, zone};
use reqwest::{Method, StatusCode};
use sentinel_model::{Permission, Scope, Time, Unit};
use serde_json::{Value, json};

fn moving(time: Time, lat: f64) -> Value {
    let mut fix = fix(time, lat, 76.2);
    fix["coords"]["speed"] = json!(10.0);
    fix["coords"]["heading"] = json!(270.0);
    fix
}

/// A car of station 5, of 6 and of 9, each where its number says; one that never spoke.
async fn town() -> Server {
    let server = Server::start().await;
    for station in [5, 6, 9] {
        let token = server.unit(&format!("PC-{station}"), station).await;
        let lat = f64::from(990 + station) / 100.0;
        server.fixes(&token, &[moving(at(0), 1.0), moving(at(10), lat)]).await;
    }
    server.unit("PC-quiet", 5).await;
    // What is posted without a time from now on is later than that.
    server.clock.turn(30);
    server
}

fn car(name: &str, lat: f64) -> Value {
    json!({"car_id": name, "lat": lat, "lng": 76.2, "speed": 22.369, "heading": 270.0, "updated_at": at(10)})
}

fn names(answer: &Value) -> Vec<&str> {
    let cars = answer["cars"].as_array().expect("cars").iter();
    cars.map(|car| car["car_id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn realtime_and_stored_cars_are_told_alike_and_by_scope() {
    let server = town().await;
    let zone3 = server.sign_in("zone3").await;
    for path in ["/police/realtime", "/police/cars"] {
        assert_eq!(server.get(&zone3, &format!("{path}/PC-5")).await.json, car("PC-5", 9.95), "{path}");
        let all = server.get(&zone3, path).await.json;
        assert_eq!(all, json!({"count": 2, "cars": [car("PC-5", 9.95), car("PC-6", 9.96)]}), "{path}");
        for hidden in ["PC-9", "PC-quiet", "PC-404", "no%20id"] {
            let answer = server.get(&zone3, &format!("{path}/{hidden}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}/{hidden}");
        }
        assert_eq!(server.get("", path).await.status, StatusCode::UNAUTHORIZED);
        let ingest = server.key(zone(3), &[Permission::Ingest]).await;
        assert_eq!(server.get(&ingest, path).await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn stored_cars_outlive_what_is_in_memory_and_stay_with_whom_they_were() {
    let server = town().await;
    server.start_patrol("PC-5", 9).await;
    let zone3 = server.sign_in("zone3").await;
    // Its last fix was made under zone 3, where it is no longer.
    assert_eq!(server.get(&zone3, "/police/realtime/PC-5").await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.get(&zone3, "/police/cars/PC-5").await.json, car("PC-5", 9.95));
    let chief9 = server.sign_in("chief9").await;
    assert_eq!(server.get(&chief9, "/police/cars/PC-5").await.status, StatusCode::NOT_FOUND);
    let server = server.restart().await;
    let zone3 = server.sign_in("zone3").await;
    assert_eq!(server.get(&zone3, "/police/cars/PC-6").await.json, car("PC-6", 9.96));
}

#[tokio::test]
async fn a_car_says_where_it_is_and_is_made_where_it_was_not_known() {
    let server = town().await;
    let admin = server.sign_in("admin").await;
    let here = json!({"car_id": "PC-5", "lat": 9.97, "lng": 76.3, "speed": 22.369, "heading": 360.0});
    let answer = server.post(&admin, "/police/cars", here).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!((&answer.json["speed"], &answer.json["heading"]), (&json!(22.369), &json!(0.0)));
    for path in ["/police/realtime/PC-5", "/police/cars/PC-5"] {
        assert_eq!(server.get(&admin, path).await.json, answer.json, "{path}");
    }

    let new = json!({"car_id": "K9-1", "location": {"lat": 9.96, "lng": 76.29}, "station": "station:9"});
    let answer = server.post(&admin, "/police/cars", new).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert_eq!(answer.json["speed"], Value::Null);
    let unit: Unit = server.get(&admin, "/api/v1/units/K9-1").await.as_a();
    assert_eq!((unit.station, unit.kind.as_str()), (Scope::station(9), "patrol_car"));
    let manager = server.key(Scope::station(6), &[Permission::Manage, Permission::Ingest]).await;
    let answer = server.post(&manager, "/police/cars", json!({"car_id": "K9-2", "lat": 1, "lng": 2})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "the only station there is: {}", answer.text);
    let unit: Unit = server.get(&admin, "/api/v1/units/K9-2").await.as_a();
    assert_eq!(unit.station, Scope::station(6));
}

#[tokio::test]
async fn what_a_car_may_not_or_cannot_be_is_refused() {
    let server = town().await;
    let admin = server.sign_in("admin").await;
    let ingest6 = server.key(Scope::station(6), &[Permission::Ingest]).await;
    let manage6 = server.key(Scope::station(6), &[Permission::Manage]).await;
    let chief5 = server.sign_in("chief5").await;
    let at_5 = json!({"car_id": "PC-5", "lat": 9.9, "lng": 76.2});
    let new = json!({"car_id": "K9-1", "lat": 9.9, "lng": 76.2, "station": "station:6"});
    for (credential, body, status) in [
        ("", &at_5, 401),
        (ingest6.as_str(), &at_5, 403),
        (&chief5, &at_5, 403),
        (&ingest6, &new, 403),
        (&manage6, &new, 403),
        (&admin, &json!({"car_id": "PC-5"}), 400),
        (&admin, &json!({"car_id": "no id", "lat": 1, "lng": 2}), 400),
        (&admin, &json!({"car_id": "PC-5", "lat": 91, "lng": 2}), 400),
        (&admin, &json!({"car_id": "PC-5", "lat": 1, "lng": 2, "speed": -1}), 400),
        (&admin, &json!({"car_id": "PC-5", "lat": 1, "lng": 2, "heading": 361}), 400),
        (&admin, &json!({"car_id": "K9-1", "lat": 1, "lng": 2, "station": "station:404"}), 403),
    ] {
        let answer = server.post(credential, "/police/cars", body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
    }
    assert!(server.sentinel.directory.unit(&id("K9-1")).is_none(), "nothing was made of it");
}

#[tokio::test]
async fn cars_nearby_come_nearest_first_with_their_distance() {
    let server = town().await;
    let zone3 = server.sign_in("zone3").await;
    let ask = json!({"lat": 9.97, "lng": 76.2, "radius_km": 50});
    let answer = server.post(&zone3, "/police/nearby", ask).await.json;
    assert_eq!(names(&answer), ["PC-6", "PC-5"], "and none of another zone");
    let first = &answer["cars"][0];
    let km = first["distance_km"].as_f64().expect("a distance");
    assert!((km - 1.112).abs() < 0.01, "{km}");
    assert_eq!(
        (&first["lat"], &first["speed"], &first["heading"]),
        (&json!(9.96), &json!(22.369), &json!(270.0))
    );
    let ask = json!({"lat": 9.97, "lng": 76.2, "radius_km": 1.5});
    assert_eq!(names(&server.post(&zone3, "/police/nearby", ask).await.json), ["PC-6"]);
    assert_eq!(
        names(&server.post(&zone3, "/police/nearby", json!({"lat": 9.97, "lng": 76.2})).await.json).len(),
        2
    );
    for (credential, body, status) in [
        (zone3.as_str(), json!({"lat": 9.97}), 400),
        (&zone3, json!({"lat": 100, "lng": 76.2}), 400),
        (&zone3, json!({"lat": 9.97, "lng": 76.2, "radius_km": -1}), 400),
        ("", json!({"lat": 9.97, "lng": 76.2}), 401),
    ] {
        assert_eq!(server.post(credential, "/police/nearby", body.clone()).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn counts_are_told() {
    let server = town().await;
    let zone3 = server.sign_in("zone3").await;
    let counts = server.get(&zone3, "/stats").await.json;
    assert_eq!(counts, json!({"units": 3, "patrols": 2, "sockets": 0, "fixes": 6, "lag": 0}));
    assert_eq!(server.get("", "/stats").await.status, StatusCode::UNAUTHORIZED);
}

async fn delete(server: &Server, credential: &str, path: &str) -> crate::server::Answer {
    send(server.request(Method::DELETE, credential, path)).await
}

#[tokio::test]
async fn a_simulated_car_moves_like_any_other_until_it_is_removed() {
    let server = town().await;
    let admin = server.sign_in("admin").await;
    let place = async || server.get(&admin, "/police/realtime/PC-quiet").await.json;
    let answer = server.post(&admin, "/simulator/add/PC-quiet?lat=9.9&lng=76.2", json!(null)).await;
    assert_eq!(
        (answer.status, &answer.json["car_id"]),
        (StatusCode::OK, &json!("PC-quiet")),
        "{}",
        answer.text
    );
    let near = |place: &Value| place["lat"].as_f64().is_some_and(|lat| (lat - 9.9).abs() < 0.01);
    eventually("it is there", || async { near(&place().await) }).await;
    eventually("it moves", || async { place().await["lng"].as_f64() > Some(76.2) }).await;
    assert_eq!(place().await["speed"], 22.369);
    let unit: Unit = server.get(&admin, "/api/v1/units/PC-quiet").await.as_a();
    assert!(unit.patrol_id.is_some(), "it is on duty");
    assert_eq!(
        server.post(&admin, "/simulator/add/PC-quiet", json!(null)).await.status,
        StatusCode::OK,
        "again"
    );

    assert_eq!(delete(&server, &admin, "/simulator/remove/PC-quiet").await.status, StatusCode::OK);
    let unit: Unit = server.get(&admin, "/api/v1/units/PC-quiet").await.as_a();
    assert_eq!(unit.patrol_id, None, "and off duty again");
    assert_eq!(delete(&server, &admin, "/simulator/remove/PC-quiet").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_simulated_car_stops_with_its_patrol_and_goes_on_from_where_it_is() {
    let server = town().await;
    let admin = server.sign_in("admin").await;
    assert_eq!(server.post(&admin, "/simulator/add/PC-6", json!(null)).await.status, StatusCode::OK);
    let moves =
        || async { server.get(&admin, "/police/realtime/PC-6").await.json["lng"].as_f64() > Some(76.2) };
    eventually("it moves", moves).await;
    let unit: Unit = server.get(&admin, "/api/v1/units/PC-6").await.as_a();
    assert!((unit.location.expect("somewhere").latitude - 9.96).abs() < 0.01);
    server.end_patrol(unit.patrol_id.expect("on duty")).await;
    eventually("it is no longer simulated", || async {
        delete(&server, &admin, "/simulator/remove/PC-6").await.status == StatusCode::NOT_FOUND
    })
    .await;
}

#[tokio::test]
async fn simulating_takes_the_right_to_manage_the_car() {
    let server = town().await;
    let manage6 = server.key(Scope::station(6), &[Permission::Manage]).await;
    let chief5 = server.sign_in("chief5").await;
    for (credential, car, status) in
        [("", "PC-5", 401), (chief5.as_str(), "PC-5", 403), (&manage6, "PC-5", 403), (&chief5, "K9-1", 403)]
    {
        let answer = server.post(credential, &format!("/simulator/add/{car}"), json!(null)).await;
        assert_eq!(answer.status, status, "{car}: {}", answer.text);
    }
    let admin = server.sign_in("admin").await;
    let far = server.post(&admin, "/simulator/add/PC-5?lat=99&lng=1", json!(null)).await;
    assert_eq!(far.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.post(&admin, "/simulator/add/PC-5", json!(null)).await.status, StatusCode::OK);
    assert_eq!(delete(&server, &manage6, "/simulator/remove/PC-5").await.status, StatusCode::NOT_FOUND);
    // One that is not known is made, at a station of whoever adds it.
    assert_eq!(server.post(&manage6, "/simulator/add/K9-1", json!(null)).await.status, StatusCode::OK);
    let unit: Unit = server.get(&admin, "/api/v1/units/K9-1").await.as_a();
    assert_eq!(unit.station, Scope::station(6));
}
