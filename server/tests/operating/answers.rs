//! Everything that can be asked, so that two installations can be compared; and what two
//! backups hold.

use crate::{
    household::{Household, sign_in},
    program::Node,
};
use flate2::read::GzDecoder;
use reqwest::{Client, header};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

pub const ALWAYS: &str = "start_time=1971-01-01T00:00:00Z&end_time=2100-01-01T00:00:00Z";

/// By what was asked, and as whom.
pub struct Answers(BTreeMap<String, String>);

impl Answers {
    pub async fn of(server: &Node, household: &Household) -> Self {
        let mut paths: Vec<String> =
            ["scopes", "users", "api-keys", "auth/me"].map(|list| format!("{list}?limit=1000")).into();
        paths[3] = "auth/me".into();
        for scope in ["district:1", "zone:1", "zone:2", "division:1", "station:1", "station:2", "station:3"] {
            paths.push(format!("units?scope={scope}&limit=1000"));
            paths.extend(household.moments().map(|at| format!("history?scope={scope}&at={at}")));
        }
        for unit in household.tokens.keys() {
            paths.push(format!("units/{unit}"));
            paths.push(format!("units/{unit}/location"));
            paths.push(format!("units/{unit}/route?{ALWAYS}&max_points=100000"));
            paths.push(format!("units/{unit}/route?{ALWAYS}&max_points=100"));
        }
        paths.push("geofences?limit=1000".into());
        paths.extend(["zone:1", "station:3"].map(|scope| format!("scopes/{scope}/alert-rules")));
        paths.push("alerts?state=all&limit=1000".into());
        paths.extend(household.patrols.iter().map(|patrol| format!("patrols/{patrol}")));
        let mut answers = BTreeMap::new();
        for path in &paths {
            answers.insert(format!("key {path}"), ask(server, path, "X-API-Key", &household.key).await);
            for (who, header, value) in [
                ("token", "Authorization", format!("Bearer {}", household.jwt)),
                ("cookie", header::COOKIE.as_str(), household.cookie.clone()),
            ] {
                if !path.contains("max_points=100000") && !path.starts_with("history?scope=s") {
                    answers.insert(format!("{who} {path}"), ask(server, path, header, &value).await);
                }
            }
        }
        for person in &household.people {
            let signed_in = sign_in(server, person).await;
            let seen = match &signed_in {
                Some(token) => {
                    let bearer = format!("Bearer {token}");
                    ask(server, "units?scope=station:3", "Authorization", &bearer).await
                }
                None => "may not".into(),
            };
            answers.insert(format!("{person} signs in"), seen);
        }
        for (unit, token) in &household.tokens {
            // Posts nothing, but only whose token is good may.
            let request = Client::new().post(server.url("/api/v1/locations")).bearer_auth(token);
            let status = request.body(r#"{"location":[]}"#).send().await.expect("answers").status();
            answers.insert(format!("{unit} posts"), status.to_string());
        }
        Self(answers)
    }

    #[track_caller]
    pub fn assert_equal(&self, other: &Self) {
        assert!(self.0.keys().eq(other.0.keys()), "not the same was asked");
        let pairs = self.0.iter().zip(other.0.values());
        let differ: Vec<_> = pairs.filter(|((_, answer), expected)| answer != expected).collect();
        let asked: Vec<_> = differ.iter().map(|((asked, _), _)| asked).collect();
        if let Some(((_, answer), expected)) = differ.first() {
            let short = |text: &str| text.chars().take(2000).collect::<String>();
            panic!("{asked:?}, the first:\n{}\nand not\n{}", short(answer), short(expected));
        }
    }
}

async fn ask(server: &Node, path: &str, name: &str, value: &str) -> String {
    let request = Client::new().get(server.url(&format!("/api/v1/{path}"))).header(name, value);
    let answer = request.send().await.expect("answers");
    let status = answer.status();
    let mut body: Value = answer.json().await.expect("JSON");
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    // Asking is a use.
    for item in body.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        item.as_object_mut().and_then(|item| item.remove("last_used_at"));
    }
    format!("{status} {body}")
}

/// The lines of a backup, without the first and the last, which say when and how many.
pub struct Lines(BTreeSet<String>);

pub fn lines_of(file: &Path) -> Lines {
    let text = BufReader::new(GzDecoder::new(File::open(file).expect("is there")));
    let lines = text.lines().map(|line| line.expect("reads"));
    Lines(
        lines
            .filter(|line| !line.starts_with(r#"{"sentinel_backup""#) && !line.starts_with(r#"{"end""#))
            .collect(),
    )
}

impl Lines {
    pub fn fixes(&self) -> usize {
        self.0.iter().filter(|line| line.starts_with(r#"{"fix""#)).count()
    }

    /// What waited has come to history; dead letters stayed behind.
    pub fn settled(self) -> Self {
        let kept = self.0.into_iter().filter(|line| !line.starts_with(r#"{"dead""#));
        Self(kept.map(|line| line.replacen(r#"{"queued""#, r#"{"fix""#, 1)).collect())
    }

    #[track_caller]
    pub fn assert_equal(&self, other: &Self) {
        let missing: Vec<_> = self.0.difference(&other.0).take(5).collect();
        let added: Vec<_> = other.0.difference(&self.0).take(5).collect();
        assert!(missing.is_empty() && added.is_empty(), "missing: {missing:#?}\nadded: {added:#?}");
    }
}
