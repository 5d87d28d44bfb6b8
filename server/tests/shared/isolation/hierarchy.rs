//! The stations of a story, and every scope above them.

use sentinel_model::{Level, Scope, ScopePath};
use sentinel_server::ports::{Change, ScopeRecord};
use std::collections::BTreeMap;

/// Numbers are given per level, so that `zone:1` and `station:1` are different things.
pub fn stations(drawn: &[(u8, u8, u8)]) -> Vec<ScopePath> {
    let (mut zones, mut divisions) = (BTreeMap::new(), BTreeMap::new());
    let mut paths = Vec::new();
    for (station, (district, zone, division)) in (1u32..).zip(drawn) {
        let next = zones.len() as u32 + 1;
        let zone_id = *zones.entry((district, zone)).or_insert(next);
        let next = divisions.len() as u32 + 1;
        let division_id = *divisions.entry((district, zone, division)).or_insert(next);
        paths.push(ScopePath {
            district: u32::from(*district) + 1,
            zone: zone_id,
            division: division_id,
            station,
        });
    }
    paths
}

pub fn hierarchy(stations: &[ScopePath]) -> (Vec<Scope>, Vec<Change>) {
    let mut records = BTreeMap::new();
    for path in stations {
        let mut parent = None;
        for scope in path.scopes() {
            let path = (scope.level == Level::Station).then_some(*path);
            records.insert(
                scope,
                ScopeRecord {
                    scope,
                    name: scope.to_string(),
                    parent,
                    path,
                    site: None,
                    filters: None,
                    alert_rules: None,
                },
            );
            parent = Some(scope);
        }
    }
    (records.keys().copied().collect(), records.into_values().map(Change::PutScope).collect())
}
