//! What is done to a task from here, and what came of it.

use crate::{
    console::Console,
    live::{
        dispatch,
        rest::{self, RestError},
        tasks::TaskRef,
    },
};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::{Task, UnitId, dispatch::AssignmentState};
use std::{future::Future, pin::Pin};

/// Why something was not done, and what can be done about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub why: String,
    pub remedy: Option<Remedy>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Remedy {
    /// The unit is on another task: send it all the same.
    SendAnyway { unit: UnitId, instead_of: Option<String> },
    /// The unit is off duty: start its patrol, then send it.
    StartPatrol { unit: UnitId, instead_of: Option<String> },
}

/// Of one type each, so that the page carries once what is done with them.
type Doing = Pin<Box<dyn Future<Output = Result<Task, RestError>>>>;
type Then = Box<dyn FnOnce(&Task)>;
type Remedying = Box<dyn FnOnce(&str) -> Option<Remedy>>;

#[derive(Clone, Copy)]
pub struct Sending {
    console: Console,
    pub which: StoredValue<TaskRef>,
    pub busy: RwSignal<bool>,
    pub problem: RwSignal<Option<Problem>>,
    /// The assignment whose unit the next one takes the place of.
    pub instead_of: RwSignal<Option<String>>,
}

impl Sending {
    pub fn new(which: TaskRef) -> Self {
        Self {
            console: Console::of_page(),
            which: StoredValue::new(which),
            busy: RwSignal::new(false),
            problem: RwSignal::new(None),
            instead_of: RwSignal::new(None),
        }
    }

    /// Does one thing at a time, says what came of it, and goes on with `then` where it went well.
    pub fn run(
        self,
        what: impl Future<Output = Result<Task, RestError>> + 'static,
        then: impl FnOnce(&Task) + 'static,
        remedy: impl FnOnce(&str) -> Option<Remedy> + 'static,
    ) {
        if self.busy.get_untracked() {
            return;
        }
        let console = self.console;
        self.busy.set(true);
        self.problem.set(None);
        let then: Then = Box::new(then);
        let remedy: Remedying = Box::new(remedy);
        let what: Doing = Box::pin(what);
        spawn_local(async move {
            let answer = console.took_task(what.await);
            // What it was done in may be closed by now.
            self.busy.try_set(false);
            match answer {
                Ok(task) => then(&task),
                Err(e) => {
                    let code = if let RestError::Refused { code, .. } = &e { code.as_str() } else { "" };
                    let problem = Problem { remedy: remedy(code), why: e.to_string() };
                    if self.problem.try_set(Some(problem)).is_some() {
                        console.warn(e.to_string());
                    }
                }
            }
        });
    }

    pub fn assign(self, unit: UnitId, even_if_busy: bool, instead_of: Option<String>) {
        let console = self.console;
        let which = self.which.get_value();
        let (sent, told, instead) = (unit.clone(), unit.clone(), instead_of.clone());
        let asked = async move { dispatch::assign(&which, &sent, even_if_busy, instead.as_deref()).await };
        let done = move |_: &Task| {
            self.instead_of.try_set(None);
            console.tell(format!("{told} is sent."));
        };
        self.run(asked, done, move |code| match code {
            "busy" => Some(Remedy::SendAnyway { unit, instead_of }),
            "off_duty" if console.may_manage_patrols() => Some(Remedy::StartPatrol { unit, instead_of }),
            _ => None,
        });
    }

    pub fn step(self, assignment: String, state: AssignmentState) {
        let which = self.which.get_value();
        self.run(async move { dispatch::step(&which, &assignment, state).await }, |_| (), |_| None);
    }

    pub fn remedy(self, remedy: Remedy) {
        match remedy {
            Remedy::SendAnyway { unit, instead_of } => self.assign(unit, true, instead_of),
            Remedy::StartPatrol { unit, instead_of } => {
                let which = self.which.get_value();
                let (console, told) = (self.console, unit.clone());
                let asked = async move {
                    rest::start_patrol(&unit).await?;
                    dispatch::assign(&which, &unit, false, instead_of.as_deref()).await
                };
                self.run(asked, move |_| console.tell(format!("{told} is on patrol, and sent.")), |_| None);
            }
        }
    }
}
