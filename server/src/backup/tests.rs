use super::{
    format::{Header, Line},
    target::as_text,
};
use crate::ports::Change;
use proptest::prelude::*;
use sentinel_model::{Fix, Time, UnitId};

fn unit() -> UnitId {
    "PC-1".parse().expect("a good id")
}

fn read(line: &str) -> Line {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

prop_compose! {
    fn any_fix()(
        times in proptest::array::uniform2(0..sentinel_model::time::LAST_MS),
        latitude in -90.0f64..=90.0,
        longitude in prop_oneof![-180.0f64..=180.0, Just(-0.0), Just(5e-324)],
        numbers in proptest::array::uniform5(proptest::option::of(proptest::num::f32::NORMAL | proptest::num::f32::SUBNORMAL | proptest::num::f32::ZERO)),
        words in proptest::array::uniform3(proptest::option::of("\\PC{0,20}")),
    ) -> Fix {
        let [uuid, event, extras] = words.map(|word| word.map(Into::into));
        let [speed_mps, heading_deg, accuracy_m, altitude_m, battery] = numbers;
        let [time, received_at] = times.map(Time);
        Fix { time, received_at, latitude, longitude, speed_mps, heading_deg, accuracy_m, altitude_m, battery, uuid, event, extras }
    }
}

/// Every number of it, as it lies in memory: -0.0 is another than 0.0.
fn bits(fix: &Fix) -> ([u64; 2], [Option<u32>; 5]) {
    let small = [fix.speed_mps, fix.heading_deg, fix.accuracy_m, fix.altitude_m, fix.battery];
    ([fix.latitude.to_bits(), fix.longitude.to_bits()], small.map(|number| number.map(f32::to_bits)))
}

proptest! {
    #[test]
    fn a_fix_reads_back_bit_for_bit(fix in any_fix()) {
        let text = as_text(&Line::Fix(unit(), fix.clone())).expect("writes");
        prop_assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1, "it is one line");
        let Line::Fix(of, back) = serde_json::from_slice(&text).expect("reads") else { panic!("another line") };
        prop_assert_eq!(of, unit());
        prop_assert_eq!(bits(&back), bits(&fix));
        prop_assert_eq!(back, fix);
    }
}

