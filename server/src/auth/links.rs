//! Following an order: by one of its links, which a customer is sent, or by a credential that
//! sees it.
//!
//! A link's token, `{task}~{link}~{mac}`, says which order and which link, and proves that it was
//! made here: the first half of an HMAC-SHA256 with a secret of the installation. It is checked
//! before anything is looked up, so a token that was guessed or changed never reaches the records
//! ([`LinkHolder`] cannot be had otherwise); what of a link holds no more is for the records to
//! say. Where the driver is takes a [`DriverGrant`], which only is given for the order that is
//! followed, for the one unit that attends to it now, and for as long as the link or credential
//! holds.

use super::{
    Caller,
    access::Access,
    ends::{Credential, Ends, Lease},
    secret,
};
use crate::{
    directory::{Behind, Directory},
    ports::{LinkRecord, TaskRecord},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use sentinel_model::{Scope, TaskId, Time, UnitId, ids::ID_MAX_CHARS};
use std::{hint::black_box, sync::Arc};
use tokio_util::sync::CancellationToken;

/// How long after its end an order is still told of: long enough to read that it has come.
pub const TOLD_AFTER_MS: i64 = 3_600_000;

/// Between the parts of a token; no id holds it, and an address takes it as it is.
const BETWEEN: char = '~';
/// Of the HMAC's 32 bytes: 128 bits.
const MAC_BYTES: usize = 16;
const MAC_CHARS: usize = 22;
const LINK_CHARS: usize = 16;
/// Longer texts are not looked at.
const TOKEN_MAX_CHARS: usize = ID_MAX_CHARS + 1 + LINK_CHARS + 1 + MAC_CHARS;

/// Makes the tokens of links, and knows its own.
pub(super) struct LinkTokens(EncodingKey);

impl LinkTokens {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self(EncodingKey::from_secret(secret))
    }

    fn token(&self, task: &TaskId, link: &str) -> String {
        let named = format!("{task}{BETWEEN}{link}");
        let mac = self.mac(&named);
        format!("{named}{BETWEEN}{mac}")
    }

    /// Which order and link a token names, where it was made here.
    fn read<'a>(&self, token: &'a str) -> Option<(TaskId, &'a str)> {
        if token.len() > TOKEN_MAX_CHARS {
            return None;
        }
        let (named, mac) = token.rsplit_once(BETWEEN)?;
        if !is_same(self.mac(named).as_bytes(), mac.as_bytes()) {
            return None;
        }
        let (task, link) = named.rsplit_once(BETWEEN)?;
        Some((task.parse().ok()?, link))
    }

    fn mac(&self, named: &str) -> String {
        let whole = jsonwebtoken::crypto::sign(named.as_bytes(), &self.0, Algorithm::HS256);
        let whole = URL_SAFE_NO_PAD.decode(whole.expect("HMAC takes any key")).expect("it is base64");
        URL_SAFE_NO_PAD.encode(&whole[..MAC_BYTES])
    }
}

/// In a time that tells nothing of where they differ.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && black_box(a.iter().zip(b).fold(0, |differ, (a, b)| black_box(differ | (a ^ b)))) == 0
}

impl Access {
    /// The text by which a link of an order is followed; the same each time.
    pub fn link_token(&self, task: &TaskId, link: &LinkRecord) -> String {
        self.links.token(task, &link.id)
    }

    /// Who shows this token, where it was made here. Nothing is looked up for it.
    pub fn link_holder(&self, token: &str) -> Result<Option<LinkHolder>, Behind> {
        self.directory.ensure_current()?;
        let named = self.links.read(token).filter(|(_, link)| secret::is_id(link));
        Ok(named.map(|(task, link)| LinkHolder { task, link: link.into(), ends: self.ends.clone() }))
    }
}

/// Somebody with a token that was made here, whether its link still holds or not.
#[derive(Clone)]
pub struct LinkHolder {
    task: TaskId,
    link: Arc<str>,
    ends: Arc<Ends>,
}

impl LinkHolder {
    pub fn task(&self) -> &TaskId {
        &self.task
    }

    /// Tells the links of all orders apart.
    pub fn name(&self) -> String {
        format!("link:{}{BETWEEN}{}", self.task, self.link)
    }

    /// The link, where it holds and its order is still told of.
    fn held<'a>(&self, record: &'a TaskRecord, now: Time) -> Option<&'a LinkRecord> {
        let is_told = record.task.closed_at.is_none_or(|at| now < at.plus_ms(TOLD_AFTER_MS));
        let named = record.task.id == self.task && record.task.is_order() && is_told;
        let link = record.links.iter().find(|link| named && *link.id == *self.link)?;
        (link.revoked_at.is_none() && now < link.expires_at).then_some(link)
    }
}

