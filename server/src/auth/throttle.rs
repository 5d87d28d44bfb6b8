//! How often a password may be tried: per name and per address.
//!
//! Each has a bucket that a failed try takes from and time refills; a successful
//! sign-in gives its try back, so only failures count. Memory is bounded: of many
//! buckets the fullest are forgotten first, which are those nearest to innocence.

use parking_lot::Mutex;
use sentinel_model::{Time, ids::ID_MAX_CHARS};
use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
};

/// Tries of one name at once, and the time that gives one back.
const NAME: Rate = Rate { burst: 10, refill_ms: 6_000 };
/// Tries from one address: an office behind one address has many people.
const PEER: Rate = Rate { burst: 40, refill_ms: 2_000 };
const MAX_BUCKETS: usize = 16_384;

#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: i64,
    refill_ms: i64,
}

pub struct Throttle {
    names: Mutex<Buckets<String>>,
    peers: Mutex<Buckets<IpAddr>>,
}

/// Too many failed tries; the next is looked at after this many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub u32);

impl Default for Throttle {
    fn default() -> Self {
        Self { names: Mutex::new(Buckets::new(NAME)), peers: Mutex::new(Buckets::new(PEER)) }
    }
}

impl Throttle {
    /// Counts a try. Refused before any password is looked at.
    pub fn admit(&self, name: &str, peer: Option<IpAddr>, now: Time) -> Result<(), Wait> {
        let name = bucket_of_name(name);
        self.names.lock().take(name.clone(), now)?;
        let Some(peer) = peer else { return Ok(()) };
        self.peers.lock().take(bucket_of_peer(peer), now).inspect_err(|_| self.names.lock().give_back(&name))
    }

    /// The try was no failure: it does not count.
    pub fn forgive(&self, name: &str, peer: Option<IpAddr>) {
        self.names.lock().give_back(&bucket_of_name(name));
        if let Some(peer) = peer {
            self.peers.lock().give_back(&bucket_of_peer(peer));
        }
    }
}

fn bucket_of_name(name: &str) -> String {
    name.chars().take(ID_MAX_CHARS).collect()
}

/// Whoever has one IPv6 address has 2^64 of them: the network counts.
fn bucket_of_peer(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

/// Leaky buckets, each held as the time at which it is whole again.
struct Buckets<K> {
    rate: Rate,
    whole_at: HashMap<K, Time>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(rate: Rate) -> Self {
        Self { rate, whole_at: HashMap::new() }
    }

    fn take(&mut self, key: K, now: Time) -> Result<(), Wait> {
        if self.whole_at.len() >= MAX_BUCKETS && !self.whole_at.contains_key(&key) {
            self.forget_some(now);
        }
        let whole_at = self.whole_at.get(&key).map_or(now, |t| (*t).max(now));
        let next = whole_at.plus_ms(self.rate.refill_ms);
        let wait_ms = next.ms_since(now) - self.rate.burst * self.rate.refill_ms;
        if wait_ms > 0 {
            return Err(Wait(u32::try_from(wait_ms.div_euclid(1000) + 1).unwrap_or(u32::MAX)));
        }
        self.whole_at.insert(key, next);
        Ok(())
    }

    fn give_back(&mut self, key: &K) {
        if let Some(whole_at) = self.whole_at.get_mut(key) {
            *whole_at = whole_at.plus_ms(-self.rate.refill_ms);
        }
    }

    fn forget_some(&mut self, now: Time) {
        self.whole_at.retain(|_, whole_at| *whole_at > now);
        if self.whole_at.len() < MAX_BUCKETS {
            return;
        }
        let mut times: Vec<_> = self.whole_at.values().copied().collect();
        let quarter = times.len() / 4;
        let (_, limit, _) = times.select_nth_unstable(quarter);
        let limit = *limit;
        let mut left = quarter + 1;
        self.whole_at.retain(|_, whole_at| {
            let forget = left > 0 && *whole_at <= limit;
            left -= usize::from(forget);
            !forget
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_000_000);

    fn peer(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn a_name_is_tried_ten_times_then_every_six_seconds() {
        let throttle = Throttle::default();
        for n in 0..10 {
            assert_eq!(throttle.admit("chief5", peer(n), NOW), Ok(()));
        }
        let Err(Wait(seconds)) = throttle.admit("chief5", peer(99), NOW) else { panic!("not refused") };
        assert!((6..=7).contains(&seconds), "{seconds}");
        assert_eq!(throttle.admit("zone3", peer(99), NOW), Ok(()), "another name is not concerned");
        let later = NOW.plus_ms(i64::from(seconds) * 1000);
        assert_eq!(throttle.admit("chief5", peer(99), later), Ok(()), "waiting as told helps");
    }

    #[test]
    fn an_address_that_tries_many_names_waits() {
        let throttle = Throttle::default();
        let tries = (0..100).filter(|n| throttle.admit(&format!("user{n}"), peer(1), NOW).is_ok()).count();
        assert_eq!(tries, 40);
        assert!(throttle.admit("chief5", peer(2), NOW).is_ok());
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let throttle = Throttle::default();
        let tries = (0..100u16)
            .filter(|n| {
                let from = IpAddr::from([0x2001, 0xdb8, 0, 1, *n, 0, 0, 1]);
                throttle.admit(&format!("user{n}"), Some(from), NOW).is_ok()
            })
            .count();
        assert_eq!(tries, 40);
    }

    #[test]
    fn who_signs_in_all_day_is_never_throttled() {
        let throttle = Throttle::default();
        for _ in 0..1000 {
            assert_eq!(throttle.admit("chief5", peer(1), NOW), Ok(()));
            throttle.forgive("chief5", peer(1));
        }
    }

    #[test]
    fn memory_is_bounded_and_the_busiest_are_remembered() {
        let throttle = Throttle::default();
        for _ in 0..10 {
            assert_eq!(throttle.admit("attacked", None, NOW), Ok(()));
        }
        for n in 0..100_000 {
            assert!(throttle.admit(&format!("user{n}"), None, NOW).is_ok());
        }
        assert!(throttle.names.lock().whole_at.len() <= MAX_BUCKETS);
        assert!(throttle.admit("attacked", None, NOW).is_err());
    }
}
