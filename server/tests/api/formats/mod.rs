//! Every kind of client, by bodies as its app sends them: what is stored of each, and the
//! exact answer that it waits for.

mod alerts;
mod every_client;
mod gpslogger;
mod identity;
mod kept;
mod osmand;
mod overland;
mod owntracks;
mod packed;
mod properties;
#[path = "../../shared/request.rs"]
mod request;
#[path = "../../shared/sound.rs"]
mod sound;
mod traccar;
mod transistorsoft;
mod untold;

use crate::server::{Answer, Server, id, send, send_until_heard};
use reqwest::{Method, RequestBuilder, StatusCode};
use sentinel_model::{Fix, Time};
use sentinel_server::ports::TimeRange;
use serde_json::Value;

/// The unit that all of these post for.
const UNIT: &str = "PC-1";

struct Scene {
    server: Server,
    token: String,
}

impl Scene {
    async fn begin() -> Self {
        let server = Server::start().await;
        let token = server.unit(UNIT, 5).await;
        Self { server, token }
    }

    /// A request without a credential.
    fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.server.request(method, "", path)
    }

    fn signed(&self, method: Method, path: &str) -> RequestBuilder {
        self.server.request(method, &self.token, path)
    }

    /// Posts a body as it stands, with the unit's token as Bearer.
    async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.signed(Method::POST, "/").header("content-type", "application/json").body(body);
        send_until_heard(request).await
    }

    /// All that is stored of the unit.
    async fn fixes(&self) -> Vec<Fix> {
        let archive = &self.server.sentinel.reads.archive;
        archive.fixes(&id(UNIT), TimeRange::ALL, 100_000).await.expect("reads")
    }

    /// The only fix there is.
    async fn fix(&self) -> Fix {
        let mut fixes = self.fixes().await;
        assert_eq!(fixes.len(), 1, "{fixes:?}");
        fixes.remove(0)
    }
}

fn time(text: &str) -> Time {
    Time::parse(text).expect("a time")
}

fn extras(fix: &Fix) -> Value {
    fix.extras.as_deref().map_or(Value::Null, |extras| serde_json::from_str(extras).expect("JSON"))
}

/// Speed, heading, accuracy, altitude, battery.
fn measured(fix: &Fix) -> [Option<f32>; 5] {
    [fix.speed_mps, fix.heading_deg, fix.accuracy_m, fix.altitude_m, fix.battery]
}

/// What all of these are answered who read nothing of it: 200, and this body.
#[track_caller]
fn assert_answer(answer: &Answer, body: &str) {
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, body));
}
