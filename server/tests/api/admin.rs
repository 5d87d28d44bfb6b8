//! The administration pages: who gets them, what their forms do, and what another site's page cannot.

use super::server::*;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;

const CHIEF: &str = "chief5";

pub async fn form(server: &Server, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    send(posting(server, cookie, path, fields)).await
}

/// As a browser posts a form; of these values only spaces would not pass as they are.
pub fn posting(server: &Server, cookie: &str, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
    let request = server.request(Method::POST, cookie, path);
    request.header("content-type", "application/x-www-form-urlencoded").body(pairs.join("&"))
}

/// What stands between `before` and the next `after`.
pub fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {text}"));
    rest.split(after).next().unwrap_or_default()
}

/// A secret that a page shows, by the id of its element.
pub fn secret<'a>(answer: &'a Answer, id: &str) -> &'a str {
    between(between(&answer.text, &format!("<code id=\"{id}\""), "</code>"), ">", "<")
}

#[tokio::test]
async fn who_is_not_signed_in_signs_in_and_comes_back() {
    let server = Server::start().await;
    let answer = server.get("", "/admin/units?q=van").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), "/login?error=expired&next=/admin/units%3Fq%3Dvan");
    let answer = form(&server, "", "/admin/new-key", &[("name", "k")]).await;
    assert_eq!(answer.header("location"), "/login?error=expired&next=/admin");
    let key = server.key(DISTRICT, &[sentinel_model::Permission::Manage]).await;
    let answer = server.get(&key, "/admin/keys").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "pages are for people");
    server.end().await;
}

