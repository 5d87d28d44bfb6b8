//! The parts of a running Sentinel, as handlers get them.

use crate::{
    auth::{Access, Shares},
    clock::Clock,
    directory::Directory,
    dispatch::Dispatch,
    geofences::Geofences,
    ingest::Ingest,
    live::Hub,
    patrols::Patrols,
    ports::{Erasure, Health, Intake, Outbox, Positions, WatchMemory},
    reads::Reads,
    simulator::Simulator,
    webhooks::Sender,
};
use metrics_exporter_prometheus::PrometheusHandle;
use sentinel_model::page::MapSettings;
use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Shared by every request; made once, in `wiring`.
pub struct Sentinel {
    pub clock: Clock,
    pub directory: Arc<Directory>,
    pub access: Arc<Access>,
    pub ingest: Arc<Ingest>,
    pub intake: Arc<dyn Intake>,
    pub positions: Arc<dyn Positions>,
    pub patrols: Arc<Patrols>,
    pub dispatch: Arc<Dispatch>,
    pub geofences: Geofences,
    pub reads: Arc<Reads>,
    pub hub: Arc<Hub>,
    pub simulator: Arc<Simulator>,
    pub outbox: Arc<dyn Outbox>,
    pub webhooks: Arc<Sender>,
    pub map: MapSettings,
    pub erasure: Arc<dyn Erasure>,
    pub memory: Arc<dyn WatchMemory>,
    pub health: Arc<dyn Health>,
    pub metrics: PrometheusHandle,
    /// Files that may be sent at once, and to one caller.
    pub exports: Arc<Semaphore>,
    pub exports_each: Arc<Shares>,
    /// Reports that may be made at once.
    pub reports: Arc<Semaphore>,
    /// Files that may be read at once, and of one caller.
    pub imports: Arc<Semaphore>,
    pub imports_each: Arc<Shares>,
    pub sockets_open: Arc<AtomicU64>,
    /// Live streams of each caller.
    pub streams_each: Arc<Shares>,
    /// Live streams of each link of an order, and those that are yet to say which they are of.
    pub streams_of_link: Arc<Shares>,
    pub streams_of_nobody: Arc<Shares>,
    pub started: Instant,
    /// Cancelled when the process is asked to stop.
    pub stop: CancellationToken,
}
