//! Addresses and how they answer: one file a resource.

pub mod api_keys;
pub mod error;
pub mod input;
pub mod login;
pub mod scopes;
pub mod users;
