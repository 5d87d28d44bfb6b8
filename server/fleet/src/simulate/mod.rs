//! `sentinel simulate`: made-up units that drive the demo city and post where they are.
//!
//! - [`mover`]: one unit's driving, the same for the same seed
//! - [`track`]: the line it follows, with rounded corners and braking distances
//! - [`outbox`]: what a unit has not had answered yet, up to an hour of it
//! - [`duties`]: where the server has sent units, and what their crews say
//! - [`fleet`]: all units against the clock and the server
//!
//! An outage loses nothing that is younger than an hour: fixes wait, and go as batches
//! once the server answers again. Stopping waits for the answers that are under way.

mod duties;
mod fleet;
pub mod mover;
mod outbox;
mod roster;
pub mod track;

use crate::access::AccessArgs;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Drives made-up units through the demo city and posts their positions, as phones in
/// cars would; a unit that is assigned to an incident or order drives there. Stop it with Ctrl-C; started again, units go on from where they were.
#[derive(Debug, Clone, clap::Args)]
pub struct SimulateArgs {
    #[command(flatten)]
    pub access: AccessArgs,

    /// How many units move, of those the server knows [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub units: Option<u32>,

    /// Only units whose id begins with this
    #[arg(long, default_value = "", value_name = "PREFIX")]
    pub unit_prefix: String,

    /// Seconds between a unit's fixes, about
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub interval: Duration,

    /// The same number gives the same movement
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Whether fixes carry a battery level
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "true|false")]
    pub battery: bool,
}

impl SimulateArgs {
    /// What `serve --demo` runs beside itself: every unit of the demo city, once a second.
    pub fn demo(url: impl Into<String>, api_key: impl Into<String>) -> Self {
        Self {
            access: AccessArgs::with_key(url, api_key),
            units: None,
            unit_prefix: crate::city::UNIT_PREFIX.into(),
            interval: Duration::from_secs(1),
            seed: 1,
            battery: true,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let s: f64 = text.parse().map_err(|_| format!("{text:?} is not a number of seconds"))?;
    if (0.1..=3600.0).contains(&s) {
        Ok(Duration::from_secs_f64(s))
    } else {
        Err(format!("{text} s is outside 0.1 to 3600"))
    }
}

/// Runs until `shutdown`. Waits for a server that is not up yet; fails where the
/// credential is refused or the server knows no units.
pub async fn run(args: SimulateArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let api = args.access.connect()?;
    let Some(roster) = roster::read(&api, &args, &shutdown).await? else { return Ok(()) };
    tracing::info!(units = roster.len(), url = api.base(), "simulated units are on the road");
    fleet::Fleet::new(api, roster, &args).run(shutdown).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};

    #[test]
    fn the_defaults_are_every_unit_once_a_second() {
        let command = SimulateArgs::augment_args(clap::Command::new("simulate"));
        let parsed = SimulateArgs::from_arg_matches(&command.clone().get_matches_from(["simulate"]))
            .expect("defaults");
        assert_eq!((parsed.units, parsed.interval, parsed.battery), (None, Duration::from_secs(1), true));
        let parsed =
            command.clone().get_matches_from(["simulate", "--interval", "0.5", "--battery", "false"]);
        let parsed = SimulateArgs::from_arg_matches(&parsed).expect("options");
        assert_eq!((parsed.interval, parsed.battery), (Duration::from_millis(500), false));
        assert!(command.try_get_matches_from(["simulate", "--interval", "0"]).is_err());
    }
}