#[tokio::test]
async fn a_chief_sees_the_units_of_the_own_station_and_may_change_none() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.unit("PC-2", 9).await;
    let chief = server.cookie(CHIEF).await;
    let list = server.get(&chief, "/admin/units").await;
    assert_eq!(list.status, StatusCode::OK);
    assert!(list.text.contains("/admin/units/PC-1") && !list.text.contains("PC-2"), "{}", list.text);
    assert!(!list.text.contains("/admin/new-unit") && !list.text.contains("/admin/keys"));
    let own = server.get(&chief, "/admin/units/PC-1").await;
    assert_eq!(own.status, StatusCode::OK);
    assert!(!own.text.contains("Connect a phone"), "nothing of what is refused");
    let hidden = server.get(&chief, "/admin/units/PC-2").await;
    let missing = server.get(&chief, "/admin/units/PC-3").await;
    assert_eq!((hidden.status, missing.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
    assert_eq!(hidden.text.replace("PC-2", "PC-3").len(), missing.text.len(), "both answer alike");
    for page in ["/admin/keys", "/admin/new-key", "/admin/new-unit"] {
        let answer = server.get(&chief, page).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{page}");
        assert!(answer.text.contains("This is not yours to see"), "{page}");
    }
    for (path, fields) in [
        ("/admin/new-unit", &[("id", "PC-4"), ("station", "station:5")][..]),
        ("/admin/new-key", &[("name", "k"), ("scope", "station:5"), ("read", "on")]),
    ] {
        assert_eq!(form(&server, &chief, path, fields).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let answer = form(&server, &chief, "/admin/units/PC-1/token", &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    server.end().await;
}

#[tokio::test]
async fn another_sites_page_cannot_use_the_cookie() {
    let server = Server::start().await;
    server.unit("PC-1", 5).await;
    let admin = server.cookie("admin").await;
    for (path, fields) in [
        ("/admin/new-unit", &[("id", "PC-4"), ("station", "station:5")][..]),
        ("/admin/new-key", &[("name", "k"), ("scope", "district:1"), ("manage", "on")]),
        ("/admin/units/PC-1/token", &[]),
        ("/admin/keys/1f/revoke", &[]),
    ] {
        for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "http://evil.example")] {
            let request = posting(&server, &admin, path, fields).header(name, value);
            assert_eq!(send(request).await.status, StatusCode::FORBIDDEN, "{path} {name}");
        }
    }
    assert!(server.sentinel.directory.keys().is_empty());
    assert!(server.sentinel.directory.unit(&id("PC-4")).is_none());
    server.end().await;
}

#[tokio::test]
async fn a_key_is_made_shown_once_works_and_is_revoked() {
    let server = Server::start().await;
    let admin = server.cookie("admin").await;
    let choices = server.get(&admin, "/admin/new-key").await.text;
    assert!(choices.contains("value=\"zone:3\"") && choices.contains("value=\"station:9\""), "{choices}");
    let fields =
        [("name", "depot"), ("scope", "zone:3"), ("read", "on"), ("ingest", "on"), ("ends", "2027-01-31")];
    let made = form(&server, &admin, "/admin/new-key", &fields).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.header("cache-control"), "no-store");
    let key = secret(&made, "secret");
    assert_eq!(server.get(key, "/api/v1/auth/me").await.json["scope"], "zone:3");

    let list = server.get(&admin, "/admin/keys").await.text;
    assert!(
        list.contains("depot") && list.contains("Read, Ingest") && list.contains("2027-01-31T23:59:59.999Z")
    );
    assert!(!list.contains(key), "it was shown once");
    let revoke = between(&list, "action=\"/admin/keys/", "\"");
    let gone = form(&server, &admin, &format!("/admin/keys/{revoke}"), &[]).await;
    assert_eq!((gone.status, gone.header("location")), (StatusCode::SEE_OTHER, "/admin/keys?done=revoked"));
    assert_eq!(server.get(key, "/api/v1/auth/me").await.status, StatusCode::UNAUTHORIZED);
    assert!(server.get(&admin, gone.header("location")).await.text.contains("Revoked"));
    server.end().await;
}

#[tokio::test]
async fn a_refused_form_says_why_and_keeps_what_was_typed() {
    let server = Server::start().await;
    server.unit("PC-1", 5).await;
    let admin = server.cookie("admin").await;
    for (path, fields, status, why) in [
        ("/admin/new-key", &[("name", "depot"), ("scope", "zone:3")][..], 400, "at least one permission"),
        (
            "/admin/new-key",
            &[("name", "depot"), ("scope", "zone:3"), ("read", "on"), ("ends", "2020-01-01")],
            400,
            "not in the future",
        ),
        (
            "/admin/new-unit",
            &[("id", "PC-1"), ("name", "depot"), ("station", "station:5")],
            409,
            "choose another id",
        ),
        ("/admin/new-unit", &[("id", "a b"), ("name", "depot"), ("station", "station:5")], 400, "a b"),
    ] {
        let answer = form(&server, &admin, path, fields).await;
        assert_eq!(answer.status.as_u16(), status, "{why}");
        assert!(
            answer.text.contains(why) && answer.text.contains("value=\"depot\""),
            "{why}: {}",
            answer.text
        );
    }
    server.end().await;
}

#[tokio::test]
async fn a_new_units_phone_posts_with_the_token_that_is_shown_once() {
    let server = Server::start().await;
    let admin = server.cookie("admin").await;
    let fields = [("id", "PC-7"), ("name", "Seven"), ("kind", ""), ("station", "station:5")];
    let made = form(&server, &admin, "/admin/new-unit", &fields).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let first = secret(&made, "token").to_owned();
    assert!(made.text.contains("aria-label=\"Code for OwnTracks\""), "there is a code to scan");
    server.fixes(&first, &[fix(at(0), 9.9, 76.2)]).await;

    let page = server.get(&admin, "/admin/units/PC-7").await.text;
    assert!(!page.contains(&first) && page.contains("(the unit's token)"), "it was shown once");
    let renewed = form(&server, &admin, "/admin/units/PC-7/token", &[]).await;
    assert_eq!(renewed.status, StatusCode::OK);
    let second = secret(&renewed, "token");
    let old = server.post(&first, "/api/v1/locations", json!({"location": fix(at(1), 9.9, 76.2)})).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    server.fixes(second, &[fix(at(1), 9.9, 76.2)]).await;
    server.end().await;
}

#[tokio::test]
async fn loading_the_answer_of_a_form_anew_makes_no_other_secret() {
    let server = Server::start().await;
    server.unit("PC-1", 5).await;
    let admin = server.cookie("admin").await;
    let once_of = async |page: &str| {
        let text = server.get(&admin, page).await.text;
        between(between(&text, "name=\"once\"", ">"), "value=\"", "\"").to_owned()
    };
    let done_already = |answer: &Answer, leads: &str| {
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
        let shows = |text: &str| answer.text.contains(text);
        assert!(shows("This was done already") && shows(&format!("href=\"{leads}\"")), "{}", answer.text);
        assert!(!shows("id=\"secret\"") && !shows("id=\"token\""), "no secret: {}", answer.text);
    };

    let once = once_of("/admin/new-key").await;
    let fields = [("once", &*once), ("name", "depot"), ("scope", "zone:3"), ("read", "on")];
    let first = form(&server, &admin, "/admin/new-key", &fields).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let key = secret(&first, "secret");
    done_already(&form(&server, &admin, "/admin/new-key", &fields).await, "/admin/keys");
    assert_eq!(server.sentinel.directory.keys().len(), 1);
    assert_eq!(server.get(key, "/api/v1/auth/me").await.status, StatusCode::OK, "the first one stays");
    let odd = [("once", "../../x"), ("name", "depot"), ("scope", "zone:3"), ("read", "on")];
    let odd = form(&server, &admin, "/admin/new-key", &odd).await;
    assert!(odd.status == StatusCode::BAD_REQUEST && odd.text.contains("open it again"), "{}", odd.text);

    let once = once_of("/admin/units/PC-1").await;
    let renewed = form(&server, &admin, "/admin/units/PC-1/token", &[("once", &once)]).await;
    let token = secret(&renewed, "token");
    let again = form(&server, &admin, "/admin/units/PC-1/token", &[("once", &once)]).await;
    done_already(&again, "/admin/units/PC-1");
    server.fixes(token, &[fix(at(0), 9.9, 76.2)]).await;
    assert_ne!(once_of("/admin/units/PC-1").await, once, "the page opened anew replaces the new one");

    let fields = [("id", "PC-7"), ("name", ""), ("kind", ""), ("station", "station:5")];
    let made = form(&server, &admin, "/admin/new-unit", &fields).await;
    let token = secret(&made, "token");
    let again = form(&server, &admin, "/admin/new-unit", &fields).await;
    assert!(again.status == StatusCode::CONFLICT && again.text.contains("shown once"), "{}", again.text);
    server.fixes(token, &[fix(at(0), 9.9, 76.2)]).await;
    server.end().await;
}

#[tokio::test]
async fn a_units_page_says_why_its_phone_is_not_seen() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.unit("PC-2", 5).await;
    let chief = server.cookie(CHIEF).await;
    let body = json!({"location": [fix(at(0), 91.0, 76.2), fix(at(1), 9.9, 76.2)]});
    assert_eq!(server.post(&token, "/api/v1/locations", body).await.status, StatusCode::OK);
    let page = server.get(&chief, "/admin/units/PC-1").await.text;
    assert!(between(&page, "<ol class=\"set-aside\">", "</ol>").contains("latitude 91 is outside"), "{page}");
    let rejected = server.get(&chief, "/api/v1/units/PC-1/rejected").await.json;
    let reason = rejected["items"][0]["reason"].as_str().unwrap_or_default();
    assert!(page.contains(reason) && !reason.is_empty(), "the same as programs read: {rejected}");
    let other = server.get(&chief, "/admin/units/PC-2").await.text;
    assert!(!other.contains("latitude 91") && !other.contains("set-aside\">"), "{other}");
    server.end().await;
}

