//! How long units would take along real roads, asked of a routing service.
//!
//! The service speaks OSRM's table request, as OSRM itself and others do. Whoever dispatches does
//! not wait for it for long: where it is slow, away or knows no way, what is estimated stands.

use super::estimate::Estimate;
use axum::body::{Body, to_bytes};
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

/// How often it is said that the service does not answer.
const SAID_EVERY_MS: i64 = 60_000;

type Failure = Box<dyn Error + Send + Sync>;

pub struct Routing {
    /// Without a slash at its end.
    base: String,
    /// Made for the first request: it reads the system's certificates.
    client: OnceCell<Client<HttpsConnector<HttpConnector>, Body>>,
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
    pub fn new(base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { base, client: OnceCell::new(), said_at: AtomicI64::new(i64::MIN) }
    }

    /// Of each, in their order; none where the service says nothing.
    pub async fn many(&self, from: &[Location], to: &Place) -> Vec<Option<Estimate>> {
        let mut all = Vec::with_capacity(from.len());
        for some in from.chunks(AT_ONCE) {
            let asked = timeout(WITHIN, self.ask(some, to)).await;
            match asked.unwrap_or_else(|_| Err(format!("no answer within {WITHIN:?}").into())) {
                Ok(estimates) => all.extend(estimates),
                Err(error) => {
                    self.say(&*error);
                    all.resize(all.len() + some.len(), None);
                }
            }
        }
        all
    }

    async fn ask(&self, from: &[Location], to: &Place) -> Result<Vec<Option<Estimate>>, Failure> {
        let client = self.client.get_or_try_init(client).await?;
        let answer = client.get(self.url(from, to)?.parse()?).await?;
        let status = answer.status();
        let body = to_bytes(Body::new(answer.into_body()), ANSWER_MAX_BYTES).await?;
        if !status.is_success() {
            return Err(format!("answered {status}").into());
        }
        let Table { code, durations, distances } = serde_json::from_slice(&body)?;
        if code != "Ok" || durations.len() != from.len() || distances.len() != from.len() {
            return Err(
                format!("answered {code:?} with {} durations of {}", durations.len(), from.len()).into()
            );
        }
        let first = |row: &Vec<Option<f64>>| row.first().copied().flatten().filter(|value| *value >= 0.0);
        let each = durations.iter().zip(&distances);
        Ok(each
            .map(|(duration, distance)| {
                Some(Estimate { distance_m: first(distance)?, eta_s: first(duration)? })
            })
            .collect())
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
        let now = crate::clock::Clock::system().now().ms();
        let said = self.said_at.load(Ordering::Relaxed);
        if now.saturating_sub(said) >= SAID_EVERY_MS {
            self.said_at.store(now, Ordering::Relaxed);
            tracing::warn!(
                error,
                "the routing service does not answer: ways are estimated by the straight line"
            );
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