/// What version 1 wrote is read for ever: a change that this does not survive counts it up.
#[test]
fn what_version_1_wrote_is_read() {
    let Line::SentinelBackup(header) =
        read(r#"{"sentinel_backup":{"version":1,"made_at":"2026-11-21T02:00:00.000Z","by":"0.1.0"}}"#)
    else {
        panic!("no header")
    };
    let made_at = Time::parse("2026-11-21T02:00:00Z").expect("reads");
    assert_eq!(header, Header { version: 1, made_at, by: "0.1.0".into() });
    let records = [
        r#"{"record":{"PutScope":{"scope":"station:5","name":"Pier","parent":"division:2","path":{"district":1,"zone":3,"division":2,"station":5},"site":[9.9666,76.2985]}}}"#,
        r#"{"record":{"PutUnit":{"id":"PC-1","name":"car","kind":"car","homes":[{"from":"1970-01-01T00:00:00.000Z","path":{"district":1,"zone":3,"division":2,"station":5}}],"token_hash":"ab","created_at":"2026-11-21T02:00:00.000Z","patrols_managed":true}}}"#,
        r#"{"record":{"PutUser":{"username":"boss","name":"B","role":"admin","scope":"district:1","disabled":false,"password_hash":"$argon2id$x","credentials_version":3}}}"#,
        r#"{"record":{"PutKey":{"id":"k","name":"n","scope":"zone:3","permissions":["read","manage"],"hash":"cd","created_at":"2026-11-21T02:00:00.000Z","expires_at":null,"revoked":false}}}"#,
        r#"{"record":{"PutSession":{"hash":"ef","username":"boss","credentials_version":3,"expires_at":"2026-11-22T02:00:00.000Z"}}}"#,
        r#"{"record":{"PutPatrol":{"id":"114826546147733","unit_id":"PC-1","station":"station:5","started_at":"2026-11-21T02:00:00.000Z","ended_at":null}}}"#,
    ];
    for record in records {
        let line = read(record);
        assert!(matches!(line, Line::Record(_)));
        assert_eq!(String::from_utf8(as_text(&line).expect("writes")).expect("text").trim_end(), record);
    }
    let Line::Record(Change::PutPatrol(patrol)) = read(records[5]) else { panic!("no patrol") };
    assert_eq!(patrol.id.0, 114_826_546_147_733);
    for line in [
        r#"{"secret":{"name":"jwt","hex":"00"}}"#,
        r#"{"queued":["PC-1",{"time":"2026-11-21T02:00:00.001Z","received_at":"2026-11-21T02:00:00.250Z","latitude":9.5,"longitude":-0.0,"speed_mps":0.1,"heading_deg":null,"accuracy_m":null,"altitude_m":null,"battery":null,"uuid":"u","event":null,"extras":"{\"a\":1}"}]}"#,
        r#"{"dead":{"was":"7-1","tries":5,"error":"odd","at":"2026-11-21T02:00:00.000Z","bytes":"eA==","fixes":null}}"#,
        r#"{"end":{"counts":{"secrets":1,"records":2,"queued":3,"dead":4,"fixes":5,"deliveries":6},"sha256":"00"}}"#,
    ] {
        assert_eq!(String::from_utf8(as_text(&read(line)).expect("writes")).expect("text").trim_end(), line);
    }
}

/// The same of what version 3 added.
#[test]
fn what_version_3_wrote_is_read() {
    let line = r#"{"record":{"PutAlert":{"alert":{"id":"a1","kind":"sos","unit_id":"PC-1","unit_name":"car","patrol_id":"7","station":"station:5","at":"2026-11-21T02:00:00.000Z","time":"2026-11-21T01:00:00.000Z","place":{"latitude":9.5,"longitude":-0.0,"time":"2026-11-21T00:00:00.000Z"},"fence":null,"acknowledged":{"at":"2026-11-21T02:00:05.000Z","by":"user:boss","name":"B","note":"on it"}},"path":{"district":1,"zone":3,"division":2,"station":5}}}}"#;
    let now = line.replacen(r#""note":"on it"}"#, r#""note":"on it"},"fence_id":null,"escalated":[]"#, 1);
    assert_eq!(String::from_utf8(as_text(&read(line)).expect("writes")).expect("text").trim_end(), now);
}

/// The same of what version 5 added.
#[test]
fn what_version_5_wrote_is_read() {
    for line in [
        r#"{"record":{"PutFence":{"id":"fence-1","name":"Depot","scope":"zone:3","shape":{"type":"circle","latitude":9.5,"longitude":-0.0,"radius_m":150.0},"on":{"enter":true,"exit":false,"dwell_s":900,"speed_limit_mps":13.9,"silent":true},"enabled":true,"created_at":"2026-11-21T02:00:00.000Z","updated_at":"2026-11-21T02:00:05.000Z","created_by":"user:boss"}}}"#,
        r#"{"record":{"PutScope":{"scope":"zone:3","name":"Three","parent":"district:1","path":null,"site":null,"alert_rules":{"stale":true,"offline":false,"low_battery":0.15,"speed_limit_mps":null,"escalate_after_s":300}}}}"#,
        r#"{"record":{"PutAlert":{"alert":{"id":"a1","kind":"overspeed","unit_id":"PC-1","unit_name":"car","patrol_id":"7","station":"station:5","at":"2026-11-21T02:00:00.000Z","time":"2026-11-21T01:00:00.000Z","place":null,"fence":"Depot","acknowledged":null,"fence_id":"fence-1","escalated":[{"at":"2026-11-21T02:05:00.000Z","to":"division:2"}]},"path":{"district":1,"zone":3,"division":2,"station":5}}}}"#,
    ] {
        assert_eq!(String::from_utf8(as_text(&read(line)).expect("writes")).expect("text").trim_end(), line);
    }
}

/// The same of what version 2 added.
#[test]
fn what_version_2_wrote_is_read() {
    for line in [
        r#"{"record":{"PutWebhook":{"id":"w1","name":"n","url":"https://hooks.example/","scope":"zone:3","events":["patrol.started"],"enabled":false,"disabled_because":"it answered 410 Gone","failing_since":"2026-11-21T02:00:00.000Z","created_at":"2026-11-21T02:00:00.000Z","secrets":[{"text":"whsec_AA==","until":null}]}}}"#,
        r#"{"delivery":{"delivery":{"id":"msg_1","webhook":"w1","event":"ping","about":"PC-1","created_at":"2026-11-21T02:00:00.000Z","body":"{}"},"state":"pending","due":"2026-11-21T02:00:05.000Z","tries":1,"attempts":[{"at":"2026-11-21T02:00:00.000Z","status":503,"error":"answered 503","duration_ms":7,"response":null}]}}"#,
    ] {
        assert_eq!(String::from_utf8(as_text(&read(line)).expect("writes")).expect("text").trim_end(), line);
    }
    let old = r#"{"end":{"counts":{"secrets":1,"records":2,"queued":3,"dead":4,"fixes":5},"sha256":"00"}}"#;
    assert!(matches!(read(old), Line::End(_)), "version 1 counts no deliveries");
}
