//! What callers may read of units: bounded by a grant, computed here.

pub mod nearest;
pub mod placed;
mod taken;
pub mod thin;
mod windows;

use crate::{
    auth::{Caller, ScopeGrant},
    clock::Clock,
    directory::{Directory, UnitEntry},
    live::status::Silence,
    ports::{Among, Archive, EngineError, NearbyQuery, Positions, TimeRange},
};
use futures::TryStreamExt;
use sentinel_model::{
    Fix, Location, Page, Patrol, RouteAnswer, Scope, ScopePath, Time, Unit, UnitId, UnitStatus, fix::Nearby,
    scope::ScopeCounts, unit::HistoryAnswer,
};
use std::{collections::HashMap, sync::Arc};
use thin::Thinner;

/// Points of a route in memory at once: 16 MB. A range with more is thinned as it is read.
const HELD_MAX: usize = 400_000;

pub struct Reads {
    pub clock: Clock,
    pub directory: Arc<Directory>,
    pub archive: Arc<dyn Archive>,
    pub positions: Arc<dyn Positions>,
    pub silence: Silence,
}

impl Reads {
    /// The unit if the caller may see it now.
    pub fn visible(&self, caller: &Caller, id: &UnitId) -> Option<Arc<UnitEntry>> {
        self.directory.unit(id).filter(|unit| caller.may_view(&unit.path()))
    }

    pub async fn unit(&self, entry: &UnitEntry) -> Result<Unit, EngineError> {
        let location = self.positions.get(&entry.record.id).await?;
        Ok(self.as_unit(entry, location, self.clock.now()))
    }

    fn status(&self, entry: &UnitEntry, location: Option<&Location>, now: Time) -> UnitStatus {
        self.silence.status(entry, location, self.directory.is_on_task(&entry.record.id), now)
    }

    fn as_unit(&self, entry: &UnitEntry, location: Option<Location>, now: Time) -> Unit {
        let patrol_id = entry.patrol.map(|patrol| patrol.id);
        Unit {
            id: entry.record.id.clone(),
            name: entry.record.name.clone(),
            kind: entry.record.kind.clone(),
            station: entry.path().station(),
            status: self.status(entry, location.as_ref(), now),
            patrol_id,
            location: location.map(|location| Location { patrol_id, ..location }),
        }
    }

    pub async fn units(
        &self,
        grant: &ScopeGrant,
        words: &str,
        cursor: Option<&UnitId>,
        limit: usize,
    ) -> Result<Page<Unit>, EngineError> {
        let mut entries =
            self.directory.matching(words, cursor, limit + 1, |unit| grant.covers(&unit.path()));
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(|last| last.record.id.to_string());
        let ids: Vec<UnitId> = entries.iter().map(|unit| unit.record.id.clone()).collect();
        let locations = self.positions.get_many(&ids).await?;
        let now = self.clock.now();
        let items =
            entries.iter().zip(locations).map(|(unit, location)| self.as_unit(unit, location, now)).collect();
        Ok(Page { items, next })
    }

    /// Units by status, for every scope that has any.
    pub async fn counts(&self) -> Result<HashMap<Scope, ScopeCounts>, EngineError> {
        let entries = self.directory.units(None, usize::MAX, |_| true);
        let ids: Vec<UnitId> = entries.iter().map(|unit| unit.record.id.clone()).collect();
        let locations = self.positions.get_many(&ids).await?;
        let now = self.clock.now();
        let mut counts: HashMap<Scope, ScopeCounts> = HashMap::new();
        for (unit, location) in entries.iter().zip(&locations) {
            let status = self.status(unit, location.as_ref(), now);
            for scope in unit.path().scopes() {
                let count = counts.entry(scope).or_default();
                count.units += 1;
                match status {
                    UnitStatus::Available => count.available += 1,
                    UnitStatus::OnTask => count.on_task += 1,
                    UnitStatus::Stale => count.stale += 1,
                    UnitStatus::Offline => count.offline += 1,
                    UnitStatus::OffDuty => count.off_duty += 1,
                }
            }
        }
        Ok(counts)
    }

    pub async fn nearby(
        &self,
        grant: &ScopeGrant,
        at: (f64, f64),
        radius_m: f64,
        limit: usize,
        free_only: bool,
    ) -> Result<Vec<Nearby>, EngineError> {
        let now = self.clock.now();
        let keep = |location: &Location| {
            self.directory.unit(&location.unit_id).is_some_and(|unit| {
                grant.covers(&unit.path())
                    && unit.patrol.is_some()
                    && (!free_only || self.status(&unit, Some(location), now) == UnitStatus::Available)
            })
        };
        let on_patrol = || self.directory.on_patrol(grant.scope(), free_only);
        let among = Among { count: self.directory.on_patrol_count(grant.scope()), units: &on_patrol };
        let (latitude, longitude) = at;
        let query = NearbyQuery { latitude, longitude, radius_m, limit, keep: &keep, among: Some(among) };
        let found = self.positions.nearby(query).await?;
        // The patrol of today, not the one during which the position came.
        let as_now = |location: Location| {
            let unit = self.directory.unit(&location.unit_id);
            Location { patrol_id: unit.and_then(|unit| unit.patrol).map(|patrol| patrol.id), ..location }
        };
        Ok(found
            .into_iter()
            .map(|(location, distance_m)| Nearby { location: as_now(location), distance_m })
            .collect())
    }

