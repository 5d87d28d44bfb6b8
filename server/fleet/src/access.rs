//! Which server, and who we are to it: the options that every field tool shares.

use crate::client::{Api, CallError, Credential};
use reqwest::StatusCode;

/// The demo's own sign-in, tried where nothing else is given and the server is on this machine.
const DEMO_USER: &str = "admin";

#[derive(Debug, Clone, clap::Args)]
pub struct AccessArgs {
    /// The server's address
    #[arg(long, env = "SENTINEL_URL", default_value = "http://127.0.0.1:3000")]
    pub url: String,
    /// An API key; without one and without --username, the demo's sign-in is tried on a local server
    #[arg(long, env = "SENTINEL_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// Sign in as this person instead of using a key
    #[arg(long, env = "SENTINEL_USERNAME")]
    pub username: Option<String>,
    /// Their password
    #[arg(long, env = "SENTINEL_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
}

impl AccessArgs {
    pub fn with_key(url: impl Into<String>, key: impl Into<String>) -> Self {
        Self { url: url.into(), api_key: Some(key.into()), username: None, password: None }
    }

    /// Whether only the demo's own sign-in is left to try.
    pub fn is_demo(&self) -> bool {
        self.api_key.is_none() && self.username.is_none()
    }

    pub fn connect(&self) -> anyhow::Result<Api> {
        let credential = match (&self.api_key, &self.username) {
            (Some(key), _) => Credential::Key(key.clone()),
            (None, Some(username)) => Credential::SignIn {
                username: username.clone(),
                password: self.password.clone().ok_or_else(|| {
                    anyhow::anyhow!("--username {username} needs --password, or SENTINEL_PASSWORD")
                })?,
            },
            (None, None) => {
                anyhow::ensure!(
                    is_local(&self.url),
                    "give an API key (--api-key or SENTINEL_API_KEY), or --username and --password: \
                     {} is not on this machine, so the demo's sign-in is not tried",
                    self.url
                );
                Credential::SignIn { username: DEMO_USER.into(), password: crate::city::DEMO_PASSWORD.into() }
            }
        };
        Api::new(&self.url, credential)
    }

    /// What to do about a refusal that has to do with who we are.
    pub fn advice(&self, error: &CallError) -> Option<&'static str> {
        match error.status()? {
            StatusCode::UNAUTHORIZED if self.is_demo() => Some(
                "the demo's sign-in is not known there; give an API key (--api-key or SENTINEL_API_KEY), \
                 or --username and --password",
            ),
            StatusCode::UNAUTHORIZED => Some("check the key, or the name and the password"),
            StatusCode::FORBIDDEN => Some("this key or person does not have the right to do it"),
            _ => None,
        }
    }
}

fn is_local(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or(url);
    ["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_sign_in_goes_to_this_machine_only() {
        let args = |url: &str| AccessArgs { url: url.into(), api_key: None, username: None, password: None };
        assert!(args("http://127.0.0.1:3000").connect().is_ok());
        assert!(args("http://localhost:3000").connect().is_ok());
        let refused = args("http://10.0.0.5:3000").connect().err().map(|e| e.to_string());
        assert!(refused.is_some_and(|e| e.contains("--api-key")));
    }
}
