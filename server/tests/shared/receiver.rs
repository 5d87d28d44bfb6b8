//! An endpoint of somebody else's: a real HTTP server that answers as a test says.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use parking_lot::Mutex;
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle};

/// How long anything may take that is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub enum How {
    Status(u16),
    /// Takes the request and never answers.
    Hang,
    Redirect(String),
    /// 200, and a body that goes on for ever.
    Endless,
    /// 200, and a body that stops in the middle.
    Stuck,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Got {
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub fn event(&self) -> &str {
        self.json["type"].as_str().unwrap_or_default()
    }

    /// Whether this secret's signature is among those that it carries. Its time is the test's
    /// clock's, so it is not held against ours.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let signer = standardwebhooks::Webhook::new(secret).expect("a secret");
        let timestamp = self.header("webhook-timestamp").parse().expect("seconds");
        let signed = signer.sign(self.id(), timestamp, self.text.as_bytes()).expect("signs");
        self.header("webhook-signature").split(' ').any(|signature| signature == signed)
    }
}

struct Shared {
    how: Mutex<How>,
    got: Mutex<Vec<Got>>,
}

pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared { how: Mutex::new(How::Status(200)), got: Mutex::default() });
        let router = Router::new().route("/{*path}", post(take)).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { address, shared, serving }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn answers(&self, how: How) {
        *self.shared.how.lock() = how;
    }

    /// Everything that came, also what was answered badly.
    pub fn got(&self) -> Vec<Got> {
        self.shared.got.lock().clone()
    }

    pub fn events(&self) -> Vec<String> {
        self.got().iter().map(|got| got.event().to_owned()).collect()
    }

    /// Waits until so many have come.
    pub async fn until(&self, count: usize) -> Vec<Got> {
        let waiting = async {
            while self.shared.got.lock().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(DEADLINE, waiting).await;
        waited.unwrap_or_else(|_| panic!("only {} of {count} came: {:?}", self.got().len(), self.events()));
        self.got()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = String::from_utf8_lossy(&body).into_owned();
    let json = serde_json::from_str(&text).unwrap_or_default();
    shared.got.lock().push(Got { headers, text, json });
    let how = shared.how.lock().clone();
    let chunk = || Bytes::from(vec![b'x'; 4096]);
    match how {
        How::Status(status) => {
            (StatusCode::from_u16(status).expect("a status"), "said the receiver").into_response()
        }
        How::Hang => std::future::pending().await,
        How::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        How::Endless => {
            let endless = futures::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk()));
            Body::from_stream(endless).into_response()
        }
        How::Stuck => {
            use futures::StreamExt as _;
            let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"so far"))]);
            Body::from_stream(first.chain(futures::stream::pending())).into_response()
        }
    }
}
