//! A small blocking HTTP/1.1 client over one kept-alive connection.
//!
//! A load generator must cost less than what it measures: one write and, mostly, one
//! read for each exchange, on a thread of its own. Understands what Sentinel answers
//! (a length, or chunks) and no more. After an error the next exchange connects anew, and so does
//! one after a pause in which the server has closed the connection.

use std::{
    fmt,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

/// Longest head of an answer, bytes.
pub const HEAD_MAX: usize = 32 * 1024;
/// A connection that rested so long is looked at before it is used again.
const RESTED: Duration = Duration::from_secs(1);

/// Where requests go: `http://host:port`, resolved once.
#[derive(Debug, Clone)]
pub struct Target {
    pub address: SocketAddr,
    /// The Host header.
    pub authority: String,
}

impl Target {
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("http://").ok_or_else(|| {
            anyhow::anyhow!(
                "{url:?} does not begin with http:// (load speaks plain HTTP, to the server itself)"
            )
        })?;
        let authority = rest.trim_end_matches('/');
        anyhow::ensure!(!authority.contains('/'), "{url:?} has a path; give the server's root");
        let with_port = if authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
            authority.to_string()
        } else {
            format!("{authority}:80")
        };
        let address = with_port
            .to_socket_addrs()
            .map_err(|e| anyhow::anyhow!("{with_port:?} has no address: {e}"))?
            .next()
            .ok_or_else(|| anyhow::anyhow!("{with_port:?} has no address"))?;
        Ok(Self { address, authority: authority.to_string() })
    }
}

/// Why an exchange has no answer. The kinds are few, so that a report can count them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum HttpError {
    Connect(ErrorKind),
    Timeout,
    /// The connection ended before the answer did.
    Closed,
    Io(ErrorKind),
    Malformed(&'static str),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::Connect(kind) => write!(f, "connecting failed: {kind}"),
            HttpError::Timeout => f.write_str("no answer in time"),
            HttpError::Closed => f.write_str("the server closed the connection before it answered"),
            HttpError::Io(kind) => write!(f, "the connection broke: {kind}"),
            HttpError::Malformed(what) => write!(f, "the answer is malformed: {what}"),
        }
    }
}

impl std::error::Error for HttpError {}

impl HttpError {
    fn of(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => HttpError::Timeout,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
                HttpError::Closed
            }
            kind => HttpError::Io(kind),
        }
    }
}

pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Answer<'_> {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

pub struct Http {
    target: Target,
    timeout: Duration,
    stream: Option<TcpStream>,
    /// When the last answer came over it.
    used: Instant,
    inbox: Vec<u8>,
    /// Bytes of `inbox` that are filled.
    filled: usize,
    /// The body of a chunked answer, put together.
    joined: Vec<u8>,
}

pub enum Length {
    Known(usize),
    Chunked,
}

pub struct Head {
    pub status: u16,
    pub length: Length,
    /// Where the body begins.
    pub ends: usize,
    closes: bool,
}

