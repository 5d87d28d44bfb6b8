//! Several nodes over one registry.

use super::*;
use crate::{
    memory::MemoryBus,
    ports::{AlertsOf, Change, Commit, Committed, Records, TaskRecord, TasksOf, TimeRange},
};
use async_trait::async_trait;
use parking_lot::Mutex;
use sentinel_model::{
    Level, Patrol, Role, TaskId,
    geofence::{Circle, FenceRules, Geofence, Shape},
};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// A log of commits that any number of nodes share, and nothing else.
#[derive(Default)]
struct SharedLog(Mutex<Vec<Vec<Change>>>, AtomicUsize);

#[async_trait]
impl Registry for SharedLog {
    fn is_shared(&self) -> bool {
        true
    }
    async fn load(&self, _: Time) -> Result<Records, EngineError> {
        Ok(Records::default())
    }
    async fn commit(&self, at: u64, changes: Vec<Change>) -> Result<Commit, EngineError> {
        // Others come in between, as they do where the log is elsewhere.
        tokio::task::yield_now().await;
        let mut log = self.0.lock();
        if log.len() as u64 != at {
            return Ok(Commit::Behind);
        }
        log.push(changes);
        Ok(Commit::Done)
    }
    async fn since(&self, at: u64) -> Result<Vec<Committed>, EngineError> {
        self.1.fetch_add(1, Relaxed);
        tokio::task::yield_now().await;
        let log = self.0.lock();
        Ok((1..)
            .zip(log.iter().cloned())
            .skip(at as usize)
            .map(|(at, changes)| Committed { at, changes })
            .collect())
    }
    async fn note_key_uses(&self, _: Vec<(String, Time)>) -> Result<(), EngineError> {
        Ok(())
    }
    async fn key_uses(&self) -> Result<std::collections::HashMap<String, Time>, EngineError> {
        Ok(std::collections::HashMap::new())
    }
    async fn patrol(&self, _: PatrolId) -> Result<Option<Patrol>, EngineError> {
        Ok(None)
    }
    async fn patrols_of(&self, _: &UnitId, _: TimeRange) -> Result<Vec<Patrol>, EngineError> {
        Ok(Vec::new())
    }
    async fn patrols_of_each(&self, _: Vec<(UnitId, Time)>) -> Result<Vec<Vec<Patrol>>, EngineError> {
        Ok(Vec::new())
    }
    async fn patrols_at(&self, _: &[sentinel_model::Scope], _: Time) -> Result<Vec<Patrol>, EngineError> {
        Ok(Vec::new())
    }
    async fn alerts_by_id(&self, _: &[String]) -> Result<Vec<AlertRecord>, EngineError> {
        Ok(Vec::new())
    }
    async fn alerts(
        &self,
        _: &AlertsOf,
        _: Option<(Time, String)>,
        _: usize,
    ) -> Result<Vec<AlertRecord>, EngineError> {
        Ok(Vec::new())
    }
    async fn task(&self, _: &TaskId) -> Result<Option<TaskRecord>, EngineError> {
        Ok(None)
    }
    async fn tasks(
        &self,
        _: &TasksOf,
        _: Option<(Time, TaskId)>,
        _: usize,
    ) -> Result<Vec<TaskRecord>, EngineError> {
        Ok(Vec::new())
    }
    async fn drop_ended(&self, _: Time) -> Result<(), EngineError> {
        Ok(())
    }
    async fn audit(
        &self,
        _: Option<&str>,
        _: usize,
    ) -> Result<Vec<sentinel_model::audit::AuditEntry>, EngineError> {
        Ok(Vec::new())
    }
    async fn secret(&self, _: &'static str) -> Result<[u8; 32], EngineError> {
        Ok([7; 32])
    }
    async fn secrets(&self) -> Result<Vec<(String, [u8; 32])>, EngineError> {
        Ok(Vec::new())
    }
    async fn put_secret(&self, _: &str, _: [u8; 32]) -> Result<(), EngineError> {
        Ok(())
    }
}

async fn nodes(n: usize) -> Vec<Arc<Directory>> {
    nodes_of(&Arc::default(), n).await
}

