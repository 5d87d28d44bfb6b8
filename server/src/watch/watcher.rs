//! Looks at what units post, and raises what it means: alerts of fences and of the rules of a
//! scope, and how far the units are that were sent somewhere.
//!
//! Each unit has one watcher, which is shown its positions in the order in which they were taken:
//! embedded the server's own, after the commit; scaled out that of the worker that holds the
//! unit's shard, after the archive has them and before they leave the queue. So nothing that was
//! answered stays unseen: what a process that was killed had not looked at is in the archive,
//! newer than what is remembered of its unit, and is looked at by the next one. An alert's id is
//! made of what it tells, and a step of an assignment is taken once, so that looking twice tells
//! nothing twice.
//!
//! What is remembered is kept when a unit is seen for the first time, with each alert, and every
//! [`KEPT_EVERY`]. A unit that nothing concerns is not looked at, and nothing of it is remembered.
//!
//! Whatever a unit does is looked at; it is told of the time that it was on patrol, and so often an hour
//! ([`allowance`](super::allowance)). As long as a unit stays below that, each crossing is exactly one
//! alert, whatever is killed; beyond it, what was left out is left out again.

use super::{
    crossing,
    fences::Fences,
    held::{Concern, Held, Raised, sighting},
    journey::Journey,
    limits,
    memory::Memory,
};
use crate::{
    alerts::Alerts,
    clock::Clock,
    directory::{Directory, UnitEntry},
    dispatch::Dispatch,
    ports::{AlertRecord, Archive, EngineError, Remembered, TimeRange, WatchMemory},
    redis::shard,
    wiring::is_away,
    worker::Looks,
};
use async_trait::async_trait;
use dashmap::{DashMap, DashSet};
use futures::TryStreamExt as _;
use sentinel_model::{Fix, UnitId};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// How often what is remembered is kept: so much of the archive is looked at again after a kill.
pub const KEPT_EVERY: Duration = Duration::from_secs(30);

/// Memories that are kept by one commit.
const KEPT_AT_ONCE: usize = 500;

pub struct Watcher {
    pub(super) clock: Clock,
    pub(super) directory: Arc<Directory>,
    pub(super) archive: Arc<dyn Archive>,
    memory: Arc<dyn WatchMemory>,
    alerts: Arc<Alerts>,
    pub(super) dispatch: Arc<Dispatch>,
    fences: Arc<Fences>,
    units: DashMap<UnitId, Arc<Mutex<Watched>>>,
    /// Units of which something is stored that was not looked at.
    behind: DashSet<UnitId>,
}

/// A unit, while it is watched.
#[derive(Default)]
pub(super) struct Watched {
    /// Where fences or rules concern it.
    held: Option<Held>,
    /// By the ids of its active assignments.
    pub(super) journeys: HashMap<String, Journey>,
}

impl Watcher {
    pub fn new(
        archive: Arc<dyn Archive>,
        memory: Arc<dyn WatchMemory>,
        alerts: Arc<Alerts>,
        dispatch: Arc<Dispatch>,
        fences: Arc<Fences>,
    ) -> Self {
        Self {
            clock: alerts.clock.clone(),
            directory: alerts.directory.clone(),
            archive,
            memory,
            alerts,
            dispatch,
            fences,
            units: DashMap::new(),
            behind: DashSet::new(),
        }
    }

    /// Whether anything is looked for in the positions of a unit.
    pub fn concerns(&self, unit: &UnitEntry) -> bool {
        let (id, path) = (&unit.record.id, unit.path());
        let rules = || self.directory.alert_rules(path.station()).is_some_and(|(_, r)| limits::concern(&r));
        self.fences.now().concerns(&path)
            || rules()
            || self.directory.is_on_task(id)
            || self.units.contains_key(id)
    }

    fn concern(&self, unit: &UnitEntry) -> Concern {
        let (path, index) = (unit.path(), self.fences.now());
        let fences = index.concerns(&path);
        let station = path.station();
        let rules = self.directory.alert_rules(station).map(|(_, rules)| rules).unwrap_or_default();
        let filters = self.directory.filters(station).map(|(_, filters)| filters);
        Concern { path, index, fences, rules, filters }
    }

