//! The public API as this tool uses it, over one blocking connection.

use super::http::{Http, Target};
use anyhow::Context;
use sentinel_model::{ErrorBody, Page};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

pub struct Api {
    http: Http,
    secret: Option<String>,
}

/// Rows asked for in one page.
const PAGE_ROWS: usize = 500;

impl Api {
    pub fn new(target: Target, timeout: Duration) -> Self {
        Self { http: Http::new(target, timeout), secret: None }
    }

    /// Sends this token or key with every request from now on.
    pub fn authorize(&mut self, secret: String) {
        self.secret = Some(secret);
    }

    pub fn get<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        self.call("GET", path, None)
    }

    pub fn post<T: DeserializeOwned>(&mut self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let body = serde_json::to_vec(body).context("the body does not encode")?;
        self.call("POST", path, Some(body))
    }

    /// The request alone, for timing; its answer's status is checked.
    pub fn touch(&mut self, request: &[u8]) -> anyhow::Result<()> {
        let answer = self.http.exchange(request)?;
        anyhow::ensure!(answer.is_success(), "{}", refusal(answer.status, answer.body));
        Ok(())
    }

    pub fn delete(&mut self, path: &str) -> anyhow::Result<()> {
        let request = self.request("DELETE", path, None);
        self.touch(&request)
    }

    /// Every row of a paged list.
    pub fn list<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<Vec<T>> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let page: Page<T> = self.get(&format!("{path}{joint}limit={PAGE_ROWS}{cursor}"))?;
            rows.extend(page.items);
            match page.next {
                Some(next) => cursor = format!("&cursor={}", percent(&next)),
                None => return Ok(rows),
            }
        }
    }

    pub fn request(&self, method: &str, path: &str, body: Option<&[u8]>) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.http.target().authority);
        if let Some(secret) = &self.secret {
            head.push_str(&format!("Authorization: Bearer {secret}\r\n"));
        }
        if let Some(body) = body {
            head.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut request = head.into_bytes();
        request.extend_from_slice(body.unwrap_or_default());
        request
    }

    fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> anyhow::Result<T> {
        let request = self.request(method, path, body.as_deref());
        let answer = self.http.exchange(&request).with_context(|| format!("{method} {path}"))?;
        anyhow::ensure!(answer.is_success(), "{method} {path}: {}", refusal(answer.status, answer.body));
        serde_json::from_slice(answer.body)
            .with_context(|| format!("{method} {path}: the answer is not what this program knows"))
    }
}

fn refusal(status: u16, body: &[u8]) -> String {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(error) => format!("{status} {}: {}", error.code, error.message),
        Err(_) => format!("{status} {}", String::from_utf8_lossy(&body[..body.len().min(200)])),
    }
}

/// A query value, everything but letters, digits and `-_.` percent-encoded.
pub fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.') {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}
