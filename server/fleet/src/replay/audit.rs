//! Reads every unit's history back and compares it with the trace.
//!
//! Exact means: for each of a unit's recorded instants one point, where the trace says
//! it was, and no other point between the first and the last of them. Rows that the
//! server set aside, or that failed, are not expected; the run has reported them.

use super::{
    progress::{count, counted},
    trace::{Row, Trace},
};
use crate::client::Api;
use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use sentinel_model::{RouteAnswer, RoutePoint, Time, UnitId};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Points asked for at a time; where a range holds more, it is read in halves.
const POINTS: &str = "10000";
/// Positions this close are the same: stores keep at least six decimals.
const SAME_DEG: f64 = 1.1e-6;
/// Findings named in the summary; the rest are counted.
const NAMED: usize = 5;

/// What a unit's history should hold: each instant, with the position or (where the trace
/// has several rows for one instant) the positions of which one is right.
type Expected = BTreeMap<Time, Vec<(f64, f64)>>;

#[derive(Debug, Default, PartialEq)]
pub struct Findings {
    pub units: u64,
    pub expected: u64,
    pub found: u64,
    /// In the trace, not in history.
    pub missing: u64,
    /// In history more than once.
    pub doubled: u64,
    /// In history elsewhere than in the trace.
    pub moved: u64,
    /// In history, not in the trace.
    pub foreign: u64,
    /// Rows of the trace that repeat a unit's instant; history holds it once.
    pub repeats: u64,
    examples: Vec<String>,
}

impl Findings {
    pub fn exact(&self) -> bool {
        self.missing + self.doubled + self.moved + self.foreign == 0
    }

    pub fn summary(&self) -> String {
        let verdict = if self.exact() { "audit: exact" } else { "audit: NOT exact" };
        let repeats = match self.repeats {
            0 => String::new(),
            n => format!(" ({} rows repeat an instant of their unit and count once)", count(n)),
        };
        let mut text = format!(
            "{verdict}; {}, {} expected{repeats}, {} found: {} missing, {} doubled, {} elsewhere, {} not in the trace",
            counted(self.units, "unit", "units"),
            counted(self.expected, "fix", "fixes"),
            count(self.found),
            count(self.missing),
            count(self.doubled),
            count(self.moved),
            count(self.foreign),
        );
        for example in &self.examples {
            text.push_str("\n  ");
            text.push_str(example);
        }
        text
    }

    fn note(&mut self, example: String) {
        if self.examples.len() < NAMED {
            self.examples.push(example);
        }
    }

    fn add(&mut self, other: Findings) {
        self.units += other.units;
        self.expected += other.expected;
        self.found += other.found;
        self.missing += other.missing;
        self.doubled += other.doubled;
        self.moved += other.moved;
        self.foreign += other.foreign;
        self.repeats += other.repeats;
        other.examples.into_iter().for_each(|example| self.note(example));
    }
}

pub async fn run(
    api: &Api,
    trace: &Trace,
    refused: &HashSet<usize>,
    connections: usize,
) -> anyhow::Result<Findings> {
    let mut rows: HashMap<usize, Vec<&Row>> = HashMap::new();
    for (_, row) in trace.rows.iter().enumerate().filter(|(index, _)| !refused.contains(index)) {
        rows.entry(row.unit).or_default().push(row);
    }
    let mut units: Vec<(usize, Vec<&Row>)> = rows.into_iter().collect();
    units.sort_by_key(|(unit, _)| *unit);
    let findings = stream::iter(units.into_iter().map(|(unit, rows)| async move {
        let id = &trace.units[unit];
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Findings::default()) };
        let points = route(api, id, first.device, last.device.plus_ms(1)).await?;
        anyhow::Ok(compare(id, &rows, &points))
    }))
    .buffered(connections)
    .try_fold(Findings::default(), |mut all, one| async move {
        all.add(one);
        Ok(all)
    })
    .await?;
    Ok(findings)
}

