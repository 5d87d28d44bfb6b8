//! Whatever arrives: decoding ends, with sound fixes or a refusal.

use super::sound::{NOW, sound};
use proptest::prelude::*;
use sentinel_server::ingest::decode::{Format, Incoming};
use serde_json::{Value, json};

/// A value that a device may send where another belongs.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-200.0..200.0).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "-?[0-9]{1,12}(\\.[0-9]{1,6})?".prop_map(Value::from),
        "20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](Z|[+-][0-9]{4})?"
            .prop_map(Value::from),
        Just(json!("sos")),
        Just(json!("location")),
        Just(json!("Feature")),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Names that formats know, and others.
fn name() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "location",
        "locations",
        "coords",
        "latitude",
        "longitude",
        "lat",
        "lon",
        "timestamp",
        "time",
        "tst",
        "speed",
        "vel",
        "heading",
        "accuracy",
        "altitude",
        "battery",
        "level",
        "batt",
        "uuid",
        "event",
        "alarm",
        "extras",
        "sample",
        "device_id",
        "unit_id",
        "_type",
        "type",
        "geometry",
        "coordinates",
        "properties",
        "current",
        "geofence",
        "identifier",
        "action",
        "desc",
        "topic",
        "s",
        "spd",
        "id",
        "_",
    ];
    prop_oneof![4 => prop::sample::select(KNOWN).prop_map(String::from), 1 => "\\PC{0,8}"]
}

fn good(n: usize) -> Value {
    json!({"timestamp": NOW.plus_ms(n as i64 * 1000), "coords": {"latitude": 9.9, "longitude": 76.2}})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_end_somewhere(body in prop::collection::vec(any::<u8>(), 0..400), query in "\\PC{0,60}") {
        sound(&Incoming { body: &body, query: &query, ..Incoming::default() });
    }

    #[test]
    fn json_near_the_shapes_ends_somewhere(body in value(), agent in "(Overland/1|Owntracks-Android|)") {
        let body = body.to_string();
        sound(&Incoming { body: body.as_bytes(), user_agent: &agent, ..Incoming::default() });
    }

    #[test]
    fn arbitrary_parameters_end_somewhere(pairs in prop::collection::vec((name(), value()), 0..12), in_body in any::<bool>()) {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), Into::into);
        let query: String =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs.iter().map(|(name, value)| (name, text(value)))).finish();
        let (query, body) = if in_body { ("", query.as_str()) } else { (query.as_str(), "") };
        sound(&Incoming { body: body.as_bytes(), query, ..Incoming::default() });
    }

    #[test]
    fn every_good_point_of_a_mixed_body_is_kept(items in prop::collection::vec(prop::option::of(value()), 1..20), root in 0..3) {
        let points: Vec<Value> =
            items.iter().enumerate().map(|(n, bad)| bad.clone().unwrap_or_else(|| good(n))).collect();
        let body = match root {
            0 => json!(points),
            1 => json!({"location": points}),
            _ => json!({"device_id": "d", "locations": points}),
        };
        // One of the strangers may make a whole body another's.
        prop_assume!(!body.to_string().contains("\"_type\"") && !body.to_string().contains("Feature"));
        let body = body.to_string();
        let posted = sound(&Incoming { body: body.as_bytes(), ..Incoming::default() }).expect("a known format");
        for n in items.iter().enumerate().filter(|(_, bad)| bad.is_none()).map(|(n, _)| n) {
            let time = NOW.plus_ms(n as i64 * 1000);
            prop_assert!(posted.fixes.iter().any(|fix| fix.time == time && fix.latitude == 9.9), "{n} of {body}");
        }
    }

    #[test]
    fn every_good_feature_of_a_mixed_batch_is_kept(items in prop::collection::vec(prop::option::of(value()), 1..20)) {
        let feature = |n: usize| json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": [76.2, 9.9]},
            "properties": {"timestamp": NOW.plus_ms(n as i64 * 1000)}});
        let points: Vec<Value> =
            items.iter().enumerate().map(|(n, bad)| bad.clone().unwrap_or_else(|| feature(n))).collect();
        let body = json!({"locations": points}).to_string();
        prop_assume!(items.iter().any(Option::is_none));
        let posted = sound(&Incoming { body: body.as_bytes(), ..Incoming::default() }).expect("a known format");
        let good = items.iter().filter(|bad| bad.is_none()).count();
        prop_assert!(posted.fixes.len() >= good, "{body}");
    }
}

#[test]
fn every_body_of_the_kept_corpus_is_of_the_format_that_its_name_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus") {
        let path = entry.expect("a file").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let bytes = std::fs::read(&path).expect("reads");
        let text = String::from_utf8_lossy(&bytes);
        let incoming = match name.ends_with(".query") {
            true => Incoming { query: text.trim_end(), ..Incoming::default() },
            false => Incoming { body: &bytes, ..Incoming::default() },
        };
        let format = match name.split(['-', '.']).next() {
            Some("osmand") => Format::OsmAnd,
            Some("gpslogger") => Format::GpsLogger,
            Some("owntracks") => Format::OwnTracks,
            Some("overland") => Format::Overland,
            _ => Format::Native,
        };
        assert_eq!(sound(&incoming).map(|posted| posted.format), Some(format), "{name}");
        seen += 1;
    }
    assert!(seen >= 15, "only {seen} bodies are kept");
}
