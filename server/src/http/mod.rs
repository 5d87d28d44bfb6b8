//! Addresses and how they answer: one file a resource.

pub mod error;
