//! A JSON value where a device may send anything: read leniently, judged later.
//!
//! A wrong type in one point must not fail the whole body, so points are read into
//! leaves that take whatever stands there.

use super::record::Members;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess},
};
use serde_json::Value;
use std::fmt;

#[derive(Debug, Clone, Default, PartialEq)]
pub enum Leaf {
    #[default]
    Absent,
    Bool(bool),
    Number(f64),
    Text(String),
    /// An array or an object where a plain value belongs.
    Other,
}

impl Leaf {
    /// A number, also where it came as text.
    pub fn number(&self) -> Option<f64> {
        match self {
            Leaf::Number(n) => Some(*n),
            Leaf::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Text, also where it came as a whole number (ids often do).
    pub fn text(self) -> Option<String> {
        match self {
            Leaf::Text(text) => Some(text),
            Leaf::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => Some(format!("{n:.0}")),
            _ => None,
        }
    }

    pub fn is_true(&self) -> bool {
        matches!(self, Leaf::Bool(true))
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, Leaf::Absent)
    }
}

/// A member of an object, absent where it does not read.
pub fn of(members: &Members<'_>, name: &str) -> Leaf {
    members.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// The members of an object but for some, those that read.
pub fn values<'a>(members: &'a Members<'_>, but: &[&str]) -> impl Iterator<Item = (&'a str, Value)> {
    let others = members.iter().filter(move |(name, _)| !but.contains(&name.as_str()));
    others.filter_map(|(name, raw)| Some((name.as_str(), serde_json::from_str(raw.get()).ok()?)))
}

impl<'de> Deserialize<'de> for Leaf {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> de::Visitor<'de> for Any {
            type Value = Leaf;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_bool<E>(self, b: bool) -> Result<Leaf, E> {
                Ok(Leaf::Bool(b))
            }
            #[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles")]
            fn visit_i64<E>(self, n: i64) -> Result<Leaf, E> {
                Ok(Leaf::Number(n as f64))
            }
            #[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles")]
            fn visit_u64<E>(self, n: u64) -> Result<Leaf, E> {
                Ok(Leaf::Number(n as f64))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Leaf, E> {
                Ok(Leaf::Number(n))
            }
            fn visit_str<E>(self, text: &str) -> Result<Leaf, E> {
                Ok(Leaf::Text(text.to_owned()))
            }
            fn visit_unit<E>(self) -> Result<Leaf, E> {
                Ok(Leaf::Absent)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Leaf, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Leaf::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Leaf, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Leaf::Other)
            }
        }
        d.deserialize_any(Any)
    }
}
