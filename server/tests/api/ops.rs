//! For operators and their tools, and how refusals look everywhere.

use crate::server::{Server, at, fix, send, zone};
use axum::response::IntoResponse as _;
use reqwest::{Method, StatusCode};
use sentinel_model::Permission;
use sentinel_server::{http::error::ApiError, ports::IntakeError};
use serde_json::json;

#[tokio::test]
async fn health_and_readiness_are_told_without_a_credential() {
    let server = Server::start().await;
    let health = server.get("", "/healthz").await;
    assert_eq!((health.status, health.text.as_str()), (StatusCode::OK, "ok"));
    let ready = server.get("", "/readyz").await;
    assert_eq!((ready.status, &ready.json["status"]), (StatusCode::OK, &json!("ready")));
    assert!(
        ready.json["engines"].as_str().is_some_and(|engines| engines.contains("sqlite")),
        "{}",
        ready.text
    );
}

#[tokio::test]
async fn metrics_count_fixes_requests_and_sockets() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let metrics = server.get("", "/metrics").await;
    assert_eq!(metrics.status, StatusCode::OK);
    assert!(metrics.header("content-type").starts_with("text/plain"));
    for name in [
        r#"sentinel_fixes_total{outcome="accepted"}"#,
        r#"sentinel_fixes_total{outcome="duplicate"}"#,
        r#"sentinel_fixes_total{outcome="rejected"}"#,
        "sentinel_positions_hidden_total ",
        "sentinel_units ",
        "sentinel_patrols_active ",
        "sentinel_sockets ",
        "sentinel_intake_queue ",
        "sentinel_request_seconds",
        r#"route="/api/v1/locations""#,
    ] {
        assert!(metrics.text.contains(name), "{name} is not in\n{}", metrics.text);
    }
    assert!(!metrics.text.contains("PC-1"), "no names in labels");
}

