//! Free ports on loopback.
//!
//! Below the ports that the system lends to outgoing connections: a server that is killed and started
//! again must find its port free, and a client that calls a closed port must not reach itself. A port
//! is given once in a process; between processes a random beginning keeps them apart, and who loses the
//! race notices when the server cannot bind.

use anyhow::Result;
use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    net::{Ipv4Addr, TcpListener},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

const FIRST: u16 = 10_000;
const COUNT: u16 = 12_000;
/// A Redis of a cluster speaks to the others at its own port and this much.
const CLUSTER_BUS: u16 = 10_000;

static NEXT: LazyLock<AtomicU64> =
    LazyLock::new(|| AtomicU64::new(RandomState::new().build_hasher().finish() >> 1));

/// A port that is free, and whose cluster bus port is free too.
pub fn free() -> Result<u16> {
    for _ in 0..COUNT {
        let turn = NEXT.fetch_add(1, Ordering::Relaxed) % u64::from(COUNT);
        let port = FIRST + u16::try_from(turn).expect("a remainder of a u16 is one");
        if is_free(port) && is_free(port + CLUSTER_BUS) {
            return Ok(port);
        }
    }
    anyhow::bail!("no port from {FIRST} to {} is free on loopback", FIRST + COUNT)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