    /// A unit's route as far as the caller may see it; none where it may see none of
    /// the unit, now or in the range.
    pub async fn route(
        &self,
        caller: &Caller,
        id: &UnitId,
        range: TimeRange,
        max_points: usize,
    ) -> Result<Option<RouteAnswer>, EngineError> {
        let Some(windows) = self.seen_of(caller, id, range).await? else { return Ok(None) };
        let mut thinner = Thinner::new(HELD_MAX);
        for window in windows {
            let mut pieces = self.archive.points(id, window);
            while let Some(piece) = pieces.try_next().await? {
                thinner = if thinner.fits(piece.len()) {
                    thinner.with(piece)
                } else {
                    away("thinning a route", move || thinner.with(piece)).await?
                };
            }
        }
        let total = thinner.total();
        let points = thinner.held();
        let points = if points.len() > max_points {
            away("thinning a route", move || thin::thin(points, max_points)).await?
        } else {
            points
        };
        Ok(Some(RouteAnswer { unit_id: id.clone(), total, points }))
    }

    /// The parts of the range in which the caller may see a unit; none where it may see none
    /// of the unit, now or in the range.
    async fn seen_of(
        &self,
        caller: &Caller,
        id: &UnitId,
        range: TimeRange,
    ) -> Result<Option<Vec<TimeRange>>, EngineError> {
        let Some(unit) = self.directory.unit(id) else { return Ok(None) };
        let postings = self.postings(&unit, range).await?;
        let windows = windows::visible(&postings, range, |path| caller.may_view(path));
        Ok((!windows.is_empty() || caller.may_view(&unit.path())).then_some(windows))
    }

    /// Where every unit was that was under the scope at a moment: by its last fix until
    /// then that says a place; who made that one under another scope is left out.
    pub async fn history(&self, grant: &ScopeGrant, at: Time) -> Result<HistoryAnswer, EngineError> {
        let then = self.patrols_then(grant, at).await?;
        let under = |unit: &UnitEntry| match then.get(&unit.record.id) {
            Some(patrol) => self.directory.station_path(patrol.station.id),
            None => Some(unit.home_at(at)),
        };
        let units =
            self.directory.units(None, usize::MAX, |unit| under(unit).is_some_and(|p| grant.covers(&p)));
        let ids: Vec<UnitId> = units.iter().map(|unit| unit.record.id.clone()).collect();
        let last = placed::last_before(&*self.archive, &ids, at).await?;
        let patrol_of = |id: &UnitId, fix: &Fix| then.get(id).filter(|patrol| patrol.started_at <= fix.time);
        let elsewhere: Vec<(UnitId, Time)> = last
            .iter()
            .filter(|(id, fix)| patrol_of(id, fix).is_none())
            .map(|(id, fix)| (id.clone(), fix.time))
            .collect();
        let mut patrols_then = self.directory.registry().patrols_of_each(elsewhere).await?.into_iter();
        let mut found = Vec::with_capacity(last.len());
        for (id, fix) in last {
            let patrol = patrol_of(&id, &fix);
            if patrol.is_none() {
                let patrols = patrols_then.next().unwrap_or_default();
                let Some(unit) = self.directory.unit(&id) else { continue };
                let moment = TimeRange { from: fix.time, to: fix.time.plus_ms(1) };
                let postings = self.postings_by(&unit, &patrols);
                if windows::visible(&postings, moment, |path| grant.covers(path)).is_empty() {
                    continue;
                }
            }
            let patrol = patrol.map(|patrol| patrol.id);
            found.push(Location::of(id, patrol, &fix));
        }
        Ok(HistoryAnswer { scope: grant.scope(), at, units: found })
    }

    /// The patrols at a moment of all units that were under the scope then, and of those that
    /// would have been if they had not been on patrol elsewhere.
    async fn patrols_then(
        &self,
        grant: &ScopeGrant,
        at: Time,
    ) -> Result<HashMap<UnitId, Patrol>, EngineError> {
        let registry = self.directory.registry();
        let scopes = self.directory.scopes();
        let under = scopes.iter().filter(|record| record.path.is_some_and(|path| grant.covers(&path)));
        let stations: Vec<Scope> = under.map(|record| record.scope).collect();
        let there = registry.patrols_at(&stations, at).await?;
        let mut then: HashMap<UnitId, Patrol> =
            there.into_iter().map(|patrol| (patrol.unit_id.clone(), patrol)).collect();
        let at_home = self.directory.units(None, usize::MAX, |unit| {
            !then.contains_key(&unit.record.id) && grant.covers(&unit.home_at(at))
        });
        let moments = at_home.iter().map(|unit| (unit.record.id.clone(), at)).collect();
        let elsewhere = registry.patrols_of_each(moments).await?.into_iter().flatten();
        then.extend(elsewhere.map(|patrol| (patrol.unit_id.clone(), patrol)));
        Ok(then)
    }

    async fn postings(
        &self,
        unit: &UnitEntry,
        range: TimeRange,
    ) -> Result<Vec<(TimeRange, ScopePath)>, EngineError> {
        let patrols = self.directory.registry().patrols_of(&unit.record.id, range).await?;
        Ok(self.postings_by(unit, &patrols))
    }

    fn postings_by(&self, unit: &UnitEntry, patrols: &[Patrol]) -> Vec<(TimeRange, ScopePath)> {
        windows::postings(&unit.record.homes, patrols, |station| self.directory.station_path(station))
    }
}

/// Work that takes milliseconds, off the async threads.
async fn away<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.map_err(EngineError::during(what))
}
