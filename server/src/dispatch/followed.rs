//! An order as its customer sees it: how far it is, where its driver is and when they arrive, and
//! nothing else of the order, the unit or anybody who works on it.

use super::Dispatch;
use crate::{
    auth::{Caller, DriverGrant, Follower},
    ports::{EngineError, TaskRecord},
};
use sentinel_model::{
    TaskId, Time, UnitId,
    dispatch::{AssignmentState, Outcome, Place, Task},
};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// How far an order is, to whom it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FollowedState {
    /// Nobody is sent yet.
    Received,
    /// A driver is sent, who has not set out.
    Assigned,
    OnTheWay,
    /// The driver is there.
    Arrived,
    Delivered,
    Cancelled,
}

impl FollowedState {
    pub const ALL: [FollowedState; 6] = [
        FollowedState::Received,
        FollowedState::Assigned,
        FollowedState::OnTheWay,
        FollowedState::Arrived,
        FollowedState::Delivered,
        FollowedState::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            FollowedState::Received => "received",
            FollowedState::Assigned => "assigned",
            FollowedState::OnTheWay => "on_the_way",
            FollowedState::Arrived => "arrived",
            FollowedState::Delivered => "delivered",
            FollowedState::Cancelled => "cancelled",
        }
    }

    fn of(task: &Task) -> Self {
        match (task.outcome, task.driver().map(|driver| driver.state)) {
            (Some(Outcome::Done), _) => Self::Delivered,
            (Some(Outcome::Cancelled), _) => Self::Cancelled,
            (None, None) => Self::Received,
            (None, Some(AssignmentState::OnScene)) => Self::Arrived,
            (None, Some(AssignmentState::EnRoute)) => Self::OnTheWay,
            (None, Some(_)) => Self::Assigned,
        }
    }

    pub fn is_over(self) -> bool {
        matches!(self, Self::Delivered | Self::Cancelled)
    }
}

/// An order as its customer sees it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FollowedOrder {
    /// By which the customer's shop knows it; none of one that was numbered here.
    #[schema(value_type = Option<String>, example = "A-7731")]
    pub order_id: Option<TaskId>,
    pub state: FollowedState,
    /// Where it goes.
    pub place: Place,
    /// None while nobody is on the way, where nobody knows where they are, and after the end.
    pub driver: Option<FollowedDriver>,
    /// Along the way that is left, metres; an estimate.
    #[schema(example = 840.0)]
    pub distance_m: Option<f64>,
    /// Seconds until the driver arrives; an estimate.
    #[schema(example = 190.0)]
    pub eta_s: Option<f64>,
    /// When something was heard of it last: a position, or a step.
    pub updated_at: Time,
}

/// Where a driver is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct FollowedDriver {
    /// Degrees.
    #[schema(example = 9.9624)]
    pub latitude: f64,
    /// Degrees.
    #[schema(example = 76.2995)]
    pub longitude: f64,
    /// Degrees clockwise from north.
    #[schema(example = 271.5)]
    pub heading_deg: Option<f32>,
    /// By the device's clock.
    pub time: Time,
}

/// What a look at an order found.
#[derive(Clone)]
pub struct Followed {
    pub order: FollowedOrder,
    /// The assignment of the driver, and the unit behind it.
    pub assigned: Option<(String, UnitId)>,
    record: Arc<TaskRecord>,
}

impl Dispatch {
    /// The order, where it may be followed now; none where not, whatever the reason. Another node
    /// may have made the link or sent the driver just now, so what is not found is looked for anew.
    pub async fn follow(&self, follower: &Follower, order: &TaskId) -> Result<Option<Followed>, EngineError> {
        let found = self.look(follower, order).await?;
        if found.is_none() && self.directory.freshen().await {
            return self.look(follower, order).await;
        }
        Ok(found)
    }

    /// The same by what is known here, for who has found it before.
    pub async fn look(&self, follower: &Follower, order: &TaskId) -> Result<Option<Followed>, EngineError> {
        let now = self.clock.now();
        let record = match self.directory.recent_task(order) {
            Some(held) => held,
            None => match self.directory.registry().task(order).await? {
                Some(record) => Arc::new(record),
                None => return Ok(None),
            },
        };
        if !follower.may_follow(&self.directory, &record, now) {
            return Ok(None);
        }
        let state = FollowedState::of(&record.task);
        let assigned = record.task.driver().map(|driver| (driver.id.clone(), driver.unit_id.clone()));
        let last = match &assigned {
            Some((_, unit)) if self.is_on_duty(unit) => self.positions.get(unit).await?,
            _ => None,
        };
        let to_come = last.as_ref().filter(|_| state != FollowedState::Arrived);
        let estimate = match (to_come, &assigned) {
            (Some(from), Some((assignment, _))) => {
                Some(self.estimator.on_the_way(assignment, from, &record.task.place).await)
            }
            _ => None,
        };
        let driver = last.map(|last| FollowedDriver {
            latitude: last.latitude,
            longitude: last.longitude,
            heading_deg: last.heading_deg,
            time: last.time,
        });
        let changed_at = record.task.changed_at();
        let order = FollowedOrder {
            order_id: (record.number == 0).then(|| record.task.id.clone()),
            state,
            place: record.task.place.clone(),
            driver,
            distance_m: estimate.map(|estimate| estimate.distance_m.round()),
            eta_s: estimate.map(|estimate| estimate.eta_s.round()),
            updated_at: driver.map_or(changed_at, |driver| driver.time.max(changed_at)),
        };
        Ok(Some(Followed { order, assigned, record }))
    }

    /// Whether another look may find something else, but for where the driver is. Looks nothing up.
    pub fn is_old(&self, follower: &Follower, found: &Followed) -> bool {
        let newest = self.directory.recent_task(&found.record.task.id);
        let is_same = newest.is_some_and(|newest| Arc::ptr_eq(&newest, &found.record));
        !is_same || !follower.may_follow(&self.directory, &found.record, self.clock.now())
    }

    /// Who has ended their patrol is seen by nobody, whatever they are assigned to.
    fn is_on_duty(&self, unit: &UnitId) -> bool {
        self.directory.unit(unit).is_some_and(|unit| unit.patrol.is_some())
    }

    /// Leave to follow the driver that was found, as it is now.
    pub fn driver(&self, follower: &Follower, found: &Followed) -> Option<DriverGrant> {
        follower.driver(&self.directory, &found.record, self.clock.now())
    }
}

impl Followed {
    pub fn id(&self) -> &TaskId {
        &self.record.task.id
    }

    /// What the driver is called to who follows: by a link the assignment, by a credential the unit.
    pub fn driver_id(&self, follower: &Follower) -> Option<&str> {
        let (assignment, unit) = self.assigned.as_ref()?;
        Some(match follower {
            Follower::Link(_) => assignment,
            Follower::Caller(Caller::User(_) | Caller::Key(_) | Caller::Unit(_)) => unit.as_str(),
        })
    }
}
