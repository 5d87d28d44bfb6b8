//! What matters most in a scope, and what of it has room on a wall.

use crate::live::alerts::calls;
use sentinel_model::{Task, alerts::Alert, alerts::AlertKind};
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
pub enum Matter {
    Alert(Box<Alert>),
    Incident(Arc<Task>),
}

impl Matter {
    /// Another one where anything of it is another, except how long it has been.
    pub fn key(&self) -> String {
        match self {
            Matter::Alert(alert) => format!("{} {}", alert.id, alert.escalated.len()),
            Matter::Incident(task) => format!("{} {}", task.id, task.timeline.len()),
        }
    }
}

/// What is on the wall, and what there is besides.
#[derive(Debug, Default, PartialEq)]
pub struct Matters {
    pub shown: Vec<Matter>,
    pub more_alerts: usize,
    pub more_incidents: usize,
}

/// Calls for help before all else, then other alerts, those that were passed on first, then
/// incidents, the most pressing first. Many alerts leave half of what the calls have left to the
/// incidents: a parking lot of cars that come and go must not hide a fire.
pub fn choose(open: &[Alert], tasks: &[Arc<Task>], rows: usize) -> Matters {
    let help: Vec<&Alert> = calls(open).take(rows).collect();
    let all_calls = calls(open).count();
    let mut others: Vec<&Alert> = open.iter().filter(|alert| alert.kind != AlertKind::Sos).collect();
    others.sort_by_key(|alert| alert.escalated.is_empty());
    let incidents: Vec<&Arc<Task>> = tasks.iter().filter(|task| !task.is_order()).collect();

    let left = rows - help.len();
    let of_others = others.len().min(left.saturating_sub(incidents.len()).max(left.div_ceil(2)));
    let of_incidents = incidents.len().min(left - of_others);
    let more_alerts = all_calls - help.len() + others.len() - of_others;
    let more_incidents = incidents.len() - of_incidents;

    let alerts = help.into_iter().chain(others.into_iter().take(of_others));
    let mut shown: Vec<Matter> = alerts.cloned().map(|alert| Matter::Alert(alert.into())).collect();
    shown.extend(incidents.into_iter().take(of_incidents).cloned().map(Matter::Incident));
    Matters { shown, more_alerts, more_incidents }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{components::alerts::words::tests::alert, live::tasks::tests::task};
    use sentinel_model::{Scope, Time, alerts::Escalation, dispatch::Priority};

    fn alerts(kind: AlertKind, n: usize) -> Vec<Alert> {
        (0..n).map(|i| Alert { id: format!("{kind:?}{i}"), ..alert(kind) }).collect()
    }

    fn tasks(n: usize) -> Vec<Arc<Task>> {
        (0..n).map(|i| Arc::new(task(&format!("t{i}"), Priority::High, 1))).collect()
    }

    fn counts(of: &Matters) -> (usize, usize, usize) {
        let calls = of.shown.iter().filter(|m| matches!(m, Matter::Alert(a) if a.kind == AlertKind::Sos));
        let tasks = of.shown.iter().filter(|m| matches!(m, Matter::Incident(_)));
        let (calls, tasks) = (calls.count(), tasks.count());
        (calls, of.shown.len() - calls - tasks, tasks)
    }

    #[test]
    fn all_are_shown_where_there_is_room() {
        let open = [alerts(AlertKind::Sos, 1), alerts(AlertKind::Exit, 2)].concat();
        let chosen = choose(&open, &tasks(3), 8);
        assert_eq!(counts(&chosen), (1, 2, 3));
        assert_eq!((chosen.more_alerts, chosen.more_incidents), (0, 0));
    }

    #[test]
    fn calls_come_first_and_alerts_leave_half_of_the_rest_to_incidents() {
        let open = [alerts(AlertKind::Sos, 2), alerts(AlertKind::Enter, 30)].concat();
        let chosen = choose(&open, &tasks(9), 8);
        assert_eq!(counts(&chosen), (2, 3, 3));
        assert_eq!((chosen.more_alerts, chosen.more_incidents), (27, 6));
        let few = choose(&open, &tasks(1), 8);
        assert_eq!(counts(&few), (2, 5, 1), "what incidents do not need is the alerts'");
        let many = choose(&alerts(AlertKind::Sos, 12), &tasks(1), 8);
        assert_eq!((counts(&many), many.more_alerts, many.more_incidents), ((8, 0, 0), 4, 1));
        assert!(choose(&open, &tasks(1), 0).shown.is_empty());
    }

    #[test]
    fn an_alert_that_was_passed_on_stands_before_newer_ones() {
        let mut open = alerts(AlertKind::Exit, 3);
        open[2].escalated = vec![Escalation { at: Time(1), to: Scope::station(5) }];
        let chosen = choose(&open, &[], 1);
        assert_eq!(chosen.shown, [Matter::Alert(open[2].clone().into())]);
    }
}
