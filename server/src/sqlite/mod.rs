//! The embedded engines that keep things on disk, over SQLite.
//!
//! Two files in the data folder: `history.db` (fixes; [`intake`] writes, [`archive`]
//! reads) and `records.db` ([`registry`]). Both run in WAL mode with
//! `synchronous=FULL`: a commit that answered is on disk.

mod archive;
mod block;
mod fold;
mod group;
mod intake;
pub mod open;
mod readers;
pub mod registry;
mod writer;

pub use archive::SqliteArchive;
pub use intake::{IntakeLimits, SqliteIntake};
pub use registry::SqliteRegistry;

use open::Migrations;

/// The history file's schema.
///
/// A row of `block` holds up to [`block::CAPACITY`] fixes of one unit, packed, in
/// order of (device time, uuid). Blocks of a unit never overlap in that order.
/// `id` grows with insertion, so blocks being filled lie side by side on disk
/// whichever units they belong to.
pub const HISTORY_SCHEMA: Migrations = Migrations {
    steps: &["
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
    "],
};
