//! GeoJSON (RFC 7946): a point feature a fix, in one collection.
//!
//! Points and not lines: QGIS, kepler.gl and others animate and style by the properties of
//! each, and a line has no place for times.

use super::Writer;
use sentinel_model::{Fix, Time, UnitId};
use serde::Serialize;

#[derive(Default)]
pub struct GeoJson {
    /// Whether a feature stands before the next.
    begun: bool,
}

#[derive(Serialize)]
struct Feature<'a> {
    r#type: &'static str,
    geometry: Geometry,
    properties: Properties<'a>,
}

#[derive(Serialize)]
struct Geometry {
    r#type: &'static str,
    coordinates: Coordinates,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Coordinates {
    Flat([f64; 2]),
    High([f64; 3]),
}

#[derive(Serialize)]
struct Properties<'a> {
    unit_id: &'a UnitId,
    time: Time,
    received_at: Time,
    speed_mps: Option<f32>,
    heading_deg: Option<f32>,
    accuracy_m: Option<f32>,
    battery: Option<f32>,
    event: Option<&'a str>,
    uuid: Option<&'a str>,
}

impl Writer for GeoJson {
    fn begin(&mut self, out: &mut String) {
        out.push_str("{\"type\":\"FeatureCollection\",\"features\":[\n");
    }

    fn fixes(&mut self, unit: &UnitId, fixes: &[Fix], out: &mut String) {
        for fix in fixes {
            if std::mem::replace(&mut self.begun, true) {
                out.push_str(",\n");
            }
            let (longitude, latitude) = (fix.longitude, fix.latitude);
            let coordinates = match fix.altitude_m {
                Some(altitude_m) => Coordinates::High([longitude, latitude, altitude_m.into()]),
                None => Coordinates::Flat([longitude, latitude]),
            };
            let properties = Properties {
                unit_id: unit,
                time: fix.time,
                received_at: fix.received_at,
                speed_mps: fix.speed_mps,
                heading_deg: fix.heading_deg,
                accuracy_m: fix.accuracy_m,
                battery: fix.battery,
                event: fix.event.as_deref(),
                uuid: fix.uuid.as_deref(),
            };
            let geometry = Geometry { r#type: "Point", coordinates };
            let feature = Feature { r#type: "Feature", geometry, properties };
            out.push_str(&serde_json::to_string(&feature).expect("numbers and texts are JSON"));
        }
    }

    fn end(&mut self, out: &mut String) {
        out.push_str("\n]}\n");
    }
}
