//! The engines of a scaled-out Sentinel that live in Redis: rooms (state plane), bus
//! (data and control plane), current positions, and the queue that positions are taken
//! into. One Redis, one behind Redis Sentinel, or a Redis Cluster ([`Address`]).
//!
//! What belongs together lies in one slot of a cluster and changes in one script, so no
//! reader sees half of it. Every key and channel is named in [`keys`].

mod address;
mod away;
mod backlog;
mod bus;
mod cluster;
mod contents;
mod dead;
mod durability;
mod entry;
mod erase;
mod event;
mod intake;
mod keys;
mod lanes;
mod lease;
mod line;
mod link;
mod owners;
mod positions;
mod queue;
mod reach;
mod rooms;
mod scripts;
pub mod shard;
mod version;

pub use address::{Address, AddressError};
pub use away::is_away;
pub use backlog::waiting;
pub use bus::RedisBus;
pub use contents::RedisContents;
pub use dead::{DeadId, DeadLetter, DeadLetters};
pub use durability::warn_of_volatile;
pub use entry::{Entry, EntryError};
pub use erase::{await_archived, drop_dead};
pub use intake::{QueueLimits, RedisIntake};
pub use lease::{Lease, Seeker, seek_lease};
pub use link::Link;
pub use owners::Owners;
pub use positions::{CURRENT_FOR, RedisPositions};
pub use queue::{Delivered, EntryId, Pending, Queue};
pub use rooms::RedisRooms;
pub use version::check_version;
