//! Traccar Client from 9 on: one record of Transistorsoft's a request, read as that
//! ([`transistorsoft`](super::transistorsoft)), under `device_id`, which is its only secret. Its
//! own are the alarm, beside the coordinates or among the extras, and `_`, the point once more
//! as OsmAnd has it, which is passed over. The answer is 200.

use super::{events, leaf::Leaf};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What its alarm says has happened.
pub fn alarm(beside: Option<&str>, extras: Option<&RawValue>) -> Option<String> {
    beside.and_then(events::of_alarm).or_else(|| among(extras?))
}

fn among(extras: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Extras {
        #[serde(default)]
        alarm: Leaf,
    }
    // Most have none, and need not be read for it.
    if !extras.get().contains("\"alarm\"") {
        return None;
    }
    let Extras { alarm } = serde_json::from_str(extras.get()).ok()?;
    events::of_alarm(&alarm.text()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_stands_beside_the_coordinates_or_among_the_extras() {
        let extras = |text: &str| RawValue::from_string(text.to_owned()).expect("JSON");
        let (sos, none) = (extras(r#"{"alarm":"sos"}"#), extras(r#"{"note":"\"alarm\"","alarm":""}"#));
        assert_eq!(alarm(Some("lowBattery"), Some(&sos)).as_deref(), Some("alarm:lowBattery"));
        assert_eq!(alarm(Some(""), Some(&sos)).as_deref(), Some("sos"));
        assert_eq!(alarm(None, Some(&none)), None);
        assert_eq!(alarm(None, None), None);
    }
}
