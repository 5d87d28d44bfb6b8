//! Doors to the live rooms. Each turns what a [`Session`](crate::live::Session) has
//! next into its own protocol, and ends when the session's grant does.

pub mod websocket;
