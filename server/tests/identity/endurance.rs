//! What outlasts a restart, and a client that leaves in the middle.

use super::*;

#[tokio::test]
async fn sessions_tokens_and_keys_survive_a_restart() {
    let server = Server::new().await;
    let (cookie, token) = (server.cookie("admin").await, server.token("admin").await);
    let body = json!({"name": "k", "scope": "zone:3", "permissions": ["read"]});
    let key = server.post(&token, "/api/v1/api-keys", body).await.json["key"].as_str().map(str::to_owned);
    let key = key.expect("a key");
    let server = server.restart().await;
    for credential in [&cookie, &token, &key] {
        assert_eq!(server.get(credential, "/api/v1/auth/me").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_change_asked_for_by_a_client_that_left_is_whole_or_not_at_all() {
    let server = Server::new().await;
    let admin = server.token("admin").await;
    for n in 0..50 {
        let name = format!("left-{n}");
        let asked = server.post(
            &admin,
            "/api/v1/scopes",
            json!({"scope": format!("zone:{}", 100 + n), "name": name, "parent": "district:1"}),
        );
        // Polled a few times, then dropped in the middle, as axum does when a client leaves.
        let _ = tokio::time::timeout(std::time::Duration::from_micros(20 * n), asked).await;
    }
    // The next change waits for those under way.
    drop(server.state.directory.hold().await);
    let in_memory = server.state.directory.scopes().len();
    let server = server.restart().await;
    assert_eq!(server.state.directory.scopes().len(), in_memory);
}
