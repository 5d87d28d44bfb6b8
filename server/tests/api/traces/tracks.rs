//! Ways that units went: recorded ones, where a file of them is at hand, and always some of the
//! simulator's, over real roads, heard of by bad receivers.

use crate::server::START;
use flate2::read::MultiGzDecoder;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use sentinel_fleet::{
    city::{self, roads},
    simulate::mover::Mover,
};
use sentinel_model::Time;
use sentinel_server::geo::M_PER_DEG_LATITUDE;
use std::{collections::BTreeMap, ffi::OsStr, fs::File, io::Read};

/// Units of the simulator, and for how long each drives.
const DRIVERS: usize = 8;
const DRIVES_S: f64 = 9_000.0;
/// Of a unit that was recorded.
const RECORDED_MIN: usize = 100;

/// What a device said of one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub time: Time,
    /// Degrees.
    pub place: (f64, f64),
    pub speed_mps: Option<f32>,
    pub accuracy_m: Option<f32>,
}

pub struct Track {
    pub unit: String,
    /// In the order of time, no two at the same.
    pub seen: Vec<Seen>,
}

/// A set of tracks, and what to call it where something is wrong. `SENTINEL_TRACE` names a file of
/// recorded ones: `time,unit,lat,lon` and any columns after that, as CSV or CSV.gz.
pub fn sources() -> Vec<(String, Vec<Track>)> {
    let mut sources = vec![("driven".to_owned(), driven())];
    if let Some(path) = std::env::var_os("SENTINEL_TRACE") {
        sources.push((path.to_string_lossy().into_owned(), recorded(&path)));
    }
    sources
}

/// So many metres north and east of a place.
pub fn moved(place: (f64, f64), north_m: f64, east_m: f64) -> (f64, f64) {
    let narrowing = place.0.to_radians().cos();
    (place.0 + north_m / M_PER_DEG_LATITUDE, place.1 + east_m / M_PER_DEG_LATITUDE / narrowing)
}

fn recorded(path: &OsStr) -> Vec<Track> {
    let file = File::open(path).expect("SENTINEL_TRACE names a file");
    let is_packed = path.to_string_lossy().ends_with(".gz");
    let text: Box<dyn Read> = if is_packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut of: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    for row in csv::Reader::from_reader(text).records() {
        let row = row.expect("a row");
        let number = |n: usize| row[n].parse().expect("degrees");
        let time = Time::parse(&row[0]).expect("a time");
        let seen = Seen { time, place: (number(2), number(3)), speed_mps: None, accuracy_m: None };
        of.entry(row[1].to_owned()).or_default().push(seen);
    }
    let first = of.values().flatten().map(|seen| seen.time).min().expect("it has rows");
    let track = |(unit, mut seen): (String, Vec<Seen>)| {
        seen.iter_mut().for_each(|seen| seen.time = START.plus_ms(60_000 + seen.time.ms_since(first)));
        seen.sort_by_key(|seen| seen.time);
        seen.dedup_by_key(|seen| seen.time);
        Track { unit, seen }
    };
    of.into_iter().map(track).filter(|track| track.seen.len() >= RECORDED_MIN).collect()
}

fn driven() -> Vec<Track> {
    let stations = city::kochi().stations;
    let track = |n: usize| {
        let station = &stations[n * 3 % stations.len()];
        let home = city::geo::Place { lat: station.lat, lon: station.lon };
        let mover = Mover::new(roads::kochi(), home, None, n as u64);
        Track { unit: format!("D-{n}"), seen: heard_of(mover, n as u64) }
    };
    (0..DRIVERS).map(track).collect()
}

/// As its device tells: every few seconds, not in tunnels, beside where it is, and with whole
/// quarters so that nothing is lost as text.
fn heard_of(mut mover: Mover, seed: u64) -> Vec<Seen> {
    let mut random = StdRng::seed_from_u64(seed);
    let says_speed = seed % 4 != 3;
    let (mut after_s, mut seen) = (60.0, Vec::new());
    while after_s < DRIVES_S {
        let pause_s = match random.random_range(0..100_u32) {
            0 => 240.0,
            1..20 => 30.0,
            20..60 => 10.0,
            _ => 4.0,
        };
        mover.advance(pause_s);
        after_s += pause_s;
        let state = mover.state();
        let accuracy_m = f64::from(random.random_range(8..120_u32)) / 4.0;
        let mut off = || random.random_range(-0.7..0.7) * accuracy_m;
        let place = moved((state.place.lat, state.place.lon), off(), off());
        seen.push(Seen {
            time: START.plus_ms((after_s * 1000.0) as i64),
            place: (round(place.0, 1e7), round(place.1, 1e7)),
            speed_mps: says_speed.then(|| round(state.speed_mps, 4.0) as f32),
            accuracy_m: (seed % 3 != 2).then_some(accuracy_m as f32),
        });
    }
    seen
}

fn round(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

/// How far north and how far east of a place another is, metres.
pub fn apart_m(from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    let narrowing = from.0.to_radians().cos();
    ((to.0 - from.0) * M_PER_DEG_LATITUDE, (to.1 - from.1) * narrowing * M_PER_DEG_LATITUDE)
}
