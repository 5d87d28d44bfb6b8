//! The state plane: `station:5:active_patrols` and its like.

use super::{keys, link::Link, scripts};
use crate::ports::{EVENT_HISTORY, EngineError, RoomMember, Rooms};
use async_trait::async_trait;
use sentinel_model::{PatrolId, Scope, ScopePath, UnitId, UnitStatus, live::Event};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How long a patrol that has left is remembered, so that a start that comes late does
/// not put it back.
const GONE_FOR_S: u64 = 24 * 3600;

pub struct RedisRooms {
    link: Link,
    keys: keys::Rooms,
}

/// As the hash of patrols holds it.
#[derive(Serialize, Deserialize)]
struct Member {
    patrol: PatrolId,
    unit: UnitId,
    path: ScopePath,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum RoomError {
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    #[error("a member of a room does not read")]
    Member(#[from] serde_json::Error),
    #[error("an event does not encode")]
    Event(#[from] postcard::Error),
}

impl RedisRooms {
    pub fn new(link: Link, is_cluster: bool) -> Self {
        Self { link, keys: keys::Rooms::new(is_cluster) }
    }

    /// Keys and arguments that entering and leaving have alike; `own` stands between.
    async fn change(
        &self,
        script: &redis::Script,
        patrol: PatrolId,
        own: &[&[u8]],
        scopes: &[Scope],
        event: &Event,
    ) -> Result<i64, RoomError> {
        let event = postcard::to_allocvec(event)?;
        let mut call = script.prepare_invoke();
        call.key(self.keys.patrols())
            .key(self.keys.gone())
            .key(self.keys.statuses())
            .key(self.keys.offsets());
        for scope in scopes {
            call.key(self.keys.members(*scope));
        }
        for scope in scopes {
            call.key(self.keys.events(*scope));
        }
        call.arg(patrol.0);
        for own in own {
            call.arg(*own);
        }
        call.arg(event).arg(EVENT_HISTORY);
        for scope in scopes {
            call.arg(scope.to_string()).arg(keys::control(*scope));
        }
        Ok(call.invoke_async(&mut self.link.clone()).await?)
    }

    async fn held(&self, patrol: PatrolId) -> Result<Option<Vec<u8>>, RoomError> {
        let mut ask = redis::cmd("HGET");
        ask.arg(self.keys.patrols()).arg(patrol.0);
        Ok(ask.query_async(&mut self.link.clone()).await?)
    }
}

impl RedisRooms {
    /// A change of a patrol that is there, by what it was read to be: where it is another by
    /// then, it is read again.
    async fn change_held(
        &self,
        script: &redis::Script,
        patrol: PatrolId,
        own: &[u8],
        event: &Event,
    ) -> Result<(), RoomError> {
        loop {
            let held = self.held(patrol).await?.unwrap_or_default();
            let scopes = match held.is_empty() {
                true => Vec::new(),
                false => serde_json::from_slice::<Member>(&held)?.path.scopes().to_vec(),
            };
            if self.change(script, patrol, &[&held, own], &scopes, event).await? >= 0 {
                return Ok(());
            }
        }
    }
}

fn named(status: &str) -> Option<UnitStatus> {
    UnitStatus::ALL.into_iter().find(|known| known.as_str() == status)
}

#[async_trait]
impl Rooms for RedisRooms {
    async fn enter(&self, member: RoomMember, joined: Event) -> Result<(), EngineError> {
        let status = joined.status().expect("who joins has a status");
        let entering = async {
            let RoomMember { patrol, unit, path } = member;
            let held = serde_json::to_vec(&Member { patrol, unit, path })?;
            let own = [held.as_slice(), status.as_str().as_bytes()];
            self.change(&scripts::ENTER, patrol, &own, &path.scopes(), &joined).await
        };
        entering.await.map(drop).map_err(EngineError::during("putting a patrol into its rooms"))
    }

    async fn leave(&self, patrol: PatrolId, left: Event) -> Result<(), EngineError> {
        let leaving = async {
            let remembered = GONE_FOR_S.to_string();
            self.change_held(&scripts::LEAVE, patrol, remembered.as_bytes(), &left).await
        };
        leaving.await.map_err(EngineError::during("taking a patrol out of its rooms"))
    }

    async fn set_status(
        &self,
        patrol: PatrolId,
        status: UnitStatus,
        changed: Event,
    ) -> Result<(), EngineError> {
        let changing = self.change_held(&scripts::STATUS, patrol, status.as_str().as_bytes(), &changed);
        changing.await.map_err(EngineError::during("noting a patrol's status"))
    }

    async fn statuses(&self) -> Result<HashMap<PatrolId, UnitStatus>, EngineError> {
        let mut ask = redis::cmd("HGETALL");
        ask.arg(self.keys.statuses());
        let reading = ask.query_async::<Vec<(u64, String)>>(&mut self.link.clone()).await;
        let held = reading.map_err(EngineError::during("reading the statuses of patrols"))?;
        // One that a newer Sentinel has noted is looked at anew.
        Ok(held.iter().filter_map(|(patrol, status)| Some((PatrolId(*patrol), named(status)?))).collect())
    }

    async fn members(&self, scope: Scope) -> Result<Vec<RoomMember>, EngineError> {
        let reading = async {
            let mut call = scripts::MEMBERS.prepare_invoke();
            call.key(self.keys.members(scope)).key(self.keys.patrols());
            let members: Vec<Vec<u8>> = call.invoke_async(&mut self.link.clone()).await?;
            let read = |held: &Vec<u8>| {
                let Member { patrol, unit, path } = serde_json::from_slice(held)?;
                Ok::<_, RoomError>(RoomMember { patrol, unit, path })
            };
            members.iter().map(read).collect::<Result<_, _>>()
        };
        reading.await.map_err(EngineError::during("reading a room"))
    }
}
