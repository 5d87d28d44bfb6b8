//! Ids as their own types, so that a unit can never be mistaken for a patrol.
//!
//! Each parses once, at the edge, with a reason a person can act on; inside the
//! program an id is known to be well formed.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr, sync::Arc};

/// Longest id that a unit, a user or a task may have, in characters.
pub const ID_MAX_CHARS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("an id cannot be empty")]
    Empty,
    #[error("an id has at most {ID_MAX_CHARS} characters, this one has {0}")]
    TooLong(usize),
    #[error("an id is made of letters, digits, '.', '_' and '-'; {0:?} is none of them")]
    BadCharacter(char),
    #[error("a patrol id is a whole number, {0:?} is not")]
    NotANumber(String),
}

pub(crate) fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if let Some(c) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        return Err(IdError::BadCharacter(c));
    }
    if text.len() > ID_MAX_CHARS {
        return Err(IdError::TooLong(text.len()));
    }
    Ok(())
}

macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "an id of 1 to {ID_MAX_CHARS} letters, digits, '.', '_' or '-'")
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                d.deserialize_str(Text)
            }
        }
    )*};
}

text_ids! {
    /// A vehicle, driver or person in the field, such as `PC-001`.
    UnitId;
    /// The name a person signs in with.
    UserName;
    /// An incident or an order: `inc-1042` and `ord-1043` from the server's counter, or the id
    /// that an order brought along.
    TaskId;
}

/// One stretch of duty of one unit. A number below 2^53, so that it is exact in
/// every JSON reader; JSON carries it as a string, and takes a number too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PatrolId(pub u64);

impl fmt::Display for PatrolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for PatrolId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self).map_err(|_| IdError::NotANumber(text.chars().take(ID_MAX_CHARS).collect()))
    }
}

impl Serialize for PatrolId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_u64(self.0) }
    }
}

impl<'de> Deserialize<'de> for PatrolId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Number;
        impl de::Visitor<'_> for Number {
            type Value = PatrolId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a patrol id: a whole number, as a string or a number")
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<PatrolId, E> {
                Ok(PatrolId(n))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<PatrolId, E> {
                text.parse().map_err(E::custom)
            }
        }
        if d.is_human_readable() { d.deserialize_any(Number) } else { d.deserialize_u64(Number) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_id_is_one_to_64_of_a_small_alphabet() {
        assert!("PC-001".parse::<UnitId>().is_ok());
        assert!("a.b_c-D9".parse::<UnitId>().is_ok());
        assert_eq!("".parse::<UnitId>(), Err(IdError::Empty));
        assert_eq!("a b".parse::<UnitId>(), Err(IdError::BadCharacter(' ')));
        assert_eq!("é".parse::<UnitId>(), Err(IdError::BadCharacter('é')));
        assert_eq!("x".repeat(65).parse::<UnitId>(), Err(IdError::TooLong(65)));
        assert!("x".repeat(64).parse::<UnitId>().is_ok());
    }

    #[test]
    fn a_patrol_id_is_a_string_in_json_and_reads_from_a_number_too() {
        let id = PatrolId(9_007_199_254_740_991);
        let json = serde_json::to_string(&id).unwrap_or_default();
        assert_eq!(json, "\"9007199254740991\"");
        assert_eq!(serde_json::from_str::<PatrolId>(&json).ok(), Some(id));
        assert_eq!(serde_json::from_str::<PatrolId>("12").ok(), Some(PatrolId(12)));
        assert!(serde_json::from_str::<PatrolId>("\"p1\"").is_err());
    }
}
