//! Who may have webhooks, of which scope, to where.

use super::*;
use crate::server::{DISTRICT, zone};
use sentinel_model::{Permission, Scope};
use sentinel_server::ports::{Change, WebhookRecord};

#[tokio::test]
async fn a_webhook_is_its_scope_s_managers_and_for_all_others_not_there() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let (webhook, _) = make(&server, &admin, "http://127.0.0.1:1/", "station:5", &["patrol.started"]).await;
    let path = format!("/api/v1/webhooks/{webhook}");
    let manager = server.key(zone(3), &[Permission::Manage, Permission::Read]).await;
    for credential in [&admin, &server.sign_in("zone3").await, &manager] {
        assert_eq!(one(&server, credential, &webhook).await.scope, Scope::station(5));
        let list: Page<Webhook> = server.get(credential, "/api/v1/webhooks").await.as_a();
        assert_eq!(list.items.len(), 1);
    }
    let reader = server.key(DISTRICT, &[Permission::Read, Permission::Dispatch, Permission::Ingest]).await;
    let other_manager = server.key(zone(4), &[Permission::Manage, Permission::Read]).await;
    // Who may not look is not told by a webhook either.
    let blind = server.key(zone(3), &[Permission::Manage]).await;
    let mut strangers = vec![reader, other_manager, blind];
    for name in ["chief5", "chief9", "viewer5", "dispatcher", "zone4"] {
        strangers.push(server.sign_in(name).await);
    }
    for credential in &strangers {
        for (method, more) in [
            (Method::GET, ""),
            (Method::PATCH, ""),
            (Method::DELETE, ""),
            (Method::POST, "/rotate-secret"),
            (Method::POST, "/test"),
            (Method::GET, "/deliveries"),
            (Method::POST, "/deliveries/msg_1/redeliver"),
        ] {
            let request = server.request(method.clone(), credential, &format!("{path}{more}"));
            let answer = crate::server::send(request.json(&json!({"enabled": false}))).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {more}: {}", answer.text);
        }
        let list = server.get(credential, "/api/v1/webhooks").await;
        assert!(list.status == StatusCode::FORBIDDEN || list.json["items"] == json!([]), "{}", list.text);
        let body =
            json!({"name": "n", "url": "https://hooks.invalid/", "scope": "station:5", "events": ["*"]});
        assert_eq!(server.post(credential, "/api/v1/webhooks", body).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(server.get("", &path).await.status, StatusCode::UNAUTHORIZED);
    assert!(one(&server, &admin, &webhook).await.enabled);
    for scope in ["zone:4", "district:1", "station:99"] {
        let body = json!({"name": "n", "url": "https://hooks.invalid/", "scope": scope, "events": ["*"]});
        let zone3 = server.sign_in("zone3").await;
        assert_eq!(
            server.post(&zone3, "/api/v1/webhooks", body).await.status,
            StatusCode::FORBIDDEN,
            "{scope}"
        );
    }
}

#[tokio::test]
async fn a_webhook_is_the_installation_s_and_outlives_the_rights_of_who_made_it() {
    let server = serve().await;
    let [admin, maker] = [server.sign_in("admin").await, server.sign_in("zone3").await];
    let receiver = Receiver::start().await;
    let (webhook, _) = make(&server, &maker, &receiver.url(), "zone:3", &["patrol.started"]).await;
    let path = format!("/api/v1/webhooks/{webhook}");
    // Another task elsewhere, then none at all.
    for change in [json!({"scope": "zone:4"}), json!({"disabled": true})] {
        let request = server.request(Method::PATCH, &admin, "/api/v1/users/zone3").json(&change);
        let changed = crate::server::send(request).await;
        assert!(changed.status.is_success(), "{change}: {}", changed.text);
        let refused = server.get(&maker, &path).await.status;
        assert!(matches!(refused, StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED), "{change}: {refused}");
        let unit = if change["disabled"] == true { "PC-2" } else { "PC-1" };
        server.unit(unit, 5).await;
        server.start_patrol(unit, 5).await;
    }
    let units: Vec<Value> =
        receiver.until(2).await.iter().map(|got| got.json["data"]["unit_id"].clone()).collect();
    assert!(units.contains(&json!("PC-1")) && units.contains(&json!("PC-2")), "both are told: {units:?}");

    // Whoever keeps the scope's webhooks now has it.
    let successor = server.key(zone(3), &[Permission::Manage, Permission::Read]).await;
    assert!(patch(&server, &successor, &webhook, json!({"enabled": false})).await.status.is_success());
    assert!(!one(&server, &admin, &webhook).await.enabled);
}

#[tokio::test]
async fn where_a_webhook_may_not_go_is_refused_in_words() {
    let webhook_allow = Some(vec!["hooks.allowed".into()]);
    let server = Server::start_with(ServeArgs { webhook_allow, ..ServeArgs::default() }).await;
    let admin = server.sign_in("admin").await;
    let try_url = |url: &str| {
        let body = json!({"name": "n", "url": url, "scope": "zone:3", "events": ["*"]});
        let (server, admin) = (&server, &admin);
        async move { server.post(admin, "/api/v1/webhooks", body).await }
    };
    for host in
        ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "localhost", "0x7f.1"]
    {
        let refused = try_url(&format!("https://{host}/hook")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{host}");
        assert!(refused.message().contains("--webhook-allow"), "{}", refused.message());
    }
    for (url, says) in [
        ("http://hooks.invalid/", "https://"),
        ("ftp://hooks.invalid/", "no URL"),
        ("https://u:p@hooks.invalid/", "no password"),
        ("hooks", "no URL"),
    ] {
        let refused = try_url(url).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{url}");
        assert!(refused.message().contains(says), "{}", refused.message());
    }
    let inside = try_url("https://localhost/hook").await;
    assert!(!inside.text.contains("127.0.0.1") && !inside.text.contains("::1"), "not where: {}", inside.text);
    let nowhere = try_url("https://hooks.invalid/hook").await;
    assert_eq!(nowhere.status, StatusCode::BAD_REQUEST, "{}", nowhere.text);
    assert!(nowhere.message().contains("no address of hooks.invalid"), "{}", nowhere.message());
    let made = try_url("https://hooks.allowed/hook").await;
    assert_eq!(made.status, StatusCode::CREATED, "the operator may know of it: {}", made.text);
    let id = made.json["id"].as_str().expect("an id");
    for url in ["https://192.168.1.1/", "https://hooks.invalid/"] {
        let moved = patch(&server, &admin, id, json!({ "url": url })).await;
        assert_eq!(moved.status, StatusCode::BAD_REQUEST, "nor may it move there");
    }
    for (body, says) in [
        (json!({"name": "", "url": "https://hooks.invalid/", "scope": "zone:3", "events": ["*"]}), "empty"),
        (
            json!({"name": "n", "url": "https://hooks.invalid/", "scope": "zone:3", "events": []}),
            "at least one",
        ),
        (
            json!({"name": "n", "url": "https://hooks.invalid/", "scope": "zone:3", "events": ["tea"]}),
            "patrol.started",
        ),
    ] {
        let refused = server.post(&admin, "/api/v1/webhooks", body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{says}");
        assert!(refused.message().contains(says), "{}", refused.message());
    }
}

#[tokio::test]
async fn who_keeps_the_webhooks_of_one_area_leaves_room_for_those_of_others() {
    let server = serve().await;
    let [zone3, zone4] = [server.sign_in("zone3").await, server.sign_in("zone4").await];
    let url = "http://127.0.0.1:1/";
    let (first, _) = make(&server, &zone3, url, "station:5", &["*"]).await;
    let record = (*server.sentinel.directory.webhook(&first).expect("it is there")).clone();
    let others = (1..100).map(|n| WebhookRecord { id: format!("w{n}"), ..record.clone() });
    server.change(others.map(Change::PutWebhook).collect()).await;
    for scope in ["station:5", "zone:3"] {
        let body = json!({"name": "n", "url": url, "scope": scope, "events": ["*"]});
        let refused = server.post(&zone3, "/api/v1/webhooks", body).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{scope}: {}", refused.text);
        assert!(refused.message().contains("has 100 webhooks"), "{}", refused.message());
    }
    make(&server, &zone4, url, "zone:4", &["*"]).await;
    make(&server, &server.sign_in("admin").await, url, "district:1", &["*"]).await;
    let gone = server.request(Method::DELETE, &zone3, "/api/v1/webhooks/w1");
    assert_eq!(crate::server::send(gone).await.status, StatusCode::NO_CONTENT);
    make(&server, &zone3, url, "zone:3", &["*"]).await;
}
