//! Doors to the live rooms. What all of them have in common is a [`Subscriber`]; each turns
//! what that has next into its own protocol, and ends when its right does.
//!
//! - [`websocket`]: `/api/v1/ws`, the live protocol both ways
//! - [`sse`]: `/api/v1/stream`, the same as server-sent events, [packed](gzip) where asked
//! - [`track`]: `/ws/track/{unit}`, one unit as an earlier system told of it
//! - [`order`]: an order as its customer sees it, and where its driver is
//! - [`line`]: a WebSocket that does not wait forever

mod gzip;
mod line;
pub mod order;
pub mod sse;
mod subscriber;
pub mod track;
pub mod websocket;
