//! Live: from what happens to whoever may see it.
//!
//! - [`frame`]: a unit, an event or a whole frame, encoded once and shared
//! - [`filter`]: what of a room a subscriber wants to be told
//! - [`room`]: one scope as this node's subscribers see it, and its lanes of frames
//! - [`hub`]: the rooms of this node, fed by the bus; [`Hub::join`] needs a grant
//! - [`mend`]: rooms are opened, and mended where the bus has lost something
//! - [`channels`]: whose positions this node listens to
//! - [`session`]: one subscriber's place in a room; what it gets next
//! - [`status`]: stale and offline, by the server's clock; [`told`]: what was told of that, over the
//!   end of the process
//!
//! Guarantees: a subscriber gets a snapshot, then every event in order and the
//! latest position of every unit; it never waits for another, and memory per
//! subscriber does not grow with how slow it is. Where the bus is cut off or loses
//! something, subscribers see what this node has until it is had again; then they get
//! what they missed, or another snapshot.

mod channels;
mod filter;
mod frame;
mod hub;
mod mend;
mod room;
mod session;
pub mod status;
pub mod told;

pub use filter::{Filter, View};
pub use frame::{Encoding, Frame};
pub use hub::{Hub, JoinError, LINGER};
pub use room::live_unit;
pub use session::{Ending, Session, Wanted};
