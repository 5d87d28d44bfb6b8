//! Incidents and orders: who makes and steers them, whom they are shown and told to, and what a
//! customer's link shows.

use super::{reads::Asking, world::World};
use axum::http::{Method, StatusCode};
use sentinel_model::{Page, Scope, UnitId, dispatch::Task};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// An incident or order as the account has it.
pub struct Tasked {
    id: String,
    is_order: bool,
    /// Whose it is.
    scope: Scope,
    /// Whose it ever was, and the stations of those that were sent, when they were.
    was_of: BTreeSet<Scope>,
    sent: BTreeSet<UnitId>,
    is_closed: bool,
    /// Links that hold: id and token.
    links: Vec<(String, String)>,
}

impl Tasked {
    fn path(&self) -> String {
        format!("/api/v1/{}/{}", if self.is_order { "orders" } else { "incidents" }, self.id)
    }
}

/// What a caller does with incidents and orders.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    Make { is_order: bool },
    Assign { unit: u8 },
    HandOver,
    Note,
    Close,
    MakeLink,
    RevokeLink,
}

impl World {
    /// Whether it is of a scope, or of one beneath it.
    fn is_of(&self, task: &Tasked, scope: Scope) -> bool {
        task.was_of.iter().any(|of| self.lies_within(*of, scope))
    }

    pub async fn act(&mut self, caller: u8, which: u8, scope: u8, act: Act) {
        let to = self.scopes[usize::from(scope) % self.scopes.len()];
        let caller = usize::from(caller) % self.callers.len();
        if let Act::Make { is_order } = act {
            return self.make_task(caller, to, is_order).await;
        }
        if self.tasks.is_empty() {
            return;
        }
        let n = usize::from(which) % self.tasks.len();
        match act {
            Act::Make { .. } => {}
            Act::Assign { unit } => self.assign(caller, n, usize::from(unit) % self.units.len()).await,
            Act::HandOver => {
                let entitled = self.dispatches(caller, to);
                let done = self.steer(caller, n, "/handover", json!({"scope": to}), entitled).await;
                if done.is_some() {
                    self.tasks[n].scope = to;
                    self.tasks[n].was_of.insert(to);
                }
            }
            Act::Note => self.note(caller, n).await,
            Act::Close => {
                if self.steer(caller, n, "/close", json!({}), true).await.is_some() {
                    self.tasks[n].is_closed = true;
                }
            }
            Act::MakeLink if self.tasks[n].is_order => {
                if let Some(made) = self.steer(caller, n, "/links", json!({}), true).await {
                    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
                    self.tasks[n].links.push((text("id"), text("token")));
                }
            }
            Act::RevokeLink if self.tasks[n].is_order => self.revoke_link(caller, n).await,
            Act::MakeLink | Act::RevokeLink => {}
        }
    }

    fn dispatches(&self, caller: usize, scope: Scope) -> bool {
        let who = &self.callers[caller];
        who.dispatches && self.lies_within(scope, who.scope)
    }

    async fn make_task(&mut self, caller: usize, to: Scope, is_order: bool) {
        let who = &self.callers[caller];
        // So far off that nobody is ever there.
        let mut body = json!({"latitude": -60, "longitude": 76.25, "scope": to});
        let path = if is_order {
            "/api/v1/orders"
        } else {
            body["kind"] = json!("theft");
            "/api/v1/incidents"
        };
        let (status, answer) = self.send(&who.credential, Method::POST, path, Some(body)).await;
        let expected = match self.dispatches(caller, to) {
            _ if who.ended => StatusCode::UNAUTHORIZED,
            true => StatusCode::CREATED,
            false => StatusCode::FORBIDDEN,
        };
        assert_eq!(status, expected, "{} makes a task of {to}: {answer}", who.name);
        if status == StatusCode::CREATED {
            self.tasks.push(Tasked {
                id: answer["id"].as_str().expect("a text").to_owned(),
                is_order,
                scope: to,
                was_of: [to].into(),
                sent: BTreeSet::new(),
                is_closed: false,
                links: Vec::new(),
            });
        }
    }

    /// Why a caller may not steer a task.
    fn refusal(&self, caller: usize, task: &Tasked) -> Option<StatusCode> {
        let who = &self.callers[caller];
        let sees = who.sees && self.is_of(task, who.scope);
        // A device whose unit was sent there sees it too, as long as it is.
        if who.ended {
            Some(StatusCode::UNAUTHORIZED)
        } else if !sees && !task.sent.iter().any(|unit| unit.as_str() == who.name) {
            Some(StatusCode::NOT_FOUND)
        } else if !self.dispatches(caller, task.scope) {
            Some(if sees || !task.is_closed { StatusCode::FORBIDDEN } else { StatusCode::NOT_FOUND })
        } else {
            None
        }
    }

    /// Asks for a step that only who steers the task may take; the answer, where it is taken.
    async fn steer(
        &self,
        caller: usize,
        task: usize,
        step: &str,
        body: Value,
        entitled: bool,
    ) -> Option<Value> {
        let (who, task) = (&self.callers[caller], &self.tasks[task]);
        let path = format!("{}{step}", task.path());
        let (status, answer) = self.send(&who.credential, Method::POST, &path, Some(body)).await;
        let expected = match self.refusal(caller, task) {
            Some(refusal) => refusal,
            None if !entitled => StatusCode::FORBIDDEN,
            None if task.is_closed => StatusCode::CONFLICT,
            None if step == "/links" => StatusCode::CREATED,
            None => StatusCode::OK,
        };
        assert_eq!(status, expected, "{} asks for {path}: {answer}", who.name);
        status.is_success().then_some(answer)
    }

