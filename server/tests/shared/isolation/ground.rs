//! What a story happens on: one node with engines of its own, or several that share theirs.
//! Each request, each post and each watcher goes to the next of them in turn.
//!
//! Two things differ where engines are shared, and are waited for here: a node knows a moment
//! later what another has committed, and history is there once a worker has archived it. And
//! one is not known: whether history has a fix already that is posted again.

use crate::server::{Turned, eventually};
use axum::Router;
use sentinel_server::{http, state::Sentinel};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

type Ending = Pin<Box<dyn Future<Output = ()>>>;

pub struct Ground {
    nodes: Vec<Arc<Sentinel>>,
    /// Of each node its own: to make one takes longer than most answers.
    routers: Vec<Router>,
    turn: AtomicUsize,
    pub clock: Turned,
    has_archived: Box<dyn Fn() -> bool>,
    end: Box<dyn FnOnce() -> Ending>,
}

impl Ground {
    /// `has_archived` says whether everything that was posted can be read back.
    pub fn new(
        nodes: Vec<Arc<Sentinel>>,
        clock: Turned,
        has_archived: impl Fn() -> bool + 'static,
        end: impl FnOnce() -> Ending + 'static,
    ) -> Self {
        let (has_archived, end) = (Box::new(has_archived), Box::new(end));
        let routers = nodes.iter().cloned().map(http::router).collect();
        Self { nodes, routers, turn: AtomicUsize::new(0), clock, has_archived, end }
    }

    /// The node whose turn it is.
    pub fn next(&self) -> &Arc<Sentinel> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.nodes[turn % self.nodes.len()]
    }

    pub fn router(&self, node: &Arc<Sentinel>) -> Router {
        let n = self.nodes.iter().position(|other| Arc::ptr_eq(other, node));
        self.routers[n.expect("a node of this ground")].clone()
    }

    /// Whether a fix that history has is known to be a duplicate when it is posted again.
    pub fn knows_duplicates(&self) -> bool {
        self.nodes.iter().all(|node| !node.directory.is_shared())
    }

    /// Waits until every node knows what any of them has committed.
    pub async fn agree(&self) {
        eventually("all nodes know the same", || async {
            self.nodes.windows(2).all(|pair| know_the_same(&pair[0], &pair[1]))
        })
        .await;
    }

    pub async fn archived(&self) {
        eventually("everything is archived", || async { (self.has_archived)() }).await;
    }

    pub async fn end(self) {
        let Self { nodes, routers, has_archived, end, .. } = self;
        drop((nodes, routers, has_archived));
        end().await;
    }
}

/// Whether the records of two nodes are the same.
pub fn know_the_same(one: &Sentinel, other: &Sentinel) -> bool {
    let [one, other] = [one, other].map(|node| {
        let directory = &node.directory;
        let units = directory.units(None, usize::MAX, |_| true);
        let units: Vec<_> = units.iter().map(|unit| (unit.record.clone(), unit.patrol)).collect();
        let (mut keys, mut users) = (directory.keys(), directory.users());
        keys.sort_by(|a, b| a.id.cmp(&b.id));
        users.sort_by(|a, b| a.username.cmp(&b.username));
        (units, keys, users, directory.scopes())
    });
    one == other
}
