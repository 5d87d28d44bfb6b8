//! Where the server has sent units: read every few seconds, as the phones of crews would ask.
//!
//! A crew accepts, drives there, says so where no position could (a place that no road leads to),
//! and reports back after a while: so a call that is dispatched to the demo city is attended to
//! from its beginning to its end.

use crate::{
    city::geo::Place,
    client::{Api, Backoff, CallError},
};
use sentinel_model::{
    Page, Time, UnitId,
    dispatch::{self, Assignment, AssignmentState},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::HashMap, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A duty that nobody ends is left after so long, seconds.
pub const LONGEST_S: f64 = 86_400.0;

const READ_EVERY: Duration = Duration::from_secs(2);
/// How long a crew attends to an incident, and a driver hands something over, milliseconds.
const INCIDENT_MS: i64 = 5 * 60_000;
const ORDER_MS: i64 = 30_000;
/// After so long a crew says that it is there, if its positions have not, seconds.
const SAYS_SO_AFTER_S: f64 = 30.0;

/// An active assignment of a unit.
#[derive(Debug, Clone, Deserialize)]
pub struct Duty {
    #[serde(flatten)]
    pub assignment: Assignment,
    place: dispatch::Place,
    /// Of an order alone.
    order_id: Option<String>,
}

impl Duty {
    pub fn place(&self) -> Place {
        Place { lat: self.place.latitude, lon: self.place.longitude }
    }

    /// What the crew says now that it drives there, has stood there for so
    /// many seconds, or is done.
    pub fn says(&self, there_for_s: f64, now: Time) -> Option<AssignmentState> {
        let stay_ms = if self.order_id.is_some() { ORDER_MS } else { INCIDENT_MS };
        match (self.assignment.state, self.assignment.times.on_scene_at) {
            (AssignmentState::OnScene, Some(since)) => {
                (now.ms_since(since) >= stay_ms).then_some(AssignmentState::Cleared)
            }
            (AssignmentState::OnScene, None) => None,
            (AssignmentState::Dispatched, _) => Some(AssignmentState::Accepted),
            _ if there_for_s >= SAYS_SO_AFTER_S => Some(AssignmentState::OnScene),
            _ => None,
        }
    }
}

/// By units; of one that was sent to several places the first.
pub type Duties = HashMap<UnitId, Duty>;

/// What is read, again and again, until it is stopped or nobody takes it.
pub fn read(api: Api, stop: CancellationToken) -> mpsc::Receiver<Duties> {
    let (sender, receiver) = mpsc::channel(1);
    let keep_reading = async move {
        let mut backoff = Backoff::new();
        loop {
            let wait = match list(&api).await {
                Ok(duties) => {
                    backoff.reset();
                    if sender.send(duties).await.is_err() {
                        return;
                    }
                    READ_EVERY
                }
                Err(error) if error.is_transient() => backoff.after(&error).max(READ_EVERY),
                Err(error) => {
                    return tracing::warn!("{error}; simulated units go nowhere that they are sent to");
                }
            };
            tokio::time::sleep(wait).await;
        }
    };
    tokio::spawn(async move { stop.run_until_cancelled(keep_reading).await });
    receiver
}

async fn list(api: &Api) -> Result<Duties, CallError> {
    let page: Page<Duty> = api.get("/api/v1/assignments", &[]).await?;
    let mut duties = Duties::new();
    for duty in page.items {
        duties.entry(duty.assignment.unit_id.clone()).or_insert(duty);
    }
    Ok(duties)
}

/// A crew's word. One that is refused is no harm: somebody has taken that step, or ended it all.
pub fn tell(api: Api, assignment: String, state: AssignmentState) {
    tokio::spawn(async move {
        let path = format!("/api/v1/assignments/{assignment}/status");
        if let Err(error) = api.post::<Value>(&path, &json!({"status": state})).await {
            tracing::debug!("{error}");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duty(state: &str, on_scene_at: Option<Time>, order_id: Option<&str>) -> Duty {
        let id = order_id.map_or("inc-1", |id| id);
        serde_json::from_value(json!({
            "id": format!("{id}.1"), "unit_id": "PC-001", "unit_name": "one", "station": "station:5",
            "state": state, "times": {"dispatched_at": Time(0), "on_scene_at": on_scene_at},
            "place": {"latitude": 9.9, "longitude": 76.2}, "notes": "", "order_id": order_id,
        }))
        .expect("a duty")
    }

    #[test]
    fn a_crew_accepts_says_when_it_is_there_and_reports_back_after_a_while() {
        let now = Time(1_000_000);
        assert_eq!(duty("dispatched", None, None).says(0.0, now), Some(AssignmentState::Accepted));
        assert_eq!(duty("en_route", None, None).says(0.0, now), None);
        assert_eq!(duty("en_route", None, None).says(31.0, now), Some(AssignmentState::OnScene));
        let ago = |ms: i64| Some(now.plus_ms(-ms));
        assert_eq!(duty("on_scene", ago(299_000), None).says(31.0, now), None);
        assert_eq!(duty("on_scene", ago(300_000), None).says(31.0, now), Some(AssignmentState::Cleared));
        assert_eq!(
            duty("on_scene", ago(30_000), Some("ord-1")).says(31.0, now),
            Some(AssignmentState::Cleared)
        );
    }
}
