//! What a caller may see and do. The only place that decides it, and the only one
//! that can make a [`ScopeGrant`].
//!
//! A caller has rights ([`Rights`]) over one scope and everything below it. A role
//! or a key's permissions say which rights; there is no other source, and what is
//! not held is denied. What is denied and what does not exist answer alike, so
//! that nobody learns of a station by guessing its number.

use super::ends::{Credential, Ends, Lease};
use crate::{
    directory::{Directory, UnitEntry},
    http::error::ApiError,
    ports::{KeyRecord, UserRecord},
};
use sentinel_model::{Permission, Role, Scope, ScopePath, Time, UnitId, people::User};
use std::{fmt, sync::Arc};
use tokio_util::sync::CancellationToken;

/// A set of the things that can be allowed within a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights(u8);

impl Rights {
    const NONE: Rights = Rights(0);
    const SEE: Rights = Rights(1);
    const PATROL: Rights = Rights(2);
    const DISPATCH: Rights = Rights(4);
    const INGEST: Rights = Rights(8);
    const MANAGE: Rights = Rights(16);
    const WEBHOOKS: Rights = Rights(32);

    const fn and(self, more: Rights) -> Rights {
        Rights(self.0 | more.0)
    }

    pub fn of_role(role: Role) -> Rights {
        match role {
            Role::Admin => Rights::of_role(Role::Commander).and(Rights::INGEST).and(Rights::MANAGE),
            Role::Commander => Rights::SEE.and(Rights::PATROL).and(Rights::DISPATCH).and(Rights::WEBHOOKS),
            Role::Dispatcher => Rights::SEE.and(Rights::DISPATCH),
            Role::Chief => Rights::SEE.and(Rights::PATROL),
            Role::Viewer => Rights::SEE,
        }
    }

    pub fn of_permissions(permissions: &[Permission]) -> Rights {
        permissions.iter().fold(Rights::NONE, |held, permission| {
            held.and(match permission {
                Permission::Ingest => Rights::INGEST,
                Permission::Read => Rights::SEE,
                Permission::Dispatch => Rights::DISPATCH.and(Rights::PATROL),
                Permission::Manage => Rights::MANAGE.and(Rights::WEBHOOKS),
            })
        })
    }

    /// Whether these are all among those held.
    pub fn within(self, held: Rights) -> bool {
        self.0 & !held.0 == 0
    }
}

/// Who asks, proven by a credential; `auth::access` alone makes one.
#[derive(Clone)]
pub enum Caller {
    User(UserCaller),
    Key(KeyCaller),
    Unit(UnitCaller),
}

/// A person, by session cookie or JWT.
#[derive(Clone)]
pub struct UserCaller {
    pub(super) record: Arc<UserRecord>,
    pub(super) credential: Credential,
    pub(super) expires_at: Time,
    pub(super) ends: Arc<Ends>,
}

/// A program, by API key.
#[derive(Clone)]
pub struct KeyCaller {
    pub(super) record: Arc<KeyRecord>,
    pub(super) credential: Credential,
    pub(super) ends: Arc<Ends>,
}

/// A device, by its unit's own token.
#[derive(Clone)]
pub struct UnitCaller {
    pub(super) entry: Arc<UnitEntry>,
}

impl UserCaller {
    pub fn record(&self) -> &UserRecord {
        &self.record
    }
}

impl KeyCaller {
    pub fn record(&self) -> &KeyRecord {
        &self.record
    }
}

impl UnitCaller {
    pub fn id(&self) -> &UnitId {
        &self.entry.record.id
    }

    /// The unit as it was when the request came.
    pub fn entry(&self) -> &Arc<UnitEntry> {
        &self.entry
    }
}

/// Why something is not done for a caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The scope does not exist or is not the caller's: which of the two is not said.
    #[error("{0} is not within what you may see")]
    NotYours(Scope),
    #[error("a unit's token posts positions and does nothing else")]
    PostsOnly,
    #[error("you may not {0}")]
    NotAllowed(&'static str),
    /// The credential was revoked or ran out while the request or the socket ran.
    #[error("this sign-in has ended; sign in again")]
    Ended,
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Ended => ApiError::unauthorized(denied.to_string()),
            Denied::NotYours(_) | Denied::PostsOnly | Denied::NotAllowed(_) => {
                ApiError::forbidden(denied.to_string())
            }
        }
    }
}

