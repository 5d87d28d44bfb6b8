//! How long units would take along real roads, asked of a routing service.
//!
//! The service speaks OSRM's table request, as OSRM itself and others do. Whoever dispatches does
//! not wait for it for long: where it is slow, away or knows no way, what is estimated stands. One
//! that is slow or away is left in peace for [`PAUSE_MS`], and nobody waits for it meanwhile.

use super::estimate::Estimate;
use crate::clock::Clock;
use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use futures::future::join_all;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use sentinel_model::{Location, dispatch::Place};
use serde::Deserialize;
use std::{
    error::Error,
    fmt::Write as _,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};
use tokio::{sync::OnceCell, time::timeout};

/// How long the service has to answer.
const WITHIN: Duration = Duration::from_millis(1500);

/// Units of one request: what OSRM takes where it is not told otherwise, with the place.
const AT_ONCE: usize = 99;

/// Bytes of an answer: two numbers a unit, and what services add.
const ANSWER_MAX_BYTES: usize = 256 * 1024;

/// How long nothing is asked of a service that did not answer.
const PAUSE_MS: i64 = 30_000;

/// How often it is said that the service does not answer.
const SAID_EVERY_MS: i64 = 60_000;

type Failure = Box<dyn Error + Send + Sync>;

/// Of a service that is well.
enum Answer {
    Ways(Vec<Option<Estimate>>),
    /// It knows none, and says why.
    NoWay(Failure),
}

pub struct Routing {
    clock: Clock,
    /// Without a slash at its end.
    base: String,
    /// Made for the first request: it reads the system's certificates.
    client: OnceCell<Client<HttpsConnector<HttpConnector>, Body>>,
    /// Until then nothing is asked.
    paused_until: AtomicI64,
    said_at: AtomicI64,
}

/// From each source to the one destination; nothing where there is no way.
#[derive(Debug, Deserialize)]
struct Table {
    code: String,
    #[serde(default)]
    durations: Vec<Vec<Option<f64>>>,
    #[serde(default)]
    distances: Vec<Vec<Option<f64>>>,
}

impl Routing {
    /// `base`: as OSRM's own addresses begin, `http://osrm:5000`.
    pub fn new(base: &str, clock: Clock) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        let never = || AtomicI64::new(i64::MIN);
        Self { clock, base, client: OnceCell::new(), paused_until: never(), said_at: never() }
    }

    /// Of each, in their order; none where the service says nothing. Whoever asks waits for
    /// [`WITHIN`] at most, of however many.
    pub async fn many(&self, from: &[Location], to: &Place) -> Vec<Option<Estimate>> {
        if self.clock.now().ms() < self.paused_until.load(Ordering::Relaxed) {
            return vec![None; from.len()];
        }
        join_all(from.chunks(AT_ONCE).map(|some| self.some(some, to))).await.concat()
    }

    async fn some(&self, from: &[Location], to: &Place) -> Vec<Option<Estimate>> {
        let asked = timeout(WITHIN, self.ask(from, to)).await;
        let error = match asked.unwrap_or_else(|_| Err(format!("no answer within {WITHIN:?}").into())) {
            Ok(Answer::Ways(estimates)) => return estimates,
            Ok(Answer::NoWay(why)) => why,
            Err(error) => {
                self.paused_until.store(self.clock.now().plus_ms(PAUSE_MS).ms(), Ordering::Relaxed);
                error
            }
        };
        self.say(&*error);
        vec![None; from.len()]
    }

    async fn ask(&self, from: &[Location], to: &Place) -> Result<Answer, Failure> {
        let client = self.client.get_or_try_init(client).await?;
        let answer = client.get(self.url(from, to)?.parse()?).await?;
        let status = answer.status();
        let body = to_bytes(Body::new(answer.into_body()), ANSWER_MAX_BYTES).await?;
        // What OSRM does not know it answers so, and why in its body.
        if status == StatusCode::BAD_REQUEST {
            return Ok(Answer::NoWay(format!("answered {status}").into()));
        }
        if !status.is_success() {
            return Err(format!("answered {status}").into());
        }
        let Table { code, durations, distances } = serde_json::from_slice(&body)?;
        if code != "Ok" || durations.len() != from.len() || distances.len() != from.len() {
            let what = format!("answered {code:?} with {} durations of {}", durations.len(), from.len());
            return Ok(Answer::NoWay(what.into()));
        }
        let first = |row: &Vec<Option<f64>>| row.first().copied().flatten().filter(|value| *value >= 0.0);
        let each = durations.iter().zip(&distances);
        let estimate =
            |(duration, distance)| Some(Estimate { distance_m: first(distance)?, eta_s: first(duration)? });
        Ok(Answer::Ways(each.map(estimate).collect()))
    }

    fn url(&self, from: &[Location], to: &Place) -> Result<String, std::fmt::Error> {
        let mut url = format!("{}/table/v1/driving/{:.6},{:.6}", self.base, to.longitude, to.latitude);
        for location in from {
            write!(url, ";{:.6},{:.6}", location.longitude, location.latitude)?;
        }
        url.push_str("?annotations=duration,distance&destinations=0&sources=");
        for n in 1..=from.len() {
            write!(url, "{}{n}", if n > 1 { ";" } else { "" })?;
        }
        Ok(url)
    }

    fn say(&self, error: &(dyn Error + 'static)) {
        let now = self.clock.now().ms();
        let said = self.said_at.load(Ordering::Relaxed);
        if now.saturating_sub(said) >= SAID_EVERY_MS {
            self.said_at.store(now, Ordering::Relaxed);
            tracing::warn!(error, "the routing service says no way: ways are estimated by the straight line");
        }
    }
}

async fn client() -> Result<Client<HttpsConnector<HttpConnector>, Body>, Failure> {
    let tls = tokio::task::spawn_blocking(crate::tls::trusting_the_system).await??;
    let mut connector = HttpConnector::new();
    // Also https, which the connector around it speaks.
    connector.enforce_http(false);
    connector.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Json, Router, extract::State, http::Uri, routing::get};
    use sentinel_model::Time;
    use serde_json::{Value, json};
    use std::sync::Arc;
    use tokio::{net::TcpListener, sync::Barrier};

    /// Answers once two have asked.
    async fn answer(State(both): State<Arc<Barrier>>, uri: Uri) -> Json<Value> {
        both.wait().await;
        let units = uri.path().matches(';').count();
        Json(json!({"code": "Ok", "durations": vec![[60.0]; units], "distances": vec![[500.0]; units]}))
    }

    #[tokio::test]
    async fn more_units_than_it_takes_at_once_are_asked_of_it_together() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("it has one"));
        let both = Arc::new(Barrier::new(2));
        let router = Router::new().route("/table/{*rest}", get(answer)).with_state(both);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let routing = Routing::new(&base, Clock::from_fn(|| Time(0)));
        // Reading the system's certificates may take its time.
        routing.client.get_or_try_init(client).await.expect("a client");
        let location = |n: u32| Location {
            unit_id: format!("PC-{n}").parse().expect("an id"),
            patrol_id: None,
            latitude: 9.9,
            longitude: 76.2,
            speed_mps: None,
            heading_deg: None,
            accuracy_m: None,
            battery: None,
            time: Time(0),
            received_at: Time(0),
        };
        let from: Vec<Location> = (0..150).map(location).collect();
        let to = Place { latitude: 9.95, longitude: 76.2, text: None };
        let expected = Estimate { distance_m: 500.0, eta_s: 60.0 };
        assert_eq!(routing.many(&from, &to).await, vec![Some(expected); 150]);
    }
}
