//! People change their own password.

use super::*;

const NEW: &str = "another long one";

async fn change(server: &Server, credential: &str, current: &str, new: &str) -> Answer {
    server.post(credential, "/api/v1/auth/password", json!({"current": current, "new": new})).await
}

async fn holds(server: &Server, credential: &str) -> bool {
    server.get(credential, "/api/v1/auth/me").await.status == StatusCode::OK
}

#[tokio::test]
async fn a_new_password_ends_every_other_sign_in_and_keeps_the_session_that_set_it() {
    let server = Server::new().await;
    let (own, other, token) =
        (server.cookie("chief5").await, server.cookie("chief5").await, server.token("chief5").await);
    let boss = server.token("boss3").await;
    let (own_stream, other_stream) = (server.stream(&own), server.stream(&other));
    assert_eq!(change(&server, &own, PASSWORD, NEW).await.status, StatusCode::NO_CONTENT);
    assert!(holds(&server, &own).await && holds(&server, &boss).await);
    assert!(!holds(&server, &other).await && !holds(&server, &token).await);
    assert!(!own_stream.ended().is_cancelled() && other_stream.ended().is_cancelled());
    assert_eq!(server.login("chief5", PASSWORD, None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.login("chief5", NEW, None).await.status, StatusCode::OK);
    let server = server.restart().await;
    assert!(holds(&server, &own).await && !holds(&server, &other).await);

    let admin = server.token("admin").await;
    server.call(&admin, "PATCH", "/api/v1/users/chief5", Some(json!({"role": "viewer"}))).await;
    assert!(!holds(&server, &own).await, "what ends a session still ends this one");
}

#[tokio::test]
async fn an_open_socket_of_the_session_that_changed_the_password_may_go_on() {
    let server = Server::new().await;
    let cookie = server.cookie("chief5").await;
    let headers = [(header::COOKIE, cookie.parse().expect("a value"))].into_iter().collect();
    let early = server.state.access.caller(&Method::GET, &Uri::from_static("/"), &headers);
    let early = early.expect("not refused").expect("somebody");
    assert_eq!(change(&server, &cookie, PASSWORD, NEW).await.status, StatusCode::NO_CONTENT);
    assert!(early.view(&server.state.directory, early.home_scope()).is_ok());
}

#[tokio::test]
async fn a_program_gets_a_new_token_for_the_one_that_ends() {
    let server = Server::new().await;
    let (token, cookie) = (server.token("chief5").await, server.cookie("chief5").await);
    let answer = change(&server, &token, PASSWORD, NEW).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
    let renewed = answer.json["token"].as_str().expect("a token");
    assert!(holds(&server, renewed).await && !holds(&server, &token).await && !holds(&server, &cookie).await);
}

#[tokio::test]
async fn a_refused_change_says_why_and_changes_nothing() {
    let server = Server::new().await;
    let (token, admin) = (server.token("chief5").await, server.token("admin").await);
    let body = json!({"name": "k", "scope": "zone:3", "permissions": ["manage", "read"]});
    let key = server.post(&admin, "/api/v1/api-keys", body).await.json["key"].clone();
    let key = key.as_str().expect("a key");
    for (credential, current, new, status) in [
        (&*token, "wrong", NEW, StatusCode::FORBIDDEN),
        (&*token, PASSWORD, "short", StatusCode::BAD_REQUEST),
        (key, PASSWORD, NEW, StatusCode::FORBIDDEN),
        ("nobody", PASSWORD, NEW, StatusCode::UNAUTHORIZED),
    ] {
        let answer = change(&server, credential, current, new).await;
        assert_eq!(answer.status, status, "{new}: {}", answer.json);
    }
    assert!(holds(&server, &token).await);
    for _ in 0..9 {
        change(&server, &token, "wrong", NEW).await;
    }
    let guessed = change(&server, &token, PASSWORD, NEW).await;
    assert_eq!(guessed.status, StatusCode::TOO_MANY_REQUESTS, "guessing is throttled here too");
}
