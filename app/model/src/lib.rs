//! The words Sentinel is built from, written once for server, browser and field tools.
//!
//! - [`ids`]: unit, patrol, user and task ids, parsed at the edge
//! - [`scope`]: the hierarchy `district > zone > division > station`
//! - [`time`]: instants with millisecond precision, ISO 8601 in JSON
//! - [`fix`]: one position as a device reported it, and how it reads back
//! - [`alert_rules`]: what a scope is told of its units
//! - [`filters`]: which positions move a marker
//! - [`geo`]: distances on the globe
//! - [`geofence`]: areas whose borders are watched
//! - [`unit`]: units, their status, patrols
//! - [`people`]: users, roles, permissions, keys, the sign-in
//! - [`alerts`]: calls for help and the like, until somebody acknowledges them
//! - [`dispatch`]: incidents and orders, the units assigned to them, and the steps they take
//! - [`live`]: frames of the live protocol, in JSON and in postcard
//! - [`webhook`]: webhook endpoints, events, deliveries
//! - [`outline`]: the bundled basemaps
//! - [`page`]: pages of lists, errors, statistics
//! - [`report`]: how fast incidents and orders were attended to
//!
//! Nothing here knows about sockets, stores or browsers; it is serde and plain data.

pub mod alert_rules;
pub mod alerts;
pub mod audit;
pub mod dispatch;
pub mod filters;
pub mod fix;
pub mod geo;
pub mod geofence;
pub mod ids;
pub mod live;
#[cfg(feature = "openapi")]
mod openapi;
pub mod outline;
pub mod page;
pub mod people;
pub mod report;
pub mod scope;
pub mod time;
pub mod unit;
pub mod webhook;
mod wire;

pub use dispatch::Task;
pub use fix::{Fix, Location, RouteAnswer, RoutePoint};
pub use ids::{PatrolId, TaskId, UnitId, UserName};
pub use page::{ErrorBody, Page};
pub use people::{Permission, Role};
pub use scope::{Level, Scope, ScopePath};
pub use time::Time;
pub use unit::{Patrol, Unit, UnitStatus};