#[tokio::test]
async fn settings_name_the_address_that_the_browser_used() {
    let server = Server::start().await;
    server.unit("PC-1", 5).await;
    let admin = server.cookie("admin").await;
    let asked = |host: &'static str, proto: &'static str| {
        let request = server.request(Method::GET, &admin, "/admin/units/PC-1");
        send(request.header("host", host).header("x-forwarded-proto", proto))
    };
    let page = asked("fleet.example:8443", "https").await.text;
    assert!(page.contains("http://fleet.example:8443/api/v1/locations"), "nobody trusted says it is HTTPS");
    assert!(!page.contains("Phones cannot reach"));
    assert!(asked("localhost:3000", "http").await.text.contains("Phones cannot reach http://localhost:3000"));
    let odd = asked("a\"b", "http").await;
    assert!(!odd.status.is_success() && !odd.text.contains("a\"b/"), "{}", odd.text);
    server.end().await;

    let trusting = sentinel_server::config::ServeArgs {
        trusted_proxy: Some("127.0.0.0/8".parse().expect("a network")),
        ..Default::default()
    };
    let server = Server::start_with(trusting).await;
    server.unit("PC-1", 5).await;
    let admin = server.cookie("admin").await;
    let request = server.request(Method::GET, &admin, "/admin/units/PC-1");
    let request = request.header("x-forwarded-proto", "https").header("host", "fleet.example");
    assert!(send(request).await.text.contains("https://fleet.example/api/v1/locations"));
    server.end().await;
}

