//! Every unit of the scope on show. Plain data outside the reactive graph: ten
//! thousand units change each second, and what is on screen reads a few of them.

use crate::platform::lowercase;
use sentinel_model::{
    PatrolId, Scope, Time, Unit, UnitId, UnitStatus,
    fix::is_nowhere,
    live::{Event, LiveUnit},
    scope::ScopeCounts,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Where a unit was last seen, and how it moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub lat: f64,
    pub lon: f64,
    pub speed_mps: Option<f32>,
    pub heading_deg: Option<f32>,
    pub battery: Option<f32>,
    pub time: Time,
}

/// A fix older than this says where a unit was, not how it moves.
const CURRENT_FOR_MS: i64 = 5 * 60_000;

impl Place {
    /// Whether its speed and heading still tell how the unit moves.
    pub fn is_current(&self, now: Time) -> bool {
        now.ms_since(self.time) <= CURRENT_FOR_MS
    }

    /// Receivers without a fix say 0, 0: nobody is there.
    pub fn is_nowhere(&self) -> bool {
        is_nowhere(self.lat, self.lon)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub id: UnitId,
    pub name: String,
    pub kind: String,
    pub station: Scope,
    pub status: UnitStatus,
    pub patrol: Option<PatrolId>,
    pub place: Option<Place>,
    /// When the patrol began, where this page saw it begin or has asked.
    pub since: Option<Time>,
    /// Listed under this scope also when off duty. A unit first heard of by its joining
    /// may be lent from elsewhere: then nobody knows until the server is asked.
    home: bool,
}

impl Entry {
    /// Where the map has it, if it has: on patrol, with a place.
    pub fn on_map(&self) -> Option<Place> {
        self.place.filter(|p| self.patrol.is_some() && !p.is_nowhere())
    }

    /// How it moves now: on patrol, by a fix that is not old.
    pub fn moving_now(&self, now: Time) -> Option<Place> {
        self.place.filter(|p| self.patrol.is_some() && p.is_current(now))
    }
}

/// Which statuses are asked for; none asked for means all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statuses(u8);

impl Statuses {
    pub fn is_all(self) -> bool {
        self.0 == 0
    }
    pub fn asks_for(self, status: UnitStatus) -> bool {
        self.0 & (1 << status as u8) != 0
    }
    pub fn toggled(self, status: UnitStatus) -> Self {
        let next = self.0 ^ (1 << status as u8);
        // Asking for every one of them is asking for all.
        if next.count_ones() as usize == UnitStatus::ALL.len() { Self(0) } else { Self(next) }
    }
    fn lets(self, status: UnitStatus) -> bool {
        self.is_all() || self.asks_for(status)
    }
}

#[derive(Debug, Clone, Default)]
pub struct Fleet {
    units: BTreeMap<UnitId, Entry>,
}

/// What a change touched: whether lists and counts must be made anew, or only
/// what moves in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Touched {
    pub shape: bool,
}

impl Fleet {
    pub fn of(units: &[Unit]) -> Self {
        let mut fleet = Self::default();
        fleet.learn(units);
        fleet
    }

    pub fn get(&self, id: &UnitId) -> Option<&Entry> {
        self.units.get(id)
    }

    pub fn len(&self) -> usize {
        self.units.len()
    }

    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Units as the lists tell them: names, and who is off duty. What the socket
    /// has said of a unit's place is newer, and stays.
    pub fn learn(&mut self, units: &[Unit]) {
        for unit in units {
            let place = unit.location.as_ref().map(|l| Place {
                lat: l.latitude,
                lon: l.longitude,
                speed_mps: l.speed_mps,
                heading_deg: l.heading_deg,
                battery: l.battery,
                time: l.time,
            });
            match self.units.get_mut(&unit.id) {
                Some(known) => {
                    known.name.clone_from(&unit.name);
                    known.kind.clone_from(&unit.kind);
                    known.home = true;
                    known.place = later(known.place, place);
                }
                None => {
                    let entry = Entry {
                        id: unit.id.clone(),
                        name: unit.name.clone(),
                        kind: unit.kind.clone(),
                        station: unit.station,
                        status: unit.status,
                        patrol: unit.patrol_id,
                        place,
                        since: None,
                        home: true,
                    };
                    self.units.insert(unit.id.clone(), entry);
                }
            }
        }
    }

