//! The engines that many nodes share, over MongoDB or a server that speaks its protocol.
//!
//! - [`connect`]: the connection, what the server can do, indexes
//! - [`registry`]: the records, by one ordered [`log`] of commits; [`fold`] applies them to
//!   copies that are read fast ([`audit`] among them), [`tail`] overlays what is not folded yet
//! - [`outbox`]: deliveries of webhooks, moved there from the log
//! - [`archive`] reads history, [`store`] writes it, in insert-only segments ([`segment`],
//!   [`merge`]); [`compact`] makes few of many, [`erase`] removes a unit's
//!
//! Whatever nodes must decide between them, the insert of a unique `_id` decides: that is
//! atomic on every server, and needs no transaction. Updates are only made where they may
//! be made again, and where it does not matter which of two comes first.
//!
//! The driver reads its options from the URI. Those that matter:
//!
//! - `mongodb://host:27017,host2:27017/sentinel?replicaSet=rs0`: the path names the
//!   database (`sentinel` without one); `mongodb+srv://` finds the hosts by DNS
//! - `tls=true&tlsCAFile=/etc/ssl/ca.pem`, and `tlsCertificateKeyFile=` for a certificate
//!   of one's own
//! - `authSource=admin`, `authMechanism=`: who logs in where
//! - `maxPoolSize=` (10): how much is asked of one server at once
//! - `serverSelectionTimeoutMS=` (3000): how long a request waits for a server that can
//!   answer it; `connectTimeoutMS=` (10000)
//! - `readPreference=`: where history may be read; records are always read from the primary
//! - `w=`, `journal=`, `wtimeoutMS=`: what counts as written, instead of the majority's
//!   journals

mod alerts;
pub mod archive;
mod audit;
mod away;
mod compact;
pub mod connect;
mod driver;
mod erase;
mod fold;
mod key_uses;
mod log;
mod merge;
mod outbox;
mod outbox_docs;
#[cfg(test)]
mod plans;
mod records;
pub mod registry;
mod segment;
mod store;
mod tail;
mod tasks;
mod watch;

pub use archive::MongoArchive;
pub use away::is_away;
pub use connect::Mongo;
pub use registry::MongoRegistry;
