//! The socket that is listened on.
//!
//! HTTP/1.1 only: without TLS browsers speak nothing else, and proxies neither.
//! With a certificate, HTTPS; who speaks plain HTTP to it is told so.
//! Slow or silent clients are cut off: from the first moment on a request's head has to
//! arrive in time, an answer has to be read, and an idle connection ends. Stopping takes no new connections, lets
//! requests finish, and ends what is left after [`GRACE`].

mod unread;

use crate::tls::Tls;
use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::server::TlsStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;
use unread::Unread;

const PATIENCE: Patience = Patience {
    handshake: Duration::from_secs(10),
    head: Duration::from_secs(75),
    unread: Duration::from_secs(30),
};
/// How long requests under way may take to finish when stopping.
const GRACE: Duration = Duration::from_secs(10);
/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 65_536;
/// Open files that are left for the databases and their readers.
const FILES_KEPT: usize = 128;

#[derive(Clone, Copy)]
struct Patience {
    /// A connection on which TLS was not agreed on ends after this.
    handshake: Duration,
    /// One on which no whole request head came, be it new or kept alive, ends after this.
    head: Duration,
    /// One whose client reads nothing of what waits for it ends after this.
    unread: Duration,
}

/// Until `stop`: HTTP, or HTTPS where there is a certificate.
pub async fn serve(listener: TcpListener, tls: Option<Arc<Tls>>, router: Router, stop: CancellationToken) {
    serve_within(PATIENCE, listener, tls, router, stop).await;
}

async fn serve_within(
    patience: Patience,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    router: Router,
    stop: CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience.head).max_buf_size(64 * 1024);
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
        let (http, router, stop) = (http.clone(), router.clone(), stop.clone());
        let conversation = Conversation { http, peer, router, stop, unread: patience.unread };
        let tls = tls.clone();
        connections.spawn(async move {
            let _slot = slot;
            match tls {
                None => conversation.hold(stream).await,
                Some(tls) => conversation.hold_secured(&tls, stream, patience.handshake).await,
            }
        });
    }
    drop(listener);
    connections.close();
    tokio::select! {
        () = connections.wait() => {}
        () = tokio::time::sleep(GRACE) => tracing::warn!("some requests did not finish in time and were cut off"),
    }
}

/// One client's connection.
struct Conversation {
    http: http1::Builder,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
    unread: Duration,
}

impl Conversation {
    async fn hold(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self { http, peer, router, stop, unread } = self;
        let stream = Unread::ends_after(unread, stream);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().call(request)
        });
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
        // A client that breaks off is its own affair.
        tokio::select! {
            _ = &mut connection => return,
            () = stop.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await.ok();
    }

    async fn hold_secured(self, tls: &Tls, stream: TcpStream, within: Duration) {
        let secured = tokio::select! {
            secured = tokio::time::timeout(within, secure(tls, stream)) => secured,
            () = self.stop.cancelled() => return,
        };
        match secured.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(Some(stream)) => self.hold(stream).await,
            Ok(None) => {}
            // A client that does not trust the certificate, a port scan: nobody can act on it here.
            Err(error) => tracing::debug!(peer = %self.peer, %error, "a TLS handshake failed"),
        }
    }
}

/// The first byte of every TLS connection.
const TLS_HANDSHAKE: u8 = 0x16;
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 53\r\n\
    connection: close\r\n\r\nHTTPS is spoken here: write https:// before the host.";

/// None where the client speaks plain HTTP, and has been told so.
async fn secure(tls: &Tls, mut stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
    let mut first = [0];
    if stream.peek(&mut first).await? > 0 && first[0] != TLS_HANDSHAKE {
        stream.write_all(PLAIN_HTTP).await?;
        stream.shutdown().await?;
        // What is closed with something unread is reset, and the client might not see the answer.
        tokio::io::copy(&mut stream.take(64 * 1024), &mut tokio::io::sink()).await?;
        return Ok(None);
    }
    tls.accept(stream).await.map(Some)
}

/// As many as the process may have files open for.
fn connections_max() -> usize {
    let files = rlimit::Resource::NOFILE.get_soft().ok().and_then(|files| usize::try_from(files).ok());
    files.map_or(CONNECTIONS_MAX, |files| files.saturating_sub(FILES_KEPT).clamp(1, CONNECTIONS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::TlsFiles;
    const SHORT: Patience = Patience {
        handshake: Duration::from_millis(50),
        head: Duration::from_millis(50),
        unread: Duration::from_millis(50),
    };

    /// Begins connections that stay unfinished, and expects each to end; answers what each was told.
    async fn ends(tls: Option<Arc<Tls>>, begun: &[&[u8]]) -> Vec<Vec<u8>> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve_within(SHORT, listener, tls, Router::new(), stop.clone()));
        let mut told = Vec::new();
        for begun in begun {
            let mut client = TcpStream::connect(address).await.expect("connects");
            client.write_all(begun).await.expect("writes");
            let mut answer = Vec::new();
            let ended = tokio::time::timeout(Duration::from_secs(20), client.read_to_end(&mut answer)).await;
            assert!(ended.is_ok(), "{begun:?} is still open");
            told.push(answer);
        }
        stop.cancel();
        serving.await.expect("it ends");
        told
    }

    #[tokio::test]
    async fn a_connection_that_never_asks_ends_whatever_it_began_with() {
        let answered: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        let begun: [&[u8]; 6] = [
            b"",
            b"P",
            b"PRI * HT",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost",
            answered,
        ];
        for (begun, told) in begun.iter().zip(ends(None, &begun).await) {
            assert_eq!(told.starts_with(b"HTTP/1.1 404"), *begun == answered);
        }
    }

    #[tokio::test]
    async fn a_connection_on_which_tls_is_not_agreed_on_ends_whatever_it_began_with() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("signs");
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
        std::fs::write(&certificate, made.cert.pem()).expect("writes");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("writes");
        let tls = Tls::open(TlsFiles { certificate, key }).expect("opens");
        let begun: [&[u8]; 5] =
            [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x16nonsense", b"GET / HTTP/1.1"];
        let told = ends(Some(tls), &begun).await;
        assert_eq!(told[..3], [[0; 0]; 3], "nothing to answer yet");
        assert!(told[4].starts_with(b"HTTP/1.1 400"), "{:?}", told[4]);
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_of_an_answer_is_cut_off() {
        let ended = CancellationToken::new();
        let told = ended.clone();
        let endless = async move || {
            let guard = told.clone().drop_guard();
            let pieces = futures::stream::repeat_with(move || {
                let _held_until_nobody_asks_for_more = &guard;
                Ok::<_, std::convert::Infallible>([b'x'; 16 * 1024].to_vec())
            });
            axum::body::Body::from_stream(pieces)
        };
        let router = Router::new().route("/", axum::routing::get(endless));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve_within(SHORT, listener, None, router, stop.clone()));
        let mut client = TcpStream::connect(address).await.expect("connects");
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("writes");
        tokio::time::timeout(Duration::from_secs(60), ended.cancelled()).await.expect("it is cut off");
        drop(client);
        stop.cancel();
        serving.await.expect("it ends");
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_connections_that_ask_nothing() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, None, Router::new(), stop.clone()));
        let mut client = TcpStream::connect(address).await.expect("connects");
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("writes");
        client.read_u8().await.expect("an answer");
        // As browsers do it ahead of time.
        let _silent = TcpStream::connect(address).await.expect("connects");
        stop.cancel();
        tokio::time::timeout(GRACE / 2, serving).await.expect("in time").expect("it ends");
    }
}
