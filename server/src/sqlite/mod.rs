//! The embedded engines that keep things on disk, over SQLite.
//!
//! Two files in the data folder: `history.db` (fixes; [`intake`] writes, [`archive`]
//! reads) and `records.db` ([`registry`], and [`outbox`] beside it). Both run in WAL mode with
//! `synchronous=FULL`: a commit that answered is on disk.

mod alerts;
mod archive;
mod erase;
mod fold;
mod group;
mod intake;
mod key_uses;
mod marker;
pub mod open;
mod outbox;
mod readers;
mod records;
pub mod registry;
mod silence;
mod tasks;
mod watch;
mod writer;

pub use archive::SqliteArchive;
pub use intake::{IntakeLimits, SqliteIntake};
pub use registry::SqliteRegistry;

use open::Migrations;

/// The history file's schema.
///
/// A row of `block` holds up to [`crate::block::CAPACITY`] fixes of one unit, packed, in
/// order of (device time, uuid). Blocks of a unit never overlap in that order.
/// `id` grows with insertion, so blocks being filled lie side by side on disk
/// whichever units they belong to.
///
/// A row of `marker` says where a unit is shown, none for most ([`marker`]).
pub const HISTORY_SCHEMA: Migrations = Migrations {
    steps: &[
        "
        CREATE TABLE unit (ix INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
        CREATE TABLE block (
            id INTEGER PRIMARY KEY,
            unit INTEGER NOT NULL,
            first INTEGER NOT NULL,
            first_uuid TEXT NOT NULL,
            last INTEGER NOT NULL,
            count INTEGER NOT NULL,
            fixes BLOB NOT NULL
        );
        CREATE UNIQUE INDEX block_order ON block (unit, first, first_uuid);
    ",
        "
        CREATE TABLE marker (unit INTEGER PRIMARY KEY, time INTEGER, received_at INTEGER, place BLOB);
    ",
    ],
};

/// A fix with nothing but a time and a place, for tests of engines.
#[cfg(test)]
pub(crate) fn plain_fix(time: i64) -> sentinel_model::Fix {
    use sentinel_model::Time;
    sentinel_model::Fix {
        time: Time(time),
        received_at: Time(time),
        latitude: 9.9,
        longitude: 76.2,
        speed_mps: None,
        heading_deg: None,
        accuracy_m: None,
        altitude_m: None,
        battery: None,
        uuid: None,
        event: None,
        extras: None,
    }
}
