//! The socket that is listened on.
//!
//! HTTP/1.1 only: without TLS browsers speak nothing else, and proxies neither.
//! Slow or silent clients are cut off: from the first moment on a request's head has to
//! arrive in time, and an idle connection ends. Stopping takes no new connections, lets
//! requests finish, and ends what is left after [`GRACE`].

use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

/// A connection on which no whole request head came, be it new or kept alive, ends after this.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// How long requests under way may take to finish when stopping.
const GRACE: Duration = Duration::from_secs(10);
/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 65_536;
/// Open files that are left for the databases and their readers.
const FILES_KEPT: usize = 128;

pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    serve_within(HEAD_TIMEOUT, listener, router, stop).await;
}

async fn serve_within(
    head_timeout: Duration,
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(64 * 1024);
    let connections = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(connections_max()));
    loop {
        let slot = tokio::select! {
            slot = slots.clone().acquire_owned() => slot,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file handles, mostly: later there may be some again.
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        // Answers are small; waiting to fill a packet would only delay them.
        stream.set_nodelay(true).ok();
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().call(request)
        });
        let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let stop = stop.clone();
        connections.spawn(async move {
            let _slot = slot;
            let mut connection = pin!(connection);
            // A client that breaks off is its own affair.
            tokio::select! {
                _ = &mut connection => return,
                () = stop.cancelled() => {}
            }
            connection.as_mut().graceful_shutdown();
            connection.await.ok();
        });
    }
    drop(listener);
    connections.close();
    tokio::select! {
        () = connections.wait() => {}
        () = tokio::time::sleep(GRACE) => tracing::warn!("some requests did not finish in time and were cut off"),
    }
}

/// As many as the process may have files open for.
fn connections_max() -> usize {
    let files = rlimit::Resource::NOFILE.get_soft().ok().and_then(|files| usize::try_from(files).ok());
    files.map_or(CONNECTIONS_MAX, |files| files.saturating_sub(FILES_KEPT).clamp(1, CONNECTIONS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    #[tokio::test]
    async fn a_connection_that_never_asks_ends_whatever_it_began_with() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let stop = CancellationToken::new();
        let patience = Duration::from_millis(50);
        let serving = tokio::spawn(serve_within(patience, listener, Router::new(), stop.clone()));
        let answered = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        for begun in
            ["", "P", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nhost", answered]
        {
            let mut client = TcpStream::connect(address).await.expect("connects");
            client.write_all(begun.as_bytes()).await.expect("writes");
            let mut told = Vec::new();
            let ended = tokio::time::timeout(Duration::from_secs(20), client.read_to_end(&mut told)).await;
            assert!(ended.is_ok(), "{begun:?} is still open");
            assert_eq!(told.starts_with(b"HTTP/1.1 404"), begun == answered);
        }
        stop.cancel();
        serving.await.expect("it ends");
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_connections_that_ask_nothing() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Router::new(), stop.clone()));
        let mut client = TcpStream::connect(address).await.expect("connects");
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("writes");
        client.read_u8().await.expect("an answer");
        // As browsers do it ahead of time.
        let _silent = TcpStream::connect(address).await.expect("connects");
        stop.cancel();
        tokio::time::timeout(GRACE / 2, serving).await.expect("in time").expect("it ends");
    }
}
