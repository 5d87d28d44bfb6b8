//! Response times, for `/metrics`: on whichever node the step was taken.

use super::word;
use sentinel_model::Task;
use std::time::Duration;

/// Counts one, where the first unit has come on scene.
pub fn response(before: &Task, after: &Task) {
    if before.milestones().on_scene_at.is_some() {
        return;
    }
    let Some(on_scene_at) = after.milestones().on_scene_at else { return };
    let waited = Duration::from_millis(on_scene_at.ms_since(after.created_at).unsigned_abs());
    metrics::histogram!("sentinel_response_seconds", "kind" => word(after.is_order()))
        .record(waited.as_secs_f64());
}
