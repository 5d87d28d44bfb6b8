//! Sentinel's server, by the way of one fix:
//!
//! - [`http`]: addresses, errors, pages, the socket that is listened on; [`tls`]: its certificate
//! - [`auth`]: who is asking, and the policy that alone can grant sight of a scope
//! - [`audit`]: who did what, for those who have to account for it
//! - [`ingest`]: a posted body becomes validated fixes, durable before the answer
//! - [`alerts`]: calls for help and the like, until somebody acknowledges them
//! - [`dispatch`]: incidents and orders, and the units that are sent to them
//! - [`geofences`]: fences of Sentinel's own, as they are kept
//! - [`patrols`]: units come on and off duty
//! - [`live`]: rooms, conflation, event streams; the only way to a subscriber
//! - [`gateway`]: the WebSocket and the server-sent events that carry `live`
//! - [`reads`]: units, routes, history, bounded by the caller's scope
//! - [`reports`]: how fast incidents and orders were attended to
//! - [`watch`]: what a unit's positions mean: fences crossed, places reached
//! - [`webhooks`]: endpoints elsewhere are told of what happens
//! - [`export`]: histories as files for other programs; [`import`] reads them in
//! - [`directory`]: the running copy of hierarchy, units, people, keys
//! - [`simulator`]: cars driven by nobody, for trying things out
//! - [`ports`]: what is asked of engines; [`sqlite`] and [`memory`] are the embedded ones,
//!   [`crate::redis`] and [`mongo`] those that many nodes share
//! - [`backup`]: all of an installation into a file, and back into any kind of engines
//! - [`worker`]: from the queue that many nodes share into the archive
//! - [`wiring`]: the one place that names engines and puts the parts together

pub mod alerts;
pub mod audit;
pub mod auth;
pub mod backup;
pub mod block;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data_folder;
pub mod demo;
pub mod directory;
pub mod dispatch;
pub mod export;
pub mod gateway;
pub mod geofences;
pub mod housekeeping;
pub mod http;
pub mod import;
pub mod ingest;
pub mod live;
pub mod logs;
pub mod memory;
pub mod mongo;
pub mod patrols;
pub mod ports;
pub mod reads;
pub mod redis;
pub mod reports;
pub mod serve;
pub mod simulator;
pub mod sqlite;
pub mod state;
pub mod tls;
pub mod users;
pub mod watch;
pub mod webhooks;
pub mod wiring;
pub mod worker;

pub use sentinel_model::geo;
