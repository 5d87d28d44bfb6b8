//! What a device sends that is no column of a fix is kept with it all the same, as
//! one JSON object: the device's own extras, and beside them what belongs to the
//! position and has no other place.

use super::EXTRAS_MAX;
use serde::de::IgnoredAny;
use serde_json::{Value, value::RawValue};
use std::collections::HashMap;

/// The name under which a member of a record is kept, none where it is not.
pub fn kept(name: &str) -> Option<&'static str> {
    Some(match name {
        "odometer" => "odometer",
        "activity" => "activity",
        "mock" => "mock",
        "valid" => "valid",
        "geofence" => "geofence",
        "is_moving" => "is_moving",
        "battery.is_charging" => "battery.is_charging",
        "order_id" => "order_id",
        _ => return None,
    })
}

/// Members that go beside the device's own extras, as they were sent.
#[derive(Default)]
pub struct Beside<'a>(Vec<(&'static str, &'a RawValue)>);

impl<'a> Beside<'a> {
    /// The first value of a name counts.
    pub fn put(&mut self, name: &'static str, value: &'a RawValue) {
        if value.get() != "null" && self.0.iter().all(|(other, _)| *other != name) {
            self.0.push((name, value));
        }
    }

    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }
}

/// The device's own extras, whose names win, and beside them as much of the rest as
/// [`EXTRAS_MAX`] leaves room for. Own extras that are no object stand under `extras`.
pub fn merged(own: Option<&str>, beside: &Beside<'_>) -> Option<String> {
    let own = own.filter(|own| !matches!(*own, "null" | "{}" | "[]" | "\"\""));
    let mut object = match own {
        Some(own) if own.starts_with('{') => own.to_owned(),
        Some(own) => format!(r#"{{"extras":{own}}}"#),
        None if beside.0.is_empty() => return None,
        None => String::from("{}"),
    };
    if beside.0.is_empty() {
        return Some(object);
    }
    let names: HashMap<String, IgnoredAny> = match own {
        None => HashMap::new(),
        Some(_) => match serde_json::from_str(&object) {
            Ok(names) => names,
            // A name in it does not read: it stays as it is.
            Err(_) => return Some(object),
        },
    };
    for (name, value) in beside.0.iter().filter(|(name, _)| !names.contains_key(*name)) {
        const PUNCTUATION: usize = r#","":"#.len();
        if object.len() + PUNCTUATION + name.len() + value.get().len() > EXTRAS_MAX {
            continue;
        }
        object.pop();
        if !object.trim_end().ends_with('{') {
            object.push(',');
        }
        object.push('"');
        object.push_str(name);
        object.push_str("\":");
        object.push_str(value.get());
        object.push('}');
    }
    Some(object)
}

/// What a format has no column for, by the names that it came under, as far as
/// [`EXTRAS_MAX`] reaches. A value that does not read is left out.
pub fn rest<'a>(members: impl Iterator<Item = (&'a str, Value)>) -> Option<String> {
    let mut object = String::new();
    for (name, value) in members {
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        let member = format!("{}:{value}", Value::from(name));
        if !empty && object.len() + "{,}".len() + member.len() <= EXTRAS_MAX {
            object.push(if object.is_empty() { '{' } else { ',' });
            object.push_str(&member);
        }
    }
    (!object.is_empty()).then(|| object + "}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(own: Option<&str>, beside: &[(&'static str, &str)]) -> Option<String> {
        let raw: Vec<Box<RawValue>> = beside
            .iter()
            .map(|(_, value)| RawValue::from_string((*value).to_owned()).expect("JSON"))
            .collect();
        let mut kept = Beside::default();
        beside.iter().zip(&raw).for_each(|((name, _), value)| kept.put(name, value));
        merged(own, &kept)
    }

    #[test]
    fn what_has_no_column_stands_beside_the_own_extras_which_win() {
        let beside = [("odometer", "12.50"), ("activity", r#"{"type":"walking"}"#), ("mock", "null")];
        let both = r#"{"odometer":12.50,"activity":{"type":"walking"}}"#;
        assert_eq!(with(None, &beside).as_deref(), Some(both));
        assert_eq!(with(Some("{ }"), &beside).as_deref(), Some(&*both.replacen('{', "{ ", 1)));
        let own = r#"{"shift":"night","odometer":"mine"}"#;
        let merged = r#"{"shift":"night","odometer":"mine","activity":{"type":"walking"}}"#;
        assert_eq!(with(Some(own), &beside).as_deref(), Some(merged));
        assert_eq!(with(Some(own), &[]).as_deref(), Some(own));
        for nothing in [None, Some("null"), Some("{}"), Some("[]"), Some("\"\"")] {
            assert_eq!(with(nothing, &[]), None, "{nothing:?}");
        }
    }

    #[test]
    fn extras_that_are_no_object_stand_under_their_name() {
        assert_eq!(with(Some("[1,2]"), &[]).as_deref(), Some(r#"{"extras":[1,2]}"#));
        let text = with(Some("\"late\""), &[("order_id", "\"o-1\"")]);
        assert_eq!(text.as_deref(), Some(r#"{"extras":"late","order_id":"o-1"}"#));
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_the_rest_kept() {
        let own = format!(r#"{{"a":"{}"}}"#, "x".repeat(EXTRAS_MAX - 40));
        let long = format!("\"{}\"", "y".repeat(40));
        let merged = with(Some(&own), &[("geofence", &long), ("is_moving", "true")]).expect("extras");
        assert!(
            merged.len() <= EXTRAS_MAX && merged.ends_with(r#"x","is_moving":true}"#),
            "{}",
            merged.len()
        );
    }
}
