//! The alerts of a snapshot: what the records say is open, and what the room's stream has told
//! that the records of this node do not say yet.

use super::View;
use crate::{
    directory::Directory,
    ports::{AlertRecord, urgency},
};
use sentinel_model::{Scope, alerts::Alert, live::SNAPSHOT_ALERTS};
use std::sync::Arc;

/// The most pressing that a view shows, newest first.
///
/// A call for help that could not be kept is in no record, and open for as long as the room
/// remembers that it was told.
pub fn open(directory: &Directory, scope: Scope, view: &View, told: &[Arc<Alert>]) -> Vec<Alert> {
    let has_ended = |alert: &Alert| told.iter().any(|told| told.id == alert.id && !told.is_open());
    let wanted = |alert: &Alert| view.filter.keeps_alert(alert) && !has_ended(alert);
    let kept = directory.open_alerts(scope, wanted, SNAPSHOT_ALERTS);
    let mut alerts: Vec<Alert> = kept.iter().map(|record: &Arc<AlertRecord>| record.alert.clone()).collect();
    let is_unknown = |alert: &&Arc<Alert>| {
        alert.is_open()
            && view.filter.keeps_alert(alert)
            && directory.open_alert(&alert.id).is_none()
            && !directory.is_acknowledged(&alert.id)
    };
    alerts.extend(told.iter().filter(is_unknown).map(|alert| (**alert).clone()));
    alerts.sort_by(|a, b| urgency(b).cmp(&urgency(a)));
    alerts.truncate(SNAPSHOT_ALERTS);
    alerts.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    alerts
}
