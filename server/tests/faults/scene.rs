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
/// How much more is posted from then on.
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

    /// Everybody is warm, and several times as much is posted now as before.
    pub async fn of(mut town: Town) -> Self {
        let fleet = Fleet::drive(&town);
        let viewer = Viewer::open(fleet.nodes.subscribe(), &town.key, DISTRICT);
        let stranger = Viewer::open(fleet.nodes.subscribe(), &town.foreign_key, ELSEWHERE);
        fleet.more(WARM_UP).await;
        town.mark_memory();
        fleet.press(TIMES);
        Self { town, fleet, viewer, stranger }
    }

    pub async fn end(self) {
        self.end_with(async |_| ()).await;
    }

    /// With what else is to hold while the town still stands.
    pub async fn end_with(self, also: impl AsyncFnOnce(&[Device])) {
        let Self { town, fleet, viewer, stranger } = self;
        fleet.more(40).await;
        let devices = fleet.end_and_audit(&town).await;
        viewer.sees(&devices).await;
        stranger.has_heard_of_nobody();
        also(&devices).await;
    }
}
