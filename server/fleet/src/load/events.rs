//! One stream of server-sent events: asks for it, and reads its messages out of the chunks
//! that the answer comes in.

use super::{
    http::{HEAD_MAX, Length, parse_head},
    socket::{Arrival, SocketOptions},
};
use anyhow::Context;
use sentinel_model::Scope;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

/// Bytes of room that each read has at least.
const READ_BYTES: usize = 4 * 1024;

pub struct Events {
    stream: TcpStream,
    /// As they came.
    raw: Vec<u8>,
    chunks: Chunks,
    messages: Messages,
}

impl Events {
    pub async fn subscribe(options: &SocketOptions, number: usize, scope: Scope) -> anyhow::Result<Self> {
        let target = &options.targets[number % options.targets.len()];
        let address = target.address;
        let mut stream =
            TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET /api/v1/stream?scope={scope}&interval_ms={} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             accept: text/event-stream\r\n\r\n",
            options.interval_ms, target.authority, options.secret
        );
        stream.write_all(request.as_bytes()).await.context("asking for an event stream")?;
        let (chunks, messages) = (Chunks::Size, Messages::default());
        let mut events = Self { stream, raw: Vec::new(), chunks, messages };
        let head = loop {
            if let Some(head) = parse_head(&events.raw)? {
                break head;
            }
            anyhow::ensure!(events.raw.len() < HEAD_MAX, "the head of an event stream does not end");
            anyhow::ensure!(events.read().await? > 0, "an event stream ended before it began");
        };
        let body = events.raw.split_off(head.ends);
        anyhow::ensure!(
            head.status == 200,
            "an event stream was refused with {}: {}",
            head.status,
            String::from_utf8_lossy(&body)
        );
        anyhow::ensure!(matches!(head.length, Length::Chunked), "an event stream has an end");
        events.raw = body;
        Ok(events)
    }

    async fn read(&mut self) -> std::io::Result<usize> {
        self.raw.reserve(READ_BYTES);
        self.stream.read_buf(&mut self.raw).await
    }

    /// The next frame; comments are passed over. Cancel-safe.
    pub async fn next(&mut self) -> Arrival {
        loop {
            match self.messages.next() {
                Some(Ok(frame)) => return Arrival::Frame(Message::text(frame)),
                Some(Err(why)) => return Arrival::Ended(why),
                None => {}
            }
            let more = match self.chunks.unpack(&mut self.raw, &mut self.messages.read) {
                Ok(0) => self.read().await.map_err(|error| format!("an event stream broke: {error}")),
                other => other.map_err(str::to_owned),
            };
            match more {
                Ok(0) => return Arrival::Ended("an event stream ended without a close".into()),
                Ok(_) => {}
                Err(why) => return Arrival::Ended(why),
            }
        }
    }
}

/// Where in a chunked body the next byte is.
enum Chunks {
    Size,
    Data(usize),
    /// The line's end behind a chunk.
    Gap,
    /// Behind the last one.
    End,
}

impl Chunks {
    /// Moves what is there of the body; answers how many bytes that was.
    fn unpack(&mut self, raw: &mut Vec<u8>, into: &mut Vec<u8>) -> Result<usize, &'static str> {
        let (mut at, before) = (0, into.len());
        loop {
            let rest = &raw[at..];
            match self {
                Chunks::Size => {
                    let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else { break };
                    let size = std::str::from_utf8(&rest[..end]).unwrap_or_default();
                    let size = usize::from_str_radix(size, 16).map_err(|_| "a chunk has no size")?;
                    at += end + 2;
                    *self = if size > 0 { Chunks::Data(size) } else { Chunks::End };
                }
                Chunks::Data(left) => {
                    let here = (*left).min(rest.len());
                    into.extend_from_slice(&rest[..here]);
                    at += here;
                    *left -= here;
                    if *left > 0 {
                        break;
                    }
                    *self = Chunks::Gap;
                }
                Chunks::Gap => {
                    if rest.len() < 2 {
                        break;
                    }
                    at += 2;
                    *self = Chunks::Size;
                }
                Chunks::End if at == 0 => return Err("an event stream ended without a close"),
                Chunks::End => break,
            }
        }
        raw.drain(..at);
        Ok(into.len() - before)
    }
}

#[derive(Default)]
struct Messages {
    read: Vec<u8>,
    /// No message ends before here.
    searched: usize,
}

impl Messages {
    /// The data of the next whole message; why, where it says that the stream ends.
    fn next(&mut self) -> Option<Result<String, String>> {
        loop {
            let Some(end) = self.read[self.searched..].windows(2).position(|two| two == b"\n\n") else {
                self.searched = self.read.len().saturating_sub(1);
                return None;
            };
            let end = self.searched + end;
            let message = String::from_utf8_lossy(&self.read[..end]);
            let field = |name| message.lines().find_map(|line| line.strip_prefix(name));
            let data = field("data: ").map(str::to_owned);
            let is_close = field("event: ") == Some("close");
            self.read.drain(..end + 2);
            self.searched = 0;
            match data {
                Some(why) if is_close => {
                    return Some(Err(format!("the server closed an event stream: {why}")));
                }
                Some(data) => return Some(Ok(data)),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read out of a body that comes in pieces of so many bytes.
    fn read(body: &[u8], piece: usize) -> Vec<Result<String, String>> {
        let (mut chunks, mut messages, mut raw) = (Chunks::Size, Messages::default(), Vec::new());
        let mut all = Vec::new();
        for piece in body.chunks(piece) {
            raw.extend_from_slice(piece);
            chunks.unpack(&mut raw, &mut messages.read).expect("a good body");
            all.extend(std::iter::from_fn(|| messages.next()));
        }
        all
    }

    #[test]
    fn messages_are_read_however_the_body_is_cut() {
        let messages = [
            "retry: 1000\n\n",
            "event: snapshot\nid: e:1\ndata: {\"type\":\"snapshot\"}\n\n:\n\n",
            "event: positions\ndata: {}\n\nevent: close\ndata: {\"code\":4000}\n\n",
        ];
        let chunks: String = messages.iter().map(|m| format!("{:x}\r\n{m}\r\n", m.len())).collect();
        let body = chunks + "0\r\n";
        for piece in 1..=body.len() {
            let expected = [
                Ok("{\"type\":\"snapshot\"}".to_owned()),
                Ok("{}".to_owned()),
                Err("the server closed an event stream: {\"code\":4000}".to_owned()),
            ];
            assert_eq!(read(body.as_bytes(), piece), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_an_error_and_so_is_the_end_of_them() {
        let mut raw = b"hello\r\n".to_vec();
        assert!(Chunks::Size.unpack(&mut raw, &mut Vec::new()).is_err());
        assert!(Chunks::End.unpack(&mut b"\r\n".to_vec(), &mut Vec::new()).is_err());
    }
}
