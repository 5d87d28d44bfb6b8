//! Following one order: what its customer's page is told ([`page`]), and where its driver is
//! ([`driver`]).
//!
//! Whatever wakes it, a position of the driver, a step of the order or the end of a right, the
//! order is looked at anew and as a whole, so nothing is told that a request would not be answered
//! at that moment. Steps and ends are noticed by what this node knows, twice a second.

pub mod driver;
pub mod page;

use super::subscriber::{End, Next, Refused, SIGN_IN_ENDED, Subscriber};
use crate::{auth::Follower, dispatch::followed::Followed, http::error::ApiError, state::Sentinel};
use sentinel_model::{Scope, TaskId, UnitId, live::close};
use std::{sync::Arc, time::Duration};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How soon a step, or an end, is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LINK_ENDED: End = End { code: close::UNAUTHORIZED, reason: "the link has ended" };
const OVER: End = End { code: close::OVER, reason: "the order has ended" };
const NOT_READ: End = End { code: close::RESTART, reason: "the order could not be read; come back" };

/// What is next of an order that is followed.
enum Told {
    /// How it is, whether that is new or not.
    Now(Box<Followed>),
    Beat,
    End(End),
}

struct Tail {
    subscriber: Subscriber,
    follower: Follower,
    order: TaskId,
    /// What was found last, while it is followed.
    found: Option<Box<Followed>>,
    /// Whose room is listened to, and for which unit.
    listens_to: Option<(Scope, UnitId)>,
    ticks: Interval,
}

impl Tail {
    /// Before anything is promised to the client.
    fn new(sentinel: Arc<Sentinel>, follower: Follower, order: TaskId) -> Result<Self, ApiError> {
        let subscriber = match &follower {
            Follower::Link(link) => Subscriber::by_link(sentinel, link)?,
            Follower::Caller(caller) => Subscriber::new(sentinel, caller.clone())?,
        };
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { subscriber, follower, order, found: None, listens_to: None, ticks })
    }

    fn sentinel(&self) -> &Sentinel {
        &self.subscriber.sentinel
    }

    fn leave(&mut self) {
        self.subscriber.leave();
        (self.found, self.listens_to) = (None, None);
    }

    /// Waits for what comes next. May be dropped while it waits: it is looked at again.
    async fn next(&mut self) -> Told {
        loop {
            tokio::select! {
                biased;
                next = self.subscriber.next() => match next {
                    Next::Frames(_) => return self.look().await,
                    Next::Beat => return Told::Beat,
                    Next::End(SIGN_IN_ENDED) => return Told::End(self.ended()),
                    Next::End(end) => return Told::End(end),
                },
                _ = self.ticks.tick(), if self.found.is_some() => if self.is_old() {
                    return self.look().await;
                },
            }
        }
    }

    fn is_old(&self) -> bool {
        let Some(found) = &self.found else { return false };
        self.wanted(found) != self.listens_to || self.sentinel().dispatch.is_old(&self.follower, found)
    }

    /// The room that tells of the driver who was found.
    fn wanted(&self, found: &Followed) -> Option<(Scope, UnitId)> {
        let (_, unit) = found.assigned.as_ref()?;
        let entry = self.sentinel().directory.unit(unit)?;
        Some((entry.path().station(), unit.clone()))
    }

    async fn look(&mut self) -> Told {
        let dispatch = self.sentinel().dispatch.clone();
        let found = match dispatch.look(&self.follower, &self.order).await {
            Ok(Some(found)) => found,
            Ok(None) => return Told::End(self.ended()),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, order = %self.order, "an order that is followed could not be read");
                return Told::End(NOT_READ);
            }
        };
        let wanted = self.wanted(&found);
        if wanted != self.listens_to {
            self.subscriber.leave();
            self.listens_to = None;
            if let Some(grant) = dispatch.driver(&self.follower, &found) {
                match self.subscriber.follow(grant).await {
                    Ok(()) => self.listens_to = wanted,
                    Err(Refused::Away(end)) => return Told::End(end),
                    Err(Refused::Denied(_)) => return Told::End(self.ended()),
                }
            }
        }
        let told = Box::new(found);
        self.found = Some(told.clone());
        Told::Now(told)
    }

    fn ended(&self) -> End {
        match self.follower {
            Follower::Link(_) => LINK_ENDED,
            Follower::Caller(_) => SIGN_IN_ENDED,
        }
    }
}
