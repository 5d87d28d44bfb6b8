//! KML 2.2 with Google's tracks: a placemark a unit and window, its fixes as `gx:Track`s.
//!
//! A track names all its times before all its places, so each piece is one of its own; the
//! viewer joins them where they follow each other.

use super::{Writer, xml};
use sentinel_model::{Fix, UnitId};
use std::fmt::Write as _;

pub struct Kml;

impl Writer for Kml {
    fn begin(&mut self, out: &mut String) {
        out.push_str(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <kml xmlns=\"http://www.opengis.net/kml/2.2\" xmlns:gx=\"http://www.google.com/kml/ext/2.2\">\
             <Document><name>Sentinel</name>\n\
             <Schema id=\"fix\">",
        );
        for (name, _) in VALUES {
            let _ = write!(out, "<gx:SimpleArrayField name=\"{name}\" type=\"float\"/>");
        }
        out.push_str("</Schema>\n");
    }

    fn begin_track(&mut self, unit: &UnitId, out: &mut String) {
        let name = xml::text(unit.as_str());
        let _ = writeln!(
            out,
            "<Placemark><name>{name}</name><gx:MultiTrack><altitudeMode>clampToGround</altitudeMode>\
             <gx:interpolate>1</gx:interpolate>"
        );
    }

    fn fixes(&mut self, _: &UnitId, fixes: &[Fix], out: &mut String) {
        out.push_str("<gx:Track>");
        for fix in fixes {
            let _ = write!(out, "<when>{}</when>", fix.time);
        }
        out.push('\n');
        for fix in fixes {
            let altitude_m = fix.altitude_m.unwrap_or_default();
            let _ = write!(out, "<gx:coord>{} {} {altitude_m}</gx:coord>", fix.longitude, fix.latitude);
        }
        out.push_str("\n<ExtendedData><SchemaData schemaUrl=\"#fix\">");
        for (name, value) in VALUES {
            let _ = write!(out, "<gx:SimpleArrayData name=\"{name}\">");
            for fix in fixes {
                let _ = match value(fix) {
                    Some(value) => write!(out, "<gx:value>{value}</gx:value>"),
                    None => write!(out, "<gx:value/>"),
                };
            }
            out.push_str("</gx:SimpleArrayData>");
        }
        out.push_str("</SchemaData></ExtendedData></gx:Track>\n");
    }

    fn end_track(&mut self, out: &mut String) {
        out.push_str("</gx:MultiTrack></Placemark>\n");
    }

    fn end(&mut self, out: &mut String) {
        out.push_str("</Document></kml>\n");
    }
}

type Value = fn(&Fix) -> Option<f32>;

/// What stands beside each place.
const VALUES: [(&str, Value); 4] = [
    ("speed_mps", |fix| fix.speed_mps),
    ("heading_deg", |fix| fix.heading_deg),
    ("accuracy_m", |fix| fix.accuracy_m),
    ("battery", |fix| fix.battery),
];
