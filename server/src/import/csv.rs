//! CSV: a line of names, then a line a point, in any order of columns; unknown ones are passed
//! over.

use super::{
    Point, ReadError,
    measured::Measure,
    record::{Field, Record},
};
use csv::{ReaderBuilder, StringRecord, Trim};
use sentinel_model::Time;
use std::io::Read;

pub fn read(
    file: impl Read,
    measure: &Measure,
    now: Time,
    mut take: impl FnMut(Point) -> bool,
) -> Result<(), ReadError> {
    let mut lines = ReaderBuilder::new().flexible(true).trim(Trim::Headers).from_reader(file);
    let columns: Vec<Option<Field>> =
        lines.headers()?.iter().map(|name| Field::named(name.trim_start_matches('\u{feff}'))).collect();
    for (field, name) in
        [(Field::Time, "time"), (Field::Latitude, "latitude"), (Field::Longitude, "longitude")]
    {
        if !columns.contains(&Some(field)) {
            return Err(ReadError::Column(name));
        }
    }
    let (mut line, mut record) = (StringRecord::new(), Record::default());
    loop {
        let number = lines.position().line();
        match lines.read_record(&mut line) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // Of one line: the next may be good.
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                measure.begin_anew();
                if !take(Point { line: number, unit: None, fix: Err("the line is not UTF-8".into()) }) {
                    return Ok(());
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        measure.begin_anew();
        record.clear();
        for (field, text) in columns.iter().zip(&line) {
            if let Some(field) = field {
                record.set(*field, text);
            }
        }
        let number = line.position().map_or(number, csv::Position::line);
        if !take(record.point(number, now)) {
            return Ok(());
        }
    }
}
