//! Files of positions read in: GPX and CSV, of Sentinel or of others, plain or packed by gzip.
//!
//! - [`read`] goes through a file point by point, in the memory of one ([`csv`], [`gpx`], and
//!   [`record`], which both fill)
//! - [`store`] puts points into the intake as they are read: into history alone. What is
//!   imported is of the past: it moves no marker, starts no patrol and tells nobody
//! - [`command`]: `sentinel import`
//!
//! A fix is the same by unit, time and uuid, so what was imported half is imported again.

pub mod command;
mod csv;
mod gpx;
mod measured;
mod record;
pub mod store;

use flate2::read::MultiGzDecoder;
use measured::Measured;
use sentinel_model::{Fix, Time, UnitId};
use std::io::{self, BufRead as _, BufReader, Read};

/// A point of a file.
#[derive(Debug, PartialEq)]
pub struct Point {
    /// Of CSV the line, of GPX which point of the file, from 1.
    pub line: u64,
    /// Whom the file names; none where it names nobody.
    pub unit: Option<UnitId>,
    /// The fix, or why there is none.
    pub fix: Result<Fix, String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(
        "the file has no column {0:?}: CSV begins with a line of names, of which time, latitude and longitude are needed"
    )]
    Column(&'static str),
    #[error("the file does not read as CSV: {0}")]
    Csv(::csv::Error),
    #[error(
        "a quotation mark in line {0} opens a text that does not end where it should: take it out or close it"
    )]
    Quote(u64),
    #[error("the file does not read as GPX, behind point {point}: {cause}")]
    Gpx { point: u64, cause: quick_xml::Error },
    #[error("the file is not UTF-8, as the files of some programs are not: save it as UTF-8 and import that")]
    Encoding,
    #[error("the file holds no GPX")]
    NotGpx,
    #[error("the file could not be read: {0}")]
    Io(#[from] io::Error),
}

impl From<::csv::Error> for ReadError {
    fn from(error: ::csv::Error) -> Self {
        match error.kind() {
            ::csv::ErrorKind::Utf8 { .. } => Self::Encoding,
            _ => Self::Csv(error),
        }
    }
}

/// Hands the points of a file to `take` in order, until it answers that it wants no more.
/// `now` stands for when a point was received, where the file does not say.
pub fn read(file: impl Read, now: Time, take: impl FnMut(Point) -> bool) -> Result<(), ReadError> {
    let mut file = BufReader::new(file);
    if file.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return read_plain(BufReader::new(MultiGzDecoder::new(file)), now, take);
    }
    read_plain(file, now, take)
}

fn read_plain(
    mut file: BufReader<impl Read>,
    now: Time,
    take: impl FnMut(Point) -> bool,
) -> Result<(), ReadError> {
    let begin = file.fill_buf()?;
    // UTF-16, marked so or with every other byte of plain text empty.
    if begin.starts_with(b"\xff\xfe")
        || begin.starts_with(b"\xfe\xff")
        || begin.iter().take(4).any(|b| *b == 0)
    {
        return Err(ReadError::Encoding);
    }
    let begin = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin);
    let is_xml = begin.trim_ascii_start().starts_with(b"<");
    let (file, measure) = Measured::new(file);
    if is_xml { gpx::read(file, &measure, now, take) } else { csv::read(file, &measure, now, take) }
}
