//! What every engine of the outbox promises, told once and run over each.

use crate::mongo::{Kind, OnMongo};
use async_trait::async_trait;
use sentinel_model::{
    Time,
    webhook::{DeliveryAttempt, DeliveryState, WebhookEvent},
};
use sentinel_server::{
    ports::{Change, Commit, DueOf, NewDelivery, Outbox, Queued, Registry},
    sqlite::SqliteRegistry,
};
use std::sync::Arc;

const NOW: Time = crate::NOW;
const LEASE: Time = NOW.plus_ms(60_000);

/// A place with records and deliveries.
#[async_trait]
trait Place: Send + Sync {
    async fn open(&self) -> (Arc<dyn Registry>, Arc<dyn Outbox>);
}

#[async_trait]
impl Place for tempfile::TempDir {
    async fn open(&self) -> (Arc<dyn Registry>, Arc<dyn Outbox>) {
        let records = Arc::new(SqliteRegistry::open(&self.path().join("records.db")).expect("opens"));
        (records.clone(), records)
    }
}

#[async_trait]
impl Place for OnMongo {
    async fn open(&self) -> (Arc<dyn Registry>, Arc<dyn Outbox>) {
        let records = Arc::new(self.registry().await);
        (records.clone(), records)
    }
}

macro_rules! outbox_contract {
    ($($engine:ident, $place:expr;)*) => {$(outbox_contract!(@ $engine, $place,
        what_is_committed_with_a_change_is_due_once_however_often_it_is_put
        a_commit_that_fails_puts_nothing
        a_lease_is_one_s_until_it_runs_out
        of_many_who_want_the_same_one_has_it
        what_is_settled_is_kept_and_due_when_it_says
        who_settles_after_the_lease_changes_nothing
        those_of_some_endpoints_are_left_out_or_looked_for_alone
        a_log_is_paged_from_the_newest
        what_is_sent_again_is_as_new_but_not_while_it_is_leased
        a_turn_is_taken_once
        what_is_pending_moves_to_another_place_as_it_is
        what_waits_too_long_behind_too_much_is_given_up_where_nobody_has_it
        what_is_old_and_what_was_an_endpoint_s_is_forgotten
        what_tells_one_thing_of_a_unit_is_forgotten_and_nothing_else
    );)*};
    (@ $engine:ident, $place:expr, $($story:ident)*) => {
        crate::contract!($engine, where_installed $place, $($story)*);
    };
}

outbox_contract! {
    sqlite, folder();
    ferretdb, OnMongo::of(Kind::FerretDb);
    mongo_java, OnMongo::of(Kind::JavaServer);
}

fn folder() -> Option<tempfile::TempDir> {
    Some(tempfile::tempdir().expect("a folder"))
}

fn delivery(id: &str, webhook: &str, created_s: i64) -> NewDelivery {
    NewDelivery {
        id: id.into(),
        webhook: webhook.into(),
        event: WebhookEvent::PatrolStarted,
        about: "PC-1".into(),
        created_at: NOW.plus_ms(created_s * 1000),
        body: format!("{{\"of\":\"{id} – കൊച്ചി\"}}"),
    }
}

async fn commit(registry: &dyn Registry, changes: Vec<Change>) {
    let mut at = registry.load(NOW).await.expect("loads").at;
    while registry.commit(at, changes.clone()).await.expect("commits") == Commit::Behind {
        at = registry.since(at).await.expect("reads").last().map_or(at, |commit| commit.at);
    }
}

async fn put(registry: &dyn Registry, deliveries: &[NewDelivery]) {
    commit(registry, deliveries.iter().cloned().map(Change::PutDelivery).collect()).await;
}

async fn due_at(outbox: &dyn Outbox, now: Time) -> Vec<Queued> {
    outbox.due(now, DueOf::AllBut(&[]), 100).await.expect("looks")
}

fn ids(queued: &[Queued]) -> Vec<&str> {
    queued.iter().map(|queued| queued.delivery.id.as_str()).collect()
}

async fn lease_all(outbox: &dyn Outbox) -> Vec<Queued> {
    outbox.lease(due_at(outbox, NOW).await, LEASE).await.expect("leases")
}

fn tried(queued: &Queued, state: DeliveryState, due: Time) -> Queued {
    let attempt = DeliveryAttempt {
        at: NOW,
        status: Some(503),
        error: Some("answered 503".into()),
        duration_ms: 7,
        response: Some("späť".into()),
    };
    Queued { state, due, tries: queued.tries + 1, attempts: vec![attempt], ..queued.clone() }
}

