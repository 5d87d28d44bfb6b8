//! Sentinel's native shape and the Transistorsoft background-geolocation shape,
//! which is the same record: nested (`coords`, `battery`), or flat as a template
//! makes it; one record, an array of them, under `location` or `locations` beside
//! params, or bare at the root.

use super::{DecodeError, Named, POINTS_MAX, Posted, RawPoint, leaf::Leaf};
use sentinel_model::{Time, fix::RejectedPoint};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess},
};
use serde_json::value::RawValue;
use std::fmt;

pub fn decode(
    body: &[u8],
    received_at: Time,
    time_unless_given: Option<Time>,
) -> Result<Posted, DecodeError> {
    let root: Root = serde_json::from_slice(body).map_err(|e| DecodeError::NotJson(e.to_string()))?;
    let records = match root.records {
        Records::None => return Err(DecodeError::Unknown),
        Records::Some(records) => records,
    };
    if records.len() > POINTS_MAX {
        return Err(DecodeError::TooMany(records.len()));
    }
    let mut posted = Posted { named: root.named, ..Posted::default() };
    posted.fixes.reserve(records.len());
    for (index, mut record) in records.into_iter().enumerate() {
        record.point.time = record.point.time.or(time_unless_given.map(Ok));
        if record.sample {
            posted.samples += 1;
            continue;
        }
        let point =
            if record.is_object { record.point.check(received_at) } else { Err("this is no object".into()) };
        match point {
            Ok(fix) => posted.fixes.push(fix),
            Err(reason) => posted.rejected.push(RejectedPoint { index, reason }),
        }
    }
    Ok(posted)
}

/// The whole body.
#[derive(Default)]
struct Root {
    named: Option<Named>,
    records: Records,
}

#[derive(Default)]
enum Records {
    #[default]
    None,
    Some(Vec<Record>),
}

/// One record of either form; the first value of a name that stands twice counts.
#[derive(Default)]
struct Record {
    is_object: bool,
    /// Something in it says that it is a position at all.
    is_position: bool,
    sample: bool,
    point: RawPoint,
    named: Naming,
}

/// Names by rank: a unit's own id before a device's, before a patrol's.
#[derive(Default)]
struct Naming {
    unit: Option<String>,
    device: Option<String>,
    patrol: Option<String>,
}

impl Naming {
    fn chosen(self) -> Option<Named> {
        self.unit.or(self.device).map(Named::Unit).or(self.patrol.map(Named::Patrol))
    }
}

impl<'de> Deserialize<'de> for Root {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Root;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or an array of positions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Root, A::Error> {
                let records = read_records(seq)?;
                Ok(Root { named: None, records: Records::Some(records) })
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Root, A::Error> {
                let mut nested = None;
                let mut bare = Record { is_object: true, ..Record::default() };
                while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    match &*name {
                        "location" | "locations" if nested.is_none() => {
                            let OneOrMany(records) = map.next_value()?;
                            nested = Some(records);
                        }
                        _ => bare.take(&name, &mut map)?,
                    }
                }
                let named = std::mem::take(&mut bare.named).chosen();
                let records = match nested {
                    Some(records) => Records::Some(records),
                    None if bare.is_position => Records::Some(vec![bare]),
                    None => Records::None,
                };
                Ok(Root { named, records })
            }
        }
        d.deserialize_any(Visitor)
    }
}

struct OneOrMany(Vec<Record>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a position or an array of positions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<OneOrMany, A::Error> {
                read_records(seq).map(OneOrMany)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMany, A::Error> {
                read_record(map).map(|record| OneOrMany(vec![record]))
            }
            fn visit_unit<E>(self) -> Result<OneOrMany, E> {
                Ok(OneOrMany(Vec::new()))
            }
        }
        d.deserialize_any(Visitor)
    }
}

fn read_records<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Vec<Record>, A::Error> {
    let mut records = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(128));
    while let Some(record) = seq.next_element::<Record>()? {
        records.push(record);
    }
    Ok(records)
}

