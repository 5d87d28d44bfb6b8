//! What many ask of Redis at once goes out together.
//!
//! A command costs Redis and this process less in company: one message, one wake-up and one
//! system call stand for many. While groups are on their way the next one gathers, so under
//! load groups grow by themselves and nobody waits for company.

use super::{link::Link, shard::SHARDS};
use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// One lane; in a cluster one a shard, as the keys of a command must lie in one slot.
pub struct Lanes<T> {
    senders: Vec<mpsc::Sender<T>>,
}

#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// What may wait in a lane.
    pub waiting: usize,
    /// What goes out together.
    pub together: usize,
    /// Groups of a lane that are on their way at once.
    pub at_once: usize,
}

impl<T: Send + 'static> Lanes<T> {
    /// Hands each lane's groups to `send` until there is nobody to ask any more or `stop`,
    /// then what was taken by then.
    pub fn start<F>(
        link: &Link,
        traffic: Traffic,
        send: impl Fn(usize, Vec<T>) -> F + Clone + Send + 'static,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let lanes = if link.is_cluster() { usize::from(SHARDS) } else { 1 };
        let start = |lane| {
            let (sender, asked) = mpsc::channel(traffic.waiting);
            let send = send.clone();
            tasks.spawn(run(asked, traffic, move |group| send(lane, group), stop.clone()));
            sender
        };
        Self { senders: (0..lanes).map(start).collect() }
    }

    pub fn of(&self, shard: u8) -> &mpsc::Sender<T> {
        &self.senders[usize::from(shard) % self.senders.len()]
    }

    pub fn are_open(&self) -> bool {
        self.senders.iter().all(|sender| !sender.is_closed())
    }
}

async fn run<T, F: Future<Output = ()>>(
    mut asked: mpsc::Receiver<T>,
    traffic: Traffic,
    send: impl Fn(Vec<T>) -> F,
    stop: CancellationToken,
) {
    let mut on_their_way = FuturesUnordered::new();
    let mut group = Vec::with_capacity(traffic.together);
    loop {
        tokio::select! {
            biased;
            Some(()) = on_their_way.next() => {}
            more = asked.recv_many(&mut group, traffic.together), if on_their_way.len() < traffic.at_once => {
                if more == 0 {
                    break;
                }
                on_their_way.push(send(std::mem::replace(&mut group, Vec::with_capacity(traffic.together))));
            }
            // What was taken is still sent.
            () = stop.cancelled(), if !asked.is_closed() => asked.close(),
        }
    }
    while on_their_way.next().await.is_some() {}
}
