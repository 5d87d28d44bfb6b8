//! Where units were last, of what their receivers knew a place for: a fix that says 0, 0 is
//! history, and shows nobody anywhere.

use crate::{
    ingest::is_nowhere,
    ports::{Archive, EngineError, TimeRange},
};
use futures::TryStreamExt as _;
use sentinel_model::{Fix, Time, UnitId};

/// How far behind a fix that is nowhere is read, step by step: whose receiver knew no place
/// through all of them has none until its next.
const STEPS_H: [i64; 4] = [1, 10, 100, 1000];

/// Fixes of one unit that are read for that at most: what asks for a whole district's units is
/// not to read weeks of those that are nowhere.
const READ_MAX: usize = 10_000;

/// For each unit its last fix not after `at` that says a place; units without one are left out.
pub async fn last_before(
    archive: &dyn Archive,
    units: &[UnitId],
    at: Time,
) -> Result<Vec<(UnitId, Fix)>, EngineError> {
    let mut placed = Vec::new();
    for (unit, fix) in archive.last_before(units, at).await? {
        if let Some(fix) = behind(archive, &unit, fix).await? {
            placed.push((unit, fix));
        }
    }
    Ok(placed)
}

/// The fix, or the last one before it that says a place.
async fn behind(archive: &dyn Archive, unit: &UnitId, mut fix: Fix) -> Result<Option<Fix>, EngineError> {
    let mut read = 0;
    for hours in STEPS_H {
        if !is_nowhere(&fix) {
            return Ok(Some(fix));
        }
        // Near it by reading on, over a silence by asking for what came before.
        let from = fix.time.plus_ms(-hours * 3_600_000);
        let mut near = archive.whole(unit, TimeRange { from, to: fix.time.plus_ms(1) });
        let mut placed = None;
        while let Some(piece) = near.try_next().await? {
            read += piece.len();
            if read > READ_MAX {
                return Ok(None);
            }
            placed = piece.into_iter().rfind(|fix| !is_nowhere(fix)).or(placed);
        }
        if placed.is_some() {
            return Ok(placed);
        }
        let before = archive.last_before(std::slice::from_ref(unit), from.plus_ms(-1)).await?;
        let Some((_, before)) = before.into_iter().next() else { return Ok(None) };
        fix = before;
    }
    Ok(Some(fix).filter(|fix| !is_nowhere(fix)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{memory::MemoryArchive, ports::ArchiveWriter as _, sqlite::plain_fix};

    #[tokio::test]
    async fn the_last_place_is_found_behind_hours_that_are_nowhere_and_over_silence() {
        let archive = MemoryArchive::default();
        let id = |text: &str| text.parse::<UnitId>().expect("an id");
        let nowhere = |second: i64| Fix { latitude: 0.0, longitude: 0.0, ..plain_fix(second * 1000) };
        let day = 86_400;
        let store = [
            ("placed", vec![plain_fix(1), nowhere(-5)]),
            ("dense", (1..9_000).map(nowhere).chain([plain_fix(0)]).collect()),
            ("endless", (1..20_000).map(nowhere).chain([plain_fix(0)]).collect()),
            ("sparse", vec![nowhere(300 * day), nowhere(200 * day), plain_fix(0)]),
            ("nowhere", vec![nowhere(1), nowhere(2)]),
        ];
        archive.store(store.map(|(unit, fixes)| (id(unit), fixes)).into()).await.expect("stores");
        let units = ["placed", "dense", "endless", "sparse", "nowhere", "nobody"].map(id);
        let found = last_before(&archive, &units, Time(i64::MAX)).await.expect("reads");
        let found: Vec<(&str, i64)> =
            found.iter().map(|(unit, fix)| (unit.as_str(), fix.time.ms())).collect();
        assert_eq!(found, [("placed", 1), ("dense", 0), ("sparse", 0)], "nobody reads without end");
    }
}
