//! The open alerts of the viewer's whole own scope, whatever area is on show; on a wall display
//! of that area alone, as nobody is there who could look elsewhere.
//!
//! They are one list that the server keeps; the page reads it when it comes alive and
//! again whenever something rings: the page's own socket, with what happens in the area
//! on show, or a [`stream`](super::stream) where that area is less than the viewer's own.
//! It reads it every half minute besides. So whatever is missed, doubled or out of order
//! costs a moment, and never an alert.

use super::{
    link::Link,
    rest::{self, RestError},
    stream::Stream,
    tone::{self, Tone},
    urgency::{Urgency, arrange, news, notice, urgency},
};
use crate::{
    components::{
        alerts::{drawer::keep_focus, words},
        whole::effect,
    },
    console::{CLOSE_ZOOM, Console, Notice, Sheet, Spot},
    map_place::with_map,
    prefs,
};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::{
    Scope, Time, UnitId,
    alerts::{Acknowledgement, Alert, AlertKind},
};
use std::{cell::RefCell, collections::HashSet, rc::Rc, sync::Arc, time::Duration};

/// A stream whose network died says nothing: what it missed is seen then.
const READ_EVERY: Duration = Duration::from_secs(30);

/// By so much the clocks of several servers may be apart.
const SKEW_MS: i64 = 5_000;

/// Open alerts that are read of all kinds, the newest: at first, and where somebody looks at more.
const READ_AT_FIRST: usize = 200;
const READ_MOST: usize = 1_000;

/// How the list on show came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Nothing has been read yet.
    First,
    /// `more`: older ones than these are open too.
    Done {
        more: bool,
    },
    Failed(String),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Reader {
    #[default]
    Idle,
    Reading,
    /// Something rang while it read: it reads again.
    Rung,
}

#[derive(Clone, Copy)]
pub struct Alerts {
    /// What presses the viewer the most first; of the same urgency the newest.
    pub open: RwSignal<Arc<Vec<Alert>>>,
    pub reading: RwSignal<Reading>,
    /// Units with an open SOS.
    pub calling: Memo<Arc<HashSet<UnitId>>>,
    /// Those whose banner somebody has put aside on this page: still open, and in the drawer.
    pub aside: RwSignal<Vec<String>>,
    /// Of which a note is being written in its banner: that one stays on show.
    pub held: RwSignal<Option<String>>,
    /// What a reader of the screen is told at once.
    pub announced: RwSignal<String>,
    /// The word about what is new and does not press.
    pub told: RwSignal<Option<Notice>>,
    pub drawer: RwSignal<bool>,
    /// Grows when the list may be another one.
    pub beat: RwSignal<u32>,
    pub sound: RwSignal<bool>,
    /// Whether they are shown outside the page, where the browser allows it.
    pub notify: RwSignal<bool>,
    /// The browser plays nothing before somebody has touched the page.
    pub silenced: RwSignal<bool>,
    /// Of which a note is being written, and the note so far.
    pub writing: StoredValue<Option<(String, String)>>,
    /// Whose people the viewer is one of.
    pub home: Scope,
    /// Of all kinds so many are read, the newest.
    depth: StoredValue<usize>,
    /// What presses and has not been shown outside the page yet.
    fresh: StoredValue<Vec<Alert>>,
    reader: StoredValue<Reader>,
    /// What was raised before is no news: before the page came alive, or the newest it has seen.
    news_after: StoredValue<Time>,
    /// Acknowledged on this page: a list that was asked for before may still hold them.
    settled: StoredValue<Vec<String>>,
}

/// How many are open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub open: usize,
    /// … of which are calls for help.
    pub calls: usize,
    /// … of which wait for the viewer, and are no calls for help.
    pub pressing: usize,
    /// More are open than these.
    pub more: bool,
}

