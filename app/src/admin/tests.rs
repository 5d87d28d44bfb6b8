//! What the pages say, read as a browser gets it.

use super::*;
use connect::{apps, gpslogger_profile};
use sentinel_model::{
    Page, Permission, Role, UnitId,
    people::ApiKey,
    webhook::{Delivery, DeliveryAttempt, DeliveryState, WantedEvents, Webhook, WebhookEvent},
};

const NOW: Time = Time(1_795_226_400_000);
const TOKEN: &str = "snt_unit_abc-DEF_123";

fn frame() -> Frame {
    let (parts, ()) = http::Request::builder()
        .header("cookie", "sentinel_theme=light")
        .body(())
        .expect("a request")
        .into_parts();
    Frame {
        parts,
        nonce: "n0nce".into(),
        viewer: User {
            username: "admin".parse().expect("a name"),
            name: "Anju <Admin>".into(),
            role: Role::Admin,
            scope: "district:1".parse().expect("a scope"),
            disabled: false,
        },
        scope_name: "Kochi City".into(),
        may_manage: true,
        may_keep_webhooks: true,
        now: NOW,
    }
}

/// The words of a page, without its marks.
fn words(html: &str) -> String {
    let mut text = String::new();
    for piece in html.split('<') {
        text.push_str(piece.split_once('>').map_or("", |(_, words)| words));
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unit() -> UnitId {
    "PC-001".parse().expect("an id")
}

#[test]
fn a_page_is_a_whole_document_in_the_chosen_look_whose_one_script_has_the_nonce() {
    let html = page(&frame(), Section::Keys, "A <title>", || view! { <p>"here"</p> });
    assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\" data-theme=\"light\""), "{html}");
    assert!(html.contains("<title>A &lt;title&gt; · Sentinel</title>"), "{html}");
    assert_eq!(html.matches("<script").count(), 1);
    assert!(html.contains("<script nonce=\"n0nce\">\ndocument."), "{html}");
    assert!(html.contains("Anju &lt;Admin&gt;") && !html.contains("<Admin>"), "{html}");
    assert!(!html.contains(".wasm"), "administration needs none");
    assert!(words(&html).contains("Administrator, Kochi City"), "{}", words(&html));
}

#[test]
fn each_app_is_told_the_token_in_the_place_it_has_for_one() {
    let all = apps("https://fleet.example", &unit(), Some(TOKEN));
    let app = |name: &str| all.iter().find(|app| app.name == name).expect("it is listed");
    let setting = |name: &str, label: &str| {
        let found = app(name).settings.iter().find(|(it, _)| *it == label);
        found.map(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
    };
    assert_eq!(setting("Traccar Client", "Device identifier"), TOKEN);
    assert_eq!(setting("Traccar Client", "Server URL"), "https://fleet.example");
    assert_eq!(setting("OwnTracks", "User name"), "PC-001");
    assert_eq!(setting("OwnTracks", "Password"), TOKEN);
    assert_eq!(setting("Overland", "Access token"), TOKEN);
    assert_eq!(setting("GPSLogger", "Password"), TOKEN);
    assert!(
        setting("OsmAnd", "Web address").starts_with(&format!("https://fleet.example/?id={TOKEN}&lat={{0}}"))
    );
    assert_eq!(setting("Your own app", "headers.Authorization"), format!("Bearer {TOKEN}"));
    assert!(setting("curl", "Command").contains(&format!("Authorization: Bearer {TOKEN}")));
}

#[test]
fn the_links_are_as_the_apps_read_them() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let all = apps("https://fleet.example:8443", &unit(), Some(TOKEN));
    let link = |name: &str| {
        let app = all.iter().find(|app| app.name == name).expect("it is listed");
        app.link.as_ref().expect("it reads links")
    };
    let traccar = link("Traccar Client");
    let opens = format!("org.traccar.client://config?url=https%3A%2F%2Ffleet.example%3A8443&id={TOKEN}&");
    assert!(traccar.open.starts_with(&opens), "{}", traccar.open);
    let scans = format!("https://fleet.example:8443/?id={TOKEN}&accuracy=high&");
    assert!(traccar.scan.starts_with(&scans), "{}", traccar.scan);
    assert_eq!(
        link("Overland").open,
        format!(
            "overland://setup?url=https%3A%2F%2Ffleet.example%3A8443%2Fapi%2Fv1%2Flocations&token={TOKEN}&device_id=PC-001"
        )
    );
    assert_eq!(
        link("GPSLogger").open,
        format!(
            "gpslogger://properties/https://fleet.example:8443/connect/sentinel.properties?token={TOKEN}"
        )
    );
    let inline = link("OwnTracks").open.strip_prefix("owntracks:///config?inline=").expect("inline");
    let inline = inline.replace("%3D", "=").replace("%2B", "+").replace("%2F", "/");
    let config = String::from_utf8(STANDARD.decode(inline).expect("base64")).expect("text");
    for part in [
        r#""_type":"configuration""#,
        r#""mode":3"#,
        r#""url":"https://fleet.example:8443/api/v1/locations""#,
        r#""username":"PC-001""#,
        r#""password":"snt_unit_abc-DEF_123""#,
    ] {
        assert!(config.contains(part), "{config}");
    }
}