    async fn assign(&mut self, caller: usize, n: usize, unit: usize) {
        let (who, task, unit) = (&self.callers[caller], &self.tasks[n], &self.units[unit]);
        let may_send = who.dispatches && unit.path().within(who.scope);
        let body = json!({"unit_id": unit.id, "even_if_busy": true});
        let path = format!("{}/assign", task.path());
        let (status, answer) = self.send(&who.credential, Method::POST, &path, Some(body)).await;
        let expected = match self.refusal(caller, task) {
            Some(refusal) => refusal,
            None if !may_send => StatusCode::FORBIDDEN,
            None if unit.active().is_none() || task.is_closed => StatusCode::CONFLICT,
            None if task.sent.contains(&unit.id) => StatusCode::CONFLICT,
            None => StatusCode::CREATED,
        };
        assert_eq!(status, expected, "{} sends {} to {}: {answer}", who.name, unit.id, task.id);
        if status == StatusCode::CREATED {
            let (id, station) = (unit.id.clone(), unit.path().station());
            self.tasks[n].sent.insert(id);
            self.tasks[n].was_of.insert(station);
        }
    }

    /// Whoever works on it may write about it; here only that nobody may who does not see it.
    async fn note(&self, caller: usize, n: usize) {
        let (who, task) = (&self.callers[caller], &self.tasks[n]);
        let path = format!("{}/notes", task.path());
        let body = json!({"text": "a word"});
        let (status, answer) = self.send(&who.credential, Method::POST, &path, Some(body)).await;
        match self.refusal(caller, task) {
            None if task.is_closed => assert_eq!(status, StatusCode::CONFLICT, "{answer}"),
            None => assert_eq!(status, StatusCode::OK, "{answer}"),
            // Theirs is the unit that was sent.
            Some(StatusCode::FORBIDDEN) => {
                let allowed = [StatusCode::FORBIDDEN, StatusCode::OK, StatusCode::CONFLICT];
                assert!(allowed.contains(&status), "{answer}");
            }
            Some(refusal) => assert_eq!(status, refusal, "{} writes about {}: {answer}", who.name, task.id),
        }
    }

    async fn revoke_link(&mut self, caller: usize, n: usize) {
        let (who, task) = (&self.callers[caller], &self.tasks[n]);
        let Some((link, _)) = task.links.first() else { return };
        let path = format!("{}/links/{link}", task.path());
        let (status, answer) = self.send(&who.credential, Method::DELETE, &path, None).await;
        let expected = self.refusal(caller, task).unwrap_or(StatusCode::NO_CONTENT);
        assert_eq!(status, expected, "{} revokes a link of {}: {answer}", who.name, task.id);
        if status == StatusCode::NO_CONTENT {
            let (_, token) = self.tasks[n].links.remove(0);
            let (shown, guessed) = (self.shown(&token).await, self.shown(&"x".repeat(token.len())).await);
            assert_eq!(shown.0, StatusCode::NOT_FOUND);
            assert_eq!(shown.1["message"], guessed.1["message"], "as if it had never been one");
        }
    }

    /// What a customer is shown.
    async fn shown(&self, token: &str) -> (StatusCode, Value) {
        self.send("", Method::GET, &format!("/t/{token}/now"), None).await
    }

    /// A task is told of to whom it is or was of.
    pub fn check_task(&self, scope: Scope, told: &Task) {
        let task = self.tasks.iter().find(|task| task.id == told.id.as_str()).expect("there is such a task");
        assert!(self.is_of(task, scope), "{} is told of at {scope}", told.id);
    }
}

impl Asking<'_> {
    pub async fn tasks(&self, scope: Scope) {
        let world = self.world;
        for (kind, is_order) in [("incidents", false), ("orders", true)] {
            let path = format!("/api/v1/{kind}?scope={scope}&state=all&limit=1000");
            if !self.may_name(scope) {
                assert_eq!(self.get(&path).await.0, StatusCode::FORBIDDEN);
                continue;
            }
            let told: BTreeSet<String> = self
                .ok::<Page<Task>>(&path)
                .await
                .items
                .into_iter()
                .map(|task| task.id.to_string())
                .collect();
            let of_it =
                world.tasks.iter().filter(|task| task.is_order == is_order && world.is_of(task, scope));
            assert_eq!(told, of_it.map(|task| task.id.clone()).collect(), "{} at {scope}", self.who.name);
        }
        for task in &world.tasks {
            let (status, answer) = self.get(&task.path()).await;
            let sees = self.who.sees && world.is_of(task, self.who.scope);
            let is_sent = task.sent.iter().any(|unit| unit.as_str() == self.who.name) && !task.is_closed;
            let expected = if sees || is_sent { StatusCode::OK } else { StatusCode::NOT_FOUND };
            assert_eq!(status, expected, "{} reads {}: {answer}", self.who.name, task.id);
        }
        self.links().await;
    }

    /// Who knows a link sees what it shows, and nobody is told of it who does not steer the order.
    async fn links(&self) {
        for task in self.world.tasks.iter().filter(|task| task.is_order) {
            let (status, answer) = self.get(&format!("{}/links", task.path())).await;
            if status == StatusCode::OK {
                assert!(
                    self.who.dispatches && self.world.lies_within(task.scope, self.who.scope),
                    "{answer}"
                );
            }
            let Some((_, token)) = task.links.first().filter(|_| !task.is_closed) else { continue };
            let (status, shown) = self.world.shown(token).await;
            assert_eq!(status, StatusCode::OK, "{shown}");
            let text = shown.to_string();
            let told = self.world.units.iter().find(|unit| text.contains(unit.id.as_str()));
            assert!(told.is_none() && !text.contains("station"), "{text}");
        }
    }
}
