//! Overland: GeoJSON features under `locations`, `[lon, lat]`, in batches of up to a
//! thousand, and beside a backlog the newest under `current`. It sends everything again
//! unless the answer is `{"result":"ok"}`.

use super::{
    DecodeError, Format, Incoming, Named, POINTS_MAX, Posted, extras,
    leaf::{self, Leaf},
    point::RawPoint,
    record::Members,
    when,
};
use sentinel_model::{Time, fix::RejectedPoint};
use serde_json::value::RawValue;

/// What makes an object a feature.
pub const FEATURE: &str = "Feature";

/// How the app calls itself: an empty batch of its says nothing else.
pub const AGENT: &str = "Overland";

/// Properties that have a column, or that name the device.
const NO_EXTRAS: [&str; 9] = [
    "timestamp",
    "altitude",
    "speed",
    "course",
    "horizontal_accuracy",
    "battery_level",
    "device_id",
    "unique_id",
    "unit_id",
];

/// None where the body is another's.
pub fn decode(incoming: &Incoming<'_>, text: &str, now: Time) -> Option<Result<Posted, DecodeError>> {
    let body: Members<'_> = serde_json::from_str(text).ok()?;
    let locations: Vec<&RawValue> = serde_json::from_str(body.get("locations")?.get()).ok()?;
    let current = body.get("current").copied().filter(|current| is_feature(current));
    let sent = incoming.user_agent.starts_with(AGENT);
    if !sent && current.is_none() && !locations.iter().any(|location| is_feature(location)) {
        return None;
    }
    if locations.len() > POINTS_MAX {
        return Some(Err(DecodeError::TooMany(locations.len())));
    }
    let mut posted = Posted { format: Format::Overland, ..Posted::default() };
    let (mut names, mut called) = (Vec::new(), Vec::new());
    for (index, feature) in locations.into_iter().chain(current).enumerate() {
        let (device, point) = point(feature);
        let named = device.clone().map(|device| Named::Device(vec![device]));
        let call = point.as_ref().ok().and_then(|point| point.call(index, named, now));
        match point.and_then(|point| point.check(now)) {
            Ok(fix) => {
                posted.fixes.push(fix);
                names.push((index, device));
            }
            Err(reason) => {
                posted.rejected.push(RejectedPoint { index, reason });
                if let Some(call) = call {
                    posted.calls.push(call);
                    called.extend(device);
                }
            }
        }
    }
    let mut devices: Vec<&String> = names.iter().filter_map(|(_, device)| device.as_ref()).collect();
    devices.extend(&called);
    devices.sort_unstable();
    devices.dedup();
    // One phone's batch; those of its points that do not say so are its own too.
    match devices[..] {
        [] => {}
        [one] => posted.named = Some(Named::Device(vec![one.clone()])),
        _ => {
            let named = |device: Option<String>| device.map(|device| Named::Device(vec![device]));
            posted.by_record =
                Some(names.into_iter().map(|(index, device)| (index, named(device))).collect());
        }
    }
    Some(Ok(posted))
}

fn is_feature(raw: &RawValue) -> bool {
    let members: Option<Members<'_>> = serde_json::from_str(raw.get()).ok();
    members.is_some_and(|members| {
        members.contains_key("geometry") || leaf::of(&members, "type") == Leaf::Text(FEATURE.into())
    })
}

/// What the device calls itself, and the point.
fn point(feature: &RawValue) -> (Option<String>, Result<RawPoint, String>) {
    let Ok(feature) = serde_json::from_str::<Members<'_>>(feature.get()) else {
        return (None, Err("this is no feature".into()));
    };
    let inner = |name| -> Members<'_> {
        feature.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    };
    let (geometry, properties) = (inner("geometry"), inner("properties"));
    let coordinates: Vec<Leaf> =
        geometry.get("coordinates").and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let number = |name| leaf::of(&properties, name).number();
    let time = Some(leaf::of(&properties, "timestamp")).filter(|leaf| *leaf != Leaf::Absent);
    let point = RawPoint {
        time: time.map(|leaf| when::of(&leaf)),
        longitude: coordinates.first().and_then(Leaf::number),
        latitude: coordinates.get(1).and_then(Leaf::number),
        speed_mps: number("speed"),
        heading_deg: number("course"),
        accuracy_m: number("horizontal_accuracy"),
        altitude_m: number("altitude"),
        battery: number("battery_level"),
        uuid: None,
        event: leaf::of(&properties, "action").text(),
        extras: extras::rest(leaf::values(&properties, &NO_EXTRAS)),
    };
    let device = leaf::of(&properties, "device_id").text().filter(|device| !device.is_empty());
    (device, Ok(point))
}