#[test]
fn without_the_token_at_hand_there_is_no_link_and_no_token_anywhere() {
    let all = apps("https://fleet.example", &unit(), None);
    assert!(all.iter().all(|app| app.link.is_none()));
    assert!(all[0].settings.iter().any(|(_, value)| value == "(the unit's token)"));
}

#[test]
fn a_profile_posts_with_the_units_own_name_and_token() {
    let profile = gpslogger_profile("https://fleet.example", &unit(), TOKEN);
    assert!(
        profile.contains("log_customurl_url=https://fleet.example/log?lat=%LAT&longitude=%LON&time=%TIME")
    );
    assert!(profile.contains("log_customurl_basicauth_username=PC-001\n"));
    assert!(profile.contains("log_customurl_basicauth_password=snt_unit_abc-DEF_123\n"));
}

#[test]
fn a_code_is_drawn_dark_on_light_with_room_around_it() {
    let svg = qr::qr("Code for Overland".into(), "overland://setup?url=x").expect("it fits").to_html();
    assert!(svg.contains("role=\"img\" aria-label=\"Code for Overland\""), "{svg}");
    assert!(svg.contains("M4 4h1v1h-1z"), "the first module is dark, four from the edge: {svg}");
    assert!(qr::qr(String::new(), &"x".repeat(5_000)).is_none());
}

fn key(revoked: bool, expires_at: Option<Time>) -> keys::Row {
    let key = ApiKey {
        id: "1f".into(),
        name: "depot <b>".into(),
        scope: "zone:3".parse().expect("a scope"),
        permissions: vec![Permission::Ingest, Permission::Read],
        created_at: NOW.plus_ms(-120_000),
        expires_at,
        revoked,
        last_used_at: Some(NOW.plus_ms(-60_000)),
    };
    keys::Row { key, scope_name: "West".into() }
}

