//! Rooms in process. One lock over both maps makes entering four rooms one step.

use crate::ports::{EngineError, RoomMember, Rooms};
use async_trait::async_trait;
use parking_lot::RwLock;
use sentinel_model::{PatrolId, Scope};
use std::collections::{HashMap, HashSet};

#[derive(Default)]
pub struct MemoryRooms(RwLock<Tables>);

#[derive(Default)]
struct Tables {
    members: HashMap<PatrolId, RoomMember>,
    rooms: HashMap<Scope, HashSet<PatrolId>>,
}

impl Tables {
    fn leave(&mut self, patrol: PatrolId) {
        let Some(member) = self.members.remove(&patrol) else { return };
        for scope in member.path.scopes() {
            if let Some(room) = self.rooms.get_mut(&scope) {
                room.remove(&patrol);
                if room.is_empty() {
                    self.rooms.remove(&scope);
                }
            }
        }
    }
}

#[async_trait]
impl Rooms for MemoryRooms {
    async fn enter(&self, member: RoomMember) -> Result<(), EngineError> {
        let mut tables = self.0.write();
        tables.leave(member.patrol);
        for scope in member.path.scopes() {
            tables.rooms.entry(scope).or_default().insert(member.patrol);
        }
        tables.members.insert(member.patrol, member);
        Ok(())
    }

    async fn leave(&self, patrol: PatrolId) -> Result<(), EngineError> {
        self.0.write().leave(patrol);
        Ok(())
    }

    async fn members(&self, scope: Scope) -> Result<Vec<RoomMember>, EngineError> {
        let tables = self.0.read();
        let room = tables.rooms.get(&scope);
        Ok(room.into_iter().flatten().filter_map(|patrol| tables.members.get(patrol)).cloned().collect())
    }
}
