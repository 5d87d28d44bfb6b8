//! Rooms in process. One lock over both maps makes entering four rooms one step.

use super::MemoryBus;
use crate::ports::{EngineError, RoomMember, Rooms};
use async_trait::async_trait;
use parking_lot::RwLock;
use sentinel_model::{PatrolId, Scope, UnitStatus, live::Event};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

/// Patrols remembered to have left before they entered: requests that overtook one another.
const GONE_REMEMBERED: usize = 4096;

pub struct MemoryRooms {
    bus: Arc<MemoryBus>,
    tables: RwLock<Tables>,
}

#[derive(Default)]
struct Tables {
    members: HashMap<PatrolId, (RoomMember, UnitStatus)>,
    rooms: HashMap<Scope, HashSet<PatrolId>>,
    /// The last that left, oldest first.
    gone: VecDeque<PatrolId>,
}

impl MemoryRooms {
    /// What happens in the rooms is told on `bus`.
    pub fn new(bus: Arc<MemoryBus>) -> Self {
        Self { bus, tables: RwLock::default() }
    }
}

impl Tables {
    /// Whether it was not there yet.
    fn enter(&mut self, member: &RoomMember, status: UnitStatus) -> bool {
        if self.members.contains_key(&member.patrol) || self.gone.contains(&member.patrol) {
            return false;
        }
        for scope in member.path.scopes() {
            self.rooms.entry(scope).or_default().insert(member.patrol);
        }
        self.members.insert(member.patrol, (member.clone(), status));
        true
    }

    fn leave(&mut self, patrol: PatrolId) -> Option<RoomMember> {
        if self.gone.len() == GONE_REMEMBERED {
            self.gone.pop_front();
        }
        self.gone.push_back(patrol);
        let (member, _) = self.members.remove(&patrol)?;
        for scope in member.path.scopes() {
            if let Some(room) = self.rooms.get_mut(&scope) {
                room.remove(&patrol);
                if room.is_empty() {
                    self.rooms.remove(&scope);
                }
            }
        }
        Some(member)
    }
}

#[async_trait]
impl Rooms for MemoryRooms {
    // The event is told under the lock, so that the streams have the order of the rooms.

    async fn enter(&self, member: RoomMember, joined: Event) -> Result<(), EngineError> {
        let mut tables = self.tables.write();
        if tables.enter(&member, joined.status().expect("who joins has a status")) {
            self.bus.tell(&member.path.scopes(), &joined);
        }
        Ok(())
    }

    async fn leave(&self, patrol: PatrolId, left: Event) -> Result<(), EngineError> {
        let mut tables = self.tables.write();
        if let Some(member) = tables.leave(patrol) {
            self.bus.tell(&member.path.scopes(), &left);
        }
        Ok(())
    }

    async fn set_status(
        &self,
        patrol: PatrolId,
        status: UnitStatus,
        changed: Event,
    ) -> Result<(), EngineError> {
        let mut tables = self.tables.write();
        if let Some((member, held)) = tables.members.get_mut(&patrol)
            && *held != status
        {
            *held = status;
            self.bus.tell(&member.path.scopes(), &changed);
        }
        Ok(())
    }

    async fn statuses(&self) -> Result<HashMap<PatrolId, UnitStatus>, EngineError> {
        let tables = self.tables.read();
        Ok(tables.members.iter().map(|(patrol, (_, status))| (*patrol, *status)).collect())
    }

    async fn members(&self, scope: Scope) -> Result<Vec<RoomMember>, EngineError> {
        let tables = self.tables.read();
        let room = tables.rooms.get(&scope);
        let members = room.into_iter().flatten().filter_map(|patrol| tables.members.get(patrol));
        Ok(members.map(|(member, _)| member.clone()).collect())
    }
}
