//! What a run needs from the server, got as any administrator would: sign in, make the
//! units that are not there yet, make a key for the run.

use super::{api::Api, course::Place, devices::Poster, http::Target};
use crate::load::LoadArgs;
use anyhow::Context;
use sentinel_model::{
    Permission, Scope, Time, Unit, UnitId,
    people::{LoginAnswer, LoginBody, NewApiKey, NewApiKeyAnswer},
    scope::{Level, NewScope, ScopeNode},
    unit::{NewUnit, NewUnitAnswer},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

/// Connections over which missing units are made.
const MAKERS: usize = 8;
/// Where units are put that belong to a station without a known site: the middle of Kochi.
const NOWHERE: Place = Place { lat_e6: 9_931_200, lon_e6: 76_267_300 };

pub struct Prepared {
    /// The nodes; everything that is not spread over them goes to the first.
    pub targets: Vec<Target>,
    pub posters: Vec<Poster>,
    /// Each unit's station and where that is.
    pub stations: Vec<Scope>,
    pub sites: Vec<Place>,
    pub tree: Tree,
    /// Reads and posts everything of the run.
    pub key: String,
    key_id: String,
    admin: Api,
    /// The newest device time that any of the units has: the run must begin after it.
    pub newest: Option<Time>,
}

impl Prepared {
    /// Takes the run's key back. A key that stays is untidy, not wrong: failing only warns.
    pub fn clean_up(&mut self) {
        let path = format!("/api/v1/api-keys/{}", self.key_id);
        // Again, because the connection may have ended while the load ran.
        if let Err(error) = self.admin.delete(&path).or_else(|_| self.admin.delete(&path)) {
            tracing::warn!("the key of this run could not be taken back: {error:#}");
        }
    }
}

/// The hierarchy as far as the signed-in person sees it.
pub struct Tree {
    parents: HashMap<Scope, Option<Scope>>,
}

impl Tree {
    pub fn new(nodes: &[ScopeNode]) -> Self {
        Self { parents: nodes.iter().map(|n| (n.scope, n.parent)).collect() }
    }

    pub fn covers(&self, scope: Scope, station: Scope) -> bool {
        let mut at = Some(station);
        while let Some(node) = at {
            if node == scope {
                return true;
            }
            at = self.parents.get(&node).copied().flatten();
        }
        false
    }

    /// What `--scopes` means: each word one scope, or all of a level, taken in turn.
    pub fn pick(&self, words: &[String], count: usize) -> anyhow::Result<Vec<Scope>> {
        let mut groups: Vec<Vec<Scope>> = Vec::new();
        for word in words {
            let mut group: Vec<Scope> = match Level::ALL.iter().find(|l| l.as_str() == word) {
                Some(level) => self.parents.keys().filter(|s| s.level == *level).copied().collect(),
                None => vec![word.parse().with_context(|| format!("--scopes {word:?}"))?],
            };
            group.sort();
            if !group.is_empty() {
                groups.push(group);
            }
        }
        anyhow::ensure!(!groups.is_empty() || count == 0, "none of the scopes of --scopes exists");
        Ok((0..count)
            .map(|i| {
                let group = &groups[i % groups.len()];
                group[i / groups.len() % group.len()]
            })
            .collect())
    }
}

/// Blocks.
pub fn prepare(args: &LoadArgs) -> anyhow::Result<Prepared> {
    let targets = args.url.iter().map(|url| Target::parse(url)).collect::<anyhow::Result<Vec<_>>>()?;
    let target = targets.first().context("--url is empty")?.clone();
    let timeout = Duration::from_secs(args.timeout.max(30));
    let mut admin = Api::new(target.clone(), timeout);
    let (token, top) = sign_in(&mut admin, args)?;
    let mut nodes: Vec<ScopeNode> =
        admin.list("/api/v1/scopes").context("the hierarchy could not be read")?;
    make_stations(&mut admin, top, &mut nodes, args.stations as usize)?;
    let sites: BTreeMap<Scope, Place> = nodes
        .iter()
        .filter(|n| n.scope.level == Level::Station)
        .map(|n| {
            let site = n.site_e6.map(|(lat, lon)| Place { lat_e6: lat.into(), lon_e6: lon.into() });
            (n.scope, site.unwrap_or(NOWHERE))
        })
        .collect();
    let existing: HashMap<String, Unit> = admin
        .list::<Unit>(&format!("/api/v1/units?scope={top}"))
        .context("the units could not be listed")?
        .into_iter()
        .map(|u| (u.id.to_string(), u))
        .collect();
    let stations: Vec<Scope> = sites.keys().copied().collect();
    let wanted: Vec<(UnitId, Scope)> = (0..args.units)
        .map(|i| {
            let id = format!("{}{i:04}", args.prefix());
            let station = stations[i as usize % stations.len()];
            id.parse().with_context(|| format!("--unit-prefix makes {id:?}")).map(|id| (id, station))
        })
        .collect::<anyhow::Result<_>>()?;
    let missing: Vec<_> =
        wanted.iter().filter(|(id, _)| !existing.contains_key(id.as_str())).cloned().collect();
    anyhow::ensure!(
        !args.unit_tokens || missing.len() == wanted.len(),
        "some units with the prefix {:?} exist and their tokens are not shown again; choose another --unit-prefix",
        args.prefix()
    );
    let tokens = make_units(&target, timeout, &token, &missing)?;
    let (key_id, key) = make_key(&mut admin, top)?;
    let shared: Arc<str> = key.as_str().into();
    let poster = |id: &UnitId| match tokens.get(id).filter(|_| args.unit_tokens) {
        Some(token) => Poster { id: id.to_string(), secret: token.as_str().into(), named: false },
        None => Poster { id: id.to_string(), secret: Arc::clone(&shared), named: true },
    };
    let posters = wanted.iter().map(|(id, _)| poster(id)).collect();
    // A unit that is there already stays where its administrator put it.
    let stations: Vec<Scope> = wanted
        .iter()
        .map(|(id, station)| existing.get(id.as_str()).map_or(*station, |u| u.station))
        .collect();
    Ok(Prepared {
        targets,
        posters,
        sites: stations.iter().map(|s| sites.get(s).copied().unwrap_or(NOWHERE)).collect(),
        stations,
        tree: Tree::new(&nodes),
        key,
        key_id,
        admin,
        newest: wanted
            .iter()
            .filter_map(|(id, _)| existing.get(id.as_str())?.location.as_ref().map(|l| l.time))
            .max(),
    })
}

pub fn sign_in(admin: &mut Api, args: &LoadArgs) -> anyhow::Result<(String, Scope)> {
    let body = LoginBody { username: args.username.clone(), password: args.password.clone() };
    let answer: LoginAnswer = admin
        .post("/api/v1/auth/login", &body)
        .with_context(|| format!("signing in at {}", args.url.join(",")))?;
    admin.authorize(answer.token.clone());
    Ok((answer.token, answer.user.scope))
}

/// Makes stations until there are `wanted`, in zones and divisions of their own.
fn make_stations(
    admin: &mut Api,
    top: Scope,
    nodes: &mut Vec<ScopeNode>,
    wanted: usize,
) -> anyhow::Result<()> {
    let there = nodes.iter().filter(|n| n.scope.level == Level::Station).count();
    let missing = wanted.saturating_sub(there);
    if missing > 1 {
        println!("making {missing} stations");
    }
    let mut parents = [top; Level::ALL.len()];
    for number in 0..missing {
        let mut parent = top;
        for (ix, level) in Level::ALL.into_iter().enumerate().filter(|(_, level)| *level > top.level) {
            let new = match level {
                Level::District | Level::Station => true,
                Level::Zone => number % 100 == 0,
                Level::Division => number % 10 == 0,
            };
            if new {
                let last = nodes.iter().map(|n| n.scope).filter(|s| s.level == level).map(|s| s.id).max();
                let scope = Scope::new(level, last.unwrap_or(0) + 1);
                let name = format!("Load {} {}", level.as_str(), scope.id);
                let new = NewScope { scope, name, parent, site: None };
                let made = admin.post("/api/v1/scopes", &new);
                nodes.push(made.with_context(|| format!("{scope} could not be made"))?);
                parents[ix] = scope;
            }
            parent = parents[ix];
        }
    }
    Ok(())
}

pub fn make_key(admin: &mut Api, scope: Scope) -> anyhow::Result<(String, String)> {
    let body = NewApiKey {
        name: "load run".into(),
        scope,
        permissions: vec![Permission::Ingest, Permission::Read],
        expires_at: None,
    };
    let made: NewApiKeyAnswer =
        admin.post("/api/v1/api-keys", &body).context("the key of the run could not be made")?;
    Ok((made.id, made.key))
}

/// Makes units over several connections; their tokens by id.
fn make_units(
    target: &Target,
    timeout: Duration,
    token: &str,
    missing: &[(UnitId, Scope)],
) -> anyhow::Result<HashMap<UnitId, String>> {
    if missing.is_empty() {
        return Ok(HashMap::new());
    }
    println!("making {} units", missing.len());
    let share = missing.len().div_ceil(MAKERS);
    let made = std::thread::scope(|threads| {
        let makers: Vec<_> = missing
            .chunks(share)
            .map(|part| {
                threads.spawn(move || {
                    let mut api = Api::new(target.clone(), timeout);
                    api.authorize(token.to_string());
                    part.iter().map(|(id, station)| make_unit(&mut api, id, *station)).collect::<Vec<_>>()
                })
            })
            .collect();
        makers
            .into_iter()
            .flat_map(|m| m.join().unwrap_or_else(|_| vec![Err(anyhow::anyhow!("a maker of units failed"))]))
            .collect::<Vec<_>>()
    });
    made.into_iter().collect()
}

fn make_unit(api: &mut Api, id: &UnitId, station: Scope) -> anyhow::Result<(UnitId, String)> {
    let body = NewUnit { id: id.clone(), name: None, kind: Some("load".into()), station };
    let made: NewUnitAnswer =
        api.post("/api/v1/units", &body).with_context(|| format!("unit {id} could not be made"))?;
    Ok((made.unit.id, made.ingest_token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::scope::ScopeCounts;

    fn tree() -> Tree {
        let node = |scope: &str, parent: Option<&str>| ScopeNode {
            scope: scope.parse().expect("a scope"),
            name: scope.into(),
            parent: parent.map(|p| p.parse().expect("a scope")),
            site_e6: None,
            counts: ScopeCounts::default(),
        };
        let nodes = [
            node("district:1", None),
            node("zone:1", Some("district:1")),
            node("zone:2", Some("district:1")),
            node("division:1", Some("zone:1")),
            node("station:1", Some("division:1")),
            node("station:2", Some("division:1")),
        ];
        Tree::new(&nodes)
    }

    #[test]
    fn a_scope_covers_the_stations_below_it() {
        let tree = tree();
        for scope in ["station:1", "division:1", "zone:1", "district:1"] {
            assert!(tree.covers(scope.parse().expect("a scope"), Scope::station(1)), "{scope}");
        }
        for scope in ["station:2", "zone:2"] {
            assert!(!tree.covers(scope.parse().expect("a scope"), Scope::station(1)), "{scope}");
        }
    }

    #[test]
    fn dashboards_are_spread_over_levels_and_then_over_their_scopes() {
        let picked = tree().pick(&["station".into(), "district".into()], 5).expect("they exist");
        let picked: Vec<String> = picked.iter().map(Scope::to_string).collect();
        assert_eq!(picked, ["station:1", "district:1", "station:2", "district:1", "station:1"]);
        let named = tree().pick(&["zone:2".into()], 2).expect("named");
        assert_eq!(named, vec![Scope::new(Level::Zone, 2); 2]);
        assert!(tree().pick(&["city".into()], 1).is_err());
    }
}
