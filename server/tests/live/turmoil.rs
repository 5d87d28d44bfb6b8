//! Everything at random, many times: a hub whose bus lags, loses, is cut off and begins
//! anew, while patrols start, move and end and subscribers come, go and come back.

use crate::{
    lagging::Channel,
    stage::{DISTRICT, PATIENCE, STATION_5, STATION_6, STATION_9, Stage, ZONE_3},
    viewer::Viewer,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use sentinel_model::UnitStatus;
use sentinel_server::{
    live::{Encoding, JoinError},
    ports::RoomMember,
};
use std::collections::BTreeMap;

const SCOPES: [sentinel_model::Scope; 5] = [DISTRICT, ZONE_3, STATION_5, STATION_6, STATION_9];
const STEPS: usize = 600;
const ROUNDS: u64 = 24;

struct Turmoil {
    stage: Stage,
    random: StdRng,
    units: Vec<sentinel_model::UnitId>,
    active: BTreeMap<usize, RoomMember>,
    viewers: Vec<Viewer>,
    time: i64,
}

impl Turmoil {
    async fn new(seed: u64) -> Self {
        let stage = Stage::set().await;
        let units = stage.units((0..6).map(|n| format!("PC-{n}"))).await;
        let viewers = SCOPES.into_iter().chain([ZONE_3, DISTRICT]).map(Viewer::new).collect();
        let random = StdRng::seed_from_u64(seed);
        Self { stage, random, units, active: BTreeMap::new(), viewers, time: 0 }
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        (!all.is_empty()).then(|| all[self.random.random_range(0..all.len())])
    }

    async fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..12 => self.start_or_end().await,
            12..32 => self.fix().await,
            32..37 => self.status().await,
            37..60 => {
                for _ in 0..self.random.random_range(1..8) {
                    let waiting = self.stage.bus.waiting();
                    if let Some(channel) = self.one_of(&waiting) {
                        self.stage.bus.deliver(channel);
                    }
                }
            }
            60..64 => {
                // Positions are lost only in a cut.
                let mut waiting = self.stage.bus.waiting();
                waiting.retain(|channel| matches!(channel, Channel::Events(_)));
                if let Some(channel) = self.one_of(&waiting) {
                    self.stage.bus.lose(channel);
                }
            }
            64..67 if self.stage.bus.is_cut_off() => self.stage.bus.resume(),
            64..65 => {
                let waits = self.random.random_bool(0.5);
                self.stage.bus.cut(waits);
            }
            67 if self.random.random_bool(0.3) => self.stage.bus.begin_anew(),
            68..76 => self.come_or_go().await,
            76..90 => {
                let n = self.random.random_range(0..self.viewers.len());
                while self.viewers[n].look() {}
            }
            _ => {
                for _ in 0..self.random.random_range(0..20) {
                    tokio::task::yield_now().await;
                }
                if self.random.random_bool(0.1) {
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
            }
        }
    }

    async fn start_or_end(&mut self) {
        let unit = self.random.random_range(0..self.units.len());
        match self.active.remove(&unit) {
            Some(member) => self.stage.end(&member).await,
            None => {
                let station = [5, 6, 9][self.random.random_range(0..3)];
                let member = self.stage.start(&self.units[unit], station).await;
                self.active.insert(unit, member);
            }
        }
    }

    async fn fix(&mut self) {
        // Now and then one that comes late and moves no marker.
        self.time += 1;
        let seconds = self.time - if self.random.random_bool(0.2) { 20 } else { 0 };
        let active: Vec<usize> = self.active.keys().copied().collect();
        if let Some(unit) = self.one_of(&active) {
            self.stage.fix(&self.active[&unit], seconds).await;
        }
    }

    async fn status(&mut self) {
        let active: Vec<usize> = self.active.keys().copied().collect();
        if let Some(unit) = self.one_of(&active) {
            self.stage.status(&self.active[&unit], UnitStatus::Stale).await;
        }
    }

    async fn come_or_go(&mut self) {
        let n = self.random.random_range(0..self.viewers.len());
        let viewer = &mut self.viewers[n];
        if viewer.session.is_some() && self.random.random_bool(0.4) {
            viewer.session = None;
            return;
        }
        if self.random.random_bool(0.2) {
            *viewer = Viewer::new(viewer.scope);
        }
        // A room that waits to be opened is another story.
        if self.stage.bus.is_cut_off() {
            return;
        }
        let encoding = if self.random.random_bool(0.5) { Encoding::Json } else { Encoding::Postcard };
        match self.stage.subscribe(viewer, encoding).await {
            Ok(()) => {}
            Err(JoinError::Engine(_)) if self.stage.bus.is_cut_off() => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    /// When it is over, everybody sees what is.
    async fn end(&mut self) {
        let stage = &self.stage;
        if stage.bus.is_cut_off() {
            stage.bus.resume();
        }
        // An event that was the last and is lost is missed by nobody until another comes.
        for station in [5, 6, 9] {
            let units = stage.units([format!("mark-{station}")]).await;
            let member = stage.start(&units[0], station).await;
            stage.status(&member, UnitStatus::Stale).await;
        }
        for viewer in &mut self.viewers {
            stage.bus.deliver_all();
            if viewer.session.is_none() {
                stage.subscribe(viewer, Encoding::Postcard).await.expect("joins");
            }
            let truth = stage.truth(viewer.scope).await;
            viewer.until(&format!("the truth, {truth:?}"), |viewer| viewer.times() == truth).await;
        }
    }
}

#[tokio::test]
async fn whatever_the_bus_does_everybody_sees_what_is_in_the_end() {
    rounds(0).await;
}

/// The same, with the hub's tasks beside what happens, not only between.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_happens_at_once_everybody_sees_what_is_in_the_end() {
    rounds(1_000_000).await;
}

async fn rounds(first: u64) {
    let rounds = std::env::var("SENTINEL_TURMOILS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let all = (first..first + rounds).map(|seed| async move {
        let mut turmoil = Turmoil::new(seed).await;
        let acting = async {
            for _ in 0..STEPS {
                turmoil.step().await;
            }
            turmoil.end().await;
        };
        tokio::time::timeout(PATIENCE * 3, acting).await.unwrap_or_else(|_| panic!("seed {seed} hangs"));
        let Turmoil { stage, viewers, .. } = turmoil;
        drop(viewers);
        stage.hub.stop().await;
    });
    futures::future::join_all(all).await;
}
