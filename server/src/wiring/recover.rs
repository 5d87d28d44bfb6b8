//! What a process that has its own engines finds out from its history when it starts.

use crate::{
    directory::Directory,
    ingest::{CLOCK_AHEAD_MS, is_ahead, shown},
    ports::{Archive, EngineError, Positions},
    reads::placed,
};
use sentinel_model::{Fix, Location, Time, UnitId};
use std::collections::HashMap;

/// Where units were shown, of those for which that was kept; none where nowhere.
pub type Markers = HashMap<UnitId, Option<Location>>;

/// Where every unit was last: as it was kept, and where nothing is, from its history, by the
/// rule that ingest follows: what came from a clock too far ahead is shown when it was received,
/// so it holds only until something later is known.
pub async fn positions(
    directory: &Directory,
    archive: &dyn Archive,
    markers: Markers,
    positions: &dyn Positions,
    now: Time,
) -> Result<(), EngineError> {
    /// Units read at once, so that recovery of a large fleet does not hold all in memory twice.
    const UNITS_AT_ONCE: usize = 1000;
    let units = directory.units(None, usize::MAX, |_| true);
    let mut units: Vec<UnitId> = units.iter().map(|unit| unit.record.id.clone()).collect();
    for unit in &units {
        if let Some(Some(location)) = markers.get(unit) {
            // The server's own clock may have been put back since.
            let received_at = location.received_at.min(now);
            positions.put(Location { received_at, ..location.clone() }).await?;
        }
    }
    units.retain(|unit| !markers.contains_key(unit));
    for units in units.chunks(UNITS_AT_ONCE) {
        let mut last = placed::last_before(archive, units, Time(i64::MAX)).await?;
        let ahead: Vec<UnitId> =
            last.iter().filter(|(_, fix)| is_ahead(&heard(fix, now))).map(|(unit, _)| unit.clone()).collect();
        if !ahead.is_empty() {
            // What the unit told before its clock went wrong, or since it is right again.
            last.extend(placed::last_before(archive, &ahead, now.plus_ms(CLOCK_AHEAD_MS)).await?);
        }
        for (unit, fix) in last {
            positions.put(shown(unit, &heard(&fix, now))).await?;
        }
    }
    Ok(())
}

/// A fix as it was received; the server's own clock may have been put back since.
fn heard(fix: &Fix, now: Time) -> Fix {
    Fix { received_at: fix.received_at.min(now), ..fix.clone() }
}
