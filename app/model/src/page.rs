//! Pages of lists, errors, statistics.

use serde::{Deserialize, Serialize};

/// How a client asks for an answer in postcard in place of JSON: the same types, for
/// programs that share them (the dashboard).
pub const MIME_POSTCARD: &str = "application/vnd.sentinel.postcard";

/// One page of a list; `next` is the cursor of the page after, none on the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Sent as `cursor` it gets the page after.
    #[cfg_attr(feature = "openapi", schema(example = json!(null)))]
    pub next: Option<String>,
}

/// What every refused request answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// Stable, for programs: `unauthorized`, `forbidden`, `not_found`, `bad_request`, …
    #[cfg_attr(feature = "openapi", schema(example = "not_found"))]
    pub code: String,
    /// For people: what failed and what to do.
    #[cfg_attr(feature = "openapi", schema(example = "there is no unit \"PC-999\" that you may see"))]
    pub message: String,
    /// The same as the header `x-request-id`; the operator finds it in the log.
    #[cfg_attr(feature = "openapi", schema(example = "5f1c9e0a7b3d2468"))]
    pub request_id: String,
}

/// `/api/v1/stats`: of what the caller may see, and of the process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stats {
    /// Units that the caller may see.
    pub units: u64,
    /// Of them, those on patrol.
    pub patrols_active: u64,
    /// Live streams that are open on this node.
    pub sockets: u64,
    /// Of all units, since this node started.
    pub fixes_accepted: u64,
    pub fixes_duplicate: u64,
    pub fixes_rejected: u64,
    /// Submissions waiting for the archive's next commit.
    pub intake_queue: u64,
    pub uptime_s: u64,
}

/// How this installation draws its map.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MapSettings {
    /// `https://…/{z}/{x}/{y}.png`; none draws the bundled outlines only.
    pub tile_url: Option<String>,
    /// Shown beside the tiles, as their makers ask.
    pub tile_attribution: Option<String>,
    /// The outlines of a city ([`crate::outline::Basemap`]), by address on this server.
    pub city_basemap: Option<String>,
    /// Where the map opens, degrees; none fits the units.
    pub center: Option<(f64, f64)>,
    pub zoom: Option<u8>,
}
