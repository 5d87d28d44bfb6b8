use super::{EngineError, NewDelivery, TimeRange};
use async_trait::async_trait;
use sentinel_model::{
    Patrol, PatrolId, Permission, Role, Scope, ScopePath, TaskId, Time, UnitId, UserName,
    alert_rules::AlertRules,
    alerts::{Alert, AlertKind},
    audit::AuditEntry,
    dispatch::Task,
    filters::Filters,
    geofence::Geofence,
    webhook::WantedEvents,
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, fmt};

/// The durable records: hierarchy, units, people, keys, sessions, webhooks, fences,
/// patrols, alerts, tasks.
///
/// The running program works on its own copy in memory (`directory`), loaded at
/// start; every change is committed here first. A commit is atomic and on disk
/// before it answers. Commits are numbered one after the other, whichever node makes
/// them, and each is made on top of the last: who has not seen that is told so and
/// changes nothing.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Everything but ended patrols, acknowledged alerts, closed tasks and expired sessions.
    async fn load(&self, now: Time) -> Result<Records, EngineError>;

    /// Whether other nodes may commit too.
    fn is_shared(&self) -> bool {
        false
    }

    /// All of the changes or none, as the commit after `at`.
    async fn commit(&self, at: u64, changes: Vec<Change>) -> Result<Commit, EngineError>;

    /// The commits after `at`, in order; empty where there are none, and always where no
    /// other node can commit.
    async fn since(&self, at: u64) -> Result<Vec<Committed>, EngineError>;

    /// Notes when keys were last used: beside the commits, which do not count it, and never
    /// back in time but where two nodes note one key at once.
    async fn note_key_uses(&self, uses: Vec<(String, Time)>) -> Result<(), EngineError>;

    /// When each key was last used, by what was noted.
    async fn key_uses(&self) -> Result<HashMap<String, Time>, EngineError>;

    async fn patrol(&self, id: PatrolId) -> Result<Option<Patrol>, EngineError>;

    /// A unit's patrols that overlap a range, oldest first.
    async fn patrols_of(&self, unit: &UnitId, range: TimeRange) -> Result<Vec<Patrol>, EngineError>;

    /// For each unit with a moment of its own, in the order asked, its patrols active then.
    async fn patrols_of_each(&self, moments: Vec<(UnitId, Time)>) -> Result<Vec<Vec<Patrol>>, EngineError>;

    /// The patrols of these stations that were active at a moment.
    async fn patrols_at(&self, stations: &[Scope], at: Time) -> Result<Vec<Patrol>, EngineError>;

    /// Entries of the audit log before the one of this id, or from the newest, newest first.
    async fn audit(&self, before: Option<&str>, limit: usize) -> Result<Vec<AuditEntry>, EngineError>;

    /// Those of these ids that there are, in any order.
    async fn alerts_by_id(&self, ids: &[String]) -> Result<Vec<AlertRecord>, EngineError>;

    /// Alerts from behind `(at, id)`, or from the newest, newest first.
    async fn alerts(
        &self,
        of: &AlertsOf,
        behind: Option<(Time, String)>,
        limit: usize,
    ) -> Result<Vec<AlertRecord>, EngineError>;

    /// Forgets the acknowledged alerts and the closed tasks that are from before a time.
    async fn drop_ended(&self, before: Time) -> Result<(), EngineError>;

    async fn task(&self, id: &TaskId) -> Result<Option<TaskRecord>, EngineError>;

    /// Tasks from behind `(created_at, id)`, or from the newest, newest first.
    async fn tasks(
        &self,
        of: &TasksOf,
        behind: Option<(Time, TaskId)>,
        limit: usize,
    ) -> Result<Vec<TaskRecord>, EngineError>;

    /// The installation's secret of that name, made at first asking: 32 random bytes.
    async fn secret(&self, name: &'static str) -> Result<[u8; 32], EngineError>;

    /// Every secret that was made, by name.
    async fn secrets(&self) -> Result<Vec<(String, [u8; 32])>, EngineError>;

    /// Makes a secret what it is in another installation, in place of one that was made
    /// here. Who has read that one goes on with it.
    async fn put_secret(&self, name: &str, secret: [u8; 32]) -> Result<(), EngineError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    Done,
    /// Something was committed since `at`: nothing was changed.
    Behind,
}

