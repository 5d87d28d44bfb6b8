//! Pages of lists, errors, statistics.

use serde::{Deserialize, Serialize};

/// How a client asks for an answer in postcard in place of JSON: the same types, for
/// programs that share them (the dashboard).
pub const MIME_POSTCARD: &str = "application/vnd.sentinel.postcard";

/// One page of a list; `next` is the cursor of the page after, none on the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// What every refused request answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Stable, for programs: `unauthorized`, `forbidden`, `not_found`, `bad_request`, …
    pub code: String,
    /// For people: what failed and what to do.
    pub message: String,
    pub request_id: String,
}

/// `/api/v1/stats`: of what the caller may see, and of the process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    pub units: u64,
    pub patrols_active: u64,
    pub sockets: u64,
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