#[test]
fn a_key_says_in_a_word_whether_it_still_opens_anything_and_is_revoked_by_a_form() {
    let list = |row| {
        let rows = Page { items: vec![row], next: None };
        keys::list(&frame(), keys::List { rows, is_first_page: true, revoked: false })
    };
    let used = list(key(false, Some(NOW.plus_ms(60_000))));
    let said = words(&used);
    for word in
        ["depot &lt;b&gt;", "West zone:3", "Read, Ingest", "2 min ago", "2026-11-21 02:01 UTC", "In use"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(used.contains("action=\"/admin/keys/1f/revoke\""), "{used}");
    for (row, word) in [(key(false, Some(NOW)), "Expired"), (key(true, None), "Revoked")] {
        assert!(words(&list(row)).contains(word));
    }
    assert!(!list(key(true, None)).contains("/revoke"), "there is nothing left to revoke");
}

fn endpoint() -> Webhook {
    Webhook {
        id: "e1".into(),
        name: "Control <room>".into(),
        url: "https://hooks.example/in".into(),
        scope: "zone:3".parse().expect("a scope"),
        events: WantedEvents::Some(vec![WebhookEvent::AlertSos, WebhookEvent::PatrolEnded]),
        enabled: true,
        disabled_because: None,
        failing_since: None,
        created_at: NOW.plus_ms(-7_200_000),
    }
}

fn shown(webhook: Webhook, deliveries: Vec<Delivery>) -> String {
    let deliveries = Page { items: deliveries, next: Some("1-msg_0".into()) };
    let scope_name = "West".into();
    webhook::shown(
        &frame(),
        webhook::Shown {
            webhook,
            secret_mark: "0ld5ecret".into(),
            scope_name,
            deliveries,
            is_first_page: true,
            done: None,
        },
    )
}

fn delivery(id: &str, state: DeliveryState, attempts: Vec<DeliveryAttempt>) -> Delivery {
    Delivery {
        id: id.into(),
        event: WebhookEvent::AlertSos,
        unit_id: Some(unit()),
        body: r#"{"type":"alert.sos","data":{"unit_id":"PC-001"}}"#.into(),
        created_at: NOW.plus_ms(-60_000),
        state,
        attempts,
        next_attempt_at: Some(NOW.plus_ms(300_000)).filter(|_| state == DeliveryState::Pending),
    }
}

fn attempt(status: Option<u16>, error: Option<&str>, response: Option<&str>) -> DeliveryAttempt {
    DeliveryAttempt {
        at: NOW.plus_ms(-55_000),
        status,
        error: error.map(Into::into),
        duration_ms: 31,
        response: response.map(Into::into),
    }
}

#[test]
fn a_delivery_tells_each_attempt_and_what_comes_next() {
    let refused = attempt(None, Some("the connection was refused"), None);
    let busy = attempt(Some(503), Some("answered 503"), Some("<b>busy</b>"));
    let html = shown(
        endpoint(),
        vec![
            delivery("msg_1", DeliveryState::Pending, vec![busy, refused.clone()]),
            delivery("msg_2", DeliveryState::Delivered, vec![attempt(Some(200), None, Some(" "))]),
            delivery("msg_3", DeliveryState::Failed, vec![refused]),
        ],
    );
    let said = words(&html);
    for part in [
        "Waiting alert.sos PC-001 2 attempts 1 min ago",
        "What is sent {\"type\":\"alert.sos\",\"data\":{\"unit_id\":\"PC-001\"}}",
        "2026-11-21 01:59:05 UTC answered 503 31 ms &lt;b&gt;busy&lt;/b&gt;",
        "the connection was refused 31 ms",
        "Next attempt 2026-11-21 02:05:00 UTC",
        "Delivered alert.sos PC-001 1 attempt",
        "Failed alert.sos PC-001 1 attempt",
        "alert.sos, patrol.ended",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(html.matches("attempt-answer").count(), 1, "an empty answer takes no room");
    for address in ["/test", "/enabled", "/rotate-secret", "/remove", "/deliveries/msg_1/redeliver"] {
        assert!(html.contains(&format!("action=\"/admin/webhooks/e1{address}\"")), "{address}");
    }
    assert!(html.contains("href=\"/admin/webhooks/e1?cursor=1-msg_0\""), "{html}");
    assert_eq!(html.matches("name=\"once\" value=\"0ld5ecret\"").count(), 1, "with the new secret alone");
}

#[test]
fn what_waits_behind_an_endpoint_that_fails_says_so() {
    let failing = Webhook { failing_since: Some(NOW.plus_ms(-3_600_000)), ..endpoint() };
    let said = words(&shown(failing, vec![delivery("msg_1", DeliveryState::Pending, Vec::new())]));
    let next = "Waiting for the endpoint, which is tried next at 2026-11-21 02:05:00 UTC";
    assert!(said.contains(next) && !said.contains("Next attempt"), "{said}");
}

fn unit_page(token_mark: Option<&str>, set_aside: Vec<unit::SetAside>) -> String {
    let unit = sentinel_model::Unit {
        id: unit(),
        name: "PC-001".into(),
        kind: "van".into(),
        station: "station:5".parse().expect("a scope"),
        status: sentinel_model::UnitStatus::OffDuty,
        patrol_id: None,
        location: None,
    };
    let shown = unit::Shown {
        unit,
        station_name: "Kadavanthra".into(),
        server: "https://fleet.example".into(),
        is_loopback: false,
        token_mark: token_mark.map(Into::into),
        fresh: None,
        set_aside,
    };
    unit::shown(&frame(), shown)
}

#[test]
fn a_phone_is_connected_by_who_may_give_it_a_token() {
    let html = unit_page(Some("70ken"), Vec::new());
    assert!(html.contains("Connect a phone") && html.contains("Traccar Client"), "{html}");
    assert!(html.contains("name=\"once\" value=\"70ken\""), "{html}");
    let html = unit_page(None, Vec::new());
    for hidden in ["Connect a phone", "Traccar Client", "token"] {
        assert!(!html.contains(hidden), "{hidden}: {html}");
    }
}

#[test]
fn a_units_page_tells_why_points_of_it_were_set_aside() {
    let said = words(&unit_page(None, Vec::new()));
    assert!(said.contains("Points set aside") && said.contains("None."), "{said}");
    let reason = "latitude <91> is outside -90..90".into();
    let said = words(&unit_page(None, vec![unit::SetAside { at: NOW, reason }]));
    assert!(said.contains("2026-11-21 02:00:00 UTC latitude &lt;91&gt; is outside"), "{said}");
}

#[test]
fn what_is_wrong_with_an_endpoint_is_said_and_what_cannot_be_done_is_not_offered() {
    let failing = Webhook { failing_since: Some(NOW.plus_ms(-3_600_000)), ..endpoint() };
    let said = words(&shown(failing.clone(), Vec::new()));
    assert!(said.contains("Failing") && said.contains("nothing since 2026-11-21 01:00 UTC"), "{said}");
    let off = Webhook { enabled: false, disabled_because: Some("it answered 410 Gone".into()), ..failing };
    let html = shown(off.clone(), vec![delivery("msg_1", DeliveryState::Failed, Vec::new())]);
    let said = words(&html);
    assert!(said.contains("switched it off: it answered 410 Gone.") && said.contains("Switch on"), "{said}");
    assert!(!html.contains("/test\"") && !html.contains("/redeliver"), "nothing is sent while it is off");
    let rows = vec![webhooks::Row { webhook: off, scope_name: "West".into() }];
    let list = webhooks::List { rows, removed: false };
    let said = words(&webhooks::list(&frame(), list));
    assert!(said.contains("Control &lt;room&gt; https://hooks.example/in West zone:3"), "{said}");
    assert!(said.ends_with("Off"), "{said}");
}

#[test]
fn a_refused_form_keeps_what_was_typed() {
    let scopes =
        vec![ScopeChoice { scope: "zone:3".parse().expect("a scope"), name: "West".into(), depth: 1 }];
    let typed = webhooks::Typed {
        once: "0123456789abcdef".into(),
        name: "Control".into(),
        url: "http://10.0.0.1".into(),
        scope: "zone:3".into(),
        events: vec!["alert.sos".into()],
    };
    let why = Some("private addresses are refused".into());
    let html = webhooks::form(&frame(), None, scopes, typed, why);
    assert!(words(&html).contains("private addresses are refused"));
    assert!(
        html.contains("value=\"http://10.0.0.1\"") && html.contains("value=\"zone:3\" selected"),
        "{html}"
    );
    assert_eq!(html.matches(" checked").count(), 1, "{html}");
    assert!(html.contains("type=\"hidden\" name=\"once\" value=\"0123456789abcdef\""), "{html}");
    let offered = WebhookEvent::OFFERED.map(WebhookEvent::as_str);
    for event in offered.iter().chain([&webhooks::ALL]) {
        assert!(html.contains(&format!("name=\"event.{event}\"")), "{event}");
    }
}

#[test]
fn the_menu_names_what_the_viewer_may_use() {
    let said = |may_manage, may_keep_webhooks| {
        let frame = Frame { may_manage, may_keep_webhooks, ..frame() };
        let html = page(&frame, Section::Units, "Units", || ());
        ["/admin/units", "/admin/keys", "/admin/webhooks"].map(|to| html.contains(&format!("href=\"{to}\"")))
    };
    assert_eq!(said(true, true), [true, true, true]);
    assert_eq!(said(false, true), [true, false, true]);
    assert_eq!(said(false, false), [true, false, false]);
}
