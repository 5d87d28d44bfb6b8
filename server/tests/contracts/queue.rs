//! The intake over Redis, with the worker behind it that brings what it takes to an archive.

use crate::{intake::History, redis::Base};
use async_trait::async_trait;
use sentinel_server::{
    memory::MemoryArchive,
    ports::{Archive, Intake},
    redis::{QueueLimits, RedisIntake},
    worker::{Worker, WorkerOptions},
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A queue on a Redis of the test's own, and an archive that stays while it is opened anew.
pub struct Queued {
    base: Base,
    archive: Arc<MemoryArchive>,
    stop: CancellationToken,
    _ends: DropGuard,
}

impl Queued {
    pub async fn over(base: impl Future<Output = Option<Base>>) -> Option<Self> {
        let base = base.await?;
        let archive = Arc::new(MemoryArchive::default());
        let stop = CancellationToken::new();
        let options =
            WorkerOptions { gather: Duration::from_millis(2), ..WorkerOptions::named("the worker") };
        let worker = Worker { address: base.address.clone(), writer: archive.clone(), looks: None, options };
        let running = stop.clone();
        tokio::spawn(async move { worker.run(running).await.expect("works") });
        Some(Self { base, archive, stop: stop.clone(), _ends: stop.drop_guard() })
    }
}

#[async_trait]
impl History for Queued {
    async fn open(&self, queue: usize) -> (Arc<dyn Intake>, Arc<dyn Archive>) {
        let limits = QueueLimits { queue, ..QueueLimits::default() };
        let (link, tasks) = (self.base.link.clone(), &self.base.tasks);
        let intake = RedisIntake::start(link, limits, tasks, self.stop.child_token()).await.expect("starts");
        (Arc::new(intake), self.archive.clone())
    }

    async fn settled(&self) {
        let emptied = async {
            while sentinel_server::redis::waiting(&self.base.link).await.expect("counts") > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), emptied).await.expect("the worker empties the queue");
    }

    fn knows_what_it_holds(&self) -> bool {
        false
    }
}
