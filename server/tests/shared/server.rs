//! A whole server in this process, on a free port, over a folder of its own.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use sentinel_model::{Level, PatrolId, Permission, Role, Scope, ScopePath, Time, UnitId, live::ServerFrame};
use sentinel_server::{
    auth::{
        password::{PasswordCost, hash_now},
        secret,
    },
    clock::Clock,
    config::{Config, ServeArgs},
    http,
    ports::{Change, Home, KeyRecord, ScopeRecord, UnitRecord, UserRecord},
    state::Sentinel,
    wiring::{self, Running},
};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// 2026-11-21T02:00:00Z, when every test's clock begins.
pub const START: Time = Time(1_795_226_400_000);
pub const PASSWORD: &str = "a password for tests";
/// How long anything may take that is waited for.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Device time, seconds from the beginning.
pub fn at(seconds: i64) -> Time {
    START.plus_ms(seconds * 1000)
}

pub fn id(text: &str) -> UnitId {
    text.parse().expect("a good id")
}

pub fn zone(id: u32) -> Scope {
    Scope::new(Level::Zone, id)
}

pub const DISTRICT: Scope = Scope::new(Level::District, 1);

/// Zone 3 holds stations 5 and 6 (division 2), zone 4 holds station 9 (division 7).
pub fn path(station: u32) -> ScopePath {
    match station {
        5 | 6 => ScopePath { district: 1, zone: 3, division: 2, station },
        _ => ScopePath { district: 1, zone: 4, division: 7, station },
    }
}

/// A server clock that moves on by a millisecond each time it is read, so that no
/// two instants are the same, and further when a test turns it.
#[derive(Clone)]
pub struct Turned(Arc<AtomicI64>);

impl Turned {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START.0)))
    }

    pub fn clock(&self) -> Clock {
        let now = self.0.clone();
        Clock::from_fn(move || Time(now.fetch_add(1, Ordering::Relaxed)))
    }

    pub fn turn(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    pub fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }
}

/// One recorder for all servers of this process: what is counted is counted once.
fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().expect("it is the first")).clone()
}

pub struct Server {
    pub sentinel: Arc<Sentinel>,
    pub address: SocketAddr,
    pub clock: Turned,
    config: Config,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    running: Running,
    pub folder: Arc<tempfile::TempDir>,
    client: reqwest::Client,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn message(&self) -> &str {
        self.json["message"].as_str().unwrap_or_default()
    }

    /// The answer as what it should be.
    #[track_caller]
    pub fn as_a<T: serde::de::DeserializeOwned>(&self) -> T {
        assert!(self.status.is_success(), "{}: {}", self.status, self.text);
        serde_json::from_value(self.json.clone()).expect("it is of that shape")
    }
}

impl Server {
    /// A server with the small city of [`city`] in it.
    pub async fn start() -> Self {
        Self::start_with(ServeArgs::default()).await
    }

    pub async fn start_with(args: ServeArgs) -> Self {
        let server = Self::start_empty_with(args).await;
        server.change(city()).await;
        server
    }

