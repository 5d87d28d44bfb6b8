//! Current positions in Redis; in a cluster spread over shards by unit.
//!
//! A position is current until the unit has not been heard of for the time given. Then it
//! leaves `nearby` at once, by the expiry of its own key, and the index when swept; the last
//! known place stays, and is what `get` answers and what later positions are compared with.
//! The clock is Redis's own. What comes at once is put together, by one script ([`put`]).
//! Needs Redis 6.2.

mod area;
mod held;
mod put;

use super::{
    keys,
    lanes::Lanes,
    link::Link,
    scripts,
    shard::{self, SHARDS},
};
use crate::{
    geo::distance_m,
    ports::{EngineError, NearbyQuery, Positions, Put},
};
use area::{Area, rings};
use async_trait::async_trait;
use futures::future::try_join_all;
use put::Putting;
use redis::{RedisResult, cmd};
use sentinel_model::{Location, UnitId};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a position is current, where nobody says otherwise.
pub const CURRENT_FOR: Duration = Duration::from_secs(300);
/// Positions that one command reads, or one sweep of a shard removes: Redis serves others between.
const AT_ONCE: usize = 1000;

pub struct RedisPositions {
    link: Link,
    shards: Arc<[keys::Positions]>,
    puts: Lanes<Putting>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum PositionError {
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    #[error("a position does not encode")]
    Encode(#[from] serde_json::Error),
    #[error("a held position does not read")]
    Held,
    #[error("this node stops")]
    Stopping,
    #[error("the index holds what is no unit")]
    Unit(#[from] sentinel_model::ids::IdError),
}

impl RedisPositions {
    /// With `stop` it puts what was given, and no more.
    pub fn start(link: Link, current_for: Duration, tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        let shards: Arc<[_]> = match link.is_cluster() {
            true => (0..SHARDS).map(keys::Positions::sharded).collect(),
            false => [keys::Positions::whole()].into(),
        };
        let puts = put::start(&link, shards.clone(), current_for, tasks, stop);
        Self { link, shards, puts }
    }

    /// Takes who is no longer heard of out of the index; answers how many. For workers, every
    /// few seconds: until then each is a line that `nearby` reads in vain.
    pub async fn sweep(&self) -> Result<usize, EngineError> {
        let swept = try_join_all(self.shards.iter().map(|shard| self.sweep_shard(shard))).await;
        swept.map(|swept| swept.iter().sum()).map_err(EngineError::during("sweeping expired positions"))
    }

    async fn sweep_shard(&self, keys: &keys::Positions) -> RedisResult<usize> {
        let mut swept = 0;
        loop {
            let mut call = scripts::SWEEP.prepare_invoke();
            call.key(keys.geo()).key(keys.geo_until()).arg(AT_ONCE);
            let gone: usize = call.invoke_async(&mut self.link.clone()).await?;
            swept += gone;
            if gone < AT_ONCE {
                return Ok(swept);
            }
        }
    }

    /// Which of the shards a unit is in.
    fn shard_of(&self, unit: &UnitId) -> usize {
        usize::from(shard::of(unit)) % self.shards.len()
    }

    /// Where units of one shard were last, with each its place in the answer.
    async fn last(
        &self,
        shard: &keys::Positions,
        asked: Vec<(usize, &UnitId)>,
    ) -> Result<Vec<(usize, Option<Location>)>, PositionError> {
        let mut found = Vec::with_capacity(asked.len());
        for asked in asked.chunks(AT_ONCE) {
            let units: Vec<&str> = asked.iter().map(|(_, unit)| unit.as_str()).collect();
            let mut ask = cmd("HMGET");
            ask.arg(shard.last()).arg(units);
            let held: Vec<Option<String>> = ask.query_async(&mut self.link.clone()).await?;
            for ((place, unit), held) in asked.iter().zip(held) {
                let location = held.map(|held| held::read((*unit).clone(), &held)).transpose()?;
                found.push((*place, location));
            }
        }
        Ok(found)
    }

    async fn try_get_many(&self, units: &[UnitId]) -> Result<Vec<Option<Location>>, PositionError> {
        let mut by_shard: Vec<Vec<(usize, &UnitId)>> = vec![Vec::new(); self.shards.len()];
        for asked in units.iter().enumerate() {
            by_shard[self.shard_of(asked.1)].push(asked);
        }
        let asked = self.shards.iter().zip(by_shard).filter(|(_, asked)| !asked.is_empty());
        let found = try_join_all(asked.map(|(shard, asked)| self.last(shard, asked))).await?;
        let mut locations = vec![None; units.len()];
        for (place, location) in found.into_iter().flatten() {
            locations[place] = location;
        }
        Ok(locations)
    }

    /// Who of a shard is in an area by the index, but no more than so many.
    async fn there(
        &self,
        shard: &keys::Positions,
        area: &Area,
        at_most: Option<usize>,
    ) -> Result<Vec<UnitId>, PositionError> {
        let mut ask;
        match *area {
            Area::Circle { latitude, longitude, radius_m } => {
                ask = cmd("GEOSEARCH");
                ask.arg(shard.geo());
                ask.arg(("FROMLONLAT", longitude, latitude, "BYRADIUS", radius_m, "m"));
                if let Some(at_most) = at_most {
                    ask.arg(("COUNT", at_most, "ANY"));
                }
            }
            Area::Everywhere => {
                ask = cmd("ZRANGE");
                ask.arg(shard.geo()).arg(0);
                match at_most {
                    Some(at_most) => ask.arg(at_most.saturating_sub(1)),
                    None => ask.arg(-1),
                };
            }
        }
        let there: Vec<String> = ask.query_async(&mut self.link.clone()).await?;
        Ok(there.into_iter().map(|unit| unit.parse()).collect::<Result<_, _>>()?)
    }

    /// Where units of one shard are: those whose position is current.
    async fn current(
        &self,
        shard: &keys::Positions,
        units: &[UnitId],
    ) -> Result<Vec<Location>, PositionError> {
        let mut found = Vec::with_capacity(units.len());
        for units in units.chunks(AT_ONCE) {
            let mut ask = cmd("MGET");
            ask.arg(units.iter().map(|unit| shard.current(unit)).collect::<Vec<_>>());
            let held: Vec<Option<String>> = ask.query_async(&mut self.link.clone()).await?;
            for (unit, held) in units.iter().zip(held) {
                let Some(held) = held else { continue };
                found.push(held::read(unit.clone(), &held)?);
            }
        }
        Ok(found)
    }

    /// Those of these that are kept, each with its distance. The units of each shard by its place.
    async fn kept_of(
        &self,
        by_shard: &[Vec<UnitId>],
        query: &NearbyQuery<'_>,
    ) -> Result<Vec<(Location, f64)>, PositionError> {
        let center = (query.latitude, query.longitude);
        let asked = self.shards.iter().zip(by_shard).filter(|(_, units)| !units.is_empty());
        let current = try_join_all(asked.map(|(shard, units)| self.current(shard, units))).await?;
        // The index rounds; what counts is the place that is held.
        let near = current.into_iter().flatten().map(|location| {
            let distance = distance_m(center, (location.latitude, location.longitude));
            (location, distance)
        });
        Ok(near.filter(|(at, distance)| *distance <= query.radius_m && (query.keep)(at)).collect())
    }

    /// Looks around in widening rings; none where more are there than are to be looked at. Asking
    /// for the nearest few of the whole radius would not do: GEOSEARCH visits everyone of the
    /// radius before it counts.
    async fn around(&self, query: &NearbyQuery<'_>) -> Result<Option<Vec<(Location, f64)>>, PositionError> {
        let center = (query.latitude, query.longitude);
        let at_most = query.among.map(|among| among.count.saturating_add(1));
        let mut looked_at: HashSet<UnitId> = HashSet::new();
        let mut kept: Vec<(Location, f64)> = Vec::new();
        for radius_m in rings(query.radius_m) {
            let area = Area::around(center, radius_m);
            let there = self.shards.iter().map(|shard| self.there(shard, &area, at_most));
            let mut there = try_join_all(there).await?;
            if there.iter().map(Vec::len).sum::<usize>() > query.around_max() {
                return Ok(None);
            }
            there.iter_mut().for_each(|units| units.retain(|unit| looked_at.insert(unit.clone())));
            kept.extend(self.kept_of(&there, query).await?);
            let enough = kept.iter().filter(|(_, distance)| *distance <= radius_m).count() >= query.limit;
            if enough || area == Area::Everywhere {
                break;
            }
        }
        Ok(Some(kept))
    }

    /// Looks at each of those who may be kept.
    async fn one_by_one(&self, query: &NearbyQuery<'_>) -> Result<Vec<(Location, f64)>, PositionError> {
        let mut by_shard: Vec<Vec<UnitId>> = vec![Vec::new(); self.shards.len()];
        for unit in query.named() {
            by_shard[self.shard_of(&unit)].push(unit);
        }
        self.kept_of(&by_shard, query).await
    }

    async fn try_nearby(&self, query: &NearbyQuery<'_>) -> Result<Vec<(Location, f64)>, PositionError> {
        let around = if query.is_of_few() { None } else { self.around(query).await? };
        let mut kept = match around {
            Some(kept) => kept,
            None => self.one_by_one(query).await?,
        };
        kept.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.unit_id.cmp(&b.0.unit_id)));
        kept.truncate(query.limit);
        Ok(kept)
    }

    async fn try_remove(&self, unit: &UnitId) -> RedisResult<()> {
        let keys = &self.shards[self.shard_of(unit)];
        let mut call = scripts::REMOVE.prepare_invoke();
        call.key(keys.current(unit)).key(keys.last()).key(keys.geo()).key(keys.geo_until());
        call.arg(unit.as_str()).invoke_async(&mut self.link.clone()).await
    }
}

#[async_trait]
impl Positions for RedisPositions {
    async fn put(&self, location: Location) -> Result<Put, EngineError> {
        self.puts.put(&location).await.map_err(EngineError::during("putting a position"))
    }

    async fn get(&self, unit: &UnitId) -> Result<Option<Location>, EngineError> {
        let last = self.last(&self.shards[self.shard_of(unit)], vec![(0, unit)]).await;
        let last = last.map_err(EngineError::during("reading a position"))?;
        Ok(last.into_iter().next().and_then(|(_, location)| location))
    }

    async fn get_many(&self, units: &[UnitId]) -> Result<Vec<Option<Location>>, EngineError> {
        self.try_get_many(units).await.map_err(EngineError::during("reading positions"))
    }

    async fn nearby(&self, query: NearbyQuery<'_>) -> Result<Vec<(Location, f64)>, EngineError> {
        self.try_nearby(&query).await.map_err(EngineError::during("reading who is near"))
    }

    async fn remove(&self, unit: &UnitId) -> Result<(), EngineError> {
        self.try_remove(unit).await.map_err(EngineError::during("removing a position"))
    }
}
