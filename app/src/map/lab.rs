//! `/lab/map?units=10000`: the map by itself, with made-up units, to measure it.
//!
//! Every unit gets an update a second, a tenth of them every 100 ms, as the live
//! feed sends them. What is measured stands in `window.__mapLab`, anew every second:
//! script time per frame, time between frames, and script time per update.
//! `cluster=off` draws every unit by itself, `theme=light`, `zoom=`, `lat=`, `lon=`
//! choose the view, `still=1` updates nothing, `tiles=` is a tile address to try,
//! `pace=own` leaves out frames in which nothing would visibly move, as the product does.

use super::{LiveMap, MapEvents, Theme};
use crate::platform::maths;
use leptos::{
    html::Div, leptos_dom::helpers::IntervalHandle, prelude::*, task::spawn_local,
    wasm_split::SplitLoaderError,
};
use sentinel_model::{PatrolId, Scope, Time, UnitStatus, live::LiveUnit, page::MapSettings};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::Duration,
};
use wasm_bindgen::JsValue;

/// Frames and updates that figures are made of.
const KEPT: usize = 600;
const KOCHI: (f64, f64) = (9.97, 76.28);
/// Degrees that units are spread over around it.
const SPREAD: (f64, f64) = (0.22, 0.16);
/// Parts of the fleet that are updated in turn.
const TURNS: usize = 10;

#[component]
pub fn MapLab() -> impl IntoView {
    let place = NodeRef::<Div>::new();
    let running = StoredValue::new_local(None::<Running>);
    Effect::new(move || {
        let Some(element) = place.get() else { return };
        spawn_local(async move {
            match laboratory().await {
                Ok(start) if !running.is_disposed() => running.set_value(start(&element)),
                Ok(_) => {}
                Err(why) => leptos::logging::error!("no laboratory: {why}"),
            }
        });
    });
    on_cleanup(move || {
        let _ = running.try_update_value(|r| r.take().map(|r| r.stop()));
    });
    view! { <div node_ref=place class="map-lab" role="application" aria-label="Map laboratory"></div> }
}

/// Its code is in a file of its own, as no other page needs it.
#[leptos::wasm_split::wasm_split(lab, wasm_split_path = ::leptos::wasm_split, fallible)]
fn laboratory() -> Result<fn(&web_sys::HtmlElement) -> Option<Running>, SplitLoaderError> {
    Ok(Running::start)
}

/// What the address asks for.
struct Wanted {
    units: u64,
    clusters: bool,
    restless: bool,
    still: bool,
    theme: Theme,
    settings: MapSettings,
}

impl Wanted {
    fn read() -> Self {
        let search = window().location().search().unwrap_or_default();
        let given = web_sys::UrlSearchParams::new_with_str(&search).ok();
        let text = |key: &str| given.as_ref().and_then(|g| g.get(key));
        let number = |key: &str| text(key).map(|t| js_sys::Number::parse_float(&t)).filter(|n| n.is_finite());
        Self {
            units: number("units").map_or(10_000, |n| n.clamp(1.0, 200_000.0) as u64),
            clusters: text("cluster").as_deref() != Some("off"),
            restless: text("pace").as_deref() != Some("own"),
            still: text("still").is_some(),
            theme: if text("theme").as_deref() == Some("light") { Theme::Light } else { Theme::Dark },
            settings: MapSettings {
                tile_url: text("tiles"),
                tile_attribution: None,
                city_basemap: Some("/outlines/kochi".to_owned()),
                center: Some((number("lat").unwrap_or(KOCHI.0), number("lon").unwrap_or(KOCHI.1))),
                zoom: Some(number("zoom").map_or(12, |z| z.clamp(2.0, 19.0) as u8)),
            },
        }
    }
}

#[derive(Default)]
struct Figures {
    gaps: VecDeque<f64>,
    updates: VecDeque<f64>,
    last_frame: Option<f64>,
    stopped: bool,
}

struct Running {
    map: LiveMap,
    figures: Rc<RefCell<Figures>>,
    timers: [Option<IntervalHandle>; 2],
}

impl Running {
    fn start(element: &web_sys::HtmlElement) -> Option<Self> {
        // The page's style sheet knows nothing of the laboratory.
        for (name, value) in [("position", "fixed"), ("inset", "0")] {
            let _ = web_sys::HtmlElement::style(element).set_property(name, value);
        }
        let wanted = Wanted::read();
        let map = match LiveMap::mount(element, &wanted.settings, wanted.theme, MapEvents::default()) {
            Ok(map) => map,
            Err(why) => {
                leptos::logging::error!("no map: {why}");
                return None;
            }
        };
        map.set_clustering(wanted.clusters);
        map.set_restless(wanted.restless);
        let fleet: Vec<Mover> = (0..wanted.units).map(Mover::new).collect();
        map.replace(&fleet.iter().map(|m| m.unit.clone()).collect::<Vec<_>>());
        let figures = Rc::<RefCell<Figures>>::default();
        watch_frames(figures.clone());
        let (feed, counts) = (map.clone(), figures.clone());
        let (fleet, turn) = (RefCell::new(fleet), Cell::new(0));
        let update = set_interval_with_handle(
            move || {
                if wanted.still {
                    return;
                }
                turn.set(turn.get() + 1);
                let mut fleet = fleet.borrow_mut();
                let group = fleet.iter_mut().skip(turn.get() % TURNS).step_by(TURNS);
                let moved: Vec<LiveUnit> = group.map(Mover::next).collect();
                let start = now();
                feed.update(&moved);
                keep(&mut counts.borrow_mut().updates, now() - start);
            },
            Duration::from_millis(1000 / TURNS as u64),
        );
        let (seen, counts) = (map.clone(), figures.clone());
        let report =
            set_interval_with_handle(move || publish(&seen, &counts.borrow()), Duration::from_secs(1));
        Some(Self { map, figures, timers: [update.ok(), report.ok()] })
    }

