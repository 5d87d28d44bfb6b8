//! What every registry engine promises, told once and run over each.
//!
//! An engine joins with a [`Store`], which opens the same records each time and is none
//! where its server is not installed, and a line of [`registry_contract!`].

pub use crate::alerts::{
    a_page_of_alerts_goes_on_behind_its_last_also_within_a_millisecond,
    alerts_are_found_by_who_sees_them_newest_first_and_only_open_ones_are_loaded,
    dropped_alerts_are_gone_and_old_ones_go_once_they_are_acknowledged,
};
pub use crate::fences::{
    a_fence_is_kept_to_the_letter_replaced_and_dropped, what_a_scope_is_told_of_is_kept_with_it,
};
pub use crate::key_uses::when_keys_were_last_used_is_kept_and_never_goes_back;
pub use crate::tasks::{
    a_page_of_tasks_goes_on_behind_its_last_also_within_a_millisecond,
    a_report_counts_the_tasks_of_its_time_that_the_scope_sees,
    a_task_goes_through_every_state_and_reads_back_as_it_was,
    old_orders_go_also_where_each_brought_its_own_id,
    old_tasks_go_once_they_are_closed_and_no_number_is_given_twice,
    tasks_are_found_by_who_sees_them_and_whom_they_were_assigned_to_newest_first,
};
use async_trait::async_trait;
use sentinel_model::{Level, Patrol, PatrolId, Permission, Role, Scope, ScopePath, Time, UnitId};
use sentinel_server::ports::{
    Change, Commit, EngineError, Home, KeyRecord, Registry, ScopeRecord, SessionRecord, TimeRange,
    UnitRecord, UserRecord,
};

/// A place that keeps records while no engine is open on it.
#[async_trait]
pub trait Store: Send + Sync {
    async fn open(&self) -> Box<dyn Registry>;
}

/// One test a promise, each over a new store.
#[macro_export]
macro_rules! registry_contract {
    ($engine:ident, $store:expr $(, $($more:ident)*)?) => {
        mod $engine {
            use super::*;
            $crate::registry_contract!(@tests $store;
                $($($more)*)?
                everything_committed_is_there_after_reopening
                a_put_replaces_the_record_of_that_id
                a_commit_is_all_or_nothing
                a_unit_has_one_active_patrol
                a_patrol_s_id_is_never_another_unit_s
                the_next_patrol_may_start_in_the_commit_that_ends_the_last
                ended_patrols_are_not_loaded_but_found
                patrols_of_a_range_are_those_that_overlap_it
                each_unit_s_patrols_are_those_of_its_own_moment
                patrols_of_a_moment_are_those_active_then
                a_dropped_session_is_gone_and_an_expired_one_not_loaded
                a_secret_is_made_once
                when_keys_were_last_used_is_kept_and_never_goes_back
                secrets_are_taken_along_to_another_installation
                commits_from_many_tasks_are_all_kept
                alerts_are_found_by_who_sees_them_newest_first_and_only_open_ones_are_loaded
                a_page_of_alerts_goes_on_behind_its_last_also_within_a_millisecond
                dropped_alerts_are_gone_and_old_ones_go_once_they_are_acknowledged
                a_fence_is_kept_to_the_letter_replaced_and_dropped
                what_a_scope_is_told_of_is_kept_with_it
                tasks_are_found_by_who_sees_them_and_whom_they_were_assigned_to_newest_first
                a_page_of_tasks_goes_on_behind_its_last_also_within_a_millisecond
                a_report_counts_the_tasks_of_its_time_that_the_scope_sees
                old_tasks_go_once_they_are_closed_and_no_number_is_given_twice
                old_orders_go_also_where_each_brought_its_own_id
                a_task_goes_through_every_state_and_reads_back_as_it_was
            );
        }
    };
    (@tests $store:expr; $($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            if let Some(store) = $store {
                $crate::registry::$name(&store).await;
            }
        }
    )*};
}

