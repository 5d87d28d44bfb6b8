//! What waits for an endpoint that takes nothing is bounded: days of it, while much happens, would
//! fill the disk. Beyond [`PENDING_MAX`] the oldest are given up, which their log, ours and the
//! metrics say; each can be sent again by hand. Calls for help wait however long it takes, and so
//! does everything for an endpoint that is well: however much happens at once, it gets there.

use super::attempt::given_up;
use crate::{
    clock::Clock,
    directory::Directory,
    ports::{EngineError, Outbox},
};
use sentinel_model::webhook::WebhookEvent;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Deliveries that may wait for one endpoint that takes nothing.
pub const PENDING_MAX: u64 = 10_000;

/// How often they are counted: in between more may come.
const COUNT_EVERY: Duration = Duration::from_secs(60);

/// Given up in one commit.
const AT_ONCE: u64 = 500;

const WHY: &str = "10000 newer ones wait for this endpoint";

pub async fn watch(
    outbox: Arc<dyn Outbox>,
    directory: Arc<Directory>,
    clock: Clock,
    stop: CancellationToken,
) {
    let mut fails = false;
    while !stop.is_cancelled() {
        let bounding = bound(&*outbox, &directory, &clock);
        let Some(bounded) = stop.run_until_cancelled(bounding).await else { return };
        if let (Err(error), false) = (&bounded, fails) {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, "deliveries that wait for webhooks could not be counted; tried again");
        }
        fails = bounded.is_err();
        stop.run_until_cancelled(tokio::time::sleep(COUNT_EVERY)).await;
    }
}

async fn bound(outbox: &dyn Outbox, directory: &Directory, clock: &Clock) -> Result<(), EngineError> {
    for (webhook, _) in outbox.crowded(PENDING_MAX).await? {
        let mut dropped = 0;
        while takes_nothing(directory, &webhook) {
            match give_up_oldest(outbox, &webhook, clock).await? {
                0 => break,
                more => dropped += more,
            }
        }
        if dropped > 0 {
            tracing::warn!(
                webhook,
                dropped,
                "too much waits for a webhook: the oldest deliveries were given up"
            );
        }
    }
    Ok(())
}

/// One that this node does not know may be another's of just now.
fn takes_nothing(directory: &Directory, webhook: &str) -> bool {
    directory.webhook(webhook).is_some_and(|webhook| !webhook.enabled || webhook.failing_since.is_some())
}

/// Gives up some of those that are too many; answers how many.
async fn give_up_oldest(outbox: &dyn Outbox, webhook: &str, clock: &Clock) -> Result<u64, EngineError> {
    // Read before they are counted: what other nodes give up in between is then among these, and
    // all together give up no more than is too much.
    let oldest = outbox.longest_waiting(webhook, WebhookEvent::AlertSos, AT_ONCE).await?;
    let crowded = outbox.crowded(PENDING_MAX).await?;
    let waiting = crowded.into_iter().find_map(|(of, waiting)| (of == webhook).then_some(waiting));
    let over = usize::try_from(waiting.unwrap_or(0).saturating_sub(PENDING_MAX)).unwrap_or(usize::MAX);
    let now = clock.now();
    let after = oldest.into_iter().take(over).map(|queued| (queued.due, given_up(&queued, WHY, now)));
    let dropped = outbox.give_up(after.collect()).await?;
    metrics::counter!("sentinel_webhook_deliveries_total", "outcome" => "dropped").increment(dropped);
    Ok(dropped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        memory::MemoryBus,
        ports::{Change, NewDelivery, Queued, WebhookRecord},
        sqlite::SqliteRegistry,
    };
    use sentinel_model::{Scope, Time, webhook::WantedEvents};

    const NOW: Time = Time(1_800_000_000_000);

    #[tokio::test]
    async fn nodes_together_give_up_what_is_too_much_and_of_one_that_is_well_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let records = Arc::new(SqliteRegistry::open(&folder.path().join("records.db")).expect("opens"));
        let load = Directory::load(records.clone(), Arc::new(MemoryBus::new("")), NOW);
        let directory = Arc::new(load.await.expect("loads"));
        let mut webhook = WebhookRecord {
            id: "w".into(),
            name: "w".into(),
            url: "https://example.com/hook".into(),
            scope: Scope::station(5),
            events: WantedEvents::All,
            enabled: true,
            disabled_because: None,
            failing_since: None,
            created_at: NOW,
            secrets: Vec::new(),
        };
        directory.put(vec![Change::PutWebhook(webhook.clone())]).await.expect("commits");
        let waits = |n: u64| {
            Queued::new(NewDelivery {
                id: format!("msg_{n:05}"),
                webhook: "w".into(),
                event: WebhookEvent::UnitStale,
                about: "PC-1".into(),
                created_at: NOW,
                body: "{}".into(),
            })
        };
        let over = 2 * AT_ONCE + 300;
        records.put((0..PENDING_MAX + over).map(waits).collect()).await.expect("puts");
        let (outbox, clock): (&dyn Outbox, _) = (&*records, Clock::from_fn(|| NOW));
        let waiting = async || outbox.crowded(0).await.expect("counts")[0].1;
        bound(outbox, &directory, &clock).await.expect("looks");
        assert_eq!(waiting().await, PENDING_MAX + over, "it is well: it gets all of them");

        webhook.failing_since = Some(NOW);
        directory.put(vec![Change::PutWebhook(webhook)]).await.expect("commits");
        let all = (0..4).map(|_| bound(outbox, &directory, &clock));
        futures::future::try_join_all(all).await.expect("give up");
        assert_eq!(waiting().await, PENDING_MAX);
    }
}
