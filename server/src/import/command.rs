//! `sentinel import`: a file read here, and sent in parts that the server has time for.
//!
//! A part that does not get through is sent again for a while; then the command ends and says
//! from which line to go on. Whoever begins anew instead stores nothing twice.

use super::Point;
use crate::{backup::progress::Progress, clock::Clock, export};
use anyhow::{Context as _, bail};
use sentinel_fleet::{
    access::AccessArgs,
    client::{Api, Backoff},
};
use sentinel_model::{Fix, UnitId, fix::ImportAnswer};
use std::{fs::File, path::PathBuf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Points of one part: a second or two of a server that is busy.
const PART: usize = 5_000;
/// How often a part is sent.
const TRIES: u32 = 12;
/// Points set aside that are shown.
const SHOWN_MAX: u64 = 20;

#[derive(Debug, Clone, clap::Args)]
pub struct ImportArgs {
    /// GPX or CSV, also packed (.gz). CSV begins with a line of names: time, latitude, longitude, and
    /// where there are several units unit_id; GPX tracks are named by their units
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Whose all positions of the file are, whomever it names
    #[arg(long, value_name = "UNIT")]
    pub unit: Option<UnitId>,

    /// Go on where an import broke off: the line of a CSV file, of GPX the number of the point
    #[arg(long, value_name = "LINE", default_value_t = 0)]
    pub from_line: u64,

    #[command(flatten)]
    pub access: AccessArgs,
}

/// Points of a file that follow each other.
struct Part {
    first: u64,
    last: u64,
    points: Vec<(UnitId, Fix)>,
}

pub async fn run(args: ImportArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let api = args.access.connect()?;
    let file = File::open(&args.file).with_context(|| format!("{} cannot be read", args.file.display()))?;
    let (send, mut points) = mpsc::channel(2 * PART);
    let from = args.from_line;
    let now = Clock::system().now();
    let reading = tokio::task::spawn_blocking(move || {
        super::read(file, now, |point| point.line < from || send.blocking_send(point).is_ok())
    });
    let mut importing =
        Importing { api, args, sum: ImportAnswer::default(), progress: Progress::of("import") };
    let mut part = Part { first: 0, last: 0, points: Vec::with_capacity(PART) };
    while let Some(point) = points.recv().await {
        importing.take(point, &mut part);
        if part.points.len() == PART {
            importing.send(&part, &stop).await?;
            part.points.clear();
        }
    }
    importing.send(&part, &stop).await?;
    let sum = importing.sum;
    println!(
        "{} points: {} taken, {} there already, {} set aside",
        sum.total, sum.accepted, sum.duplicates, sum.rejected_total
    );
    reading.await?.context("not all of the file was imported")?;
    // Whoever runs this every night is to hear of it.
    if sum.total > 0 && sum.rejected_total == sum.total {
        bail!("nothing was imported: each point was set aside");
    }
    Ok(())
}

struct Importing {
    api: Api,
    args: ImportArgs,
    sum: ImportAnswer,
    progress: Progress,
}

impl Importing {
    fn take(&mut self, point: Point, part: &mut Part) {
        let Point { line, unit, fix } = point;
        if part.points.is_empty() {
            part.first = line;
        }
        part.last = line;
        let unit = self.args.unit.clone().or(unit);
        let unit = unit.ok_or_else(|| "it does not say whose it is: give --unit".to_owned());
        match fix.and_then(|fix| Ok((unit?, fix))) {
            Ok(point) => part.points.push(point),
            Err(reason) => {
                self.sum.total += 1;
                self.set_aside(&line.to_string(), &reason);
            }
        }
    }

    fn set_aside(&mut self, lines: &str, reason: &str) {
        self.sum.rejected_total += 1;
        if self.sum.rejected_total <= SHOWN_MAX {
            eprintln!("set aside, line {lines}: {reason}");
        }
    }

    async fn send(&mut self, part: &Part, stop: &CancellationToken) -> anyhow::Result<()> {
        if part.points.is_empty() {
            return Ok(());
        }
        let file = export::csv_file(&part.points).into_bytes();
        let lines = format!("{} to {}", part.first, part.last);
        let go_on = || format!("Nothing is lost: go on with --from-line {}", part.first);
        // Named in the address too, so that one that is not there is refused before anything is read.
        let unit = self.args.unit.as_ref().map(ToString::to_string);
        let whose: Vec<_> = unit.iter().map(|unit| ("unit_id", unit.as_str())).collect();
        let (mut tried, mut backoff) = (1, Backoff::new());
        let answer: ImportAnswer = loop {
            match self.api.post_file("/api/v1/import", &whose, file.clone()).await {
                Ok(answer) => break answer,
                Err(error) if error.is_transient() && tried < TRIES => {
                    let wait = backoff.after(&error);
                    eprintln!("lines {lines}: {error}; tried again in {} s", wait.as_secs_f32());
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = stop.cancelled() => bail!("interrupted. {}", go_on()),
                    }
                    tried += 1;
                }
                Err(error) => {
                    let advice = self.args.access.advice(&error).map(|advice| format!("; {advice}"));
                    let advice = advice.unwrap_or_default();
                    bail!("lines {lines}: {error}{advice}. {}", go_on());
                }
            }
        };
        self.sum.total += answer.total;
        self.sum.accepted += answer.accepted;
        self.sum.duplicates += answer.duplicates;
        let shown = answer.rejected.len() as u64;
        for rejected in answer.rejected {
            self.set_aside(&format!("{lines}, point {}", rejected.line.saturating_sub(1)), &rejected.reason);
        }
        self.sum.rejected_total += answer.rejected_total.saturating_sub(shown);
        self.progress.fixes(self.sum.total, None);
        if stop.is_cancelled() {
            bail!("interrupted; go on with --from-line {}", part.last + 1);
        }
        Ok(())
    }
}
