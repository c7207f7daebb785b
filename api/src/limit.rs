//! How often callers may ask. Each process counts for itself, in memory.
//!
//! A key has a bucket of requests that refills steadily (GCRA), and another one of sign-ins. Wrong keys are counted for each address they come
//! from, *before* the ledger is asked, so that guessing is slow and costs nothing; a key that was right a moment ago is
//! known and passes, so that a stranger behind the same proxy does not shut out those who work.

use std::collections::HashSet;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use keybell_shared::config::Http;
use keybell_shared::ids::ApiKeyId;

/// New or wrong keys from one address: per second, and at once.
const STRANGERS: (u32, u32) = (1, 20);

/// After so many questions, buckets that are full again are forgotten.
const FORGET_EVERY: u32 = 1_024;

/// How many right keys are remembered.
const REMEMBERED: usize = 4_096;

/// A bucket for each `K`.
struct Buckets<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
    asked: AtomicU32,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(per_second: u32, burst: u32) -> Self {
        let number = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(number(per_second)).allow_burst(number(burst));
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default(), asked: AtomicU32::new(0) }
    }

    /// Takes one request from the bucket, or says how long to wait.
    fn take(&self, key: &K) -> Result<(), Duration> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.check_key(key).map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

/// What a key asks for, as far as the limits care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A sign-in check, or a change of password by its owner.
    SignIn,
    /// Everything else.
    Anything,
}

/// The buckets of keys and of addresses.
pub(crate) struct Limits {
    keys: Buckets<ApiKeyId>,
    sign_ins: Buckets<ApiKeyId>,
    strangers: Buckets<IpAddr>,
    /// Hashes of keys that were right.
    known: Mutex<HashSet<[u8; 32]>>,
}

impl Limits {
    /// Limits as configured.
    pub(crate) fn new(http: Http) -> Self {
        let (per_second, burst) = STRANGERS;
        Self {
            keys: Buckets::new(http.requests_per_second, http.burst),
            sign_ins: Buckets::new(http.sign_ins_per_second, http.sign_ins_per_second),
            strangers: Buckets::new(per_second, burst),
            known: Mutex::default(),
        }
    }

    /// Before the ledger is asked about a key with this hash.
    pub(crate) fn stranger(&self, address: IpAddr, key: &[u8; 32]) -> Result<(), Duration> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(key);
        if known { Ok(()) } else { self.strangers.take(&network(address)) }
    }

    /// A key was right; it may ask now, or how long it must wait.
    pub(crate) fn right(&self, id: ApiKeyId, key: [u8; 32], asked: Asked) -> Result<(), Duration> {
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= REMEMBERED && !known.contains(&key) {
                known.clear();
            }
            known.insert(key);
        }
        match asked {
            Asked::Anything => self.keys.take(&id),
            Asked::SignIn => self.sign_ins.take(&id),
        }
    }

    /// A key that was known turned out to be wrong: it was revoked.
    pub(crate) fn wrong(&self, key: &[u8; 32]) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Whoever has one IPv6 address has the whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(requests_per_second: u32, burst: u32) -> Limits {
        Limits::new(Http { requests_per_second, burst, ..Http::default() })
    }

    #[test]
    fn a_key_has_its_burst_and_then_waits_and_others_do_not() {
        let limits = limits(1, 3);
        let (one, two) = (ApiKeyId::fresh(), ApiKeyId::fresh());
        for _ in 0..3 {
            limits.right(one, [1; 32], Asked::Anything).expect("within the burst");
        }
        let wait = limits.right(one, [1; 32], Asked::Anything).expect_err("beyond it");
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
        limits.right(two, [2; 32], Asked::Anything).expect("another key has its own");
        limits.right(one, [1; 32], Asked::SignIn).expect("sign-ins have their own");
    }

    #[test]
    fn strangers_are_counted_by_network_and_known_keys_pass() {
        let limits = limits(20, 60);
        let first: IpAddr = "2001:db8::1".parse().expect("an address");
        let second: IpAddr = "2001:db8::ffff:2".parse().expect("an address");
        limits.right(ApiKeyId::fresh(), [7; 32], Asked::Anything).expect("a right key");
        for _ in 0..STRANGERS.1 {
            limits.stranger(first, &[1; 32]).expect("within the burst");
        }
        assert!(limits.stranger(second, &[2; 32]).is_err(), "the same network");
        limits.stranger(second, &[7; 32]).expect("a key that was right");
        limits.wrong(&[7; 32]);
        assert!(limits.stranger(second, &[7; 32]).is_err(), "it is not known any more");
        limits.stranger("192.0.2.1".parse().expect("an address"), &[3; 32]).expect("another network");
    }

    #[test]
    fn what_is_idle_is_forgotten() {
        let buckets = Buckets::<u32>::new(100_000, 1);
        for key in 0..FORGET_EVERY * 20 {
            buckets.take(&key).expect("each key once");
        }
        // A bucket of this size is full again after 10 µs; only those of the last round can be left.
        assert!(buckets.limiter.len() <= FORGET_EVERY as usize * 2, "{}", buckets.limiter.len());
    }

    #[test]
    fn the_memory_of_right_keys_is_bounded() {
        let limits = limits(20, 60);
        for number in 0..REMEMBERED + 10 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            limits.right(ApiKeyId::fresh(), key, Asked::Anything).expect("a fresh key");
        }
        assert!(limits.known.lock().expect("not poisoned").len() <= REMEMBERED);
    }
}
