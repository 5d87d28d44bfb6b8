//! Endpoints that answer badly, late, too much, or not at all.

use super::*;
use crate::receiver::How;
use sentinel_model::{
    Scope, Time,
    webhook::{DeliveryState, WantedEvents, WebhookEvent},
};
use sentinel_server::{
    ports::{Change, NewDelivery, Queued, SigningSecret, WebhookRecord},
    webhooks::PENDING_MAX,
};

/// An endpoint that nobody registers like this.
fn record(id: &str, url: &str, now: Time) -> WebhookRecord {
    WebhookRecord {
        id: id.into(),
        name: "put there".into(),
        url: url.into(),
        scope: Scope::station(5),
        events: WantedEvents::All,
        enabled: true,
        disabled_because: None,
        failing_since: None,
        created_at: now,
        secrets: vec![SigningSecret { text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), until: None }],
    }
}

/// Seconds after which the second and the third try are due, pauses being a tenth longer.
const SECOND_S: i64 = 6;
const THIRD_S: i64 = 34;

#[tokio::test]
async fn what_fails_is_tried_again_under_the_same_id_until_it_is_taken() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let receiver = Receiver::start().await;
    receiver.answer_by(How::Status(500));
    let (webhook, secret) = make(&server, &admin, &receiver.url(), "zone:3", &["*"]).await;
    server.unit("PC-1", 5).await;
    server.start_patrol("PC-1", 5).await;
    let tries = |count: usize| move |log: &[Delivery]| log[0].attempts.len() == count;
    let log = until_log(&server, &admin, &webhook, "it is tried", tries(1)).await;
    let failed = &log[0].attempts[0];
    assert_eq!((log[0].state, failed.status), (DeliveryState::Pending, Some(500)));
    assert_eq!(failed.error.as_deref(), Some("answered 500 Internal Server Error"));
    assert_eq!(failed.response.as_deref(), Some("said the receiver"));
    let pause = log[0].next_attempt_at.expect("it is tried again").ms_since(failed.at);
    assert!((4_500..6_000).contains(&pause), "{pause} ms");
    server.clock.turn(SECOND_S);
    until_log(&server, &admin, &webhook, "it is tried again", tries(2)).await;
    receiver.answer_by(How::Status(202));
    server.clock.turn(THIRD_S);
    let log = until_log(&server, &admin, &webhook, "it is taken", tries(3)).await;
    assert_eq!((log[0].state, log[0].next_attempt_at), (DeliveryState::Delivered, None));
    let got = receiver.got();
    assert_eq!(got.len(), 3);
    assert!(
        got.iter().all(|one| one.id() == log[0].id && one.text == got[0].text && one.is_signed_with(&secret))
    );
    assert_ne!(
        got[0].header("webhook-timestamp"),
        got[2].header("webhook-timestamp"),
        "the time is the try's"
    );

    assert_eq!(log[0].unit_id.as_ref().map(ToString::to_string).as_deref(), Some("PC-1"));
    assert_eq!(log[0].body, got[0].text, "what was sent, to the letter");

    let again = format!("/api/v1/webhooks/{webhook}/deliveries/{}/redeliver", log[0].id);
    assert_eq!(server.post(&admin, &again, json!({})).await.status, StatusCode::ACCEPTED);
    assert_eq!(receiver.until(4).await[3].id(), log[0].id, "by hand too");
    let nothing = format!("/api/v1/webhooks/{webhook}/deliveries/msg_0/redeliver");
    assert_eq!(server.post(&admin, &nothing, json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn one_that_hangs_times_out_and_holds_up_nobody_else() {
    let server = serve_waiting(Duration::from_secs(8)).await;
    let admin = server.sign_in("admin").await;
    let [hanging, well] = [Receiver::start().await, Receiver::start().await];
    hanging.answer_by(How::Hang);
    let (webhook, _) = make(&server, &admin, &hanging.url(), "zone:3", &["*"]).await;
    let (other, _) = make(&server, &admin, &well.url(), "zone:3", &["*"]).await;
    for n in 0..30 {
        let unit = format!("PC-{n}");
        server.unit(&unit, 5).await;
        server.start_patrol(&unit, 5).await;
    }
    until_log(&server, &admin, &other, "all are taken", |log| {
        // A machine that stood still for longer than it waits has given some of them up at first.
        let failed = |one: &Delivery| one.state == DeliveryState::Pending && !one.attempts.is_empty();
        if log.iter().any(failed) {
            server.clock.turn(60);
        }
        log.len() == 30 && log.iter().all(|delivery| delivery.state == DeliveryState::Delivered)
    })
    .await;
    assert!(well.got().len() >= 30);
    let log = until_log(&server, &admin, &webhook, "some timed out", |log| {
        log.iter().any(|delivery| !delivery.attempts.is_empty())
    })
    .await;
    let tried = log.iter().find_map(|delivery| delivery.attempts.first()).expect("a try");
    assert_eq!((tried.status, tried.error.as_deref()), (None, Some("no answer within 8s")));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_of_an_answer_only_the_beginning_is_read() {
    let server = serve_waiting(Duration::from_secs(8)).await;
    let admin = server.sign_in("admin").await;
    let [aside, receiver] = [Receiver::start().await, Receiver::start().await];
    let (webhook, _) = make(&server, &admin, &receiver.url(), "zone:3", &["*"]).await;
    let test = format!("/api/v1/webhooks/{webhook}/test");
    for (n, how, state) in [
        (1, How::Redirect(aside.url()), DeliveryState::Pending),
        (2, How::Endless, DeliveryState::Delivered),
        (3, How::Stuck, DeliveryState::Delivered),
    ] {
        receiver.answer_by(how.clone());
        server.post(&admin, &test, json!({})).await;
        let log = until_log(&server, &admin, &webhook, "it is tried", |log| {
            let last = log.first().filter(|_| log.len() == n).and_then(|newest| newest.attempts.last());
            // A machine that stood still for longer than it waits heard no answer: tried again.
            if last.is_some_and(|attempt| attempt.status.is_none()) {
                server.clock.turn(60);
            }
            last.is_some_and(|attempt| attempt.status.is_some())
        })
        .await;
        assert_eq!(log[0].state, state, "{how:?}: {log:?}");
        let attempt = log[0].attempts.last().expect("it was tried");
        match how {
            How::Redirect(_) => {
                assert_eq!(attempt.status, Some(307));
                assert!(attempt.error.as_deref().is_some_and(|error| error.contains("not followed")));
            }
            How::Endless => assert_eq!(attempt.response.as_ref().map(String::len), Some(2048)),
            _ => assert_eq!(attempt.response.as_deref(), Some("so far")),
        }
    }
    assert!(aside.got().is_empty());
}

#[tokio::test]
async fn one_that_keeps_failing_is_tried_by_one_probe_a_minute_until_it_is_well_again() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let [broken, well] = [Receiver::start().await, Receiver::start().await];
    broken.answer_by(How::Status(503));
    let (webhook, _) = make(&server, &admin, &broken.url(), "zone:3", &["*"]).await;
    make(&server, &admin, &well.url(), "zone:3", &["*"]).await;
    for n in 0..40 {
        let unit = format!("PC-{n}");
        server.unit(&unit, 5).await;
        server.start_patrol(&unit, 5).await;
    }
    well.until(40).await;
    within(Duration::from_secs(60), "it is known to fail", || async {
        one(&server, &admin, &webhook).await.failing_since.is_some()
    })
    .await;
    // What was under way when that was found comes to its end.
    until_log(&server, &admin, &webhook, "all wait", |log| {
        let tried: usize = log.iter().map(|delivery| delivery.attempts.len()).sum();
        tried == broken.got().len()
    })
    .await;
    let before = broken.got().len();
    // By now their second tries would be due.
    server.clock.turn(SECOND_S);
    let now = server.clock.now();
    for delivery in log(&server, &admin, &webhook).await {
        let next = delivery.next_attempt_at.expect("it waits");
        assert!(
            next > now && next.ms_since(now) <= 60_000 + SECOND_S * 1000,
            "{next} at {now}: {delivery:?}"
        );
    }
    for minute in 1..=3 {
        server.clock.turn(60);
        broken.until(before + minute).await;
        // Others get theirs meanwhile.
        let others = well.got().len();
        let on_patrol = server.sentinel.directory.units(None, 1, |unit| unit.patrol.is_some()).remove(0);
        server.end_patrol(on_patrol.patrol.expect("on patrol").id).await;
        well.until(others + 1).await;
    }
    // And perhaps the one of the minute in which it was found.
    let probes = broken.got().len() - before;
    assert!((3..=4).contains(&probes), "{probes} probes in three minutes");
    broken.answer_by(How::Status(200));
    server.clock.turn(60);
    within(Duration::from_secs(60), "it is well again", || async {
        one(&server, &admin, &webhook).await.failing_since.is_none()
    })
    .await;
    server.clock.turn(900);
    until_log(&server, &admin, &webhook, "it gets all it missed", |log| {
        log.iter().all(|delivery| delivery.state == DeliveryState::Delivered)
    })
    .await;
}

#[tokio::test]
async fn of_what_waits_the_oldest_is_given_up_where_nothing_is_taken_and_that_is_said() {
    let server = serve().await;
    let now = server.clock.now();
    // The well one is looked after first.
    let (well, failing) = ("a-well", "b-failing");
    for (id, failing_since) in [(well, None), (failing, Some(now))] {
        let webhook = WebhookRecord { failing_since, ..record(id, "https://example.com/hook", now) };
        server.change(vec![Change::PutWebhook(webhook)]).await;
    }
    // In an hour, so that none is tried meanwhile.
    let waiting = |webhook: &str, n: i64| Queued {
        due: now.plus_ms(3_600_000),
        ..Queued::new(NewDelivery {
            id: format!("msg_{webhook}_{n:05}"),
            webhook: webhook.into(),
            event: if n == 0 { WebhookEvent::AlertSos } else { WebhookEvent::UnitStale },
            about: "PC-1".into(),
            created_at: now.plus_ms(n - 1_000_000),
            body: "{}".into(),
        })
    };
    let most = i64::try_from(PENDING_MAX).expect("some");
    for webhook in [well, failing] {
        let waiting = (0..most + 700).map(|n| waiting(webhook, n)).collect();
        server.sentinel.outbox.put(waiting).await.expect("puts");
    }
    // They are counted once a minute, and at the start.
    let server = server.restart().await;
    let outbox = &server.sentinel.outbox;
    within(Duration::from_secs(60), "the oldest are given up", || async {
        outbox.crowded(PENDING_MAX).await.expect("counts") == [(well.to_owned(), PENDING_MAX + 700)]
    })
    .await;
    let behind = Some((now.plus_ms(702 - 1_000_000), String::new()));
    let log = outbox.log(failing, behind, 1000).await.expect("reads");
    let states: Vec<_> = log.iter().map(|queued| queued.state).collect();
    assert_eq!(states[..1], [DeliveryState::Pending]);
    assert_eq!(states[1..701], [DeliveryState::Failed; 700], "the oldest alone");
    assert_eq!(states[701..], [DeliveryState::Pending], "a call for help waits on");
    let why = log[1].attempts[0].error.as_deref();
    assert_eq!(why, Some("10000 newer ones wait for this endpoint"));
}

#[tokio::test]
async fn one_that_fails_for_days_or_says_it_is_gone_is_switched_off_and_that_is_said() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let receiver = Receiver::start().await;
    receiver.answer_by(How::Status(410));
    let (webhook, _) = make(&server, &admin, &receiver.url(), "zone:3", &["*"]).await;
    let test = format!("/api/v1/webhooks/{webhook}/test");
    server.post(&admin, &test, json!({})).await;
    within(Duration::from_secs(60), "it is switched off", || async {
        !one(&server, &admin, &webhook).await.enabled
    })
    .await;
    let because = one(&server, &admin, &webhook).await.disabled_because;
    assert_eq!(because.as_deref(), Some("it answered 410 Gone"));
    server.clock.turn(SECOND_S);
    let log = until_log(&server, &admin, &webhook, "what waited is given up", |log| {
        log[0].state == DeliveryState::Failed
    })
    .await;
    assert_eq!(log[0].attempts[1].error.as_deref(), Some("the webhook is switched off"));
    assert_eq!(receiver.got().len(), 1);

    let on = patch(&server, &admin, &webhook, json!({"enabled": true})).await;
    assert_eq!((&on.json["enabled"], &on.json["disabled_because"]), (&json!(true), &Value::Null));
    receiver.answer_by(How::Status(500));
    // As it is after days of failing.
    let mut record = (*server.sentinel.directory.webhook(&webhook).expect("is there")).clone();
    record.failing_since = Some(server.clock.now().plus_ms(-6 * 24 * 3600 * 1000));
    server.change(vec![Change::PutWebhook(record)]).await;
    server.clock.turn(60);
    server.post(&admin, &test, json!({})).await;
    within(Duration::from_secs(60), "it is switched off", || async {
        !one(&server, &admin, &webhook).await.enabled
    })
    .await;
    let because = one(&server, &admin, &webhook).await.disabled_because;
    assert_eq!(because.as_deref(), Some("it answered nothing well for five days"));
}

#[tokio::test]
async fn what_leads_inside_by_now_is_refused_at_the_connection() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    // Registered when the operator allowed it, or when the name led elsewhere.
    for (n, host, says) in [
        (0, "127.0.0.1", "no public address"),
        (1, "localhost", "no public address"),
        (2, "[::ffff:127.0.0.1]", "no public address"),
    ] {
        let url = format!("https://{host}:{port}/hook");
        let webhook = record(&format!("w{n}"), &url, server.clock.now());
        server.change(vec![Change::PutWebhook(webhook.clone())]).await;
        server.post(&admin, &format!("/api/v1/webhooks/{}/test", webhook.id), json!({})).await;
        let log = until_log(&server, &admin, &webhook.id, "it is refused", |log| {
            !log.is_empty() && log[0].attempts.len() == 1
        })
        .await;
        let error = log[0].attempts[0].error.as_deref().expect("an error");
        assert!(error.contains(says) && error.contains("--webhook-allow"), "{host}: {error}");
    }
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn what_is_asked_for_by_hand_is_sent_at_once_to_one_that_is_failing_too() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let receiver = Receiver::start().await;
    receiver.answer_by(How::Status(500));
    let (webhook, _) = make(&server, &admin, &receiver.url(), "zone:3", &["*"]).await;
    let test = format!("/api/v1/webhooks/{webhook}/test");
    let is_failing = || async { one(&server, &admin, &webhook).await.failing_since.is_some() };
    for n in 1..=5 {
        server.post(&admin, &test, json!({})).await;
        receiver.until(n).await;
    }
    within(Duration::from_secs(60), "it counts as failing", is_failing).await;
    // The clock stands still, so that no turn of it comes.
    server.post(&admin, &test, json!({})).await;
    receiver.until(6).await;
    receiver.answer_by(How::Status(204));
    let log = until_log(&server, &admin, &webhook, "six were tried", |log| {
        log.len() == 6 && log.iter().all(|delivery| !delivery.attempts.is_empty())
    })
    .await;
    let oldest = &log[5].id;
    assert!(is_failing().await);
    let again = format!("/api/v1/webhooks/{webhook}/deliveries/{oldest}/redeliver");
    assert_eq!(server.post(&admin, &again, json!({})).await.status, StatusCode::ACCEPTED);
    assert_eq!(receiver.until(7).await[6].id(), oldest);
    within(Duration::from_secs(60), "it is well again", || async { !is_failing().await }).await;
}