/// Every stored point of a unit from `from` to before `to`.
async fn route(api: &Api, unit: &UnitId, from: Time, to: Time) -> anyhow::Result<Vec<RoutePoint>> {
    let path = format!("/api/v1/units/{unit}/route");
    let mut points = Vec::new();
    let mut open = vec![(from, to)];
    while let Some((from, to)) = open.pop() {
        let (start, end) = (from.to_string(), to.to_string());
        let query = [("start_time", start.as_str()), ("end_time", end.as_str()), ("max_points", POINTS)];
        let answer: RouteAnswer = api
            .get(&path, &query)
            .await
            .with_context(|| format!("the history of {unit} could not be read"))?;
        if answer.points.len() as u64 >= answer.total {
            points.extend(answer.points);
            continue;
        }
        let middle = from.plus_ms(to.ms_since(from) / 2);
        anyhow::ensure!(
            middle > from,
            "the history of {unit} holds {} fixes at {from} and shows {}",
            answer.total,
            answer.points.len()
        );
        // the earlier half on top: points stay in order
        open.push((middle, to));
        open.push((from, middle));
    }
    Ok(points)
}

fn compare(unit: &UnitId, rows: &[&Row], points: &[RoutePoint]) -> Findings {
    let mut expected = Expected::new();
    for row in rows {
        expected.entry(row.device).or_default().push((row.lat, row.lon));
    }
    let mut findings = Findings {
        units: 1,
        expected: expected.len() as u64,
        found: points.len() as u64,
        repeats: (rows.len() - expected.len()) as u64,
        ..Findings::default()
    };
    let mut seen: HashSet<Time> = HashSet::new();
    for point in points {
        let Some(places) = expected.get(&point.time) else {
            findings.foreign += 1;
            findings.note(format!("{unit} at {}: in history, not in the trace", point.time));
            continue;
        };
        if !seen.insert(point.time) {
            findings.doubled += 1;
            findings.note(format!("{unit} at {}: more than once in history", point.time));
        } else if !places.iter().any(|place| same(*place, point)) {
            findings.moved += 1;
            findings.note(format!(
                "{unit} at {}: {} {} in history, {} {} in the trace",
                point.time, point.latitude, point.longitude, places[0].0, places[0].1
            ));
        }
    }
    for time in expected.keys().filter(|time| !seen.contains(*time)) {
        findings.missing += 1;
        findings.note(format!("{unit} at {time}: not in history"));
    }
    findings
}

fn same((lat, lon): (f64, f64), point: &RoutePoint) -> bool {
    (lat - point.latitude).abs() < SAME_DEG && (lon - point.longitude).abs() < SAME_DEG
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(second: i64, lat: f64) -> Row {
        let t = Time::from_secs(second);
        Row { recorded: t, device: t, unit: 0, lat, lon: 2.0, more: None }
    }

    fn point(second: i64, lat: f64) -> RoutePoint {
        RoutePoint {
            time: Time::from_secs(second),
            latitude: lat,
            longitude: 2.0,
            speed_mps: None,
            heading_deg: None,
        }
    }

    fn compared(rows: &[Row], points: &[RoutePoint]) -> Findings {
        compare(&"a".parse().expect("an id"), &rows.iter().collect::<Vec<_>>(), points)
    }

    #[test]
    fn the_same_history_is_exact() {
        let findings = compared(&[row(1, 1.0), row(2, 1.5)], &[point(1, 1.0), point(2, 1.500_000_4)]);
        assert!(findings.exact() && findings.expected == 2 && findings.found == 2);
        assert!(findings.summary().starts_with("audit: exact; 1 unit, 2 fixes expected, 2 found: 0 missing"));
    }

    #[test]
    fn missing_doubled_moved_and_foreign_points_are_found() {
        let rows = [row(1, 1.0), row(2, 1.0), row(3, 1.0)];
        let points = [point(1, 1.0), point(1, 1.0), point(3, 1.1), point(4, 1.0)];
        let findings = compared(&rows, &points);
        assert_eq!((findings.missing, findings.doubled, findings.moved, findings.foreign), (1, 1, 1, 1));
        assert!(!findings.exact());
        assert!(findings.summary().contains("a at 1970-01-01T00:00:02.000Z: not in history"));
    }

    #[test]
    fn an_instant_that_the_trace_repeats_is_expected_once_at_either_place() {
        let rows = [row(1, 1.0), row(1, 9.0)];
        let findings = compared(&rows, &[point(1, 9.0)]);
        assert!(findings.exact());
        assert_eq!((findings.expected, findings.repeats), (1, 1));
    }
}
