//! Who did what: written with what was done, read by who manages.

use crate::server::{DISTRICT, START, Server, at, fix, zone};
use reqwest::{Method, StatusCode};
use sentinel_model::{Page, Permission, Role, Scope, audit::AuditEntry};
use sentinel_server::config::ServeArgs;
use serde_json::json;

async fn told(server: &Server, who: &str, query: &str) -> Page<AuditEntry> {
    server.get(who, &format!("/api/v1/audit{query}")).await.as_a()
}

fn actions(page: &Page<AuditEntry>) -> Vec<(&str, &str, &str)> {
    page.items.iter().map(|one| (one.who.as_str(), one.action.as_str(), one.target.as_str())).collect()
}

#[tokio::test]
async fn changes_of_people_keys_scopes_and_units_and_exports_are_told_with_who_made_them() {
    let webhook_allow = Some(vec!["hooks.example".into()]);
    let server = Server::start_with(ServeArgs { webhook_allow, ..ServeArgs::default() }).await;
    let admin = server.sign_in("admin").await;
    let made = async |path: &str, body| {
        let answer = server.post(&admin, path, body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer
    };
    let user =
        json!({"username": "new", "role": "viewer", "scope": "zone:3", "password": "a long enough one"});
    made("/api/v1/users", user).await;
    let patch = server.request(Method::PATCH, &admin, "/api/v1/users/new").json(&json!({"disabled": true}));
    assert_eq!(crate::server::send(patch).await.status, StatusCode::OK);
    made("/api/v1/units", json!({"id": "PC-1", "station": "station:5"})).await;
    made("/api/v1/scopes", json!({"scope": "station:7", "name": "Seven", "parent": "division:7"})).await;
    let key =
        made("/api/v1/api-keys", json!({"name": "k", "scope": "zone:4", "permissions": ["read"]})).await;
    let key = key.json["id"].as_str().expect("an id").to_owned();
    let revoke = server.request(Method::DELETE, &admin, &format!("/api/v1/api-keys/{key}"));
    assert_eq!(crate::server::send(revoke).await.status, StatusCode::OK);
    let hook = json!({"name": "h", "url": "https://hooks.example/", "scope": "zone:4", "events": ["*"]});
    let hook = made("/api/v1/webhooks", hook).await.json["id"].as_str().expect("an id").to_owned();
    let at_hook = format!("/api/v1/webhooks/{hook}");
    let rotated = server.post(&admin, &format!("{at_hook}/rotate-secret"), json!({})).await;
    assert_eq!(rotated.status, StatusCode::OK, "{}", rotated.text);
    let ping = server.post(&admin, &format!("{at_hook}/test"), json!({})).await;
    let ping = ping.json["id"].as_str().expect("an id").to_owned();
    let again = server.post(&admin, &format!("{at_hook}/deliveries/{ping}/redeliver"), json!({})).await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text);
    let missing = server.post(&admin, &format!("{at_hook}/deliveries/msg_0/redeliver"), json!({})).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let patch = server.request(Method::PATCH, &admin, &at_hook).json(&json!({"enabled": false}));
    assert_eq!(crate::server::send(patch).await.status, StatusCode::OK);
    let delete = server.request(Method::DELETE, &admin, &at_hook);
    assert_eq!(crate::server::send(delete).await.status, StatusCode::NO_CONTENT);
    let zone3 = server.sign_in("zone3").await;
    assert_eq!(server.get(&zone3, "/api/v1/history/export").await.status, StatusCode::OK);
    // What was refused has changed nothing.
    assert_eq!(
        server.post(&zone3, "/api/v1/units", json!({"id": "X", "station": "station:5"})).await.status,
        StatusCode::FORBIDDEN
    );

    let all = told(&server, &admin, "").await;
    let expected = [
        ("user:zone3", "history_exported", "zone:3"),
        ("user:admin", "webhook_deleted", &*hook),
        ("user:admin", "webhook_changed", &hook),
        ("user:admin", "webhook_redelivered", &hook),
        ("user:admin", "webhook_tested", &hook),
        ("user:admin", "webhook_secret_renewed", &hook),
        ("user:admin", "webhook_made", &hook),
        ("user:admin", "key_revoked", &key),
        ("user:admin", "key_made", &key),
        ("user:admin", "scope_made", "station:7"),
        ("user:admin", "unit_made", "PC-1"),
        ("user:admin", "user_changed", "new"),
        ("user:admin", "user_made", "new"),
    ];
    assert_eq!(actions(&all), expected);
    assert_eq!(all.items[11].detail.as_deref(), Some("disabled"));
    for at in [3, 4] {
        assert_eq!(all.items[at].detail.as_deref(), Some(&*ping), "which delivery");
    }
    let named = |at: usize| {
        let one = &all.items[at];
        (one.who_name.as_deref(), one.target_name.as_deref())
    };
    assert_eq!(named(1), (Some("admin"), Some("h")), "what has no name of its own is told by its name too");
    assert_eq!(named(8), (Some("admin"), Some("k")));
    assert_eq!(named(10).1, None);
    assert!(all.items.iter().all(|one| one.at >= START) && all.items.is_sorted_by(|a, b| a.id > b.id));
    // In pages, over a restart.
    let server = server.restart().await;
    let (mut cursor, mut paged) = (String::new(), Vec::new());
    loop {
        let page = told(&server, &admin, &format!("?limit=3&cursor={cursor}")).await;
        paged.extend(page.items);
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!(paged, all.items);
}

#[tokio::test]
async fn who_manages_reads_of_their_own_scope_and_nobody_else_reads_at_all() {
    let server = Server::start().await;
    let boss4 = crate::server::user("boss4", Role::Admin, zone(4));
    server.change(vec![sentinel_server::ports::Change::PutUser(boss4)]).await;
    let admin = server.sign_in("admin").await;
    for (unit, station) in [("PC-5", "station:5"), ("PC-9", "station:9")] {
        server.post(&admin, "/api/v1/units", json!({"id": unit, "station": station})).await;
    }
    let boss4 = told(&server, &server.sign_in("boss4").await, "").await;
    assert_eq!(actions(&boss4), [("user:admin", "unit_made", "PC-9")]);
    let manages = server.key(Scope::station(5), &[Permission::Manage]).await;
    assert_eq!(actions(&told(&server, &manages, "").await), [("user:admin", "unit_made", "PC-5")]);
    let reads = server.key(DISTRICT, &[Permission::Read, Permission::Ingest, Permission::Dispatch]).await;
    for who in [reads, server.sign_in("chief5").await, server.sign_in("zone3").await] {
        assert_eq!(server.get(&who, "/api/v1/audit").await.status, StatusCode::FORBIDDEN);
    }
    let token = server.unit("PC-X", 5).await;
    server.fixes(&token, &[fix(at(0), 1.0, 1.0)]).await;
    assert_eq!(server.get(&token, "/api/v1/audit").await.status, StatusCode::FORBIDDEN);
    assert_eq!(server.get("", "/api/v1/audit").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_key_is_told_by_the_name_that_it_had() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let body = json!({"name": "depot software", "scope": "district:1", "permissions": ["manage", "read"]});
    let made = server.post(&admin, "/api/v1/api-keys", body).await.json;
    let [id, key] = ["id", "key"].map(|field| made[field].as_str().expect("a text").to_owned());
    let unit = json!({"id": "PC-1", "station": "station:5"});
    assert_eq!(server.post(&key, "/api/v1/units", unit).await.status, StatusCode::CREATED);
    let all = told(&server, &admin, "").await;
    assert_eq!(all.items[0].who, format!("key:{id}"));
    assert_eq!(all.items[0].who_name.as_deref(), Some("depot software"));
}
