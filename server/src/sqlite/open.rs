//! Opening a database file: durability settings, and a schema that only moves forward.

use crate::ports::EngineError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Schema steps in order; the file's `user_version` counts those it has.
pub struct Migrations {
    pub steps: &'static [&'static str],
}

#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(
        "{file} was written by a newer Sentinel (its schema is version {found}, this program knows up to {known}): \
         run the newer program, or restore a backup of the older one into another folder"
    )]
    Newer { file: String, found: usize, known: usize },
    #[error("{file}: {source}")]
    Sqlite { file: String, source: rusqlite::Error },
    #[error("{file}: {source}")]
    File { file: String, source: std::io::Error },
}

/// Opens for writing, makes the file where there is none, and brings its schema up to date.
pub fn open(path: &Path, migrations: &Migrations) -> Result<Connection, EngineError> {
    let file = || path.display().to_string();
    let wrap = |source| EngineError::new("opening the database", OpenError::Sqlite { file: file(), source });
    make_private(path).map_err(|source| {
        EngineError::new("opening the database", OpenError::File { file: file(), source })
    })?;
    let mut db = Connection::open(path).map_err(wrap)?;
    settle(&db).map_err(wrap)?;
    db.pragma_update(None, "journal_mode", "WAL").map_err(wrap)?;
    db.pragma_update(None, "synchronous", "FULL").map_err(wrap)?;

    let known = migrations.steps.len();
    let found: usize = db
        .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
        .map(|version| usize::try_from(version).unwrap_or(0))
        .map_err(wrap)?;
    if found > known {
        return Err(EngineError::new(
            "opening the database",
            OpenError::Newer { file: file(), found, known },
        ));
    }
    for (version, step) in (1i64..).zip(migrations.steps).skip(found) {
        let tx = db.transaction().map_err(wrap)?;
        tx.execute_batch(step).map_err(wrap)?;
        tx.pragma_update(None, "user_version", version).map_err(wrap)?;
        tx.commit().map_err(wrap)?;
    }
    Ok(db)
}

/// Opens an existing file for reading only.
pub fn open_reader(path: &Path) -> Result<Connection, EngineError> {
    let wrap = |source| {
        let file = path.display().to_string();
        EngineError::new("opening the database for reading", OpenError::Sqlite { file, source })
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(wrap)?;
    settle(&db).map_err(wrap)?;
    Ok(db)
}

fn settle(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    db.pragma_update(None, "cache_size", -16_384)?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// Makes the file where there is none, and it its owner's alone either way: the records
/// hold password hashes and the signing secret, the history where people were. The
/// `-wal` and `-shm` files beside it take their mode from it.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}
