//! People's accounts.

use super::*;

#[tokio::test]
async fn accounts_are_made_within_ones_own_scope_only() {
    let server = Server::new().await;
    let boss = server.token("boss3").await;
    for (scope, status) in [
        ("zone:3", StatusCode::CREATED),
        ("station:5", StatusCode::CREATED),
        ("district:1", StatusCode::FORBIDDEN),
        ("zone:4", StatusCode::FORBIDDEN),
        ("station:99", StatusCode::FORBIDDEN),
    ] {
        let name = format!("new-{}", scope.replace(':', "-"));
        let answer = server.post(&boss, "/api/v1/users", new_user(&name, "admin", scope)).await;
        assert_eq!(answer.status, status, "{scope}: {}", answer.json);
    }
    let taken = server.post(&boss, "/api/v1/users", new_user("admin", "viewer", "zone:3")).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    let chief = server.token("chief5").await;
    let refused = server.post(&chief, "/api/v1/users", new_user("x", "viewer", "station:5")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(server.get(&chief, "/api/v1/users").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn accounts_are_listed_and_changed_within_ones_own_scope_only() {
    let server = Server::new().await;
    let boss = server.token("boss3").await;
    let listed = server.get(&boss, "/api/v1/users?limit=1").await.json;
    assert_eq!(listed["items"][0]["username"], "boss3");
    let next = format!("/api/v1/users?cursor={}", listed["next"].as_str().expect("one more"));
    let listed = server.get(&boss, &next).await.json;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!((&listed["items"][0]["username"], &listed["next"]), (&json!("chief5"), &Value::Null));
    assert!(!listed.to_string().contains("argon2"), "no hash leaves the server");

    let change = |name: &str, body| {
        let path = format!("/api/v1/users/{name}");
        let (server, boss) = (&server, &boss);
        async move { server.call(boss, "PATCH", &path, Some(body)).await }
    };
    let answer = change("admin", json!({"password": "a long enough one"})).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json, change("nobody", json!({})).await.json, "hidden and missing answer alike");
    assert_eq!(change("chief5", json!({"scope": "district:1"})).await.status, StatusCode::FORBIDDEN);
    let answer = change("chief5", json!({"name": "  Chief of 5 ", "role": "viewer"})).await;
    assert_eq!((answer.status, &answer.json["name"]), (StatusCode::OK, &json!("Chief of 5")));
    assert_eq!(answer.json["role"], "viewer");
}

#[tokio::test]
async fn a_disabled_or_changed_person_is_out_at_once_and_comes_back_with_the_new_password() {
    let server = Server::new().await;
    let admin = server.token("admin").await;
    let (cookie, token) = (server.cookie("chief5").await, server.token("chief5").await);
    assert_eq!(server.get(&cookie, "/api/v1/auth/me").await.status, StatusCode::OK);
    let path = "/api/v1/users/chief5";
    let renamed = server.call(&admin, "PATCH", path, Some(json!({"name": "Asha"}))).await;
    assert_eq!(renamed.status, StatusCode::OK);
    assert_eq!(server.get(&token, "/api/v1/auth/me").await.status, StatusCode::OK, "a name is no credential");
    let streams = [server.stream(&cookie), server.stream(&token)];

    let answer = server.call(&admin, "PATCH", path, Some(json!({"password": "another long one"}))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(streams.iter().all(|stream| stream.ended().is_cancelled()));
    for old in [&cookie, &token] {
        assert_eq!(server.get(old, "/api/v1/auth/me").await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(server.login("chief5", PASSWORD, None).await.status, StatusCode::UNAUTHORIZED);
    let answer = server.login("chief5", "another long one", None).await;
    let token = answer.json["token"].as_str().expect("a token").to_owned();

    let answer = server.call(&admin, "DELETE", path, None).await;
    assert_eq!((answer.status, &answer.json["disabled"]), (StatusCode::OK, &json!(true)));
    assert_eq!(server.get(&token, "/api/v1/auth/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.login("chief5", "another long one", None).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_last_admin_of_the_top_cannot_lock_everyone_out() {
    let server = Server::new().await;
    let admin = server.token("admin").await;
    let path = "/api/v1/users/admin";
    for lock_out in [json!({"disabled": true}), json!({"role": "viewer"}), json!({"scope": "zone:3"})] {
        let answer = server.call(&admin, "PATCH", path, Some(lock_out)).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert!(message(&answer).contains("last admin of district:1"));
    }
    let second = server.post(&admin, "/api/v1/users", new_user("second", "admin", "district:1")).await;
    assert_eq!(second.status, StatusCode::CREATED);
    assert_eq!(server.call(&admin, "DELETE", path, None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refused_account_says_what_to_change() {
    let server = Server::new().await;
    let admin = server.token("admin").await;
    let with = |field: &str, value: Value| {
        let mut user = new_user("someone", "viewer", "zone:3");
        user[field] = value;
        user
    };
    for (body, says) in [
        (with("password", json!("short")), "at least 10 characters, this one has 5"),
        (with("username", json!("a b")), "letters, digits"),
        (with("role", json!("king")), "unknown variant `king`"),
        (with("scope", json!("city:1")), "is not a scope"),
        (with("name", json!("x".repeat(101))), "at most 100 characters"),
    ] {
        let answer = server.post(&admin, "/api/v1/users", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{says}");
        assert!(message(&answer).contains(says), "{}", message(&answer));
    }
    let huge = server.post(&admin, "/api/v1/users", with("name", json!("x".repeat(100_000)))).await;
    assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(huge.json["code"], "too_large");
}