    /// A snapshot: whoever is not in it is not on patrol here.
    pub fn snapshot(&mut self, units: &[LiveUnit]) {
        let here: HashSet<&UnitId> = units.iter().map(|u| &u.id).collect();
        self.units.retain(|id, entry| here.contains(id) || entry.home);
        for entry in self.units.values_mut().filter(|e| !here.contains(&e.id)) {
            entry.patrol = None;
            entry.status = UnitStatus::OffDuty;
        }
        self.moved(units);
    }

    /// New positions. One that is older than what is shown changes no place.
    pub fn moved(&mut self, units: &[LiveUnit]) -> Touched {
        let mut touched = Touched::default();
        for unit in units {
            touched.shape |= self.put(unit, None);
        }
        touched
    }

    pub fn event(&mut self, event: &Event) -> Touched {
        let shape = match event {
            Event::UnitJoined(e) => {
                self.put(&e.unit, Some(e.at));
                if let Some(entry) = self.units.get_mut(&e.unit.id) {
                    entry.name.clone_from(&e.name);
                    entry.kind.clone_from(&e.unit_kind);
                    entry.since = Some(e.at);
                }
                true
            }
            Event::UnitLeft(e) => self.leave(&e.id, e.patrol),
            Event::Alert(_) | Event::Incident(_) | Event::Order(_) | Event::Fence(_) => false,
            Event::Status(e) => match self.units.get_mut(&e.id) {
                Some(entry) if entry.patrol == Some(e.patrol) && entry.status != e.status => {
                    entry.status = e.status;
                    true
                }
                _ => false,
            },
        };
        Touched { shape }
    }

    fn leave(&mut self, id: &UnitId, patrol: PatrolId) -> bool {
        match self.units.get_mut(id) {
            Some(entry) if entry.patrol == Some(patrol) => {
                entry.patrol = None;
                entry.since = None;
                entry.status = UnitStatus::OffDuty;
                if !entry.home {
                    self.units.remove(id);
                }
                true
            }
            _ => false,
        }
    }

    /// Whether lists and counts change with it.
    fn put(&mut self, unit: &LiveUnit, since: Option<Time>) -> bool {
        let place = match (unit.lat, unit.lon, unit.time) {
            (Some(lat), Some(lon), Some(time)) => Some(Place {
                lat,
                lon,
                speed_mps: unit.speed_mps,
                heading_deg: unit.heading_deg,
                battery: unit.battery,
                time,
            }),
            _ => None,
        };
        match self.units.get_mut(&unit.id) {
            Some(entry) => {
                let shape = entry.status != unit.status
                    || entry.station != unit.station
                    || entry.patrol != Some(unit.patrol);
                if entry.patrol != Some(unit.patrol) {
                    entry.since = since;
                }
                entry.patrol = Some(unit.patrol);
                entry.station = unit.station;
                entry.status = unit.status;
                entry.place = later(entry.place, place);
                shape
            }
            None => {
                let entry = Entry {
                    id: unit.id.clone(),
                    name: unit.id.to_string(),
                    kind: String::new(),
                    station: unit.station,
                    status: unit.status,
                    patrol: Some(unit.patrol),
                    place,
                    since,
                    home: false,
                };
                self.units.insert(unit.id.clone(), entry);
                true
            }
        }
    }

    /// Keeps only units of these stations: another scope is coming on show.
    pub fn keep_stations(&mut self, within: impl Fn(Scope) -> bool) {
        self.units.retain(|_, entry| within(entry.station));
    }