impl Alerts {
    pub fn new(home: Scope) -> Self {
        let open = RwSignal::new(Arc::new(Vec::<Alert>::new()));
        let calling =
            Memo::new(move |_| Arc::new(calls(&open.read()).map(|alert| alert.unit_id.clone()).collect()));
        Self {
            open,
            reading: RwSignal::new(Reading::First),
            calling,
            aside: RwSignal::default(),
            held: RwSignal::default(),
            announced: RwSignal::default(),
            told: RwSignal::default(),
            drawer: RwSignal::new(false),
            beat: RwSignal::new(0),
            sound: RwSignal::new(prefs::sound_chosen()),
            notify: RwSignal::new(prefs::notify_chosen()),
            silenced: RwSignal::new(false),
            writing: StoredValue::default(),
            home,
            depth: StoredValue::new(READ_AT_FIRST),
            fresh: StoredValue::default(),
            reader: StoredValue::default(),
            news_after: StoredValue::default(),
            settled: StoredValue::default(),
        }
    }
}

impl Alerts {
    pub fn counts(self) -> Counts {
        let open = self.open.read();
        let of = |wanted| open.iter().filter(|alert| urgency(alert, self.home) == wanted).count();
        Counts {
            open: open.len(),
            calls: of(Urgency::Call),
            pressing: of(Urgency::Pressing),
            more: *self.reading.read() == Reading::Done { more: true },
        }
    }

    /// Those that stand over the map until somebody takes them, or puts them aside on this page.
    pub fn banners(self, show: &mut dyn FnMut(&Alert)) {
        let (open, aside) = (self.open.read(), self.aside.read());
        let presses = |alert: &&Alert| urgency(alert, self.home) != Urgency::Other;
        open.iter().take_while(presses).filter(|alert| !aside.contains(&alert.id)).for_each(show);
    }

    /// Whether the next reading brings in older ones.
    pub fn can_go_deeper(self) -> bool {
        self.depth.get_value() < READ_MOST
    }

    /// From the next reading on older ones are read too, or no more.
    pub fn go_deeper(self, deeper: bool) {
        self.depth.set_value(if deeper { READ_MOST } else { READ_AT_FIRST });
    }

    /// It is open no more.
    fn settle(self, id: &str) {
        self.writing.update_value(|writing| {
            writing.take_if(|(other, _)| other == id);
        });
        self.settled.update_value(|settled| settled.push(id.to_owned()));
        self.open.update(|open| Arc::make_mut(open).retain(|alert| alert.id != id));
        self.beat.update(|n| *n = n.wrapping_add(1));
    }
}

/// Those who called for help.
pub fn calls(open: &[Alert]) -> impl Iterator<Item = &Alert> {
    open.iter().filter(|alert| alert.kind == AlertKind::Sos)
}

fn is_among(alerts: &[Alert], id: &str) -> bool {
    alerts.iter().any(|alert| alert.id == id)
}

/// The stream told of something, or has opened: then what was missed is read.
fn rung(console: Console, told: Option<String>) {
    let heard = untrack(|| console.parts()).zip(told.as_deref());
    if !heard.is_some_and(|(parts, told)| (parts.hear_elsewhere)(console, told)) {
        console.read_alerts();
    }
    if told.is_none() {
        console.refresh_shown();
    }
}