/// Who follows an order.
#[derive(Clone)]
pub enum Follower {
    Link(LinkHolder),
    Caller(Caller),
}

impl Follower {
    /// Whether this order may be followed, as it is now.
    pub fn may_follow(&self, directory: &Directory, record: &TaskRecord, now: Time) -> bool {
        match self {
            Self::Link(link) => link.held(record, now).is_some(),
            Self::Caller(caller) => {
                record.task.is_order() && caller.may_view_of(&record.scopes) && caller.still_holds(directory)
            }
        }
    }

    /// Leave to see where the unit is that attends to this order now; none where none does.
    pub fn driver(&self, directory: &Directory, record: &TaskRecord, now: Time) -> Option<DriverGrant> {
        let unit = record.task.driver()?.unit_id.clone();
        let scope = directory.unit(&unit)?.path().station();
        let (lease, expires_at) = match self {
            Self::Link(link) => {
                let credential = Credential::Link { task: link.task.clone(), id: link.link.clone() };
                (link.ends.lease(&credential), Some(link.held(record, now)?.expires_at))
            }
            Self::Caller(Caller::User(user)) => (user.ends.lease(&user.credential), Some(user.expires_at)),
            Self::Caller(Caller::Key(key)) => (key.ends.lease(&key.credential), key.record.expires_at),
            Self::Caller(Caller::Unit(_)) => return None,
        };
        // Only now: what was revoked before the lease shows here, what is after it cancels the lease.
        let newest = directory.recent_task(&record.task.id);
        let newest = newest.as_deref().unwrap_or(record);
        self.may_follow(directory, newest, now).then_some(DriverGrant { unit, scope, expires_at, lease })
    }
}

/// Leave to see where one unit is, as it attends to the order that is followed.
///
/// Kept as long as the stream that it opened, as a [`ScopeGrant`](super::ScopeGrant) is.
#[derive(Debug, Clone)]
pub struct DriverGrant {
    unit: UnitId,
    scope: Scope,
    expires_at: Option<Time>,
    lease: Arc<Lease>,
}

impl DriverGrant {
    pub fn unit(&self) -> &UnitId {
        &self.unit
    }

    /// The station that the unit is under: its room tells where it is. Of what else is there this
    /// shows nothing.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    pub fn ended(&self) -> CancellationToken {
        self.lease.ended()
    }

    pub fn expires_at(&self) -> Option<Time> {
        self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINK: &str = "0123456789abcdef";

    fn tokens(seed: u8) -> LinkTokens {
        LinkTokens::new(&[seed; 32])
    }

    proptest! {
        #[test]
        fn a_token_reads_back_and_only_here(task in "[A-Za-z0-9._-]{1,60}", a: u8, b: u8) {
            let task: TaskId = task.parse().expect("an id");
            let made = tokens(a).token(&task, LINK);
            prop_assert_eq!(tokens(a).read(&made), Some((task, LINK)));
            if a != b {
                prop_assert_eq!(tokens(b).read(&made), None);
            }
        }

        #[test]
        fn a_token_that_was_changed_anywhere_is_none(task in "[A-Za-z0-9._-]{1,60}", at: prop::sample::Index, to in "[ -~]") {
            let made = tokens(1).token(&task.parse().expect("an id"), LINK);
            let mut changed = made.clone();
            let at = at.index(made.len());
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(tokens(1).read(&changed).is_some(), changed == made);
            let mut cut = made;
            cut.truncate(at);
            prop_assert_eq!(tokens(1).read(&cut), None);
        }

        #[test]
        fn whatever_is_sent_reads_as_none(text in ".{0,200}") {
            prop_assert_eq!(tokens(1).read(&text), None);
        }
    }

    #[test]
    fn it_is_sixteen_bytes_that_prove_it() {
        let made = tokens(1).token(&"A-7731".parse().expect("an id"), LINK);
        let (named, mac) = made.rsplit_once(BETWEEN).expect("three parts");
        assert_eq!((named, mac.len()), ("A-7731~0123456789abcdef", MAC_CHARS));
        assert_ne!(
            tokens(1).token(&"A-7732".parse().expect("an id"), LINK).rsplit_once(BETWEEN).map(|(_, mac)| mac),
            Some(mac)
        );
    }
}
