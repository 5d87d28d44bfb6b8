//! What was done that somebody may one day have to account for.

use crate::{Scope, Time};
use serde::{Deserialize, Serialize};

/// Entries are written once and never changed; those of a later moment have a greater id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    pub id: String,
    pub at: Time,
    /// `user:chief5` or `key:1f…`.
    pub who: String,
    /// How that person or key was called then.
    #[serde(default)]
    pub who_name: Option<String>,
    /// What was done, such as `unit_data_erased`.
    pub action: String,
    /// To whom or what: a unit, a person's name, a key's id, a scope.
    pub target: String,
    /// How that was called then, where its id says little: a key's, a webhook's.
    #[serde(default)]
    pub target_name: Option<String>,
    /// Whose it is: who manages this scope reads of it.
    pub scope: Scope,
    /// How many, from when to when.
    pub detail: Option<String>,
}
