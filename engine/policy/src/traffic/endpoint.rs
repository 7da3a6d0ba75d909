//! An endpoint as the configuration describes it, and the load it carries now.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    balance::peak_ewma::PeakEwma,
    config::{ConfigError, in_range},
    residency::Tag,
    time::Nanos,
};

/// One server that answers, as configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Unique name. Consistent hashing stands on it: a renamed endpoint gets other keys.
    pub name: String,
    /// Where it answers. Not read here.
    pub url: String,
    /// The region it is in.
    #[serde(default)]
    pub region: String,
    /// Failover level: 0 is served first (Envoy's `priority`), 0 to 127.
    #[serde(default)]
    pub priority: u32,
    /// Share of the traffic within its level (Envoy's `load_balancing_weight`), 1 to 1,000,000.
    #[serde(default = "one")]
    pub weight: u32,
    /// Price of 1,000 requests, in the currency of the whole configuration, 0 to 1,000,000.
    #[serde(default)]
    pub price_per_1000: f64,
    /// Residency tags it carries.
    #[serde(default)]
    pub tags: BTreeSet<Tag>,
}

fn one() -> u32 {
    1
}

impl Endpoint {
    /// An endpoint of level 0 and weight 1, without price or tags.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            region: String::new(),
            priority: 0,
            weight: 1,
            price_per_1000: 0.0,
            tags: BTreeSet::new(),
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.name.is_empty() {
            return Err(ConfigError::new("name", "empty", "any text"));
        }
        in_range("priority", self.priority, 0..=127)?;
        in_range("weight", self.weight, 1..=1_000_000)?;
        in_range("price_per_1000", self.price_per_1000, 0.0..=1_000_000.0)
    }
}

/// What an endpoint carries now, as its gateway counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Requests sent and not yet answered.
    pub active: u32,
    /// Round-trip times, peak-sensitive.
    pub latency: PeakEwma,
}

impl Load {
    /// A request was sent.
    pub fn started(&mut self) {
        self.active = self.active.saturating_add(1);
    }

    /// A request was answered at `now`, `rtt` after it was sent; `decay` is the time constant of forgetting.
    pub fn finished(&mut self, now: Nanos, rtt: Nanos, decay: Nanos) {
        self.active = self.active.saturating_sub(1);
        self.latency.observe(now, rtt, decay);
    }

    /// A request ended without telling anything about the endpoint's speed (the client left, say).
    pub fn abandoned(&mut self) {
        self.active = self.active.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked_by_name() {
        let mut endpoint = Endpoint::new("a", "http://a");
        assert_eq!(endpoint.validate(), Ok(()));
        endpoint.weight = 0;
        assert_eq!(endpoint.validate().unwrap_err().to_string(), "`weight` is 0; it may be 1 to 1000000.");
        endpoint.weight = 1;
        endpoint.price_per_1000 = f64::NAN;
        assert_eq!(endpoint.validate().unwrap_err().field, "price_per_1000");
    }

    #[test]
    fn active_requests_never_go_below_none() {
        let mut load = Load::default();
        load.abandoned();
        assert_eq!(load.active, 0);
        load.started();
        load.started();
        load.finished(Nanos(5), Nanos(5), Nanos(10));
        assert_eq!(load.active, 1);
    }
}
