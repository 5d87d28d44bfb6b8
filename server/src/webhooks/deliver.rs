//! Takes deliveries that are due, and sees to it that each is tried until it is delivered or
//! given up.
//!
//! Every node does this over the one outbox; a lease decides whose a delivery is. It lasts
//! longer than a try, so a node that ends in the middle delays what it held, no more. What an
//! endpoint answered is on disk before it counts.
//!
//! An endpoint has so many requests under way at most, and all together so many more: one
//! that hangs holds its own places until each times out. One that fails several times in a row is
//! marked as failing, in its record, so that all nodes know: from then on one delivery a
//! minute goes there, from whichever node's turn it is, until one succeeds. What somebody asks for
//! by hand is tried at once all the same: they want to know whether it works by now.

use super::{Sender, attempt};
use crate::{
    clock::Clock,
    directory::Directory,
    ports::{BY_HAND, Change, DueOf, EngineError, NewDelivery, Outbox, Queued, WebhookRecord},
};
use sentinel_model::{Time, webhook::DeliveryState};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    task::{self, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Requests under way of this process, and those of them to one endpoint, to one that failed
/// the last time, and to all that are failing.
const IN_FLIGHT: usize = 128;
const PER_ENDPOINT: usize = 8;
const PER_DOUBTFUL: usize = 2;
const PROBES: usize = 32;

/// Deliveries that are looked at together.
const LOOKED_AT: usize = 64;

/// How often it is looked what is due by time; what is new is told.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// For so long a delivery is this process's: a try takes a third of it at most, and clocks
/// of nodes are less than the rest apart.
const LEASE_MS: i64 = 60_000;

/// Failures in a row after which an endpoint counts as failing.
const FAILING_AFTER: u32 = 5;
/// How often one that is failing is tried.
const PROBE_EVERY_MS: i64 = 60_000;
/// One that fails for so long is switched off: five days.
const DISABLED_AFTER_MS: i64 = 5 * 24 * 3600 * 1000;

/// How long deliveries are kept: thirty days; and how often old ones are looked for.
const KEPT_MS: i64 = 30 * 24 * 3600 * 1000;
const DROP_EVERY: Duration = Duration::from_secs(3600);

/// For how long a stop waits for tries under way. What takes longer is tried again later.
const STOP_WITHIN: Duration = Duration::from_secs(2);

pub struct Deliverer {
    clock: Clock,
    directory: Arc<Directory>,
    outbox: Arc<dyn Outbox>,
    sender: Arc<Sender>,
    in_flight: JoinSet<Tried>,
    /// Which those are: the endpoint, and what they are about.
    under_way: HashMap<task::Id, (String, String)>,
    /// Endpoints that failed the last time: how often in a row, and since when.
    streaks: HashMap<String, (u32, Time)>,
    /// The last turn of failing endpoints that was asked for.
    turns: HashMap<String, i64>,
    /// Something may be due that there was no place for.
    more: bool,
}

/// How a delivery that was under way ended.
#[derive(Default)]
struct Tried {
    /// Whether the endpoint took it; none where it was not asked.
    well: Option<bool>,
    gone: bool,
}

impl Deliverer {
    pub fn new(
        clock: Clock,
        directory: Arc<Directory>,
        outbox: Arc<dyn Outbox>,
        sender: Arc<Sender>,
    ) -> Self {
        Self {
            clock,
            directory,
            outbox,
            sender,
            in_flight: JoinSet::new(),
            under_way: HashMap::new(),
            streaks: HashMap::new(),
            turns: HashMap::new(),
            more: false,
        }
    }

    pub async fn run(self, stop: CancellationToken) {
        let (outbox, directory) = (self.outbox.clone(), self.directory.clone());
        let bounding = super::overflow::watch(outbox, directory, self.clock.clone(), stop.clone());
        tokio::join!(bounding, self.deliver(stop));
    }

    async fn deliver(mut self, stop: CancellationToken) {
        let mut told = self.directory.deliveries();
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut dropped, mut fails) = (None::<Instant>, false);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = self.in_flight.join_next_with_id() => {
                    // One that panicked is due again when its lease has run out.
                    let (id, tried) = ended.unwrap_or_else(|error| (error.id(), Tried::default()));
                    if let Some((webhook, _)) = self.under_way.remove(&id) {
                        self.end(&webhook, tried).await;
                    }
                    if !self.more {
                        continue;
                    }
                }
                Ok(()) = told.changed() => {}
                _ = ticks.tick() => {}
            }
            let mut looked = self.fill().await;
            if looked.is_ok() && dropped.is_none_or(|dropped| dropped.elapsed() > DROP_EVERY) {
                looked = self.outbox.drop_before(self.clock.now().plus_ms(-KEPT_MS)).await;
                dropped = Some(Instant::now());
            }
            // The first says it; while it lasts more would fill the log.
            if let (Err(error), false) = (&looked, fails) {
                let error: &dyn std::error::Error = error;
                tracing::warn!(error, "webhooks cannot be delivered; tried again");
            }
            fails = looked.is_err();
        }
        let ending = async { while self.in_flight.join_next().await.is_some() {} };
        tokio::time::timeout(STOP_WITHIN, ending).await.ok();
    }

    /// Takes as much as there is place for.
    async fn fill(&mut self) -> Result<(), EngineError> {
        self.more = false;
        self.ask_by_hand().await?;
        self.probe().await?;
        let mut full: Vec<String> = self.failing().iter().map(|webhook| webhook.id.clone()).collect();
        let busy: HashSet<&String> = self.under_way.values().map(|(webhook, _)| webhook).collect();
        full.extend(busy.into_iter().filter(|webhook| self.places(webhook) == 0).cloned());
        loop {
            let room = IN_FLIGHT.saturating_sub(self.in_flight.len());
            if room == 0 {
                self.more = true;
                return Ok(());
            }
            let due = self.outbox.due(self.clock.now(), DueOf::AllBut(&full), LOOKED_AT).await?;
            let all_seen = due.len() < LOOKED_AT;
            let mut taken: Vec<Queued> = Vec::new();
            for queued in due {
                let NewDelivery { webhook, about, .. } = &queued.delivery;
                let of_it = || taken.iter().filter(|other| other.delivery.webhook == *webhook);
                let follows = of_it().any(|other| other.delivery.about == *about)
                    || self.under_way.values().any(|other| (&other.0, &other.1) == (webhook, about));
                if !follows && of_it().count() < self.places(webhook) && taken.len() < room {
                    taken.push(queued);
                    continue;
                }
                self.more = true;
                // Behind those that wait for it there may be others'.
                if !full.contains(webhook) {
                    full.push(webhook.clone());
                }
            }
            for queued in self.lease(taken).await? {
                self.begin(queued);
            }
            if all_seen {
                return Ok(());
            }
        }
    }

    /// How many more requests there may be to an endpoint.
    fn places(&self, webhook: &str) -> usize {
        let most = if self.streaks.contains_key(webhook) { PER_DOUBTFUL } else { PER_ENDPOINT };
        most.saturating_sub(self.under_way_to(webhook))
    }

    fn under_way_to(&self, webhook: &str) -> usize {
        self.under_way.values().filter(|(of, _)| of == webhook).count()
    }

    fn failing(&self) -> Vec<Arc<WebhookRecord>> {
        self.directory.webhooks(|webhook| webhook.enabled && webhook.failing_since.is_some())
    }

    /// Takes what somebody asked for by hand, whatever else waits for its endpoint.
    async fn ask_by_hand(&mut self) -> Result<(), EngineError> {
        let room = IN_FLIGHT.saturating_sub(self.in_flight.len()).min(LOOKED_AT);
        if room == 0 {
            return Ok(());
        }
        let mut due = self.outbox.due(BY_HAND, DueOf::AllBut(&[]), room).await?;
        let mut of: HashMap<String, usize> = HashMap::new();
        due.retain(|queued| {
            let taken = of.entry(queued.delivery.webhook.clone()).or_default();
            *taken += 1;
            self.under_way_to(&queued.delivery.webhook) + *taken <= PER_ENDPOINT
        });
        for queued in self.lease(due).await? {
            self.begin(queued);
        }
        Ok(())
    }

    /// Tries those that are failing whose turn it is.
    async fn probe(&mut self) -> Result<(), EngineError> {
        let turn = self.clock.now().ms().div_euclid(PROBE_EVERY_MS);
        let failing = self.failing();
        let mut probes: usize = failing.iter().map(|webhook| self.under_way_to(&webhook.id)).sum();
        for webhook in failing {
            let id = &webhook.id;
            let asked = self.turns.get(id).is_some_and(|asked| *asked == turn);
            if asked || self.under_way_to(id) > 0 || probes >= PROBES || self.in_flight.len() >= IN_FLIGHT {
                continue;
            }
            let due = self.outbox.due(self.clock.now(), DueOf::Only(id), 1).await?;
            if due.is_empty() {
                continue;
            }
            self.turns.insert(id.clone(), turn);
            if self.outbox.take_turn(id, turn).await? {
                for queued in self.lease(due).await? {
                    self.begin(queued);
                    probes += 1;
                }
            }
        }
        Ok(())
    }

    async fn lease(&self, due: Vec<Queued>) -> Result<Vec<Queued>, EngineError> {
        match due.is_empty() {
            true => Ok(due),
            false => self.outbox.lease(due, self.clock.now().plus_ms(LEASE_MS)).await,
        }
    }

    fn begin(&mut self, queued: Queued) {
        let of = (queued.delivery.webhook.clone(), queued.delivery.about.clone());
        let (clock, directory) = (self.clock.clone(), self.directory.clone());
        let (outbox, sender) = (self.outbox.clone(), self.sender.clone());
        let task =
            self.in_flight.spawn(async move { tried(queued, &clock, &directory, &*outbox, &sender).await });
        self.under_way.insert(task.id(), of);
    }

    async fn end(&mut self, webhook: &str, tried: Tried) {
        let Tried { well, gone } = tried;
        let now = self.clock.now();
        match well {
            None => {}
            Some(true) => {
                self.streaks.remove(webhook);
                self.mark(
                    webhook,
                    |webhook| webhook.failing_since.is_some(),
                    |webhook| webhook.failing_since = None,
                )
                .await;
            }
            Some(false) => {
                let (failures, since) = self.streaks.entry(webhook.to_owned()).or_insert((0, now));
                *failures += 1;
                let (failures, since) = (*failures, *since);
                if gone {
                    self.disable(webhook, |_| true, "it answered 410 Gone").await;
                } else if failures >= FAILING_AFTER {
                    self.mark(
                        webhook,
                        |webhook| webhook.failing_since.is_none(),
                        |webhook| webhook.failing_since = Some(since),
                    )
                    .await;
                }
                let too_long = |webhook: &WebhookRecord| {
                    webhook.failing_since.is_some_and(|since| now.ms_since(since) >= DISABLED_AFTER_MS)
                };
                self.disable(webhook, too_long, "it answered nothing well for five days").await;
            }
        }
    }

    async fn disable(&self, webhook: &str, when: impl Fn(&WebhookRecord) -> bool, why: &str) {
        let disable = |webhook: &mut WebhookRecord| {
            webhook.enabled = false;
            webhook.disabled_because = Some(why.to_owned());
        };
        if self.mark(webhook, |webhook| webhook.enabled && when(webhook), disable).await {
            tracing::warn!(webhook, "a webhook was switched off: {why}");
        }
    }

    /// Changes an endpoint's record where that is called for; answers whether it did.
    async fn mark(
        &self,
        id: &str,
        when: impl Fn(&WebhookRecord) -> bool,
        change: impl Fn(&mut WebhookRecord),
    ) -> bool {
        if self.directory.webhook(id).is_none_or(|webhook| !when(&webhook)) {
            return false;
        }
        let changed = self.directory.change(|| {
            let Some(mut record) =
                self.directory.webhook(id).filter(|now| when(now)).map(|now| (*now).clone())
            else {
                return Ok((Vec::new(), false));
            };
            change(&mut record);
            Ok::<_, EngineError>((vec![Change::PutWebhook(record)], true))
        });
        changed.await.unwrap_or_else(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, webhook = id, "how a webhook is could not be noted");
            false
        })
    }
}