    /// Looks at what a unit has posted, which the archive has. Where this fails, it is looked at
    /// again with the unit's next positions, or by [`keep`](Self::keep).
    pub async fn look(&self, unit: &UnitId, fixes: &[Fix]) -> Result<(), EngineError> {
        let Some(entry) = self.directory.unit(unit) else { return Ok(()) };
        if !self.concerns(&entry) {
            return Ok(());
        }
        let watched = self.units.entry(unit.clone()).or_default().clone();
        let mut watched = watched.lock().await;
        let mut newest: Vec<&Fix> = fixes.iter().collect();
        newest.sort_by_key(|fix| (sighting(fix).time, fix.time));
        let seen = async {
            self.watch(&entry, &mut watched, &newest).await?;
            self.follow(&entry, &mut watched, &newest).await
        };
        let seen = seen.await;
        if seen.is_ok() {
            self.behind.remove(unit);
        } else {
            // From what is kept, and the archive, all of it is seen again.
            *watched = Watched::default();
            self.behind.insert(unit.clone());
        }
        seen
    }

    /// For fences and rules.
    async fn watch(
        &self,
        unit: &UnitEntry,
        watched: &mut Watched,
        fixes: &[&Fix],
    ) -> Result<(), EngineError> {
        let (id, concern) = (&unit.record.id, self.concern(unit));
        if !concern.is_of_positions() {
            if let Some(held) = watched.held.take()
                && let Some(until) = held.memory.crossings.seen_until()
            {
                self.memory.forget(id, until).await?;
            }
            return Ok(());
        }
        let mut raised = Vec::new();
        let is_first = watched.held.is_none();
        let held = match &mut watched.held {
            Some(held) => held,
            None => {
                let held = self.recall(id, &concern, fixes).await?;
                let held = watched.held.insert(held);
                if let Some(until) = held.memory.crossings.seen_until() {
                    let missed = TimeRange { from: until.plus_ms(1), to: TimeRange::ALL.to };
                    let mut missed = self.archive.whole(id, missed);
                    while let Some(fixes) = missed.try_next().await? {
                        fixes.iter().for_each(|fix| held.step(id, fix, &concern, &mut raised));
                    }
                }
                held
            }
        };
        // Elsewhere the node that took a unit's first position starts its patrol a moment later.
        let goes_on_patrol = self.directory.is_shared() && held.memory.crossings.seen_until().is_none();
        fixes.iter().for_each(|fix| held.step(id, fix, &concern, &mut raised));
        if !raised.is_empty() {
            // A patrol that began or ended just before may not be known here yet.
            self.directory.catch_up().await?;
            let Some(unit) = self.directory.unit(id) else { return Ok(()) };
            self.find_patrols(&unit, &mut raised).await?;
            held.tell(&unit, goes_on_patrol, &mut raised);
            let now = self.clock.now();
            let records: Vec<AlertRecord> = raised.iter().map(|raised| raised.record(&unit, now)).collect();
            self.alerts.raise(&records).await?;
        }
        let is_worth_keeping = is_first || !raised.is_empty();
        if is_worth_keeping
            && !held.is_kept
            && let Some((at, memory)) = held.memory.write()
        {
            self.memory.remember(vec![Remembered { unit: id.clone(), at, memory }]).await?;
            held.is_kept = true;
        }
        Ok(())
    }

    /// What is remembered of a unit; of one of which nothing is, where it was before these fixes.
    async fn recall(&self, unit: &UnitId, concern: &Concern, fixes: &[&Fix]) -> Result<Held, EngineError> {
        let kept = self.memory.recall(unit).await?.and_then(|memory| Memory::read(&memory));
        let is_kept = kept.is_some();
        let memory = match (kept, fixes.first()) {
            (Some(memory), _) => memory,
            (None, None) => Memory::default(),
            (None, Some(first)) => {
                let before = first.time.plus_ms(-1);
                let last = self.archive.last_before(std::slice::from_ref(unit), before).await?.pop();
                let begin = |(_, fix): (UnitId, Fix)| {
                    crossing::State::begin(&sighting(&fix), &concern.index, &concern.path)
                };
                Memory { crossings: last.map(begin).unwrap_or_default(), ..Memory::default() }
            }
        };
        Ok(Held { shown: memory.last(unit), memory, is_kept })
    }

