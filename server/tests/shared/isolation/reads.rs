//! All that somebody can ask, against what the account says they may know.

use super::{
    account::Account,
    world::{Somebody, World},
};
use axum::http::{Method, StatusCode};
use sentinel_model::{
    Page, RouteAnswer, Scope, Time, Unit,
    alerts::{Alert, AlertKind},
    fix::Nearby,
    scope::ScopeNode,
    unit::HistoryAnswer,
};
use sentinel_server::ports::{AlertRecord, AlertsOf};
use serde_json::Value;
use std::collections::BTreeSet;

pub struct Asking<'a> {
    pub world: &'a World,
    pub who: &'a Somebody,
}

/// Reads everything as one caller; `scope`, `ago_s` and `limit` vary what is asked.
pub async fn check(world: &World, caller: usize, scope: u8, ago_s: i64, limit: usize) {
    let who = &world.callers[caller];
    let asking = Asking { world, who };
    let named = world.scopes[usize::from(scope) % world.scopes.len()];
    let at = Time(world.ground.clock.now().0 - ago_s * 1000);
    if who.ended {
        for path in ["/api/v1/units", "/api/v1/scopes", "/api/v1/stats"] {
            assert_eq!(asking.get(path).await.0, StatusCode::UNAUTHORIZED);
        }
        return;
    }
    world.ground.archived().await;
    asking.lists(named, limit).await;
    asking.units().await;
    asking.nearby().await;
    asking.routes(at).await;
    asking.history(named, at).await;
    asking.hierarchy().await;
    asking.patrols().await;
    asking.alerts(named).await;
    asking.fences(named, limit).await;
    asking.tasks(named).await;
}

/// A unit as it is told to whoever sees it.
pub fn check_whole(unit: &Account, told: &Unit) {
    assert_eq!(told.station, unit.path().station());
    assert_eq!(told.patrol_id, unit.active().map(|duty| duty.id));
    assert_eq!(told.location.as_ref().map(|location| location.time), unit.marker);
    let shown = told.location.as_ref().map(|l| (l.patrol_id, l.latitude));
    assert_eq!(shown, unit.marker.map(|time| (told.patrol_id, unit.latitude_at(time))));
}

