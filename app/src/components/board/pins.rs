//! What the map shows of incidents and orders.

use crate::{console::Console, live::tasks::priority, map::Pin};
use leptos::prelude::*;
use sentinel_model::{
    Task,
    dispatch::{AssignmentState, Priority, TaskState},
};

/// More than these make a carpet: the most pressing are shown.
const MOST: usize = 500;

/// The open ones, the one that is open beside the map, and the place of a new one.
pub fn pins(console: Console) -> Vec<Pin> {
    let board = console.board;
    let chosen = board.chosen.get().map(|chosen| chosen.id);
    let moving = board.moving.get();
    let place = |task: &Task| match moving {
        Some(place) if chosen.as_ref() == Some(&task.id) => place,
        _ => (task.place.latitude, task.place.longitude),
    };
    let pin = |task: &Task| Pin {
        id: Some(task.id.clone()),
        lat: place(task).0,
        lon: place(task).1,
        is_order: task.is_order(),
        state: task.state,
        priority: priority(task),
        chosen: chosen.as_ref() == Some(&task.id),
        // Whoever is there stands at the pin.
        units: task
            .active()
            .filter(|held| held.state < AssignmentState::OnScene)
            .map(|held| held.unit_id.clone())
            .collect(),
    };
    let mut all: Vec<Pin> = board.with(|tasks| tasks.all().iter().take(MOST).map(|task| pin(task)).collect());
    if let Some(shown) =
        board.shown.get().filter(|shown| all.iter().all(|pin| pin.id.as_ref() != Some(&shown.id)))
    {
        all.push(pin(&shown));
    }
    let draft = board.draft.get();
    if let Some((is_order, (lat, lon))) = draft.and_then(|draft| Some((draft.is_order, draft.place?))) {
        all.push(Pin {
            id: None,
            lat,
            lon,
            is_order,
            state: TaskState::Open,
            priority: Priority::Normal,
            chosen: true,
            units: Vec::new(),
        });
    }
    all
}
