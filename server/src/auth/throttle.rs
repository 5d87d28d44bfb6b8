//! How often a password may be tried: per name and address, per address, and per name.
//!
//! Each has a bucket that a failed try takes from and time refills; a successful
//! sign-in gives its try back, so only failures count. The tight limit is on one name
//! from one address, so that nobody locks a person out from elsewhere; the one on a name
//! from everywhere is wide, and there against a guess from many addresses at once.
//! Memory is bounded: of many buckets the fullest are forgotten first, which are those
//! nearest to innocence.

use parking_lot::Mutex;
use sentinel_model::{Time, ids::ID_MAX_CHARS};
use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
};

/// Tries of one name from one address at once, and the time that gives one back.
const PAIR: Rate = Rate { burst: 10, refill_ms: 6_000 };
/// Tries from one address: an office behind one address has many people.
const PEER: Rate = Rate { burst: 40, refill_ms: 2_000 };
/// Tries of one name from everywhere: more than a dozen addresses can keep up.
const NAME: Rate = Rate { burst: 1_000, refill_ms: 500 };
const MAX_BUCKETS: usize = 16_384;

#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: i64,
    refill_ms: i64,
}

pub struct Throttle(Mutex<All>);

struct All {
    pairs: Buckets<(String, Option<IpAddr>)>,
    peers: Buckets<IpAddr>,
    names: Buckets<String>,
}

/// Too many failed tries; the next is looked at after this many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub u32);

impl Default for Throttle {
    fn default() -> Self {
        let (pairs, peers, names) = (Buckets::new(PAIR), Buckets::new(PEER), Buckets::new(NAME));
        Self(Mutex::new(All { pairs, peers, names }))
    }
}

impl Throttle {
    /// Counts a try. Refused before any password is looked at.
    pub fn admit(&self, name: &str, peer: Option<IpAddr>, now: Time) -> Result<(), Wait> {
        let (name, peer) = (bucket_of_name(name), peer.map(bucket_of_peer));
        let pair = (name.clone(), peer);
        let All { pairs, peers, names } = &mut *self.0.lock();
        // All are asked before any is taken from: a refused try counts nowhere.
        pairs.ask(&pair, now)?;
        names.ask(&name, now)?;
        if let Some(peer) = peer {
            peers.ask(&peer, now)?;
            peers.take(peer, now);
        }
        pairs.take(pair, now);
        names.take(name, now);
        Ok(())
    }

    /// The try was no failure: it does not count.
    pub fn forgive(&self, name: &str, peer: Option<IpAddr>) {
        let (name, peer) = (bucket_of_name(name), peer.map(bucket_of_peer));
        let All { pairs, peers, names } = &mut *self.0.lock();
        names.give_back(&name);
        pairs.give_back(&(name, peer));
        if let Some(peer) = peer {
            peers.give_back(&peer);
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

    fn ask(&self, key: &K, now: Time) -> Result<(), Wait> {
        let wait_ms = self.after_one(key, now).ms_since(now) - self.rate.burst * self.rate.refill_ms;
        if wait_ms > 0 {
            return Err(Wait(u32::try_from(wait_ms.div_euclid(1000) + 1).unwrap_or(u32::MAX)));
        }
        Ok(())
    }

    fn take(&mut self, key: K, now: Time) {
        if self.whole_at.len() >= MAX_BUCKETS && !self.whole_at.contains_key(&key) {
            self.forget_some(now);
        }
        let after = self.after_one(&key, now);
        self.whole_at.insert(key, after);
    }

    /// When it would be whole again after one more try.
    fn after_one(&self, key: &K, now: Time) -> Time {
        let whole_at = self.whole_at.get(key).map_or(now, |t| (*t).max(now));
        whole_at.plus_ms(self.rate.refill_ms)
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
    fn a_name_is_tried_ten_times_from_one_address_then_every_six_seconds() {
        let throttle = Throttle::default();
        for _ in 0..10 {
            assert_eq!(throttle.admit("chief5", peer(1), NOW), Ok(()));
        }
        let Err(Wait(seconds)) = throttle.admit("chief5", peer(1), NOW) else { panic!("not refused") };
        assert!((6..=7).contains(&seconds), "{seconds}");
        assert_eq!(throttle.admit("zone3", peer(1), NOW), Ok(()), "another name is not concerned");
        let later = NOW.plus_ms(i64::from(seconds) * 1000);
        assert_eq!(throttle.admit("chief5", peer(1), later), Ok(()), "waiting as told helps");
    }

    #[test]
    fn nobody_is_locked_out_from_elsewhere() {
        let throttle = Throttle::default();
        let mut failed = 0;
        // An hour of tries from one address, ten a second.
        for n in 0..36_000 {
            failed += i64::from(throttle.admit("admin", peer(66), NOW.plus_ms(n * 100)).is_ok());
        }
        assert!((600..=620).contains(&failed), "{failed}");
        assert_eq!(throttle.admit("admin", peer(1), NOW.plus_ms(3_600_000)), Ok(()));
    }

    #[test]
    fn a_name_that_is_guessed_from_everywhere_is_held_too() {
        let throttle = Throttle::default();
        let from = |n: u16| Some(IpAddr::from([0x2001, 0xdb8, 1, n, 0, 0, 0, 1]));
        let tries = (0..5_000).filter(|n| throttle.admit("admin", from(*n), NOW).is_ok()).count();
        assert_eq!(tries, 1_000);
        assert_eq!(throttle.admit("chief5", from(1), NOW), Ok(()));
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
        assert!(throttle.0.lock().pairs.whole_at.len() <= MAX_BUCKETS);
        assert!(throttle.admit("attacked", None, NOW).is_err());
    }
}
