//! Events as streams and channels hold them: postcard, by programs of several versions.

use sentinel_model::live::Event;

/// Fields at the end of alerts that programs before did not write: nothing each.
const SINCE: [u8; 2] = [0; 2];

/// As this program writes an event, or as one did that knew less of what stands at its end.
pub fn read_event(bytes: &[u8]) -> postcard::Result<Event> {
    postcard::from_bytes(bytes).or_else(|error| match error {
        postcard::Error::DeserializeUnexpectedEnd => postcard::from_bytes(&[bytes, &SINCE[..]].concat()),
        other => Err(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::{
        PatrolId, Scope, Time,
        alerts::{Alert, AlertKind, Escalation},
        live::{AlertEvent, UnitLeft},
    };

    fn alert() -> Alert {
        Alert {
            id: "a1".into(),
            kind: AlertKind::Exit,
            unit_id: "PC-1".parse().expect("a good id"),
            unit_name: "Car 1".into(),
            patrol_id: None,
            station: Scope::station(5),
            at: Time(9),
            time: Time(8),
            place: None,
            fence: Some("depot".into()),
            acknowledged: None,
            fence_id: None,
            escalated: Vec::new(),
        }
    }

    fn written(alert: Alert) -> (Event, Vec<u8>) {
        let event = Event::Alert(AlertEvent { offset: 3, at: Time(9), alert: Box::new(alert) });
        let bytes = postcard::to_allocvec(&event).expect("encodes");
        (event, bytes)
    }

    #[test]
    fn an_alert_of_before_it_had_a_fence_s_id_or_was_passed_on_reads() {
        let (event, bytes) = written(alert());
        let before = &bytes[..bytes.len() - SINCE.len()];
        assert!(postcard::from_bytes::<Event>(before).is_err(), "it is shorter than one of today");
        assert_eq!(read_event(before), Ok(event.clone()));
        assert_eq!(read_event(&bytes), Ok(event));
    }

    #[test]
    fn what_stands_there_today_reads_and_what_is_cut_short_does_not() {
        let escalated = vec![Escalation { at: Time(10), to: Scope::station(5) }];
        let (event, bytes) = written(Alert { fence_id: Some("fence-1".into()), escalated, ..alert() });
        assert_eq!(read_event(&bytes), Ok(event));
        let left = Event::UnitLeft(UnitLeft {
            offset: 1,
            at: Time(2),
            id: "PC-1".parse().expect("a good id"),
            patrol: PatrolId(1),
        });
        let bytes = postcard::to_allocvec(&left).expect("encodes");
        assert_eq!(read_event(&bytes), Ok(left));
        assert!(read_event(&bytes[..2]).is_err());
    }
}
