//! Signing in and out.

use super::*;

#[tokio::test]
async fn a_form_signs_in_without_javascript_and_goes_where_one_wanted() {
    let server = Server::new().await;
    let body = format!("username=chief5&password={PASSWORD}&next=%2Funits%3Fscope%3Dstation%3A5");
    let answer = server.form("/login", &[], &body).await;
    assert_eq!((answer.status, &*answer.location), (StatusCode::SEE_OTHER, "/units?scope=station:5"));
    for part in ["sentinel_session=snt_session_", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"] {
        assert!(answer.cookie.contains(part), "{}", answer.cookie);
    }
    let cookie = answer.cookie.split(';').next().expect("a cookie");
    let me = server.get(cookie, "/api/v1/auth/me").await;
    assert_eq!(me.json["user"]["username"], "chief5");
    assert_eq!(me.json["scope"], "station:5");
}

#[tokio::test]
async fn a_form_never_leads_to_another_server() {
    let server = Server::new().await;
    for next in
        ["//evil.example", "https%3A%2F%2Fevil.example", "%2F%5Cevil.example", "%2F%09%2Fevil.example"]
    {
        let body = format!("username=chief5&password={PASSWORD}&next={next}");
        assert_eq!(server.form("/login", &[], &body).await.location, "/", "{next}");
    }
}

#[tokio::test]
async fn a_wrong_password_leads_back_to_the_form_with_the_reason() {
    let server = Server::new().await;
    let answer = server.form("/login", &[], "username=chief5&password=x&next=/a").await;
    assert_eq!(answer.location, "/login?error=credentials&next=/a&user=chief5");
    assert_eq!(answer.cookie, "");
    for _ in 0..9 {
        server.form("/login", &[], "username=chief5&password=x").await;
    }
    let answer = server.form("/login", &[], "username=chief5&password=x").await;
    assert_eq!(answer.location, "/login?error=throttled&next=/&user=chief5");
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let server = Server::new().await;
    let cookie = server.cookie("chief5").await;
    let answer = server.form("/logout", &[("cookie", &cookie)], "").await;
    assert_eq!((answer.status, &*answer.location), (StatusCode::SEE_OTHER, "/login?error=signed_out"));
    assert!(answer.cookie.contains("Max-Age=0"));
    assert_eq!(server.get(&cookie, "/api/v1/auth/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn signing_in_anew_ends_the_browsers_session_before() {
    let server = Server::new().await;
    let before = server.cookie("chief5").await;
    let body = format!("username=boss3&password={PASSWORD}");
    let answer = server.form("/login", &[("cookie", &before)], &body).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(server.get(&before, "/api/v1/auth/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn another_sites_page_can_neither_sign_in_nor_out_nor_change_anything() {
    let server = Server::new().await;
    let cookie = server.cookie("admin").await;
    let foreign = [("origin", "https://evil.example"), ("host", "fleet.lan"), ("cookie", &*cookie)];
    let body = format!("username=chief5&password={PASSWORD}");
    assert_eq!(server.form("/login", &foreign, &body).await.status, StatusCode::FORBIDDEN);
    assert_eq!(server.form("/logout", &foreign, "").await.status, StatusCode::FORBIDDEN);
    let user = new_user("mole", "admin", "district:1").to_string();
    assert_eq!(server.form("/api/v1/users", &foreign, &user).await.status, StatusCode::FORBIDDEN);
    let own = [("origin", "https://fleet.lan"), ("host", "fleet.lan"), ("cookie", &*cookie)];
    assert_eq!(server.form("/api/v1/users", &own, &user).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn failed_sign_ins_from_one_address_wait_and_are_told_how_long() {
    let server = Server::new().await;
    for n in 0..40 {
        let answer = server.login(&format!("guess{n}"), "x", Some("192.0.2.1:1000")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = server.login("chief5", PASSWORD, Some("192.0.2.1:2000")).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds: i64 = answer.retry_after.parse().expect("seconds");
    assert_eq!(server.login("chief5", PASSWORD, Some("192.0.2.2:1000")).await.status, StatusCode::OK);
    server.now.fetch_add(seconds * 1000, Ordering::Relaxed);
    assert_eq!(server.login("chief5", PASSWORD, Some("192.0.2.1:1000")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_waits_for_itself() {
    let args = ServeArgs { trusted_proxy: "10.0.0.1".parse().ok(), ..ServeArgs::default() };
    let server = Server::with(args).await;
    let login = async |peer: &str, forwarded: &str, password: &str| {
        let body = json!({"username": "chief5", "password": password}).to_string();
        let request = Request::post("/api/v1/auth/login").header("x-forwarded-for", forwarded);
        let mut request = request.body(Body::from(body)).expect("a request");
        let peer: SocketAddr = peer.parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        server.send(request).await.status
    };
    let proxy = "10.0.0.1:999";
    for n in 0..10 {
        // Whatever the client wrote itself stands to the left, and changes each time.
        assert_eq!(login(proxy, &format!("10.9.9.{n}, 192.0.2.66"), "x").await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(login(proxy, "192.0.2.66", PASSWORD).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(login(proxy, "192.0.2.1", PASSWORD).await, StatusCode::OK);
    for n in 0..10 {
        assert_eq!(login("10.0.0.2:1", &format!("192.0.2.{n}"), "x").await, StatusCode::UNAUTHORIZED);
    }
    let stranger = login("10.0.0.2:1", "192.0.2.1", PASSWORD).await;
    assert_eq!(stranger, StatusCode::TOO_MANY_REQUESTS, "only the trusted one is believed");
}

#[tokio::test]
async fn who_is_not_signed_in_is_told_how_and_a_device_that_it_only_posts() {
    let server = Server::new().await;
    let unit = secret::mint(Kind::Unit);
    let record = UnitRecord {
        id: "PC-001".parse().expect("a good id"),
        name: "PC-001".into(),
        kind: "car".into(),
        homes: vec![Home { from: Time(0), path: PATH }],
        token_hash: unit.hash,
        created_at: Time(START),
        patrols_managed: false,
    };
    server.state.directory.put(vec![Change::PutUnit(record)]).await.expect("commits");
    for path in ["/api/v1/auth/me", "/api/v1/users", "/api/v1/api-keys", "/api/v1/scopes"] {
        let answer = server.get("sentinel_session=none", path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.json["code"], "unauthorized");
        assert!(message(&answer).contains("sign in"), "{path}");
        assert_eq!(server.get(&unit.text, path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}
