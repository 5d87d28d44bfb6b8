//! What a process that has its own engines finds out from its history when it starts.

use crate::{
    directory::Directory,
    ingest::{CLOCK_AHEAD_MS, filter, is_ahead, is_nowhere, shown},
    ports::{Archive, EngineError, Positions, TimeRange},
};
use sentinel_model::{Fix, Location, Time, UnitId};

/// Where every unit was last, from its history, by the rule that ingest follows: what
/// came from a clock too far ahead is shown when it was received, so it holds only
/// until something later is known.
pub async fn positions(
    directory: &Directory,
    archive: &dyn Archive,
    positions: &dyn Positions,
    now: Time,
) -> Result<(), EngineError> {
    /// Units read at once, so that recovery of a large fleet does not hold all in memory twice.
    const UNITS_AT_ONCE: usize = 1000;
    let units: Vec<UnitId> =
        directory.units(None, usize::MAX, |_| true).iter().map(|unit| unit.record.id.clone()).collect();
    for units in units.chunks(UNITS_AT_ONCE) {
        let mut last = archive.last_before(units, Time(i64::MAX)).await?;
        let ahead: Vec<UnitId> =
            last.iter().filter(|(_, fix)| is_ahead(&heard(fix, now))).map(|(unit, _)| unit.clone()).collect();
        if !ahead.is_empty() {
            // What the unit told before its clock went wrong, or since it is right again.
            last.extend(archive.last_before(&ahead, now.plus_ms(CLOCK_AHEAD_MS)).await?);
        }
        for (unit, fix) in last {
            if let Some(fix) = last_placed(archive, &unit, fix).await? {
                let fix = filtered(directory, archive, &unit, fix).await?;
                positions.put(shown(unit, &heard(&fix, now))).await?;
            }
        }
    }
    Ok(())
}

/// A fix as it was received; the server's own clock may have been put back since.
fn heard(fix: &Fix, now: Time) -> Fix {
    Fix { received_at: fix.received_at.min(now), ..fix.clone() }
}

/// The fix that its scope's filters show, where they hide `fix` behind it. A marker stands no
/// longer than they say, so what came before that need not be read.
async fn filtered(
    directory: &Directory,
    archive: &dyn Archive,
    unit: &UnitId,
    fix: Fix,
) -> Result<Fix, EngineError> {
    /// More than a fix a second for as long as a marker stands by default.
    const FIXES_MAX: usize = 1000;
    let path = directory.unit(unit).map(|entry| entry.path());
    let Some((_, filters)) = path.and_then(|path| directory.filters(path.station())) else { return Ok(fix) };
    let stands_ms = i64::from(filters.keep_after_s()) * 1000;
    let range = TimeRange { from: fix.time.plus_ms(-stands_ms), to: fix.time.plus_ms(1) };
    let before = archive.fixes(unit, range, FIXES_MAX).await?;
    let places =
        before.iter().filter(|fix| !is_nowhere(fix)).map(|fix| Location::of(unit.clone(), None, fix));
    let picked = filter::pick(&filters, None, places.collect()).shown;
    let of_picked = |candidate: &Fix| picked.as_ref().is_some_and(|picked| picked.time == candidate.time);
    Ok(before.into_iter().rev().find(of_picked).unwrap_or(fix))
}

/// The newest fix until `fix` that says a place.
async fn last_placed(archive: &dyn Archive, unit: &UnitId, mut fix: Fix) -> Result<Option<Fix>, EngineError> {
    /// Whose receiver knew no place for longer than this many fixes has none until its next.
    const LOOKED_BACK_MAX: usize = 1000;
    for _ in 0..LOOKED_BACK_MAX {
        if !is_nowhere(&fix) {
            return Ok(Some(fix));
        }
        let before = archive.last_before(std::slice::from_ref(unit), fix.time.plus_ms(-1)).await?;
        let Some((_, earlier)) = before.into_iter().next() else { break };
        fix = earlier;
    }
    Ok(None)
}
