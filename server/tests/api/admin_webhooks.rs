//! The pages of webhooks: the whole way of an endpoint by forms alone, and who gets them.

use super::{
    admin::{between, form, posting, secret},
    receiver::{How, Receiver},
    server::*,
    webhooks::serve,
};
use reqwest::StatusCode;
use std::time::Duration;

/// Makes an endpoint by the form; its page and its secret.
async fn add(server: &Server, cookie: &str, url: &str, events: &[&str]) -> (String, String) {
    let boxes: Vec<String> = events.iter().map(|event| format!("event.{event}")).collect();
    let mut fields = vec![("name", "Duty roster"), ("url", url), ("scope", "zone:3")];
    fields.extend(boxes.iter().map(|name| (name.as_str(), "on")));
    let made = form(server, cookie, "/admin/new-webhook", &fields).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.header("cache-control"), "no-store");
    let page = format!("/admin/webhooks/{}", between(&made.text, "href=\"/admin/webhooks/", "\""));
    (page, secret(&made, "secret").to_owned())
}

/// Presses a button of an endpoint's page; the page that it leads to.
async fn press(server: &Server, cookie: &str, page: &str, button: &str) -> String {
    let answer = form(server, cookie, &format!("{page}/{button}"), &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    server.get(cookie, answer.header("location")).await.text
}

/// The words of the newest delivery's line, once they say so.
async fn until_newest_says(server: &Server, cookie: &str, page: &str, word: &str) -> String {
    let newest = || async {
        let text = server.get(cookie, page).await.text;
        text.split_once("<details class=\"delivery\">").map(|(_, rest)| rest.to_owned()).unwrap_or_default()
    };
    let says = || async { between(&newest().await, "<summary>", "</summary>").contains(word) };
    within(Duration::from_secs(60), word, says).await;
    newest().await
}

#[tokio::test]
async fn an_endpoint_is_added_tried_sent_to_again_given_a_new_secret_and_removed() {
    let server = serve().await;
    let admin = server.cookie("admin").await;
    let receiver = Receiver::start().await;
    let (page, first) = add(&server, &admin, &receiver.url(), &["patrol.started", "unit.offline"]).await;
    let list = server.get(&admin, "/admin/webhooks").await.text;
    assert!(list.contains("Duty roster") && list.contains("patrol.started, unit.offline"), "{list}");
    assert!(!list.contains(&first) && !server.get(&admin, &page).await.text.contains(&first), "shown once");

    assert!(press(&server, &admin, &page, "test").await.contains("A ping is on its way"));
    let pinged = receiver.until(1).await;
    assert!(pinged[0].event() == "ping" && pinged[0].is_signed_with(&first), "{pinged:?}");
    let log = until_newest_says(&server, &admin, &page, "Delivered").await;
    assert!(log.contains("HTTP 200") && log.contains("said the receiver"), "{log}");

    receiver.answer_by(How::Status(503));
    server.unit("PC-1", 5).await;
    server.clock.turn(1);
    server.start_patrol("PC-1", 5).await;
    let log = until_newest_says(&server, &admin, &page, "1 attempt<").await;
    assert!(between(&log, "<summary>", "</summary>").contains("PC-1"), "of which unit: {log}");
    assert!(
        log.contains("{&quot;type&quot;:&quot;patrol.started&quot;")
            || log.contains("{\"type\":\"patrol.started\""),
        "{log}"
    );
    assert!(log.contains("Waiting") && log.contains("answered 503") && log.contains("Next attempt"), "{log}");
    receiver.answer_by(How::Status(200));
    let delivery = between(&log, &format!("action=\"{page}/"), "\"").to_owned();
    assert!(press(&server, &admin, &page, &delivery).await.contains("It is sent again"));
    let log = until_newest_says(&server, &admin, &page, "Delivered").await;
    assert!(log.contains("answered 503") && log.contains("HTTP 200"), "both attempts are told: {log}");
    let got = receiver.got();
    assert!(got.len() == 3 && got[1].id() == got[2].id() && delivery.contains(got[1].id()), "{got:?}");

    let rotated = form(&server, &admin, &format!("{page}/rotate-secret"), &[]).await;
    assert_eq!(rotated.status, StatusCode::OK, "{}", rotated.text);
    let second = secret(&rotated, "secret");
    press(&server, &admin, &page, "test").await;
    let got = &receiver.until(4).await[3];
    assert!(second != first && got.is_signed_with(second) && got.is_signed_with(&first), "both for a day");

    let removed = press(&server, &admin, &page, "remove").await;
    assert!(removed.contains("The endpoint is removed") && removed.contains("No endpoints yet"));
    assert_eq!(server.get(&admin, &page).await.status, StatusCode::NOT_FOUND);
    server.end().await;
}

#[tokio::test]
async fn loading_the_answer_of_a_form_anew_adds_no_other_endpoint_and_makes_no_other_secret() {
    let server = serve().await;
    let admin = server.cookie("admin").await;
    let receiver = Receiver::start().await;
    let once_of = async |page: &str| {
        let text = server.get(&admin, page).await.text;
        between(between(&text, "name=\"once\"", ">"), "value=\"", "\"").to_owned()
    };
    let (once, url) = (once_of("/admin/new-webhook").await, receiver.url());
    let fields =
        [("once", &*once), ("name", "Roster"), ("url", &url), ("scope", "zone:3"), ("event.*", "on")];
    let first = form(&server, &admin, "/admin/new-webhook", &fields).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let again = form(&server, &admin, "/admin/new-webhook", &fields).await;
    assert!(again.status == StatusCode::CONFLICT && again.text.contains("done already"), "{}", again.text);
    assert_eq!(server.sentinel.directory.webhooks(|_| true).len(), 1);

    let page = format!("/admin/webhooks/{once}");
    let once = once_of(&page).await;
    let rotate = format!("{page}/rotate-secret");
    let rotated = form(&server, &admin, &rotate, &[("once", &once)]).await;
    let second = secret(&rotated, "secret").to_owned();
    let again = form(&server, &admin, &rotate, &[("once", &once)]).await;
    assert!(again.status == StatusCode::CONFLICT && again.text.contains(&page), "{}", again.text);
    let secrets = &server.sentinel.directory.webhooks(|_| true)[0].secrets;
    assert_eq!((secrets.len(), &secrets[0].text), (2, &second), "the second stays");
    server.end().await;
}

#[tokio::test]
async fn an_endpoint_is_switched_off_and_on_and_sent_elsewhere_for_other_events() {
    let server = serve().await;
    let admin = server.cookie("admin").await;
    let [before, after] = [Receiver::start().await, Receiver::start().await];
    let (page, _) = add(&server, &admin, &before.url(), &["*"]).await;
    let switch = |enabled: &'static str| {
        let (server, admin, to) = (&server, &admin, format!("{page}/enabled"));
        async move { form(server, admin, &to, &[("enabled", enabled)]).await }
    };
    assert_eq!(switch("false").await.header("location"), format!("{page}?done=off"));
    let off = server.get(&admin, &page).await.text;
    assert!(off.contains("Switch on") && !off.contains("Send a test"), "{off}");
    let refused = form(&server, &admin, &format!("{page}/test"), &[]).await;
    assert!(
        refused.status == StatusCode::CONFLICT && refused.text.contains("switched off"),
        "{}",
        refused.text
    );
    assert_eq!(switch("true").await.header("location"), format!("{page}?done=on"));

    let change = format!("{page}/change");
    let typed = server.get(&admin, &change).await.text;
    assert!(typed.contains(&before.url()) && typed.matches(" checked").count() == 1, "{typed}");
    let url = after.url();
    let fields = [("name", "Duty roster 2"), ("url", url.as_str()), ("event.patrol.ended", "on")];
    let changed = form(&server, &admin, &change, &fields).await;
    assert_eq!(changed.header("location"), format!("{page}?done=changed"), "{}", changed.text);
    server.unit("PC-1", 5).await;
    let patrol = server.start_patrol("PC-1", 5).await;
    server.end_patrol(patrol).await;
    assert_eq!(after.until(1).await[0].event(), "patrol.ended");
    until_newest_says(&server, &admin, &page, "Delivered").await;
    assert!(before.got().is_empty() && after.got().len() == 1, "{:?} {:?}", before.got(), after.got());
    assert!(server.get(&admin, "/admin/webhooks").await.text.contains("Duty roster 2"));
    server.end().await;
}

