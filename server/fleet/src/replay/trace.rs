//! A trace file, read whole and put into order of time.
//!
//! Reading fails at the first row that makes no sense, naming file, line and what is
//! wrong: half a trace replayed by mistake is worse than none. Whether a position is
//! possible is left to the server, which is what a replay tests.

use super::progress::counted;
use anyhow::{Context, anyhow, bail};
use flate2::read::MultiGzDecoder;
use sentinel_model::{Time, UnitId};
use serde_json::{Map, Value};
use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read, Seek},
    path::Path,
};

/// Columns that have a meaning of their own, and what else they are called.
const COLUMNS: [(Column, &[&str]); 9] = [
    (Column::Time, &["time", "timestamp", "datetime", "date"]),
    (Column::Unit, &["unit", "unit_id", "vehicle", "vehicle_id", "device", "device_id", "id"]),
    (Column::Lat, &["lat", "latitude"]),
    (Column::Lon, &["lon", "lng", "long", "longitude"]),
    (Column::Speed, &["speed", "speed_mps"]),
    (Column::Heading, &["heading", "heading_deg", "bearing", "course"]),
    (Column::Accuracy, &["accuracy", "accuracy_m"]),
    (Column::Altitude, &["altitude", "altitude_m", "alt"]),
    (Column::Battery, &["battery"]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Time,
    Unit,
    Lat,
    Lon,
    Speed,
    Heading,
    Accuracy,
    Altitude,
    Battery,
}

pub struct Trace {
    pub units: Vec<UnitId>,
    /// In order of time; rows of one instant as they stand in the file.
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// As recorded; says when the row is due.
    pub recorded: Time,
    /// What the post says; differs with `--shift-to-now`.
    pub device: Time,
    /// Index into the trace's units.
    pub unit: usize,
    pub lat: f64,
    pub lon: f64,
    /// Speed, heading, accuracy and the like, where the trace has any.
    pub more: Option<Box<More>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct More {
    pub speed: Option<f64>,
    pub heading: Option<f64>,
    pub accuracy: Option<f64>,
    pub altitude: Option<f64>,
    pub battery: Option<f64>,
    pub extras: Map<String, Value>,
}

impl Trace {
    /// Leaves out what lies before `from`, or at or after `until`.
    pub fn keep(&mut self, from: Option<Time>, until: Option<Time>) {
        self.rows
            .retain(|row| from.is_none_or(|t| row.recorded >= t) && until.is_none_or(|t| row.recorded < t));
    }

    /// The units that have rows left.
    pub fn used_units(&self) -> Vec<usize> {
        let mut used = vec![false; self.units.len()];
        self.rows.iter().for_each(|row| used[row.unit] = true);
        (0..self.units.len()).filter(|i| used[*i]).collect()
    }

    pub fn describe(&self) -> String {
        let (first, last) = match (self.rows.first(), self.rows.last()) {
            (Some(first), Some(last)) => (first.recorded, last.recorded),
            _ => return "an empty trace".into(),
        };
        format!(
            "{} of {}, recorded {first} to {last}",
            counted(self.rows.len(), "fix", "fixes"),
            counted(self.used_units().len(), "unit", "units")
        )
    }
}

pub fn read(path: &Path, prefix: &str) -> anyhow::Result<Trace> {
    let cannot = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(cannot)?;
    let mut magic = [0; 2];
    let gzipped = file.read(&mut magic).with_context(cannot)? == 2 && magic == [0x1f, 0x8b];
    file.rewind().with_context(cannot)?;
    let file = BufReader::new(file);
    let text: Box<dyn Read> = if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    parse(text, prefix).with_context(|| path.display().to_string())
}

fn parse(text: impl Read, prefix: &str) -> anyhow::Result<Trace> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let header = Header::of(reader.headers().context("the header, line 1")?)?;
    let mut names: HashMap<String, usize> = HashMap::new();
    let mut trace = Trace { units: Vec::new(), rows: Vec::new() };
    let mut record = csv::StringRecord::new();
    loop {
        // where the next row begins, for messages
        let line = reader.position().line();
        if !reader.read_record(&mut record).with_context(|| format!("line {line}"))? {
            break;
        }
        let line = record.position().map_or(line, csv::Position::line);
        let row = header.row(&record, |name| match names.get(name) {
            Some(unit) => Ok(*unit),
            None => {
                let id = format!("{prefix}{name}").parse()?;
                trace.units.push(id);
                names.insert(name.to_string(), trace.units.len() - 1);
                Ok(trace.units.len() - 1)
            }
        });
        trace.rows.push(row.with_context(|| format!("line {line}"))?);
    }
    trace.rows.sort_by_key(|row| row.recorded);
    Ok(trace)
}

/// Which field is what.
struct Header {
    known: Vec<(Column, usize, String)>,
    extras: Vec<(usize, String)>,
}

impl Header {
    fn of(names: &csv::StringRecord) -> anyhow::Result<Self> {
        let mut header = Self { known: Vec::new(), extras: Vec::new() };
        for (field, name) in names.iter().enumerate() {
            let name = name.trim_start_matches('\u{feff}');
            let lower = name.to_ascii_lowercase();
            let column = COLUMNS.iter().find(|(_, called)| called.contains(&lower.as_str())).map(|(c, _)| *c);
            match column {
                Some(column) if header.field(column).is_none() => {
                    header.known.push((column, field, name.into()))
                }
                _ => header.extras.push((field, name.into())),
            }
        }
        for (column, called) in &COLUMNS[..4] {
            if header.field(*column).is_none() {
                bail!(
                    "line 1: there is no column {:?}; the header is {:?}",
                    called[0],
                    names.iter().collect::<Vec<_>>().join(",")
                );
            }
        }
        Ok(header)
    }

    fn field(&self, column: Column) -> Option<(usize, &str)> {
        self.known.iter().find(|(c, _, _)| *c == column).map(|(_, field, name)| (*field, name.as_str()))
    }

    fn text<'r>(&self, record: &'r csv::StringRecord, column: Column) -> Option<&'r str> {
        let (field, _) = self.field(column)?;
        record.get(field).filter(|text| !text.is_empty())
    }

    fn number(&self, record: &csv::StringRecord, column: Column) -> anyhow::Result<Option<f64>> {
        let name = self.field(column).map_or("", |(_, name)| name);
        self.text(record, column)
            .map(|text| text.parse().map_err(|_| anyhow!("{name} {text:?} is not a number")))
            .transpose()
    }

    fn row(
        &self,
        record: &csv::StringRecord,
        mut unit: impl FnMut(&str) -> anyhow::Result<usize>,
    ) -> anyhow::Result<Row> {
        let needed = |column, what: &str| self.text(record, column).ok_or_else(|| anyhow!("{what} is empty"));
        let recorded = time(needed(Column::Time, "time")?)?;
        let name = needed(Column::Unit, "unit")?;
        let unit = unit(name).with_context(|| format!("unit {name:?}"))?;
        let lat = self.number(record, Column::Lat)?.context("lat is empty")?;
        let lon = self.number(record, Column::Lon)?.context("lon is empty")?;
        let more = More {
            speed: self.number(record, Column::Speed)?,
            heading: self.number(record, Column::Heading)?,
            accuracy: self.number(record, Column::Accuracy)?,
            altitude: self.number(record, Column::Altitude)?,
            battery: self.number(record, Column::Battery)?,
            extras: self
                .extras
                .iter()
                .filter_map(|(field, name)| Some((name.clone(), value(record.get(*field)?)?)))
                .collect(),
        };
        let more = (more != More::default()).then(|| Box::new(more));
        Ok(Row { recorded, device: recorded, unit, lat, lon, more })
    }
}

