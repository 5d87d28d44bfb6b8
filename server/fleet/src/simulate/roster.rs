//! Which units move, where they belong, and where they were last.

use super::{
    SimulateArgs,
    mover::{Errand, Mover},
};
use crate::{
    city::{
        self,
        geo::Place,
        roads::{self, RoadGraph},
    },
    client::{Api, Backoff, CallError},
};
use anyhow::Context;
use sentinel_model::{Scope, Time, Unit, UnitId, scope::ScopeNode};
use std::collections::HashMap;
use tokio_util::sync::CancellationToken;

/// A place further than this from any road is not in the demo city, metres.
const OFF_MAP_M: f64 = 1_500.0;

/// A unit, ready to drive.
pub struct Driver {
    pub id: UnitId,
    pub mover: Mover,
    /// The newest device time that the server has of it.
    pub newest: Option<Time>,
}

impl Driver {
    pub fn charging(&self) -> bool {
        self.mover.errand() == Errand::ToStation && self.mover.state().halted
    }
}

/// The units of the server that this run moves; none where `shutdown` came first.
pub async fn read(
    api: &Api,
    args: &SimulateArgs,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<Vec<Driver>>> {
    let Some((nodes, mut units)) = look_up(api, args, shutdown).await? else { return Ok(None) };
    // a replayed trace's units have a history that is compared with the trace
    units.retain(|unit| unit.kind != crate::replay::KIND && unit.id.as_str().starts_with(&args.unit_prefix));
    anyhow::ensure!(
        !units.is_empty(),
        "the server at {} has no units to move that this credential sees; make some (POST /api/v1/units), \
         or start the server with --demo on an empty data folder",
        api.base()
    );
    units.sort_by(|a, b| a.id.cmp(&b.id));
    if let Some(wanted) = args.units {
        let wanted = usize::try_from(wanted)?;
        if wanted > units.len() {
            tracing::warn!("--units {wanted}: the server knows {} units; moving those", units.len());
        }
        units.truncate(wanted);
    }
    let homes = homes(&nodes);
    let graph = roads::kochi();
    Ok(Some(units.into_iter().map(|unit| driver(graph, &homes, unit, args.seed)).collect()))
}

async fn look_up(
    api: &Api,
    args: &SimulateArgs,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<(Vec<ScopeNode>, Vec<Unit>)>> {
    let mut backoff = Backoff::new();
    loop {
        let error = match both(api).await {
            Ok(found) => return Ok(Some(found)),
            Err(error) if error.is_transient() => error,
            Err(error) => {
                let advice =
                    args.access.advice(&error).unwrap_or("the simulator needs to read the units it moves");
                return Err(error).context(advice);
            }
        };
        let wait = backoff.after(&error);
        tracing::warn!("{error}; trying again in {:.1} s", wait.as_secs_f64());
        tokio::select! {
            () = shutdown.cancelled() => return Ok(None),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn both(api: &Api) -> Result<(Vec<ScopeNode>, Vec<Unit>), CallError> {
    let nodes = api.list("/api/v1/scopes").await?;
    Ok((nodes, api.list("/api/v1/units").await?))
}

/// Where each station stands. One that is elsewhere on earth, or nowhere, is given a place in the city.
fn homes(nodes: &[ScopeNode]) -> HashMap<Scope, Place> {
    nodes
        .iter()
        .filter_map(|node| {
            let (lat_e6, lon_e6) = node.site_e6?;
            let site = Place { lat: f64::from(lat_e6) / 1e6, lon: f64::from(lon_e6) / 1e6 };
            on_map(roads::kochi(), site).then_some((node.scope, site))
        })
        .collect()
}

fn on_map(graph: &RoadGraph, place: Place) -> bool {
    let spot = place.spot();
    graph.spot(graph.nearest(spot)).distance_m(spot) < OFF_MAP_M
}

fn driver(graph: &'static RoadGraph, homes: &HashMap<Scope, Place>, unit: Unit, seed: u64) -> Driver {
    let home = homes.get(&unit.station).copied().unwrap_or_else(|| stand_in(unit.station));
    let last = unit
        .location
        .as_ref()
        .map(|l| Place { lat: l.latitude, lon: l.longitude })
        .filter(|place| on_map(graph, *place));
    Driver {
        mover: Mover::new(graph, home, last, seed ^ fingerprint(unit.id.as_str())),
        newest: unit.location.map(|l| l.time),
        id: unit.id,
    }
}

fn stand_in(station: Scope) -> Place {
    let stations = city::kochi().stations;
    let index = usize::try_from(station.id).unwrap_or(0) % stations.len();
    Place { lat: stations[index].lat, lon: stations[index].lon }
}

/// FNV-1a: a unit moves the same whatever others there are.
fn fingerprint(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::{Location, UnitStatus};

    fn unit(station: u32, at: Option<(f64, f64)>) -> Unit {
        let id: UnitId = "PC-001".parse().expect("an id");
        Unit {
            id: id.clone(),
            name: "one".into(),
            kind: "van".into(),
            station: Scope::station(station),
            status: UnitStatus::OffDuty,
            patrol_id: None,
            location: at.map(|(latitude, longitude)| Location {
                unit_id: id,
                patrol_id: None,
                latitude,
                longitude,
                speed_mps: None,
                heading_deg: None,
                accuracy_m: None,
                battery: None,
                time: Time(5),
                received_at: Time(6),
            }),
        }
    }

    fn distance_m(driver: &Driver, lat: f64, lon: f64) -> f64 {
        driver.mover.state().place.spot().distance_m(Place { lat, lon }.spot())
    }

    #[test]
    fn a_known_unit_is_picked_up_where_it_was() {
        let driver = driver(roads::kochi(), &HashMap::new(), unit(5, Some((9.9945, 76.2914))), 1);
        assert!(distance_m(&driver, 9.9945, 76.2914) < 150.0);
        assert_eq!(driver.newest, Some(Time(5)));
    }

    #[test]
    fn a_unit_last_seen_elsewhere_on_earth_begins_near_its_station() {
        let homes = HashMap::from([(Scope::station(5), Place { lat: 9.966, lon: 76.299 })]);
        let driver = driver(roads::kochi(), &homes, unit(5, Some((37.75, -122.4))), 1);
        assert!(distance_m(&driver, 9.966, 76.299) < 1_500.0);
    }

    #[test]
    fn a_station_of_another_city_is_given_a_place_in_this_one() {
        let driver = driver(roads::kochi(), &HashMap::new(), unit(4_000_000_000, None), 1);
        assert!(on_map(roads::kochi(), driver.mover.state().place));
    }
}
