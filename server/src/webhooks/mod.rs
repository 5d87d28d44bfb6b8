//! Webhooks: endpoints elsewhere are told of what happens in a scope.
//!
//! - [`enqueue`]: what is told to whom, committed in the same step as what happened
//! - [`deliver`]: takes due deliveries, tries them, tries again, gives up
//! - [`attempt`]: what a try says of a delivery: delivered, due again, given up
//! - [`send`]: one signed request; [`sign`]: secrets and signatures
//! - [`overflow`]: what waits for an endpoint that takes nothing is bounded
//! - [`address`]: where requests may go; [`room`]: how many endpoints there may be
//!
//! An endpoint gets each event at least once, each time under the same id. What happens to
//! one unit it gets one after the other; a delivery that has to be tried again lets later
//! ones pass. One that is told to keep answering badly is asked seldom and keeps nobody
//! waiting; after days of that it is switched off, which its record then says.

pub mod address;
mod attempt;
mod deliver;
pub mod enqueue;
mod overflow;
pub mod room;
mod send;
pub mod sign;

pub use address::Guard;
pub use deliver::{Deliverer, next_attempt};
pub use overflow::PENDING_MAX;
pub use send::{Sender, TIMEOUT};
