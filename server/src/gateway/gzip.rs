//! Packing a stream piece by piece. Each piece can be read as soon as it is there, and is
//! packed without the ones before it: so a subscriber keeps a checksum, and not the quarter
//! of a megabyte that looking back takes.

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use std::cell::RefCell;

/// Magic, deflate, no flags, no time, no hints, no system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// A last block that holds nothing.
const LAST: [u8; 5] = [1, 0, 0, 0xff, 0xff];
/// What the end of a flush takes beyond the packed bytes, with room to spare.
const FLUSH_ROOM: usize = 64;

/// One packed stream.
#[derive(Default)]
pub struct Gzip {
    crc: Crc,
    begun: bool,
}

impl Gzip {
    /// Whether a request asks for it, or at least does not mind.
    pub fn is_asked_for(headers: &HeaderMap) -> bool {
        let asked = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        asked.flat_map(|value| value.split(',')).any(|one| {
            let (name, weight) = one.split_once(';').unwrap_or((one, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse);
            matches!(name.trim(), "gzip" | "*") && weight.is_ok_and(|weight: f32| weight > 0.0)
        })
    }

    pub fn pack(&mut self, plain: &[u8]) -> Bytes {
        thread_local! {
            static PACKER: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
        }
        self.crc.update(plain);
        let mut out = Vec::with_capacity(HEAD.len() + plain.len() / 2 + FLUSH_ROOM);
        self.begin(&mut out);
        PACKER.with_borrow_mut(|packer| {
            packer.reset();
            loop {
                let before = usize::try_from(packer.total_in()).expect("a piece is in memory");
                let packed = packer.compress_vec(&plain[before..], &mut out, FlushCompress::Sync);
                packed.expect("packing bytes cannot fail");
                // Room left over says that all of it is out.
                if out.len() < out.capacity() {
                    break;
                }
                out.reserve(out.len());
            }
        });
        out.into()
    }

    /// What ends the stream: no more follows.
    pub fn finish(mut self) -> Bytes {
        let mut out = Vec::with_capacity(HEAD.len() + LAST.len() + 8);
        self.begin(&mut out);
        out.extend_from_slice(&LAST);
        out.extend_from_slice(&self.crc.sum().to_le_bytes());
        out.extend_from_slice(&self.crc.amount().to_le_bytes());
        out.into()
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            out.extend_from_slice(&HEAD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{read::GzDecoder, write};
    use std::io::{Read as _, Write as _};

    #[test]
    fn each_piece_is_readable_at_once_and_the_whole_is_one_gzip_file() {
        let noise: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let pieces: [&[u8]; 5] = [b"retry: 1000\n\n", b"", &[b'x'; 300_000], &noise, b"data: the end\n\n"];
        let (mut gzip, mut whole, mut plain) = (Gzip::default(), Vec::new(), Vec::new());
        let mut reader = write::GzDecoder::new(Vec::new());
        for piece in pieces {
            let packed = gzip.pack(piece);
            reader.write_all(&packed).expect("reads");
            reader.flush().expect("reads");
            plain.extend_from_slice(piece);
            assert_eq!(reader.get_ref().len(), plain.len(), "all that was sent is readable");
            whole.extend_from_slice(&packed);
        }
        whole.extend_from_slice(&gzip.finish());
        let mut read = Vec::new();
        GzDecoder::new(&whole[..]).read_to_end(&mut read).expect("a whole file, its checksum right");
        assert!(read == plain);
    }

    #[test]
    fn a_stream_that_ends_before_it_began_is_an_empty_file() {
        let mut read = Vec::new();
        GzDecoder::new(&Gzip::default().finish()[..]).read_to_end(&mut read).expect("reads");
        assert_eq!(read, b"");
    }

    #[test]
    fn it_is_packed_for_who_asks() {
        let asked = |value: &str| {
            let value = value.parse().expect("a header value");
            Gzip::is_asked_for(&[(header::ACCEPT_ENCODING, value)].into_iter().collect())
        };
        assert!(asked("gzip") && asked("gzip, deflate, br, zstd") && asked("br;q=1.0, gzip;q=0.8, *;q=0.1"));
        assert!(!asked("br") && !asked("gzip;q=0") && !asked("identity") && !asked(""));
        assert!(!Gzip::is_asked_for(&HeaderMap::new()));
    }
}
