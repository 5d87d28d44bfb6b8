//! What engines promise, told once a port and run over every engine.

mod alerts;
mod archive;
mod bus;
mod database_away;
mod erasure;
mod failover;
mod fences;
mod intake;
mod key_uses;
mod limits;
mod mongo;
mod outbox;
mod positions;
mod positions_expiry;
mod queue;
mod redis;
mod registry;
mod rooms;
mod shared_history;
mod shared_records;
mod silence;
mod tasks;
mod watch;

use sentinel_model::{Fix, Patrol, PatrolId, Scope, ScopePath, Time, UnitId};
use sentinel_server::ports::{Registry, RoomMember};
use std::time::Duration;

const NOW: Time = Time(1_795_226_400_000);

/// One test a promise, each over an engine of its own.
#[macro_export]
macro_rules! contract {
    // On a server that may not be installed.
    ($engine:ident, where_installed $make:expr, $($story:ident)*) => {
        mod $engine {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $story() {
                    if let Some(engine) = $make {
                        super::$story(&engine).await;
                    }
                }
            )*
        }
    };
    ($engine:ident, $make:expr, $($story:ident)*) => {
        mod $engine {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $story() {
                    super::$story(&$make).await;
                }
            )*
        }
    };
}

/// The same for an engine that needs a service: made by an async expression that answers
/// none, loudly, where the service is not installed.
#[macro_export]
macro_rules! contract_of_service {
    ($engine:ident, $make:expr, $($story:ident)*) => {
        mod $engine {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $story() {
                    let Some(engine) = $make.await else { return };
                    super::$story(&engine).await;
                }
            )*
        }
    };
}

fn unit(text: &str) -> UnitId {
    text.parse().expect("a good id")
}

/// A fix at this many seconds, told from others by its place.
fn fix(seconds: i64) -> Fix {
    Fix {
        time: NOW.plus_ms(seconds * 1000),
        received_at: NOW.plus_ms(seconds * 1000 + 250),
        latitude: 9.9 + seconds as f64 / 1e5,
        longitude: 76.25,
        speed_mps: Some(4.5),
        heading_deg: None,
        accuracy_m: None,
        altitude_m: None,
        battery: None,
        uuid: None,
        event: None,
        extras: None,
    }
}

fn path(station: u32) -> ScopePath {
    ScopePath { district: 1, zone: 1 + station / 10, division: 1 + station / 5, station }
}

/// The patrols of every station of the stories of records.
async fn at_stations(registry: &(impl Registry + ?Sized), at: i64) -> Vec<Patrol> {
    let all = [Scope::station(5), Scope::station(9)];
    registry.patrols_at(&all, Time(at)).await.expect("reads")
}

fn member(patrol: u64, station: u32) -> RoomMember {
    RoomMember { patrol: PatrolId(patrol), unit: unit(&format!("u{patrol}")), path: path(station) }
}

/// Waits until something holds: an engine may be elsewhere.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap_or_else(|_| panic!("never came: {what}"));
}