fn read_record<'de, A: MapAccess<'de>>(mut map: A) -> Result<Record, A::Error> {
    let mut record = Record { is_object: true, ..Record::default() };
    while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
        record.take(&name, &mut map)?;
    }
    Ok(record)
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Record;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a position")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Record, A::Error> {
                read_record(map)
            }
            // Anything else in a batch is set aside, not the batch's end.
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Record, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Record::default())
            }
            fn visit_unit<E>(self) -> Result<Record, E> {
                Ok(Record::default())
            }
            fn visit_bool<E>(self, _: bool) -> Result<Record, E> {
                Ok(Record::default())
            }
            fn visit_i64<E>(self, _: i64) -> Result<Record, E> {
                Ok(Record::default())
            }
            fn visit_u64<E>(self, _: u64) -> Result<Record, E> {
                Ok(Record::default())
            }
            fn visit_f64<E>(self, _: f64) -> Result<Record, E> {
                Ok(Record::default())
            }
            fn visit_str<E>(self, _: &str) -> Result<Record, E> {
                Ok(Record::default())
            }
        }
        d.deserialize_any(Visitor)
    }
}

impl Record {
    /// Takes one member of the record.
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let point = &mut self.point;
        match name {
            "coords" => {
                self.is_position = true;
                let Coords(coords) = map.next_value()?;
                for (name, leaf) in coords {
                    point.take_coordinate(name, &leaf);
                }
            }
            "latitude" | "longitude" | "lat" | "lng" | "lon" | "speed" | "heading" | "accuracy"
            | "altitude" => {
                let leaf: Leaf = map.next_value()?;
                if let Some(name) = Coordinate::named(name) {
                    self.is_position |= matches!(name, Coordinate::Latitude | Coordinate::Longitude);
                    point.take_coordinate(name, &leaf);
                }
            }
            "timestamp" | "time" => {
                let leaf: Leaf = map.next_value()?;
                if !leaf.is_absent() && point.time.is_none() {
                    point.time = Some(time_of(leaf));
                }
            }
            "battery" => {
                let Battery(level) = map.next_value()?;
                point.battery = point.battery.or(level);
            }
            "battery.level" | "battery_level" => {
                let leaf: Leaf = map.next_value()?;
                point.battery = point.battery.or(leaf.number());
            }
            "uuid" => point.uuid = point.uuid.take().or(map.next_value::<Leaf>()?.text()),
            "event" => point.event = point.event.take().or(map.next_value::<Leaf>()?.text()),
            "extras" => {
                let extras: Box<RawValue> = map.next_value()?;
                if !matches!(extras.get(), "null" | "{}" | "[]") {
                    point.extras = Some(extras.get().to_owned());
                }
            }
            "sample" => self.sample = map.next_value::<Leaf>()?.is_true(),
            "unit_id" => self.named.unit = map.next_value::<Leaf>()?.text(),
            "device_id" => self.named.device = map.next_value::<Leaf>()?.text(),
            "patrol_id" => self.named.patrol = map.next_value::<Leaf>()?.text(),
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coordinate {
    Latitude,
    Longitude,
    Speed,
    Heading,
    Accuracy,
    Altitude,
}

impl Coordinate {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "latitude" | "lat" => Self::Latitude,
            "longitude" | "lng" | "lon" => Self::Longitude,
            "speed" => Self::Speed,
            "heading" => Self::Heading,
            "accuracy" => Self::Accuracy,
            "altitude" => Self::Altitude,
            _ => return None,
        })
    }
}

impl RawPoint {
    fn take_coordinate(&mut self, name: Coordinate, leaf: &Leaf) {
        let slot = match name {
            Coordinate::Latitude => &mut self.latitude,
            Coordinate::Longitude => &mut self.longitude,
            Coordinate::Speed => &mut self.speed_mps,
            Coordinate::Heading => &mut self.heading_deg,
            Coordinate::Accuracy => &mut self.accuracy_m,
            Coordinate::Altitude => &mut self.altitude_m,
        };
        *slot = slot.or(leaf.number());
    }
}