async fn what_is_committed_with_a_change_is_due_once_however_often_it_is_put(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    let first = delivery("a", "w", -2);
    let patrol = crate::registry::patrol(1, "PC-1", 0, None);
    commit(&*registry, vec![Change::PutPatrol(patrol), Change::PutDelivery(first.clone())]).await;
    put(&*registry, &[delivery("b", "w", -1), first.clone(), delivery("later", "w", 1)]).await;
    let due = due_at(&*outbox, NOW).await;
    assert_eq!(ids(&due), ["a", "b"], "the longest due first");
    assert_eq!(due[0], Queued::new(first.clone()));
    drop((registry, outbox));

    let (registry, outbox) = place.open().await;
    assert_eq!(ids(&due_at(&*outbox, NOW).await), ["a", "b"], "it is on disk");
    let [a, _] = &lease_all(&*outbox).await[..] else { panic!("two") };
    outbox.settle(a, tried(a, DeliveryState::Delivered, NOW)).await.expect("settles");
    put(&*registry, &[Queued::new(first).delivery]).await;
    assert_eq!(ids(&due_at(&*outbox, NOW).await), [""; 0], "what was delivered is not new");
    assert!(registry.load(NOW).await.is_ok());
}

async fn a_commit_that_fails_puts_nothing(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    let patrol = |id| Change::PutPatrol(crate::registry::patrol(id, "PC-1", 0, None));
    let at = registry.load(NOW).await.expect("loads").at;
    let changes = vec![Change::PutDelivery(delivery("a", "w", -1)), patrol(1), patrol(2)];
    assert!(registry.commit(at, changes).await.is_err(), "a unit has one patrol");
    assert_eq!(due_at(&*outbox, NOW).await, []);
}

async fn a_lease_is_one_s_until_it_runs_out(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    put(&*registry, &[delivery("a", "w", -2), delivery("b", "w", -1)]).await;
    let due = due_at(&*outbox, NOW).await;
    let leased = outbox.lease(due.clone(), LEASE).await.expect("leases");
    assert_eq!((ids(&leased), leased[0].due), (vec!["a", "b"], LEASE));
    assert_eq!(outbox.lease(due, LEASE).await.expect("answers"), [], "they are somebody's");
    assert_eq!(due_at(&*outbox, LEASE.plus_ms(-1)).await, []);
    let again = due_at(&*outbox, LEASE).await;
    assert_eq!(ids(&again), ["a", "b"], "nobody said what became of them");
    let leased = outbox.lease(again, LEASE.plus_ms(60_000)).await.expect("leases");
    assert_eq!(ids(&leased), ["a", "b"]);
}

async fn of_many_who_want_the_same_one_has_it(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    let all: Vec<NewDelivery> = (0..20).map(|n| delivery(&format!("d{n:02}"), "w", -1)).collect();
    put(&*registry, &all).await;
    let due = due_at(&*outbox, NOW).await;
    let takers = (0..8).map(|_| outbox.lease(due.clone(), LEASE));
    let mut taken = Vec::new();
    for leased in futures::future::join_all(takers).await {
        taken.extend(leased.expect("answers"));
    }
    taken.sort_by(|a, b| a.delivery.id.cmp(&b.delivery.id));
    assert_eq!(ids(&taken), all.iter().map(|delivery| delivery.id.as_str()).collect::<Vec<_>>());
}

async fn what_is_settled_is_kept_and_due_when_it_says(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    put(&*registry, &[delivery("a", "w", -3), delivery("b", "w", -2), delivery("c", "w", -1)]).await;
    let [a, b, c] = &lease_all(&*outbox).await[..] else { panic!("three") };
    let again = tried(a, DeliveryState::Pending, NOW.plus_ms(5000));
    outbox.settle(a, again.clone()).await.expect("settles");
    outbox.settle(b, tried(b, DeliveryState::Delivered, NOW)).await.expect("settles");
    outbox.settle(c, tried(c, DeliveryState::Failed, NOW)).await.expect("settles");
    assert_eq!(due_at(&*outbox, NOW.plus_ms(4999)).await, []);
    assert_eq!(due_at(&*outbox, Time(i64::MAX)).await, [again]);
    let log = outbox.log("w", None, 10).await.expect("reads");
    let states = log.iter().map(|queued| queued.state).collect::<Vec<_>>();
    assert_eq!(states, [DeliveryState::Failed, DeliveryState::Delivered, DeliveryState::Pending]);
    assert!(log.iter().all(|queued| queued.attempts[0].response.as_deref() == Some("späť")));
}