impl Http {
    pub fn new(target: Target, timeout: Duration) -> Self {
        Self {
            target,
            timeout,
            stream: None,
            used: Instant::now(),
            inbox: vec![0; 4096],
            filled: 0,
            joined: Vec::new(),
        }
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Connects if that is not done, so that the first exchange does not pay for it.
    pub fn connect(&mut self) -> Result<(), HttpError> {
        let rested = self.used.elapsed() >= RESTED;
        if self.stream.as_ref().is_none_or(|stream| rested && !is_open(stream)) {
            let failed = |e: std::io::Error| HttpError::Connect(e.kind());
            let stream = TcpStream::connect_timeout(&self.target.address, self.timeout).map_err(failed)?;
            stream.set_nodelay(true).map_err(failed)?;
            stream.set_read_timeout(Some(self.timeout)).map_err(failed)?;
            stream.set_write_timeout(Some(self.timeout)).map_err(failed)?;
            self.stream = Some(stream);
            self.filled = 0;
        }
        Ok(())
    }

    /// Sends one whole request as given and reads its answer.
    pub fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, HttpError> {
        self.connect()?;
        match self.exchange_once(request) {
            Ok((status, keep, body)) => {
                self.used = Instant::now();
                if !keep {
                    self.stream = None;
                }
                let body = match body {
                    Body::Inbox(from, to) => &self.inbox[from..to],
                    Body::Joined => &self.joined[..],
                };
                Ok(Answer { status, body })
            }
            Err(error) => {
                self.stream = None;
                Err(error)
            }
        }
    }

    fn exchange_once(&mut self, request: &[u8]) -> Result<(u16, bool, Body), HttpError> {
        self.filled = 0;
        self.stream
            .as_mut()
            .expect("connected just now")
            .write_all(request)
            .map_err(|e| HttpError::of(&e))?;
        let head = loop {
            self.fill()?;
            if let Some(head) = parse_head(&self.inbox[..self.filled])? {
                break head;
            }
            if self.filled > HEAD_MAX {
                return Err(HttpError::Malformed("its head does not end"));
            }
        };
        let body = match head.length {
            Length::Known(len) => {
                let to = head.ends + len;
                while self.filled < to {
                    self.fill()?;
                }
                Body::Inbox(head.ends, to)
            }
            Length::Chunked => {
                self.join_chunks(head.ends)?;
                Body::Joined
            }
        };
        Ok((head.status, !head.closes, body))
    }

    fn fill(&mut self) -> Result<(), HttpError> {
        if self.filled == self.inbox.len() {
            self.inbox.resize(self.inbox.len() * 2, 0);
        }
        let stream = self.stream.as_mut().expect("connected while an answer is read");
        match stream.read(&mut self.inbox[self.filled..]) {
            Ok(0) => Err(HttpError::Closed),
            Ok(n) => {
                self.filled += n;
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(()),
            Err(e) => Err(HttpError::of(&e)),
        }
    }

    fn join_chunks(&mut self, mut at: usize) -> Result<(), HttpError> {
        self.joined.clear();
        loop {
            let line_end = self.line_end(at)?;
            let line = std::str::from_utf8(&self.inbox[at..line_end])
                .map_err(|_| HttpError::Malformed("chunk size"))?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| HttpError::Malformed("chunk size"))?;
            let from = line_end + 2;
            while self.filled < from + size + 2 {
                self.fill()?;
            }
            if size == 0 {
                return Ok(());
            }
            self.joined.extend_from_slice(&self.inbox[from..from + size]);
            at = from + size + 2;
        }
    }

    fn line_end(&mut self, from: usize) -> Result<usize, HttpError> {
        loop {
            if let Some(n) = find(&self.inbox[from..self.filled], b"\r\n") {
                return Ok(from + n);
            }
            self.fill()?;
        }
    }
}

/// Whether the other end has neither closed it nor sent what nobody asked for.
fn is_open(stream: &TcpStream) -> bool {
    let looked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let waits = looked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    waits && stream.set_nonblocking(false).is_ok()
}

enum Body {
    Inbox(usize, usize),
    Joined,
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

/// None where more of it is still to come.
pub fn parse_head(bytes: &[u8]) -> Result<Option<Head>, HttpError> {
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let mut lines = bytes[..end].split(|b| *b == b'\n');
    let status = lines
        .next()
        .and_then(|line| line.split(|b| *b == b' ').nth(1))
        .and_then(|code| std::str::from_utf8(code).ok())
        .and_then(|code| code.trim().parse().ok())
        .ok_or(HttpError::Malformed("status line"))?;
    let mut head = Head { status, length: Length::Known(0), ends: end + 4, closes: false };
    for line in lines {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let len = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
            head.length = Length::Known(len.ok_or(HttpError::Malformed("content-length"))?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            head.length = Length::Chunked;
        } else if name.eq_ignore_ascii_case(b"connection") && value.eq_ignore_ascii_case(b"close") {
            head.closes = true;
        }
    }
    Ok(Some(head))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers one connection with the pieces given, each written by itself.
    fn serve(pieces: &'static [&'static [u8]]) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("the client comes");
            stream.set_nodelay(true).expect("set");
            let mut request = [0; 64];
            let _ = stream.read(&mut request).expect("a request");
            for piece in pieces {
                stream.write_all(piece).expect("written");
                std::thread::yield_now();
            }
        });
        Target { address, authority: address.to_string() }
    }

    fn ask(pieces: &'static [&'static [u8]]) -> Result<(u16, Vec<u8>), HttpError> {
        let mut http = Http::new(serve(pieces), Duration::from_secs(5));
        http.exchange(b"GET / HTTP/1.1\r\n\r\n").map(|a| (a.status, a.body.to_vec()))
    }

    #[test]
    fn an_answer_in_pieces_is_put_together() {
        let answer = ask(&[b"HTTP/1.1 200 O", b"K\r\nContent-", b"Length: 5\r\nx: y\r\n\r", b"\nhel", b"lo"]);
        assert_eq!(answer, Ok((200, b"hello".to_vec())));
    }

    #[test]
    fn chunks_are_joined() {
        let answer = ask(&[
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r",
            b"\nabc\r\nA;x=1\r\n0123456789",
            b"\r\n0\r\n\r\n",
        ]);
        assert_eq!(answer, Ok((200, b"abc0123456789".to_vec())));
    }

    #[test]
    fn an_answer_cut_short_is_an_error_not_an_answer() {
        let answer = ask(&[b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhal"]);
        assert_eq!(answer, Err(HttpError::Closed));
    }

    #[test]
    fn a_connection_that_was_closed_while_it_rested_is_made_anew() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().expect("the client comes");
                let _ = stream.read(&mut [0; 64]).expect("a request");
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").expect("written");
            }
        });
        let target = Target { address, authority: address.to_string() };
        let mut http = Http::new(target, Duration::from_secs(5));
        let request = b"POST / HTTP/1.1\r\n\r\n";
        assert_eq!(http.exchange(request).map(|answer| answer.status), Ok(200));
        while http.stream.as_ref().is_some_and(is_open) {
            std::thread::yield_now();
        }
        http.stream.as_ref().expect("nobody has noticed").set_nonblocking(false).expect("set");
        http.used -= RESTED;
        assert_eq!(http.exchange(request).map(|answer| answer.status), Ok(200));
    }

    #[test]
    fn a_target_is_a_root_over_plain_http() {
        assert!(Target::parse("https://127.0.0.1").is_err());
        assert!(Target::parse("http://127.0.0.1:3000/api").is_err());
        let target = Target::parse("http://127.0.0.1:3000/").expect("a good one");
        assert_eq!(target.authority, "127.0.0.1:3000");
    }
}
