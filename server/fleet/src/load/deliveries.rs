//! What the dashboards of a run saw, as its report tells it.

use super::{
    carrier::Carrier,
    delivery::Deliveries,
    figures::{Percentiles, line, ratio},
};
use sentinel_model::scope::Level;
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// What was seen, by what it came over and what was watched.
pub type Seen = BTreeMap<(Carrier, Level), Deliveries>;

/// By level, and of all levels.
pub type ByLevel = BTreeMap<&'static str, DeliveryReport>;

#[derive(Debug, Serialize)]
pub struct DeliveryReport {
    pub latency: Option<Percentiles>,
    pub updates_per_s: f64,
    pub frames_per_s: f64,
    pub bytes_per_s: f64,
    pub updates: u64,
    pub conflated: u64,
    pub ahead_of_answer: u64,
    pub missing: u64,
    pub went_back: u64,
    pub invented: u64,
    pub events: u64,
}

impl DeliveryReport {
    fn new(of: &Deliveries, seconds: f64) -> Self {
        Self {
            latency: of.latency.percentiles(),
            updates_per_s: ratio(of.updates, seconds),
            frames_per_s: ratio(of.frames, seconds),
            bytes_per_s: ratio(of.bytes, seconds),
            updates: of.updates,
            conflated: of.conflated,
            ahead_of_answer: of.ahead,
            missing: of.missing,
            went_back: of.went_back,
            invented: of.invented,
            events: of.events,
        }
    }

    fn wrong(&self) -> u64 {
        self.missing + self.went_back + self.invented
    }
}

pub fn by_level(seen: &Seen, carrier: Carrier, seconds: f64) -> ByLevel {
    let (mut levels, mut all) = (ByLevel::new(), Deliveries::default());
    for ((_, level), seen) in seen.iter().filter(|((by, _), seen)| *by == carrier && seen.frames > 0) {
        levels.insert(level.as_str(), DeliveryReport::new(seen, seconds));
        all.add(seen);
    }
    if !levels.is_empty() {
        levels.insert("all", DeliveryReport::new(&all, seconds));
    }
    levels
}

/// Whether everything came that should, and nothing else, to those who were there to see it.
pub fn is_right(levels: &ByLevel, dashboards: u32, fixes_accepted: u64) -> bool {
    match levels.get("all") {
        Some(all) => all.wrong() == 0,
        None => dashboards == 0 || fixes_accepted == 0,
    }
}

pub fn write(f: &mut fmt::Formatter<'_>, carrier: Carrier, dashboards: u32, levels: &ByLevel) -> fmt::Result {
    let (name, to) = match carrier {
        Carrier::WebSocket => ("live", "answered to"),
        Carrier::Events => ("SSE", "by SSE to"),
    };
    let Some(all) = levels.get("all") else {
        return match dashboards {
            0 => Ok(()),
            n => writeln!(f, "{name:<10} WRONG: {n} dashboards were shown nothing"),
        };
    };
    writeln!(
        f,
        "{name:<10} {:.0} updates/s in {:.0} frames/s, {:.1} MB/s; {} conflated, {} missing",
        all.updates_per_s,
        all.frames_per_s,
        all.bytes_per_s / 1e6,
        all.conflated,
        all.missing
    )?;
    for (level, seen) in levels {
        line(f, &format!("{to} {level}"), seen.latency.as_ref())?;
    }
    if all.wrong() > 0 {
        writeln!(
            f,
            "  WRONG: {} never arrived, {} went back in time, {} were never sent",
            all.missing, all.went_back, all.invented
        )?;
    }
    Ok(())
}
