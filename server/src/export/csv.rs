//! One line a fix; empty where the device did not say.

use super::{Writer, push_number};
use sentinel_model::{Fix, UnitId};
use std::fmt::Write as _;

/// In their order.
const COLUMNS: [&str; 13] = [
    "unit_id",
    "time",
    "received_at",
    "latitude",
    "longitude",
    "speed_mps",
    "heading_deg",
    "accuracy_m",
    "altitude_m",
    "battery",
    "event",
    "uuid",
    "extras",
];

pub struct Csv;

impl Writer for Csv {
    fn begin(&mut self, out: &mut String) {
        out.push_str(&COLUMNS.join(","));
        out.push_str("\r\n");
    }

    fn fixes(&mut self, unit: &UnitId, fixes: &[Fix], out: &mut String) {
        for fix in fixes {
            text(out, unit.as_str());
            let _ = write!(out, ",{},{},{},{}", fix.time, fix.received_at, fix.latitude, fix.longitude);
            for number in [fix.speed_mps, fix.heading_deg, fix.accuracy_m, fix.altitude_m, fix.battery] {
                out.push(',');
                push_number(out, number);
            }
            for words in [&fix.event, &fix.uuid, &fix.extras] {
                out.push(',');
                text(out, words.as_deref().unwrap_or_default());
            }
            out.push_str("\r\n");
        }
    }
}

/// What spreadsheets take for the beginning of a formula.
const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// Text that came from a device or a person. What a spreadsheet would calculate gets an apostrophe before
/// it, and so does what begins with one, so that [`plain`] takes off just that.
pub fn text(out: &mut String, text: &str) {
    let guard = if text.starts_with(FORMULA) { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        let _ = write!(out, "\"{guard}{}\"", text.replace('"', "\"\""));
    } else {
        let _ = write!(out, "{guard}{text}");
    }
}

/// A text of a file that [`text`] wrote, as it was.
pub fn plain(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_is_a_formula_and_each_reads_back(words in "[=+@\\-'\t\r\n\",a-z{}]{0,12}") {
            let mut line = String::new();
            text(&mut line, &words);
            line.push_str(",end\r\n");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let record = reader.records().next().expect("a line").expect("reads");
            prop_assert_eq!(record.len(), 2);
            prop_assert!(!record[0].starts_with(['=', '+', '-', '@', '\t', '\r']));
            prop_assert_eq!(plain(&record[0]), words);
        }
    }
}
