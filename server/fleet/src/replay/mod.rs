//! `sentinel replay`: a recorded trace, posted again through the public API.
//!
//! - [`trace`]: reads the file, every row or a reason with its line
//! - [`pace`]: when each row is due, and the device time it carries
//! - [`send`]: posts what is due, each unit's rows in order, several due ones as one batch
//! - [`crew`]: the units the trace names, made where they are missing and that is wanted
//! - [`audit`]: reads every unit's history back and compares it with the file
//!
//! Nothing is given up because of an outage: rows wait, in order, until the server
//! answers. What it refuses for good is counted as failed, and the command then fails.

mod audit;
mod crew;
mod pace;
mod progress;
mod send;
mod trace;

use crate::{
    access::AccessArgs,
    load::audit::{FOLLOWS_WITHIN, LOOK_AGAIN_AFTER},
};
use anyhow::Context;
use pace::Speed;
use sentinel_model::{Scope, Time};
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// The kind of unit that a replay makes; the simulator leaves these alone.
pub const KIND: &str = "recorded";

/// Posts a recorded trace again, as if its units drove now.
///
/// The file is CSV, gzipped or not, with a header. Columns: time (ISO 8601 or epoch
/// seconds), unit, lat, lon; known are also speed (m/s), heading (degrees), accuracy (m),
/// altitude (m) and battery (0 to 1). Every other column travels along as an extra.
#[derive(Debug, Clone, clap::Args)]
pub struct ReplayArgs {
    /// The trace, FILE.csv or FILE.csv.gz
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub access: AccessArgs,

    /// How many times faster than recorded, or "max": as fast as the server answers
    #[arg(long, default_value = "1", value_name = "TIMES|max")]
    pub speed: Speed,

    /// Put before every unit's name, so that a trace does not mix with units of your own
    #[arg(long, default_value = "", value_name = "PREFIX")]
    pub unit_prefix: String,

    /// Leave out what was recorded before this time
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub from: Option<Time>,

    /// Leave out what was recorded at or after this time
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub until: Option<Time>,

    /// Device times become the times of the replay (a recorded hour at --speed 60 becomes a
    /// minute that begins now) instead of staying as recorded
    #[arg(long)]
    pub shift_to_now: bool,

    /// Make the units that the server does not know, at this station (needs the right to manage)
    #[arg(long, value_name = "STATION")]
    pub create_under: Option<Scope>,

    /// When done, read every unit's history back and compare it with the file; what the server
    /// set aside as impossible is told, not counted as missing
    #[arg(long)]
    pub audit: bool,

    /// Posts under way at once
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub connections: u16,
}

fn time(text: &str) -> Result<Time, String> {
    Time::parse(text).map_err(|e| e.to_string())
}

/// Runs to the end of the trace, or until `shutdown`. Fails where a row could not be
/// read or stored, or where the audit finds anything missing, doubled or different.
pub async fn run(args: ReplayArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let api = args.access.connect()?;
    let (file, prefix) = (args.file.clone(), args.unit_prefix.clone());
    let mut trace = tokio::task::spawn_blocking(move || trace::read(&file, &prefix))
        .await
        .context("reading the trace was broken off")??;
    trace.keep(args.from, args.until);
    anyhow::ensure!(
        !trace.rows.is_empty(),
        "{} has no rows{}",
        args.file.display(),
        if args.from.is_some() || args.until.is_some() { " between --from and --until" } else { "" }
    );
    println!("{}", trace.describe());
    crew::ready(&api, &args, &trace).await?;
    if args.shift_to_now {
        pace::shift(&mut trace, args.speed, crate::clock::now());
    }
    let report = send::Sender::new(&api, &trace, &args).run(&shutdown).await;
    println!("{}", report.summary(&trace));
    if shutdown.is_cancelled() {
        anyhow::bail!(
            "stopped before the end of the trace; run it again to send the rest, what is stored is recognised"
        );
    }
    if args.audit {
        let begun = std::time::Instant::now();
        let findings = loop {
            let found = audit::run(&api, &trace, &report.refused, usize::from(args.connections)).await?;
            // Where history is kept elsewhere, what was answered waits in a queue first.
            if found.missing == 0 || begun.elapsed() > FOLLOWS_WITHIN {
                break found;
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        };
        println!("{}", findings.summary());
        anyhow::ensure!(findings.exact(), "the audit found history that differs from the trace");
    }
    anyhow::ensure!(
        report.failed == 0,
        "{} of {} fixes could not be stored: {}",
        report.failed,
        trace.rows.len(),
        report.first_failure.as_deref().unwrap_or("no reason was given")
    );
    Ok(())
}