mod engines {
    use super::*;
    use crate::mongo::{Kind, OnMongo};
    use sentinel_server::sqlite::SqliteRegistry;

    struct Sqlite(tempfile::TempDir);

    impl Sqlite {
        fn new() -> Option<Self> {
            Some(Self(tempfile::tempdir().expect("a folder")))
        }
    }

    #[async_trait]
    impl Store for Sqlite {
        async fn open(&self) -> Box<dyn Registry> {
            Box::new(SqliteRegistry::open(&self.0.path().join("records.db")).expect("opens"))
        }
    }

    // Many commits at once are one process's: nodes would stand in each other's way.
    registry_contract!(sqlite, Sqlite::new(), reads_do_not_wait_for_commits);
    registry_contract!(ferretdb, OnMongo::of(Kind::FerretDb));
    registry_contract!(mongo_java, OnMongo::of(Kind::JavaServer));
}

const NOW: Time = Time(1_795_226_400_000);

fn path() -> ScopePath {
    ScopePath { district: 1, zone: 3, division: 2, station: 5 }
}

fn scope(scope: Scope, parent: Option<Scope>) -> ScopeRecord {
    let is_station = scope.level == Level::Station;
    ScopeRecord {
        scope,
        name: format!("Ward “{scope}” – कोच्चि"),
        parent,
        path: is_station.then(path),
        site: is_station.then_some((9.966_123_456, 76.299_000_1)),
        filters: is_station
            .then(|| sentinel_model::filters::Filters { max_speed_mps: Some(70.1), ..Default::default() }),
        alert_rules: None,
    }
}

pub fn unit(id: &str) -> UnitRecord {
    UnitRecord {
        id: unit_id(id),
        name: id.to_lowercase(),
        kind: "patrol_car".into(),
        homes: vec![Home { from: Time(0), path: path() }, Home { from: NOW, path: path() }],
        token_hash: format!("hash of {id}"),
        created_at: NOW,
        patrols_managed: true,
    }
}

fn user(name: &str) -> UserRecord {
    UserRecord {
        username: name.parse().expect("a good name"),
        name: "Chief".into(),
        role: Role::Chief,
        scope: Scope::station(5),
        disabled: false,
        password_hash: "$argon2id$…".into(),
        credentials_version: 7,
    }
}

fn key(id: &str) -> KeyRecord {
    KeyRecord {
        id: id.into(),
        name: "depot".into(),
        scope: Scope::new(Level::Zone, 3),
        permissions: vec![Permission::Ingest, Permission::Read],
        hash: "h".into(),
        created_at: NOW,
        expires_at: Some(NOW.plus_ms(1)),
        revoked: true,
    }
}

pub fn session(hash: &str, expires_at: Time) -> SessionRecord {
    SessionRecord {
        hash: hash.into(),
        username: "chief5".parse().expect("a good name"),
        credentials_version: 7,
        expires_at,
    }
}

pub fn unit_id(id: &str) -> UnitId {
    id.parse().expect("a good id")
}

pub fn patrol(id: u64, unit: &str, started: i64, ended: Option<i64>) -> Patrol {
    Patrol {
        id: PatrolId(id),
        unit_id: unit_id(unit),
        station: Scope::station(5),
        started_at: Time(started),
        ended_at: ended.map(Time),
    }
}

pub fn ids(patrols: &[Patrol]) -> Vec<u64> {
    patrols.iter().map(|patrol| patrol.id.0).collect()
}

/// Commits on top of whatever is there.
async fn try_commit(registry: &dyn Registry, changes: Vec<Change>) -> Result<(), EngineError> {
    let mut at = registry.load(NOW).await?.at;
    while registry.commit(at, changes.clone()).await? == Commit::Behind {
        at = registry.since(at).await?.last().map_or(at, |commit| commit.at);
    }
    Ok(())
}

async fn commit(registry: &dyn Registry, changes: Vec<Change>) {
    try_commit(registry, changes).await.expect("commits");
}