/// The members of `coords` that we know.
struct Coords(Vec<(Coordinate, Leaf)>);

impl<'de> Deserialize<'de> for Coords {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Coords;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("coordinates")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Coords, A::Error> {
                let mut coords = Vec::with_capacity(6);
                while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    match Coordinate::named(&name) {
                        Some(name) => coords.push((name, map.next_value()?)),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Coords(coords))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Coords, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Coords(Vec::new()))
            }
            fn visit_unit<E>(self) -> Result<Coords, E> {
                Ok(Coords(Vec::new()))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Coords, E> {
                Ok(Coords(Vec::new()))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Coords, E> {
                Ok(Coords(Vec::new()))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Coords, E> {
                Ok(Coords(Vec::new()))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Coords, E> {
                Ok(Coords(Vec::new()))
            }
            fn visit_str<E>(self, _: &str) -> Result<Coords, E> {
                Ok(Coords(Vec::new()))
            }
        }
        d.deserialize_any(Visitor)
    }
}

/// `{"level": 0.9, …}`, or the level itself.
struct Battery(Option<f64>);

impl<'de> Deserialize<'de> for Battery {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Level {
            #[serde(default)]
            level: Leaf,
        }
        let raw: &RawValue = Deserialize::deserialize(d)?;
        let level = match serde_json::from_str::<Level>(raw.get()) {
            Ok(battery) => battery.level.number(),
            Err(_) => serde_json::from_str::<Leaf>(raw.get()).ok().and_then(|leaf| leaf.number()),
        };
        Ok(Battery(level))
    }
}

