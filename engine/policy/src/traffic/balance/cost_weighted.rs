//! Cost-weighted: at random, the more likely the cheaper, where waiting has a price, too.
//!
//! ```text
//! latency  = peak-EWMA round-trip time × (requests in flight + 1)            seconds; forgotten towards default_rtt
//! expense  = price_per_1000 / 1000 + value_of_hour / 3600 × latency          currency a request
//! weight   = configured weight × (least expense / expense) ^ cost_bias
//! ```
//!
//! With `cost_bias` 0 only the configured weights count; the higher it is, the more the cheapest gets. The latency
//! rises with the requests in flight, so a cheap endpoint that fills up hands traffic on before it breaks.

use serde::{Deserialize, Serialize};

use super::by_weight;
use crate::traffic::{
    config::{ConfigError, in_range, span},
    endpoint::Load,
    random::Random,
    time::Nanos,
};

/// Settings of the cost-weighted strategy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CostWeightedConfig {
    /// What an hour of a request's waiting is worth, in the currency of the prices, 0 to 1,000,000.
    pub value_of_hour: f64,
    /// How strongly the expense counts, 0 (not at all) to 100.
    pub cost_bias: f64,
    /// Round-trip time in seconds of an endpoint that has not been measured (Linkerd: 0.03), 0.001 to 86,400.
    pub default_rtt_secs: f64,
    /// Time constant in seconds with which round-trip times are forgotten, 0.001 to 86,400.
    pub decay_secs: f64,
}

impl Default for CostWeightedConfig {
    fn default() -> Self {
        Self { value_of_hour: 1.0, cost_bias: 4.0, default_rtt_secs: 0.03, decay_secs: 10.0 }
    }
}

impl CostWeightedConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("value_of_hour", self.value_of_hour, 0.0..=1_000_000.0)?;
        in_range("cost_bias", self.cost_bias, 0.0..=100.0)?;
        span("default_rtt_secs", self.default_rtt_secs)?;
        span("decay_secs", self.decay_secs)
    }

    /// What one more request to an endpoint costs in money and waiting, in the currency of the prices.
    pub fn expense(&self, price_per_1000: f64, load: &Load, now: Nanos) -> f64 {
        let rtt_secs = load.latency.secs_or(self.default_rtt_secs, now, Nanos::from_secs(self.decay_secs));
        let latency_secs = rtt_secs * (f64::from(load.active) + 1.0);
        price_per_1000 / 1000.0 + self.value_of_hour / 3600.0 * latency_secs
    }
}

/// One of `eligible` at random by the module's formula. Where the least expense is zero, what costs nothing shares
/// the traffic by weight (unless `cost_bias` is 0).
pub fn pick(
    config: &CostWeightedConfig,
    eligible: &[usize],
    weights: &[u32],
    prices: &[f64],
    loads: &[Load],
    now: Nanos,
    random: &mut dyn Random,
) -> Option<usize> {
    let expenses: Vec<f64> =
        eligible.iter().map(|&endpoint| config.expense(prices[endpoint], &loads[endpoint], now)).collect();
    let least = expenses.iter().copied().fold(f64::INFINITY, f64::min);
    let shares: Vec<f64> = eligible
        .iter()
        .zip(&expenses)
        .map(|(&endpoint, &expense)| {
            let ratio = if expense > least { least / expense } else { 1.0 };
            f64::from(weights[endpoint]) * ratio.powf(config.cost_bias)
        })
        .collect();
    let places: Vec<usize> = (0..eligible.len()).collect();
    let place = by_weight(&places, random.unit(), |place| shares[place])?;
    Some(eligible[place])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::random::SplitMix64;

    fn share_of_first(config: &CostWeightedConfig, prices: [f64; 2], loads: [Load; 2]) -> f64 {
        let mut random = SplitMix64::new(5);
        let mut pick = || pick(config, &[0, 1], &[1, 1], &prices, &loads, Nanos(1), &mut random);
        (0..20_000).filter(|_| pick() == Some(0)).count() as f64 / 20_000.0
    }

    #[test]
    fn price_waiting_and_bias_count_as_the_formula_says() {
        let idle = [Load::default(); 2];
        let prices_only =
            CostWeightedConfig { value_of_hour: 0.0, cost_bias: 1.0, ..CostWeightedConfig::default() };
        let share = share_of_first(&prices_only, [1.0, 3.0], idle);
        assert!((share - 0.75).abs() < 0.015, "{share}");
        let share = share_of_first(&CostWeightedConfig { cost_bias: 0.0, ..prices_only }, [1.0, 3.0], idle);
        assert!((share - 0.5).abs() < 0.015, "{share}");
        let busy = [Load { active: 3, ..Load::default() }, Load::default()];
        let waiting = CostWeightedConfig { cost_bias: 1.0, ..CostWeightedConfig::default() };
        let share = share_of_first(&waiting, [0.0, 0.0], busy);
        assert!((share - 0.2).abs() < 0.015, "{share}");
        let share = share_of_first(&CostWeightedConfig { value_of_hour: 0.0, ..waiting }, [0.0, 1.0], idle);
        assert!((share - 1.0).abs() < 1e-9, "what is free takes all: {share}");
    }
}
