//! The dashboards: live streams that watch while the devices post.
//!
//! All are subscribed, and have their snapshot, before the first post is due. After the
//! last answer they stay until everything answered has arrived, or a few seconds passed.

use super::{
    carrier::{Carrier, Stream},
    course::Course,
    delivery::{Deliveries, Watch},
    ledger::Ledger,
    socket::{Arrival, Kind, SocketOptions, read_frame},
};
use anyhow::Context;
use sentinel_model::{Scope, scope::Level};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// How long what was answered may take to arrive at the end of the run.
const GRACE: Duration = Duration::from_secs(5);
/// How often a quiet one looks whether the run has ended.
const LOOK_UP: Duration = Duration::from_millis(100);
/// How long a snapshot may take.
const SNAPSHOT_WITHIN: Duration = Duration::from_secs(20);
/// How many connect at once.
const CONNECTING: usize = 64;

/// What all dashboards share.
pub struct Wall {
    pub options: SocketOptions,
    pub course: Arc<Course>,
    pub ledger: Arc<Ledger>,
    /// The units of the run by id.
    pub units: HashMap<String, usize>,
    /// The same for all that watch a level over the same.
    pub seen: BTreeMap<(Carrier, Level), Mutex<Deliveries>>,
    pub errors: Mutex<BTreeMap<String, u64>>,
    /// Cancelled when the last post is answered.
    pub answered: CancellationToken,
}

/// One dashboard to open: what it watches, and which units of the run are in that.
pub struct View {
    pub carrier: Carrier,
    pub scope: Scope,
    pub units: Arc<[usize]>,
}

impl Wall {
    pub fn new(
        options: SocketOptions,
        course: Arc<Course>,
        ledger: Arc<Ledger>,
        units: HashMap<String, usize>,
    ) -> Self {
        let watched = |carrier| Level::ALL.iter().map(move |level| ((carrier, *level), Mutex::default()));
        let seen = Carrier::ALL.into_iter().flat_map(watched).collect();
        Self {
            options,
            course,
            ledger,
            units,
            seen,
            errors: Mutex::default(),
            answered: CancellationToken::new(),
        }
    }

    /// Opens all streams, each with its snapshot; the tasks that read them on.
    pub async fn open(self: &Arc<Self>, views: Vec<View>) -> anyhow::Result<JoinSet<()>> {
        let at_once = Arc::new(Semaphore::new(CONNECTING));
        let mut opening = JoinSet::new();
        for (number, view) in views.into_iter().enumerate() {
            let (wall, at_once) = (Arc::clone(self), Arc::clone(&at_once));
            opening.spawn(async move {
                let _turn = at_once.acquire().await.context("the run was broken off")?;
                let screen = Screen::open(wall, number, view).await?;
                anyhow::Ok(screen)
            });
        }
        let mut reading = JoinSet::new();
        while let Some(opened) = opening.join_next().await {
            let screen = opened.context("a dashboard failed")??;
            reading.spawn(screen.watch());
        }
        Ok(reading)
    }

    fn error(&self, what: String) {
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }
}

struct Screen {
    wall: Arc<Wall>,
    view: View,
    stream: Stream,
    watch: Watch,
}

impl Screen {
    async fn open(wall: Arc<Wall>, number: usize, view: View) -> anyhow::Result<Self> {
        let stream = Stream::open(view.carrier, &wall.options, number, view.scope).await?;
        let watch = Watch::new(wall.units.len());
        let mut screen = Self { wall, view, stream, watch };
        let snapshot = async {
            loop {
                match screen.stream.next().await {
                    Arrival::Frame(frame) => {
                        if screen.read(&frame).map_err(anyhow::Error::msg)? == Kind::Snapshot {
                            return anyhow::Ok(());
                        }
                    }
                    Arrival::Ended(why) => anyhow::bail!(why),
                }
            }
        };
        tokio::time::timeout(SNAPSHOT_WITHIN, snapshot)
            .await
            .context("no snapshot came")
            .flatten()
            .with_context(|| format!("a dashboard of {}", screen.view.scope))?;
        Ok(screen)
    }

    async fn watch(mut self) {
        let answered = self.wall.answered.clone();
        let mut deadline = None;
        loop {
            match tokio::time::timeout(LOOK_UP, self.stream.next()).await {
                Ok(Arrival::Frame(frame)) => {
                    if let Err(error) = self.read(&frame) {
                        self.wall.error(error);
                    }
                }
                Ok(Arrival::Ended(why)) => {
                    self.wall.error(why);
                    return self.finish();
                }
                Err(_) => {}
            }
            if answered.is_cancelled() {
                let until = *deadline.get_or_insert_with(|| Instant::now() + GRACE);
                let complete = self.watch.is_complete(&self.view.units, &self.wall.ledger);
                if complete || Instant::now() >= until {
                    self.finish();
                    return self.stream.close().await;
                }
            }
        }
    }

    fn read(&mut self, frame: &tokio_tungstenite::tungstenite::Message) -> Result<Kind, String> {
        let at = self.wall.ledger.now();
        let wall = &*self.wall;
        let watched = (self.view.carrier, self.view.scope.level);
        let mut seen = wall.seen[&watched].lock().unwrap_or_else(PoisonError::into_inner);
        self.watch.settle_waiting(&wall.ledger, &mut seen);
        let watch = &mut self.watch;
        let kind = read_frame(frame, |id, time| {
            if let Some(unit) = wall.units.get(id) {
                watch.arrived(*unit, time, at, &wall.course, &wall.ledger, &mut seen);
            }
        })?;
        seen.frames += 1;
        seen.bytes += u64::try_from(frame.len()).unwrap_or(u64::MAX);
        seen.snapshots += u64::from(kind == Kind::Snapshot);
        seen.events += u64::from(kind == Kind::Event);
        Ok(kind)
    }

    fn finish(&mut self) {
        let wall = &*self.wall;
        let watched = (self.view.carrier, self.view.scope.level);
        let mut seen = wall.seen[&watched].lock().unwrap_or_else(PoisonError::into_inner);
        self.watch.close(&self.view.units, &wall.ledger, &mut seen);
    }
}
