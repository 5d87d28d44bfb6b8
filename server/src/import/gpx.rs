//! GPX 1.0 and 1.1: the points of tracks, in the order of the file, under the track's name.
//!
//! Elements are known by their names within a point, whatever their namespace: speed and
//! course stand in the point itself in GPX 1.0, in extensions of several makers in 1.1.

use super::{
    Point, ReadError,
    measured::Measure,
    record::{Field, Record},
};
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};
use sentinel_model::{Time, UnitId};
use std::io::{BufReader, Read};

struct Reading {
    /// The unit that the track is named by, where its name is an id.
    unit: Option<UnitId>,
    record: Record,
    points: u64,
    within: Vec<Element>,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Gpx,
    Track,
    Point,
    Name,
    Field(Field),
    Other,
}

pub fn read(
    file: impl Read,
    measure: &Measure,
    now: Time,
    mut take: impl FnMut(Point) -> bool,
) -> Result<(), ReadError> {
    let mut xml = Reader::from_reader(BufReader::new(file));
    let mut reading =
        Reading { unit: None, record: Record::default(), points: 0, within: Vec::new(), text: String::new() };
    let (mut buffer, mut is_gpx) = (Vec::new(), false);
    loop {
        buffer.clear();
        let event = xml.read_event_into(&mut buffer);
        let event = event.map_err(|source| match source {
            quick_xml::Error::Encoding(_) => ReadError::Encoding,
            cause => ReadError::Gpx { point: reading.points, cause },
        })?;
        match event {
            Event::Start(start) => reading.begin(&start),
            Event::Empty(start) => {
                reading.begin(&start);
                let point = reading.end(now);
                measure.begin_anew();
                if point.is_some_and(|point| !take(point)) {
                    return Ok(());
                }
            }
            Event::Text(text) => reading.text.push_str(&text.xml10_content()),
            Event::CData(text) => reading.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let name = format!("&{};", &*reference.xml10_content());
                reading.text.push_str(&quick_xml::escape::unescape(&name).unwrap_or_default());
            }
            Event::End(_) => {
                let point = reading.end(now);
                measure.begin_anew();
                if point.is_some_and(|point| !take(point)) {
                    return Ok(());
                }
            }
            Event::Eof if is_gpx && reading.within.is_empty() => return Ok(()),
            Event::Eof if is_gpx => {
                let cut = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                return Err(ReadError::Gpx { point: reading.points, cause: cut.into() });
            }
            Event::Eof => return Err(ReadError::NotGpx),
            _ => {}
        }
        is_gpx |= reading.within.first() == Some(&Element::Gpx);
    }
}

impl Reading {
    fn begin(&mut self, start: &BytesStart<'_>) {
        self.text.clear();
        let name = start.local_name();
        let name: &str = name.as_ref();
        let in_point = self.within.contains(&Element::Point);
        let element = match name {
            "gpx" if self.within.is_empty() => Element::Gpx,
            "trk" => {
                self.unit = None;
                Element::Track
            }
            "trkpt" if !in_point => {
                self.record.clear();
                for attribute in start.attributes().flatten() {
                    let field = Field::named(attribute.key.local_name().as_ref());
                    let value = attribute.normalized_value(XmlVersion::Implicit1_0).unwrap_or_default();
                    if let Some(field @ (Field::Latitude | Field::Longitude)) = field {
                        self.record.set(field, &value);
                    }
                }
                Element::Point
            }
            "name" if self.within.last() == Some(&Element::Track) => Element::Name,
            _ if in_point => Field::named(name).map_or(Element::Other, Element::Field),
            _ => Element::Other,
        };
        self.within.push(element);
    }

    /// An element has ended; with it a point, where it was one.
    fn end(&mut self, now: Time) -> Option<Point> {
        let ended = self.within.pop()?;
        let text = std::mem::take(&mut self.text);
        match ended {
            Element::Field(field) => self.record.set(field, &text),
            Element::Name => self.unit = text.trim().parse().ok(),
            Element::Point => {
                self.points += 1;
                let point = self.record.point(self.points, now);
                return Some(Point { unit: point.unit.or_else(|| self.unit.clone()), ..point });
            }
            Element::Gpx | Element::Track | Element::Other => {}
        }
        None
    }
}