    /// One that knows of nothing.
    pub async fn start_empty_with(args: ServeArgs) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let config = args.settle().expect("settles");
        Self::over(folder, config, Turned::new()).await
    }

    /// One over these settings; where they name no shared engines, over the folder.
    pub async fn over(folder: Arc<tempfile::TempDir>, config: Config, clock: Turned) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        Self::at(listener, folder, config, clock).await
    }

    pub async fn at(
        listener: TcpListener,
        folder: Arc<tempfile::TempDir>,
        config: Config,
        clock: Turned,
    ) -> Self {
        let address = listener.local_addr().expect("it has an address");
        let config = Config { data: folder.path().to_owned(), listen: address, ..config };
        let stop = CancellationToken::new();
        let running =
            wiring::start(&config, clock.clock(), metrics(), stop.clone()).await.expect("it starts");
        let sentinel = running.sentinel.clone();
        let router = http::router(sentinel.clone());
        let serving = tokio::spawn(http::listen::serve(listener, None, router, stop.clone()));
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { sentinel, address, clock, config, stop, serving, running, folder, client }
    }

    /// Asks the server to stop, as SIGTERM does.
    pub fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// Stops, and starts again over the same folder; the clock goes on.
    pub async fn restart(self) -> Self {
        let (folder, config, clock) = (self.folder.clone(), self.config.clone(), self.clock.clone());
        self.end().await;
        Self::over(folder, config, clock).await
    }

    pub async fn end(self) {
        let Self { sentinel, stop, serving, running, .. } = self;
        stop.cancel();
        serving.await.expect("it ends");
        running.end().await;
        // Sockets that were told to go may still hold it for a moment.
        let held = Arc::downgrade(&sentinel);
        drop(sentinel);
        eventually("the server is gone", || async { held.strong_count() == 0 }).await;
    }

    /// Where an embedded server keeps its files.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub async fn change(&self, changes: Vec<Change>) {
        self.sentinel.directory.put(changes).await.expect("commits");
    }

    /// Makes a unit of a station; answers its ingest token.
    pub async fn unit(&self, name: &str, station: u32) -> String {
        let token = secret::mint(secret::Kind::Unit);
        self.change(vec![unit(name, station, token.hash)]).await;
        token.text
    }

    pub async fn key(&self, scope: Scope, permissions: &[Permission]) -> String {
        self.key_named(&secret::random_id(), scope, permissions).await
    }

    pub async fn key_named(&self, id: &str, scope: Scope, permissions: &[Permission]) -> String {
        let made = secret::mint(secret::Kind::Key);
        let record = KeyRecord {
            id: id.into(),
            name: id.into(),
            scope,
            permissions: permissions.to_vec(),
            hash: made.hash,
            created_at: START,
            expires_at: None,
            revoked: false,
        };
        self.change(vec![Change::PutKey(record)]).await;
        made.text
    }

    /// A JWT of somebody of the city.
    pub async fn sign_in(&self, name: &str) -> String {
        let body = json!({"username": name, "password": PASSWORD});
        let answer = self.post("", "/api/v1/auth/login", body).await;
        answer.json["token"].as_str().unwrap_or_else(|| panic!("no token: {}", answer.text)).to_owned()
    }

    /// A session cookie, as a browser sends it back.
    pub async fn cookie(&self, name: &str) -> String {
        let form = format!("username={name}&password={}&next=/", PASSWORD.replace(' ', "+"));
        let request = self
            .request(Method::POST, "", "/login")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let answer = send(request).await;
        answer.header("set-cookie").split(';').next().expect("a cookie").to_owned()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request with a Bearer token, a session cookie (`name=value`), or without either.
    pub fn request(&self, method: Method, credential: &str, path: &str) -> RequestBuilder {
        let request = self.client.request(method, self.url(path)).timeout(DEADLINE);
        match credential {
            "" => request,
            cookie if cookie.starts_with("sentinel_session=") => request.header("cookie", cookie),
            token => request.bearer_auth(token),
        }
    }

    pub async fn get(&self, credential: &str, path: &str) -> Answer {
        send(self.request(Method::GET, credential, path)).await
    }

    pub async fn post(&self, credential: &str, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, credential, path).json(&body)).await
    }

    /// Posts native positions; all must be accepted.
    pub async fn fixes(&self, token: &str, fixes: &[Value]) {
        let answer = self.post(token, "/api/v1/locations", json!({"location": fixes})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.json["rejected"], json!([]), "{}", answer.text);
    }

    /// Starts a patrol by hand, as the administrator.
    pub async fn start_patrol(&self, unit: &str, station: u32) -> PatrolId {
        let (patrol, _) = self
            .sentinel
            .patrols
            .start(&id(unit), Some(path(station)), sentinel_server::patrols::Started::ByHand)
            .await
            .expect("starts");
        patrol.id
    }

    pub async fn end_patrol(&self, patrol: PatrolId) {
        self.sentinel.patrols.end(patrol).await.expect("ends");
    }

    /// The device times of a unit's whole route, as the administrator reads it.
    pub async fn stored_times(&self, admin: &str, unit: &str) -> Vec<Time> {
        let path = format!(
            "/api/v1/units/{unit}/route?start_time=1971-01-01T00:00:00Z&end_time=2100-01-01T00:00:00Z&max_points=100000"
        );
        let route: sentinel_model::RouteAnswer = self.get(admin, &path).await.as_a();
        assert_eq!(route.total, route.points.len() as u64);
        route.points.iter().map(|point| point.time).collect()
    }
}

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.expect("a whole body");
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status, headers, text, json }
}

