//! The geofences that may concern units of the scope on show.
//!
//! A snapshot of the stream holds none: they are asked for when one comes, and kept current by
//! events. What is told while a list is read is newer than the list. Reading, drawing and
//! changing them is done by [`crate::components::fences`], whose code comes later.

use super::alerts::Reading;
use crate::{console::Console, prefs};
use leptos::prelude::*;
use sentinel_model::{Role, Scope, UnitId, geofence::Geofence};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// By id.
#[derive(Debug, Default)]
pub struct Known {
    all: BTreeMap<String, Arc<Geofence>>,
    /// Told of while a list is read.
    heard: HashSet<String>,
}

impl Known {
    /// As the fence is from now on; none where it is gone.
    pub fn hear(&mut self, id: &str, fence: Option<Arc<Geofence>>) {
        self.heard.insert(id.to_owned());
        match fence {
            Some(fence) => self.all.insert(id.to_owned(), fence),
            None => self.all.remove(id),
        };
    }

    /// A list is about to be asked for.
    pub fn begin_list(&mut self) {
        self.heard.clear();
    }

    pub fn take_list(&mut self, list: Vec<Geofence>) {
        let heard = std::mem::take(&mut self.heard);
        self.all.retain(|id, _| heard.contains(id));
        for fence in list {
            if !heard.contains(&fence.id) {
                self.all.insert(fence.id.clone(), Arc::new(fence));
            }
        }
    }

    pub fn get(&self, id: &str) -> Option<&Arc<Geofence>> {
        self.all.get(id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Geofence>> {
        self.all.values()
    }
}

/// What the form beside the map is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Editing {
    New,
    /// The fence of this id.
    Change(String),
}

#[derive(Clone, Copy)]
pub struct Fences {
    pub known: StoredValue<Known>,
    /// Grows when they are others.
    pub beat: RwSignal<u32>,
    /// Grows when the list is to be read again.
    pub due: RwSignal<u32>,
    pub reading: RwSignal<Reading>,
    /// Open beside the map, as the address says.
    pub chosen: Memo<Option<String>>,
    /// The list is on show.
    pub on: RwSignal<bool>,
    /// The map shows them.
    pub drawn: RwSignal<bool>,
    pub editing: RwSignal<Option<Editing>>,
    /// What is to be edited instead, once the person has said what becomes of the changes so far.
    pub wanted: RwSignal<Option<Editing>>,
    /// Grows when Escape was pressed outside the form.
    pub escaped: RwSignal<u32>,
    /// A click on the map is a place of the shape.
    pub drawing: RwSignal<bool>,
    /// The one that an alert of the unit on show told of.
    pub lit: RwSignal<Option<(UnitId, String)>>,
}

impl Fences {
    pub fn new(chosen: Memo<Option<String>>) -> Self {
        Self {
            known: StoredValue::default(),
            beat: RwSignal::new(0),
            due: RwSignal::new(0),
            reading: RwSignal::new(Reading::First),
            chosen,
            on: RwSignal::new(false),
            drawn: RwSignal::new(prefs::fences_chosen()),
            editing: RwSignal::new(None),
            wanted: RwSignal::new(None),
            escaped: RwSignal::new(0),
            drawing: RwSignal::new(false),
            lit: RwSignal::new(None),
        }
    }

    /// One of them, and again whenever they change.
    pub fn get(self, id: &str) -> Option<Arc<Geofence>> {
        self.beat.track();
        self.known.with_value(|known| known.get(id).cloned())
    }

    pub fn hear(self, id: &str, fence: Option<Arc<Geofence>>) {
        self.known.update_value(|known| known.hear(id, fence));
        self.changed();
    }

    pub fn changed(self) {
        self.beat.update(|n| *n = n.wrapping_add(1));
    }

    pub fn ask_again(self) {
        self.due.update(|n| *n = n.wrapping_add(1));
    }

    /// Whether one stands at the right of the map.
    pub fn is_beside(self) -> bool {
        self.chosen.read().is_some() || self.editing.read().is_some()
    }
}

impl Console {
    /// Whether the viewer makes fences at all.
    pub fn may_keep_fences(self) -> bool {
        self.viewer.with_value(|v| matches!(v.role, Role::Admin | Role::Commander | Role::Dispatcher))
    }

    /// Whether the viewer may change those of a scope: of their own and what is in it.
    pub fn may_keep_fences_of(self, scope: Scope) -> bool {
        self.may_keep_fences() && self.scopes.read().iter().any(|node| node.scope == scope)
    }

    /// Whether the viewer may say what raises alerts.
    pub fn may_set_rules(self) -> bool {
        self.viewer.with_value(|v| v.role == Role::Admin)
    }

    /// Opens the form; where another is open with changes in it, the person is asked first.
    pub fn edit_fence(self, what: Editing) {
        let fences = self.fences;
        if fences.editing.with_untracked(Option::is_some) {
            return fences.wanted.set(Some(what));
        }
        self.alerts.drawer.set(false);
        self.sheet.set(crate::console::Sheet::Map);
        fences.editing.set(Some(what));
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use sentinel_model::{
        Time,
        geofence::{Circle, FenceRules, Shape},
    };

    pub fn fence(id: &str, name: &str) -> Geofence {
        Geofence {
            id: id.into(),
            name: name.into(),
            scope: Scope::station(5),
            shape: Shape::Circle(Circle { latitude: 9.96, longitude: 76.29, radius_m: 150.0 }),
            on: FenceRules { enter: true, ..FenceRules::default() },
            enabled: true,
            created_at: Time(1),
            updated_at: Time(1),
            created_by: "user:dispatcher".into(),
        }
    }

    fn names(known: &Known) -> Vec<&str> {
        known.iter().map(|fence| fence.name.as_str()).collect()
    }

    #[test]
    fn what_is_told_while_a_list_is_read_is_newer_than_the_list() {
        let mut known = Known::default();
        known.hear("a", Some(Arc::new(fence("a", "before"))));
        known.hear("b", Some(Arc::new(fence("b", "gone unheard"))));
        known.begin_list();
        known.hear("c", Some(Arc::new(fence("c", "told"))));
        known.hear("d", None);
        known.take_list(vec![fence("a", "listed"), fence("c", "older"), fence("d", "removed meanwhile")]);
        assert_eq!(names(&known), ["listed", "told"]);
    }
}
