//! The hierarchy: district > zone > division > station.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    District,
    Zone,
    Division,
    Station,
}

impl Level {
    /// From the widest to the narrowest.
    pub const ALL: [Level; 4] = [Level::District, Level::Zone, Level::Division, Level::Station];

    pub fn as_str(self) -> &'static str {
        match self {
            Level::District => "district",
            Level::Zone => "zone",
            Level::Division => "division",
            Level::Station => "station",
        }
    }

    /// The level just above, none for a district.
    pub fn parent(self) -> Option<Level> {
        match self {
            Level::District => None,
            Level::Zone => Some(Level::District),
            Level::Division => Some(Level::Zone),
            Level::Station => Some(Level::Division),
        }
    }
}

/// A node of the hierarchy, written `zone:3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    pub level: Level,
    pub id: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a scope; write the level and the number, such as \"zone:3\" or \"station:5\"")]
pub struct ScopeError(pub String);

impl Scope {
    pub const fn new(level: Level, id: u32) -> Self {
        Self { level, id }
    }
    pub const fn station(id: u32) -> Self {
        Self::new(Level::Station, id)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level.as_str(), self.id)
    }
}

impl FromStr for Scope {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let bad = || ScopeError(text.chars().take(64).collect());
        let (level, id) = text.split_once(':').ok_or_else(bad)?;
        let level = *Level::ALL.iter().find(|l| l.as_str() == level).ok_or_else(bad)?;
        if id.starts_with('+') {
            return Err(bad());
        }
        let id = id.parse().map_err(|_| bad())?;
        Ok(Self { level, id })
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { (self.level, self.id).serialize(s) }
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Scope;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a scope such as \"zone:3\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scope, E> {
                text.parse().map_err(E::custom)
            }
        }
        if d.is_human_readable() {
            d.deserialize_str(Text)
        } else {
            let (level, id) = Deserialize::deserialize(d)?;
            Ok(Self { level, id })
        }
    }
}

/// A station with its ancestors: every scope that a patrol of the station is in the room of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ScopePath {
    pub district: u32,
    pub zone: u32,
    pub division: u32,
    pub station: u32,
}

impl ScopePath {
    /// From the widest to the narrowest.
    pub fn scopes(&self) -> [Scope; 4] {
        [
            Scope::new(Level::District, self.district),
            Scope::new(Level::Zone, self.zone),
            Scope::new(Level::Division, self.division),
            Scope::new(Level::Station, self.station),
        ]
    }

    pub fn station(&self) -> Scope {
        Scope::station(self.station)
    }

    /// Whether this station lies in `scope`.
    pub fn within(&self, scope: Scope) -> bool {
        self.scopes().contains(&scope)
    }
}

/// One node as the scope tree shows it. `counts` are of units in its stations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScopeNode {
    pub scope: Scope,
    #[cfg_attr(feature = "openapi", schema(example = "Kochi City"))]
    pub name: String,
    /// None for a district, and for the top of what the viewer may see.
    pub parent: Option<Scope>,
    /// Where a station stands, `[latitude, longitude]` in degrees times 1e6; none elsewhere.
    pub site_e6: Option<(i32, i32)>,
    pub counts: ScopeCounts,
}

/// The body that makes a node of the hierarchy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewScope {
    pub scope: Scope,
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, example = "Harbour"))]
    pub name: String,
    /// The node above, of the level just above.
    pub parent: Scope,
    /// Where a station stands, `[latitude, longitude]` in degrees.
    #[serde(default)]
    pub site: Option<(f64, f64)>,
}

/// The body that changes a node; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScopePatch {
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, example = "Harbour"))]
    pub name: Option<String>,
    #[serde(default)]
    pub site: Option<(f64, f64)>,
}

/// How many units a scope has, and how they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScopeCounts {
    pub units: u32,
    pub available: u32,
    pub on_task: u32,
    pub stale: u32,
    pub offline: u32,
    pub off_duty: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_as_it_is_written() {
        for text in ["district:1", "zone:3", "division:0", "station:4294967295"] {
            assert_eq!(text.parse::<Scope>().map(|s| s.to_string()), Ok(text.to_string()));
        }
        for text in ["", "zone", "zone:", "zone:-1", "zone:+1", "Zone:1", "city:1", "zone:1:2"] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_station_lies_in_its_ancestors_and_nowhere_else() {
        let path = ScopePath { district: 1, zone: 3, division: 4, station: 5 };
        for scope in path.scopes() {
            assert!(path.within(scope));
        }
        assert!(!path.within(Scope::station(4)));
        assert!(!path.within(Scope::new(Level::Zone, 5)));
    }
}