impl fmt::Display for Caller {
    /// For logs, and to tell callers apart: `user:chief5`, `key:1f…`, `unit:PC-001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user:{}", user.record.username),
            Self::Key(key) => write!(f, "key:{}", key.record.id),
            Self::Unit(unit) => write!(f, "unit:{}", unit.id()),
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({self})")
    }
}

impl Caller {
    /// Leave to see `scope` and what lies below it, now and as a stream.
    pub fn view(&self, directory: &Directory, scope: Scope) -> Result<ScopeGrant, Denied> {
        let (credential, ends) = match self {
            Self::User(user) => (&user.credential, &user.ends),
            Self::Key(key) => (&key.credential, &key.ends),
            Self::Unit(_) => return Err(Denied::PostsOnly),
        };
        if !self.holds(Rights::SEE) || !directory.scope_within(scope, self.home_scope()) {
            return Err(Denied::NotYours(scope));
        }
        let lease = ends.lease(credential);
        // Only now: a revocation before the lease shows in the directory, one after it cancels the lease.
        if !self.still_holds(directory) {
            return Err(Denied::Ended);
        }
        Ok(ScopeGrant { scope, expires_at: self.expires_at(), lease })
    }

    /// Whether what happens under this station may be seen.
    pub fn may_view(&self, path: &ScopePath) -> bool {
        self.may(Rights::SEE, path)
    }

    /// What the caller sees when it names no scope: the widest it has.
    pub fn home_scope(&self) -> Scope {
        match self {
            Self::User(user) => user.record.scope,
            Self::Key(key) => key.record.scope,
            Self::Unit(unit) => unit.entry.home().station(),
        }
    }

    /// Whether positions may be posted for this unit: a device for itself; others for
    /// units that belong to their scope or are on patrol in it, so that a unit lent
    /// to a neighbour is cut off from neither.
    pub fn may_ingest(&self, unit: &UnitEntry) -> bool {
        match self {
            Self::Unit(own) => own.entry.record.id == unit.record.id,
            _ => self.may(Rights::INGEST, &unit.home()) || self.may(Rights::INGEST, &unit.path()),
        }
    }

    /// The same for a unit of a station that is yet to be made.
    pub fn may_ingest_under(&self, directory: &Directory, station: Scope) -> bool {
        self.holds(Rights::INGEST) && directory.scope_within(station, self.home_scope())
    }

    /// Whether patrols under this station may be started and ended.
    pub fn may_run_patrol(&self, path: &ScopePath) -> bool {
        self.may(Rights::PATROL, path)
    }

    pub fn may_dispatch(&self, path: &ScopePath) -> bool {
        self.may(Rights::DISPATCH, path)
    }

    /// Whether tasks of `scope` may be made and steered. Asked as [`Self::may_manage`] is.
    pub fn may_dispatch_in(&self, directory: &Directory, scope: Scope) -> bool {
        self.holds(Rights::DISPATCH)
            && directory.scope_within(scope, self.home_scope())
            && self.still_holds(directory)
    }

    /// Whether what just these scopes see may be seen: they name every scope above theirs too.
    pub fn may_view_of(&self, scopes: &[Scope]) -> bool {
        self.holds(Rights::SEE) && scopes.contains(&self.home_scope())
    }

    /// Whether what holds in `scope`, and so concerns units beneath it, may be seen: by who sees
    /// the scope, or anything that is in it.
    pub fn may_view_along(&self, directory: &Directory, scope: Scope) -> bool {
        let home = self.home_scope();
        self.holds(Rights::SEE)
            && (directory.scope_within(scope, home) || directory.scope_within(home, scope))
    }

    /// Whether fences of `scope` may be made and changed: by who manages or dispatches there. Asked
    /// as [`Self::may_manage`] is.
    pub fn may_keep_fences(&self, directory: &Directory, scope: Scope) -> bool {
        self.may_manage(directory, scope) || self.may_dispatch_in(directory, scope)
    }

    /// Whether hierarchy, units, people and keys of `scope` may be changed. Asked while
    /// the directory is held for a change, so a caller disabled while waiting changes nothing.
    pub fn may_manage(&self, directory: &Directory, scope: Scope) -> bool {
        self.holds(Rights::MANAGE)
            && directory.scope_within(scope, self.home_scope())
            && self.still_holds(directory)
    }

