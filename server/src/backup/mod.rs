//! `sentinel backup` and `sentinel restore`: everything an installation holds, in one file,
//! whatever engines keep it; so an embedded installation moves to Redis and MongoDB and back.
//!
//! - [`format`]: what stands in the file
//! - [`save`] writes it, [`load`] reads it, both through the ports alone
//! - [`source`]: reading a file that may be damaged; [`target`]: writing one that is whole or
//!   not there; [`progress`]: how far it is, for who waits
//!
//! A backup holds every record (sessions and secrets too, so that everybody stays signed in),
//! and every fix that was answered before it began: what lies in the archive, what waits for
//! it, and what it would not take. Nodes and workers may run meanwhile; what comes meanwhile
//! may be in it or not. A restore first reads the whole file and writes nothing unless all of
//! it is as it was written, and then only into an installation that is empty.

mod format;
mod load;
pub mod progress;
mod save;
mod source;
mod target;
#[cfg(test)]
mod tests;

use crate::{
    config::{Place, PlaceArgs},
    wiring::Offline,
};
use anyhow::Context as _;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

pub const HELP: &str = "The file holds password hashes, the signing secrets and where everybody was:
keep it as safe as the installation itself.

Moving an installation from its folder to Redis and MongoDB, or back: stop it, back it up,
restore into what is empty, start there.";

#[derive(clap::Args)]
pub struct BackupArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The file to write, gzip; one of that name is replaced once the new one is whole
    file: PathBuf,
}

#[derive(clap::Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The file that `sentinel backup` wrote
    file: PathBuf,
}

/// Writes what the installation holds. A data folder must be in no server's use; nodes that
/// share their engines may run.
pub async fn backup(args: BackupArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let BackupArgs { place, file } = args;
    let place = place.settle()?;
    if let Place::Folder(path) = &place {
        // Opening would make it.
        anyhow::ensure!(
            path.join("records.db").exists(),
            "{place} holds no installation; give another with --data, or --redis-url and --mongodb-url"
        );
    }
    let installation = Offline::open(&place).await?;
    let outcome = save::save(&installation, &file, &stop).await;
    installation.end().await;
    let counts = outcome.with_context(|| format!("no backup of {place} was made"))?;
    println!("{} holds {counts}", file.display());
    Ok(())
}

/// Fills an empty installation. No node or worker of it may run yet.
pub async fn restore(args: RestoreArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let RestoreArgs { place, file } = args;
    let place = place.settle()?;
    let held = load::verify(&file, &stop).context("nothing was written")?;
    let installation = Offline::open(&place).await?;
    let outcome = load::restore(&installation, &place, &file, &held, &stop).await;
    installation.end().await;
    outcome?;
    println!("{place} now holds {}", held.counts);
    Ok(())
}
