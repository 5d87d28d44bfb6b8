//! One request to an endpoint, and what came of it.

use super::{Guard, sign};
use crate::{
    ports::{NewDelivery, WebhookRecord},
    tls::trusting_the_system,
};
use axum::{
    body::Body,
    http::{Request, Response, header},
};
use futures::StreamExt as _;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use sentinel_model::{Time, webhook::DeliveryAttempt};
use std::{error::Error, time::Duration};
use tokio::{
    sync::OnceCell,
    time::{Instant, timeout_at},
};

/// How long an endpoint has to answer.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// As much of an answer is read, and kept for the log.
const RESPONSE_MAX_BYTES: usize = 2048;

/// Characters of an error that are kept.
const ERROR_MAX_CHARS: usize = 300;

/// A connection is kept for the next delivery for so long; new ones look the name up again.
const IDLE: Duration = Duration::from_secs(20);

pub struct Sender {
    pub guard: Guard,
    timeout: Duration,
    /// Made for the first delivery: it reads the system's certificates.
    client: OnceCell<Asking>,
}

/// It follows no redirects, by which whoever answers would choose where the next request goes,
/// and uses no proxy, which would look names up by itself.
type Asking = Client<HttpsConnector<HttpConnector<Guard>>, Body>;

type Failure = Box<dyn Error + Send + Sync>;

impl Sender {
    pub fn new(guard: Guard, timeout: Duration) -> Self {
        Self { guard, timeout, client: OnceCell::new() }
    }

    /// Sends a delivery once.
    pub async fn send(&self, webhook: &WebhookRecord, delivery: &NewDelivery, now: Time) -> DeliveryAttempt {
        let begun = Instant::now();
        let until = begun + self.timeout;
        let (status, error, response) = match timeout_at(until, self.ask(webhook, delivery, now)).await {
            Ok(Ok(response)) => {
                let status = response.status();
                let error = (!status.is_success()).then(|| match status.is_redirection() {
                    true => format!("answered {status}; redirects are not followed"),
                    false => format!("answered {status}"),
                });
                (Some(status.as_u16()), error, Some(beginning(response, until).await))
            }
            Ok(Err(error)) => (None, Some(words(&*error)), None),
            Err(_) => (None, Some(format!("no answer within {:?}", self.timeout)), None),
        };
        let duration_ms = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        DeliveryAttempt { at: now, status, error, duration_ms, response }
    }

    async fn ask(
        &self,
        webhook: &WebhookRecord,
        delivery: &NewDelivery,
        now: Time,
    ) -> Result<Response<Incoming>, Failure> {
        // What was public when it was registered may be refused since.
        let url = self.guard.url(&webhook.url)?;
        let request = Request::post(url.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("Sentinel-Webhooks/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &delivery.id)
            .header("webhook-timestamp", sign::timestamp(now))
            .header("webhook-signature", sign::signatures(webhook, &delivery.id, now, &delivery.body)?)
            .body(Body::from(delivery.body.clone()))?;
        let client = self.client.get_or_try_init(|| client(self.guard.clone())).await?;
        Ok(client.request(request).await?)
    }
}

/// The first of its causes says what was asked, which is known; the last why it failed.
fn words(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string().chars().take(ERROR_MAX_CHARS).collect()
}

/// The rest is not waited for, however much it is; what cannot be read is not needed.
async fn beginning(response: Response<Incoming>, until: Instant) -> String {
    let mut chunks = Body::new(response.into_body()).into_data_stream();
    let mut bytes = Vec::new();
    while bytes.len() < RESPONSE_MAX_BYTES {
        match timeout_at(until, chunks.next()).await {
            Ok(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
            Ok(Some(Err(_)) | None) | Err(_) => break,
        }
    }
    bytes.truncate(RESPONSE_MAX_BYTES);
    // Stores keep text, and not every one a zero.
    String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}")
}

async fn client(guard: Guard) -> Result<Asking, Failure> {
    let tls = tokio::task::spawn_blocking(trusting_the_system).await??;
    let mut connector = HttpConnector::new_with_resolver(guard);
    // Also https, which the connector around it speaks.
    connector.enforce_http(false);
    connector.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    let mut client = Client::builder(TokioExecutor::new());
    client.pool_idle_timeout(IDLE).pool_max_idle_per_host(2).pool_timer(TokioTimer::new());
    Ok(client.build(connector))
}