    /// By id: whom the statuses let through and whose id, name or station says `words`.
    pub fn matching(
        &self,
        statuses: Statuses,
        words: &str,
        station: impl Fn(Scope) -> String,
    ) -> Vec<UnitId> {
        let words: Vec<String> = words.split_whitespace().map(lowercase).collect();
        let says = |entry: &Entry| {
            words.is_empty() || {
                let text = lowercase(&format!("{} {} {}", entry.id, entry.name, station(entry.station)));
                words.iter().all(|w| text.contains(w.as_str()))
            }
        };
        self.units.values().filter(|e| statuses.lets(e.status) && says(e)).map(|e| e.id.clone()).collect()
    }

    pub fn patrols_of(&self, ids: &[UnitId]) -> HashSet<PatrolId> {
        ids.iter().filter_map(|id| self.units.get(id)?.patrol).collect()
    }

    /// When a patrol began, as the server tells who asks.
    pub fn began(&mut self, id: &UnitId, patrol: PatrolId, at: Time) {
        if let Some(entry) = self.units.get_mut(id).filter(|e| e.patrol == Some(patrol)) {
            entry.since = Some(at);
        }
    }

    /// Everyone on patrol, as the socket would tell it: for a map that comes later.
    pub fn live(&self) -> Vec<LiveUnit> {
        self.units
            .values()
            .filter_map(|e| {
                Some(LiveUnit {
                    id: e.id.clone(),
                    patrol: e.patrol?,
                    station: e.station,
                    lat: e.place.map(|p| p.lat),
                    lon: e.place.map(|p| p.lon),
                    speed_mps: e.place.and_then(|p| p.speed_mps),
                    heading_deg: e.place.and_then(|p| p.heading_deg),
                    battery: e.place.and_then(|p| p.battery),
                    status: e.status,
                    time: e.place.map(|p| p.time),
                })
            })
            .collect()
    }

    pub fn on_patrol(&self) -> usize {
        self.units.values().filter(|e| e.patrol.is_some()).count()
    }

    pub fn counts(&self) -> ScopeCounts {
        let mut counts = ScopeCounts::default();
        self.units.values().for_each(|e| count(&mut counts, e.status));
        counts
    }

    /// Counts of each station that has units here.
    pub fn station_counts(&self) -> HashMap<Scope, ScopeCounts> {
        let mut all: HashMap<Scope, ScopeCounts> = HashMap::new();
        self.units.values().for_each(|e| count(all.entry(e.station).or_default(), e.status));
        all
    }
}

fn count(counts: &mut ScopeCounts, status: UnitStatus) {
    counts.units += 1;
    *match status {
        UnitStatus::Available => &mut counts.available,
        UnitStatus::OnTask => &mut counts.on_task,
        UnitStatus::Stale => &mut counts.stale,
        UnitStatus::Offline => &mut counts.offline,
        UnitStatus::OffDuty => &mut counts.off_duty,
    } += 1;
}