/// Reads the list from now on whenever it may have changed.
pub fn come_alive(console: Console) {
    let own = console.viewer.with_value(|viewer| viewer.scope);
    console.alerts.news_after.set_value(console.now.get_untracked().plus_ms(-SKEW_MS));
    let stream: Rc<RefCell<Option<Stream>>> = Rc::default();
    let kept = stream.clone();
    effect(move || {
        let is_narrowed = console.scope.get() != own && !console.link.get().is_final();
        let mut kept = kept.borrow_mut();
        match is_narrowed {
            true if kept.is_none() => *kept = Stream::open(move |told| rung(console, told)),
            true => {}
            false => *kept = None,
        }
    });
    super::run::every(READ_EVERY, move || {
        if stream.borrow().as_ref().is_some_and(Stream::is_closed) {
            *stream.borrow_mut() = Stream::open(move |told| rung(console, told));
        }
        console.read_alerts();
    });
    // Whatever was told while the connection was gone.
    effect(move || {
        if console.link.get() == Link::Live {
            console.read_alerts();
        }
    });
    effect(move || {
        console.alerts.open.track();
        if let Some(parts) = console.parts() {
            let mut fresh = Vec::new();
            console.alerts.fresh.update_value(|kept| std::mem::swap(kept, &mut fresh));
            (parts.notify)(console, &fresh);
        }
    });
    for touch in ["pointerdown", "keydown"] {
        // The page lives as long as its document; these listeners do too.
        window_event_listener_untyped(touch, |_| tone::wake());
    }
}

impl Console {
    /// Something rang.
    pub fn read_alerts(self) {
        let reader = self.alerts.reader;
        let before = reader.get_value();
        reader.set_value(if before == Reader::Idle { Reader::Reading } else { Reader::Rung });
        if before != Reader::Idle || self.link.get_untracked().is_final() {
            return;
        }
        spawn_local(async move {
            loop {
                let (home, depth) = (self.alerts.home, self.alerts.depth.get_value());
                match rest::open_alerts(home, depth).await {
                    Ok((open, more)) => self.take_alerts(arrange(open, home), more),
                    Err(RestError::SignedOut) => self.link.set(Link::SignedOut),
                    Err(e) => self.alerts.reading.set(Reading::Failed(e.to_string())),
                }
                if reader.get_value() != Reader::Rung {
                    return reader.set_value(Reader::Idle);
                }
                reader.set_value(Reader::Reading);
            }
        });
    }

    fn take_alerts(self, mut open: Vec<Alert>, more: bool) {
        let alerts = self.alerts;
        open.retain(|alert| !alerts.settled.with_value(|settled| settled.contains(&alert.id)));
        if self.is_wall {
            let within = untrack(|| self.stations_within(self.scope.get()));
            open.retain(|alert| within.contains(&alert.station));
        }
        let (before, after) = (alerts.open.get_untracked(), alerts.news_after.get_value());
        self.tell_alerts(&news(&open, &before, alerts.home, after));
        // Where older ones come up because newer ones are done with, they are no news. Those that
        // press are read whatever their age.
        if let Some(newest) = open.iter().map(|alert| alert.at).max().filter(|_| more) {
            alerts.news_after.set_value(newest.plus_ms(-SKEW_MS).max(after));
        }
        alerts.reading.set(Reading::Done { more });
        if *before == open {
            return;
        }
        alerts.aside.update(|aside| aside.retain(|id| is_among(&open, id)));
        if let Some((id, note)) = alerts.writing.get_value().filter(|(id, _)| !more && !is_among(&open, id)) {
            alerts.writing.set_value(None);
            spawn_local(self.tell_who_was_first(id, note));
        }
        alerts.open.set(Arc::new(open));
        alerts.beat.update(|n| *n = n.wrapping_add(1));
    }

    /// What presses is said at once and sounds; of the rest there is a word.
    fn tell_alerts(self, news: &[&Alert]) {
        let (alerts, home) = (self.alerts, self.alerts.home);
        let (pressing, others): (Vec<&Alert>, Vec<&Alert>) =
            news.iter().copied().partition(|alert| urgency(alert, home) != Urgency::Other);
        if let Some(first) = pressing.first() {
            let (who, station) = (words::who(first), untrack(|| self.scope_name(first.station)));
            let (text, tone) = match first.kind {
                AlertKind::Sos => (format!("SOS from {who}, {station}"), Tone::Call),
                _ => (format!("Waits for you: {who}, {}, {station}", words::what(first)), Tone::Pressing),
            };
            alerts.announced.set(match pressing.len() - 1 {
                0 => text,
                more => format!("{text}, and {more} more"),
            });
            // Put aside before it was passed on to the viewer: now it is theirs.
            alerts.aside.update(|aside| aside.retain(|id| !pressing.iter().any(|alert| alert.id == *id)));
            self.sound(tone);
        }
        if let Some(notice) = alerts.told.with_untracked(|stands| notice(stands.as_ref(), &others)) {
            alerts.told.set(Some(notice));
        }
        alerts.fresh.set_value(pressing.into_iter().cloned().collect());
    }