/// A native position record.
pub fn fix(time: Time, latitude: f64, longitude: f64) -> Value {
    json!({"timestamp": time, "coords": {"latitude": latitude, "longitude": longitude}})
}

/// Sends a call for help as devices do: again where it is answered 503, as it could not be kept
/// in time on a machine that stands still.
pub async fn send_until_heard(request: RequestBuilder) -> Answer {
    let until = tokio::time::Instant::now() + DEADLINE;
    loop {
        let answer = send(request.try_clone().expect("its body is at hand")).await;
        if answer.status != StatusCode::SERVICE_UNAVAILABLE || tokio::time::Instant::now() > until {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until something holds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    within(DEADLINE, what, holds).await;
}

pub async fn within<F: Future<Output = bool>>(time: Duration, what: &str, holds: impl Fn() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(time, waiting).await.unwrap_or_else(|_| panic!("never came: {what}"));
}

/// What a frame says of units' positions: of a snapshot, a change, or a join.
pub fn positions_in(frame: &ServerFrame) -> Vec<sentinel_model::live::LiveUnit> {
    match frame {
        ServerFrame::Snapshot(snapshot) => snapshot.units.clone(),
        ServerFrame::Positions(positions) => positions.units.clone(),
        ServerFrame::Event(sentinel_model::live::Event::UnitJoined(joined)) => vec![joined.unit.clone()],
        _ => Vec::new(),
    }
}

pub fn unit(name: &str, station: u32, token_hash: String) -> Change {
    Change::PutUnit(UnitRecord {
        id: id(name),
        name: name.into(),
        kind: "van".into(),
        homes: vec![Home { from: START, path: path(station) }],
        token_hash,
        created_at: START,
        patrols_managed: false,
    })
}

pub fn user(name: &str, role: Role, scope: Scope) -> UserRecord {
    UserRecord {
        username: name.parse().expect("a good name"),
        name: name.into(),
        role,
        scope,
        disabled: false,
        password_hash: hash_now(PasswordCost::LEAST, PASSWORD).expect("hashes"),
        credentials_version: 1,
    }
}

/// The hierarchy of [`path`], and people: `admin` (district:1), `zone3`, `zone4`
/// (commanders), `chief5`, `chief6`, `chief9`, `viewer5`, `dispatcher` (district:1).
pub fn city() -> Vec<Change> {
    let scope = |scope, parent, path: Option<ScopePath>| {
        let site = path.map(|_| (9.96, 76.29));
        Change::PutScope(ScopeRecord {
            scope,
            name: format!("the {scope}"),
            parent,
            path,
            site,
            filters: None,
            alert_rules: None,
        })
    };
    let mut changes = vec![scope(DISTRICT, None, None)];
    for (zone_id, division) in [(3, 2), (4, 7)] {
        changes.push(scope(zone(zone_id), Some(DISTRICT), None));
        changes.push(scope(Scope::new(Level::Division, division), Some(zone(zone_id)), None));
    }
    for station in [5, 6, 9] {
        let [_, _, division, own] = path(station).scopes();
        changes.push(scope(own, Some(division), Some(path(station))));
    }
    let people = [
        ("admin", Role::Admin, DISTRICT),
        ("dispatcher", Role::Dispatcher, DISTRICT),
        ("zone3", Role::Commander, zone(3)),
        ("zone4", Role::Commander, zone(4)),
        ("chief5", Role::Chief, Scope::station(5)),
        ("chief6", Role::Chief, Scope::station(6)),
        ("chief9", Role::Chief, Scope::station(9)),
        ("viewer5", Role::Viewer, Scope::station(5)),
    ];
    changes.extend(people.map(|(name, role, scope)| Change::PutUser(user(name, role, scope))));
    changes
}
