//! One request to an endpoint, and what came of it.

use super::{Guard, sign};
use crate::ports::{NewDelivery, WebhookRecord};
use reqwest::{Client, Response, header, redirect::Policy};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use sentinel_model::{Time, webhook::DeliveryAttempt};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::{sync::OnceCell, time::Instant};

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
    client: OnceCell<Client>,
}

type Failure = Box<dyn Error + Send + Sync>;

impl Sender {
    pub fn new(guard: Guard, timeout: Duration) -> Self {
        Self { guard, timeout, client: OnceCell::new() }
    }

    /// Sends a delivery once.
    pub async fn send(&self, webhook: &WebhookRecord, delivery: &NewDelivery, now: Time) -> DeliveryAttempt {
        let begun = Instant::now();
        let (status, error, response) = match self.ask(webhook, delivery, now).await {
            Ok(response) => {
                let status = response.status();
                let error = (!status.is_success()).then(|| match status.is_redirection() {
                    true => format!("answered {status}; redirects are not followed"),
                    false => format!("answered {status}"),
                });
                (Some(status.as_u16()), error, Some(beginning(response).await))
            }
            Err(error) => (None, Some(self.words(&*error)), None),
        };
        let duration_ms = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        DeliveryAttempt { at: now, status, error, duration_ms, response }
    }

    async fn ask(
        &self,
        webhook: &WebhookRecord,
        delivery: &NewDelivery,
        now: Time,
    ) -> Result<Response, Failure> {
        // What was public when it was registered may be refused since.
        let url = self.guard.url(&webhook.url)?;
        let client = self.client.get_or_try_init(|| client(self.guard.clone(), self.timeout)).await?;
        let request = client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &delivery.id)
            .header("webhook-timestamp", sign::timestamp(now))
            .header("webhook-signature", sign::signatures(webhook, &delivery.id, now, &delivery.body)?)
            .body(delivery.body.clone());
        Ok(request.send().await?)
    }

    fn words(&self, error: &(dyn Error + 'static)) -> String {
        if error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout) {
            return format!("no answer within {:?}", self.timeout);
        }
        // The first says what was asked, which is known; the last why it failed.
        let mut cause = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        cause.to_string().chars().take(ERROR_MAX_CHARS).collect()
    }
}

/// The rest is not waited for, however much it is; what cannot be read is not needed.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < RESPONSE_MAX_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    bytes.truncate(RESPONSE_MAX_BYTES);
    // Stores keep text, and not every one a zero.
    String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}")
}

async fn client(guard: Guard, timeout: Duration) -> Result<Client, Failure> {
    let tls = tokio::task::spawn_blocking(tls).await??;
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(guard))
        // Whoever answers would choose where the next request goes.
        .redirect(Policy::none())
        // A proxy would look names up by itself.
        .no_proxy()
        .referer(false)
        .timeout(timeout)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(2)
        .user_agent(concat!("Sentinel-Webhooks/", env!("CARGO_PKG_VERSION")));
    Ok(client.build()?)
}

/// Trusts whom the system trusts. Where it trusts nobody, each delivery fails and says so.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate of the system could not be read; webhooks do without it");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
