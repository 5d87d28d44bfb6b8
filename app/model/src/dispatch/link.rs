//! The link by which a customer follows an order.

use crate::Time;
use serde::{Deserialize, Serialize};

/// A link of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderLink {
    #[cfg_attr(feature = "openapi", schema(example = "0f3c9a5be1d24786"))]
    pub id: String,
    /// Opens what the link shows, to whoever has it.
    #[cfg_attr(feature = "openapi", schema(example = "A-7731~0f3c9a5be1d24786~mH1oV3cWq2fX8zQyR5tKbg"))]
    pub token: String,
    /// The page that a customer opens, on this server.
    #[cfg_attr(feature = "openapi", schema(example = "/t/A-7731~0f3c9a5be1d24786~mH1oV3cWq2fX8zQyR5tKbg"))]
    pub url: String,
    pub created_at: Time,
    /// Who made it.
    #[cfg_attr(feature = "openapi", schema(example = "user:dispatcher"))]
    pub created_by: String,
    pub expires_at: Time,
    pub revoked_at: Option<Time>,
}

impl OrderLink {
    /// Whether it shows anything to whoever opens it.
    pub fn holds(&self, now: Time) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}
