//! One position as such devices write it, read member by member and leniently: a
//! wrong type spoils what it stands for, and only where that is needed the point.
//! Nothing is copied that is not kept.

use super::{
    events, extras,
    leaf::{self, Leaf},
    naming::Naming,
    point::RawPoint,
    when,
};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// One record of either form; the first value of a name that stands twice counts.
#[derive(Default)]
pub struct Record<'a> {
    /// Why it can be no point, where that is known.
    pub fault: Option<Cow<'static, str>>,
    /// Something in it says that it is a position at all, or a call for help without one.
    pub is_position: bool,
    pub sample: bool,
    pub naming: Naming,
    point: RawPoint,
    alarm: Option<String>,
    extras: Option<&'a RawValue>,
    /// What is kept beside the device's own extras.
    beside: extras::Beside<'a>,
}

/// An object's members, by name, each as it stands.
pub type Members<'a> = BTreeMap<String, &'a RawValue>;

pub fn read_records<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Vec<Record<'de>>, A::Error> {
    let mut records = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(128));
    while let Some(record) = seq.next_element()? {
        records.push(record);
    }
    Ok(records)
}

pub fn read_record<'de, A: MapAccess<'de>>(mut map: A) -> Result<Record<'de>, A::Error> {
    let mut record = Record::default();
    while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
        record.take(&name, &mut map)?;
    }
    Ok(record)
}

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Record<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a position")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Record<'de>, A::Error> {
                read_record(map)
            }
            // Anything else in a batch is set aside, not the batch's end.
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Record<'de>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Record::no_object())
            }
            fn visit_unit<E>(self) -> Result<Record<'de>, E> {
                Ok(Record::no_object())
            }
            fn visit_bool<E>(self, _: bool) -> Result<Record<'de>, E> {
                Ok(Record::no_object())
            }
            fn visit_i64<E>(self, _: i64) -> Result<Record<'de>, E> {
                Ok(Record::no_object())
            }
            fn visit_u64<E>(self, _: u64) -> Result<Record<'de>, E> {
                Ok(Record::no_object())
            }
            fn visit_f64<E>(self, _: f64) -> Result<Record<'de>, E> {
                Ok(Record::no_object())
            }
            fn visit_str<E>(self, _: &str) -> Result<Record<'de>, E> {
                Ok(Record::no_object())
            }
        }
        d.deserialize_any(Visitor)
    }
}

impl<'a> Record<'a> {
    /// Reads a record apart from all others: one that does not read at all stays a
    /// record, with its fault.
    pub fn apart(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| {
            // Whose it was to be is known from what does read.
            let members: Members<'a> = serde_json::from_str(text).unwrap_or_default();
            let text = |name| leaf::of(&members, name).text();
            let time = Some(leaf::of(&members, "timestamp")).filter(|leaf| !leaf.is_absent());
            let point = RawPoint {
                time: time.map(|leaf| when::of(&leaf)),
                uuid: text("uuid"),
                event: text("event"),
                ..RawPoint::default()
            };
            Self {
                fault: Some(format!("the point does not read: {error}").into()),
                is_position: members.keys().any(|name| says_position(name)),
                naming: Naming::among(&members),
                point,
                // A call for help is heard all the same.
                alarm: text("alarm"),
                extras: members.get("extras").copied(),
                ..Self::default()
            }
        })
    }

    fn no_object() -> Self {
        Self { fault: Some("this is no object".into()), ..Self::default() }
    }

    /// The point in our units, with all that is kept of it.
    pub fn into_point(self) -> RawPoint {
        let event = self.happened().or(self.point.event);
        let extras = extras::merged(self.extras.map(RawValue::get), &self.beside);
        RawPoint { event, extras, ..self.point }
    }

    /// What has happened, where it is more than its event says: an alarm before a fence.
    fn happened(&self) -> Option<String> {
        let alarm = self.alarm.as_deref().and_then(events::of_alarm);
        let alarm = alarm.or_else(|| events::alarm_in(self.extras?));
        alarm.or_else(|| events::of_geofence(self.beside.get("geofence")?))
    }

    /// Takes one member of the record.
    pub fn take<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
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
                self.is_position |= says_position(name);
                let leaf: Leaf = map.next_value()?;
                if let Some(name) = Coordinate::named(name) {
                    point.take_coordinate(name, &leaf);
                }
            }
            "timestamp" | "time" => {
                let leaf: Leaf = map.next_value()?;
                if !leaf.is_absent() && point.time.is_none() {
                    point.time = Some(when::of(&leaf));
                }
            }
            "battery" => {
                let Battery { level, is_charging } = map.next_value()?;
                point.battery = point.battery.or(level);
                if let Some(is_charging) = is_charging {
                    self.beside.put("battery.is_charging", is_charging);
                }
            }
            "battery.level" | "battery_level" => {
                let leaf: Leaf = map.next_value()?;
                point.battery = point.battery.or(leaf.number());
            }
            "alarm" => {
                self.alarm = self.alarm.take().or(map.next_value::<Leaf>()?.text());
                self.is_position |= self.alarm.as_deref().is_some_and(events::is_sos);
            }
            "uuid" => point.uuid = point.uuid.take().or(map.next_value::<Leaf>()?.text()),
            "event" => {
                point.event = point.event.take().or(map.next_value::<Leaf>()?.text());
                self.is_position |= point.event.as_deref().is_some_and(events::is_sos);
            }
            "extras" => self.extras = Some(map.next_value()?),
            "sample" => self.sample = map.next_value::<Leaf>()?.is_true(),
            "unit_id" | "patrol_id" | "device_id" => self.naming.take(name, map.next_value()?),
            _ => match extras::kept(name) {
                Some(name) => self.beside.put(name, map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            },
        }
        Ok(())
    }
}

/// Whether a member of this name makes an object a position.
pub fn says_position(name: &str) -> bool {
    matches!(name, "coords" | "latitude" | "longitude" | "lat" | "lng" | "lon")
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
struct Battery<'a> {
    level: Option<f64>,
    is_charging: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Battery<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Object<'a> {
            #[serde(default)]
            level: Leaf,
            #[serde(default, borrow)]
            is_charging: Option<&'a RawValue>,
        }
        let raw: &RawValue = Deserialize::deserialize(d)?;
        Ok(match serde_json::from_str::<Object<'de>>(raw.get()) {
            Ok(battery) => Battery { level: battery.level.number(), is_charging: battery.is_charging },
            Err(_) => {
                let leaf = serde_json::from_str::<Leaf>(raw.get()).ok();
                Battery { level: leaf.and_then(|leaf| leaf.number()), is_charging: None }
            }
        })
    }
}
