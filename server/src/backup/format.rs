//! What stands in a backup: gzip of lines, each a JSON object with one key that says its kind.
//!
//! | line | how often | holds |
//! | --- | --- | --- |
//! | `sentinel_backup` | first | the format's version, when it was made, by which Sentinel |
//! | `secret` | any | the name and 64 hex digits |
//! | `record` | any | a scope, unit, person, key, session, webhook, patrol, alert (since version 3), task (since version 4), fence (since version 5) or entry of the audit log, as the registry keeps it; a later one of an id replaces the one before |
//! | `delivery` | any | a delivery of a webhook that is not settled, and how far it is (since version 2) |
//! | `queued` | any | the unit and a fix that waited for the archive |
//! | `dead` | any | an entry that the archive would not take: base64, and `fixes` where it reads |
//! | `fix` | any | the unit and a fix of its history; a unit's in order |
//! | `end` | last | how many of each, and SHA-256 of the lines before, ends of line included |
//!
//! Numbers are written so that they read back bit for bit. A `queued` fix may stand among the
//! `fix` lines too, where it was archived meanwhile: of the same fix, the history's is first.

use crate::{
    auth::secret::hex,
    ports::{Change, DeadEntry, Queued},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sentinel_model::{Fix, Time, UnitId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Counts up when a reader of the one before would miss something.
pub const VERSION: u32 = 5;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    pub version: u32,
    pub made_at: Time,
    pub by: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    SentinelBackup(Header),
    Secret(Secret),
    Record(Change),
    Delivery(Queued),
    Queued(UnitId, Fix),
    Dead(DeadLine),
    Fix(UnitId, Fix),
    End(End),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    pub counts: Counts,
    /// Hex.
    pub sha256: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub secrets: u64,
    pub records: u64,
    pub queued: u64,
    pub dead: u64,
    pub fixes: u64,
    #[serde(default)]
    pub deliveries: u64,
}

impl Counts {
    pub fn count(&mut self, line: &Line) {
        let counter = match line {
            Line::SentinelBackup(_) | Line::End(_) => return,
            Line::Secret(_) => &mut self.secrets,
            Line::Record(_) => &mut self.records,
            Line::Delivery(_) => &mut self.deliveries,
            Line::Queued(..) => &mut self.queued,
            Line::Dead(_) => &mut self.dead,
            Line::Fix(..) => &mut self.fixes,
        };
        *counter += 1;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, queued, dead, fixes, deliveries, .. } = self;
        write!(
            f,
            "{records} records, {fixes} fixes of history, {queued} that waited for it, {dead} dead letters, \
             {deliveries} deliveries of webhooks that wait"
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    pub name: String,
    pub hex: String,
}

impl Secret {
    pub fn of(name: String, bytes: &[u8; 32]) -> Self {
        Self { name, hex: hex(bytes) }
    }

    pub fn bytes(&self) -> Option<[u8; 32]> {
        let mut bytes = [0; 32];
        let pairs = self.hex.as_bytes().chunks_exact(2);
        if self.hex.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(bytes)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLine {
    pub was: String,
    pub tries: u64,
    pub error: String,
    pub at: Time,
    pub bytes: String,
    pub fixes: Option<(UnitId, Vec<Fix>)>,
}

impl From<DeadEntry> for DeadLine {
    fn from(DeadEntry { was, tries, error, at, bytes, fixes }: DeadEntry) -> Self {
        Self { was, tries, error, at, bytes: STANDARD.encode(bytes), fixes }
    }
}

impl TryFrom<DeadLine> for DeadEntry {
    type Error = base64::DecodeError;

    fn try_from(line: DeadLine) -> Result<Self, Self::Error> {
        let DeadLine { was, tries, error, at, bytes, fixes } = line;
        Ok(Self { was, tries, error, at, bytes: STANDARD.decode(bytes)?, fixes })
    }
}
