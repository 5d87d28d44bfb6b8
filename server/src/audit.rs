//! Entries of the audit log. They are committed with the change that they tell of, so there is
//! neither without the other.

use crate::{auth::Caller, clock::Clock, ports::Change};
use sentinel_model::{Scope, audit::AuditEntry};

/// `what` was done by `who` to `target`, which belongs to `scope`.
pub fn entry(
    clock: &Clock,
    who: &Caller,
    action: &str,
    target: impl ToString,
    scope: Scope,
    detail: Option<String>,
) -> Change {
    let at = clock.now();
    // In the order of time, also as text, and of one millisecond told apart.
    let id = format!("{:012x}{:08x}", at.ms().max(0), rand::random::<u32>());
    Change::Audit(AuditEntry {
        id,
        at,
        who: who.to_string(),
        who_name: who.name().map(ToOwned::to_owned),
        action: action.into(),
        target: target.to_string(),
        target_name: None,
        scope,
        detail,
    })
}

/// An entry whose target is called so.
pub fn of_name(entry: Change, name: &str) -> Change {
    match entry {
        Change::Audit(entry) => Change::Audit(AuditEntry { target_name: Some(name.to_owned()), ..entry }),
        other => other,
    }
}