/// A commit as other nodes read it.
#[derive(Debug, Clone)]
pub struct Committed {
    pub at: u64,
    pub changes: Vec<Change>,
}

#[derive(Debug, Default)]
pub struct Records {
    /// The last commit that these hold.
    pub at: u64,
    pub scopes: Vec<ScopeRecord>,
    pub units: Vec<UnitRecord>,
    pub users: Vec<UserRecord>,
    pub keys: Vec<KeyRecord>,
    pub sessions: Vec<SessionRecord>,
    pub webhooks: Vec<WebhookRecord>,
    pub fences: Vec<Geofence>,
    /// Active ones.
    pub patrols: Vec<Patrol>,
    /// The open ones, at most [`OPEN_ALERTS_MAX`]: [`most_pressing`].
    pub alerts: Vec<AlertRecord>,
    /// The open ones.
    pub tasks: Vec<TaskRecord>,
    /// The highest [`TaskRecord::number`] that was ever given, 0 where none was.
    pub last_task: u64,
}

/// One durable change; `Put` makes or replaces the record of that id. A patrol stays its
/// unit's: a commit that would give its id to another unit fails.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Change {
    PutScope(ScopeRecord),
    PutUnit(UnitRecord),
    PutUser(UserRecord),
    PutKey(KeyRecord),
    PutSession(SessionRecord),
    DropSession {
        hash: String,
    },
    PutPatrol(Patrol),
    PutWebhook(WebhookRecord),
    DropWebhook {
        id: String,
    },
    PutFence(Geofence),
    DropFence {
        id: String,
    },
    PutAlert(AlertRecord),
    DropAlert {
        id: String,
    },
    PutTask(TaskRecord),
    /// Into the [`Outbox`](super::Outbox), where none of that id is there. Not among what is loaded.
    PutDelivery(NewDelivery),
    /// Adds to the audit log.
    Audit(AuditEntry),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScopeRecord {
    pub scope: Scope,
    pub name: String,
    pub parent: Option<Scope>,
    /// Of a station: its ancestors' ids, so that a patrol starts by one look-up.
    pub path: Option<ScopePath>,
    /// Of a station: where it stands, degrees.
    pub site: Option<(f64, f64)>,
    /// Of what is in it and has none nearer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Filters>,
    /// The same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert_rules: Option<AlertRules>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitRecord {
    pub id: UnitId,
    pub name: String,
    pub kind: String,
    /// The stations it belonged to, oldest first, never empty; the last is today's.
    pub homes: Vec<Home>,
    /// SHA-256 of the ingest token, hex.
    pub token_hash: String,
    pub created_at: Time,
    /// Somebody started or ended a patrol of it: from then on only people and
    /// programs do, and a fix no longer starts one by itself.
    #[serde(default)]
    pub patrols_managed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// From this time on; the first one's holds for all time before too.
    pub from: Time,
    pub path: ScopePath,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserRecord {
    pub username: UserName,
    pub name: String,
    pub role: Role,
    pub scope: Scope,
    pub disabled: bool,
    /// Argon2id, PHC string.
    pub password_hash: String,
    /// Counts up when password, role, scope or disabled change: older sessions and JWTs end.
    pub credentials_version: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyRecord {
    pub id: String,
    pub name: String,
    pub scope: Scope,
    pub permissions: Vec<Permission>,
    /// SHA-256 of the key, hex.
    pub hash: String,
    pub created_at: Time,
    pub expires_at: Option<Time>,
    pub revoked: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// SHA-256 of the cookie's token, hex.
    pub hash: String,
    pub username: UserName,
    pub credentials_version: u32,
    pub expires_at: Time,
}

/// Open alerts that the running program holds; others are found in the records alone.
pub const OPEN_ALERTS_MAX: usize = 10_000;

/// An alert, and the path of its station when it was raised: who sees a scope of it sees the alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertRecord {
    pub alert: Alert,
    pub path: ScopePath,
}

/// What sorts alerts by how much they press: calls for help are more than anything else, then the
/// newest.
pub fn urgency(alert: &Alert) -> (bool, Time, &str) {
    (alert.kind == AlertKind::Sos, alert.at, &alert.id)
}

/// Keeps what the running program holds of open alerts: calls for help, then the newest.
pub fn most_pressing(mut alerts: Vec<AlertRecord>) -> Vec<AlertRecord> {
    alerts.sort_by(|a, b| urgency(&b.alert).cmp(&urgency(&a.alert)));
    alerts.dedup_by(|a, b| a.alert.id == b.alert.id);
    alerts.truncate(OPEN_ALERTS_MAX);
    alerts
}

/// Which alerts are looked for; what is none does not matter.
#[derive(Debug, Clone, Default)]
pub struct AlertsOf {
    pub scope: Option<Scope>,
    pub is_open: Option<bool>,
    pub kind: Option<AlertKind>,
    pub unit: Option<UnitId>,
}

/// Open tasks that there may be: the running program holds all of them.
pub const OPEN_TASKS_MAX: usize = 20_000;

/// An incident or an order, and who sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    pub task: Task,
    /// Counts the tasks whose id was made here; 0 where it came from elsewhere.
    pub number: u64,
    /// Every scope that sees it, with all that are above: its own and those that it was ever
    /// handed over from, and those of the stations whose units it was ever assigned to. They only
    /// grow: who had a task may read how it ended.
    pub scopes: Vec<Scope>,
    /// The links by which a customer follows an order, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkRecord>,
}

