//! OwnTracks in HTTP mode: one JSON object with a `_type`, speed in km/h, battery in
//! percent, fields that are zero left out; the body may be empty. Whatever the type, the
//! answer is 200 with a list of nothing to do: `[]`.

use super::{
    DecodeError, Format, Incoming, Named, POINTS_MAX, Posted, events, extras,
    leaf::{self, Leaf},
    point::RawPoint,
    record::Members,
    when,
};
use sentinel_model::{Time, fix::RejectedPoint};
use serde_json::value::RawValue;

const MPS_PER_KMH: f64 = 1000.0 / 3600.0;

/// The member that says what a message is; nobody else's bodies have it.
pub const TYPE: &str = "_type";

/// Members that have a column, name somebody, or say nothing of the point.
const NO_EXTRAS: [&str; 12] =
    [TYPE, "_id", "tst", "lat", "lon", "acc", "alt", "vel", "cog", "batt", "topic", "event"];

/// Whether a request without a body is one of this app's.
pub fn sent(incoming: &Incoming<'_>) -> bool {
    let named = !incoming.user.is_empty() || !incoming.device.is_empty() || !incoming.in_query().is_empty();
    named || incoming.user_agent.to_ascii_lowercase().starts_with("owntracks")
}

/// One without a body.
pub fn silent() -> Posted {
    Posted { format: Format::OwnTracks, ..Posted::default() }
}

/// None where the body is another's.
pub fn decode(incoming: &Incoming<'_>, text: &str, now: Time) -> Option<Result<Posted, DecodeError>> {
    let messages: Vec<Members<'_>> = match serde_json::from_str(text) {
        Ok(one) => vec![one],
        Err(_) => {
            let each: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            each.into_iter().filter_map(|one| serde_json::from_str(one.get()).ok()).collect()
        }
    };
    if !messages.iter().any(|message| message.contains_key(TYPE)) {
        return None;
    }
    if messages.len() > POINTS_MAX {
        return Some(Err(DecodeError::TooMany(messages.len())));
    }
    let mut posted = Posted { named: named(incoming, messages.first()?), ..silent() };
    for (index, message) in messages.iter().enumerate() {
        let Some(point) = point(message) else { continue };
        let call = point.as_ref().ok().and_then(|point| point.call(index, None, now));
        match point.and_then(|point| point.check(now)) {
            Ok(fix) => posted.fixes.push(fix),
            Err(reason) => {
                posted.rejected.push(RejectedPoint { index, reason });
                posted.calls.extend(call);
            }
        }
    }
    Some(Ok(posted))
}

/// By the device, then by the user: as headers or query say, or the topic.
fn named(incoming: &Incoming<'_>, message: &Members<'_>) -> Option<Named> {
    let mut names: Vec<String> = [incoming.device, incoming.user].map(Into::into).into();
    names.extend(incoming.in_query());
    let topic = leaf::of(message, "topic").text().unwrap_or_default();
    let mut levels = topic.split('/').skip(1);
    let (user, device) = (levels.next(), levels.next());
    names.extend([device, user].into_iter().flatten().map(Into::into));
    names.retain(|name| !name.is_empty());
    (!names.is_empty()).then_some(Named::Device(names))
}

/// None for messages that are no positions.
fn point(message: &Members<'_>) -> Option<Result<RawPoint, String>> {
    let event = match leaf::of(message, TYPE).text()?.as_str() {
        "location" => None,
        "transition" => {
            let text = |name| leaf::of(message, name).text().unwrap_or_default();
            events::of_fence(&text("event"), &text("desc"))
        }
        "encrypted" => {
            return Some(Err(
                "the message is encrypted: empty the encryption key in the app's settings".into()
            ));
        }
        _ => return None,
    };
    let number = |name| leaf::of(message, name).number();
    let time = Some(leaf::of(message, "tst")).filter(|leaf| *leaf != Leaf::Absent);
    Some(Ok(RawPoint {
        time: time.map(|leaf| when::of(&leaf)),
        latitude: number("lat"),
        longitude: number("lon"),
        speed_mps: number("vel").map(|kmh| kmh * MPS_PER_KMH),
        heading_deg: number("cog"),
        accuracy_m: number("acc"),
        altitude_m: number("alt"),
        battery: number("batt").map(|percent| percent / 100.0),
        uuid: None,
        event,
        extras: extras::rest(leaf::values(message, &NO_EXTRAS)),
    }))
}
