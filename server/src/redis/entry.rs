//! One submission as it stands in the queue: a version, the unit, and its fixes packed as
//! in the history. What queues outlives the program that wrote it, so an unknown version
//! is an error and never a guess.

use crate::{
    ports::Receipt,
    sqlite::block::{self, BlockError},
};
use sentinel_model::{Fix, Time, UnitId};

const VERSION: u8 = 1;

/// The field of a stream's entry that holds it.
pub(super) const FIELD: &str = "b";

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub unit: UnitId,
    pub fixes: Vec<Fix>,
}

#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    #[error("an entry of the queue is cut short")]
    Short,
    #[error("an entry of the queue is of version {0}, which this Sentinel does not know")]
    Version(u8),
    #[error("an entry of the queue names no unit")]
    Unit,
    #[error("the fixes of an entry of the queue do not pack or unpack")]
    Fixes(#[from] BlockError),
}

impl Entry {
    /// A submission with each identity once, the first of those that are the same; and how
    /// many that leaves, and leaves out.
    pub fn of(unit: &UnitId, mut fixes: Vec<Fix>) -> (Self, Receipt) {
        let posted = fixes.len();
        if !fixes.is_sorted_by(|a, b| key(a) < key(b)) {
            fixes.sort_by(|a, b| key(a).cmp(&key(b)));
            fixes.dedup_by(|later, first| key(later) == key(first));
        }
        let accepted = fixes.len();
        let receipt = Receipt { accepted: accepted as u64, duplicates: (posted - accepted) as u64 };
        (Self { unit: unit.clone(), fixes }, receipt)
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let unit = self.unit.as_str().as_bytes();
        let length = u8::try_from(unit.len()).map_err(|_| EntryError::Unit)?;
        let (packed, _) = block::pack_all(&self.fixes)?;
        let mut bytes = Vec::with_capacity(2 + unit.len() + packed.len());
        bytes.extend([VERSION, length]);
        bytes.extend(unit);
        bytes.extend(packed);
        Ok(bytes)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        let (unit, packed) = split(bytes)?;
        let (fixes, _) = block::unpack_all(packed)?;
        Ok(Self { unit, fixes })
    }

    /// Whose it is, where only that much can be read.
    pub fn unit_of(bytes: &[u8]) -> Option<UnitId> {
        split(bytes).ok().map(|(unit, _)| unit)
    }
}

fn split(bytes: &[u8]) -> Result<(UnitId, &[u8]), EntryError> {
    let [version, length, rest @ ..] = bytes else { return Err(EntryError::Short) };
    if *version != VERSION {
        return Err(EntryError::Version(*version));
    }
    let (unit, packed) = rest.split_at_checked(usize::from(*length)).ok_or(EntryError::Short)?;
    let unit = std::str::from_utf8(unit).ok().and_then(|unit| unit.parse().ok());
    Ok((unit.ok_or(EntryError::Unit)?, packed))
}

/// With the unit a fix's identity, and its place in the unit's history.
fn key(fix: &Fix) -> (Time, &str) {
    (fix.time, fix.uuid.as_deref().unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plain_fix as fix;

    fn entry(times: impl IntoIterator<Item = i64>) -> (Entry, Receipt) {
        Entry::of(&"PC-001".parse().expect("a good id"), times.into_iter().map(fix).collect())
    }

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let (entry, receipt) = entry([3, 1, 3, 2]);
        assert_eq!((receipt.accepted, receipt.duplicates), (3, 1));
        let bytes = entry.to_bytes().expect("packs");
        assert_eq!(Entry::from_bytes(&bytes).expect("reads"), entry);
        assert_eq!(Entry::unit_of(&bytes), Some(entry.unit));
    }

    #[test]
    fn what_is_no_entry_is_an_error() {
        let (entry, _) = entry(0..3);
        let good = entry.to_bytes().expect("packs");
        assert!(matches!(Entry::from_bytes(&[]), Err(EntryError::Short)));
        assert!(matches!(Entry::from_bytes(&good[..5]), Err(EntryError::Short)));
        assert!(matches!(Entry::from_bytes(&good[..good.len() - 1]), Err(EntryError::Fixes(_))));
        assert!(matches!(Entry::from_bytes(&[&[9], &good[1..]].concat()), Err(EntryError::Version(9))));
        assert!(matches!(Entry::from_bytes(&[1, 2, b'?', b'/']), Err(EntryError::Unit)));
        assert_eq!(Entry::unit_of(&good[..good.len() - 1]), Some(entry.unit), "its unit still reads");
    }
}
