//! Sentinel's native shape and the Transistorsoft background-geolocation shape,
//! which is the same record: nested (`coords`, `battery`), or flat as a template
//! makes it; one record, an array of them, under `location` or `locations` beside
//! params, or bare at the root.
//!
//! A body is read at once; where something in it does not read as JSON should (a
//! number out of range, half a character, bytes that are no UTF-8), it is read again,
//! each record apart, so that only what is broken is set aside.

use super::{
    DecodeError, POINTS_MAX, Posted,
    naming::Naming,
    record::{Members, Record, read_record, read_records, says_position},
};
use sentinel_model::{Time, fix::RejectedPoint};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess},
};
use serde_json::value::RawValue;
use std::fmt;

pub fn decode(
    body: &[u8],
    received_at: Time,
    time_unless_given: Option<Time>,
) -> Result<Posted, DecodeError> {
    match serde_json::from_slice::<Root<'_>>(body) {
        Ok(root) => posted(root, received_at, time_unless_given),
        Err(error) => {
            let text = String::from_utf8_lossy(body);
            let root = read_apart(&text).ok_or_else(|| DecodeError::NotJson(error.to_string()))?;
            posted(root, received_at, time_unless_given)
        }
    }
}

fn posted(root: Root<'_>, received_at: Time, time_unless_given: Option<Time>) -> Result<Posted, DecodeError> {
    let records = root.records.ok_or(DecodeError::Unknown)?;
    if records.len() > POINTS_MAX {
        return Err(DecodeError::TooMany(records.len()));
    }
    let named = root.naming.chosen();
    let each_names = named.is_none() && records.iter().any(|record| !record.naming.is_empty());
    let mut posted = Posted { named, by_record: each_names.then(Vec::new), ..Posted::default() };
    posted.fixes.reserve(records.len());
    for (index, mut record) in records.into_iter().enumerate() {
        if record.sample {
            continue;
        }
        let named = each_names.then(|| std::mem::take(&mut record.naming).chosen()).flatten();
        let fault = record.fault.take();
        let mut point = record.into_point();
        point.time = point.time.or(time_unless_given.map(Ok));
        let call = point.call(index, named.clone(), received_at);
        match fault.map_or_else(|| point.check(received_at), |fault| Err(fault.into_owned())) {
            Ok(fix) => {
                posted.fixes.push(fix);
                if let Some(by_record) = &mut posted.by_record {
                    by_record.push((index, named));
                }
            }
            Err(reason) => {
                posted.rejected.push(RejectedPoint { index, reason });
                posted.calls.extend(call);
            }
        }
    }
    Ok(posted)
}

/// The whole body.
#[derive(Default)]
struct Root<'a> {
    naming: Naming,
    /// None where nothing in it says that it holds positions.
    records: Option<Vec<Record<'a>>>,
}

impl<'de> Deserialize<'de> for Root<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Root<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or an array of positions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Root<'de>, A::Error> {
                Ok(Root { naming: Naming::default(), records: Some(read_records(seq)?) })
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Root<'de>, A::Error> {
                let mut nested = None;
                let mut bare = Record::default();
                while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    match &*name {
                        "location" | "locations" if nested.is_none() => {
                            let OneOrMany(records) = map.next_value()?;
                            nested = Some(records);
                        }
                        _ => bare.take(&name, &mut map)?,
                    }
                }
                let naming = std::mem::take(&mut bare.naming);
                let records = nested.or_else(|| bare.is_position.then(|| vec![bare]));
                Ok(Root { naming, records })
            }
        }
        d.deserialize_any(Visitor)
    }
}

struct OneOrMany<'a>(Vec<Record<'a>>);

impl<'de> Deserialize<'de> for OneOrMany<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = OneOrMany<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a position or an array of positions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<OneOrMany<'de>, A::Error> {
                read_records(seq).map(OneOrMany)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMany<'de>, A::Error> {
                read_record(map).map(|record| OneOrMany(vec![record]))
            }
            fn visit_unit<E>(self) -> Result<OneOrMany<'de>, E> {
                Ok(OneOrMany(Vec::new()))
            }
        }
        d.deserialize_any(Visitor)
    }
}

/// The careful way: what holds the records is read first, and each of them by itself.
/// None where not even that much is JSON.
fn read_apart(text: &str) -> Option<Root<'_>> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if let Some(records) = each_apart(text) {
        return Some(Root { naming: Naming::default(), records: Some(records) });
    }
    let members: Members<'_> = serde_json::from_str(text).ok()?;
    let records = match members.get("location").or_else(|| members.get("locations")) {
        Some(nested) if nested.get() == "null" => Some(Vec::new()),
        Some(nested) => Some(each_apart(nested.get()).unwrap_or_else(|| vec![Record::apart(nested.get())])),
        None => members.keys().any(|name| says_position(name)).then(|| vec![Record::apart(text)]),
    };
    Some(Root { naming: Naming::among(&members), records })
}

