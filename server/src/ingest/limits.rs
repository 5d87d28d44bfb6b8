//! How many fixes a unit may post, sustained, with room for a backlog; and how many calls for
//! help are heard of it beyond that.

use governor::{DefaultKeyedRateLimiter, Quota, clock::Clock as _};
use sentinel_model::UnitId;
use std::num::NonZeroU32;

/// None is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitRate(pub Option<NonZeroU32>);

impl Default for UnitRate {
    /// Ten times what a phone sends that reports every second.
    fn default() -> Self {
        Self(NonZeroU32::new(10))
    }
}

impl std::str::FromStr for UnitRate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        text.parse()
            .map(|rate| Self(Some(rate)))
            .map_err(|_| format!("{text:?} is no rate: write fixes per second, such as 10, or off"))
    }
}

/// A backlog that is taken at once: over an hour of a fix every second, and any one request.
const BURST: NonZeroU32 = NonZeroU32::new(super::decode::POINTS_MAX as u32).expect("not zero");

/// Calls for help of a unit that are heard in a minute although its positions are refused.
const CALLS_A_MINUTE: NonZeroU32 = NonZeroU32::new(20).expect("not zero");

pub struct UnitLimits {
    fixes: Option<DefaultKeyedRateLimiter<UnitId>>,
    calls: DefaultKeyedRateLimiter<UnitId>,
}

impl UnitLimits {
    pub fn new(rate: UnitRate) -> Self {
        let keyed = DefaultKeyedRateLimiter::keyed;
        Self {
            fixes: rate.0.map(|rate| keyed(Quota::per_second(rate).allow_burst(BURST))),
            calls: keyed(Quota::per_minute(CALLS_A_MINUTE)),
        }
    }

    /// Takes a call for help, whose positions are refused, from the unit's allowance of those.
    pub fn may_call(&self, unit: &UnitId) -> bool {
        self.calls.check_key(unit).is_ok()
    }

    /// Takes `fixes` from the unit's allowance, or says after how many seconds to try again.
    pub fn take(&self, unit: &UnitId, fixes: usize) -> Result<(), u32> {
        let (Some(limits), Some(fixes)) = (&self.fixes, u32::try_from(fixes).ok().and_then(NonZeroU32::new))
        else {
            return Ok(());
        };
        match limits.check_key_n(unit, fixes) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => {
                let wait = until.wait_time_from(limits.clock().now());
                Err(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1))
            }
            // Larger than any allowance; the decoder's limit keeps this from happening.
            Err(_) => Err(60),
        }
    }

    /// Forgets units whose allowance is full again. Called now and then.
    pub fn tidy(&self) {
        if let Some(fixes) = &self.fixes {
            fixes.retain_recent();
        }
        self.calls.retain_recent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_long_backlog_passes_and_a_flood_is_told_when_to_come_back() {
        let limits = UnitLimits::new(UnitRate::default());
        let unit: UnitId = "u".parse().expect("a good id");
        let other: UnitId = "v".parse().expect("a good id");
        assert_eq!(limits.take(&unit, 3600), Ok(()));
        assert_eq!(limits.take(&unit, 6400), Ok(()));
        let wait = limits.take(&unit, 1000).expect_err("the allowance is used up");
        assert!((90..=101).contains(&wait), "{wait}");
        assert_eq!(limits.take(&other, 1), Ok(()), "others are not slowed");
        assert!((0..20).all(|_| limits.may_call(&unit)), "calls for help have their own");
        assert!((0..1_000).any(|_| !limits.may_call(&unit)), "which is not without end");
        assert_eq!(UnitLimits::new(UnitRate(None)).take(&unit, 1_000_000), Ok(()));
    }
}