    /// Finds on which patrol each was, be it one that has ended since.
    async fn find_patrols(&self, unit: &UnitEntry, raised: &mut [Raised]) -> Result<(), EngineError> {
        let (id, station) = (&unit.record.id, unit.path().station());
        let (mut earlier, mut moments) = (Vec::new(), Vec::new());
        for raised in raised {
            raised.patrol = unit.patrol.filter(|_| unit.was_on_patrol(raised.time())).map(|active| active.id);
            if raised.patrol.is_none() {
                moments.push((id.clone(), raised.time()));
                earlier.push(raised);
            }
        }
        if moments.is_empty() {
            return Ok(());
        }
        let then = self.directory.registry().patrols_of_each(moments).await?;
        for (raised, patrols) in earlier.into_iter().zip(then) {
            raised.patrol = patrols.iter().find(|patrol| patrol.station == station).map(|patrol| patrol.id);
        }
        Ok(())
    }

    /// Looks again at what could not be raised, and keeps what is remembered and not kept yet.
    pub async fn keep(&self) -> Result<(), EngineError> {
        let looked = self.look_again().await;
        let watched: Vec<_> = self.units.iter().map(|e| (e.key().clone(), e.value().clone())).collect();
        for some in watched.chunks(KEPT_AT_ONCE) {
            let mut memories = Vec::new();
            for (unit, watched) in some {
                let mut watched = watched.lock().await;
                if let Some(held) = watched.held.as_mut().filter(|held| !held.is_kept)
                    && let Some((at, memory)) = held.memory.write()
                {
                    // Where keeping fails, it is kept with its next position.
                    held.is_kept = true;
                    memories.push(Remembered { unit: unit.clone(), at, memory });
                }
            }
            if !memories.is_empty() {
                self.memory.remember(memories).await?;
            }
        }
        looked
    }

    /// Looks at what was stored and not looked at by a process that has ended.
    pub async fn catch_up(&self) -> Result<(), EngineError> {
        let mut units = self.memory.remembered().await?;
        units.extend(self.directory.units_on_tasks());
        units.into_iter().for_each(|unit| {
            self.behind.insert(unit);
        });
        self.look_again().await
    }

    /// Looks at what is stored of units that are behind. One that cannot be looked at holds up no
    /// other; it stays behind.
    async fn look_again(&self) -> Result<(), EngineError> {
        let behind: Vec<UnitId> = self.behind.iter().map(|unit| unit.clone()).collect();
        let mut outcome = Ok(());
        for unit in behind {
            match self.look_behind(&unit).await {
                // Then nobody can be looked at.
                Err(error) if is_away(&error) => return Err(error),
                Ok(()) => drop(self.behind.remove(&unit)),
                failed => outcome = outcome.and(failed),
            }
        }
        outcome
    }

    async fn look_behind(&self, unit: &UnitId) -> Result<(), EngineError> {
        if !self.is_of_concern(unit) {
            self.forget(unit).await?;
        }
        self.look(unit, &[]).await
    }

    /// Forgets the units that no fence and no rule concerns any more: what they post from then on
    /// is not looked at, and what they have posted is not to be when there are some again.
    pub async fn forget_unconcerned(&self) -> Result<(), EngineError> {
        let mut outcome = Ok(());
        for unit in self.memory.remembered().await?.iter().filter(|unit| !self.is_of_concern(unit)) {
            match self.forget(unit).await {
                Err(error) if is_away(&error) => return Err(error),
                forgotten => outcome = outcome.and(forgotten),
            }
        }
        outcome
    }

    /// Whether fences or rules concern a unit.
    fn is_of_concern(&self, unit: &UnitId) -> bool {
        self.directory.unit(unit).is_some_and(|entry| self.concern(&entry).is_of_positions())
    }

    async fn forget(&self, unit: &UnitId) -> Result<(), EngineError> {
        let kept = self.memory.recall(unit).await?.and_then(|memory| Memory::read(&memory));
        match kept.and_then(|memory| memory.crossings.seen_until()) {
            Some(until) => self.memory.forget(unit, until).await,
            None => Ok(()),
        }
    }

    /// Units that another has watched meanwhile, or whose positions are erased.
    pub fn let_go(&self, whose: impl Fn(&UnitId) -> bool) {
        self.units.retain(|unit, _| !whose(unit));
        self.behind.retain(|unit| !whose(unit));
    }
}

#[async_trait]
impl Looks for Watcher {
    fn begin(&self, shard: u8) {
        self.let_go(|unit| shard::of(unit) == shard);
    }

    async fn look(&self, unit: &UnitId, fixes: &[Fix]) -> Result<(), EngineError> {
        match Watcher::look(self, unit, fixes).await {
            // Nothing leaves the queue until it is back.
            Err(error) if is_away(&error) => Err(error),
            // It stays behind, which holds nobody up.
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, %unit, "what positions mean could not be told; it is tried again");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}