pub async fn everything_committed_is_there_after_reopening(store: &impl Store) {
    let zone = Scope::new(Level::Zone, 3);
    let scopes = vec![scope(zone, None), scope(Scope::station(5), Some(zone))];
    let active = patrol(9_007_199_254_740_991, "PC-001", 5, None);
    let registry = store.open().await;
    let mut changes: Vec<_> = scopes.iter().cloned().map(Change::PutScope).collect();
    changes.extend([
        Change::PutUnit(unit("PC-001")),
        Change::PutUser(user("chief5")),
        Change::PutKey(key("k1")),
        Change::PutSession(session("s1", NOW.plus_ms(1))),
        Change::PutPatrol(active.clone()),
    ]);
    commit(&*registry, changes).await;
    drop(registry);

    let mut records = store.open().await.load(NOW).await.expect("loads");
    records.scopes.sort_by_key(|record| record.scope);
    assert_eq!(records.scopes, scopes);
    assert_eq!(records.units, [unit("PC-001")]);
    assert_eq!(records.users, [user("chief5")]);
    assert_eq!(records.keys, [key("k1")]);
    assert_eq!(records.sessions, [session("s1", NOW.plus_ms(1))]);
    assert_eq!(records.patrols, [active]);
}

pub async fn a_put_replaces_the_record_of_that_id(store: &impl Store) {
    let registry = store.open().await;
    commit(&*registry, vec![Change::PutUser(user("chief5")), Change::PutUser(user("zone3"))]).await;
    let changed = UserRecord { disabled: true, credentials_version: 8, ..user("chief5") };
    commit(&*registry, vec![Change::PutUser(changed.clone())]).await;
    let mut users = registry.load(NOW).await.expect("loads").users;
    users.sort_by(|a, b| a.username.cmp(&b.username));
    assert_eq!(users, [changed, user("zone3")]);
}

pub async fn a_commit_is_all_or_nothing(store: &impl Store) {
    let registry = store.open().await;
    let second_active = vec![
        Change::PutPatrol(patrol(1, "PC-001", 0, None)),
        Change::PutPatrol(patrol(2, "PC-001", 1, None)),
    ];
    let changes = [vec![Change::PutUnit(unit("PC-001"))], second_active].concat();
    assert!(try_commit(&*registry, changes).await.is_err());
    let records = registry.load(NOW).await.expect("loads");
    assert!(records.units.is_empty() && records.patrols.is_empty());
    commit(&*registry, vec![Change::PutUnit(unit("PC-001"))]).await;
}

pub async fn a_unit_has_one_active_patrol(store: &impl Store) {
    let registry = store.open().await;
    commit(&*registry, vec![Change::PutPatrol(patrol(1, "PC-001", 0, None))]).await;
    let second = vec![Change::PutPatrol(patrol(2, "PC-001", 1, None))];
    assert!(try_commit(&*registry, second).await.is_err());
    commit(&*registry, vec![Change::PutPatrol(patrol(3, "PC-002", 1, None))]).await;
    assert_eq!(registry.patrol(PatrolId(1)).await.expect("reads"), Some(patrol(1, "PC-001", 0, None)));
    assert_eq!(registry.patrol(PatrolId(2)).await.expect("reads"), None);
}

pub async fn a_patrol_s_id_is_never_another_unit_s(store: &impl Store) {
    let registry = store.open().await;
    let (active, ended) = (patrol(1, "PC-001", 0, None), patrol(2, "PC-001", -20, Some(-10)));
    commit(&*registry, [&active, &ended].map(|patrol| Change::PutPatrol(patrol.clone())).to_vec()).await;
    for taken in [active, ended] {
        let colliding = patrol(taken.id.0, "PC-002", 50, None);
        let changes = vec![Change::PutUnit(unit("PC-002")), Change::PutPatrol(colliding)];
        let error = try_commit(&*registry, changes).await.expect_err("the id is taken");
        let cause = std::error::Error::source(&error).expect("a cause").to_string();
        assert!(cause.contains(&taken.id.to_string()) && cause.contains("PC-002"), "{cause}");
        assert_eq!(registry.patrol(taken.id).await.expect("reads"), Some(taken), "it stays as it was");
        assert!(registry.load(NOW).await.expect("loads").units.is_empty(), "nothing of that commit stays");
    }
}

