//! The server from outside: real sockets, real files, a clock that the tests turn.
//! One file a family of addresses; each test's name is what it proves.

mod admin;
mod admin_webhooks;
mod alert_rules;
mod alerts;
mod alerts_open;
mod audit;
#[path = "../shared/clients.rs"]
mod clients;
mod earlier;
mod encodings;
mod erasure;
mod exports;
mod filters;
mod formats;
mod geofences;
mod imports;
mod incidents;
mod ingest;
mod ingest_shown;
mod ingest_whom;
#[path = "../shared/isolation/mod.rs"]
mod isolation;
mod links;
mod live;
mod live_gaps;
mod live_rights;
mod live_silence;
mod live_slow;
mod live_turmoil;
mod nearest;
mod ops;
mod patrols;
mod reads;
#[path = "../shared/receiver.rs"]
mod receiver;
mod reports;
mod routing;
mod scope_is_law;
#[path = "../shared/server.rs"]
mod server;
mod shown_again;
#[path = "../shared/socket.rs"]
mod socket;
mod streams;
mod traces;
mod track;
mod watch;
mod watch_duty;
mod watch_silence;
mod webhooks;