/// A link of an order. Its token is made from its id and a secret, so that it can be shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    pub id: String,
    pub created_at: Time,
    /// `user:chief5` or `key:1f…`.
    pub created_by: String,
    pub expires_at: Time,
    pub revoked_at: Option<Time>,
}

impl TaskRecord {
    /// What it is found by: the scopes that see it, and `unit:PC-1` for each unit that it was
    /// assigned to.
    pub fn keys(&self) -> Vec<String> {
        let scopes = self.scopes.iter().map(Scope::to_string);
        let units = self.task.assignments.iter().map(|assignment| unit_key(&assignment.unit_id));
        let mut keys: Vec<String> = scopes.chain(units).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

fn unit_key(unit: &UnitId) -> String {
    format!("unit:{unit}")
}

/// Which tasks are looked for; what is none does not matter.
#[derive(Debug, Clone, Default)]
pub struct TasksOf {
    pub is_order: Option<bool>,
    pub is_open: Option<bool>,
    /// That see it.
    pub scope: Option<Scope>,
    /// That it was ever assigned to.
    pub unit: Option<UnitId>,
}

impl TasksOf {
    /// Those of [`TaskRecord::keys`] that it must have, the one that the fewest have last.
    pub fn keys(&self) -> Vec<String> {
        let scope = self.scope.iter().map(Scope::to_string);
        scope.chain(self.unit.iter().map(unit_key)).collect()
    }
}

/// An endpoint that is told of what happens in a scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookRecord {
    pub id: String,
    pub name: String,
    pub url: String,
    pub scope: Scope,
    pub events: WantedEvents,
    pub enabled: bool,
    pub disabled_because: Option<String>,
    pub failing_since: Option<Time>,
    pub created_at: Time,
    /// The newest first, never empty. They must be readable to sign with, as the signing key
    /// of sign-ins must, and lie beside it: encrypted, their key would lie there too.
    pub secrets: Vec<SigningSecret>,
}

/// `whsec_` and base64.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct SigningSecret {
    pub text: String,
    /// None of the newest.
    pub until: Option<Time>,
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecret(hidden, until {:?})", self.until)
    }
}
