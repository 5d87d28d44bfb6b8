//! How many endpoints there may be: each event is held against all of them, and who keeps those
//! of one area shall not take the room of the others.

use crate::{directory::Directory, ports::WebhookRecord};
use sentinel_model::Scope;
use std::iter::successors;

/// Endpoints of the whole installation.
pub const ENDPOINTS_MAX: usize = 1000;
/// Of a scope that has none above it, with all below.
const UNDER_A_TOP: usize = 300;
/// Of any other, with all below.
const UNDER_ANOTHER: usize = 100;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    #[error("{0} has {1} webhooks, and there can be no more; delete one that is not needed")]
    Scope(Scope, usize),
    #[error("there are {ENDPOINTS_MAX} webhooks, and there can be no more; delete one that is not needed")]
    Installation,
}

/// Whether a scope may have one more. Asked while the directory is held for the change.
pub fn for_one_more(directory: &Directory, scope: Scope) -> Result<(), Full> {
    let up = |scope: &Scope| directory.scope(*scope).and_then(|record| record.parent);
    for above in successors(Some(scope), up) {
        let max = if up(&above).is_none() { UNDER_A_TOP } else { UNDER_ANOTHER };
        let within = |webhook: &WebhookRecord| directory.scope_within(webhook.scope, above);
        if directory.webhooks(within).len() >= max {
            return Err(Full::Scope(above, max));
        }
    }
    match directory.webhooks(|_| true).len() {
        ENDPOINTS_MAX.. => Err(Full::Installation),
        _ => Ok(()),
    }
}
