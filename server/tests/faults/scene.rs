//! A town under load, and two who look on: one who may see all, one who may see nobody.

use crate::{
    fleet::{Device, Fleet},
    town::{DISTRICT, ELSEWHERE, Town},
    viewer::Viewer,
};
use sentinel_services::RedisOptions;

const UNITS: usize = 6;
/// Posts after which processes are warm.
const WARM_UP: u64 = 300;
/// How much larger posts are once the first have come.
const TIMES: i64 = 5;

pub struct Scene {
    pub town: Town,
    pub fleet: Fleet,
    pub viewer: Viewer,
    stranger: Viewer,
}

impl Scene {
    /// None, loudly, where a service is not installed.
    pub async fn set(nodes: usize, workers: usize, options: RedisOptions) -> Option<Self> {
        Some(Self::of(Town::start(UNITS, nodes, workers, options).await?).await)
    }

    /// Everybody is warm: what is held from now on counts.
    pub async fn of(town: Town) -> Self {
        let fleet = Fleet::drive(&town);
        let viewer = Viewer::open(fleet.nodes.subscribe(), &town.key, DISTRICT);
        let stranger = Viewer::open(fleet.nodes.subscribe(), &town.foreign_key, ELSEWHERE);
        fleet.more(WARM_UP).await;
        let mut scene = Self { town, fleet, viewer, stranger };
        scene.press(TIMES).await;
        scene
    }

    /// From now on posts are so many times as large as the first were; everybody is warm to it.
    pub async fn press(&mut self, times: i64) {
        self.fleet.press(times);
        self.fleet.more(WARM_UP).await;
        self.town.mark_memory();
    }

    pub async fn end(self) {
        self.end_with(async |_| ()).await;
    }

    /// With what else is to hold while the town still stands.
    pub async fn end_with(self, also: impl AsyncFnOnce(&[Device])) {
        let Self { town, fleet, viewer, stranger } = self;
        fleet.more(2 * WARM_UP).await;
        let devices = fleet.end_and_audit(&town).await;
        viewer.sees(&devices).await;
        stranger.has_heard_of_nobody();
        also(&devices).await;
    }
}