/// ISO 8601, or seconds or milliseconds since 1970.
fn time_of(leaf: Leaf) -> Result<Time, String> {
    /// Numbers from here on are milliseconds: as seconds it would be the year 5138.
    const MS_FROM: f64 = 1e11;
    if let Some(number) = leaf.number() {
        let ms = if number >= MS_FROM { number } else { number * 1000.0 };
        #[expect(clippy::cast_possible_truncation, reason = "checked to be within the years 1970 to 9999")]
        return if (0.0..=253_402_300_799_999.0).contains(&ms) {
            Ok(Time(ms.round() as i64))
        } else {
            Err(format!("timestamp {number} is outside the years 1970 to 9999"))
        };
    }
    match leaf {
        Leaf::Text(text) => Time::parse(&text).map_err(|e| format!("timestamp {e}")),
        _ => Err("timestamp is not a time".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_795_226_400_000);

    fn read(body: &str) -> Posted {
        decode(body.as_bytes(), NOW, None).expect("a known format")
    }

    const RECORD: &str = r#"{"timestamp":"2026-11-21T02:00:00.500Z","coords":{"latitude":9.93,"longitude":76.26,"speed":8.2,
        "heading":120,"accuracy":5,"altitude":-3},"battery":{"level":0.9,"is_charging":false},"uuid":"u-1","event":"motionchange",
        "is_moving":true,"odometer":12.5,"activity":{"type":"in_vehicle","confidence":90},"extras":{"shift":"night"}}"#;

    #[test]
    fn one_location_beside_its_params() {
        let posted = read(&format!(r#"{{"patrol_id":"7","patrol_status":"active","location":{RECORD}}}"#));
        assert_eq!(posted.named, Some(Named::Patrol("7".into())));
        let [fix] = &posted.fixes[..] else { panic!("one fix") };
        assert_eq!(fix.time, Time::parse("2026-11-21T02:00:00.500Z").expect("a time"));
        assert_eq!((fix.latitude, fix.longitude), (9.93, 76.26));
        assert_eq!((fix.speed_mps, fix.heading_deg, fix.accuracy_m), (Some(8.2), Some(120.0), Some(5.0)));
        assert_eq!((fix.altitude_m, fix.battery), (Some(-3.0), Some(0.9)));
        assert_eq!((fix.uuid.as_deref(), fix.event.as_deref()), (Some("u-1"), Some("motionchange")));
        assert_eq!(fix.extras.as_deref(), Some(r#"{"shift":"night"}"#));
        assert_eq!(fix.received_at, NOW);
    }

    #[test]
    fn an_array_under_location_or_locations_and_bare_roots() {
        let second = RECORD.replace("00.500Z", "01.500Z");
        for body in [
            format!(r#"{{"location":[{RECORD},{second}],"unit_id":"PC-001"}}"#),
            format!(r#"{{"locations":[{RECORD},{second}],"unit_id":"PC-001"}}"#),
            format!("[{RECORD},{second}]"),
        ] {
            let posted = read(&body);
            assert_eq!((posted.fixes.len(), posted.rejected.len()), (2, 0), "{body}");
        }
        assert_eq!(read(RECORD).fixes.len(), 1);
        assert_eq!(read("[]").fixes.len(), 0);
    }

    #[test]
    fn a_flat_template() {
        let posted = read(
            r#"{"location":{"latitude":9.9,"longitude":"76.2","timestamp":1795226400,"speed":-1,"heading":-1,
               "accuracy":-1,"altitude":2,"uuid":"f","battery.level":0.4,"event":""}}"#,
        );
        let [fix] = &posted.fixes[..] else { panic!("one fix: {posted:?}") };
        assert_eq!((fix.speed_mps, fix.heading_deg, fix.accuracy_m), (None, None, None), "-1 means unknown");
        assert_eq!((fix.longitude, fix.battery, fix.event.as_deref()), (76.2, Some(0.4), None));
        assert_eq!(fix.time, Time::from_secs(1_795_226_400));
    }

    #[test]
    fn bad_points_are_set_aside_with_their_reason_and_good_ones_kept() {
        let bad = [
            r#"{"timestamp":"2026-11-21T02:00:00Z","coords":{"latitude":91,"longitude":76}}"#,
            r#"{"timestamp":"2026-11-21T02:00:00Z","coords":{"latitude":9,"longitude":-180.5}}"#,
            r#"{"timestamp":"yesterday","coords":{"latitude":9,"longitude":76}}"#,
            r#"{"coords":{"latitude":9,"longitude":76}}"#,
            r#"{"timestamp":"2026-11-21T02:00:00Z"}"#,
            r#"{"timestamp":"2026-11-21T02:00:00Z","coords":{"latitude":"north","longitude":[1]}}"#,
            r#"{"timestamp":{"a":1},"coords":[1,2]}"#,
            "null",
            "17",
            "\"x\"",
            "[]",
            "true",
        ];
        let posted = read(&format!(r#"{{"location":[{},{RECORD}]}}"#, bad.join(",")));
        assert_eq!(posted.fixes.len(), 1);
        assert_eq!(posted.rejected.len(), bad.len());
        assert_eq!(posted.rejected[0].reason, "latitude 91 is outside -90..90");
        assert!(posted.rejected[2].reason.contains("yesterday"));
        assert_eq!(posted.rejected[3].reason, "timestamp is missing");
        assert_eq!(
            posted.rejected.iter().map(|r| r.index).collect::<Vec<_>>(),
            (0..bad.len()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn samples_are_not_kept() {
        let posted = read(&RECORD.replace("\"uuid\"", "\"sample\":true,\"uuid\""));
        assert_eq!((posted.fixes.len(), posted.samples), (0, 1));
    }

    #[test]
    fn what_is_no_known_format_is_refused() {
        assert!(matches!(decode(b"", NOW, None), Err(DecodeError::NotJson(_))));
        assert!(matches!(decode(b"{\"location\":", NOW, None), Err(DecodeError::NotJson(_))));
        assert!(matches!(decode(b"3", NOW, None), Err(DecodeError::NotJson(_))));
        assert_eq!(decode(b"{\"hello\":1}", NOW, None), Err(DecodeError::Unknown));
        let many = format!("[{}]", vec!["{}"; POINTS_MAX + 1].join(","));
        assert_eq!(decode(many.as_bytes(), NOW, None), Err(DecodeError::TooMany(POINTS_MAX + 1)));
    }
}
