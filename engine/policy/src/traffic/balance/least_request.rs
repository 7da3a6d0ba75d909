//! Least request: the least busy of a few drawn at random, or by weight over requests in flight.

use serde::{Deserialize, Serialize};

use super::lowest_of_few;
use crate::traffic::{
    config::{ConfigError, in_range},
    endpoint::Load,
    random::Random,
};

/// Envoy's least-request settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeastRequestConfig {
    /// How many distinct endpoints are drawn, 2 to 100. Envoy draws with replacement, which leaves a saturated
    /// endpoint 1/n² of the traffic; distinct draws leave it none.
    pub choice_count: u32,
    /// How strongly requests in flight count where weights differ, 0 (not at all) to 10.
    pub active_request_bias: f64,
}

impl Default for LeastRequestConfig {
    fn default() -> Self {
        Self { choice_count: 2, active_request_bias: 1.0 }
    }
}

impl LeastRequestConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("choice_count", self.choice_count, 2..=100)?;
        in_range("active_request_bias", self.active_request_bias, 0.0..=10.0)
    }

    /// Envoy's weight of a busy endpoint: `weight / (active + 1) ^ active_request_bias`.
    pub fn weight(&self, weight: u32, active: u32) -> f64 {
        f64::from(weight) / (f64::from(active) + 1.0).powf(self.active_request_bias)
    }
}

/// The least busy of `choice_count` distinct endpoints drawn at random (Mitzenmacher, "The power of two choices in
/// randomized load balancing", 2001); equally busy ones by lot.
pub fn of_few(
    eligible: &[usize],
    loads: &[Load],
    choice_count: usize,
    random: &mut dyn Random,
) -> Option<usize> {
    lowest_of_few(eligible, choice_count, random, |endpoint| loads[endpoint].active)
}

/// Earliest deadline first over weights that change: an endpoint is due one over its weight after its last turn.
///
/// Envoy fixes the deadline when the turn is taken; here it follows the weight until then, so an endpoint that was
/// busy and no longer is does not wait for a deadline of its busy days.
#[derive(Clone, Debug)]
pub struct Edf {
    /// Virtual time of each endpoint's last turn.
    turns: Vec<f64>,
    /// Virtual time of the last turn of all.
    now: f64,
}

impl Edf {
    /// All of `endpoints` had their last turn at the beginning.
    pub fn new(endpoints: usize) -> Self {
        Self { turns: vec![0.0; endpoints], now: 0.0 }
    }

    /// The one of `eligible` that is due first. One that was away is due at once, and only once.
    pub fn pick(&mut self, eligible: &[usize], weight: impl Fn(usize) -> f64) -> Option<usize> {
        let due = |endpoint: usize| (self.turns[endpoint] + 1.0 / weight(endpoint)).max(self.now);
        let (picked, at) = eligible
            .iter()
            .map(|&endpoint| (endpoint, due(endpoint)))
            .reduce(|first, other| if other.1 < first.1 { other } else { first })?;
        self.turns[picked] = at;
        self.now = at;
        Some(picked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::random::SplitMix64;

    fn loads(active: &[u32]) -> Vec<Load> {
        active.iter().map(|&active| Load { active, ..Load::default() }).collect()
    }

    #[test]
    fn a_saturated_endpoint_gets_nothing() {
        let mut random = SplitMix64::new(3);
        for (loads, eligible) in [(loads(&[0, 900]), vec![0, 1]), (loads(&[1, 900, 0]), vec![0, 1, 2])] {
            assert!((0..10_000).all(|_| of_few(&eligible, &loads, 2, &mut random) != Some(1)));
        }
    }

    #[test]
    fn weights_give_way_to_load() {
        let config = LeastRequestConfig::default();
        assert!((config.weight(6, 2) - 2.0).abs() < 1e-12);
        let even = LeastRequestConfig { active_request_bias: 0.0, ..config };
        assert!((even.weight(6, 200) - 6.0).abs() < 1e-12);
    }

    #[test]
    fn an_endpoint_that_comes_back_makes_up_for_nothing() {
        let mut edf = Edf::new(2);
        for _ in 0..100 {
            assert_eq!(edf.pick(&[0], |_| 1.0), Some(0));
        }
        let picks: Vec<usize> = (0..10).filter_map(|_| edf.pick(&[0, 1], |_| 1.0)).collect();
        assert_eq!(picks.iter().filter(|&&endpoint| endpoint == 1).count(), 5, "{picks:?}");
    }
}