async fn who_settles_after_the_lease_changes_nothing(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    put(&*registry, &[delivery("a", "w", -1)]).await;
    let late = lease_all(&*outbox).await.remove(0);
    let until = LEASE.plus_ms(60_000);
    let held = outbox.lease(due_at(&*outbox, LEASE).await, until).await.expect("leases").remove(0);
    outbox.settle(&late, tried(&late, DeliveryState::Failed, NOW)).await.expect("answers");
    assert_eq!(outbox.log("w", None, 1).await.expect("reads")[0].state, DeliveryState::Pending);
    outbox.settle(&held, tried(&held, DeliveryState::Delivered, NOW)).await.expect("settles");
    assert_eq!(outbox.log("w", None, 1).await.expect("reads")[0].state, DeliveryState::Delivered);
}

async fn those_of_some_endpoints_are_left_out_or_looked_for_alone(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    put(&*registry, &[delivery("a", "slow", -3), delivery("b", "w", -2), delivery("c", "other", -1)]).await;
    let but = ["slow".to_owned(), "other".to_owned()];
    let due = outbox.due(NOW, DueOf::AllBut(&but), 10).await.expect("looks");
    assert_eq!(ids(&due), ["b"]);
    assert_eq!(ids(&outbox.due(NOW, DueOf::Only("slow"), 10).await.expect("looks")), ["a"]);
    assert_eq!(ids(&outbox.due(NOW, DueOf::AllBut(&[]), 2).await.expect("looks")), ["a", "b"]);
}

async fn a_log_is_paged_from_the_newest(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    let mut all: Vec<NewDelivery> = (0..7).map(|n| delivery(&format!("d{n}"), "w", -n / 3)).collect();
    put(&*registry, &[all.clone(), vec![delivery("not its", "x", 0)]].concat()).await;
    let (mut behind, mut seen) = (None, Vec::new());
    loop {
        let page = outbox.log("w", behind.clone(), 2).await.expect("reads");
        let Some(last) = page.last() else { break };
        behind = Some((last.delivery.created_at, last.delivery.id.clone()));
        seen.extend(page.into_iter().map(|queued| queued.delivery));
    }
    all.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    assert_eq!(seen, all);
}

async fn what_is_sent_again_is_as_new_but_not_while_it_is_leased(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    put(&*registry, &[delivery("a", "w", -1)]).await;
    let leased = lease_all(&*outbox).await.remove(0);
    let untouched = outbox.redeliver("w", "a", NOW.plus_ms(1)).await.expect("answers").expect("is there");
    assert_eq!(untouched.due, LEASE, "somebody is at it");
    outbox.settle(&leased, tried(&leased, DeliveryState::Failed, NOW)).await.expect("settles");
    let again = outbox.redeliver("w", "a", NOW.plus_ms(2)).await.expect("answers").expect("is there");
    assert_eq!((again.state, again.due, again.tries), (DeliveryState::Pending, NOW.plus_ms(2), 0));
    assert_eq!(again.attempts.len(), 1, "its log is kept");
    assert_eq!(due_at(&*outbox, NOW.plus_ms(2)).await, [again]);
    assert_eq!(outbox.redeliver("x", "a", NOW).await.expect("answers"), None, "it is another's");
    assert_eq!(outbox.redeliver("w", "b", NOW).await.expect("answers"), None);
}

async fn a_turn_is_taken_once(place: &impl Place) {
    let (_registry, outbox) = place.open().await;
    let takers = (0..8).map(|_| outbox.take_turn("w", 5));
    let taken = futures::future::join_all(takers).await;
    assert_eq!(taken.iter().filter(|taken| *taken.as_ref().expect("answers")).count(), 1);
    assert!(outbox.take_turn("w", 6).await.expect("answers"));
    assert!(outbox.take_turn("other", 6).await.expect("answers"));
    assert!(!outbox.take_turn("w", 6).await.expect("answers"));
}

