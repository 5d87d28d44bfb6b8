//! Whole runs against a small server of the tests' own that can be told to misbehave.

use super::*;
use axum::{
    Json, Router,
    extract::{
        Path, Query, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::StreamExt as _;
use sentinel_model::{
    PatrolId, Role, RouteAnswer, RoutePoint, Scope, Unit, UnitStatus,
    fix::IngestAnswer,
    live::{self, LiveUnit, Positions, ServerFrame, Snapshot},
    page::{ErrorBody, Page},
    people::{LoginAnswer, NewApiKeyAnswer, User},
    scope::{Level, ScopeCounts, ScopeNode},
    unit::{NewUnit, NewUnitAnswer},
};
use serde_json::Value;
use std::{collections::BTreeMap as Map, sync::Mutex};
use tokio::sync::broadcast;

/// What the server does wrong, on every tenth fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Loses,
    Doubles,
    Limits,
}

struct Fake {
    fault: Fault,
    units: Mutex<Vec<Unit>>,
    fixes: Mutex<Map<String, Vec<RoutePoint>>>,
    count: Mutex<u64>,
    live: broadcast::Sender<LiveUnit>,
}

type Shared = State<Arc<Fake>>;

async fn start(fault: Fault) -> String {
    let fake = Arc::new(Fake {
        fault,
        units: Mutex::default(),
        fixes: Mutex::default(),
        count: Mutex::default(),
        live: broadcast::channel(10_000).0,
    });
    let app = Router::new()
        .route("/api/v1/auth/login", post(login))
        .route("/api/v1/scopes", get(scopes))
        .route("/api/v1/units", get(units).post(make_unit))
        .route("/api/v1/api-keys", post(make_key))
        .route("/api/v1/api-keys/{id}", axum::routing::delete(|| async { StatusCode::NO_CONTENT }))
        .route("/api/v1/locations", post(locations))
        .route("/api/v1/units/{id}/route", get(route))
        .route("/api/v1/ws", get(ws))
        .route("/api/v1/stream", get(events))
        .with_state(fake);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn scope(text: &str) -> Scope {
    text.parse().expect("a scope")
}

async fn login() -> Json<LoginAnswer> {
    Json(LoginAnswer {
        token: "jwt".into(),
        expires_at: Time(0),
        user: User {
            username: "admin".parse().expect("a name"),
            name: "Admin".into(),
            role: Role::Admin,
            scope: Scope::new(Level::District, 1),
            disabled: false,
        },
    })
}

async fn scopes() -> Json<Page<ScopeNode>> {
    let node = |at: &str, parent: Option<&str>| ScopeNode {
        scope: scope(at),
        name: at.into(),
        parent: parent.map(scope),
        site_e6: None,
        counts: ScopeCounts::default(),
    };
    let items = vec![
        node("district:1", None),
        node("zone:1", Some("district:1")),
        node("division:1", Some("zone:1")),
        node("station:1", Some("division:1")),
        node("station:2", Some("division:1")),
    ];
    Json(Page { items, next: None })
}

async fn units(State(fake): Shared) -> Json<Page<Unit>> {
    Json(Page { items: fake.units.lock().expect("whole").clone(), next: None })
}

async fn make_unit(State(fake): Shared, Json(new): Json<NewUnit>) -> Json<NewUnitAnswer> {
    let unit = Unit {
        name: new.id.to_string(),
        id: new.id,
        kind: "load".into(),
        station: new.station,
        status: UnitStatus::OffDuty,
        patrol_id: None,
        location: None,
    };
    fake.units.lock().expect("whole").push(unit.clone());
    Json(NewUnitAnswer { unit, ingest_token: "t".into() })
}

async fn make_key() -> Json<NewApiKeyAnswer> {
    Json(NewApiKeyAnswer { id: "1".into(), key: "k".into() })
}

async fn locations(State(fake): Shared, Json(body): Json<Value>) -> Response {
    let id = body["unit_id"].as_str().expect("the unit is named").to_string();
    let records = match &body["location"] {
        Value::Array(records) => records.clone(),
        one => vec![one.clone()],
    };
    let mut accepted = 0;
    for record in records {
        let count = {
            let mut count = fake.count.lock().expect("whole");
            *count += 1;
            *count
        };
        let fault = if count % 10 == 0 { fake.fault } else { Fault::None };
        if fault == Fault::Limits {
            let error = ErrorBody { code: "slow_down".into(), message: "x".into(), request_id: "1".into() };
            return (StatusCode::TOO_MANY_REQUESTS, Json(error)).into_response();
        }
        let at = |name: &str| record["coords"][name].as_f64().expect("a coordinate");
        let point = RoutePoint {
            time: Time::parse(record["timestamp"].as_str().expect("a time")).expect("a good time"),
            latitude: at("latitude"),
            longitude: at("longitude"),
            speed_mps: None,
            heading_deg: None,
        };
        let times = match fault {
            Fault::Loses => 0,
            Fault::Doubles => 2,
            _ => 1,
        };
        let mut fixes = fake.fixes.lock().expect("whole");
        fixes.entry(id.clone()).or_default().extend(std::iter::repeat_n(point, times));
        accepted += 1;
        // Nobody watching is fine.
        let _ = fake.live.send(live_unit(&id, point));
    }
    Json(IngestAnswer { status: "ok".into(), accepted, duplicates: 0, rejected: vec![] }).into_response()
}

fn live_unit(id: &str, point: RoutePoint) -> LiveUnit {
    LiveUnit {
        id: id.parse().expect("an id"),
        patrol: PatrolId(1),
        station: Scope::station(1),
        lat: Some(point.latitude),
        lon: Some(point.longitude),
        speed_mps: None,
        heading_deg: None,
        battery: None,
        status: UnitStatus::Available,
        time: Some(point.time),
    }
}

async fn route(
    State(fake): Shared,
    Path(id): Path<String>,
    Query(query): Query<Map<String, String>>,
) -> Json<RouteAnswer> {
    let at = |name: &str| Time::parse(&query[name]).expect("a time");
    let (from, to) = (at("start_time"), at("end_time"));
    let fixes = fake.fixes.lock().expect("whole");
    let all = fixes.get(&id).cloned().unwrap_or_default();
    let mut points: Vec<_> = all.into_iter().filter(|p| p.time >= from && p.time < to).collect();
    points.sort_by_key(|p| p.time);
    let total = points.len() as u64;
    points.truncate(query["max_points"].parse().expect("a number"));
    Json(RouteAnswer { unit_id: id.parse().expect("an id"), total, points })
}

async fn ws(State(fake): Shared, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .protocols([live::SUBPROTOCOL_POSTCARD, live::SUBPROTOCOL_JSON])
        .on_upgrade(move |socket| feed(socket, fake))
}

async fn feed(mut socket: WebSocket, fake: Arc<Fake>) {
    let json = socket.protocol().is_some_and(|p| p.as_bytes() == live::SUBPROTOCOL_JSON.as_bytes());
    let encode = |frame: &ServerFrame| {
        if json {
            Message::Text(live::to_json(frame).expect("encodes").into())
        } else {
            Message::Binary(live::to_binary(frame).expect("encodes").into())
        }
    };
    let mut updates = fake.live.subscribe();
    let empty =
        Snapshot { scope: scope("district:1"), epoch: "e".into(), offset: 0, units: vec![], alerts: vec![] };
    if socket.recv().await.is_none() || socket.send(encode(&ServerFrame::Snapshot(empty))).await.is_err() {
        return;
    }
    while let Ok(unit) = updates.recv().await {
        let frame = ServerFrame::Positions(Positions { units: vec![unit] });
        if socket.send(encode(&frame)).await.is_err() {
            return;
        }
    }
}

async fn events(State(fake): Shared) -> Response {
    let message = |frame: &ServerFrame, event: &str| {
        format!("event: {event}\ndata: {}\n\n", live::to_json(frame).expect("encodes"))
    };
    let updates = fake.live.subscribe();
    let empty =
        Snapshot { scope: scope("district:1"), epoch: "e".into(), offset: 0, units: vec![], alerts: vec![] };
    let first = message(&ServerFrame::Snapshot(empty), "snapshot");
    let begin = futures::stream::iter(["retry: 1000\n\n".to_owned(), first]);
    let moves = futures::stream::unfold(updates, move |mut updates| async move {
        let units = vec![updates.recv().await.ok()?];
        Some((message(&ServerFrame::Positions(Positions { units }), "positions"), updates))
    });
    axum::body::Body::from_stream(begin.chain(moves).map(Ok::<_, std::convert::Infallible>)).into_response()
}

fn args(url: String, more: &[&str]) -> LoadArgs {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        load: LoadArgs,
    }
    let fixed = ["load", "--url", &url, "--units", "7", "--rate", "500", "--duration", "1"];
    let words = fixed.iter().chain(more);
    <Cli as clap::Parser>::try_parse_from(words).expect("good arguments").load
}

async fn run_against(fault: Fault, more: &[&str]) -> (anyhow::Result<()>, Value) {
    let url = start(fault).await;
    let file =
        std::env::temp_dir().join(format!("load-{}-{fault:?}-{}.json", std::process::id(), more.join("")));
    let mut args = args(url, more);
    args.json = Some(file.clone());
    let outcome = run(args, CancellationToken::new()).await;
    let report =
        std::fs::read(&file).map(|json| serde_json::from_slice(&json).expect("JSON")).unwrap_or_default();
    let _ = std::fs::remove_file(file);
    (outcome, report)
}

#[tokio::test]
async fn a_run_against_a_faithful_server_is_exact_and_its_deliveries_complete() {
    for protocol in ["json", "postcard"] {
        let more = ["--dashboards", "3", "--scopes", "district", "--protocol", protocol];
        let (outcome, report) = run_against(Fault::None, &more).await;
        outcome.expect("exact");
        assert_eq!(report["exact"], true);
        assert_eq!(report["audit"]["found"], 500);
        assert_eq!(report["answer"]["count"], 500);
        assert_eq!(report["deliveries"]["district"]["latency"]["count"], 1500, "{report}");
        assert_eq!(report["deliveries"]["all"]["missing"], 0);
    }
}

#[tokio::test]
async fn sockets_and_event_streams_are_told_of_each_for_itself() {
    let more = ["--dashboards", "2", "--sse", "3", "--scopes", "district"];
    let (outcome, report) = run_against(Fault::None, &more).await;
    outcome.expect("exact");
    assert_eq!(report["deliveries"]["all"]["latency"]["count"], 1000, "{report}");
    assert_eq!(report["sse_deliveries"]["district"]["latency"]["count"], 1500, "{report}");
    assert_eq!(report["sse_deliveries"]["all"]["missing"], 0);
}

#[tokio::test]
async fn batches_and_the_closed_loop_are_audited_fix_by_fix() {
    let (outcome, report) = run_against(Fault::None, &["--batch", "20"]).await;
    outcome.expect("exact");
    assert_eq!(report["audit"]["found"], 500);
    let (outcome, report) =
        run_against(Fault::None, &["--closed", "--batch", "3", "--connections", "2"]).await;
    outcome.expect("exact");
    assert_eq!(report["audit"]["found"], report["fixes_accepted"]);
    assert_eq!(report["asked_fixes_per_s"], Value::Null);
}

#[tokio::test]
async fn a_server_that_loses_or_doubles_fixes_makes_the_run_void() {
    let (outcome, report) = run_against(Fault::Loses, &[]).await;
    assert!(outcome.is_err());
    assert_eq!((&report["exact"], &report["audit"]["missing"]), (&Value::Bool(false), &50.into()));
    let (outcome, report) = run_against(Fault::Doubles, &[]).await;
    assert!(outcome.is_err());
    assert_eq!((&report["exact"], &report["audit"]["doubled"]), (&Value::Bool(false), &50.into()));
}

#[tokio::test]
async fn refused_posts_are_counted_and_are_no_loss() {
    let (outcome, report) = run_against(Fault::Limits, &[]).await;
    outcome.expect("exact");
    assert_eq!(report["answers_by_status"]["429"], 50);
    assert_eq!(report["audit"]["answered"], 450);
}

#[test]
fn device_times_end_near_now_and_begin_after_all_that_was_sent_before() {
    let now = Time(1_795_226_400_000);
    let slow = args("http://127.0.0.1:1".into(), &[]);
    let (base, step_ms) = clock(&slow, None, now).expect("room");
    assert_eq!(step_ms, 14);
    assert!(base <= now && now.ms_since(base) < 1_000, "{base}");
    let fast = args("http://127.0.0.1:1".into(), &["--batch", "1000"]);
    let (base, step_ms) = clock(&fast, None, now).expect("room");
    assert!(base.plus_ms(1000 * step_ms) <= now);
    let (later, _) = clock(&slow, Some(now.plus_ms(500)), now).expect("room");
    assert_eq!(later, now.plus_ms(501));
    assert!(clock(&slow, Some(now.plus_ms(5_000)), now).is_err());
    let closed = args("http://127.0.0.1:1".into(), &["--closed"]);
    assert_eq!(clock(&closed, None, now).expect("room"), (now.plus_ms(-3_600_000), 1));
    assert!(clock(&closed, Some(now), now).is_err());
}