fn later(known: Option<Place>, said: Option<Place>) -> Option<Place> {
    match (known, said) {
        (Some(a), Some(b)) if b.time < a.time => Some(a),
        (_, Some(b)) => Some(b),
        (a, None) => a,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::live::{StatusChanged, UnitJoined, UnitLeft};

    fn live(id: &str, patrol: u64, at: i64) -> LiveUnit {
        LiveUnit {
            id: id.parse().expect("a good id"),
            patrol: PatrolId(patrol),
            station: Scope::station(5),
            lat: Some(at as f64 / 1000.0),
            lon: Some(76.0),
            speed_mps: None,
            heading_deg: None,
            battery: None,
            status: UnitStatus::Available,
            time: Some(Time(at)),
        }
    }

    fn joined(unit: &str, patrol: u64) -> Event {
        Event::UnitJoined(UnitJoined {
            offset: 1,
            at: Time(5),
            unit: live(unit, patrol, 1000),
            name: format!("Car {unit}"),
            unit_kind: "patrol_car".into(),
        })
    }

    fn listed(id: &str) -> Unit {
        Unit {
            id: id.parse().expect("a good id"),
            name: format!("Car {id}"),
            kind: "patrol_car".into(),
            station: Scope::station(5),
            status: UnitStatus::OffDuty,
            patrol_id: None,
            location: None,
        }
    }

    fn id(text: &str) -> UnitId {
        text.parse().expect("a good id")
    }

    #[test]
    fn an_older_position_moves_nobody_back() {
        let mut fleet = Fleet::default();
        assert!(fleet.moved(&[live("A", 1, 2000)]).shape, "a unit not seen before changes the list");
        assert!(!fleet.moved(&[live("A", 1, 1000)]).shape);
        assert_eq!(fleet.get(&id("A")).and_then(|e| e.place).map(|p| p.time), Some(Time(2000)));
    }

    #[test]
    fn an_old_fix_tells_no_speed_and_an_ended_patrol_is_not_on_the_map() {
        let mut fleet = Fleet::of(&[listed("A")]);
        fleet.event(&joined("A", 8));
        let now = Time(1000);
        assert!(fleet.get(&id("A")).is_some_and(|e| e.moving_now(now).is_some() && e.on_map().is_some()));
        let later = now.plus_ms(CURRENT_FOR_MS + 1);
        assert!(fleet.get(&id("A")).is_some_and(|e| e.moving_now(later).is_none() && e.on_map().is_some()));
        fleet.event(&Event::UnitLeft(UnitLeft { offset: 2, at: Time(6), id: id("A"), patrol: PatrolId(8) }));
        assert!(fleet.get(&id("A")).is_some_and(|e| e.moving_now(now).is_none() && e.on_map().is_none()));
    }

    #[test]
    fn who_is_missing_in_a_snapshot_is_off_duty_or_gone() {
        let mut fleet = Fleet::of(&[listed("A")]);
        fleet.moved(&[live("A", 1, 1000), live("B", 2, 1000)]);
        fleet.snapshot(&[live("C", 3, 1000)]);
        assert_eq!(fleet.get(&id("A")).map(|e| e.status), Some(UnitStatus::OffDuty));
        assert!(fleet.get(&id("B")).is_none(), "B is of another station and no longer on patrol here");
        assert_eq!(fleet.on_patrol(), 1);
    }

    #[test]
    fn events_of_an_earlier_patrol_do_not_touch_the_new_one() {
        let mut fleet = Fleet::of(&[listed("A")]);
        fleet.event(&joined("A", 8));
        let left = UnitLeft { offset: 2, at: Time(6), id: id("A"), patrol: PatrolId(7) };
        assert!(!fleet.event(&Event::UnitLeft(left)).shape);
        let stale = StatusChanged {
            offset: 3,
            at: Time(7),
            id: id("A"),
            patrol: PatrolId(8),
            status: UnitStatus::Stale,
        };
        assert!(fleet.event(&Event::Status(stale)).shape);
        assert_eq!(fleet.counts().stale, 1);
        assert_eq!(fleet.get(&id("A")).and_then(|e| e.since), Some(Time(5)));
    }

    #[test]
    fn a_unit_first_heard_of_by_its_joining_has_its_name_and_goes_with_its_patrol() {
        let mut fleet = Fleet::of(&[listed("OWN")]);
        fleet.event(&joined("OWN", 1));
        fleet.event(&joined("NEW", 2));
        assert_eq!(fleet.get(&id("NEW")).map(|e| e.name.as_str()), Some("Car NEW"));
        for (unit, patrol) in [("OWN", 1), ("NEW", 2)] {
            let left = UnitLeft { offset: 3, at: Time(9), id: id(unit), patrol: PatrolId(patrol) };
            fleet.event(&Event::UnitLeft(left));
        }
        assert_eq!(fleet.get(&id("OWN")).map(|e| e.status), Some(UnitStatus::OffDuty));
        assert!(fleet.get(&id("NEW")).is_none(), "it may belong elsewhere; the page asks");
    }

    #[test]
    fn a_search_takes_every_word_wherever_it_stands() {
        let fleet = Fleet::of(&[listed("PC-001"), listed("PC-010")]);
        let station = |_| "Kadavanthra".to_string();
        assert_eq!(fleet.matching(Statuses::default(), "kada 010", station).len(), 1);
        assert_eq!(fleet.matching(Statuses::default().toggled(UnitStatus::Stale), "", station).len(), 0);
    }
}
