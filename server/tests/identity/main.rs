//! Signing in, people, keys and the hierarchy, over HTTP and the records on disk.

mod api_keys;
mod endurance;
mod login;
mod own_password;
mod scopes;
mod users;

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode, Uri, header},
};
use metrics_exporter_prometheus::PrometheusBuilder;
use sentinel_model::{Level, Role, Scope, ScopePath, Time};
use sentinel_server::{
    auth::{
        ScopeGrant,
        password::{self, PasswordCost},
        secret::{self, Kind},
    },
    clock::Clock,
    config::ServeArgs,
    http,
    ports::{Change, Home, ScopeRecord, UnitRecord, UserRecord},
    state::Sentinel,
    wiring::{self, Running},
};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

const START: i64 = 1_795_226_400_000;
const PASSWORD: &str = "sentinel-demo";

/// A running identity over a folder of its own, and the people of a small city:
/// `admin` (district:1), `boss3` (admin of zone:3), `chief5`.
struct Server {
    app: Router,
    state: Arc<Sentinel>,
    now: Arc<AtomicI64>,
    folder: Arc<tempfile::TempDir>,
    running: Running,
    stop: CancellationToken,
}

struct Answer {
    status: StatusCode,
    location: String,
    cookie: String,
    retry_after: String,
    json: Value,
}

impl Server {
    async fn new() -> Self {
        Self::with(ServeArgs::default()).await
    }

    async fn with(args: ServeArgs) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let server = Self::over(folder, args).await;
        server.state.directory.put(city()).await.expect("commits");
        server
    }

    async fn over(folder: Arc<tempfile::TempDir>, args: ServeArgs) -> Self {
        let now = Arc::new(AtomicI64::new(START));
        let told = now.clone();
        let clock = Clock::from_fn(move || Time(told.load(Ordering::Relaxed)));
        let args = ServeArgs { data: Some(folder.path().into()), ..args };
        let config = args.settle().expect("settles");
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let stop = CancellationToken::new();
        let running = wiring::start(&config, clock, metrics, stop.clone()).await.expect("starts");
        let state = running.sentinel.clone();
        let app = Router::new()
            .merge(http::login::routes())
            .merge(http::users::routes())
            .merge(http::api_keys::routes())
            .merge(http::scopes::routes())
            .with_state(state.clone());
        Self { app, state, now, folder, running, stop }
    }

    /// The same folder, opened again after everything before is closed.
    async fn restart(self) -> Self {
        let Self { app, state, folder, running, stop, .. } = self;
        let directory = Arc::downgrade(&state.directory);
        drop((app, state));
        stop.cancel();
        running.end().await;
        // A change whose client left may still be on its last lines.
        while directory.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
        Self::over(folder, ServeArgs::default()).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.expect("answers");
        let status = response.status();
        let text = |name| {
            let value = response.headers().get(name).map(|value| value.to_str().unwrap_or_default());
            value.unwrap_or_default().to_owned()
        };
        let (location, retry_after) = (text(header::LOCATION), text(header::RETRY_AFTER));
        let cookie = text(header::SET_COOKIE);
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, location, cookie, retry_after, json }
    }

    async fn call(&self, credential: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = match credential.split_once('=') {
            Some(_) => request.header(header::COOKIE, credential),
            None => request.header(header::AUTHORIZATION, format!("Bearer {credential}")),
        };
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).expect("a request")).await
    }

    async fn get(&self, credential: &str, path: &str) -> Answer {
        self.call(credential, "GET", path, None).await
    }

    async fn post(&self, credential: &str, path: &str, body: Value) -> Answer {
        self.call(credential, "POST", path, Some(body)).await
    }

    async fn form(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).expect("a request")).await
    }

    async fn login(&self, name: &str, password: &str, peer: Option<&str>) -> Answer {
        let body = json!({"username": name, "password": password}).to_string();
        let mut request = Request::post("/api/v1/auth/login").body(Body::from(body)).expect("a request");
        if let Some(peer) = peer {
            let peer: SocketAddr = peer.parse().expect("an address");
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        self.send(request).await
    }

    /// A JWT of someone whose password is the usual one.
    async fn token(&self, name: &str) -> String {
        let answer = self.login(name, PASSWORD, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
        answer.json["token"].as_str().expect("a token").to_owned()
    }

    /// What a live stream of someone watches for its end.
    fn stream(&self, credential: &str) -> ScopeGrant {
        let mut headers = HeaderMap::new();
        let (name, value) = match credential.split_once('=') {
            Some(_) => (header::COOKIE, credential.to_owned()),
            None => (header::AUTHORIZATION, format!("Bearer {credential}")),
        };
        headers.insert(name, value.parse().expect("a header value"));
        let caller = self.state.access.caller(&Method::GET, &Uri::from_static("/"), &headers);
        let caller = caller.expect("not refused").expect("somebody");
        caller.view(&self.state.directory, caller.home_scope()).expect("granted")
    }

    /// A session cookie, as a browser sends it back.
    async fn cookie(&self, name: &str) -> String {
        let answer = self.form("/login", &[], &format!("username={name}&password={PASSWORD}&next=/")).await;
        answer.cookie.split(';').next().expect("a cookie").to_owned()
    }
}

const PATH: ScopePath = ScopePath { district: 1, zone: 3, division: 2, station: 5 };

fn city() -> Vec<Change> {
    let scope = |scope, parent, path| {
        Change::PutScope(ScopeRecord {
            scope,
            name: format!("the {scope}"),
            parent,
            path,
            site: None,
            filters: None,
            alert_rules: None,
        })
    };
    let user = |name: &str, role, scope| {
        Change::PutUser(UserRecord {
            username: name.parse().expect("a good name"),
            name: name.into(),
            role,
            scope,
            disabled: false,
            password_hash: password::hash_now(PasswordCost::LEAST, PASSWORD).expect("hashes"),
            credentials_version: 1,
        })
    };
    let [district, zone, division, station] = PATH.scopes();
    let other_zone = Scope::new(Level::Zone, 4);
    vec![
        scope(district, None, None),
        scope(zone, Some(district), None),
        scope(other_zone, Some(district), None),
        scope(division, Some(zone), None),
        scope(station, Some(division), Some(PATH)),
        user("admin", Role::Admin, district),
        user("boss3", Role::Admin, zone),
        user("chief5", Role::Chief, station),
    ]
}

fn new_user(name: &str, role: &str, scope: &str) -> Value {
    json!({"username": name, "role": role, "scope": scope, "password": "a long enough one"})
}

fn message(answer: &Answer) -> &str {
    answer.json["message"].as_str().unwrap_or_default()
}
