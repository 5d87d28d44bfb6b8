//! Histories as files that other programs read, written as they are read.
//!
//! A [`Format`] is written piece by piece ([`body`]): a month of a city takes the memory of a
//! piece. What cannot be read to its end breaks the transfer off, and so does a right that
//! ends: a file that came whole is whole.
//!
//! Every format holds every fix with all that is known of it, but for GeoJSON and KML, which
//! leave out what the device sent beside (`extras`). CSV and GPX are what `import` reads back.

mod csv;
mod geojson;
mod gpx;
mod kml;
mod xml;

pub use csv::{plain, text as csv_text};

use crate::{
    auth::{ScopeGrant, Share},
    clock::Clock,
    ports::{EngineError, TimeRange},
};
use bytes::Bytes;
use futures::{
    Stream, StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use sentinel_model::{Fix, Time, UnitId};
use std::{collections::VecDeque, fmt::Write as _, str::FromStr};
use tokio::sync::OwnedSemaphorePermit;

/// Fixes that are written at once: a fraction of a megabyte, and of a millisecond or two.
const WRITTEN_AT_ONCE: usize = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    GeoJson,
    Gpx,
    Kml,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "csv" => Ok(Self::Csv),
            "geojson" => Ok(Self::GeoJson),
            "gpx" => Ok(Self::Gpx),
            "kml" => Ok(Self::Kml),
            _ => Err("format is csv, geojson, gpx or kml".into()),
        }
    }
}

impl Format {
    pub fn mime(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::GeoJson => "application/geo+json",
            Self::Gpx => "application/gpx+xml",
            Self::Kml => "application/vnd.google-earth.kml+xml",
        }
    }

    /// Such as `PC-001_20261121T020000Z_20261122T020000Z.gpx`, of characters that every
    /// system takes in a name.
    pub fn file_name(self, of: &str, from: Time, to: Time) -> String {
        let ending = match self {
            Self::Csv => "csv",
            Self::GeoJson => "geojson",
            Self::Gpx => "gpx",
            Self::Kml => "kml",
        };
        let short = |time: Time| {
            let text = time.to_string();
            let seconds = text.split('.').next().unwrap_or_default();
            seconds.chars().filter(|c| !matches!(c, '-' | ':')).collect::<String>()
        };
        format!("{}_{}Z_{}Z.{ending}", of.replace(':', "-"), short(from), short(to))
    }

    fn writer(self) -> Box<dyn Writer> {
        match self {
            Self::Csv => Box::new(csv::Csv),
            Self::GeoJson => Box::new(geojson::GeoJson::default()),
            Self::Gpx => Box::new(gpx::Gpx),
            Self::Kml => Box::new(kml::Kml),
        }
    }
}

/// What a format writes where. `Track` begins and ends around the fixes of one unit that
/// follow each other without a gap in what may be seen.
trait Writer: Send {
    fn begin(&mut self, out: &mut String);
    fn begin_track(&mut self, _unit: &UnitId, _out: &mut String) {}
    fn fixes(&mut self, unit: &UnitId, fixes: &[Fix], out: &mut String);
    fn end_track(&mut self, _out: &mut String) {}
    fn end(&mut self, _out: &mut String) {}
}

/// Some of the fixes of a unit, in order.
#[derive(Debug)]
pub struct Piece {
    pub unit: UnitId,
    /// What may be seen of the unit without a gap; another one begins another track.
    pub window: TimeRange,
    pub fixes: Vec<Fix>,
}

pub type Pieces = BoxStream<'static, Result<Piece, EngineError>>;

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("the right to see it has ended")]
    Ended,
}

/// For as long as the file is sent: the right to it, and a place among those that are.
pub struct Leave {
    pub grant: ScopeGrant,
    pub clock: Clock,
    pub turn: OwnedSemaphorePermit,
    pub share: Share,
}

impl Leave {
    fn holds(&self) -> Result<(), ExportError> {
        let expired = self.grant.expires_at().is_some_and(|at| at <= self.clock.now());
        if self.grant.ended().is_cancelled() || expired { Err(ExportError::Ended) } else { Ok(()) }
    }
}

/// The file, as it is read.
pub fn body(
    format: Format,
    pieces: Pieces,
    leave: Leave,
) -> impl Stream<Item = Result<Bytes, ExportError>> + Send + 'static {
    let writing = Writing { writer: format.writer(), pieces: in_small(pieces), track: None, at: Part::Begin };
    stream::try_unfold((writing, leave), |(mut writing, leave)| async move {
        let written = async {
            leave.holds()?;
            writing.next().await
        };
        let written: Result<Option<Bytes>, ExportError> = written.await;
        if let Err(error) = &written {
            tracing::warn!(error = error as &dyn std::error::Error, "an export was broken off");
        }
        Ok(written?.map(|bytes| (bytes, (writing, leave))))
    })
}

struct Writing {
    writer: Box<dyn Writer>,
    pieces: Pieces,
    track: Option<(UnitId, TimeRange)>,
    at: Part,
}

enum Part {
    Begin,
    Middle,
    Over,
}

impl Writing {
    async fn next(&mut self) -> Result<Option<Bytes>, ExportError> {
        let mut out = String::new();
        match self.at {
            Part::Begin => {
                self.writer.begin(&mut out);
                self.at = Part::Middle;
            }
            Part::Middle => match self.pieces.try_next().await? {
                Some(piece) => self.piece(&piece, &mut out),
                None => {
                    self.end_track(&mut out);
                    self.writer.end(&mut out);
                    self.at = Part::Over;
                }
            },
            Part::Over => return Ok(None),
        }
        Ok(Some(out.into()))
    }

    fn piece(&mut self, piece: &Piece, out: &mut String) {
        let track = Some((piece.unit.clone(), piece.window));
        if self.track != track {
            self.end_track(out);
            self.writer.begin_track(&piece.unit, out);
            self.track = track;
        }
        self.writer.fixes(&piece.unit, &piece.fixes, out);
    }

    fn end_track(&mut self, out: &mut String) {
        if self.track.take().is_some() {
            self.writer.end_track(out);
        }
    }
}

/// A whole CSV file of these.
pub fn csv_file(points: &[(UnitId, Fix)]) -> String {
    let mut out = String::new();
    csv::Csv.begin(&mut out);
    for (unit, fix) in points {
        csv::Csv.fixes(unit, std::slice::from_ref(fix), &mut out);
    }
    out
}

/// The same pieces, none larger than is written at once.
fn in_small(pieces: Pieces) -> Pieces {
    let small = pieces.map_ok(|Piece { unit, window, fixes }| {
        let mut fixes = VecDeque::from(fixes);
        let parts = std::iter::from_fn(move || {
            let fixes: Vec<Fix> = fixes.drain(..fixes.len().min(WRITTEN_AT_ONCE)).collect();
            (!fixes.is_empty()).then(|| Ok(Piece { unit: unit.clone(), window, fixes }))
        });
        stream::iter(parts)
    });
    small.try_flatten().boxed()
}

/// A number where there is one.
fn push_number(out: &mut String, number: Option<impl std::fmt::Display>) {
    if let Some(number) = number {
        // Writing to a string does not fail.
        let _ = write!(out, "{number}");
    }
}
