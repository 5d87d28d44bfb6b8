//! GPX 1.1: a track a unit and window, named by the unit.
//!
//! GPX has no speed of its own: speed and course stand in Garmin's TrackPointExtension, which
//! most programs read; the rest in elements of ours.

use super::{Writer, xml};
use sentinel_model::{Fix, UnitId};
use std::fmt::Write as _;

/// Of the elements that are ours: `received_at`, `accuracy_m`, `battery`, `event`, `uuid`, `extras`.
const NAMESPACE: &str = "urn:sentinel:fix:1";

pub struct Gpx;

impl Writer for Gpx {
    fn begin(&mut self, out: &mut String) {
        let _ = write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <gpx version=\"1.1\" creator=\"Sentinel\" xmlns=\"http://www.topografix.com/GPX/1/1\" \
             xmlns:tpx=\"http://www.garmin.com/xmlschemas/TrackPointExtension/v2\" xmlns:s=\"{NAMESPACE}\">\n"
        );
    }

    fn begin_track(&mut self, unit: &UnitId, out: &mut String) {
        let _ = writeln!(out, "<trk><name>{}</name><trkseg>", xml::text(unit.as_str()));
    }

    fn fixes(&mut self, _: &UnitId, fixes: &[Fix], out: &mut String) {
        for fix in fixes {
            let _ = write!(out, "<trkpt lat=\"{}\" lon=\"{}\">", fix.latitude, fix.longitude);
            xml::element(out, "ele", fix.altitude_m);
            let _ = write!(out, "<time>{}</time><extensions>", fix.time);
            if fix.speed_mps.or(fix.heading_deg).is_some() {
                out.push_str("<tpx:TrackPointExtension>");
                xml::element(out, "tpx:speed", fix.speed_mps);
                xml::element(out, "tpx:course", fix.heading_deg);
                out.push_str("</tpx:TrackPointExtension>");
            }
            xml::element(out, "s:received_at", Some(fix.received_at));
            xml::element(out, "s:accuracy_m", fix.accuracy_m);
            xml::element(out, "s:battery", fix.battery);
            xml::element(out, "s:event", fix.event.as_deref());
            xml::element(out, "s:uuid", fix.uuid.as_deref());
            xml::element(out, "s:extras", fix.extras.as_deref());
            out.push_str("</extensions></trkpt>\n");
        }
    }

    fn end_track(&mut self, out: &mut String) {
        out.push_str("</trkseg></trk>\n");
    }

    fn end(&mut self, out: &mut String) {
        out.push_str("</gpx>\n");
    }
}
