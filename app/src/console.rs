//! What every part of the live page shares: what is on show, what is chosen, and
//! when to look again.
//!
//! The address is the one place that says which scope and unit are on show, so a
//! link brings a colleague to the same view. The fleet is plain data; two beats
//! tell readers that it changed: `shape` for who is in it and how they are,
//! `moved` for where.

use crate::{
    first_paint::FirstPaint,
    format::Measure,
    later::Later,
    live::{
        alerts::Alerts,
        fences::Fences,
        fleet::{Entry, Fleet, Statuses},
        link::{Doubt, Link},
        tasks::{Board, TaskRef},
    },
    local_time::Wall,
    map_place::with_map,
    prefs::{self, Look},
};
use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
    location::State,
};
use sentinel_model::{
    Level, Role, Scope, Task, Time, UnitId,
    alerts::AlertKind,
    people::User,
    scope::{ScopeCounts, ScopeNode},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// How near the map goes to look at one unit.
pub const CLOSE_ZOOM: f64 = 15.0;
/// For a task not so near: who could attend to it stands around it.
const TASK_ZOOM: f64 = 14.0;
/// Where the wall display is.
pub const WALL: &str = "/wall";
/// Marks a step of the browser's history that this page made by opening a unit: the
/// step before it is the same view without one.
const OPENED_HERE: &str = "opened-here";

type Go = Arc<dyn Fn(&str, NavigateOptions) + Send + Sync>;

/// A short word about something that just happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub bad: bool,
    /// The kind of the latest alert that it tells of, and of how many it tells.
    pub alerts: Option<(AlertKind, usize)>,
}

/// Where an alert came from that no unit on the map shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    pub unit: UnitId,
    pub lat: f64,
    pub lon: f64,
}

/// What the phone's bottom sheet shows; wider screens show everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sheet {
    Map,
    Units,
    Incidents,
    Fences,
    Areas,
}

#[derive(Clone, Copy)]
pub struct Console {
    /// A wall display: nobody stands before it, and it shows nothing but its scope.
    pub is_wall: bool,
    pub viewer: StoredValue<User>,
    pub scopes: RwSignal<Arc<Vec<ScopeNode>>>,
    pub scope: Memo<Scope>,
    pub selected: Memo<Option<UnitId>>,
    pub fleet: StoredValue<Fleet>,
    pub moved: RwSignal<u32>,
    pub shape: RwSignal<u32>,
    /// Every unit of the scope is known; before, lists show what has come so far.
    pub complete: RwSignal<bool>,
    pub words: RwSignal<String>,
    pub statuses: RwSignal<Statuses>,
    pub matching: Memo<Arc<Vec<UnitId>>>,
    pub counts: Memo<ScopeCounts>,
    pub link: RwSignal<Link>,
    /// Whether what is on show may be old.
    pub doubt: Memo<Option<Doubt>>,
    /// The server's clock, to the second.
    pub now: RwSignal<Time>,
    /// The server's clock less this machine's, in milliseconds.
    pub ahead_ms: StoredValue<i64>,
    /// Set once the page is alive: from then on it may say what only a browser knows.
    pub alive: RwSignal<bool>,
    pub look: RwSignal<Look>,
    pub measure: RwSignal<Measure>,
    pub wall: RwSignal<Wall>,
    pub following: RwSignal<bool>,
    pub notice: RwSignal<Option<Notice>>,
    pub alerts: Alerts,
    pub board: Board,
    pub fences: Fences,
    /// Marked on the map until another unit is on show.
    pub spot: RwSignal<Option<Spot>>,
    pub show_units: RwSignal<bool>,
    pub show_areas: RwSignal<bool>,
    pub show_legend: RwSignal<bool>,
    pub palette_open: RwSignal<bool>,
    pub sheet: RwSignal<Sheet>,
    pub later: RwSignal<Later>,
    go: StoredValue<Go>,
    /// On the way back to the view without a unit; the browser takes a moment.
    closing: StoredValue<bool>,
}

