//! Simulate: recorded traffic through a strategy, on a virtual clock.
//!
//! An endpoint's latencies and failures are drawn from what was recorded of it, whatever the strategy sends there: that a strategy
//! would overload an endpoint is not seen. Every endpoint may be asked all the time: health, breakers, limits, retries and hedges
//! are not replayed.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    Endpoint, EndpointState, Nanos, NoEndpoint, Pool, PriorityConfig, Random, Request, Residency, SplitMix64,
    Strategy, config::ConfigError,
};

/// What was recorded of one endpoint: how long each of its answers took, and whether it was a failure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// Seconds, and whether it failed.
    pub answers: Vec<(f64, bool)>,
}

/// One recorded request.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// When, seconds.
    pub at: f64,
    /// Hash of its key, for consistent hashing; without one a random key is taken, as when it was served.
    pub key: Option<u64>,
    /// Where its data may go.
    pub residency: Residency,
}

/// What a strategy would have done.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// Seconds of each answered request, ascending.
    pub latencies: Vec<f64>,
    /// Requests that failed.
    pub failures: u64,
    /// Price of all requests.
    pub cost: f64,
    /// Requests by endpoint.
    pub requests: Vec<u64>,
}

/// Replays `arrivals` (by time, ascending) over `endpoints`; `recorded` holds one entry an endpoint. The same seed gives the same
/// result. An endpoint of which nothing was recorded is answered with what was recorded of all.
///
/// # Errors
/// What of the endpoints or the strategy will not do.
pub fn simulate(
    endpoints: &[Endpoint],
    strategy: &Strategy,
    priority: PriorityConfig,
    arrivals: &[Arrival],
    recorded: &[Recorded],
    seed: u64,
) -> Result<Simulated, ConfigError> {
    let mut pool = Pool::new(endpoints.to_vec(), strategy, priority)?;
    let mut random = SplitMix64::new(seed);
    let all: Vec<(f64, bool)> = recorded.iter().flat_map(|one| one.answers.iter().copied()).collect();
    let mut states = vec![EndpointState::default(); endpoints.len()];
    let mut ending: BinaryHeap<Reverse<(Nanos, usize, Nanos)>> = BinaryHeap::new();
    let mut done =
        Simulated { latencies: Vec::new(), failures: 0, cost: 0.0, requests: vec![0; endpoints.len()] };
    for arrival in arrivals {
        let now = Nanos::from_secs(arrival.at);
        while let Some(Reverse((end, endpoint, took))) =
            ending.peek().copied().filter(|Reverse((end, ..))| *end <= now)
        {
            ending.pop();
            states[endpoint].load.finished(end, took, strategy.decay());
        }
        let Arrival { key, residency, .. } = arrival;
        let request = Request { residency, key: *key, tried: &[], again: true, now };
        let endpoint = match pool.pick(&states, &request, &mut random) {
            Ok(endpoint) => endpoint,
            Err(NoEndpoint::Residency | NoEndpoint::Unavailable | NoEndpoint::Panic) => {
                done.failures += 1;
                continue;
            }
        };
        let own =
            recorded.get(endpoint).map(|one| one.answers.as_slice()).filter(|answers| !answers.is_empty());
        let answers = own.unwrap_or(&all);
        if answers.is_empty() {
            done.failures += 1;
            continue;
        }
        let (secs, failed) = answers[random.below(answers.len() as u64) as usize];
        let took = Nanos::from_secs(secs);
        states[endpoint].load.started();
        ending.push(Reverse((now + took, endpoint, took)));
        done.requests[endpoint] += 1;
        done.cost += endpoints[endpoint].price_per_1000 / 1000.0;
        done.failures += u64::from(failed);
        done.latencies.push(secs);
    }
    done.latencies.sort_by(f64::total_cmp);
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::balance::{
        RoundRobinConfig, cost_weighted::CostWeightedConfig, maglev::MaglevConfig, peak_ewma::PeakEwmaConfig,
    };

    fn endpoints(prices: &[f64]) -> Vec<Endpoint> {
        let one = |(index, price): (usize, &f64)| Endpoint {
            price_per_1000: *price,
            ..Endpoint::new(format!("e{index}"), "http://e")
        };
        prices.iter().enumerate().map(one).collect()
    }

    fn flat(secs: f64) -> Recorded {
        Recorded { answers: vec![(secs, false); 10] }
    }

    fn arrivals(of: impl Fn(u32) -> (Option<u64>, Residency)) -> Vec<Arrival> {
        let arrival = |n: u32| {
            let (key, residency) = of(n);
            Arrival { at: f64::from(n) * 0.001, key, residency }
        };
        (0..10_000).map(arrival).collect()
    }

    fn run(endpoints: &[Endpoint], strategy: &Strategy, recorded: &[Recorded], seed: u64) -> Simulated {
        let arrivals = arrivals(|_| (None, Residency::Unrestricted));
        simulate(endpoints, strategy, PriorityConfig::default(), &arrivals, recorded, seed).expect("sound")
    }

    #[test]
    fn every_request_goes_somewhere_and_the_same_seed_gives_the_same() {
        let endpoints = endpoints(&[1.0, 2.0]);
        let recorded = [flat(0.01), flat(0.02)];
        let one = run(&endpoints, &Strategy::default(), &recorded, 7);
        assert_eq!(one, run(&endpoints, &Strategy::default(), &recorded, 7));
        assert_eq!(one.requests.iter().sum::<u64>(), 10_000);
        assert_eq!(one.latencies.len(), 10_000);
        let cost = one.requests[0] as f64 * 0.001 + one.requests[1] as f64 * 0.002;
        assert!((one.cost - cost).abs() < 1e-6);
    }

    #[test]
    fn round_robin_is_even_ewma_shuns_the_slow_and_cost_shuns_the_dear() {
        let same = endpoints(&[1.0, 1.0]);
        let recorded = [flat(0.005), flat(0.05)];
        let turn = run(&same, &Strategy::WeightedRoundRobin(RoundRobinConfig {}), &recorded, 1);
        assert_eq!(turn.requests, [5000, 5000]);
        let middle = [turn.latencies[4999], turn.latencies[5000]].map(Nanos::from_secs);
        assert_eq!(middle, [0.005, 0.05].map(Nanos::from_secs), "half of the answers are fast, by hand");
        let ewma = run(&same, &Strategy::PeakEwma(PeakEwmaConfig::default()), &recorded, 1);
        assert!(ewma.requests[1] < 1200, "{:?}", ewma.requests);
        let dear = endpoints(&[1.0, 20.0]);
        let equal = [flat(0.005), flat(0.005)];
        let cost = run(&dear, &Strategy::CostWeighted(CostWeightedConfig::default()), &equal, 1);
        assert!(cost.requests[1] < cost.requests[0] && cost.cost < turn.cost * 10.5, "{:?}", cost.requests);
    }

    #[test]
    fn the_same_key_goes_to_the_same_endpoint_and_tags_are_obeyed() {
        let mut three = endpoints(&[1.0, 1.0, 1.0]);
        three[2].tags.insert("eu".parse().expect("a tag"));
        let recorded = [flat(0.01), flat(0.01), flat(0.01)];
        let maglev = Strategy::Maglev(MaglevConfig::default());
        let run = |arrivals: &[Arrival]| {
            let priority = PriorityConfig::default();
            simulate(&three, &maglev, priority, arrivals, &recorded, 1).expect("sound").requests
        };
        let mut one = run(&arrivals(|_| (Some(7), Residency::Unrestricted)));
        one.sort_unstable();
        assert_eq!(one, [0, 0, 10_000], "one caller");
        // Nine of ten requests come of one caller: that endpoint has nine tenths and its share of the rest.
        let mut skewed = run(&arrivals(|n| {
            let key = if n % 10 == 0 { u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15) } else { 7 };
            (Some(key), Residency::Unrestricted)
        }));
        skewed.sort_unstable();
        assert!((9_200..9_480).contains(&skewed[2]), "{skewed:?}");
        let spread = run(&arrivals(|_| (None, Residency::Unrestricted)));
        assert!(spread.iter().all(|count| (3_000..3_700).contains(count)), "{spread:?}");
        assert_eq!(run(&arrivals(|_| (Some(7), Residency::from_header("eu")))), [0, 0, 10_000]);
    }

    #[test]
    fn nothing_recorded_is_a_failure_not_a_made_up_figure() {
        let done = run(&endpoints(&[0.0]), &Strategy::default(), &[Recorded::default()], 1);
        assert_eq!((done.failures, done.latencies.len()), (10_000, 0));
    }
}