    /// Whether webhooks of `scope` may be seen and changed: they tell what happens there, so by
    /// who may see it. Asked as [`Self::may_manage`] is.
    pub fn may_keep_webhooks(&self, directory: &Directory, scope: Scope) -> bool {
        self.holds(Rights::WEBHOOKS.and(Rights::SEE))
            && directory.scope_within(scope, self.home_scope())
            && self.still_holds(directory)
    }

    /// Whether there is no scope that the caller does not manage.
    pub fn manages_all(&self, directory: &Directory) -> bool {
        let scopes = directory.scopes();
        let mut tops = scopes.iter().filter(|record| record.parent.is_none());
        tops.all(|top| self.may_manage(directory, top.scope))
    }

    /// Whether `rights` over `scope` may be given to someone: who manages may pass on
    /// what they hold themselves, never more.
    pub fn may_give(&self, directory: &Directory, rights: Rights, scope: Scope) -> bool {
        self.may_manage(directory, scope) && rights.within(self.rights())
    }

    /// What people call whoever asks; none for devices.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::User(user) => Some(&user.record.name),
            Self::Key(key) => Some(&key.record.name),
            Self::Unit(_) => None,
        }
    }

    /// The signed-in person; none for programs and devices.
    pub fn user(&self) -> Option<User> {
        match self {
            Self::User(user) => Some(public(&user.record)),
            Self::Key(_) | Self::Unit(_) => None,
        }
    }

    pub fn expires_at(&self) -> Option<Time> {
        match self {
            Self::User(user) => Some(user.expires_at),
            Self::Key(key) => key.record.expires_at,
            Self::Unit(_) => None,
        }
    }

    fn may(&self, right: Rights, path: &ScopePath) -> bool {
        self.holds(right) && path.within(self.home_scope())
    }

    fn holds(&self, right: Rights) -> bool {
        right.within(self.rights())
    }

    fn rights(&self) -> Rights {
        match self {
            Self::User(user) => Rights::of_role(user.record.role),
            Self::Key(key) => Rights::of_permissions(&key.record.permissions),
            // A device posts for itself by `may_ingest`; over a scope it may do nothing.
            Self::Unit(_) => Rights::NONE,
        }
    }

    /// Whether the credential is still what it was when the request came.
    pub fn still_holds(&self, directory: &Directory) -> bool {
        match self {
            Self::User(user) => {
                let version = match &user.credential {
                    // Its own: whoever changes their password takes this session along.
                    Credential::Session { hash, .. } => {
                        directory.session(hash).map(|session| session.credentials_version)
                    }
                    Credential::Jwt { .. } | Credential::Key { .. } | Credential::Link { .. } => {
                        Some(user.record.credentials_version)
                    }
                };
                let now = directory.user(user.record.username.as_str());
                !user.ends.is_past(Some(user.expires_at))
                    && now.is_some_and(|now| !now.disabled && Some(now.credentials_version) == version)
            }
            Self::Key(key) => {
                !key.ends.is_past(key.record.expires_at)
                    && directory.key(&key.record.id).is_some_and(|now| !now.revoked)
            }
            Self::Unit(_) => true,
        }
    }
}

/// An account as it is shown.
pub fn public(record: &UserRecord) -> User {
    User {
        username: record.username.clone(),
        name: record.name.clone(),
        role: record.role,
        scope: record.scope,
        disabled: record.disabled,
    }
}

/// Leave to see one scope, for as long as the credential behind it holds.
///
/// Keep it as long as the stream that it opened: dropping the credential's last
/// grant cancels [`ended`](Self::ended).
#[derive(Debug, Clone)]
pub struct ScopeGrant {
    scope: Scope,
    expires_at: Option<Time>,
    lease: Arc<Lease>,
}

impl ScopeGrant {
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether this station lies in what was granted.
    pub fn covers(&self, path: &ScopePath) -> bool {
        path.within(self.scope)
    }

    /// Cancelled when the session, token or key behind this is revoked or its person
    /// disabled. Expiry is by time: see [`expires_at`](Self::expires_at).
    pub fn ended(&self) -> CancellationToken {
        self.lease.ended()
    }

    /// When the stream has to end even if nothing is revoked.
    pub fn expires_at(&self) -> Option<Time> {
        self.expires_at
    }
}
