//! CSV: a line of names, then a line a point, in any order of columns; unknown ones are passed
//! over. Where spreadsheets write decimals with a comma they put semicolons or tabs between the
//! columns: so is what the first line has most of.

use super::{
    Point, ReadError,
    measured::Measure,
    record::{Field, Record},
};
use csv::{ReaderBuilder, StringRecord, Trim};
use sentinel_model::Time;
use std::io::{BufRead as _, BufReader, Read};

/// Lines that one quoted text may hold. One that holds more, or the rest of the file, was
/// opened by mistake and would swallow positions.
const QUOTED_LINES_MAX: u64 = 50;

pub fn read(
    file: impl Read,
    measure: &Measure,
    now: Time,
    mut take: impl FnMut(Point) -> bool,
) -> Result<(), ReadError> {
    let mut file = BufReader::new(file);
    let mut header = Vec::new();
    file.read_until(b'\n', &mut header)?;
    let delimiter = delimiter(&header);
    let file = header.as_slice().chain(file);
    let mut lines =
        ReaderBuilder::new().flexible(true).trim(Trim::Headers).delimiter(delimiter).from_reader(file);
    let columns: Vec<Option<Field>> =
        lines.headers()?.iter().map(|name| Field::named(name.trim_start_matches('\u{feff}'))).collect();
    for (field, name) in
        [(Field::Time, "time"), (Field::Latitude, "latitude"), (Field::Longitude, "longitude")]
    {
        if !columns.contains(&Some(field)) {
            return Err(ReadError::Column(name));
        }
    }
    let (mut line, mut record, mut held) =
        (StringRecord::new(), Record::with_decimal_comma(delimiter != b','), None::<Point>);
    loop {
        let number = lines.position().line();
        match lines.read_record(&mut line) {
            Ok(true) => {}
            Ok(false) => return held.map_or(Ok(()), |point| Err(ReadError::Quote(point.line))),
            // Of one line: the next may be good.
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                measure.begin_anew();
                if !take(Point {
                    line: number,
                    unit: None,
                    fix: Err("the line is not UTF-8: save the file as UTF-8".into()),
                }) {
                    return Ok(());
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        measure.begin_anew();
        let number = line.position().map_or(number, csv::Position::line);
        let lines_read = lines.position().line() - number;
        if lines_read > QUOTED_LINES_MAX {
            return Err(ReadError::Quote(number));
        }
        record.clear();
        for (field, text) in columns.iter().zip(&line) {
            if let Some(field) = field {
                record.set(*field, text);
            }
        }
        // One of several lines is good once there is another behind it.
        let point = record.point(number, now);
        let ready = held.take().into_iter();
        let ready = if lines_read > 1 {
            held = Some(point);
            ready.chain(None)
        } else {
            ready.chain(Some(point))
        };
        for point in ready {
            if !take(point) {
                return Ok(());
            }
        }
    }
}

/// What stands between the names of the first line.
fn delimiter(header: &[u8]) -> u8 {
    let count = |delimiter: u8| header.iter().filter(|byte| **byte == delimiter).count();
    // Of equals the last.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}
