//! Which of the eligible endpoints takes the next request: one strategy enum, one balancer, one pick.

pub mod cost_weighted;
pub mod least_request;
pub mod maglev;
pub mod peak_ewma;
pub mod round_robin;

use serde::{Deserialize, Serialize};

use self::{
    cost_weighted::CostWeightedConfig, least_request::LeastRequestConfig, maglev::MaglevConfig,
    peak_ewma::PeakEwmaConfig,
};
use super::{
    config::ConfigError,
    endpoint::{Endpoint, Load},
    random::Random,
    time::Nanos,
};

/// How traffic is spread over the endpoints of one level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Strategy {
    /// In turn, by weight.
    WeightedRoundRobin(RoundRobinConfig),
    /// The least busy of a few drawn at random; by weight where weights differ.
    LeastRequest(LeastRequestConfig),
    /// The fastest of two drawn at random, by peak-sensitive round-trip time and requests in flight.
    PeakEwma(PeakEwmaConfig),
    /// Always the same endpoint for the same key.
    Maglev(MaglevConfig),
    /// At random, the more likely the cheaper in price and waiting.
    CostWeighted(CostWeightedConfig),
}

/// Weighted round robin has nothing to set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRobinConfig {}

impl Default for Strategy {
    /// Least request, whose two choices need no measurement and no history.
    fn default() -> Self {
        Self::LeastRequest(LeastRequestConfig::default())
    }
}

impl Strategy {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::WeightedRoundRobin(RoundRobinConfig {}) => Ok(()),
            Self::LeastRequest(config) => config.validate(),
            Self::PeakEwma(config) => config.validate(),
            Self::Maglev(config) => config.validate(),
            Self::CostWeighted(config) => config.validate(),
        }
    }

    /// The time constant with which round-trip times are forgotten under this strategy.
    pub fn decay(&self) -> Nanos {
        let secs = match self {
            Self::PeakEwma(config) => config.decay_secs,
            Self::CostWeighted(config) => config.decay_secs,
            Self::WeightedRoundRobin(_) | Self::LeastRequest(_) | Self::Maglev(_) => {
                PeakEwmaConfig::default().decay_secs
            }
        };
        Nanos::from_secs(secs)
    }
}

/// What one choice stands on.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// Indices into the balancer's endpoints that may be picked; ascending, each once.
    pub eligible: &'a [usize],
    /// What each endpoint carries, for all the balancer's endpoints.
    pub loads: &'a [Load],
    /// When it is.
    pub now: Nanos,
    /// Hash of the request's key, for consistent hashing; without one a random key is taken.
    pub key: Option<u64>,
}

/// A strategy with its state over a fixed list of endpoints.
#[derive(Clone, Debug)]
pub struct Balancer {
    state: State,
    /// What each endpoint carries where only weights matter.
    weights: Vec<u32>,
}

#[derive(Clone, Debug)]
enum State {
    RoundRobin(round_robin::Smooth),
    LeastOfFew(LeastRequestConfig),
    LeastByWeight(LeastRequestConfig, least_request::Edf),
    PeakEwma(PeakEwmaConfig),
    Maglev(maglev::Table),
    CostWeighted(CostWeightedConfig, Vec<f64>),
}

impl Balancer {
    /// A fresh state of `strategy` over `endpoints`.
    pub fn new<'a>(strategy: &Strategy, endpoints: impl IntoIterator<Item = &'a Endpoint>) -> Self {
        let endpoints: Vec<&Endpoint> = endpoints.into_iter().collect();
        let weights: Vec<u32> = endpoints.iter().map(|endpoint| endpoint.weight).collect();
        let state = match strategy {
            Strategy::WeightedRoundRobin(_) => State::RoundRobin(round_robin::Smooth::new(weights.len())),
            Strategy::LeastRequest(config) if weights.windows(2).all(|pair| pair[0] == pair[1]) => {
                State::LeastOfFew(*config)
            }
            Strategy::LeastRequest(config) => {
                State::LeastByWeight(*config, least_request::Edf::new(weights.len()))
            }
            Strategy::PeakEwma(config) => State::PeakEwma(*config),
            Strategy::Maglev(config) => {
                let named = endpoints.iter().map(|endpoint| (endpoint.name.as_str(), endpoint.weight));
                State::Maglev(maglev::Table::new(named, config.table_size))
            }
            Strategy::CostWeighted(config) => {
                let prices = endpoints.iter().map(|endpoint| endpoint.price_per_1000).collect();
                State::CostWeighted(*config, prices)
            }
        };
        Self { state, weights }
    }

    /// The endpoint that takes the next request, as its index; `None` where none is eligible.
    pub fn pick(&mut self, choice: &Choice<'_>, random: &mut dyn Random) -> Option<usize> {
        let Choice { eligible, loads, now, key } = *choice;
        let weights = &self.weights;
        match &mut self.state {
            State::RoundRobin(smooth) => smooth.pick(eligible, weights),
            State::LeastOfFew(config) => {
                least_request::of_few(eligible, loads, config.choice_count as usize, random)
            }
            State::LeastByWeight(config, edf) => {
                edf.pick(eligible, |endpoint| config.weight(weights[endpoint], loads[endpoint].active))
            }
            State::PeakEwma(config) => config.pick(eligible, loads, now, random),
            State::Maglev(table) => table.pick(key.unwrap_or_else(|| random.next_u64()), eligible, weights),
            State::CostWeighted(config, prices) => {
                cost_weighted::pick(config, eligible, weights, prices, loads, now, random)
            }
        }
    }
}

