//! What devices send, told apart by its shape, as one thing: a [`Posted`].
//!
//! One file a format; each turns its own units into ours here, at the edge:
//!
//! - [`transistorsoft`]: Sentinel's own shape, Transistorsoft's and Traccar Client's from 9 on
//! - [`owntracks`]: JSON with a `_type`
//! - [`overland`]: JSON with GeoJSON features
//! - [`osmand`] and [`gpslogger`]: parameters of the address or a form
//!
//! A point that makes no sense is set aside with a reason and never spoils its neighbours;
//! only a body that is no known format at all is refused.

mod events;
mod extras;
mod gpslogger;
mod leaf;
mod naming;
mod osmand;
mod overland;
mod owntracks;
mod pairs;
mod point;
mod record;
mod transistorsoft;
mod when;

use crate::clock::Clock;
use memchr::memmem;
use pairs::Pairs;
use sentinel_model::{Fix, Time, fix::RejectedPoint};

pub use events::{SOS, alert_of};
pub use point::RawPoint;

/// Points that one request may carry.
pub const POINTS_MAX: usize = 10_000;

/// Longest uuid kept as it is, bytes.
const UUID_MAX: usize = 64;
const EVENT_MAX: usize = 64;
/// Largest extras kept per fix, bytes; larger ones are left out.
const EXTRAS_MAX: usize = 4096;

/// A request as far as its format shows in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Incoming<'a> {
    pub query: &'a str,
    pub body: &'a [u8],
    pub user_agent: &'a str,
    /// Whom OwnTracks names in its headers `X-Limit-U` and `X-Limit-D`.
    pub user: &'a str,
    pub device: &'a str,
}

impl Incoming<'_> {
    /// Device and user as OwnTracks' addresses name them, `?u=…&d=…`; nothing where
    /// only one stands there.
    fn in_query(&self) -> Vec<String> {
        let of = |name: &str| {
            let mut pairs = form_urlencoded::parse(self.query.as_bytes());
            pairs.find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
        };
        of("d").zip(of("u")).map_or_else(Vec::new, |(device, user)| vec![device, user])
    }
}

/// What each client is answered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Native,
    OsmAnd,
    GpsLogger,
    OwnTracks,
    Overland,
}

/// A request's positions, read.
#[derive(Debug, Default, PartialEq)]
pub struct Posted {
    pub format: Format,
    /// Whom the body as a whole names, where it names somebody.
    pub named: Option<Named>,
    /// Points that ask not to be stored (`sample: true`) are left out.
    pub fixes: Vec<Fix>,
    pub rejected: Vec<RejectedPoint>,
    /// What asks for somebody's attention in the points that were set aside.
    pub calls: Vec<Call>,
    /// Where the body names nobody but some of its records do: of each of `fixes`, its
    /// place in the body and whom its record names.
    pub by_record: Option<Vec<(usize, Option<Named>)>>,
}

/// A call for help, or a fence, of a point that is no position: it counts without its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The point's place in the body, and whom its record names.
    pub index: usize,
    pub named: Option<Named>,
    /// The device's, or when it was received where that does not read.
    pub time: Time,
    /// Tells it from others of its time.
    pub uuid: String,
    pub event: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Named {
    Unit(String),
    Patrol(String),
    /// What the device calls itself, the likeliest first: it counts as a unit's id, or is
    /// a unit's token.
    Device(Vec<String>),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    #[error(
        "the body is no format that Sentinel knows; post {{\"location\": {{\"timestamp\", \"coords\": {{\"latitude\", \"longitude\"}}}}}}, \
         or an array of such under \"location\", or the bare object or array"
    )]
    Unknown,
    #[error("one request carries at most {POINTS_MAX} points, this one has {0}: send it in parts")]
    TooMany(usize),
}

pub fn decode(incoming: &Incoming<'_>, clock: &Clock) -> Result<Posted, DecodeError> {
    read(incoming, clock.now(), None)
}

/// For the addresses that name the unit in their path: there a point may leave its
/// time out and means now.
pub fn decode_for_unit(incoming: &Incoming<'_>, clock: &Clock) -> Result<Posted, DecodeError> {
    let now = clock.now();
    read(incoming, now, Some(now))
}

/// Whether the parameters of an address are a position.
pub fn is_position(query: &str) -> bool {
    Pairs::read(query, &[]).are_position()
}

fn read(incoming: &Incoming<'_>, now: Time, time_unless_given: Option<Time>) -> Result<Posted, DecodeError> {
    let body = incoming.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(incoming.body).trim_ascii();
    let read = match body.first() {
        None if !is_position(incoming.query) && owntracks::sent(incoming) => Ok(owntracks::silent()),
        Some(b'{' | b'[') => read_json(incoming, body, now, time_unless_given),
        _ => in_pairs(incoming.query, body, now).ok_or_else(|| not_json(body, now)),
    };
    // A body that says nothing may come with an address that does.
    read.or_else(|error| match error {
        DecodeError::TooMany(_) => Err(error),
        _ => in_pairs(incoming.query, &[], now).ok_or(error),
    })
}

fn read_json(
    incoming: &Incoming<'_>,
    body: &[u8],
    now: Time,
    time_unless_given: Option<Time>,
) -> Result<Posted, DecodeError> {
    // Looked for first, which costs next to nothing: most bodies have neither.
    let has = |word: &str| memmem::find(body, word.as_bytes()).is_some();
    let text = || String::from_utf8_lossy(body);
    if has(owntracks::TYPE)
        && let Some(posted) = owntracks::decode(incoming, &text(), now)
    {
        return posted;
    }
    if (has(overland::FEATURE) || incoming.user_agent.starts_with(overland::AGENT))
        && let Some(posted) = overland::decode(incoming, &text(), now)
    {
        return posted;
    }
    transistorsoft::decode(body, now, time_unless_given)
}

fn in_pairs(query: &str, form: &[u8], now: Time) -> Option<Posted> {
    let pairs = Pairs::read(query, form);
    pairs.are_position().then(|| {
        if gpslogger::is_it(&pairs) { gpslogger::decode(&pairs, now) } else { osmand::decode(&pairs, now) }
    })
}

fn not_json(body: &[u8], now: Time) -> DecodeError {
    transistorsoft::decode(body, now, None).err().unwrap_or(DecodeError::Unknown)
}