async fn nodes_of(log: &Arc<SharedLog>, n: usize) -> Vec<Arc<Directory>> {
    let load = |_| Directory::load(log.clone(), Arc::new(MemoryBus::new("an epoch")), Time(0));
    let loaded = futures::future::join_all((0..n).map(load)).await;
    loaded.into_iter().map(|node| Arc::new(node.expect("loads"))).collect()
}

fn zone(n: u32) -> Scope {
    Scope::new(Level::Zone, n)
}

fn named(n: u32, name: &str) -> Change {
    Change::PutScope(ScopeRecord {
        scope: zone(n),
        name: name.into(),
        parent: None,
        path: None,
        site: None,
        filters: None,
        alert_rules: None,
    })
}

fn user(version: u32, disabled: bool) -> Change {
    Change::PutUser(UserRecord {
        username: "chief5".parse().expect("a good name"),
        name: "Chief".into(),
        role: Role::Chief,
        scope: Scope::station(5),
        disabled,
        password_hash: String::new(),
        credentials_version: version,
    })
}

#[derive(Debug)]
struct Taken;

impl From<EngineError> for Taken {
    fn from(error: EngineError) -> Self {
        panic!("{error:?}")
    }
}

async fn make(node: &Arc<Directory>, n: u32, name: &str) -> Result<(), Taken> {
    let free = || match node.scope(zone(n)) {
        Some(_) => Err(Taken),
        None => Ok((vec![named(n, name)], ())),
    };
    node.change(free).await
}

#[tokio::test]
async fn what_two_nodes_would_both_make_one_makes() {
    let nodes = nodes(3).await;
    for n in 0..50 {
        let names = ["a", "b", "c"];
        let made =
            futures::future::join_all(nodes.iter().zip(names).map(|(node, name)| make(node, n, name))).await;
        let winner: Vec<&str> =
            made.iter().zip(names).filter(|(made, _)| made.is_ok()).map(|(_, name)| name).collect();
        assert_eq!(winner.len(), 1, "{made:?}");
        for node in &nodes {
            node.catch_up().await.expect("reads");
            assert_eq!(node.scope(zone(n)).expect("it is there").name, winner[0]);
        }
    }
}

#[tokio::test]
async fn changes_of_many_nodes_are_all_kept_and_every_node_shows_the_same() {
    let nodes = nodes(4).await;
    let making = (0..200).map(|n| make(&nodes[n as usize % nodes.len()], n, "a zone"));
    for made in futures::future::join_all(making).await {
        made.expect("nobody else makes it");
    }
    for node in &nodes {
        node.catch_up().await.expect("reads");
        assert_eq!(node.scopes().len(), 200);
        assert_eq!(*node.at.lock().await, 200, "no commit is missing and none is twice");
    }
}

#[tokio::test]
async fn a_change_that_needs_nothing_commits_nothing() {
    let nodes = nodes(1).await;
    nodes[0].put(Vec::new()).await.expect("nothing to do");
    assert_eq!(*nodes[0].at.lock().await, 0);
}

#[tokio::test]
async fn what_another_node_is_told_to_have_changed_shows_at_once_and_ends_credentials_here() {
    let nodes = nodes(2).await;
    let ended = Arc::new(Mutex::new(Vec::new()));
    let told = ended.clone();
    nodes[1].when_ended(move |directory, ended| {
        let disabled = directory.user("chief5").is_some_and(|user| user.disabled);
        told.lock().push((ended.clone(), disabled));
    });
    let stop = tokio_util::sync::CancellationToken::new();
    let follower = nodes[1].clone();
    let follow = tokio::spawn({
        let stop = stop.clone();
        async move { follower.follow(stop).await }
    });
    nodes[0].put(vec![user(1, false)]).await.expect("commits");
    nodes[0].put(vec![user(2, false)]).await.expect("commits");
    nodes[0].put(vec![user(2, true)]).await.expect("commits");
    nodes[1].hear_of(3);
    let shown = async {
        while ended.lock().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(1), shown).await.expect("before it looks by itself");
    let name: UserName = "chief5".parse().expect("a good name");
    let is_told = |disabled| (Ended::User { name: name.clone() }, disabled);
    assert_eq!(ended.lock()[1], is_told(true), "when it is told, it shows");
    assert_eq!(ended.lock().len(), 2, "the first version ended nothing");
    stop.cancel();
    follow.await.expect("it stops");
}

