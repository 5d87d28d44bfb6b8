//! Cars that are driven by nobody: each goes round its block once a second, and what it
//! posts takes the way of every fix. For trying things out; they do not outlive the process,
//! and where there are several nodes each drives its own.
//!
//! A car is driven for as long as the patrol lasts that it was found on or put on here: so
//! whoever ends that patrol, on whichever node, stops the car too.

use crate::{
    clock::Clock,
    directory::{Directory, UnitEntry},
    geo::M_PER_DEG_LATITUDE,
    ingest::{Ingest, decode::Posted},
    patrols::{PatrolError, Patrols, Started},
};
use parking_lot::Mutex;
use sentinel_model::{Fix, PatrolId, UnitId};
use std::{collections::HashMap, f64::consts::TAU, sync::Arc, time::Duration};
use tokio::time::MissedTickBehavior;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Cars at once.
pub const CARS_MAX: usize = 100;
const EVERY: Duration = Duration::from_secs(1);
/// Half the width of its block, metres.
const RADIUS_M: f64 = 300.0;
const SPEED_MPS: f64 = 10.0;

pub struct Simulator {
    pub clock: Clock,
    pub directory: Arc<Directory>,
    pub ingest: Arc<Ingest>,
    pub patrols: Arc<Patrols>,
    pub cars: Cars,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// The cars that are driven.
#[derive(Default)]
pub struct Cars(Mutex<HashMap<UnitId, Car>>);

#[derive(Clone)]
struct Car {
    patrol: PatrolId,
    /// Whether it went on duty for this.
    put_on: bool,
    stop: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    #[error("{CARS_MAX} cars are simulated already, which is the most; remove one first")]
    Full,
    #[error(transparent)]
    Patrol(#[from] PatrolError),
}

impl Simulator {
    /// Begins to drive a unit from a place on, degrees. One that is driven already goes on.
    pub async fn add(self: &Arc<Self>, unit: &UnitEntry, from: (f64, f64)) -> Result<(), SimulatorError> {
        let id = &unit.record.id;
        let (patrol, put_on) = match unit.patrol {
            Some(active) => (active.id, false),
            None => {
                let (patrol, new) = self.patrols.start(id, None, Started::ByHand).await?;
                (patrol.id, new)
            }
        };
        let car = Car { patrol, put_on, stop: self.stop.child_token() };
        {
            let mut cars = self.cars.0.lock();
            if cars.get(id).is_some_and(|driven| driven.patrol == patrol) {
                return Ok(());
            }
            if cars.len() >= CARS_MAX {
                return Err(SimulatorError::Full);
            }
            if let Some(before) = cars.insert(id.clone(), car.clone()) {
                before.stop.cancel();
            }
        }
        let (simulator, id) = (self.clone(), id.clone());
        self.tasks.spawn(async move {
            simulator.drive(&id, &car, from).await;
            simulator.cars.0.lock().retain(|other, held| *other != id || held.patrol != car.patrol);
        });
        Ok(())
    }

    /// Stops driving a unit, and takes it off duty if this put it on. Answers whether it
    /// was driven here.
    pub async fn remove(&self, unit: &UnitId) -> Result<bool, SimulatorError> {
        let Some(car) = self.cars.0.lock().remove(unit) else { return Ok(false) };
        car.stop.cancel();
        if car.put_on {
            match self.patrols.end(car.patrol).await {
                // Somebody was faster.
                Ok(_) | Err(PatrolError::NotActive(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    async fn drive(&self, id: &UnitId, car: &Car, from: (f64, f64)) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for turn in 0_u32.. {
            tokio::select! {
                _ = ticks.tick() => {}
                () = car.stop.cancelled() => return,
            }
            let Some(unit) = self.directory.unit(id) else { return };
            if unit.patrol.is_none_or(|active| active.id != car.patrol) {
                return;
            }
            let driven_m = f64::from(turn) * EVERY.as_secs_f64() * SPEED_MPS;
            let posted = Posted { fixes: vec![self.fix(from, driven_m)], ..Posted::default() };
            if let Err(error) = self.ingest.accept(&unit, posted).await {
                let error: &dyn std::error::Error = &error;
                tracing::debug!(error, unit = %id, "a simulated position was not taken; the next one may be");
            }
        }
    }

    /// Where a car is that has come this far around the block to the north of where it began.
    #[expect(clippy::cast_possible_truncation, reason = "a heading and a speed are singles")]
    fn fix(&self, from: (f64, f64), driven_m: f64) -> Fix {
        let turned = driven_m / RADIUS_M;
        let (north_m, east_m) = (RADIUS_M * (1.0 - turned.cos()), RADIUS_M * turned.sin());
        // Near the poles a degree of longitude is next to nothing.
        let m_per_deg_longitude = M_PER_DEG_LATITUDE * from.0.to_radians().cos().max(0.01);
        let longitude = from.1 + east_m / m_per_deg_longitude;
        let now = self.clock.now();
        Fix {
            time: now,
            received_at: now,
            latitude: (from.0 + north_m / M_PER_DEG_LATITUDE).clamp(-90.0, 90.0),
            longitude: if longitude > 180.0 { longitude - 360.0 } else { longitude },
            speed_mps: Some(SPEED_MPS as f32),
            heading_deg: Some((90.0 - turned.rem_euclid(TAU).to_degrees()).rem_euclid(360.0) as f32),
            accuracy_m: None,
            altitude_m: None,
            battery: None,
            uuid: None,
            event: None,
            extras: None,
        }
    }
}
