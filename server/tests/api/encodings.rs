//! The addresses that the dashboard reads answer in postcard too, the same things.

use crate::server::{Server, at, fix};
use reqwest::StatusCode;
use sentinel_model::{
    ErrorBody, Page, Patrol, RouteAnswer, Unit, dispatch::OrderLink, outline::Basemap, page::MIME_POSTCARD,
    people::Me, scope::ScopeNode,
};
use serde::de::DeserializeOwned;
use serde_json::json;

async fn packed(server: &Server, credential: &str, path: &str) -> (StatusCode, String, Vec<u8>) {
    let request = reqwest::Client::new().get(format!("http://{}{path}", server.address));
    let answer =
        request.bearer_auth(credential).header("accept", MIME_POSTCARD).send().await.expect("answers");
    let kind = answer.headers()["content-type"].to_str().expect("plain").to_owned();
    (answer.status(), kind, answer.bytes().await.expect("arrives").to_vec())
}

/// Asks for the same in both encodings.
async fn both<T: DeserializeOwned + PartialEq + std::fmt::Debug>(
    server: &Server,
    credential: &str,
    path: &str,
) -> T {
    let json: T = server.get(credential, path).await.as_a();
    let (status, kind, bytes) = packed(server, credential, path).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, MIME_POSTCARD), "{path}");
    assert_eq!(postcard::from_bytes::<T>(&bytes).expect("decodes"), json, "{path}");
    json
}

#[tokio::test]
async fn what_the_dashboard_reads_says_the_same_in_both_encodings() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.unit("PC-2", 6).await;
    let posted = json!({"location": fix(at(0), 9.97, 76.28)});
    assert_eq!(server.post(&token, "/api/v1/locations", posted).await.status, StatusCode::OK);
    let zone3 = server.sign_in("zone3").await;
    let units = both::<Page<Unit>>(&server, &zone3, "/api/v1/units?limit=1").await;
    assert!(units.next.is_some() && units.items[0].location.is_some());
    let unit = both::<Unit>(&server, &zone3, "/api/v1/units/PC-1").await;
    let patrol = unit.patrol_id.expect("its first fix starts a patrol");
    both::<Patrol>(&server, &zone3, &format!("/api/v1/patrols/{patrol}")).await;
    let route = both::<RouteAnswer>(&server, &zone3, "/api/v1/units/PC-1/route").await;
    assert_eq!(route.points.len(), 1);
    assert!(both::<Page<ScopeNode>>(&server, &zone3, "/api/v1/scopes").await.items.len() > 1);
    both::<Me>(&server, &zone3, "/api/v1/auth/me").await;
    let order = json!({"id": "A-1", "latitude": 9.95, "longitude": 76.2, "scope": "station:5"});
    assert_eq!(server.post(&zone3, "/api/v1/orders", order).await.status, StatusCode::CREATED);
    let links = "/api/v1/orders/A-1/links";
    assert_eq!(server.post(&zone3, links, json!({})).await.status, StatusCode::CREATED);
    assert_eq!(both::<Page<OrderLink>>(&server, &zone3, links).await.items.len(), 1);
}

#[tokio::test]
async fn a_refusal_comes_in_the_encoding_that_was_asked_for() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let (status, kind, bytes) = packed(&server, &chief, "/api/v1/units?scope=zone:3").await;
    assert_eq!((status, kind.as_str()), (StatusCode::FORBIDDEN, MIME_POSTCARD));
    let body: ErrorBody = postcard::from_bytes(&bytes).expect("decodes");
    assert_eq!(body.code, "forbidden");
    assert!(!body.message.is_empty() && !body.request_id.is_empty());
}

#[tokio::test]
async fn the_bundled_basemaps_are_sent_small_and_not_twice() {
    let server = Server::start().await;
    for name in ["kochi", "world"] {
        let (status, _, bytes) = packed(&server, "", &format!("/outlines/{name}")).await;
        assert_eq!(status, StatusCode::OK);
        let map: Basemap = postcard::from_bytes(&bytes).expect("decodes");
        assert!(map.features.len() > 100, "{name}");
    }
    let address = format!("http://{}/outlines/kochi", server.address);
    let client = reqwest::Client::new();
    let tag = client.get(&address).send().await.expect("answers").headers()["etag"].clone();
    let again = client.get(&address).header("if-none-match", tag).send().await.expect("answers");
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    for none in ["atlantis", "..%2fkochi", "kochi.geojson"] {
        assert_eq!(
            server.get("", &format!("/outlines/{none}")).await.status,
            StatusCode::NOT_FOUND,
            "{none}"
        );
    }
}
