//! What is named how in Redis.
//!
//! | name | kind | holds |
//! | --- | --- | --- |
//! | `station:5:active_patrols`, `division:…`, `zone:…`, `district:…` | set | the patrols active in a scope |
//! | `patrols` | hash | patrol: its unit and path, JSON |
//! | `patrols:status` | hash | patrol: the status that was last told of it |
//! | `patrols:gone` | sorted set by time | patrols that have left: they enter no more |
//! | `events:station:5` | stream, entry `<offset>-0` | the last events of a scope, postcard |
//! | `events:offsets` | hash | scope: the offset of its newest event |
//! | `events:told` | sorted set by time | ids of the events that are told once |
//! | `records:newest` | string | the number of the newest commit to the records |
//! | `lease:housekeeping` | string, runs out | the worker that does the chores |
//! | `workers` | sorted set by time, runs out | each worker that is there, and until when that holds |
//! | `owner:{3}` | string, runs out | the worker that reads the queue of shard 3 |
//! | `live:patrol:{id}` | channel | a patrol's positions: device time, then a postcard `LiveUnit` |
//! | `control:station:5` | channel | a scope's events: epoch, offset, postcard |
//! | `control:records` | channel | the number of a commit to the records |
//! | `in:{3}` | stream, group `archive` | submissions of shard 3's units that are not in the archive yet: `b`, an [entry](super::entry) |
//! | `tries:{3}` | hash | entry id: how often the archive refused it alone |
//! | `dead:{3}` | stream | entries that were given up: `b` the entry, `id`, `tries`, `error`, `at` |
//!
//! | `loc:PC-001` | string with expiry | where a unit is: device time, received at, longitude, latitude (text), the rest (JSON) |
//! | `last` | hash | unit: the same, for as long as there is the unit |
//! | `geo` | geo index | units that are heard of, by place |
//! | `geo:until` | sorted set by time | when each unit of the index leaves it |
//!
//! In a cluster what belongs to the rooms, but for the channels, begins with `{rooms}`, so that
//! it lies in one slot; and positions lie in shards by unit, whose names begin with `{p3}`.

use sentinel_model::{PatrolId, Scope, UnitId};

/// Names of the state and control plane.
#[derive(Debug, Clone, Copy)]
pub struct Rooms {
    tag: &'static str,
}

impl Rooms {
    pub fn new(is_cluster: bool) -> Self {
        Self { tag: if is_cluster { "{rooms}" } else { "" } }
    }

    pub fn members(self, scope: Scope) -> String {
        format!("{}{scope}:active_patrols", self.tag)
    }

    pub fn patrols(self) -> String {
        format!("{}patrols", self.tag)
    }

    pub fn statuses(self) -> String {
        format!("{}patrols:status", self.tag)
    }

    pub fn gone(self) -> String {
        format!("{}patrols:gone", self.tag)
    }

    pub fn events(self, scope: Scope) -> String {
        format!("{}events:{scope}", self.tag)
    }

    pub fn offsets(self) -> String {
        format!("{}events:offsets", self.tag)
    }

    pub fn told(self) -> String {
        format!("{}events:told", self.tag)
    }
}

pub fn lease(name: &str) -> String {
    format!("lease:{name}")
}

/// The list of workers.
pub const WORKERS: &str = "workers";

/// The lease of a shard's queue, in the slot of the queue.
pub fn owner(shard: u8) -> String {
    format!("owner:{{{shard}}}")
}

/// Names of the current positions of a shard.
#[derive(Debug, Clone)]
pub struct Positions {
    tag: String,
}

impl Positions {
    pub fn sharded(shard: u8) -> Self {
        Self { tag: format!("{{p{shard}}}") }
    }

    /// Where one Redis holds all of them.
    pub fn whole() -> Self {
        Self { tag: String::new() }
    }

    pub fn current(&self, unit: &UnitId) -> String {
        format!("{}loc:{unit}", self.tag)
    }

    pub fn last(&self) -> String {
        format!("{}last", self.tag)
    }

    pub fn geo(&self) -> String {
        format!("{}geo", self.tag)
    }

    pub fn geo_until(&self) -> String {
        format!("{}geo:until", self.tag)
    }
}

/// Submissions that wait for the archive; with what belongs to them in one slot of a cluster.
pub fn queue(shard: u8) -> String {
    format!("in:{{{shard}}}")
}

pub fn tries(shard: u8) -> String {
    format!("tries:{{{shard}}}")
}

pub fn dead(shard: u8) -> String {
    format!("dead:{{{shard}}}")
}

const LIVE: &str = "live:patrol:";
const CONTROL: &str = "control:";
pub const RECORDS: &str = "control:records";
pub const NEWEST_COMMIT: &str = "records:newest";

pub fn live(patrol: PatrolId) -> String {
    format!("{LIVE}{}", patrol.0)
}

pub fn control(scope: Scope) -> String {
    format!("{CONTROL}{scope}")
}

/// What a message is about, by its channel.
pub enum Heard {
    Position(PatrolId),
    Event(Scope),
    Records,
}

impl Heard {
    pub fn on(channel: &str) -> Option<Self> {
        if channel == RECORDS {
            return Some(Self::Records);
        }
        if let Some(patrol) = channel.strip_prefix(LIVE) {
            return Some(Self::Position(PatrolId(patrol.parse().ok()?)));
        }
        Some(Self::Event(channel.strip_prefix(CONTROL)?.parse().ok()?))
    }
}
