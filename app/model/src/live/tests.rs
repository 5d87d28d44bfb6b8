use super::*;
use crate::{
    Level,
    alerts::{Acknowledgement, AlertKind, AlertPlace, Escalation},
    geofence::{Circle, FenceRules, Geofence, Shape},
};

fn unit() -> LiveUnit {
    LiveUnit {
        id: "PC-001".parse().expect("a good id"),
        patrol: PatrolId(7),
        station: Scope::station(5),
        lat: Some(9.9312),
        lon: Some(76.2673),
        speed_mps: Some(8.2),
        heading_deg: None,
        battery: Some(0.5),
        status: UnitStatus::OnTask,
        time: Some(Time(1_795_226_400_123)),
    }
}

fn alert() -> Alert {
    Alert {
        id: "a1".into(),
        kind: AlertKind::Sos,
        unit_id: unit().id,
        unit_name: "Car 1".into(),
        patrol_id: None,
        station: Scope::station(5),
        at: Time(7),
        time: Time(6),
        place: Some(AlertPlace { latitude: 9.5, longitude: 76.25, time: Time(6) }),
        fence: None,
        acknowledged: Some(Acknowledgement {
            at: Time(8),
            by: "user:chief5".into(),
            name: "Chief".into(),
            note: String::new(),
        }),
        fence_id: None,
        escalated: vec![Escalation { at: Time(9), to: Scope::new(Level::Division, 2) }],
    }
}

fn fence() -> Geofence {
    Geofence {
        id: "fence-1".into(),
        name: "Depot".into(),
        scope: Scope::station(5),
        shape: Shape::Circle(Circle { latitude: 9.5, longitude: 76.25, radius_m: 150.0 }),
        on: FenceRules { enter: true, silent: true, ..FenceRules::default() },
        enabled: true,
        created_at: Time(7),
        updated_at: Time(8),
        created_by: "user:chief5".into(),
    }
}

fn frames() -> Vec<ServerFrame> {
    vec![
        ServerFrame::Snapshot(Snapshot {
            scope: Scope::station(5),
            epoch: "e".into(),
            offset: 3,
            units: vec![unit()],
            alerts: vec![alert()],
        }),
        ServerFrame::Positions(Positions { units: vec![unit(), unit()] }),
        ServerFrame::Event(Event::UnitJoined(UnitJoined {
            offset: 4,
            at: Time(5),
            unit: unit(),
            name: "Car 1".into(),
            unit_kind: "patrol_car".into(),
        })),
        ServerFrame::Event(Event::Status(StatusChanged {
            offset: 5,
            at: Time(6),
            id: unit().id,
            patrol: PatrolId(7),
            status: UnitStatus::Stale,
        })),
        ServerFrame::Event(Event::Alert(AlertEvent { offset: 6, at: Time(7), alert: Box::new(alert()) })),
        ServerFrame::Event(Event::Fence(FenceEvent {
            offset: 7,
            at: Time(8),
            id: "fence-1".into(),
            fence: Some(Box::new(fence())),
        })),
        ServerFrame::Event(Event::Fence(FenceEvent {
            offset: 8,
            at: Time(9),
            id: "fence-1".into(),
            fence: None,
        })),
        ServerFrame::Pong(Pong::default()),
    ]
}

#[test]
fn every_frame_survives_both_encodings() {
    for frame in frames() {
        let json = to_json(&frame).expect("encodes");
        assert_eq!(from_json::<ServerFrame>(&json).expect("decodes"), frame, "{json}");
        let binary = to_binary(&frame).expect("encodes");
        assert_eq!(from_binary::<ServerFrame>(&binary).expect("decodes"), frame);
    }
}

#[test]
fn json_frames_say_type_and_kind() {
    let joined = to_json(&frames()[2]).expect("encodes");
    assert!(joined.starts_with(r#"{"type":"event","kind":"unit_joined","offset":4,"#), "{joined}");
    let alert = to_json(&frames()[4]).expect("encodes");
    assert!(
        alert.starts_with(r#"{"type":"event","kind":"alert","offset":6,"#)
            && alert.contains(r#""alert":{"id":"a1","kind":"sos","unit_id":"PC-001","unit_name":"Car 1","patrol_id":null,"station":"station:5""#),
        "{alert}"
    );
    let text = r#"{"type":"subscribe","scope":"zone:3"}"#;
    assert!(
        matches!(from_json::<ClientFrame>(text), Ok(ClientFrame::Subscribe(s)) if s.interval_ms.is_none())
    );
    assert!(matches!(from_json::<ClientFrame>(r#"{"type":"ping"}"#), Ok(ClientFrame::Ping(_))));
    assert!(matches!(from_json::<ClientFrame>(r#"{"type":"unsubscribe"}"#), Ok(ClientFrame::Unsubscribe(_))));
}

#[test]
fn an_event_s_kind_is_what_its_json_says() {
    for frame in frames() {
        let ServerFrame::Event(event) = &frame else { continue };
        let json: serde_json::Value = from_json(&to_json(&frame).expect("encodes")).expect("is JSON");
        assert_eq!(json["kind"], event.kind());
        assert!(Event::KINDS.contains(&event.kind()));
    }
}

#[test]
fn a_frame_of_another_version_is_refused_not_misread() {
    assert!(matches!(from_binary::<ServerFrame>(&[9, 0]), Err(FrameError::Version(9))));
    assert!(matches!(from_binary::<ServerFrame>(&[]), Err(FrameError::Empty)));
}
