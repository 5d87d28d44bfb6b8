//! Fences of Sentinel's own, as people and programs keep them.
//!
//! A fence is a record. Who watches units looks at the newest records by itself; streams are told
//! of each change, and whoever misses that asks for the list again.

use crate::{
    audit,
    auth::{Caller, Denied, secret},
    clock::Clock,
    directory::{Capacity, Directory},
    ports::{Bus, Change, EngineError},
};
use sentinel_model::{
    Scope,
    geofence::{FENCES_MAX, Geofence, GeofenceError, GeofencePatch, NewGeofence},
    live::{Event, FenceEvent},
};
use std::sync::Arc;

/// Scopes that are told by one message to the bus.
const TOLD_AT_ONCE: usize = 100;

/// Fences of one part of the installation, of [`FENCES_MAX`].
const FENCES_OF: Capacity = Capacity { under_a_top: 7_500, under_another: 2_500 };

pub struct Geofences {
    clock: Clock,
    directory: Arc<Directory>,
    bus: Arc<dyn Bus>,
    /// Held while streams are told: the last to tell tells what is newest.
    telling: tokio::sync::Mutex<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    #[error("there is no such fence that you may see")]
    Unknown,
    #[error(transparent)]
    Invalid(#[from] GeofenceError),
    #[error("there are {FENCES_MAX} fences already: remove some first")]
    TooMany,
    #[error("{0} has {1} fences already, with what is below it: remove some first")]
    TooManyOf(Scope, usize),
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Geofences {
    pub fn new(clock: Clock, directory: Arc<Directory>, bus: Arc<dyn Bus>) -> Self {
        Self { clock, directory, bus, telling: tokio::sync::Mutex::default() }
    }

    /// The fence of that id, where it can concern what the caller sees.
    pub fn visible(&self, caller: &Caller, id: &str) -> Result<Arc<Geofence>, FenceError> {
        let fence = self.directory.fence(id);
        let may = |fence: &Arc<Geofence>| {
            caller.may_view_along(&self.directory, fence.scope)
                || caller.may_keep_fences(&self.directory, fence.scope)
        };
        fence.filter(may).ok_or(FenceError::Unknown)
    }

    /// Makes a fence; without a scope it is the caller's own.
    pub async fn make(&self, caller: &Caller, new: NewGeofence) -> Result<Geofence, FenceError> {
        let now = self.clock.now();
        let fence = Geofence {
            id: format!("fence-{}", secret::random_id()),
            name: new.name,
            scope: new.scope.unwrap_or_else(|| caller.home_scope()),
            shape: new.shape,
            on: new.on,
            enabled: new.enabled,
            created_at: now,
            updated_at: now,
            created_by: caller.to_string(),
        };
        fence.check()?;
        self.directory
            .change(|| {
                self.ensure(caller, fence.scope)?;
                self.ensure_room(fence.scope)?;
                let account = self.account(caller, "fence_made", &fence);
                Ok::<_, FenceError>((vec![Change::PutFence(fence.clone()), account], ()))
            })
            .await?;
        self.tell(&fence.id, None).await;
        Ok(fence)
    }

    /// Changes a fence; one that is given to another scope must be the caller's in both.
    pub async fn change(
        &self,
        caller: &Caller,
        id: &str,
        patch: &GeofencePatch,
    ) -> Result<Geofence, FenceError> {
        let now = self.clock.now();
        let (before, after) = self
            .directory
            .change(|| {
                let before = self.visible(caller, id)?;
                self.ensure(caller, before.scope)?;
                let after = patch.clone().apply(&before, now);
                self.ensure(caller, after.scope)?;
                after.check()?;
                let mut changes = Vec::new();
                if after != *before {
                    let account = self.account(caller, "fence_changed", &after);
                    changes = vec![Change::PutFence(after.clone()), account];
                }
                Ok::<_, FenceError>((changes, (before, after)))
            })
            .await?;
        if after != *before {
            self.tell(id, Some(before.scope)).await;
        }
        Ok(after)
    }

    pub async fn remove(&self, caller: &Caller, id: &str) -> Result<(), FenceError> {
        let before = self
            .directory
            .change(|| {
                let before = self.visible(caller, id)?;
                self.ensure(caller, before.scope)?;
                let account = self.account(caller, "fence_deleted", &before);
                Ok::<_, FenceError>((vec![Change::DropFence { id: id.to_owned() }, account], before))
            })
            .await?;
        self.tell(id, Some(before.scope)).await;
        Ok(())
    }

    fn ensure(&self, caller: &Caller, scope: Scope) -> Result<(), Denied> {
        if caller.may_keep_fences(&self.directory, scope) {
            return Ok(());
        }
        // Of one that is above the caller's own they know already.
        match caller.may_view_along(&self.directory, scope) {
            true => Err(Denied::NotAllowed("change fences of that scope")),
            false => Err(Denied::NotYours(scope)),
        }
    }

    /// Whether there may be one more fence of a scope.
    fn ensure_room(&self, scope: Scope) -> Result<(), FenceError> {
        let held = self.directory.fences_by_scope();
        if held.values().sum::<usize>() >= FENCES_MAX {
            return Err(FenceError::TooMany);
        }
        match FENCES_OF.full(&self.directory, scope, &held) {
            Some((full, most)) => Err(FenceError::TooManyOf(full, most)),
            None => Ok(()),
        }
    }

    fn account(&self, caller: &Caller, action: &str, fence: &Geofence) -> Change {
        let entry = audit::entry(&self.clock, caller, action, &fence.id, fence.scope, None);
        audit::of_name(entry, &fence.name)
    }

    /// Tells the streams how a fence is now, and those that it no longer concerns that it is gone.
    async fn tell(&self, id: &str, was_of: Option<Scope>) {
        let _in_turn = self.telling.lock().await;
        let fence = self.directory.fence(id);
        let concerned = fence.as_ref().map(|fence| self.directory.along(fence.scope)).unwrap_or_default();
        let before = was_of.map(|scope| self.directory.along(scope)).unwrap_or_default();
        let left: Vec<Scope> = before.into_iter().filter(|scope| !concerned.contains(scope)).collect();
        let fence = fence.map(|fence| Box::new((*fence).clone()));
        for (scopes, fence) in [(concerned, fence), (left, None)] {
            let event = FenceEvent { offset: 0, at: self.clock.now(), id: id.to_owned(), fence };
            for scopes in scopes.chunks(TOLD_AT_ONCE) {
                if let Err(error) = self.bus.publish_event(scopes, Event::Fence(event.clone())).await {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, fence = id, "a change of a fence could not be told");
                }
            }
        }
    }
}
