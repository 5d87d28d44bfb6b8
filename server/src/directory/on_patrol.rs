//! Who is on patrol in which scope.

use super::ActivePatrol;
use sentinel_model::{PatrolId, Scope};
use std::collections::{HashMap, HashSet};

#[derive(Default)]
pub(super) struct OnPatrol(HashMap<Scope, HashSet<PatrolId>>);

impl OnPatrol {
    pub fn enter(&mut self, patrol: &ActivePatrol) {
        for scope in patrol.path.scopes() {
            self.0.entry(scope).or_default().insert(patrol.id);
        }
    }

    pub fn leave(&mut self, patrol: &ActivePatrol) {
        for scope in patrol.path.scopes() {
            if let Some(patrols) = self.0.get_mut(&scope) {
                patrols.remove(&patrol.id);
                if patrols.is_empty() {
                    self.0.remove(&scope);
                }
            }
        }
    }

    pub fn count(&self, scope: Scope) -> usize {
        self.0.get(&scope).map_or(0, HashSet::len)
    }

    pub fn of(&self, scope: Scope) -> impl Iterator<Item = PatrolId> {
        self.0.get(&scope).into_iter().flatten().copied()
    }
}