pub async fn the_next_patrol_may_start_in_the_commit_that_ends_the_last(store: &impl Store) {
    let registry = store.open().await;
    commit(&*registry, vec![Change::PutPatrol(patrol(1, "PC-001", 0, None))]).await;
    let ended = patrol(1, "PC-001", 0, Some(10));
    let next = patrol(2, "PC-001", 10, None);
    commit(&*registry, vec![Change::PutPatrol(ended), Change::PutPatrol(next.clone())]).await;
    assert_eq!(registry.load(NOW).await.expect("loads").patrols, [next]);
}

pub async fn ended_patrols_are_not_loaded_but_found(store: &impl Store) {
    let registry = store.open().await;
    let ended = patrol(1, "PC-001", 0, Some(10));
    commit(&*registry, vec![Change::PutPatrol(ended.clone())]).await;
    assert!(registry.load(NOW).await.expect("loads").patrols.is_empty());
    assert_eq!(registry.patrol(PatrolId(1)).await.expect("reads"), Some(ended));
    assert_eq!(registry.patrol(PatrolId(u64::MAX)).await.expect("reads"), None);
}

pub async fn patrols_of_a_range_are_those_that_overlap_it(store: &impl Store) {
    let registry = store.open().await;
    let puts = [
        patrol(3, "PC-001", 20, None),
        patrol(1, "PC-001", 0, Some(10)),
        patrol(2, "PC-001", 10, Some(20)),
        patrol(4, "PC-002", 0, None),
    ];
    commit(&*registry, puts.into_iter().map(Change::PutPatrol).collect()).await;
    for (from, to, expected) in [
        (0, 10, vec![1]),
        (9, 11, vec![1, 2]),
        (10, 20, vec![2]),
        (19, 21, vec![2, 3]),
        (1_000, 2_000, vec![3]),
        (-10, 0, vec![]),
    ] {
        let range = TimeRange { from: Time(from), to: Time(to) };
        let found = registry.patrols_of(&unit_id("PC-001"), range).await.expect("reads");
        assert_eq!(ids(&found), expected, "{from}..{to}");
    }
    let all = registry.patrols_of(&unit_id("PC-001"), TimeRange::ALL).await.expect("reads");
    assert_eq!(ids(&all), [1, 2, 3]);
    assert!(registry.patrols_of(&unit_id("PC-009"), TimeRange::ALL).await.expect("reads").is_empty());
}

pub async fn each_unit_s_patrols_are_those_of_its_own_moment(store: &impl Store) {
    let registry = store.open().await;
    let puts = [
        patrol(1, "PC-001", 0, Some(10)),
        patrol(2, "PC-001", 10, None),
        patrol(3, "PC-002", 5, Some(15)),
        patrol(4, "PC-002", 15, Some(15)),
    ];
    commit(&*registry, puts.into_iter().map(Change::PutPatrol).collect()).await;
    let asked = [
        ("PC-002", 14, vec![3]),
        ("PC-001", 9, vec![1]),
        ("PC-009", 9, vec![]),
        ("PC-001", 10, vec![2]),
        ("PC-002", 15, vec![]),
        ("PC-001", -1, vec![]),
    ];
    let moments = asked.iter().map(|(unit, at, _)| (unit_id(unit), Time(*at))).collect();
    let found = registry.patrols_of_each(moments).await.expect("reads");
    assert_eq!(found.iter().map(|patrols| ids(patrols)).collect::<Vec<_>>(), asked.map(|(.., ids)| ids));
    assert!(registry.patrols_of_each(Vec::new()).await.expect("reads").is_empty());
}