/// ISO 8601, or seconds or milliseconds since 1970.
fn time(text: &str) -> anyhow::Result<Time> {
    /// Seconds reach this number in the year 5138, milliseconds passed it in 1973.
    const SECONDS_END: i64 = 100_000_000_000;
    if let Ok(number) = text.parse::<i64>() {
        return Ok(if number < SECONDS_END { Time::from_secs(number) } else { Time(number) });
    }
    Time::parse(text).or_else(|error| {
        // "2026-11-21 02:00:00" is what many tools write
        text.split_once(' ')
            .and_then(|(day, hour)| Time::parse(&format!("{day}T{hour}")).ok())
            .ok_or_else(|| error.into())
    })
}

/// A number where it is one, else text; nothing where the field is empty.
fn value(text: &str) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    let number = serde_json::from_str::<serde_json::Number>(text).ok();
    Some(number.map_or_else(|| Value::String(text.to_string()), Value::Number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn parsed(text: &str) -> Trace {
        parse(text.as_bytes(), "").expect("a good trace")
    }

    fn refused(text: &str) -> String {
        let error = parse(text.as_bytes(), "").err().expect("a bad trace");
        format!("{error:#}")
    }

    #[test]
    fn a_trace_is_read_with_its_extra_columns() {
        let trace = parsed(
            "time,unit,lat,lon,occupied,note\n2008-05-18T00:00:00Z,eadectio,37.74356,-122.4012,0,\n1211068801,b,1,2,1,hello\n",
        );
        assert_eq!(trace.units.iter().map(UnitId::as_str).collect::<Vec<_>>(), ["eadectio", "b"]);
        let row = &trace.rows[0];
        assert_eq!(
            (row.recorded.to_string().as_str(), row.lat, row.lon),
            ("2008-05-18T00:00:00.000Z", 37.74356, -122.4012)
        );
        let extras = &row.more.as_ref().expect("extras").extras;
        assert_eq!(serde_json::to_string(extras).expect("JSON"), r#"{"occupied":0}"#);
        assert_eq!(trace.rows[1].recorded, Time::from_secs(1_211_068_801));
        assert_eq!(trace.rows[1].more.as_ref().expect("extras").extras["note"], "hello");
    }

    #[test]
    fn known_columns_are_known_by_their_usual_names_in_any_order() {
        let trace = parsed(
            "Longitude,Latitude,vehicle_id,timestamp,speed,bearing\n76.3,9.9,a,2026-11-21 02:00:00,5,90\n",
        );
        let row = &trace.rows[0];
        assert_eq!((row.lat, row.lon), (9.9, 76.3));
        let more = row.more.as_ref().expect("more");
        assert_eq!((more.speed, more.heading, more.extras.len()), (Some(5.0), Some(90.0), 0));
    }

    #[test]
    fn rows_are_put_into_order_of_time_and_keep_the_file_s_order_within_an_instant() {
        let trace = parsed("time,unit,lat,lon\n20,a,1,1\n10,a,2,2\n20,a,3,3\n");
        assert_eq!(trace.rows.iter().map(|r| r.lat).collect::<Vec<_>>(), [2.0, 1.0, 3.0]);
    }

    #[test]
    fn a_range_of_times_can_be_kept() {
        let mut trace = parsed("time,unit,lat,lon\n10,a,1,1\n20,b,2,2\n30,a,3,3\n");
        trace.keep(Some(Time::from_secs(20)), Some(Time::from_secs(30)));
        assert_eq!((trace.rows.len(), trace.used_units()), (1, vec![1]));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        assert_eq!(
            refused("time,unit,lat\n1,a,2\n"),
            r#"line 1: there is no column "lon"; the header is "time,unit,lat""#
        );
        assert_eq!(
            refused("time,unit,lat,lon\n1,a,2,3\n2,a,north,3\n"),
            r#"line 3: lat "north" is not a number"#
        );
        assert_eq!(refused("time,unit,lat,lon\n1,a,,3\n"), "line 2: lat is empty");
        assert!(
            refused("time,unit,lat,lon\nyesterday,a,2,3\n")
                .starts_with(r#"line 2: "yesterday" is not a time"#)
        );
        assert!(
            refused("time,unit,lat,lon\n1,a b,2,3\n").starts_with(r#"line 2: unit "a b": an id is made of"#)
        );
        assert!(refused("time,unit,lat,lon\n1,a,2\n").starts_with("line 2: CSV error"));
    }

    #[test]
    fn a_file_may_be_gzipped_whatever_it_is_called() {
        let path = std::env::temp_dir().join(format!("sentinel-trace-{}.csv", std::process::id()));
        let mut gz =
            flate2::write::GzEncoder::new(File::create(&path).expect("a file"), flate2::Compression::fast());
        gz.write_all(b"time,unit,lat,lon\n1,a,2,3\n").expect("written");
        gz.finish().expect("written");
        let trace = read(&path, "SF-");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(trace.expect("a good trace").units[0].as_str(), "SF-a");
        let missing = read(&path, "").err().map(|e| format!("{e:#}")).expect("no such file");
        assert!(missing.starts_with("cannot read ") && missing.contains("sentinel-trace-"), "{missing}");
    }
}