impl Console {
    pub fn new(paint: FirstPaint, is_wall: bool) -> Self {
        let query = use_query_map();
        let go: Go = Arc::new(use_navigate());
        let own = paint.viewer.scope;
        let scopes = RwSignal::new(Arc::new(paint.scopes));
        let scope = Memo::new(move |_| {
            let asked = query.read().get("scope").and_then(|s| s.parse().ok());
            asked.filter(|s| scopes.read().iter().any(|n| n.scope == *s)).unwrap_or(own)
        });
        let selected = Memo::new(move |_| query.read().get("unit").and_then(|u| u.parse().ok()));
        let task = Memo::new(move |_| {
            let query = query.read();
            let named = |name, is_order| Some(TaskRef { is_order, id: query.get(name)?.parse().ok()? });
            named("incident", false).or_else(|| named("order", true))
        });
        let fence = Memo::new(move |_| query.read().get("fence"));
        let fleet = StoredValue::new(Fleet::of(&paint.units.items));
        let (moved, shape) = (RwSignal::new(0), RwSignal::new(0));
        let (words, statuses) = (RwSignal::new(String::new()), RwSignal::new(Statuses::default()));
        let matching = Memo::new(move |_| {
            shape.track();
            let scopes = scopes.get();
            let names: HashMap<Scope, &str> = scopes.iter().map(|n| (n.scope, n.name.as_str())).collect();
            let station = |s: Scope| names.get(&s).copied().unwrap_or_default().to_string();
            let words = words.read();
            Arc::new(fleet.with_value(|f| f.matching(statuses.get(), &words, station)))
        });
        let counts = Memo::new(move |_| {
            shape.track();
            fleet.with_value(Fleet::counts)
        });
        let (link, now) = (RwSignal::new(Link::Connecting), RwSignal::new(paint.now));
        let doubt = Memo::new(move |_| link.get().doubt(now.get()));
        Self {
            is_wall,
            viewer: StoredValue::new(paint.viewer),
            scopes,
            scope,
            selected,
            fleet,
            moved,
            shape,
            complete: RwSignal::new(paint.units.next.is_none()),
            words,
            statuses,
            matching,
            counts,
            link,
            doubt,
            now,
            ahead_ms: StoredValue::new(0),
            alive: RwSignal::new(false),
            look: RwSignal::new(Look::chosen()),
            measure: RwSignal::new(prefs::measure_chosen()),
            wall: RwSignal::new(prefs::wall_chosen()),
            following: RwSignal::new(false),
            notice: RwSignal::new(None),
            alerts: Alerts::new(own),
            board: Board::new(task),
            fences: Fences::new(fence),
            spot: RwSignal::new(None),
            show_units: RwSignal::new(true),
            show_areas: RwSignal::new(true),
            show_legend: RwSignal::new(false),
            palette_open: RwSignal::new(false),
            sheet: RwSignal::new(Sheet::Units),
            later: RwSignal::new(Later::Coming),
            go: StoredValue::new(go),
            closing: StoredValue::new(false),
        }
    }

    pub fn of_page() -> Self {
        expect_context()
    }

    /// Reads the fleet as it is now. Its inner part is the same for every reader, so
    /// that the page carries it once.
    pub fn with_fleet<T>(self, read: impl FnOnce(&Fleet) -> T) -> T {
        let (mut read, mut out) = (Some(read), None);
        self.visit_fleet(&mut |fleet| out = read.take().map(|read| read(fleet)));
        out.expect("the fleet lives as long as the page, and is visited once")
    }

    fn visit_fleet(self, visit: &mut dyn FnMut(&Fleet)) {
        self.fleet.with_value(|fleet| visit(fleet));
    }

    /// Reads one unit, and again whenever units move or change.
    pub fn unit<T>(self, id: &UnitId, read: impl FnOnce(&Entry) -> T) -> Option<T> {
        self.moved.track();
        self.shape.track();
        self.with_fleet(|f| f.get(id).map(read))
    }

    pub fn scope_name(self, scope: Scope) -> String {
        self.known_name(scope).unwrap_or_else(|| scope.to_string())
    }

    /// The name of a scope that the viewer may see.
    pub fn known_name(self, scope: Scope) -> Option<String> {
        self.scopes.read().iter().find(|n| n.scope == scope).map(|n| n.name.clone())
    }

    /// From the widest the viewer may see down to `scope`.
    pub fn lineage(self, scope: Scope) -> Vec<ScopeNode> {
        let scopes = self.scopes.get();
        let find = |s: Scope| scopes.iter().find(|n| n.scope == s);
        let mut line: Vec<ScopeNode> =
            std::iter::successors(find(scope), |n| n.parent.and_then(find)).cloned().collect();
        line.reverse();
        line
    }

    /// The stations of `scope`, itself where it is one.
    pub fn stations_within(self, scope: Scope) -> HashSet<Scope> {
        let scopes = self.scopes.get();
        let mut within: HashSet<Scope> = HashSet::from([scope]);
        // Widest first, so a parent is always seen before its children.
        for node in scopes.iter() {
            if node.parent.is_some_and(|p| within.contains(&p)) {
                within.insert(node.scope);
            }
        }
        within.retain(|s| s.level == Level::Station);
        within
    }

    /// The address of a scope on this page.
    pub fn scope_address(self, scope: Scope) -> String {
        format!("{}?scope={scope}", if self.is_wall { WALL } else { "/" })
    }

    pub fn go_to_scope(self, scope: Scope) {
        self.go(&self.scope_address(scope), false, State::default());
    }

    /// The address of what is on show with no unit open.
    pub fn closed_address(self) -> String {
        let scope = self.scope.get();
        if scope == self.viewer.with_value(|v| v.scope) { "/".into() } else { self.scope_address(scope) }
    }