/// Asked behind a thousand commits, a read is answered while most of them still wait.
pub async fn reads_do_not_wait_for_commits(store: &impl Store) {
    let registry = store.open().await;
    let done = std::sync::atomic::AtomicUsize::new(0);
    let commits = (0..1000).map(|n| {
        let (registry, done) = (&registry, &done);
        async move {
            commit(&**registry, vec![Change::PutUnit(unit(&format!("PC-{n:03}")))]).await;
            done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    let read = async {
        registry.patrols_at(&[], NOW).await.expect("reads");
        done.load(std::sync::atomic::Ordering::Relaxed)
    };
    let (_, done_before) = futures::future::join(futures::future::join_all(commits), read).await;
    assert!(done_before < 900, "{done_before} commits came first");
}

pub async fn patrols_of_a_moment_are_those_active_then(store: &impl Store) {
    let registry = store.open().await;
    let puts = [
        patrol(1, "PC-001", 0, Some(10)),
        patrol(2, "PC-001", 10, None),
        patrol(3, "PC-002", 5, Some(15)),
        patrol(4, "PC-003", 12, None),
    ];
    commit(&*registry, puts.into_iter().map(Change::PutPatrol).collect()).await;
    for (at, expected) in
        [(-1, vec![]), (0, vec![1]), (9, vec![1, 3]), (10, vec![2, 3]), (14, vec![2, 3, 4]), (99, vec![2, 4])]
    {
        let mut found = ids(&crate::at_stations(&*registry, at).await);
        found.sort_unstable();
        assert_eq!(found, expected, "at {at}");
    }
    let there = registry.patrols_at(&[Scope::station(1), Scope::station(3)], Time(14)).await.expect("reads");
    assert_eq!(there, []);
    assert_eq!(registry.patrols_at(&[], Time(14)).await.expect("reads"), []);
}

pub async fn a_dropped_session_is_gone_and_an_expired_one_not_loaded(store: &impl Store) {
    let registry = store.open().await;
    let sessions = [("dropped", 10), ("expired", 0), ("open", 1)];
    let puts = sessions.map(|(hash, ms)| Change::PutSession(session(hash, NOW.plus_ms(ms))));
    commit(&*registry, puts.to_vec()).await;
    let drop_session = |hash: &str| Change::DropSession { hash: hash.into() };
    commit(&*registry, vec![drop_session("dropped"), drop_session("never was")]).await;
    assert_eq!(registry.load(NOW).await.expect("loads").sessions, [session("open", NOW.plus_ms(1))]);
}

pub async fn a_secret_is_made_once(store: &impl Store) {
    let registry = store.open().await;
    let made = registry.secret("jwt").await.expect("made");
    assert_ne!(made, [0; 32]);
    assert_ne!(registry.secret("other").await.expect("made"), made);
    drop(registry);
    assert_eq!(store.open().await.secret("jwt").await.expect("reads"), made);
}

pub async fn secrets_are_taken_along_to_another_installation(store: &impl Store) {
    let registry = store.open().await;
    assert_eq!(registry.secrets().await.expect("reads"), []);
    let made = registry.secret("jwt").await.expect("made");
    registry.put_secret("jwt", [9; 32]).await.expect("stored");
    registry.put_secret("another", made).await.expect("stored");
    drop(registry);
    let registry = store.open().await;
    assert_eq!(registry.secret("jwt").await.expect("reads"), [9; 32]);
    let all = registry.secrets().await.expect("reads");
    assert_eq!(all, [("another".to_owned(), made), ("jwt".to_owned(), [9; 32])]);
}

pub async fn commits_from_many_tasks_are_all_kept(store: &impl Store) {
    let registry = store.open().await;
    let names: Vec<_> = (0..40).map(|n| format!("PC-{n:03}")).collect();
    let commits = names.iter().map(|name| try_commit(&*registry, vec![Change::PutUnit(unit(name))]));
    for done in futures::future::join_all(commits).await {
        done.expect("commits");
    }
    drop(registry);
    let mut kept: Vec<_> = store.open().await.load(NOW).await.expect("loads").units;
    kept.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(kept, names.iter().map(|name| unit(name)).collect::<Vec<_>>());
}