#[tokio::test]
async fn metrics_through_a_proxy_need_a_credential_that_sees() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    let proxied = |credential: &str| {
        send(server.request(Method::GET, credential, "/metrics").header("x-forwarded-for", "203.0.113.7"))
    };
    assert_eq!(proxied("").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(proxied(&token).await.status, StatusCode::FORBIDDEN);
    assert_eq!(proxied(&server.sign_in("viewer5").await).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_request_keeps_its_id_or_gets_one() {
    let server = Server::start().await;
    let given =
        send(server.request(Method::GET, "", "/api/v1/units").header("x-request-id", "trace-7.a_B")).await;
    assert_eq!(
        (given.header("x-request-id"), &given.json["request_id"]),
        ("trace-7.a_B", &json!("trace-7.a_B"))
    );
    let made = server.get("", "/api/v1/units").await;
    assert_eq!(made.header("x-request-id").len(), 16);
    assert_eq!(made.json["request_id"], made.header("x-request-id"));
    let long = "x".repeat(65);
    for bad in ["a b", "a\"b", "<script>", long.as_str()] {
        let replaced = send(server.request(Method::GET, "", "/healthz").header("x-request-id", bad)).await;
        assert_ne!(replaced.header("x-request-id"), bad);
    }
}

#[tokio::test]
async fn an_unknown_address_or_method_of_the_api_is_refused_as_json() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    for (method, path, status, code) in [
        (Method::GET, "/api/v1/nothing", StatusCode::NOT_FOUND, "not_found"),
        (Method::POST, "/api/v2/units", StatusCode::NOT_FOUND, "not_found"),
        (Method::GET, "/api/", StatusCode::NOT_FOUND, "not_found"),
        (Method::DELETE, "/api/v1/units", StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        (Method::PUT, "/api/v1/locations", StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        (Method::PUT, "/api/v1/patrols", StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
    ] {
        let answer = send(server.request(method.clone(), &admin, path)).await;
        assert_eq!(
            (answer.status, &answer.json["code"]),
            (status, &json!(code)),
            "{method} {path}: {}",
            answer.text
        );
        assert!(!answer.message().is_empty());
    }
}

#[tokio::test]
async fn what_does_not_read_is_refused_as_json() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    for path in [
        "/api/v1/patrols",
        "/api/v1/units",
        "/api/v1/users",
        "/api/v1/api-keys",
        "/api/v1/scopes",
        "/api/v1/auth/login",
    ] {
        for body in ["", "{", "[]", "{}", "\u{0}"] {
            let answer = send(server.request(Method::POST, &admin, path).body(body)).await;
            assert_eq!(
                (answer.status, &answer.json["code"]),
                (StatusCode::BAD_REQUEST, &json!("bad_request")),
                "{path} {body}: {}",
                answer.text
            );
        }
        let large = format!("{{\"name\":\"{}\"}}", "x".repeat(200_000));
        let answer = send(server.request(Method::POST, &admin, path).body(large)).await;
        assert_eq!(
            (answer.status, &answer.json["code"]),
            (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large")),
            "{path}"
        );
    }
    for path in [
        "/api/v1/units?limit=x",
        "/api/v1/units?cursor=a%20b",
        "/api/v1/units/nearby?lat=x&lng=1",
        "/api/v1/history?at=x",
    ] {
        let answer = server.get(&admin, path).await;
        assert_eq!(
            (answer.status, &answer.json["code"]),
            (StatusCode::BAD_REQUEST, &json!("bad_request")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_question_that_is_misspelt_is_refused_with_the_words_that_are_known() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    for (path, wrong, known) in [
        ("/api/v1/units?scpe=zone:3", "`scpe`", "`scope`"),
        ("/api/v1/units?next=PC-1", "`next`", "`cursor`"),
        ("/api/v1/users?scope=zone:3", "`scope`", "`limit`"),
        ("/api/v1/units/nearby?lat=9&lon=76", "`lon`", "`lng`"),
        ("/api/v1/history?time=2026-11-21T02:00:00Z", "`time`", "`at`"),
        ("/api/v1/units/PC-1/route?from=2026-11-21T02:00:00Z", "`from`", "`start_time`"),
    ] {
        let answer = server.get(&admin, path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        let said = answer.message();
        assert!(said.starts_with("the query does not read") && said.contains(wrong), "{said}");
        assert!(said.contains(known) && !said.contains("deserialize"), "{said}");
    }
    // Whose request it is may stand in the query too.
    let key = server.key(zone(3), &[Permission::Read]).await;
    let answer = server.get("", &format!("/api/v1/units?token={key}&limit=1")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

#[tokio::test]
async fn a_unit_s_token_is_told_that_it_is_for_posting() {
    let server = Server::start().await;
    let unit = server.unit("PC-1", 5).await;
    for path in ["/api/v1/units", "/api/v1/units?scope=zone:3", "/api/v1/stats", "/api/v1/auth/me"] {
        let answer = server.get(&unit, path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {}", answer.text);
        assert!(answer.message().contains("posts positions"), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn who_manages_everything_is_told_of_a_station_that_is_not_there() {
    let server = Server::start().await;
    let unit = json!({"id": "N-1", "station": "station:404"});
    let admin = server.sign_in("admin").await;
    let answer = server.post(&admin, "/api/v1/units", unit.clone()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    assert!(answer.message().contains("there is no station:404"), "{}", answer.text);
    let of_zone = server.key(zone(3), &[Permission::Manage]).await;
    let answer = server.post(&of_zone, "/api/v1/units", unit).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
}

#[tokio::test]
async fn whatever_is_refused_is_refused_in_one_shape() {
    let server = Server::start().await;
    server.unit("PC-1", 5).await;
    let admin = server.sign_in("admin").await;
    let (get, post, patch) = (Method::GET, Method::POST, Method::PATCH);
    for (method, path, body, status) in [
        (&get, "/api/v1/units/%ff", "", 400),
        (&get, "/api/v1/units/%ff/location", "", 400),
        (&get, "/api/v1/units/%ff/route", "", 400),
        (&patch, "/api/v1/units/%ff", "{}", 400),
        (&post, "/api/v1/units/%ff/location", "{}", 400),
        (&get, "/api/v1/patrols/%ff", "", 400),
        (&post, "/api/v1/patrols/%ff/end", "", 400),
        (&patch, "/api/v1/users/%ff", "{}", 400),
        (&Method::DELETE, "/api/v1/api-keys/%ff", "", 400),
        (&patch, "/api/v1/scopes/%ff", "{}", 400),
        (&get, "/api/v1/ws", "", 400),
        (&get, "/api/v1/history", "", 400),
        (&get, "/api/v1/history?at=yesterday", "", 400),
        (&get, "/api/v1/units/nearby", "", 400),
        (&get, "/api/v1/units?scope=galaxy:1", "", 400),
        (&get, "/api/v1/units?limit=-1", "", 400),
        (&get, "/api/v1/units/PC-1/route?max_points=x", "", 400),
        (&get, "/api/v1/units/nobody", "", 404),
        (&get, "/api/nothing", "", 404),
        (&Method::PUT, "/api/v1/units", "", 405),
        (&Method::DELETE, "/login", "", 405),
        (&post, "/login", "not=a%form", 400),
        (&post, "/start_patrol", r#"{"unit_id":"PC-1","station_id":-5}"#, 400),
        (&post, "/start_patrol", r#"{"unit_id":"PC-1","station_id":5.5}"#, 400),
        (&post, "/start_patrol", r#"{"unit_id":"PC-1","station_id":[5]}"#, 400),
        (&post, "/start_patrol", r#"{"unit_id":"PC-1","station_id":"five"}"#, 400),
        (&post, "/api/v1/units", r#"{"id":"N-1","station":"station:5","name":"a\nb\u0000c"}"#, 400),
        (&post, "/api/v1/units", r#"{"id":"N-1","station":"station:5","kind":"a\nb"}"#, 400),
        (&patch, "/api/v1/units/PC-1", r#"{"name":" "}"#, 400),
    ] {
        let request = server.request(method.clone(), &admin, path).body(body);
        let answer = send(request.header("x-request-id", "r-1")).await;
        let shape = answer.json.as_object().map(|o| o.keys().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(
            shape.as_deref(),
            Some(&["code", "message", "request_id"][..]),
            "{method} {path}: {}",
            answer.text
        );
        assert_eq!(
            (answer.status.as_u16(), &answer.json["request_id"]),
            (status, &json!("r-1")),
            "{method} {path} {body}: {}",
            answer.text
        );
        assert!(!answer.message().is_empty() && !answer.message().contains("untagged"), "{}", answer.text);
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_browsers_obey() {
    let server = Server::start().await;
    for path in ["/healthz", "/api/v1/units", "/api/v1/nothing", "/login"] {
        let answer = server.get("", path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src"), "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_made_safe_is_refused_with_when_to_come_back() {
    let disk = || IntakeError::Store("disk full: /secret/path".into());
    for error in [IntakeError::Full, IntakeError::Stopping, disk()] {
        let said = format!("{error:?}");
        let response = ApiError::from(error).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{said}");
        let wait = response.headers()["retry-after"].to_str().expect("text").parse::<u32>();
        assert!(wait.is_ok_and(|seconds| (1..60).contains(&seconds)), "{said}");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.expect("a body");
        let body = String::from_utf8_lossy(&body);
        assert!(body.contains("\"overloaded\"") && !body.contains("secret"), "{body}");
    }
}
