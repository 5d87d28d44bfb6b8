//! What the connection is doing, and when it tries again.

use sentinel_model::{Time, live::close};

/// Silence after which a socket that says it is open is believed dead.
pub const DEAD_AFTER_MS: i64 = 45_000;
/// Silence after which what is shown may be old: a heartbeat is overdue.
pub const STALE_AFTER_MS: i64 = 26_000;
/// How often the page asks for a sign of life.
pub const PING_EVERY_MS: i64 = 20_000;
/// How long a lost connection is called "reconnecting" before it is called "offline".
pub const OFFLINE_AFTER_MS: i64 = 12_000;
/// A lost connection that is back sooner is not worth a word over the map.
const BLINK_MS: i64 = 4_000;
const BACKOFF_FIRST_MS: u32 = 500;
const BACKOFF_MOST_MS: u32 = 15_000;

/// The connection as a person is told of it. Times are of the server's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Link {
    #[default]
    Connecting,
    Live,
    /// Open, but nothing has been heard since then.
    Stale(Time),
    /// Lost then, and trying again.
    Reconnecting(Time),
    /// Lost then, and still nobody answers.
    Offline(Time),
    /// The session has ended; only signing in again helps.
    SignedOut,
    /// This scope is not the viewer's to see.
    NoPermission,
    /// The server does not speak this page's protocol; loading it again helps.
    Outdated,
}

/// Why what is on show may be old, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The connection stands and says nothing.
    Silent(Time),
    Reconnecting(Time),
    Offline(Time),
}

impl Link {
    pub fn doubt(self, now: Time) -> Option<Doubt> {
        match self {
            Link::Stale(at) => Some(Doubt::Silent(at)),
            Link::Reconnecting(at) => (now.ms_since(at) >= BLINK_MS).then_some(Doubt::Reconnecting(at)),
            Link::Offline(at) => Some(Doubt::Offline(at)),
            _ => None,
        }
    }

    pub fn is_final(self) -> bool {
        matches!(self, Link::SignedOut | Link::NoPermission | Link::Outdated)
    }

    /// What a close code leads to, where it says not to come back.
    pub fn closed_by(code: u16) -> Option<Link> {
        // 1000 to 3999 are the protocol's own and browsers': always come back.
        if close::may_reconnect(code) {
            return None;
        }
        Some(match code {
            close::UNAUTHORIZED => Link::SignedOut,
            close::FORBIDDEN => Link::NoPermission,
            _ => Link::Outdated,
        })
    }
}

/// How long to wait before the `attempt`th try (0 the first), `chance` in 0..1:
/// a random part of a doubling bound, so that a thousand dashboards do not come
/// back in one instant.
pub fn backoff_ms(attempt: u32, chance: f64) -> u32 {
    let bound = BACKOFF_FIRST_MS.saturating_mul(1 << attempt.min(10)).min(BACKOFF_MOST_MS);
    let half = f64::from(bound) / 2.0;
    (half + half * chance.clamp(0.0, 1.0)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_grows_to_fifteen_seconds_and_no_further() {
        assert_eq!(backoff_ms(0, 1.0), 500);
        assert_eq!(backoff_ms(0, 0.0), 250);
        assert_eq!(backoff_ms(3, 1.0), 4_000);
        assert_eq!(backoff_ms(40, 1.0), 15_000);
    }

    #[test]
    fn a_blink_of_the_connection_raises_no_doubt() {
        let at = Time(10_000);
        assert_eq!(Link::Reconnecting(at).doubt(at.plus_ms(1_000)), None);
        assert_eq!(Link::Reconnecting(at).doubt(at.plus_ms(5_000)), Some(Doubt::Reconnecting(at)));
        assert_eq!(Link::Offline(at).doubt(at), Some(Doubt::Offline(at)));
        assert_eq!(Link::Live.doubt(at), None);
    }

    #[test]
    fn only_codes_from_4100_end_the_feed() {
        for code in [1001, 1006, close::RESTART, close::TOO_SLOW, close::IDLE] {
            assert_eq!(Link::closed_by(code), None);
        }
        assert_eq!(Link::closed_by(close::UNAUTHORIZED), Some(Link::SignedOut));
        assert_eq!(Link::closed_by(close::FORBIDDEN), Some(Link::NoPermission));
        assert_eq!(Link::closed_by(close::BAD_FRAME), Some(Link::Outdated));
    }
}