#[tokio::test]
async fn a_refused_form_of_a_webhook_says_why_and_keeps_what_was_typed() {
    let server = Server::start().await;
    let admin = server.cookie("admin").await;
    let add = |url: &'static str, event: &'static str| {
        let (server, admin) = (&server, &admin);
        let fields = [("name", "Roster"), ("url", url), ("scope", "zone:3"), (event, "on")];
        async move { form(server, admin, "/admin/new-webhook", &fields).await }
    };
    for (url, event, why) in [
        ("https://169.254.169.254/", "event.patrol.started", "--webhook-allow"),
        ("https://hooks.invalid/", "none", "at least one event"),
        ("https://hooks.invalid/", "event.tea", "no event of webhooks"),
    ] {
        let refused = add(url, event).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{why}: {}", refused.text);
        for part in [why, "value=\"Roster\"", url, "value=\"zone:3\" selected"] {
            assert!(refused.text.contains(part), "{part}: {}", refused.text);
        }
    }
    assert!(server.sentinel.directory.webhooks(|_| true).is_empty());
    server.end().await;
}

#[tokio::test]
async fn pages_of_webhooks_are_for_those_who_keep_them_and_for_all_others_not_there() {
    let server = serve().await;
    let receiver = Receiver::start().await;
    let commander = server.cookie("zone3").await;
    let (page, _) = add(&server, &commander, &receiver.url(), &["*"]).await;
    let menu = server.get(&commander, "/admin/units").await.text;
    assert!(menu.contains("href=\"/admin/webhooks\"") && !menu.contains("href=\"/admin/keys\""), "{menu}");

    let buttons = ["test", "enabled", "rotate-secret", "remove", "change", "deliveries/msg_1/redeliver"];
    let fields = [
        ("name", "n"),
        ("url", "https://h.invalid/"),
        ("scope", "zone:3"),
        ("event.*", "on"),
        ("enabled", "false"),
    ];
    for name in ["chief5", "viewer5", "zone4"] {
        let stranger = server.cookie(name).await;
        for shown in [page.clone(), format!("{page}/change")] {
            assert_eq!(server.get(&stranger, &shown).await.status, StatusCode::NOT_FOUND, "{name} {shown}");
        }
        for button in buttons {
            let answer = form(&server, &stranger, &format!("{page}/{button}"), &fields).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{name} {button}");
        }
        let made = form(&server, &stranger, "/admin/new-webhook", &fields).await;
        assert_eq!(made.status, StatusCode::FORBIDDEN, "{name}");
        let list = server.get(&stranger, "/admin/webhooks").await;
        assert!(!list.text.contains("Duty roster"), "{name}");
        if name != "zone4" {
            assert_eq!(list.status, StatusCode::FORBIDDEN, "{name}");
            assert_eq!(server.get(&stranger, "/admin/new-webhook").await.status, StatusCode::FORBIDDEN);
            assert!(!server.get(&stranger, "/admin/units").await.text.contains("/admin/webhooks"), "{name}");
        }
    }
    let nobody = server.get("", &page).await;
    assert!(nobody.header("location").starts_with("/login"), "{}", nobody.text);

    for button in buttons.into_iter().chain(["../../new-webhook"]) {
        let path = format!("{page}/{button}");
        for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "http://evil.example")] {
            let request = posting(&server, &commander, &path, &fields).header(name, value);
            assert_eq!(
                send(request).await.status,
                StatusCode::FORBIDDEN,
                "{button} from another site, {name}"
            );
        }
    }
    let webhooks = server.sentinel.directory.webhooks(|_| true);
    assert!(webhooks.len() == 1 && webhooks[0].enabled && webhooks[0].secrets.len() == 1, "nothing was done");
    assert!(receiver.got().is_empty());
    server.end().await;
}

#[tokio::test]
async fn a_long_log_goes_on_on_the_next_page() {
    let server = serve().await;
    let admin = server.cookie("admin").await;
    let receiver = Receiver::start().await;
    let (page, _) = add(&server, &admin, &receiver.url(), &["*"]).await;
    for _ in 0..60 {
        press(&server, &admin, &page, "test").await;
        server.clock.turn(1);
    }
    let ids: Vec<String> = receiver.until(60).await.iter().map(|got| got.id().to_owned()).collect();
    let first = server.get(&admin, &page).await.text;
    let next = between(&first, &format!("href=\"{page}?cursor="), "\"");
    let second = server.get(&admin, &format!("{page}?cursor={next}")).await.text;
    let (on_first, on_second): (Vec<_>, Vec<_>) = ids.iter().partition(|id| first.contains(id.as_str()));
    assert_eq!((on_first.len(), on_second.len()), (50, 10));
    assert!(on_second.iter().all(|id| second.contains(id.as_str())), "none is left out");
    let wrong = server.get(&admin, &format!("{page}?cursor=tea")).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    server.end().await;
}