    /// Opens a unit beside the map; without one closes whatever is open there.
    pub fn select(self, id: Option<&UnitId>) {
        if id.is_none() || self.selected.get_untracked().as_ref() != id {
            self.open_beside(id.map(|id| format!("unit={id}")));
        }
    }

    /// The same with an incident or an order.
    pub fn open_task(self, task: &TaskRef) {
        if self.board.chosen.get_untracked().as_ref() != Some(task) {
            self.open_beside(Some(format!("{}={}", task.word(), task.id)));
        }
    }

    /// The same with a geofence.
    pub fn open_fence(self, id: &str) {
        if self.fences.chosen.get_untracked().as_deref() != Some(id) {
            self.open_beside(Some(format!("fence={id}")));
        }
    }

    /// Opening is a step that Back undoes; choosing another is none, and closing goes that
    /// step back.
    fn open_beside(self, what: Option<String>) {
        let is_open = self.selected.read_untracked().is_some()
            || self.board.chosen.read_untracked().is_some()
            || self.fences.chosen.read_untracked().is_some();
        self.following.set(false);
        let history = web_sys::window().and_then(|w| w.history().ok());
        let state = history.as_ref().and_then(|h| h.state().ok()).and_then(|s| s.as_string());
        let opened_here = is_open && state.as_deref() == Some(OPENED_HERE);
        let Some(what) = what else {
            if !is_open {
                // Nothing to close.
            } else if !opened_here {
                self.go(&untrack(|| self.closed_address()), true, State::default());
            } else if !self.closing.get_value() {
                self.closing.set_value(true);
                // A page that may not go back stays as it is.
                let _ = history.map(|h| h.back());
            }
            return;
        };
        let scope = self.scope.get_untracked();
        let mark = (!is_open || opened_here).then(|| wasm_bindgen::JsValue::from_str(OPENED_HERE));
        self.go(&format!("/?scope={scope}&{what}"), is_open, State::new(mark));
    }

    /// Another unit is open, or none: whatever step was on its way has been made.
    pub fn has_turned(self) {
        self.closing.set_value(false);
        let id = self.selected.get_untracked();
        if self.spot.with_untracked(|spot| spot.as_ref().is_some_and(|s| Some(&s.unit) != id.as_ref())) {
            self.spot.set(None);
        }
        let lit = self.fences.lit;
        if lit.with_untracked(|lit| lit.as_ref().is_some_and(|(unit, _)| Some(unit) != id.as_ref())) {
            lit.set(None);
        }
    }

    /// Selects a unit that was chosen beside the map, and brings it in sight.
    pub fn look_at(self, id: &UnitId) {
        self.select(Some(id));
        if let Some(place) = self.with_fleet(|f| f.get(id).and_then(Entry::on_map)) {
            with_map(|m| m.fly_to(place.lat, place.lon, CLOSE_ZOOM));
        }
    }

    /// Opens a task that was chosen beside the map, and brings its place in sight.
    pub fn look_at_task(self, task: &Task) {
        self.open_task(&TaskRef::of(task));
        self.fly_to_task(task);
    }

    /// Brings the place of a task in sight.
    pub fn fly_to_task(self, task: &Task) {
        with_map(|m| m.fly_to(task.place.latitude, task.place.longitude, TASK_ZOOM));
    }

    /// Brings in sight what a scope that has just come on show is about: the selected
    /// unit, else all units.
    pub fn look_around(self) {
        match self.selected.get_untracked() {
            Some(id) if self.is_on_map(&id) => {
                self.spot.set(None);
                self.look_at(&id)
            }
            Some(id) if self.spot.with_untracked(|spot| spot.as_ref().is_some_and(|s| s.unit == id)) => {
                self.look_at_spot()
            }
            _ => with_map(|m| m.fit_units()),
        }
    }

    pub fn is_on_map(self, id: &UnitId) -> bool {
        self.with_fleet(|f| f.get(id).is_some_and(|e| e.on_map().is_some()))
    }

    /// Selects a unit that is not of the scope on show, in the viewer's whole own scope.
    pub fn look_elsewhere(self, id: &UnitId) {
        let own = self.viewer.with_value(|v| v.scope);
        self.go(&format!("/?scope={own}&unit={id}"), false, State::default());
    }

    fn go(self, to: &str, replace: bool, state: State) {
        let options = NavigateOptions { resolve: false, replace, scroll: false, state };
        self.go.with_value(|go| go(to, options));
    }

    /// Everybody who acts on what they see.
    pub fn may_acknowledge(self) -> bool {
        self.viewer.with_value(|v| v.role != Role::Viewer)
    }

    pub fn may_manage_patrols(self) -> bool {
        self.viewer.with_value(|v| matches!(v.role, Role::Admin | Role::Commander | Role::Chief))
    }

    pub fn tell(self, text: impl Into<String>) {
        self.notice.set(Some(Notice { text: text.into(), bad: false, alerts: None }));
    }

    pub fn warn(self, text: impl Into<String>) {
        self.notice.set(Some(Notice { text: text.into(), bad: true, alerts: None }));
    }
}
