//! Rate limits per key: whether a request may pass now, and what its caller is told about the rest.

mod bucket;
mod headers;
mod sliding;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub use self::headers::{policy_header, rate_limit_header};
use self::{bucket::Bucket, sliding::Sliding};
use super::{
    config::{ConfigError, in_range},
    time::Nanos,
};

/// How a quota is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// A bucket of `burst` tokens that refills steadily, as GCRA (ITU-T I.371): 8 bytes a key. In any window at most
    /// `burst + quota` pass, when a full bucket is emptied and spent again while it refills.
    #[default]
    TokenBucket,
    /// The times of the last `quota` requests: exactly never more than `quota` in any window, 8 bytes a request.
    SlidingWindow,
}

/// One limit of a route or key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitPolicy {
    /// Its name in the headers: 1 to 64 of printable ASCII without `"` and `\`.
    pub name: String,
    /// Requests in a window, 1 to 1,000,000,000 (10,000 where times are kept).
    pub quota: u64,
    /// Seconds of a window, 1 to 31,536,000.
    pub window_secs: u64,
    /// Requests that may come at once out of a token bucket, 1 to the quota; the quota where not given.
    #[serde(default)]
    pub burst: Option<u64>,
    /// How it is counted.
    #[serde(default)]
    pub counting: Counting,
}

impl RateLimitPolicy {
    /// `quota` requests in `window_secs`, as a token bucket.
    pub fn new(name: impl Into<String>, quota: u64, window_secs: u64) -> Self {
        Self { name: name.into(), quota, window_secs, burst: None, counting: Counting::default() }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
        if !(1..=64).contains(&self.name.len()) || !self.name.bytes().all(plain) {
            let allowed = "1 to 64 printable ASCII characters, no quotation mark or backslash";
            return Err(ConfigError::new("name", format!("{:?}", self.name), allowed));
        }
        let most = match self.counting {
            Counting::TokenBucket => 1_000_000_000,
            Counting::SlidingWindow => 10_000,
        };
        in_range("quota", self.quota, 1..=most)?;
        in_range("window_secs", self.window_secs, 1..=31_536_000)?;
        in_range("burst", self.burst.unwrap_or(1), 1..=self.quota)
    }

    fn window(&self) -> Nanos {
        Nanos(1_000_000_000) * self.window_secs
    }
}

/// What one limit says to one request, and the values of its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Whether the request passes this limit.
    pub allowed: bool,
    /// Requests that could follow at once (`r`).
    pub remaining: u64,
    /// Passed: seconds until the whole quota is there again. Refused: seconds until the next request passes (`t`).
    pub reset_secs: u64,
    /// Refused: how long to wait.
    pub retry_after: Option<Nanos>,
}

/// What all limits of a key say to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Whether it passes.
    pub allowed: bool,
    /// What each limit says, in the order of the policies.
    pub quotas: Vec<Quota>,
}

impl Admission {
    /// Seconds for `Retry-After`, rounded up; `None` where the request passes.
    pub fn retry_after_secs(&self) -> Option<u64> {
        self.quotas.iter().filter_map(|quota| quota.retry_after).max().map(Nanos::as_secs_ceil)
    }
}

#[derive(Clone, Debug)]
enum Counter {
    Bucket(Bucket),
    Sliding(Sliding),
}

/// The limits of many keys.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    policies: Vec<RateLimitPolicy>,
    most_keys: usize,
    keys: HashMap<u64, Vec<Counter>>,
}

impl RateLimiter {
    /// No key has used anything. At most `most_keys` are remembered, so that made-up keys cannot fill the memory.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn new(policies: Vec<RateLimitPolicy>, most_keys: usize) -> Result<Self, ConfigError> {
        for (index, policy) in policies.iter().enumerate() {
            policy.validate().map_err(|error| error.within(&format!("policies[{index}]")))?;
        }
        in_range("most_keys", most_keys, 1..=100_000_000)?;
        Ok(Self { policies, most_keys, keys: HashMap::new() })
    }

    /// The limits, in the order in which they are told.
    pub fn policies(&self) -> &[RateLimitPolicy] {
        &self.policies
    }

    /// Asks for one request of `key` (its hash or number) at `now`. It passes when every limit lets it; then, and only
    /// then, every limit counts it. A new key beyond the most is refused for a second: fail closed.
    pub fn admit(&mut self, key: u64, now: Nanos) -> Admission {
        if !self.keys.contains_key(&key) && self.keys.len() >= self.most_keys {
            self.forget(now);
            if self.keys.len() >= self.most_keys {
                let wait = Some(Nanos(1_000_000_000));
                let quota = Quota { allowed: false, remaining: 0, reset_secs: 1, retry_after: wait };
                return Admission { allowed: false, quotas: vec![quota; self.policies.len()] };
            }
        }
        let policies = &self.policies;
        let counters = self.keys.entry(key).or_insert_with(|| policies.iter().map(Counter::new).collect());
        let waits: Vec<Option<Nanos>> = counters.iter_mut().map(|counter| counter.wait(now)).collect();
        let allowed = waits.iter().all(Option::is_none);
        let quotas = counters
            .iter_mut()
            .zip(waits)
            .map(|(counter, retry_after)| {
                if allowed {
                    counter.take(now);
                }
                let (remaining, full) = counter.rest(now);
                let reset_secs = retry_after.unwrap_or(full).as_secs_ceil();
                Quota { allowed: retry_after.is_none(), remaining, reset_secs, retry_after }
            })
            .collect();
        Admission { allowed, quotas }
    }

    /// Forgets keys whose quota is whole again; how many are left.
    pub fn forget(&mut self, now: Nanos) -> usize {
        self.keys.retain(|_, counters| counters.iter_mut().any(|counter| counter.rest(now).1 > Nanos::ZERO));
        self.keys.len()
    }
}

impl Counter {
    fn new(policy: &RateLimitPolicy) -> Self {
        match policy.counting {
            Counting::TokenBucket => {
                Self::Bucket(Bucket::new(policy.quota, policy.window(), policy.burst.unwrap_or(policy.quota)))
            }
            Counting::SlidingWindow => Self::Sliding(Sliding::new(policy.quota, policy.window())),
        }
    }

    /// How long until a request passes; `None` where it does now.
    fn wait(&mut self, now: Nanos) -> Option<Nanos> {
        match self {
            Self::Bucket(bucket) => bucket.wait(now),
            Self::Sliding(sliding) => sliding.wait(now),
        }
    }

    fn take(&mut self, now: Nanos) {
        match self {
            Self::Bucket(bucket) => bucket.take(now),
            Self::Sliding(sliding) => sliding.take(now),
        }
    }

    /// Requests that could pass at once, and how long until the whole quota is there again.
    fn rest(&mut self, now: Nanos) -> (u64, Nanos) {
        match self {
            Self::Bucket(bucket) => bucket.rest(now),
            Self::Sliding(sliding) => sliding.rest(now),
        }
    }
}
