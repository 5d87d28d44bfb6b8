//! What waits for an endpoint is bounded: one that takes nothing for days, while much happens,
//! would fill the disk. Beyond [`PENDING_MAX`] the oldest are given up, which their log, ours and
//! the metrics say; each can be sent again by hand.

use super::attempt::given_up;
use crate::{
    clock::Clock,
    ports::{EngineError, Outbox},
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Deliveries that may wait for one endpoint.
pub const PENDING_MAX: u64 = 10_000;

/// How often they are counted: in between more may come.
const COUNT_EVERY: Duration = Duration::from_secs(60);

/// Given up in one commit.
const AT_ONCE: u64 = 500;

const WHY: &str = "10000 newer ones wait for this endpoint";

pub async fn watch(outbox: Arc<dyn Outbox>, clock: Clock, stop: CancellationToken) {
    let mut fails = false;
    while !stop.is_cancelled() {
        let bounding = bound(&*outbox, &clock);
        let Some(bounded) = stop.run_until_cancelled(bounding).await else { return };
        if let (Err(error), false) = (&bounded, fails) {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, "deliveries that wait for webhooks could not be counted; tried again");
        }
        fails = bounded.is_err();
        stop.run_until_cancelled(tokio::time::sleep(COUNT_EVERY)).await;
    }
}

async fn bound(outbox: &dyn Outbox, clock: &Clock) -> Result<(), EngineError> {
    for (webhook, waiting) in outbox.crowded(PENDING_MAX).await? {
        let (mut over, mut dropped) = (waiting.saturating_sub(PENDING_MAX), 0);
        while over > 0 {
            let oldest = outbox.longest_waiting(&webhook, over.min(AT_ONCE)).await?;
            if oldest.is_empty() {
                break;
            }
            over = over.saturating_sub(oldest.len() as u64);
            let now = clock.now();
            let after = oldest.into_iter().map(|queued| (queued.due, given_up(&queued, WHY, now))).collect();
            // Others that look after the same count what they have given up themselves.
            dropped += outbox.give_up(after).await?;
        }
        if dropped > 0 {
            tracing::warn!(
                webhook,
                dropped,
                "too much waits for a webhook: the oldest deliveries were given up"
            );
            metrics::counter!("sentinel_webhook_deliveries_total", "outcome" => "dropped").increment(dropped);
        }
    }
    Ok(())
}
