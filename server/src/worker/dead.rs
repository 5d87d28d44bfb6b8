//! `sentinel dead`: what the archive would not take, for an operator to decide.

use crate::{
    clock::Clock,
    redis::{Address, DeadId, DeadLetter, DeadLetters, Entry, Link, shard::SHARDS},
};
use anyhow::Context;
use serde_json::json;
use std::fmt::Write as _;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[derive(clap::Subcommand)]
pub enum DeadCommand {
    /// Show the entries that were given up, and why
    List {
        #[command(flatten)]
        queue: QueueArgs,
        /// As JSON, one entry a line
        #[arg(long)]
        json: bool,
    },
    /// Put entries back into the queue, once what was wrong is mended
    Requeue(Which),
    /// Drop entries for good
    Drop(Which),
}

#[derive(clap::Args)]
pub struct QueueArgs {
    /// The Redis with the queue: redis://HOST:PORT, redis+cluster://… or redis+sentinel://…
    #[arg(long, env = "SENTINEL_REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: Address,
}

#[derive(clap::Args)]
pub struct Which {
    #[command(flatten)]
    queue: QueueArgs,
    /// Entries, by their ids as `list` shows them
    #[arg(required_unless_present = "all", value_name = "ID")]
    ids: Vec<DeadId>,
    /// All of them
    #[arg(long, conflicts_with = "ids", requires = "yes")]
    all: bool,
    /// Yes, all of them
    #[arg(long)]
    yes: bool,
}

enum Act {
    Requeue,
    Drop,
}

impl QueueArgs {
    async fn letters(&self, stop: &CancellationToken) -> anyhow::Result<DeadLetters> {
        Ok(DeadLetters::new(Link::open(&self.redis_url, &TaskTracker::new(), stop.clone()).await?))
    }
}

pub async fn run(command: DeadCommand, stop: CancellationToken) -> anyhow::Result<()> {
    // The connection ends with the command.
    let _ends = stop.clone().drop_guard();
    match command {
        DeadCommand::List { queue, json } => list(&queue.letters(&stop).await?, json).await,
        DeadCommand::Requeue(which) => {
            let letters = which.queue.letters(&stop).await?;
            let done = each(&letters, &which, Act::Requeue).await?;
            println!("{done} put back into the queue");
            Ok(())
        }
        DeadCommand::Drop(which) => {
            let letters = which.queue.letters(&stop).await?;
            let done = each(&letters, &which, Act::Drop).await?;
            println!("{done} dropped");
            Ok(())
        }
    }
}

/// Does it with those that are asked for; of all, with those that are there when it begins.
async fn each(letters: &DeadLetters, which: &Which, act: Act) -> anyhow::Result<u64> {
    const FAILED: &str = "a dead letter could not be moved";
    let act = async |id: &DeadId| match act {
        Act::Requeue => letters.requeue(id).await,
        Act::Drop => letters.drop(id).await,
    };
    let mut done = 0;
    for id in &which.ids {
        anyhow::ensure!(
            act(id).await.context(FAILED)?,
            "there is no dead letter {id}; {done} before it are done"
        );
        done += 1;
    }
    if which.all {
        let mut left = letters.count().await.context(FAILED)?;
        for shard in 0..SHARDS {
            let mut after = None;
            while left > 0 {
                let some = letters.some(shard, after.as_ref()).await.context(FAILED)?;
                let Some(last) = some.last() else { break };
                after = Some(last.id.clone());
                for letter in some {
                    done += u64::from(act(&letter.id).await.context(FAILED)?);
                    left = left.saturating_sub(1);
                }
            }
        }
    }
    Ok(done)
}

async fn list(letters: &DeadLetters, json: bool) -> anyhow::Result<()> {
    let now = Clock::system().now().0;
    let mut count = 0;
    for shard in 0..SHARDS {
        let mut after = None;
        loop {
            let some =
                letters.some(shard, after.as_ref()).await.context("the dead letters could not be read")?;
            let Some(last) = some.last() else { break };
            after = Some(last.id.clone());
            if count == 0 && !json {
                println!("{}", row(["ID", "UNIT", "FIXES", "TRIES", "AGE", "ERROR"]));
            }
            count += some.len();
            for letter in &some {
                println!("{}", if json { as_json(letter) } else { as_row(letter, now) });
            }
        }
    }
    if count == 0 && !json {
        println!("There are no dead letters.");
    }
    Ok(())
}

fn unit(letter: &DeadLetter) -> Option<String> {
    Entry::unit_of(&letter.bytes).map(|unit| unit.to_string())
}

fn fixes(letter: &DeadLetter) -> Option<usize> {
    Entry::from_bytes(&letter.bytes).ok().map(|entry| entry.fixes.len())
}

fn as_json(letter: &DeadLetter) -> String {
    let DeadLetter { id, was, bytes, tries, error, at_ms } = letter;
    let (unit, fixes, bytes) = (unit(letter), fixes(letter), bytes.len());
    let at = sentinel_model::Time(*at_ms).to_string();
    json!({
        "id": id.to_string(), "was": was, "unit": unit, "fixes": fixes, "bytes": bytes,
        "tries": tries, "error": error, "at": at,
    })
    .to_string()
}

fn as_row(letter: &DeadLetter, now_ms: i64) -> String {
    let age = age(now_ms.saturating_sub(letter.at_ms) / 1000);
    let (unit, fixes) = (unit(letter), fixes(letter).map(|count| count.to_string()));
    let tries = letter.tries.to_string();
    // One line each: an error may quote what it was given.
    let error: String = letter.error.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let unknown = "?";
    row([
        &letter.id.to_string(),
        unit.as_deref().unwrap_or(unknown),
        fixes.as_deref().unwrap_or(unknown),
        &tries,
        &age,
        &error,
    ])
}

fn row([id, unit, fixes, tries, age, error]: [&str; 6]) -> String {
    let mut row = String::new();
    // Writing to a string does not fail.
    write!(row, "{id:<20} {unit:<16} {fixes:>6} {tries:>5} {age:>5}  {error}").ok();
    row
}

fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_one_line_whatever_its_error_and_bytes_say() {
        let letter = DeadLetter {
            id: "3:1795226400000-0".parse().expect("an id"),
            was: "1795226300000-0".into(),
            bytes: vec![1, 3, b'P', b'C', b'1', 255],
            tries: 5,
            error: "refused:\nno".into(),
            at_ms: 1_000_000,
        };
        let shown = as_row(&letter, 1_000_000 + 7_300_000);
        let words: Vec<&str> = shown.split_whitespace().collect();
        assert_eq!(words, ["3:1795226400000-0", "PC1", "?", "5", "2h", "refused:", "no"]);
        let json: serde_json::Value = serde_json::from_str(&as_json(&letter)).expect("JSON");
        assert_eq!((&json["unit"], &json["fixes"], &json["bytes"]), (&json!("PC1"), &json!(null), &json!(6)));
    }
}