fn each_apart(text: &str) -> Option<Vec<Record<'_>>> {
    let records: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(records.into_iter().map(|record| Record::apart(record.get())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::decode::Named;

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
        let extras = r#"{"shift":"night","battery.is_charging":false,"is_moving":true,"odometer":12.5,"activity":{"type":"in_vehicle","confidence":90}}"#;
        assert_eq!(fix.extras.as_deref(), Some(extras), "what has no column is kept beside the own extras");
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
        assert_eq!((posted.fixes.len(), posted.rejected.len()), (0, 0));
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

    /// A batch whose second record is `bad`, with a good one before and after.
    fn around(bad: &str) -> Vec<u8> {
        let third = RECORD.replace("00.500Z", "02.500Z");
        format!(r#"{{"unit_id":"PC-001","location":[{RECORD},{bad},{third}]}}"#).into_bytes()
    }

    #[track_caller]
    fn second_alone_is_set_aside(body: &[u8], says: &str) {
        let posted = decode(body, NOW, None).expect("a known format");
        assert_eq!((posted.fixes.len(), posted.rejected.len()), (2, 1), "{posted:?}");
        assert_eq!(posted.named, Some(Named::Unit("PC-001".into())));
        let RejectedPoint { index, reason } = &posted.rejected[0];
        assert!(*index == 1 && reason.contains(says), "{reason}");
    }

    #[test]
    fn a_number_out_of_range_sets_its_point_aside_alone() {
        second_alone_is_set_aside(&around(&RECORD.replace("8.2", "1e999")), "number out of range");
        let bare = decode(RECORD.replace("8.2", "1e999").as_bytes(), NOW, None).expect("a known format");
        assert_eq!((bare.fixes.len(), bare.rejected.len()), (0, 1));
    }

    #[test]
    fn half_a_character_sets_its_point_aside_alone() {
        second_alone_is_set_aside(&around(&RECORD.replace("motionchange", r"\ud83d")), "does not read");
        let beside = format!(
            r#"{{"patrol_status":"\ud83d","patrol_id":"\ud83d","device_id":"d","location":{RECORD}}}"#
        );
        let posted = read(&beside);
        assert_eq!((posted.fixes.len(), posted.named), (1, Some(Named::Device(vec!["d".into()]))));
    }

    #[test]
    fn bytes_that_are_no_text_spoil_no_point() {
        let mut body = around(&RECORD.replace("motionchange", "#").replace("00.500Z", "01.500Z"));
        let at = body.iter().position(|byte| *byte == b'#').expect("the mark");
        body[at] = 0xff;
        let posted = decode(&body, NOW, None).expect("a known format");
        assert_eq!((posted.fixes.len(), posted.rejected.len()), (3, 0));
        assert_eq!(posted.fixes[1].event.as_deref(), Some("\u{fffd}"));
        let marked = [b"\xef\xbb\xbf", RECORD.as_bytes()].concat();
        assert_eq!(decode(&marked, NOW, None).map(|posted| posted.fixes.len()), Ok(1), "a byte-order mark");
    }

    #[test]
    fn what_is_nested_without_end_spoils_nothing() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for within in ["\"motionchange\"", r#"{"shift":"night"}"#, "0.9", "12.5"] {
            let posted = decode(&around(&RECORD.replace(within, &deep)), NOW, None).expect("a known format");
            assert_eq!((posted.fixes.len(), posted.rejected.len()), (3, 0), "{within}");
        }
    }

    #[test]
    fn a_location_that_is_no_object_is_a_point_set_aside() {
        let posted = read(r#"{"location":7}"#);
        assert_eq!(posted.rejected[0].reason, "this is no object");
    }

    #[test]
    fn a_unit_s_own_id_counts_before_its_patrol_s_and_that_before_a_device_s() {
        let named = |names: &str| read(&format!(r#"{{{names},"location":{RECORD}}}"#)).named;
        let all = r#""device_id":"iPhone14,2","patrol_id":7,"unit_id":"PC-001""#;
        assert_eq!(named(all), Some(Named::Unit("PC-001".into())));
        assert_eq!(named(r#""patrol_id":7,"device_id":"x","unit_id":"""#), Some(Named::Patrol("7".into())));
        assert_eq!(named(r#""device_id":"x""#), Some(Named::Device(vec!["x".into()])));
        assert_eq!(named(r#""device_id":null"#), None);
    }

    #[test]
    fn records_name_their_units_where_the_body_does_not() {
        let of = |unit: &str| RECORD.replacen('{', &format!(r#"{{"unit_id":"{unit}","#), 1);
        let unreadable = of("c").replace("8.2", "1e999");
        let posted = read(&format!("[{},{unreadable},{RECORD},{}]", of("a"), of("b")));
        let unit = |name: &str| Some(Named::Unit(name.into()));
        assert_eq!(posted.by_record, Some(vec![(0, unit("a")), (2, None), (3, unit("b"))]));
        let under = read(&format!(r#"{{"device_id":"d","location":[{}]}}"#, of("a")));
        assert_eq!((under.named, under.by_record), (Some(Named::Device(vec!["d".into()])), None));
        assert_eq!(read(&format!("[{RECORD}]")).by_record, None);
        assert_eq!(read(&format!("[{unreadable}]")).by_record, Some(vec![]), "it names one all the same");
    }

    #[test]
    fn a_number_that_no_sensor_has_is_unknown() {
        let wild = RECORD.replace("8.2", "1e300").replace(":5,", ":4e38,").replace("-3", "-1e39");
        let [fix] = &read(&wild).fixes[..] else { panic!("one fix") };
        assert_eq!((fix.speed_mps, fix.accuracy_m, fix.altitude_m), (None, None, None));
    }
}
