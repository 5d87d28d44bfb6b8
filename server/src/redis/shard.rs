//! Which shard a unit belongs to.
//!
//! The keys of a shard lie in one slot of a cluster, so that what concerns a unit changes in
//! one script; sixteen shards spread over the masters. What is stored lies by this: another
//! number, or another way to choose, would leave it behind.

use sentinel_model::UnitId;
use sha2::{Digest as _, Sha256};

pub const SHARDS: u8 = 16;

/// The same on every node and in every version.
pub fn of(unit: &UnitId) -> u8 {
    Sha256::digest(unit.as_str())[0] % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_in_the_shard_where_it_was_stored() {
        let shard = |text: &str| of(&text.parse().expect("a good id"));
        assert_eq!(["PC-001", "PC-002", "unit_7", "x"].map(shard), [0, 4, 1, 13]);
    }

    #[test]
    fn units_named_by_number_spread_evenly() {
        let mut units = [0u32; SHARDS as usize];
        for n in 0..16_000 {
            units[usize::from(of(&format!("PC-{n:05}").parse().expect("a good id")))] += 1;
        }
        assert!(units.iter().all(|count| (850..1150).contains(count)), "{units:?}");
    }
}
