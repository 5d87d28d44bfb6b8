//! The hierarchy.

use super::*;

#[tokio::test]
async fn everyone_sees_their_own_part_of_the_hierarchy_as_if_it_were_all() {
    let server = Server::new().await;
    let seen = |name: &'static str| {
        let server = &server;
        async move {
            let answer = server.get(&server.token(name).await, "/api/v1/scopes").await;
            let nodes = answer.json["items"].as_array().cloned().unwrap_or_default();
            nodes
                .iter()
                .map(|n| format!("{}<{}", n["scope"], n["parent"]).replace('"', ""))
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(seen("chief5").await, ["station:5<null"]);
    assert_eq!(seen("boss3").await, ["zone:3<null", "division:2<zone:3", "station:5<division:2"]);
    let all = ["district:1<null", "zone:3<district:1", "zone:4<district:1", "division:2<zone:3"];
    assert_eq!(seen("admin").await, [&all[..], &["station:5<division:2"]].concat());
}

#[tokio::test]
async fn nodes_are_made_below_what_one_manages_and_a_station_knows_its_ancestors() {
    let server = Server::new().await;
    let boss = server.token("boss3").await;
    let node = |scope: &str, parent: &str| json!({"scope": scope, "name": "New", "parent": parent});
    for (scope, parent, status) in [
        ("division:9", "zone:3", StatusCode::CREATED),
        ("division:9", "zone:3", StatusCode::CONFLICT),
        ("division:10", "zone:4", StatusCode::FORBIDDEN),
        ("division:10", "zone:99", StatusCode::FORBIDDEN),
        ("zone:10", "district:1", StatusCode::FORBIDDEN),
        ("district:2", "district:1", StatusCode::FORBIDDEN),
        ("station:10", "zone:3", StatusCode::BAD_REQUEST),
    ] {
        let answer = server.post(&boss, "/api/v1/scopes", node(scope, parent)).await;
        assert_eq!(answer.status, status, "{scope} below {parent}: {}", answer.json);
    }
    let mut station = node("station:77", "division:9");
    station["site"] = json!([9.966, 76.299]);
    let made = server.post(&boss, "/api/v1/scopes", station.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.json["site_e6"], json!([9_966_000, 76_299_000]));
    let path = ScopePath { district: 1, zone: 3, division: 9, station: 77 };
    assert_eq!(server.state.directory.station_path(77), Some(path));

    station["site"] = json!([91.0, 0.0]);
    let rename = |path: &'static str, body: Value| server.call(&boss, "PATCH", path, Some(body));
    assert_eq!(
        rename("/api/v1/scopes/station:77", json!({"site": [91.0, 0.0]})).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(rename("/api/v1/scopes/zone:4", json!({"name": "Mine"})).await.status, StatusCode::FORBIDDEN);
    let renamed = rename("/api/v1/scopes/station:77", json!({"name": "Palarivattom"})).await;
    assert_eq!((renamed.status, &renamed.json["name"]), (StatusCode::OK, &json!("Palarivattom")));
}
