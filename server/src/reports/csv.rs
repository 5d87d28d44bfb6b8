//! A report as a table: a line a group, and one of all.

use crate::export::csv_text;
use sentinel_model::report::{Performance, ResponseTimesReport, Spread};
use std::fmt::Write as _;

const INTERVALS: [&str; 5] = ["to_assigned", "to_accepted", "to_en_route", "to_on_scene", "on_scene"];

/// The whole file. The first column tells the `total` from the lines of a `group`.
pub fn csv(report: &ResponseTimesReport) -> String {
    let mut out = "row,key,name,opened,closed,cancelled,still_open".to_owned();
    for interval in INTERVALS {
        for figure in ["count", "median_s", "p90_s", "mean_s", "longest_s"] {
            // Writing to a string does not fail.
            let _ = write!(out, ",{interval}_{figure}");
        }
    }
    out.push_str("\r\n");
    for group in &report.groups {
        line(&mut out, ["group", &group.key, group.name.as_deref().unwrap_or_default()], &group.performance);
    }
    line(&mut out, ["total", "", ""], &report.total);
    out
}

fn line(out: &mut String, words: [&str; 3], told: &Performance) {
    for (n, word) in words.into_iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        csv_text(out, word);
    }
    let _ = write!(out, ",{},{},{},{}", told.opened, told.closed, told.cancelled, told.still_open);
    for spread in [told.to_assigned, told.to_accepted, told.to_en_route, told.to_on_scene, told.on_scene] {
        let Spread { count, median_s, p90_s, mean_s, longest_s } = spread;
        let _ = write!(out, ",{count}");
        for seconds in [median_s, p90_s, mean_s, longest_s] {
            out.push(',');
            if let Some(seconds) = seconds {
                let _ = write!(out, "{seconds}");
            }
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::{
        Scope, Time,
        report::{GroupBy, PerformanceGroup, TaskKind},
    };

    #[test]
    fn every_line_has_a_cell_for_each_column_and_no_name_is_a_formula() {
        let to_on_scene =
            Spread { count: 1, median_s: Some(370.25), p90_s: Some(370.25), mean_s: None, longest_s: None };
        let told = Performance { opened: 2, still_open: 2, to_on_scene, ..Performance::default() };
        let name = Some("=1+1, \"x\"".to_owned());
        let report = ResponseTimesReport {
            scope: Scope::station(5),
            kind: TaskKind::Incident,
            group_by: GroupBy::Type,
            from: Time(0),
            to: Time(0),
            total: told,
            groups: vec![PerformanceGroup { key: "accident".into(), name, performance: told }],
            slowest: Vec::new(),
        };
        let text = csv(&report);
        let mut reader = csv_reader(&text);
        let columns = reader.headers().expect("a first line").clone();
        let lines: Vec<_> = reader.records().map(|line| line.expect("reads")).collect();
        assert_eq!((columns.len(), lines.len()), (32, 2), "{text}");
        assert_eq!(lines[0].iter().take(4).collect::<Vec<_>>(), ["group", "accident", "'=1+1, \"x\"", "2"]);
        let at = columns.iter().position(|column| column == "to_on_scene_median_s").expect("there");
        assert_eq!((&lines[0][at], &lines[1][at], &lines[1][0]), ("370.25", "370.25", "total"));
    }

    fn csv_reader(text: &str) -> ::csv::Reader<&[u8]> {
        ::csv::Reader::from_reader(text.as_bytes())
    }
}
