//! One file a page.

pub mod console;
pub mod login;
pub mod not_found;
mod painted;
pub mod wall;
