//! What a post says of where its unit is, and what becomes of the unit's marker by it.
//!
//! Decided before the fixes are stored, so that an engine can keep it in the same commit: a
//! server that starts again shows what was shown before.

use super::{
    SHOWN_WITHIN,
    filter::{self, Offered},
    is_ahead, is_nowhere, shown, shown_at,
};
use crate::ports::{EngineError, Marker, Positions};
use sentinel_model::{Fix, Location, UnitId, filters::Filters};

pub struct News {
    /// Where the unit is to be shown, unless it is shown somewhere newer; none where its marker
    /// stays.
    pub to: Option<Location>,
    /// The newest, be it nowhere: a sign of life.
    pub last: Location,
    /// Whether that is shown when it was received, as its clock is too far ahead.
    pub is_ahead: bool,
    /// Positions that filters keep from being shown.
    pub hidden: u64,
    pub marker: Marker,
}

impl News {
    /// None where nothing was posted.
    pub async fn of(
        id: &UnitId,
        fixes: &[Fix],
        filters: Option<Filters>,
        positions: &dyn Positions,
    ) -> Result<Option<Self>, EngineError> {
        let mut placed: Vec<&Fix> = fixes.iter().filter(|fix| !is_nowhere(fix)).collect();
        placed.sort_by_key(|fix| (shown_at(fix), fix.time));
        let Some(last) = placed.last().copied().or(fixes.first()) else { return Ok(None) };
        let is_ahead = !placed.is_empty() && is_ahead(last);
        let last = shown(id.clone(), last);
        let Some(filters) = filters else {
            let to = Some(&last).filter(|_| !placed.is_empty()).cloned();
            let marker = match to.clone() {
                Some(to) if is_ahead => Marker::Chosen { to, if_new: true },
                to => Marker::Follows(to),
            };
            return Ok(Some(Self { to, last, is_ahead, hidden: 0, marker }));
        };
        let held = tokio::time::timeout(SHOWN_WITHIN, positions.get(id)).await;
        let held = held.map_err(EngineError::during("reading where a unit is shown"))??;
        let offered = placed.iter().map(|fix| Offered {
            location: shown(id.clone(), fix),
            said_invalid: filters.invalid && filter::says_invalid(fix),
        });
        let picked = filter::pick(&filters, held.clone(), offered);
        let stands = held.map(|held| Location { received_at: last.received_at, ..held });
        let marker = match picked.shown.clone().or(stands) {
            Some(to) => Marker::Chosen { to, if_new: is_ahead },
            None => Marker::Follows(None),
        };
        Ok(Some(Self { to: picked.shown, last, is_ahead, hidden: picked.hidden, marker }))
    }
}