/// When a delivery is tried next: never in the past. One that is due may wait for its turn,
/// and behind an endpoint that is failing all do.
pub fn next_attempt(queued: &Queued, webhook: &WebhookRecord, now: Time) -> Option<Time> {
    let turn = match webhook.failing_since {
        Some(_) if queued.due != BY_HAND => Time((now.ms().div_euclid(PROBE_EVERY_MS) + 1) * PROBE_EVERY_MS),
        _ => now,
    };
    (queued.state == DeliveryState::Pending && webhook.enabled).then(|| queued.due.max(turn))
}

async fn tried(
    leased: Queued,
    clock: &Clock,
    directory: &Directory,
    outbox: &dyn Outbox,
    sender: &Sender,
) -> Tried {
    let id = &leased.delivery.webhook;
    if directory.webhook(id).is_none() {
        // Another node may have made it just now.
        directory.freshen().await;
    }
    let (after, tried) = match directory.webhook(id) {
        Some(webhook) if webhook.enabled => {
            let attempt = sender.send(&webhook, &leased.delivery, clock.now()).await;
            let (well, gone) = (attempt.error.is_none(), attempt.status == Some(410));
            count(&attempt);
            (attempt::after(&leased, attempt, clock.now(), rand::random()), Tried { well: Some(well), gone })
        }
        Some(_) => (attempt::given_up(&leased, "the webhook is switched off", clock.now()), Tried::default()),
        None => {
            (attempt::given_up(&leased, "there is no such webhook any more", clock.now()), Tried::default())
        }
    };
    match after.state {
        DeliveryState::Delivered => {
            metrics::counter!("sentinel_webhook_deliveries_total", "outcome" => "delivered").increment(1)
        }
        DeliveryState::Failed => {
            metrics::counter!("sentinel_webhook_deliveries_total", "outcome" => "failed").increment(1)
        }
        DeliveryState::Pending => {}
    }
    if let Err(error) = outbox.settle(&leased, after).await {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(
            error,
            delivery = leased.delivery.id,
            "what became of a delivery is not noted: it is tried again"
        );
    }
    tried
}

fn count(attempt: &sentinel_model::webhook::DeliveryAttempt) {
    let outcome = if attempt.error.is_none() { "delivered" } else { "failed" };
    metrics::counter!("sentinel_webhook_attempts_total", "outcome" => outcome).increment(1);
    metrics::histogram!("sentinel_webhook_seconds").record(f64::from(attempt.duration_ms) / 1000.0);
}
