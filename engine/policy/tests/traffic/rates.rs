//! GW-3: rate limits against exact oracles, and the most that passes in any window.

use orrery_policy::traffic::{Nanos, Random, RateLimitPolicy, RateLimiter, SplitMix64, rate_limit::Counting};

/// A bucket in exact fractions: tokens times the window's nanoseconds, refilled by the quota each nanosecond.
struct Oracle {
    tokens: u128,
    depth: u128,
    at: u64,
}

impl Oracle {
    fn new(policy: &RateLimitPolicy) -> Self {
        let depth =
            u128::from(policy.burst.unwrap_or(policy.quota)) * u128::from(policy.window_secs) * 1_000_000_000;
        Self { tokens: depth, depth, at: 0 }
    }

    fn admit(&mut self, policy: &RateLimitPolicy, now: u64) -> bool {
        let one = u128::from(policy.window_secs) * 1_000_000_000;
        self.tokens = self.depth.min(self.tokens + u128::from(now - self.at) * u128::from(policy.quota));
        self.at = now;
        let passes = self.tokens >= one;
        if passes {
            self.tokens -= one;
        }
        passes
    }
}

/// Most of the times within any window, its end not included.
fn most_in_a_window(times: &[u64], window: u64) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (last, &time) in times.iter().enumerate() {
        while time - times[first] >= window {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

fn one(random: &mut SplitMix64, counting: Counting, requests: u32) {
    let quota = random.below(50) + 1;
    let burst = (counting == Counting::TokenBucket && random.percent(50)).then(|| random.below(quota) + 1);
    let policy =
        RateLimitPolicy { burst, counting, ..RateLimitPolicy::new("p", quota, random.below(90) + 1) };
    let window = policy.window_secs * 1_000_000_000;
    let mut limiter = RateLimiter::new(vec![policy.clone()], 4).unwrap();
    let mut oracle = Oracle::new(&policy);
    let (mut now, mut passed) = (0, Vec::new());
    for _ in 0..requests {
        let mean = window / quota * [0, 1, 1, 2, 20][random.below(5) as usize];
        now += random.below(mean + 2);
        let admission = limiter.admit(1, Nanos(now));
        let expected = match counting {
            Counting::TokenBucket => oracle.admit(&policy, now),
            Counting::SlidingWindow => {
                (passed.iter().rev().take_while(|&&time: &&u64| now - time < window).count() as u64) < quota
            }
        };
        assert_eq!(admission.allowed, expected, "{policy:?} at {now}");
        if admission.allowed {
            passed.push(now);
            continue;
        }
        // What the caller is told is true: a nanosecond before it does not pass, then it does.
        let wait = admission.quotas[0].retry_after.unwrap();
        assert_eq!(admission.quotas[0].remaining, 0);
        assert!(wait > Nanos::ZERO && admission.retry_after_secs() == Some(wait.as_secs_ceil()));
        let mut early = limiter.clone();
        assert!(!early.admit(1, Nanos(now + wait.0 - 1)).allowed);
        assert!(limiter.clone().admit(1, Nanos(now + wait.0)).allowed);
    }
    let allowed = match counting {
        Counting::TokenBucket => quota + burst.unwrap_or(quota),
        Counting::SlidingWindow => quota,
    };
    assert!(most_in_a_window(&passed, window) as u64 <= allowed);
}

fn rates(limiters: u32, requests: u32) {
    let mut random = SplitMix64::new(1);
    for counting in [Counting::TokenBucket, Counting::SlidingWindow] {
        for _ in 0..limiters {
            one(&mut random, counting, requests);
        }
        let all = u64::from(limiters) * u64::from(requests);
        eprintln!("GW-3 {counting:?}: {all} requests, 0 differences, never more than promised in any window");
    }
}

#[test]
fn limits_are_the_oracles() {
    rates(100, 200);
}

#[test]
#[ignore = "full size: 1,000,000 requests each"]
fn limits_are_the_oracles_full() {
    rates(1000, 1000);
}

#[test]
fn a_clock_that_jumps_back_gives_nothing_away_and_shuts_nobody_out_for_good() {
    for counting in [Counting::TokenBucket, Counting::SlidingWindow] {
        let policy = RateLimitPolicy { counting, ..RateLimitPolicy::new("p", 10, 60) };
        let mut limiter = RateLimiter::new(vec![policy], 4).unwrap();
        let late = Nanos::from_secs(1_000_000.0);
        assert_eq!((0..30).filter(|_| limiter.admit(1, late).allowed).count(), 10);
        let early = Nanos::from_secs(5.0);
        assert_eq!((0..30).filter(|_| limiter.admit(1, early).allowed).count(), 0);
        let later = early + Nanos::from_secs(60.0);
        assert_eq!((0..30).filter(|_| limiter.admit(1, later).allowed).count(), 10, "{counting:?}");
    }
}
