//! How much one caller may hold of what a node has only so much of: live streams, files on
//! their way. Counted by who asks, not by sign-in: another session is no further share.

use super::Caller;
use parking_lot::Mutex;
use std::{collections::HashMap, num::NonZeroU32, str::FromStr, sync::Arc};

/// How many one caller may hold; none is as many as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most(pub Option<NonZeroU32>);

impl FromStr for Most {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let most = text.parse().map(|most| Self(Some(most)));
        most.map_err(|_| format!("{text:?} is no number of streams: write one, such as 64, or off"))
    }
}

pub struct Shares {
    most: Most,
    /// Only those who hold something, by what they are called in the log.
    held: Mutex<HashMap<Box<str>, u32>>,
}

impl Shares {
    pub fn of(most: Most) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// One more for this caller, given back when it is dropped; none where it holds as many as
    /// it may.
    pub fn take(self: &Arc<Self>, caller: &Caller) -> Option<Share> {
        self.take_as(&caller.to_string())
    }

    /// The same for who is no caller.
    pub fn take_as(self: &Arc<Self>, name: &str) -> Option<Share> {
        let Some(most) = self.most.0 else { return Some(Share { of: None }) };
        let name: Box<str> = name.into();
        let mut all = self.held.lock();
        let held = all.entry(name.clone()).or_default();
        if *held >= most.get() {
            return None;
        }
        *held += 1;
        Some(Share { of: Some((self.clone(), name)) })
    }
}

/// One of what a caller holds.
pub struct Share {
    of: Option<(Arc<Shares>, Box<str>)>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((shares, name)) = self.of.take() else { return };
        let mut all = shares.held.lock();
        if let Some(held) = all.get_mut(&name) {
            *held -= 1;
            if *held == 0 {
                all.remove(&name);
            }
        }
    }
}
