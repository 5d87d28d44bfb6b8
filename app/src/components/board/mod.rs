//! Incidents and orders on the page: the list beside the map, the one that is open at its right,
//! and the form of a new one.
//!
//! - [`panel`], [`list`], [`card`]: the list, with what is past
//! - [`drawer`]: one task; [`assigned`] and [`nearest`] who is on it and who could be, [`says`]
//!   what is said of it, [`ends`] handing it over and closing it, [`timeline`] what happened
//! - [`new`]: a new incident or order; [`place`] where it is
//! - [`links`]: by which a customer follows an order
//! - [`keys`], [`drag`]: the same by keys, and by dragging
//! - [`pins`]: what the map shows of all that

mod assigned;
pub mod card;
pub mod drag;
pub mod drawer;
pub mod ends;
pub mod keys;
mod links;
pub mod list;
mod nearest;
pub mod new;
pub mod of_unit;
pub mod panel;
mod past;
pub mod pins;
mod place;
mod says;
mod send;
mod timeline;
pub mod words;

use super::whole::IntoWhole;
use crate::live::tasks::priority;
use leptos::prelude::*;
use sentinel_model::{
    Task,
    dispatch::{Priority, TaskState},
};

/// A task as the head of its pin: the shape says how far it is, the colour how pressing. The word
/// stands beside it, or in the label of what it is part of.
pub fn task_mark(task: &Task) -> AnyView {
    mark(task.is_order(), task.state, priority(task))
}

pub fn mark(is_order: bool, state: TaskState, priority: Priority) -> AnyView {
    let head = if is_order {
        "M3 .8h10A2.2 2.2 0 0 1 15.2 3v10a2.2 2.2 0 0 1-2.2 2.2H3A2.2 2.2 0 0 1 .8 13V3A2.2 2.2 0 0 1 3 .8z"
    } else {
        "M8 .4a7.6 7.6 0 1 0 0 15.2a7.6 7.6 0 1 0 0-15.2z"
    };
    let inner = match (state, is_order) {
        (TaskState::Open, _) => "M6.9 3.6h2.2l-.4 5.5H7.3zM6.9 10.4h2.2v2.1H6.9z",
        (TaskState::Assigned, false) => {
            "M8 2.8a5.2 5.2 0 1 0 0 10.4a5.2 5.2 0 1 0 0-10.4zM8 5.4a2.6 2.6 0 1 0 0 5.2a2.6 2.6 0 1 0 0-5.2z"
        }
        (TaskState::Assigned, true) => "M3 3h10v10H3zM8 5.4a2.6 2.6 0 1 0 0 5.2a2.6 2.6 0 1 0 0-5.2z",
        (TaskState::OnScene, _) => "M6.9 11.9 3.4 8.4l1.4-1.4 2.1 2.1 4.3-4.3 1.4 1.4z",
        (TaskState::Closed, _) => "M3.6 7h8.8v2H3.6z",
    };
    let class = match (state, priority) {
        (TaskState::Closed, _) => "mark p-past",
        (_, Priority::High) => "mark p-high",
        (_, Priority::Normal) => "mark p-normal",
        (_, Priority::Low) => "mark p-low",
    };
    view! {
        <svg class=class viewBox="0 0 16 16" aria-hidden="true">
            <path d=format!("{head}{inner}")></path>
        </svg>
    }
    .whole()
}