impl Asking<'_> {
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.world.send(&self.who.credential, Method::GET, path, None).await
    }

    pub async fn ok<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        let (status, answer) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{} {path}: {answer}", self.who.name);
        serde_json::from_value(answer).expect("it is of that shape")
    }

    pub fn may_name(&self, scope: Scope) -> bool {
        self.who.sees && self.world.lies_within(scope, self.who.scope)
    }

    fn sees(&self, unit: &Account) -> bool {
        self.who.may_view(&unit.path())
    }

    fn check_unit(&self, told: &Unit) {
        let unit = self.world.units.iter().find(|unit| unit.id == told.id).expect("there is such a unit");
        assert!(self.sees(unit), "{} is told of {}", self.who.name, unit.id);
        check_whole(unit, told);
    }

    async fn lists(&self, scope: Scope, limit: usize) {
        if !self.may_name(scope) {
            let (status, answer) = self.get(&format!("/api/v1/units?scope={scope}")).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
            return;
        }
        let mut told = Vec::new();
        let mut cursor = String::new();
        loop {
            let page: Page<Unit> =
                self.ok(&format!("/api/v1/units?scope={scope}&limit={limit}&cursor={cursor}")).await;
            assert!(page.items.len() <= limit);
            told.extend(page.items);
            match page.next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        told.iter().for_each(|unit| self.check_unit(unit));
        let expected: Vec<_> =
            self.world.units.iter().filter(|unit| unit.path().within(scope)).map(|unit| &unit.id).collect();
        assert_eq!(told.iter().map(|unit| &unit.id).collect::<Vec<_>>(), expected);
    }

    async fn units(&self) {
        for unit in &self.world.units {
            let (status, answer) = self.get(&format!("/api/v1/units/{}", unit.id)).await;
            let (at_status, at) = self.get(&format!("/api/v1/units/{}/location", unit.id)).await;
            if self.sees(unit) {
                assert_eq!(status, StatusCode::OK);
                self.check_unit(&serde_json::from_value(answer).expect("a unit"));
                let known = if unit.marker.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
                assert_eq!(at_status, known, "{at}");
            } else {
                assert_eq!((status, at_status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
                let (_, nobody) = self.get("/api/v1/units/nobody").await;
                let message = |answer: &Value| answer["message"].to_string();
                assert_eq!(
                    message(&answer).replace(unit.id.as_str(), "nobody"),
                    message(&nobody),
                    "both answer alike"
                );
            }
        }
    }

    async fn nearby(&self) {
        let path = "/api/v1/units/nearby?lat=9.5&lng=76.25&radius=500000&limit=1000";
        if !self.who.sees {
            assert_eq!(self.get(path).await.0, StatusCode::FORBIDDEN);
            return;
        }
        let page: Page<Nearby> = self.ok(path).await;
        assert!(page.items.is_sorted_by(|a, b| a.distance_m <= b.distance_m));
        for near in &page.items {
            let unit =
                self.world.units.iter().find(|unit| unit.id == near.location.unit_id).expect("there is one");
            assert_eq!(near.location.patrol_id, unit.active().map(|duty| duty.id), "{}", unit.id);
        }
        let told: BTreeSet<_> = page.items.iter().map(|near| near.location.unit_id.clone()).collect();
        let on_duty = |unit: &&Account| unit.active().is_some() && unit.marker.is_some() && self.sees(unit);
        let expected: BTreeSet<_> =
            self.world.units.iter().filter(on_duty).map(|unit| unit.id.clone()).collect();
        assert_eq!(told, expected);
    }

    async fn routes(&self, split: Time) {
        // All that a story is long, and less than a route may be.
        let fortnight_ms = 14 * 24 * 3600 * 1000;
        let (first, last) = (Time(split.0 - fortnight_ms), Time(split.0 + fortnight_ms));
        for unit in &self.world.units {
            for (from, to) in [(first, last), (split, last), (first, split)] {
                let path = format!(
                    "/api/v1/units/{}/route?start_time={from}&end_time={to}&max_points=1000",
                    unit.id
                );
                let within = |time: &Time| (from..=to).contains(time);
                let moments = unit.turns().filter(within).chain([from]);
                let some_of_it = moments.into_iter().any(|at| self.who.may_view(&unit.path_at(at)));
                if !some_of_it && !self.sees(unit) {
                    assert_eq!(self.get(&path).await.0, StatusCode::NOT_FOUND);
                    continue;
                }
                let route: RouteAnswer = self.ok(&path).await;
                let told: Vec<(Time, f64)> =
                    route.points.iter().map(|point| (point.time, point.latitude)).collect();
                let visible = |time: &Time| within(time) && self.who.may_view(&unit.path_at(*time));
                let expected: Vec<(Time, f64)> = unit
                    .fixes
                    .iter()
                    .filter(|(time, _)| visible(time))
                    .map(|(time, lat)| (*time, *lat))
                    .collect();
                assert_eq!(told, expected, "{} reads the route of {}", self.who.name, unit.id);
                assert_eq!(route.total, expected.len() as u64);
            }
        }
    }

    async fn history(&self, scope: Scope, at: Time) {
        let path = format!("/api/v1/history?scope={scope}&at={at}");
        if !self.may_name(scope) {
            assert_eq!(self.get(&path).await.0, StatusCode::FORBIDDEN);
            return;
        }
        let answer: HistoryAnswer = self.ok(&path).await;
        assert_eq!((answer.scope, answer.at), (scope, at));
        let told: BTreeSet<_> = answer.units.iter().map(|l| (l.unit_id.clone(), l.time)).collect();
        assert_eq!(told.len(), answer.units.len());
        let then = |unit: &&Account| unit.path_at(at).within(scope);
        let last = |unit: &Account| {
            let (time, _) = unit.fixes.range(..=at).next_back()?;
            unit.path_at(*time).within(scope).then(|| (unit.id.clone(), *time))
        };
        let expected: BTreeSet<_> = self.world.units.iter().filter(then).filter_map(last).collect();
        assert_eq!(told, expected, "{} at {at}", self.who.name);
        for location in &answer.units {
            if let Some(patrol) = location.patrol_id {
                let (unit, duty) = self.world.patrol(patrol).expect("there is such a patrol");
                assert_eq!(unit.id, location.unit_id);
                assert!(duty.path.within(scope) && duty.from <= location.time);
            }
        }
    }

    async fn alerts(&self, scope: Scope) {
        let node = self.world.ground.next();
        let all = node.directory.registry().alerts(&AlertsOf::default(), None, 1000).await.expect("reads");
        let path = format!("/api/v1/alerts?scope={scope}&limit=1000");
        let told: Vec<Alert> = if self.may_name(scope) {
            self.ok::<Page<Alert>>(&path).await.items
        } else {
            assert_eq!(self.get(&path).await.0, StatusCode::FORBIDDEN);
            Vec::new()
        };
        told.iter().for_each(|alert| self.world.check_alert(scope, alert));
        let calls = self.world.units.iter().flat_map(|unit| &unit.calls);
        let expected = calls.filter(|(_, path)| self.may_name(scope) && path.within(scope)).count();
        let told_calls = told.iter().filter(|alert| alert.kind == AlertKind::Sos).count();
        assert_eq!(told_calls, expected, "{} at {scope}", self.who.name);
        let told: BTreeSet<&str> = told.iter().map(|alert| alert.id.as_str()).collect();
        for AlertRecord { alert, path } in &all {
            // One may have been raised in between.
            let is_told = !self.may_name(scope) || !path.within(scope) || told.contains(alert.id.as_str());
            assert!(is_told, "{} at {scope} is not told of {alert:?}", self.who.name);
        }
        // One by one, whoever may see it.
        for record in all {
            let (status, _) = self.get(&format!("/api/v1/alerts/{}", record.alert.id)).await;
            let may = self.who.may_view(&record.path);
            assert_eq!(status, if may { StatusCode::OK } else { StatusCode::NOT_FOUND }, "{}", self.who.name);
        }
    }

    async fn hierarchy(&self) {
        if !self.who.sees {
            return;
        }
        let page: Page<ScopeNode> = self.ok("/api/v1/scopes?limit=1000").await;
        let told: BTreeSet<Scope> = page.items.iter().map(|node| node.scope).collect();
        let within = |scope: &&Scope| self.world.lies_within(**scope, self.who.scope);
        let expected: BTreeSet<Scope> = self.world.scopes.iter().filter(within).copied().collect();
        assert_eq!(told, expected);
        for node in &page.items {
            let units = self.world.units.iter().filter(|unit| unit.path().within(node.scope)).count();
            assert_eq!(node.counts.units as usize, units, "{}", node.scope);
            assert!(node.parent.is_none_or(|parent| told.contains(&parent)), "nothing above is named");
        }
    }

    async fn patrols(&self) {
        for (unit, duty) in
            self.world.units.iter().flat_map(|unit| unit.patrols.iter().map(move |duty| (unit, duty)))
        {
            let (status, answer) = self.get(&format!("/api/v1/patrols/{}", duty.id)).await;
            if self.who.may_view(&duty.path) {
                assert_eq!((status, &answer["unit_id"]), (StatusCode::OK, &Value::from(unit.id.as_str())));
            } else {
                assert_eq!(status, StatusCode::NOT_FOUND);
            }
        }
    }
}
