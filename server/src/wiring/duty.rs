//! What somebody has to see to wherever nodes share their engines, for the live side to be
//! true: workers do it, and where none is left, a node stands in.

use crate::{
    alerts::Alerts, dispatch::Dispatch, housekeeping::Chore, live::status::StatusWatch, patrols::Patrols,
};
use std::{sync::Arc, time::Duration};

/// The lease under which chores are done, these and a worker's own.
pub const HOUSEKEEPING: &str = "housekeeping";

/// How often somebody looks for units that fell silent, or are heard of again.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often somebody closes the alerts that wait for nobody any more.
const ALERTS_CLOSED_EVERY: Duration = Duration::from_secs(600);

pub fn live_chores(
    patrols: Arc<Patrols>,
    watch: Arc<StatusWatch>,
    alerts: Arc<Alerts>,
    dispatch: Arc<Dispatch>,
    kept: Option<Duration>,
) -> Vec<Chore> {
    let seconds = Duration::from_secs;
    vec![
        Chore::new("watching for silent units", watch.every, {
            move || {
                let watch = watch.clone();
                async move { watch.look().await }
            }
        }),
        // It reads everybody who is on patrol: often only while the one who was on duty before,
        // and with it perhaps a node, may just have ended.
        Chore::new("mending the rooms", seconds(60), {
            move || {
                let patrols = patrols.clone();
                async move { patrols.mend().await.map(drop) }
            }
        })
        .at_first(seconds(5), seconds(60)),
        close_old(alerts, kept),
        Chore::new("telling steps of tasks again", seconds(5), {
            move || {
                let dispatch = dispatch.clone();
                async move { dispatch.tell_again().await }
            }
        }),
    ]
}

pub fn close_old(alerts: Arc<Alerts>, kept: Option<Duration>) -> Chore {
    Chore::new("closing old alerts", ALERTS_CLOSED_EVERY, move || {
        let alerts = alerts.clone();
        async move { alerts.close_old(kept).await }
    })
}
