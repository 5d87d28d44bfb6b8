//! What somebody has to see to wherever nodes share their engines, for the live side to be
//! true: workers do it, and where none is left, a node stands in.

use crate::{housekeeping::Chore, live::status::StatusWatch, patrols::Patrols};
use std::{sync::Arc, time::Duration};

/// The lease under which chores are done, these and a worker's own.
pub const HOUSEKEEPING: &str = "housekeeping";

/// How often somebody looks for units that fell silent, or are heard of again.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

pub fn live_chores(patrols: Arc<Patrols>, watch: Arc<StatusWatch>) -> Vec<Chore> {
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
    ]
}
