//! Users, roles, permissions and keys.

use crate::{Scope, Time, UserName};
use serde::{Deserialize, Serialize};

/// What a person is, within the scope their account is tied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees and manages everything of the scope: hierarchy, units, people, keys.
    Admin,
    /// Sees the scope, starts and ends patrols, dispatches.
    Commander,
    /// Sees the scope and dispatches.
    Dispatcher,
    /// Sees a station, starts and ends its patrols.
    Chief,
    /// Sees the scope.
    Viewer,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::Admin, Role::Commander, Role::Dispatcher, Role::Chief, Role::Viewer];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Commander => "commander",
            Role::Dispatcher => "dispatcher",
            Role::Chief => "chief",
            Role::Viewer => "viewer",
        }
    }
}

/// What an API key may do within its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    Ingest,
    Read,
    Dispatch,
    Manage,
}

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    pub username: UserName,
    #[cfg_attr(feature = "openapi", schema(example = "Anand K."))]
    pub name: String,
    pub role: Role,
    pub scope: Scope,
    pub disabled: bool,
}

/// The body that makes an account.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewUser {
    pub username: UserName,
    /// The user name, where it is left out.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, example = "Anand K."))]
    pub name: Option<String>,
    pub role: Role,
    pub scope: Scope,
    #[cfg_attr(feature = "openapi", schema(example = "correct horse battery staple"))]
    pub password: String,
}

/// The body that changes an account; what is absent stays.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserPatch {
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, example = "Anand K."))]
    pub name: Option<String>,
    #[serde(default)]
    pub role: Option<Role>,
    #[serde(default)]
    pub scope: Option<Scope>,
    #[serde(default)]
    pub password: Option<String>,
    #[serde(default)]
    pub disabled: Option<bool>,
}

#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoginBody {
    #[cfg_attr(feature = "openapi", schema(example = "commander"))]
    pub username: String,
    #[cfg_attr(feature = "openapi", schema(example = "sentinel-demo"))]
    pub password: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoginAnswer {
    /// A JWT, for `Authorization: Bearer`.
    #[cfg_attr(feature = "openapi", schema(example = "eyJhbGciOi…"))]
    pub token: String,
    pub expires_at: Time,
    pub user: User,
}

/// An API key as lists show it; the secret itself is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKey {
    #[cfg_attr(feature = "openapi", schema(example = "9f86d081884c7d65"))]
    pub id: String,
    #[cfg_attr(feature = "openapi", schema(example = "dispatch software"))]
    pub name: String,
    pub scope: Scope,
    pub permissions: Vec<Permission>,
    pub created_at: Time,
    pub expires_at: Option<Time>,
    pub revoked: bool,
    /// To the minute; none where it never was.
    #[serde(default)]
    pub last_used_at: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewApiKey {
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, example = "dispatch software"))]
    pub name: String,
    pub scope: Scope,
    #[cfg_attr(feature = "openapi", schema(min_items = 1, example = json!(["read", "ingest"])))]
    pub permissions: Vec<Permission>,
    #[serde(default)]
    pub expires_at: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewApiKeyAnswer {
    #[cfg_attr(feature = "openapi", schema(example = "9f86d081884c7d65"))]
    pub id: String,
    /// The secret, for `X-API-Key` or `Authorization: Bearer`; shown this once.
    #[cfg_attr(feature = "openapi", schema(example = "snt_key_8Zt1…"))]
    pub key: String,
}

/// Who the credential of a request stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// None for an API key.
    pub user: Option<User>,
    /// What is seen where a request names no scope.
    pub scope: Scope,
    pub expires_at: Option<Time>,
}