    /// Somebody acknowledged it while a note was being written here: who, and what became of the note.
    async fn tell_who_was_first(self, id: String, note: String) {
        let first = rest::alert(&id).await.ok().and_then(|alert| alert.acknowledged);
        keep_focus();
        let Some(first) = first else { return };
        let said = if first.note.is_empty() { String::new() } else { format!(": “{}”", first.note) };
        let own = match note.trim() {
            "" => String::new(),
            note => format!(". Your note was not sent: “{note}”"),
        };
        self.warn(format!("{} acknowledged it before you{said}{own}", first.name));
    }

    fn sound(self, tone: Tone) {
        let alerts = self.alerts;
        if alerts.sound.get_untracked() {
            spawn_local(async move { tone::play(tone, move |playing| alerts.silenced.set(!playing)).await });
        }
    }

    /// Opens the unit of an alert and brings in sight where it is; of one that is not on
    /// the map, where it called from. There is always a word for what is on show.
    pub fn look_at_alert(self, alert: &Alert) {
        let id = &alert.unit_id;
        self.alerts.drawer.set(false);
        self.sheet.set(Sheet::Map);
        self.spot.set(None);
        self.fences.lit.set(alert.fence_id.clone().map(|fence| (id.clone(), fence)));
        if self.with_fleet(|f| f.get(id).is_some()) {
            self.look_at(id);
            if self.is_on_map(id) {
                return;
            }
        } else {
            self.look_elsewhere(id);
            if alert.patrol_id.is_some() {
                // Its place comes with the area that it is in, which then is on show.
                return self.set_spot(alert);
            }
        }
        self.set_spot(alert);
        self.look_at_spot();
        self.tell(match alert.place {
            Some(_) => format!("{id} is not on the map now: marked is where the alert came from."),
            None => format!("{id} is not on the map now, and no place of it is known."),
        });
    }

    fn set_spot(self, alert: &Alert) {
        let spot =
            alert.place.map(|p| Spot { unit: alert.unit_id.clone(), lat: p.latitude, lon: p.longitude });
        self.spot.set(spot);
    }

    pub fn look_at_spot(self) {
        if let Some(spot) = self.spot.get_untracked() {
            with_map(|m| m.fly_to(spot.lat, spot.lon, CLOSE_ZOOM));
        }
    }

    /// Takes an alert upon oneself; why it cannot be done, where it cannot.
    pub async fn acknowledge(self, alert: Alert, note: String) -> Result<(), String> {
        let first = self.take_one(&alert, &note).await.map_err(|e| e.to_string())?;
        let (what, who) = (words::kind(alert.kind), words::who(&alert));
        self.tell(match first {
            Some(by) => format!("{} had acknowledged it before you: {what} of {who}", by.name),
            None => format!("Acknowledged: {what} of {who}"),
        });
        Ok(())
    }

    /// The same, without a word; who was faster, where somebody was.
    pub async fn take_one(self, alert: &Alert, note: &str) -> Result<Option<Acknowledgement>, RestError> {
        match rest::acknowledge(&alert.id, note).await {
            Ok(now) => {
                self.alerts.settle(&alert.id);
                let mine = self.viewer.with_value(|v| format!("user:{}", v.username));
                Ok(now.acknowledged.filter(|by| by.by != mine))
            }
            Err(e) => {
                if e == RestError::SignedOut {
                    self.link.set(Link::SignedOut);
                }
                Err(e)
            }
        }
    }
}