    fn stop(self) {
        self.timers.into_iter().flatten().for_each(|t| t.clear());
        self.figures.borrow_mut().stopped = true;
        self.map.destroy();
    }
}

/// A unit on a way of its own, turning a little all the time.
struct Mover {
    unit: LiveUnit,
    heading: f64,
    turn: f64,
}

impl Mover {
    fn new(n: u64) -> Self {
        // Low-discrepancy numbers: spread evenly, the same on every run.
        let part = |step: f64| (n as f64 * step + 0.37).fract();
        let radius = part(0.618_033_988_75).sqrt();
        let angle = part(0.754_877_666_25) * std::f64::consts::TAU;
        let status = match n % 20 {
            0..=11 => UnitStatus::Available,
            12..=15 => UnitStatus::OnTask,
            16..=17 => UnitStatus::Stale,
            _ => UnitStatus::Offline,
        };
        let heading = part(0.569_840_290_998) * 360.0;
        Self {
            heading,
            turn: (part(0.324_717_957_245) - 0.5) * 14.0,
            unit: LiveUnit {
                id: format!("PC-{n:03}").parse().expect("letters, digits and a dash"),
                patrol: PatrolId(n + 1),
                station: Scope::station(1),
                lat: Some(KOCHI.0 + SPREAD.0 / 2.0 * radius * maths::sin(angle)),
                lon: Some(KOCHI.1 + SPREAD.1 / 2.0 * radius * maths::cos(angle)),
                speed_mps: Some(11.0),
                heading_deg: (!n.is_multiple_of(9)).then_some(heading as f32),
                battery: None,
                status,
                time: Some(Time(0)),
            },
        }
    }

    fn next(&mut self) -> LiveUnit {
        self.heading = (self.heading + self.turn).rem_euclid(360.0);
        let (sin, cos) = (maths::sin(self.heading.to_radians()), maths::cos(self.heading.to_radians()));
        // Eleven metres.
        self.unit.lat = self.unit.lat.map(|v| v + 0.000_1 * cos);
        self.unit.lon = self.unit.lon.map(|v| v + 0.000_1 * sin);
        self.unit.heading_deg = self.unit.heading_deg.map(|_| self.heading as f32);
        self.unit.time = self.unit.time.map(|t| t.plus_ms(1000));
        self.unit.clone()
    }
}

fn now() -> f64 {
    super::engine::now_ms()
}

fn keep(list: &mut VecDeque<f64>, value: f64) {
    if list.len() == KEPT {
        list.pop_front();
    }
    list.push_back(value);
}

/// Notes how far apart the browser's frames are, whoever draws in them.
fn watch_frames(figures: Rc<RefCell<Figures>>) {
    request_animation_frame(move || {
        {
            let mut f = figures.borrow_mut();
            if f.stopped {
                return;
            }
            let at = now();
            if let Some(last) = f.last_frame.replace(at) {
                keep(&mut f.gaps, at - last);
            }
        }
        watch_frames(figures);
    });
}

fn publish(map: &LiveMap, figures: &Figures) {
    let stats = map.stats();
    let (gap, gap_p95) = middle(&figures.gaps);
    let (update, update_p95) = middle(&figures.updates);
    let told = js_sys::Object::new();
    // An object of our own and a window take any field.
    let tell = |name: &str, value: JsValue| drop(js_sys::Reflect::set(&told, &name.into(), &value));
    tell("renderer", stats.renderer.into());
    for (name, number) in [
        ("units", stats.units as f64),
        ("drawn", stats.drawn as f64),
        ("clusters", stats.clusters as f64),
        ("labels", stats.labels as f64),
        ("frames", stats.frames as f64),
        ("frame_ms", stats.frame_median_ms),
        ("frame_p95_ms", stats.frame_p95_ms),
        ("interval_ms", gap),
        ("interval_p95_ms", gap_p95),
        ("update_ms", update),
        ("update_p95_ms", update_p95),
    ] {
        tell(name, number.into());
    }
    let _ = js_sys::Reflect::set(&window(), &"__mapLab".into(), &told);
}

/// Median and 95th percentile.
fn middle(list: &VecDeque<f64>) -> (f64, f64) {
    let mut sorted: Vec<f64> = list.iter().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let part = |f: f64| sorted.get((sorted.len() as f64 * f) as usize).copied().unwrap_or(0.0);
    (part(0.5), part(0.95))
}