#[tokio::test]
async fn the_address_that_osmand_is_given_stores_what_the_app_fills_in_with_its_speed_in_metres_per_second() {
    let server = Server::start().await;
    let admin = server.cookie("admin").await;
    let fields = [("id", "PC-7"), ("name", ""), ("kind", ""), ("station", "station:5")];
    let made = form(&server, &admin, "/admin/new-unit", &fields).await.text;
    let template = format!("/?id={}", between(&made, "/?id=", "<").replace("&amp;", "&"));
    let template = if template.contains("{5}") { template } else { panic!("no speed in {template}") };
    let time = at(0).ms().to_string();
    let values = ["9.9658", "76.2997", &time, "4.0", "12.5", "13.25", "90.0"];
    let address = (0..values.len())
        .fold(template, |address, field| address.replace(&format!("{{{field}}}"), values[field]));
    let answer = server.get("", &address).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, ""), "{address}");
    let stored = server.get(&admin, "/api/v1/units/PC-7").await.json;
    let last = &stored["location"];
    assert_eq!(
        [&last["latitude"], &last["longitude"], &last["speed_mps"], &last["heading_deg"]],
        [&json!(9.9658), &json!(76.2997), &json!(13.25), &json!(90.0)],
        "{stored}"
    );
    server.end().await;
}

#[tokio::test]
async fn the_profile_that_gpslogger_fetches_is_for_the_units_own_token_alone() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    let profile = server.get("", &format!("/connect/sentinel.properties?token={token}")).await;
    assert_eq!(profile.status, StatusCode::OK);
    assert!(profile.text.contains("log_customurl_basicauth_username=PC-1\n"), "{}", profile.text);
    let key = server.key(DISTRICT, &[sentinel_model::Permission::Manage]).await;
    for (given, status) in [(key.as_str(), StatusCode::FORBIDDEN), ("snt_unit_x", StatusCode::UNAUTHORIZED)] {
        let answer = server.get("", &format!("/connect/sentinel.properties?token={given}")).await;
        assert_eq!(answer.status, status);
    }
    let answer = server.get("", "/connect/sentinel.properties").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    server.end().await;
}

#[tokio::test]
async fn a_long_list_goes_on_and_is_searched() {
    let server = Server::start().await;
    for number in 0..60 {
        server.unit(&format!("PC-{number:03}"), 5).await;
    }
    let admin = server.cookie("admin").await;
    let first = server.get(&admin, "/admin/units").await.text;
    assert!(first.contains(">PC-049<") && !first.contains(">PC-050<"));
    let next = between(&first, "href=\"/admin/units?cursor=", "\"");
    let second = server.get(&admin, &format!("/admin/units?cursor={next}")).await.text;
    assert!(second.contains(">PC-050<") && !second.contains(">PC-049<"));
    let found = server.get(&admin, "/admin/units?q=pc-013").await.text;
    assert!(found.contains(">PC-013<") && !found.contains(">PC-014<"));
    assert!(server.get(&admin, "/admin/units?q=%3Cb%3E").await.text.contains("No unit matches"));
    server.end().await;
}