#[tokio::test]
async fn a_refusal_counts_by_the_newest_records() {
    let nodes = nodes(2).await;
    make(&nodes[0], 1, "a").await.expect("it is free");
    let rename = || match nodes[1].scope(zone(1)) {
        None => Err(Taken),
        Some(_) => Ok((vec![named(1, "b")], ())),
    };
    nodes[1].change(rename).await.expect("the other node's zone is found");
    nodes[0].freshen().await;
    assert_eq!(nodes[0].scope(zone(1)).expect("it is there").name, "b");
}

#[tokio::test]
async fn who_misses_something_together_looks_once() {
    let log = Arc::default();
    let nodes = nodes_of(&log, 2).await;
    make(&nodes[0], 1, "a").await.expect("it is free");
    let before = log.1.load(Relaxed);
    let looking = futures::future::join_all((0..100).map(|_| async {
        nodes[1].freshen().await;
        assert!(nodes[1].scope(zone(1)).is_some(), "each finds it afterwards");
    }));
    looking.await;
    assert!(log.1.load(Relaxed) - before <= 2, "{} looks", log.1.load(Relaxed) - before);
}

fn child(scope: Scope, parent: Scope) -> Change {
    let Change::PutScope(record) = named(0, "a scope") else { unreachable!("it puts a scope") };
    Change::PutScope(ScopeRecord { scope, parent: Some(parent), ..record })
}

fn fence(id: &str, scope: Scope) -> Change {
    Change::PutFence(Geofence {
        id: id.into(),
        name: id.into(),
        scope,
        shape: Shape::Circle(Circle { latitude: 9.5, longitude: 76.25, radius_m: 100.0 }),
        on: FenceRules::default(),
        enabled: true,
        created_at: Time(0),
        updated_at: Time(0),
        created_by: "user:boss".into(),
    })
}

#[tokio::test]
async fn fences_of_a_scope_are_its_own_those_in_it_and_those_above_and_each_change_counts_on_every_node() {
    let nodes = nodes(2).await;
    let (here, there) = (&nodes[0], &nodes[1]);
    let division = Scope::new(Level::Division, 7);
    let tree =
        [named(1, "one"), named(2, "two"), child(division, zone(1)), child(Scope::station(5), division)];
    here.put(tree.into()).await.expect("commits");
    let none = here.fences_version();
    let fences = [("a", zone(1)), ("b", division), ("c", Scope::station(5)), ("d", zone(2))];
    here.put(fences.map(|(id, scope)| fence(id, scope)).into()).await.expect("commits");
    let some = here.fences_version();
    assert!(some > none);
    here.put(vec![named(1, "another name")]).await.expect("commits");
    assert_eq!(here.fences_version(), some, "nothing of fences");
    there.freshen().await;
    for node in &nodes {
        let of = |scope| -> Vec<String> { node.fences(scope).iter().map(|fence| fence.id.clone()).collect() };
        assert_eq!(of(zone(1)), ["a", "b", "c"]);
        assert_eq!(of(division), ["a", "b", "c"]);
        assert_eq!(of(Scope::station(5)), ["a", "b", "c"]);
        assert_eq!((of(zone(2)), of(zone(3))), (vec!["d".to_owned()], vec![]));
        assert_eq!((node.all_fences().len(), node.fences_by_scope().values().sum::<usize>()), (4, 4));
    }
    let along = |scope| here.along(scope).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(along(division), BTreeSet::from([zone(1), division, Scope::station(5)]));
    assert_eq!(along(zone(1)), BTreeSet::from([zone(1), division, Scope::station(5)]));
    assert_eq!(along(zone(2)), BTreeSet::from([zone(2)]));
    let before = there.fences_version();
    here.put(vec![Change::DropFence { id: "b".into() }]).await.expect("commits");
    there.freshen().await;
    assert!(there.fence("b").is_none() && there.fence("a").is_some());
    assert!(there.fences_version() > before);
}
