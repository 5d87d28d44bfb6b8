//! History to be taken away: whole fixes, within the windows that a caller may see, as a
//! stream that reads on only as it is written.

use super::{Reads, windows};
use crate::{
    auth::{Caller, ScopeGrant},
    directory::UnitEntry,
    export::{Piece, Pieces},
    ports::{EngineError, TimeRange},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sentinel_model::{Fix, RoutePoint, UnitId};
use std::{collections::VecDeque, sync::Arc};

/// Units whose windows are looked up at once; what they hold is read one after the other.
const UNITS_AT_ONCE: usize = 8;

impl Reads {
    /// All fixes of a unit as far as the caller may see it; none where it may see none of
    /// the unit, now or in the range.
    pub async fn taken_of_unit(
        self: &Arc<Self>,
        caller: &Caller,
        id: &UnitId,
        range: TimeRange,
    ) -> Result<Option<Pieces>, EngineError> {
        let windows = self.seen_of(caller, id, range).await?;
        Ok(windows.map(|windows| self.clone().pieces(id.clone(), windows)))
    }

    /// The fixes at the points of a route that was thinned.
    pub async fn taken_at(
        self: &Arc<Self>,
        caller: &Caller,
        id: &UnitId,
        range: TimeRange,
        max_points: usize,
    ) -> Result<Option<Pieces>, EngineError> {
        let Some(route) = self.route(caller, id, range, max_points).await? else { return Ok(None) };
        let Some(all) = self.taken_of_unit(caller, id, range).await? else { return Ok(None) };
        let mut points = VecDeque::from(route.points);
        let kept = all.map_ok(move |piece| Piece {
            fixes: piece.fixes.into_iter().filter(|fix| is_next(&mut points, fix)).collect(),
            ..piece
        });
        Ok(Some(kept.boxed()))
    }

    /// All fixes of every unit that were made while it was under the scope.
    pub fn taken_of_scope(self: &Arc<Self>, grant: ScopeGrant, range: TimeRange) -> Pieces {
        let reads = self.clone();
        let units = self.directory.units(None, usize::MAX, |_| true);
        stream::iter(units)
            .map(move |unit| {
                let (reads, grant) = (reads.clone(), grant.clone());
                async move {
                    let windows = reads.windows_under(&unit, &grant, range).await?;
                    Ok::<_, EngineError>(reads.pieces(unit.record.id.clone(), windows))
                }
            })
            .buffered(UNITS_AT_ONCE)
            .try_flatten()
            .boxed()
    }

    async fn windows_under(
        &self,
        unit: &UnitEntry,
        grant: &ScopeGrant,
        range: TimeRange,
    ) -> Result<Vec<TimeRange>, EngineError> {
        let postings = self.postings(unit, range).await?;
        Ok(windows::visible(&postings, range, |path| grant.covers(path)))
    }

    fn pieces(self: Arc<Self>, unit: UnitId, windows: Vec<TimeRange>) -> Pieces {
        stream::iter(windows)
            .flat_map(move |window| {
                let of = unit.clone();
                let fixes = self.archive.whole(&unit, window);
                fixes.map_ok(move |fixes| Piece { unit: of.clone(), window, fixes })
            })
            .boxed()
    }
}

/// Whether a fix is the next of the points; takes that one away.
fn is_next(points: &mut VecDeque<RoutePoint>, fix: &Fix) -> bool {
    let is = |point: &RoutePoint| {
        (point.time, point.latitude, point.longitude) == (fix.time, fix.latitude, fix.longitude)
    };
    let next = points.front().is_some_and(is);
    if next {
        points.pop_front();
    }
    next
}
