//! The demo city: Kochi, Kerala, and a police that is made up.
//!
//! - [`kochi`]: the organisation that `serve --demo` puts into an empty data folder
//! - [`roads`]: the road graph that simulated units drive, read from the bundled basemap
//! - [`ground`]: land and water of the same basemap, for whoever must not drive into it
//!
//! Everything here is compiled in; nothing can fail at run time that a test did not see.

pub mod basemap;
pub mod geo;
pub mod ground;
pub mod roads;
mod table;

use sentinel_model::{Role, Scope, UnitId, UserName, scope::Level};

/// The password of every demo sign-in. The server refuses to listen beyond loopback with it.
pub const DEMO_PASSWORD: &str = "sentinel-demo";

/// What the ids of the demo's units begin with.
pub const UNIT_PREFIX: &str = "PC-";

/// An organisation to begin with: hierarchy, units and people.
#[derive(Debug, Clone)]
pub struct City {
    pub district: District,
    pub zones: Vec<Zone>,
    pub divisions: Vec<Division>,
    pub stations: Vec<Station>,
    pub units: Vec<CityUnit>,
    pub users: Vec<CityUser>,
}

#[derive(Debug, Clone)]
pub struct District {
    pub id: u32,
    pub name: &'static str,
}

#[derive(Debug, Clone)]
pub struct Zone {
    pub id: u32,
    pub name: &'static str,
}

#[derive(Debug, Clone)]
pub struct Division {
    pub id: u32,
    pub name: &'static str,
    pub zone: u32,
}

#[derive(Debug, Clone)]
pub struct Station {
    pub id: u32,
    pub name: &'static str,
    pub division: u32,
    /// Degrees.
    pub lat: f64,
    /// Degrees.
    pub lon: f64,
}

#[derive(Debug, Clone)]
pub struct CityUnit {
    pub id: UnitId,
    pub name: String,
    /// `patrol_car`, `motorcycle` or `van`.
    pub kind: &'static str,
    pub station: u32,
}

#[derive(Debug, Clone)]
pub struct CityUser {
    pub username: UserName,
    pub name: &'static str,
    pub role: Role,
    pub scope: Scope,
}

/// Kochi City Police: one district, 3 zones, 6 divisions, 30 stations, 200 units.
pub fn kochi() -> City {
    let sites = &basemap::kochi().stations;
    let stations = table::STATIONS
        .iter()
        .map(|row| {
            let site = sites
                .iter()
                .find(|site| site.number == row.id)
                .expect("the bundled basemap has a site for every station");
            Station {
                id: row.id,
                name: row.name,
                division: row.division,
                lat: site.place.lat,
                lon: site.place.lon,
            }
        })
        .collect();
    City {
        district: District { id: 1, name: "Kochi City Police" },
        zones: table::ZONES.iter().map(|&(id, name)| Zone { id, name }).collect(),
        divisions: table::DIVISIONS.iter().map(|&(id, name, zone)| Division { id, name, zone }).collect(),
        stations,
        units: units(),
        users: users(),
    }
}

/// PC-001 and on, station by station, so that neighbours have neighbouring numbers.
fn units() -> Vec<CityUnit> {
    let mut units = Vec::new();
    for station in table::STATIONS {
        for place in 0..station.units {
            let (kind, word) = match place % 7 {
                2 | 5 => ("motorcycle", "Beat"),
                6 => ("van", "Van"),
                _ => ("patrol_car", "Patrol"),
            };
            let id = format!("{UNIT_PREFIX}{:03}", units.len() + 1);
            units.push(CityUnit {
                id: id.parse().expect("PC- and digits are a well-formed unit id"),
                name: format!("{} {word} {}", station.name, place + 1),
                kind,
                station: station.id,
            });
        }
    }
    units
}

fn users() -> Vec<CityUser> {
    let user = |username: &str, name, role, scope| CityUser {
        username: username.parse().expect("demo user names are well formed"),
        name,
        role,
        scope,
    };
    let district = Scope::new(Level::District, 1);
    vec![
        user("admin", "Administrator", Role::Admin, district),
        user("commander", "District commander", Role::Commander, district),
        user("zone3", "Commander, Central Zone", Role::Commander, Scope::new(Level::Zone, 3)),
        user("chief5", "Station chief, Kadavanthra", Role::Chief, Scope::station(5)),
        user("dispatcher", "Control room", Role::Dispatcher, district),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_city_has_the_shape_that_the_demo_promises() {
        let city = kochi();
        assert_eq!(city.district.id, 1);
        assert_eq!((city.zones.len(), city.divisions.len()), (3, 6));
        assert_eq!((city.stations.len(), city.units.len()), (30, 200));
        assert_eq!(city.units[0].id.as_str(), "PC-001");
        assert_eq!(city.units[199].id.as_str(), "PC-200");
        let unique: HashSet<_> = city.units.iter().map(|u| &u.id).collect();
        assert_eq!(unique.len(), 200);
        for kind in ["patrol_car", "motorcycle", "van"] {
            assert!(city.units.iter().any(|u| u.kind == kind), "{kind}");
        }
    }

    #[test]
    fn everything_hangs_on_something_and_nothing_is_empty() {
        let city = kochi();
        for zone in &city.zones {
            assert!(city.divisions.iter().any(|d| d.zone == zone.id), "{zone:?}");
        }
        for division in &city.divisions {
            assert!(city.zones.iter().any(|z| z.id == division.zone), "{division:?}");
            assert!(city.stations.iter().any(|s| s.division == division.id), "{division:?}");
        }
        for station in &city.stations {
            assert!(city.divisions.iter().any(|d| d.id == station.division), "{station:?}");
            assert!(city.units.iter().filter(|u| u.station == station.id).count() >= 4, "{station:?}");
        }
    }

    #[test]
    fn station_5_is_kadavanthra_in_zone_3() {
        let city = kochi();
        let station = city.stations.iter().find(|s| s.id == 5).expect("station 5");
        assert_eq!(station.name, "Kadavanthra");
        assert!((station.lat - 9.966).abs() < 0.005 && (station.lon - 76.299).abs() < 0.005, "{station:?}");
        let division = city.divisions.iter().find(|d| d.id == station.division).expect("its division");
        assert_eq!(division.zone, 3);
    }

    #[test]
    fn stations_are_named_alike_in_the_table_and_on_the_map() {
        for station in kochi().stations {
            let site = basemap::kochi().stations.iter().find(|s| s.number == station.id).expect("a site");
            assert_eq!(site.name, station.name);
        }
    }
}
