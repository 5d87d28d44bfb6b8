//! Fences: who keeps them, who sees them, whom a stream tells of them, and who is told that a unit
//! crosses one.

use super::{
    account::{Account, latitude},
    reads::Asking,
    world::World,
};
use crate::server::START;
use axum::http::{Method, StatusCode};
use sentinel_model::{Page, Scope, ScopePath, alerts::Alert, geofence::Geofence, live::FenceEvent};
use serde_json::json;
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

/// How often anybody was told that a unit crossed one, in all stories.
pub static CROSSINGS: AtomicU64 = AtomicU64::new(0);

/// A fence as the account has it.
pub struct Fenced {
    pub id: String,
    /// None where it is gone.
    pub scope: Option<Scope>,
    /// All that it ever belonged to.
    was_of: BTreeSet<Scope>,
}

/// What a caller does with fences.
#[derive(Debug, Clone, Copy)]
pub enum Doing {
    Make,
    GiveTo,
    Remove,
}

impl World {
    /// Whether one of them lies in the other.
    fn lie_along(&self, a: Scope, b: Scope) -> bool {
        self.lies_within(a, b) || self.lies_within(b, a)
    }

    pub async fn fence(&mut self, caller: u8, which: u8, scope: u8, doing: Doing) {
        let who = &self.callers[usize::from(caller) % self.callers.len()];
        let to = self.scopes[usize::from(scope) % self.scopes.len()];
        let keeps = |scope: Scope| who.keeps_fences && self.lies_within(scope, who.scope);
        if let Doing::Make = doing {
            // Units are there at the beginning of a story, and come and go by the second.
            let (middle, on) = (latitude(START), json!({"enter": true, "exit": true}));
            let shape = json!({"type": "circle", "latitude": middle, "longitude": 76.25, "radius_m": 3_000});
            let body = json!({"name": "a fence", "scope": to, "shape": shape, "on": on});
            let (status, answer) =
                self.send(&who.credential, Method::POST, "/api/v1/geofences", Some(body)).await;
            let expected = match (who.ended, keeps(to)) {
                (true, _) => StatusCode::UNAUTHORIZED,
                (false, true) => StatusCode::CREATED,
                (false, false) => StatusCode::FORBIDDEN,
            };
            assert_eq!(status, expected, "{} makes one of {to}: {answer}", who.name);
            if status == StatusCode::CREATED {
                let id = answer["id"].as_str().expect("a text").to_owned();
                self.fences.push(Fenced { id, scope: Some(to), was_of: [to].into() });
            }
            return;
        }
        if self.fences.is_empty() {
            return;
        }
        let n = usize::from(which) % self.fences.len();
        let fence = &self.fences[n];
        let path = format!("/api/v1/geofences/{}", fence.id);
        let (status, answer) = match doing {
            Doing::Remove => self.send(&who.credential, Method::DELETE, &path, None).await,
            Doing::Make | Doing::GiveTo => {
                self.send(&who.credential, Method::PATCH, &path, Some(json!({"scope": to}))).await
            }
        };
        let sees = |scope| keeps(scope) || (who.sees && self.lie_along(scope, who.scope));
        let gives = matches!(doing, Doing::GiveTo);
        let expected = match fence.scope {
            _ if who.ended => StatusCode::UNAUTHORIZED,
            Some(scope) if keeps(scope) && gives && !keeps(to) => StatusCode::FORBIDDEN,
            Some(scope) if keeps(scope) && gives => StatusCode::OK,
            Some(scope) if keeps(scope) => StatusCode::NO_CONTENT,
            Some(scope) if sees(scope) => StatusCode::FORBIDDEN,
            _ => StatusCode::NOT_FOUND,
        };
        assert_eq!(status, expected, "{} does {doing:?} with one of {:?}: {answer}", who.name, fence.scope);
        let fence = &mut self.fences[n];
        if status == StatusCode::OK {
            fence.scope = Some(to);
            fence.was_of.insert(to);
        } else if status == StatusCode::NO_CONTENT {
            fence.scope = None;
        }
    }

    /// The station under which a unit crossed a fence: under which it was then, by whoever's fence is
    /// for that.
    pub fn crossed_under(&self, unit: &Account, told: &Alert) -> ScopePath {
        CROSSINGS.fetch_add(1, Ordering::Relaxed);
        let path = self.stations.iter().find(|path| path.station() == told.station);
        let path = *path.expect("there is such a station");
        // Where it is at a time that has not come is only known then.
        if told.time <= told.at {
            assert_eq!(unit.path_at(told.time), path, "{told:?}");
        } else {
            assert!(unit.has_been_under(&path), "{told:?}");
        }
        if let Some(patrol) = told.patrol_id {
            let (of, duty) = self.patrol(patrol).expect("there is such a patrol");
            assert_eq!((&of.id, duty.path), (&unit.id, path), "{told:?}");
        }
        let fence = self.fences.iter().find(|fence| Some(&fence.id) == told.fence_id.as_ref());
        let fence = fence.expect("there was such a fence");
        assert!(fence.was_of.iter().any(|of| path.within(*of)), "{told:?} by a fence of {:?}", fence.was_of);
        path
    }

    /// A fence is told to whom it concerns, and its end to nobody whom it never concerned.
    pub fn check_fence(&self, scope: Scope, told: &FenceEvent) {
        let held = self.fences.iter().find(|fence| fence.id == told.id).expect("there was such a fence");
        match &told.fence {
            Some(fence) => {
                assert!(held.was_of.contains(&fence.scope) && self.lie_along(fence.scope, scope), "{told:?}");
            }
            None => assert!(held.was_of.iter().any(|of| self.lie_along(*of, scope)), "{told:?} at {scope}"),
        }
    }
}

impl Asking<'_> {
    pub async fn fences(&self, scope: Scope, limit: usize) {
        let (world, who) = (self.world, self.who);
        let path = |cursor: &str| format!("/api/v1/geofences?scope={scope}&limit={limit}&cursor={cursor}");
        if self.may_name(scope) {
            let (mut told, mut cursor) = (Vec::new(), Some(String::new()));
            while let Some(behind) = cursor {
                let page: Page<Geofence> = self.ok(&path(&behind)).await;
                told.extend(page.items.into_iter().map(|fence| (fence.id, fence.scope)));
                cursor = page.next;
            }
            let all = world.fences.iter().filter_map(|fence| Some((fence.id.clone(), fence.scope?)));
            let mut expected: Vec<_> = all.filter(|(_, of)| world.lie_along(*of, scope)).collect();
            expected.sort();
            assert_eq!(told, expected, "{} at {scope}", who.name);
        } else {
            assert_eq!(self.get(&path("")).await.0, StatusCode::FORBIDDEN);
        }
        for fence in &world.fences {
            let (status, _) = self.get(&format!("/api/v1/geofences/{}", fence.id)).await;
            let sees = |of: Scope| {
                (who.sees && world.lie_along(of, who.scope))
                    || (who.keeps_fences && world.lies_within(of, who.scope))
            };
            let expected = if fence.scope.is_some_and(sees) { StatusCode::OK } else { StatusCode::NOT_FOUND };
            assert_eq!(status, expected, "{} reads one of {:?}", who.name, fence.scope);
        }
    }
}
