//! What somebody may change of units, and what the answers to it tell.

use super::{account::Account, reads::check_whole, world::World};
use axum::http::{Method, StatusCode};
use sentinel_model::{Unit, UnitStatus};
use serde_json::{Value, json};

impl World {
    /// Moves a unit to another station, or without one renews its token.
    pub async fn manage(&mut self, caller: u8, unit: u8, move_to: Option<u8>) {
        let who = &self.callers[usize::from(caller) % self.callers.len()];
        let n = usize::from(unit) % self.units.len();
        let unit = &self.units[n];
        let station = move_to.map(|n| self.stations[usize::from(n) % self.stations.len()]);
        let path = format!("/api/v1/units/{}", unit.id);
        let node = self.ground.next().clone();
        let (status, answer) = match station {
            Some(to) => {
                let body = json!({"name": "moved", "station": to.station()});
                self.send_to(&node, &who.credential, Method::PATCH, &path, Some(body)).await
            }
            None => {
                let path = format!("{path}/token");
                self.send_to(&node, &who.credential, Method::POST, &path, None).await
            }
        };
        let expected = if who.ended {
            StatusCode::UNAUTHORIZED
        } else if !who.manages || !unit.home().within(who.scope) {
            StatusCode::NOT_FOUND
        } else if station.is_some_and(|to| !to.within(who.scope)) {
            StatusCode::FORBIDDEN
        } else {
            StatusCode::OK
        };
        assert_eq!(status, expected, "{} manages {}: {answer}", who.name, unit.id);
        let (sees, scope) = (who.sees, who.scope);
        if status != StatusCode::OK {
            return;
        }
        let entry = node.directory.unit(&unit.id).expect("it is there");
        let account = &mut self.units[n];
        account.record = entry.record.clone();
        account.homes = account.record.homes.iter().map(|home| (home.from, home.path)).collect();
        if let Some(to) = station {
            assert_eq!(account.home(), to);
        } else {
            account.token = answer["ingest_token"].as_str().expect("a token").to_owned();
            let (device, token) = (account.id.to_string(), account.token.clone());
            let device = self.callers.iter_mut().find(|caller| caller.name == device);
            device.expect("each unit asks too").credential = token;
        }
        let account = &self.units[n];
        check_told(account, sees && account.path().within(scope), answer);
    }
}

/// Whoever manages a unit without seeing where it is learns nothing of that.
fn check_told(unit: &Account, sees: bool, answer: Value) {
    let told: Unit = serde_json::from_value(answer).expect("a unit");
    assert_eq!((&told.id, &told.name), (&unit.id, &unit.record.name));
    if sees {
        return check_whole(unit, &told);
    }
    assert_eq!(
        (told.station, told.status, told.patrol_id, told.location),
        (unit.home().station(), UnitStatus::OffDuty, None, None),
        "{} is under {:?}",
        unit.id,
        unit.path()
    );
}