/// Picks the lowest of `count` distinct entries of `eligible`, drawn at random, by `cost`; equal costs by lot.
///
/// The draw is Floyd's (Bentley, "Programming Pearls: a sample of brilliance", 1987): every subset is as likely.
fn lowest_of_few<C: PartialOrd>(
    eligible: &[usize],
    count: usize,
    random: &mut dyn Random,
    cost: impl Fn(usize) -> C,
) -> Option<usize> {
    let len = eligible.len();
    let mut drawn: Vec<usize> = Vec::with_capacity(count.min(len));
    let mut best: Option<(usize, C)> = None;
    let mut equals = 1;
    for last in len.saturating_sub(count)..len {
        let lot = random.below(last as u64 + 1) as usize;
        let position = if drawn.contains(&lot) { last } else { lot };
        drawn.push(position);
        let candidate = eligible[position];
        let cost = cost(candidate);
        let better = match &best {
            None => true,
            Some((_, least)) if cost < *least => {
                equals = 1;
                true
            }
            Some((_, least)) if cost == *least => {
                equals += 1;
                random.below(equals) == 0
            }
            Some(_) => false,
        };
        if better {
            best = Some((candidate, cost));
        }
    }
    best.map(|(endpoint, _)| endpoint)
}

/// Picks one of `eligible` at random, as likely as its weight; evenly where no weight is above zero.
fn by_weight(eligible: &[usize], lot: f64, weight: impl Fn(usize) -> f64) -> Option<usize> {
    let total: f64 = eligible.iter().map(|&endpoint| weight(endpoint)).sum();
    if !(total > 0.0 && total.is_finite()) {
        return eligible.get((lot * eligible.len() as f64) as usize).copied();
    }
    let mut left = lot * total;
    for &endpoint in eligible {
        left -= weight(endpoint);
        if left < 0.0 {
            return Some(endpoint);
        }
    }
    eligible.iter().rev().copied().find(|&endpoint| weight(endpoint) > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::random::SplitMix64;

    #[test]
    fn few_are_distinct_and_ties_are_fair() {
        let mut random = SplitMix64::new(7);
        let eligible = [3, 5, 8, 9];
        let mut seen = [0_u32; 10];
        for _ in 0..40_000 {
            seen[lowest_of_few(&eligible, 2, &mut random, |_| 0).unwrap()] += 1;
        }
        assert!(eligible.iter().all(|&endpoint| seen[endpoint].abs_diff(10_000) < 450), "{seen:?}");
        for _ in 0..1000 {
            assert_ne!(
                lowest_of_few(&[0, 1], 2, &mut random, |endpoint| endpoint),
                Some(1),
                "both are looked at"
            );
        }
        assert_eq!(lowest_of_few(&eligible, 9, &mut random, |endpoint| 10 - endpoint), Some(9));
        assert_eq!(lowest_of_few(&[], 2, &mut random, |endpoint| endpoint), None);
    }

    #[test]
    fn weights_decide_and_no_weight_is_even() {
        let weight = |endpoint: usize| [0.0, 1.0, 3.0][endpoint];
        assert_eq!(by_weight(&[0, 1, 2], 0.0, weight), Some(1));
        assert_eq!(by_weight(&[0, 1, 2], 0.2499, weight), Some(1));
        assert_eq!(by_weight(&[0, 1, 2], 0.2501, weight), Some(2));
        assert_eq!(by_weight(&[0, 1], 0.999, |_| 0.0), Some(1));
        assert_eq!(by_weight(&[], 0.5, weight), None);
    }

    #[test]
    fn a_strategy_reads_with_defaults_and_refuses_strangers() {
        let strategy: Strategy = serde_json::from_str(r#"{"name":"maglev"}"#).unwrap();
        assert_eq!(strategy, Strategy::Maglev(MaglevConfig::default()));
        let strategy: Strategy = serde_json::from_str(r#"{"name":"weighted_round_robin"}"#).unwrap();
        assert_eq!(strategy, Strategy::WeightedRoundRobin(RoundRobinConfig {}));
        for wrong in [r#"{"name":"maglev","choice_count":2}"#, r#"{"name":"weighted_round_robin","x":1}"#] {
            assert!(serde_json::from_str::<Strategy>(wrong).is_err(), "{wrong}");
        }
        let text = serde_json::to_string(&Strategy::default()).unwrap();
        assert_eq!(serde_json::from_str::<Strategy>(&text).unwrap(), Strategy::default());
    }
}
