//! A segment: consecutive fixes of one unit, packed, as one document that never changes.
//!
//! Its `_id` comes from what it holds, so the same fixes packed alike are there once,
//! however often they are given. Packed otherwise, with others, they overlap, and whoever
//! reads takes each (time, uuid) once. Segments end where a UTC hour ends: what may hold a
//! moment begins in that moment's hour.

use crate::block::{self, BlockError, CAPACITY};
use mongodb::bson::{Binary, DateTime, spec::BinarySubtype};
use sentinel_model::{Fix, Time, UnitId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub const HOUR_MS: i64 = 3_600_000;

/// Extras and events may be long; a document may not (16 MB).
const LARGEST_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Segment {
    #[serde(rename = "_id")]
    pub id: Binary,
    pub unit: String,
    /// Device times of the first and the last fix.
    pub first: DateTime,
    pub last: DateTime,
    pub n: i64,
    /// When it was stored, microseconds since 1970: of two fixes that are the same, the one
    /// that was stored first stays.
    pub stored: i64,
    /// It was made of others.
    #[serde(default)]
    pub compacted: bool,
    pub data: Binary,
}

/// What a fix is told apart by from others of its unit; no uuid is an empty one.
pub type Key = (Time, Box<str>);

pub fn key(fix: &Fix) -> Key {
    (fix.time, fix.uuid.clone().unwrap_or_default())
}

pub fn hour(time: Time) -> i64 {
    time.ms().div_euclid(HOUR_MS)
}

pub fn hour_start(hour: i64) -> Time {
    Time(hour.saturating_mul(HOUR_MS))
}

pub fn date(time: Time) -> DateTime {
    DateTime::from_millis(time.ms())
}

pub fn time(date: DateTime) -> Time {
    Time(date.timestamp_millis())
}

pub fn binary(bytes: Vec<u8>) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes }
}

/// In order, each identity once: its first.
pub fn in_order(mut fixes: Vec<Fix>) -> Vec<Fix> {
    fn uuid(fix: &Fix) -> &str {
        fix.uuid.as_deref().unwrap_or_default()
    }
    fixes.sort_by(|a, b| (a.time, uuid(a)).cmp(&(b.time, uuid(b))));
    fixes.dedup_by(|later, first| (later.time, uuid(later)) == (first.time, uuid(first)));
    fixes
}

/// Where fixes that are in order are cut.
pub fn cut(fixes: &[Fix]) -> Vec<&[Fix]> {
    let mut cut = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (ix, fix) in fixes.iter().enumerate() {
        let long = [&fix.extras, &fix.event, &fix.uuid];
        let size = long.iter().map(|text| text.as_ref().map_or(0, |text| text.len())).sum::<usize>();
        let full = ix - start == CAPACITY || bytes + size > LARGEST_BYTES;
        if ix > start && (full || hour(fix.time) != hour(fixes[start].time)) {
            cut.push(&fixes[start..ix]);
            (start, bytes) = (ix, 0);
        }
        bytes += size;
    }
    if start < fixes.len() {
        cut.push(&fixes[start..]);
    }
    cut
}

/// Packs fixes as [`cut`] cuts them. The `salt` makes of the same content other segments: those
/// of compaction.
pub fn pack(unit: &UnitId, fixes: &[Fix], stored: i64, salt: &[u8]) -> Result<Segment, BlockError> {
    let (data, _) = block::pack_all(fixes)?;
    let ends = |fix: Option<&Fix>| fix.map_or(Time(0), |fix| fix.time);
    let (first, last) = (ends(fixes.first()), ends(fixes.last()));
    let digest = Sha256::new().chain_update(&data).chain_update(salt).finalize();
    let mut id = unit.as_str().as_bytes().to_vec();
    id.push(0);
    // In the order of time, also before 1970.
    id.extend((first.ms() ^ i64::MIN).to_be_bytes());
    id.extend(&digest[..8]);
    Ok(Segment {
        id: binary(id),
        unit: unit.to_string(),
        first: date(first),
        last: date(last),
        n: i64::try_from(fixes.len()).unwrap_or(i64::MAX),
        stored,
        compacted: !salt.is_empty(),
        data: binary(data),
    })
}