async fn what_is_pending_moves_to_another_place_as_it_is(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    put(&*registry, &(0..5).map(|n| delivery(&format!("d{n}"), "w", -1)).collect::<Vec<_>>()).await;
    let leased = lease_all(&*outbox).await;
    outbox.settle(&leased[0], tried(&leased[0], DeliveryState::Delivered, NOW)).await.expect("settles");
    let waits = tried(&leased[1], DeliveryState::Pending, NOW.plus_ms(9));
    outbox.settle(&leased[1], waits.clone()).await.expect("settles");
    let (mut behind, mut pending) = (None::<String>, Vec::new());
    loop {
        let page = outbox.pending(behind.as_deref(), 2).await.expect("reads");
        let Some(last) = page.last() else { break };
        behind = Some(last.delivery.id.clone());
        pending.extend(page);
    }
    assert_eq!(ids(&pending), ["d1", "d2", "d3", "d4"]);
    assert_eq!(pending[0], waits);

    let folder = tempfile::tempdir().expect("a folder");
    let (_registry, other) = folder.open().await;
    other.put(pending.clone()).await.expect("puts");
    other.put(pending.clone()).await.expect("it may be put again");
    assert_eq!(other.pending(None, 10).await.expect("reads"), pending);
}

async fn what_waits_too_long_behind_too_much_is_given_up_where_nobody_has_it(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    put(&*registry, &(0..4).map(|n| delivery(&format!("d{n}"), "w", n - 9)).collect::<Vec<_>>()).await;
    let call = NewDelivery { event: WebhookEvent::AlertSos, ..delivery("call", "w", -20) };
    put(&*registry, &[delivery("x", "other", -20), call]).await;
    assert_eq!(outbox.crowded(4).await.expect("counts"), [("w".to_owned(), 5)]);
    assert_eq!(outbox.crowded(5).await.expect("counts"), []);
    let but_calls =
        async |limit| outbox.longest_waiting("w", WebhookEvent::AlertSos, limit).await.expect("looks");
    let oldest = but_calls(3).await;
    assert_eq!(ids(&oldest), ["d0", "d1", "d2"]);
    let leased = outbox.lease(vec![oldest[0].clone()], LEASE).await.expect("leases");
    assert_eq!(ids(&but_calls(1).await), ["d1"], "one is somebody's");
    let over = oldest.iter().map(|queued| (queued.due, tried(queued, DeliveryState::Failed, NOW))).collect();
    assert_eq!(outbox.give_up(over).await.expect("gives up"), 2, "all but the leased one");
    outbox.settle(&leased[0], tried(&leased[0], DeliveryState::Delivered, NOW)).await.expect("settles");
    let log = outbox.log("w", None, 10).await.expect("reads");
    assert_eq!(ids(&log), ["d3", "d2", "d1", "d0", "call"]);
    let states = log.iter().map(|queued| queued.state).collect::<Vec<_>>();
    let [waits, failed] = [DeliveryState::Pending, DeliveryState::Failed];
    assert_eq!(states, [waits, failed, failed, DeliveryState::Delivered, waits]);
    assert_eq!((log[1].tries, log[1].attempts.len()), (1, 1), "the log says why");
}

async fn what_is_old_and_what_was_an_endpoint_s_is_forgotten(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    put(&*registry, &[delivery("old", "w", -9), delivery("new", "w", -1), delivery("other", "x", -1)]).await;
    lease_all(&*outbox).await;
    outbox.drop_before(NOW.plus_ms(-5000)).await.expect("forgets");
    assert_eq!(ids(&outbox.log("w", None, 10).await.expect("reads")), ["new"]);
    outbox.drop_of("w").await.expect("forgets");
    assert_eq!(outbox.log("w", None, 10).await.expect("reads"), []);
    assert_eq!(ids(&outbox.log("x", None, 10).await.expect("reads")), ["other"]);
}

async fn what_tells_one_thing_of_a_unit_is_forgotten_and_nothing_else(place: &impl Place) {
    let (registry, outbox) = place.open().await;
    let call = |id: &str, unit: &str| NewDelivery {
        event: WebhookEvent::AlertSos,
        about: unit.into(),
        ..delivery(id, "w", -1)
    };
    put(&*registry, &[call("1-tried", "PC-1")]).await;
    let tried = lease_all(&*outbox).await.remove(0);
    put(&*registry, &[call("2-waits", "PC-1"), call("3-other", "PC-2"), delivery("4-patrol", "w", -1)]).await;
    outbox.drop_about("PC-1", WebhookEvent::AlertSos).await.expect("forgets");
    // One that was on its way as that happened leaves nothing behind.
    outbox
        .settle(&tried, Queued { state: DeliveryState::Delivered, ..tried.clone() })
        .await
        .expect("settles");
    let left = outbox.log("w", None, 10).await.expect("reads");
    assert_eq!(ids(&left), ["4-patrol", "3-other"]);
}
