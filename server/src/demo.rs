//! `serve --demo`: a city police to look at, made in an empty data folder.

use crate::{
    auth::{
        password::{self, PasswordCost, hash_now},
        secret,
    },
    config::Config,
    directory::Directory,
    ports::{Change, EngineError, Home, KeyRecord, ScopeRecord, UnitRecord, UserRecord},
};
use anyhow::Context as _;
use sentinel_fleet::city::{City, DEMO_PASSWORD, kochi};
use sentinel_model::{Level, Permission, Scope, ScopePath, Time, page::MapSettings};
use std::sync::Arc;

/// Name of the key that the demo's own simulator posts with.
const SIMULATOR_KEY: &str = "demo simulator";
const BASEMAP: &str = "/outlines/kochi";
/// Where the demo's map opens, degrees: Ernakulam.
const CENTER: (f64, f64) = (9.975, 76.29);

pub fn map_settings(config: &Config) -> MapSettings {
    let demo = config.demo;
    MapSettings {
        city_basemap: demo.then(|| BASEMAP.to_owned()),
        center: demo.then_some(CENTER),
        zoom: demo.then_some(13),
        ..config.map.clone()
    }
}

/// Whether somebody can still sign in with a demo password. Tries it, so it takes its time.
pub async fn has_demo_sign_ins(directory: &Arc<Directory>) -> Result<bool, EngineError> {
    let demo = kochi().users;
    let mut users = directory.users();
    users.retain(|user| !user.disabled && demo.iter().any(|d| d.username == user.username));
    let tried = move || users.iter().any(|user| password::verify_now(&user.password_hash, DEMO_PASSWORD));
    tokio::task::spawn_blocking(tried).await.map_err(EngineError::during("trying the demo password"))
}

/// Makes the demo city in an empty folder; any other must hold it already. In a folder
/// of real units the simulator would post made-up positions for them.
pub async fn prepare(directory: &Arc<Directory>, now: Time) -> anyhow::Result<()> {
    if directory.is_empty() && directory.keys().is_empty() {
        return make(directory, now).await.context("the demo city could not be made");
    }
    // The simulator's key came into being with the city; it is what the city is known by.
    let holds_the_city = directory.keys().iter().any(|key| key.name == SIMULATOR_KEY);
    anyhow::ensure!(
        holds_the_city,
        "there is an installation of its own here, so --demo is refused: it would post made-up positions there. \
         Start without --demo, or give the demo an empty folder with --data alone"
    );
    Ok(())
}

pub async fn make(directory: &Arc<Directory>, now: Time) -> Result<(), EngineError> {
    let city = kochi();
    let hash = tokio::task::spawn_blocking(|| hash_now(PasswordCost::default(), DEMO_PASSWORD))
        .await
        .map_err(EngineError::during("hashing the demo password"))??;
    let mut changes = scopes(&city);
    changes.extend(city.units.iter().filter_map(|unit| {
        Some(Change::PutUnit(UnitRecord {
            id: unit.id.clone(),
            name: unit.name.clone(),
            kind: unit.kind.into(),
            homes: vec![Home { from: now, path: path(&city, unit.station)? }],
            token_hash: secret::mint(secret::Kind::Unit).hash,
            created_at: now,
            patrols_managed: false,
        }))
    }));
    changes.extend(city.users.iter().map(|user| {
        Change::PutUser(UserRecord {
            username: user.username.clone(),
            name: user.name.into(),
            role: user.role,
            scope: user.scope,
            disabled: false,
            password_hash: hash.clone(),
            credentials_version: 0,
        })
    }));
    changes.push(Change::PutKey(new_key(now).0));
    directory.put(changes).await
}

/// A key for this process's simulator; the ones of earlier processes end.
pub async fn simulator_key(directory: &Arc<Directory>, now: Time) -> Result<String, EngineError> {
    let (record, text) = new_key(now);
    directory
        .change(|| {
            let mut changes: Vec<Change> = directory
                .keys()
                .iter()
                .filter(|key| key.name == SIMULATOR_KEY && !key.revoked)
                .map(|key| Change::PutKey(KeyRecord { revoked: true, ..(**key).clone() }))
                .collect();
            changes.push(Change::PutKey(record.clone()));
            Ok::<_, EngineError>((changes, ()))
        })
        .await?;
    Ok(text)
}

fn new_key(now: Time) -> (KeyRecord, String) {
    let minted = secret::mint(secret::Kind::Key);
    let record = KeyRecord {
        id: secret::random_id(),
        name: SIMULATOR_KEY.into(),
        scope: Scope::new(Level::District, kochi().district.id),
        // Crews say how far they are.
        permissions: vec![Permission::Ingest, Permission::Read, Permission::Dispatch],
        hash: minted.hash,
        created_at: now,
        expires_at: None,
        revoked: false,
    };
    (record, minted.text)
}

fn path(city: &City, station: u32) -> Option<ScopePath> {
    let station = city.stations.iter().find(|s| s.id == station)?;
    let division = city.divisions.iter().find(|d| d.id == station.division)?;
    Some(ScopePath {
        district: city.district.id,
        zone: division.zone,
        division: division.id,
        station: station.id,
    })
}

fn scopes(city: &City) -> Vec<Change> {
    let node = |level, id, name: &str, parent| ScopeRecord {
        scope: Scope::new(level, id),
        name: name.into(),
        parent,
        path: None,
        site: None,
        filters: None,
        alert_rules: None,
    };
    let district = Scope::new(Level::District, city.district.id);
    let mut records = vec![node(Level::District, city.district.id, city.district.name, None)];
    records.extend(city.zones.iter().map(|zone| node(Level::Zone, zone.id, zone.name, Some(district))));
    records.extend(city.divisions.iter().map(|division| {
        node(Level::Division, division.id, division.name, Some(Scope::new(Level::Zone, division.zone)))
    }));
    records.extend(city.stations.iter().map(|station| ScopeRecord {
        path: path(city, station.id),
        site: Some((station.lat, station.lon)),
        ..node(Level::Station, station.id, station.name, Some(Scope::new(Level::Division, station.division)))
    }));
    records.into_iter().map(Change::PutScope).collect()
}
