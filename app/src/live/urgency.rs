//! How much an alert presses the viewer, what is news of it, and how news is told in one word.

use crate::{components::alerts::words, console::Notice};
use sentinel_model::{
    Scope, Time,
    alerts::{Alert, AlertKind},
};
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

/// What presses the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// A call for help is everybody's.
    Call,
    /// Of the viewer's own station, or passed on to the viewer's own scope.
    Pressing,
    /// For others to take, as yet.
    Other,
}

/// How much it presses the people of `home`.
pub fn urgency(alert: &Alert, home: Scope) -> Urgency {
    match alert.kind {
        AlertKind::Sos => Urgency::Call,
        _ if alert.station == home || passed_on(alert, home).is_some() => Urgency::Pressing,
        _ => Urgency::Other,
    }
}

fn passed_on(alert: &Alert, home: Scope) -> Option<Time> {
    alert.escalated.iter().find(|up| up.to == home).map(|up| up.at)
}

/// When it last became more to the people of `home`: raised, or passed on to them.
pub fn since(alert: &Alert, home: Scope) -> Time {
    passed_on(alert, home).unwrap_or(alert.at)
}

/// Each once: what presses the most first, of the same urgency the newest.
pub fn arrange(mut open: Vec<Alert>, home: Scope) -> Vec<Alert> {
    let mut seen = HashSet::new();
    open.retain(|alert| seen.insert(alert.id.clone()));
    open.sort_by_key(|alert| (urgency(alert, home), Reverse(since(alert, home))));
    open
}

/// What of `now` was not so in `before`, and is of later than `after`; in the order of `now`.
pub fn news<'a>(now: &'a [Alert], before: &[Alert], home: Scope, after: Time) -> Vec<&'a Alert> {
    let known: HashMap<&str, Time> = before.iter().map(|old| (old.id.as_str(), since(old, home))).collect();
    let is_news = |alert: &&Alert| {
        let since = since(alert, home);
        since > after && known.get(alert.id.as_str()) != Some(&since)
    };
    now.iter().filter(is_news).collect()
}

/// What is said of `news`, which are not none: with how many were told by the notice that stands.
pub fn notice(stands: Option<&Notice>, news: &[&Alert]) -> Option<Notice> {
    let latest = news.first()?;
    let told = stands.and_then(|notice| notice.alerts).map_or(0, |(_, told)| told) + news.len();
    let (who, what) = (words::who(latest), words::what(latest));
    let text = match told {
        1 => format!("{who}: {what}"),
        _ => format!("{told} new alerts, the latest: {who}, {what}"),
    };
    Some(Notice { text, bad: false, alerts: Some((latest.kind, told)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::alerts::words::tests::alert;
    use sentinel_model::{Level, alerts::Escalation};

    const DIVISION: Scope = Scope::new(Level::Division, 2);
    const ZONE: Scope = Scope::new(Level::Zone, 3);
    const DISTRICT: Scope = Scope::new(Level::District, 1);

    fn made(id: &str, kind: AlertKind, at: i64, up: &[(Scope, i64)]) -> Alert {
        let escalated = up.iter().map(|&(to, at)| Escalation { at: Time(at), to }).collect();
        Alert { id: id.into(), at: Time(at), escalated, ..alert(kind) }
    }

    #[test]
    fn an_alert_presses_its_own_station_and_whom_it_was_passed_on_to_and_a_call_everybody() {
        let fast = made("a", AlertKind::Overspeed, 1, &[(DIVISION, 2)]);
        assert_eq!(urgency(&fast, Scope::station(5)), Urgency::Pressing);
        assert_eq!(urgency(&fast, DIVISION), Urgency::Pressing);
        assert_eq!(urgency(&fast, ZONE), Urgency::Other);
        let higher = made("a", AlertKind::Overspeed, 1, &[(DIVISION, 2), (ZONE, 3)]);
        assert_eq!(urgency(&higher, DIVISION), Urgency::Pressing, "it stays theirs as it goes on");
        assert_eq!(urgency(&higher, ZONE), Urgency::Pressing);
        assert_eq!(urgency(&higher, Scope::station(6)), Urgency::Other);
        for home in [Scope::station(5), ZONE, DISTRICT] {
            assert_eq!(urgency(&made("b", AlertKind::Sos, 1, &[]), home), Urgency::Call);
        }
    }

    #[test]
    fn calls_for_help_stand_above_what_waits_for_the_viewer_and_that_above_all_others() {
        let list = vec![
            made("new fence", AlertKind::Exit, 9, &[]),
            made("new call", AlertKind::Sos, 5, &[]),
            made("passed on first", AlertKind::Enter, 3, &[(DIVISION, 4), (ZONE, 6)]),
            made("old call", AlertKind::Sos, 2, &[]),
            made("passed on last", AlertKind::Stale, 1, &[(DIVISION, 2), (ZONE, 8)]),
            made("old fence", AlertKind::Enter, 1, &[(DIVISION, 5)]),
            made("new call", AlertKind::Sos, 5, &[]),
        ];
        let ids: Vec<String> = arrange(list, ZONE).into_iter().map(|alert| alert.id).collect();
        let order = ["new call", "old call", "passed on last", "passed on first", "new fence", "old fence"];
        assert_eq!(ids, order);
    }

    #[test]
    fn an_alert_is_news_when_it_is_raised_and_when_it_reaches_the_viewer_and_never_else() {
        let ids = |now: &[Alert], before: &[Alert], after| -> Vec<String> {
            news(now, before, ZONE, Time(after)).iter().map(|alert| alert.id.clone()).collect()
        };
        let raised = [made("a", AlertKind::Overspeed, 10, &[])];
        let half_way = [made("a", AlertKind::Overspeed, 10, &[(DIVISION, 20)])];
        let here = [made("a", AlertKind::Overspeed, 10, &[(DIVISION, 20), (ZONE, 30)])];
        let beyond = [made("a", AlertKind::Overspeed, 10, &[(DIVISION, 20), (ZONE, 30), (DISTRICT, 40)])];
        assert_eq!(ids(&raised, &[], 5), ["a"]);
        assert_eq!(ids(&raised, &[], 10), Vec::<String>::new(), "it is older than the page");
        assert_eq!(ids(&raised, &raised, 5), Vec::<String>::new());
        assert_eq!(ids(&half_way, &raised, 5), Vec::<String>::new());
        assert_eq!(ids(&here, &half_way, 5), ["a"]);
        assert_eq!(ids(&here, &[], 15), ["a"], "raised before the page, passed on since");
        assert_eq!(ids(&beyond, &here, 5), Vec::<String>::new());
    }

    #[test]
    fn news_is_told_by_one_notice_that_counts() {
        let (fast, left) = (alert(AlertKind::Overspeed), alert(AlertKind::Exit));
        let first = notice(None, &[&fast]).expect("there is news");
        assert_eq!(first.text, "Car 7 (PC-7): Too fast");
        let second = notice(Some(&first), &[&left, &fast]).expect("there is news");
        assert_eq!(second.text, "3 new alerts, the latest: Car 7 (PC-7), Left a fence");
        assert_eq!(second.alerts, Some((AlertKind::Exit, 3)));
        let other = Notice { text: "Made".into(), bad: false, alerts: None };
        assert_eq!(notice(Some(&other), &[&fast]), Some(first));
        assert_eq!(notice(None, &[]), None);
    }
}
