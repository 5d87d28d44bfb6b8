//! API keys.

use super::*;

#[tokio::test]
async fn a_key_works_until_it_is_revoked_and_is_shown_once() {
    let server = Server::new().await;
    let admin = server.token("admin").await;
    let body = json!({"name": "depot", "scope": "zone:3", "permissions": ["read", "read", "ingest"]});
    let made = server.post(&admin, "/api/v1/api-keys", body).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let (id, key) = (made.json["id"].as_str().expect("an id"), made.json["key"].as_str().expect("a key"));
    assert_eq!(server.get(key, "/api/v1/auth/me").await.json["scope"], "zone:3");
    let listed = server.get(&admin, "/api/v1/api-keys").await.json;
    assert_eq!(listed["items"][0]["permissions"], json!(["read", "ingest"]));
    assert!(!listed.to_string().contains(key));

    let boss_of_another_zone = new_user("boss4", "admin", "zone:4");
    server.post(&admin, "/api/v1/users", boss_of_another_zone).await;
    let other = server.login("boss4", "a long enough one", None).await;
    let other = other.json["token"].as_str().expect("a token");
    let path = format!("/api/v1/api-keys/{id}");
    assert_eq!(server.call(other, "DELETE", &path, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.get(other, "/api/v1/api-keys").await.json["items"], json!([]));

    let stream = server.stream(key);
    let revoked = server.call(&admin, "DELETE", &path, None).await;
    assert!(stream.ended().is_cancelled());
    assert_eq!((revoked.status, &revoked.json["revoked"]), (StatusCode::OK, &json!(true)));
    assert_eq!(server.get(key, "/api/v1/auth/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_key_never_holds_more_than_whoever_makes_it() {
    let server = Server::new().await;
    let boss = server.token("boss3").await;
    let key = |scope: &str, permissions: &[&str], expires_at: Option<&str>| json!({"name": "k", "scope": scope, "permissions": permissions, "expires_at": expires_at});
    for scope in ["district:1", "zone:4", "station:99"] {
        let answer = server.post(&boss, "/api/v1/api-keys", key(scope, &["read"], None)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{scope}");
    }
    let chief = server.token("chief5").await;
    let answer = server.post(&chief, "/api/v1/api-keys", key("station:5", &["read"], None)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);

    let ends = "2027-01-01T00:00:00Z";
    let made = server.post(&boss, "/api/v1/api-keys", key("zone:3", &["manage"], Some(ends))).await;
    let manager = made.json["key"].as_str().expect("a key").to_owned();
    for (body, says) in [
        (key("zone:3", &["manage", "read"], Some(ends)), "more rights"),
        (key("zone:3", &["manage"], None), "outlives"),
        (key("zone:3", &["manage"], Some("2028-01-01T00:00:00Z")), "outlives"),
    ] {
        let answer = server.post(&manager, "/api/v1/api-keys", body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{says}");
        assert!(message(&answer).contains(says), "{}", message(&answer));
    }
    let viewer = server.post(&manager, "/api/v1/users", new_user("v", "viewer", "zone:3")).await;
    assert_eq!(viewer.status, StatusCode::FORBIDDEN, "a key that cannot see makes nobody who can");
    let same = server.post(&manager, "/api/v1/api-keys", key("station:5", &["manage"], Some(ends))).await;
    assert_eq!(same.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_key_shows_when_it_was_last_used_also_after_a_restart() {
    let server = Server::new().await;
    let admin = server.token("admin").await;
    let body = json!({"name": "depot", "scope": "zone:3", "permissions": ["read"]});
    let made = server.post(&admin, "/api/v1/api-keys", body).await.json;
    let last = async |server: &Server| {
        server.get(&admin, "/api/v1/api-keys").await.json["items"][0]["last_used_at"].clone()
    };
    assert_eq!(last(&server).await, Value::Null);
    let key = made["key"].as_str().expect("a key");
    assert_eq!(server.get(key, "/api/v1/auth/me").await.status, StatusCode::OK);
    let first = last(&server).await;
    assert_eq!(first, json!(Time(START)));
    server.now.fetch_add(3_600_000, Ordering::Relaxed);
    assert_eq!(server.get(key, "/api/v1/auth/me").await.status, StatusCode::OK);
    assert_eq!(last(&server).await, json!(Time(START + 3_600_000)));
    let server = server.restart().await;
    assert_eq!(last(&server).await, json!(Time(START + 3_600_000)));
}

#[tokio::test]
async fn a_refused_key_says_what_to_change() {
    let server = Server::new().await;
    let admin = server.token("admin").await;
    for (body, says) in [
        (json!({"name": "k", "scope": "zone:3", "permissions": []}), "at least one permission"),
        (json!({"name": " ", "scope": "zone:3", "permissions": ["read"]}), "cannot be empty"),
        (
            json!({"name": "k", "scope": "zone:3", "permissions": ["read"], "expires_at": "2020-01-01T00:00:00Z"}),
            "not in the future",
        ),
    ] {
        let answer = server.post(&admin, "/api/v1/api-keys", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{says}");
        assert!(message(&answer).contains(says), "{}", message(&answer));
    }
}
