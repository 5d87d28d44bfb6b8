//! Who is asking, and what they may see and do.
//!
//! A request's credential becomes a [`Caller`] here and nowhere else
//! ([`access`]); what a caller may do is decided here and nowhere else
//! ([`policy`]); a subscription needs a [`ScopeGrant`], which only the policy can
//! make. Whatever is not granted is denied. When a credential is revoked, its
//! grants end, and with them the streams that hold them ([`ends`]).
//!
//! - [`password`]: argon2id, off the async threads, at one cost for known and unknown names
//! - [`secret`]: tokens that are shown once and stored as hashes
//! - [`session`], [`jwt`]: what a browser and a program carry after signing in
//! - [`links`]: what a customer carries who follows an order, and the leave to see its driver
//! - [`key_uses`]: when each key was last used
//! - [`proxies`]: whose request it is when a proxy stands in front
//! - [`throttle`]: how often a password may be tried
//! - [`shares`]: how much one caller may hold at once
//! - [`origin`]: whether a browser's request comes from our own pages
//! - [`extract`]: callers as axum hands them to handlers

pub mod access;
mod change_password;
mod ends;
pub mod extract;
pub mod jwt;
mod key_uses;
pub mod links;
pub mod origin;
pub mod password;
pub mod policy;
pub mod proxies;
pub mod secret;
pub mod session;
mod shares;
pub mod throttle;

#[cfg(test)]
mod tests;

pub use access::{Access, AccessConfig, SignInError, SignedIn};
pub use extract::{MaybeSigned, Signed};
pub use key_uses::KeyUses;
pub use links::{DriverGrant, Follower};
pub use policy::{Caller, Denied, ScopeGrant};
pub use shares::{Most, Share, Shares};
