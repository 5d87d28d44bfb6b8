//! What somebody has to see to wherever nodes share their engines, for the live side to be
//! true: workers do it, and where none is left, a node stands in.

use crate::{
    alerts::Alerts,
    dispatch::Dispatch,
    housekeeping::Chore,
    live::status::StatusWatch,
    patrols::Patrols,
    watch::watcher::{KEPT_EVERY, Watcher},
};
use std::{sync::Arc, time::Duration};

/// The lease under which chores are done, these and a worker's own.
pub const HOUSEKEEPING: &str = "housekeeping";

/// How often somebody looks for units that fell silent, or are heard of again.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often somebody closes the alerts that wait for nobody any more.
const ALERTS_CLOSED_EVERY: Duration = Duration::from_secs(600);

/// How often somebody looks for alerts that nobody has taken.
const ESCALATED_EVERY: Duration = Duration::from_secs(5);

/// How often somebody looks for units that stand where they were sent to and post nothing more.
const STANDING_EVERY: Duration = Duration::from_secs(5);

/// How often somebody forgets the units that no fence and no rule concerns any more: no rule that is
/// made later looks back for longer.
const FORGOTTEN_EVERY: Duration = Duration::from_secs(600);

pub fn live_chores(
    patrols: Arc<Patrols>,
    watch: Arc<StatusWatch>,
    alerts: Arc<Alerts>,
    dispatch: Arc<Dispatch>,
    kept: Option<Duration>,
) -> Vec<Chore> {
    let seconds = Duration::from_secs;
    let mut chores = vec![
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
        Chore::new("telling steps of tasks again", seconds(5), {
            move || {
                let dispatch = dispatch.clone();
                async move { dispatch.tell_again().await }
            }
        }),
    ];
    chores.extend(alert_chores(alerts, kept));
    chores
}

pub fn alert_chores(alerts: Arc<Alerts>, kept: Option<Duration>) -> Vec<Chore> {
    let old = alerts.clone();
    vec![
        Chore::new("closing old alerts", ALERTS_CLOSED_EVERY, move || {
            let alerts = old.clone();
            async move { alerts.close_old(kept).await }
        }),
        Chore::new("escalating alerts", ESCALATED_EVERY, move || {
            let alerts = alerts.clone();
            async move { alerts.escalate().await }
        }),
    ]
}

/// Of every process that watches units, be it on duty or not.
pub fn keep_watching(watcher: Arc<Watcher>) -> Chore {
    Chore::new("remembering units", KEPT_EVERY, move || {
        let watcher = watcher.clone();
        async move { watcher.keep().await }
    })
}

/// Of one process: it goes by what is stored of all units.
pub fn notice_standing(watcher: Arc<Watcher>) -> Chore {
    Chore::new("noticing who stands where they were sent", STANDING_EVERY, move || {
        let watcher = watcher.clone();
        async move { watcher.notice_standing().await }
    })
}

/// Of one process, for all that watch units: who watches one that falls silent forgets it only when
/// it posts again, and may have ended by then.
pub fn forget_unconcerned(watcher: Arc<Watcher>) -> Chore {
    Chore::new("forgetting units that nothing concerns", FORGOTTEN_EVERY, move || {
        let watcher = watcher.clone();
        async move { watcher.forget_unconcerned().await }
    })
}
