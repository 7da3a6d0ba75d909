//! LB-3: one endpoint of ten becomes ten times slower under Poisson traffic; the same trace through two strategies.

use std::{cmp::Reverse, collections::BinaryHeap};

use orrery_policy::traffic::{
    Balancer, Choice, Endpoint, Load, Nanos, Random, SplitMix64, Strategy,
    balance::{RoundRobinConfig, peak_ewma::PeakEwmaConfig},
};

const HOSTS: usize = 10;
const WORKERS: usize = 4;
const SLOW: usize = 3;

struct Run {
    /// Latencies in seconds of what arrived from two seconds after the slowdown on, sorted.
    latencies: Vec<f64>,
    /// Picks of the slow endpoint over its fair share, in the same time.
    share_of_fair: f64,
}

/// Arrivals at `per_sec`, work of 10 ms on average, four workers an endpoint; endpoint 3 is ten times slower from second 5 on.
fn run(strategy: &Strategy, per_sec: f64, secs: f64, seed: u64) -> Run {
    let mut trace = SplitMix64::new(seed);
    let mut random = SplitMix64::new(seed ^ 0x5eed);
    let endpoints: Vec<Endpoint> = (0..HOSTS).map(|index| Endpoint::new(index.to_string(), "")).collect();
    let eligible: Vec<usize> = (0..HOSTS).collect();
    let mut balancer = Balancer::new(strategy, &endpoints);
    let decay = strategy.decay();
    let mut loads = vec![Load::default(); HOSTS];
    let mut free_at = [[Nanos::ZERO; WORKERS]; HOSTS];
    let mut ends: BinaryHeap<Reverse<(Nanos, usize, Nanos)>> = BinaryHeap::new();
    let (mut now, mut all, mut slow) = (Nanos::ZERO, 0, 0);
    let mut latencies = Vec::new();
    let exponential = |random: &mut SplitMix64| -(1.0 - random.unit()).ln();
    while now < Nanos::from_secs(secs) {
        now = now + Nanos::from_secs(exponential(&mut trace) / per_sec);
        let work = exponential(&mut trace) * 0.01;
        while let Some(&Reverse((end, host, sent))) = ends.peek().filter(|end| end.0.0 <= now) {
            ends.pop();
            loads[host].finished(end, end - sent, decay);
        }
        let choice = Choice { eligible: &eligible, loads: &loads, now, key: None };
        let host = balancer.pick(&choice, &mut random).unwrap();
        loads[host].started();
        let times = if host == SLOW && now >= Nanos::from_secs(5.0) { 10.0 } else { 1.0 };
        let worker = free_at[host].iter_mut().min().unwrap();
        *worker = (*worker).max(now) + Nanos::from_secs(work * times);
        ends.push(Reverse((*worker, host, now)));
        if now >= Nanos::from_secs(7.0) {
            latencies.push((*worker - now).as_secs());
            all += 1;
            slow += u32::from(host == SLOW);
        }
    }
    latencies.sort_by(f64::total_cmp);
    Run { latencies, share_of_fair: f64::from(slow) * HOSTS as f64 / f64::from(all) }
}

fn compare(secs: f64, seeds: u64) {
    let percentile =
        |run: &Run, share: f64| run.latencies[(run.latencies.len() as f64 * share) as usize] * 1000.0;
    for per_sec in [150.0, 300.0, 1500.0] {
        for seed in 0..seeds {
            let fair = run(&Strategy::WeightedRoundRobin(RoundRobinConfig {}), per_sec, secs, seed);
            let ewma = run(&Strategy::PeakEwma(PeakEwmaConfig::default()), per_sec, secs, seed);
            let (before, after) = (percentile(&fair, 0.99), percentile(&ewma, 0.99));
            let share = ewma.share_of_fair * 100.0;
            eprintln!(
                "LB-3 {per_sec}/s: slow endpoint {share:.1} % of its fair share (12), p99 {after:.0} ms against {before:.0} ms of round robin ({:.2} of 0.5)",
                after / before
            );
            assert!(share <= 12.0 && after <= 0.5 * before);
        }
    }
}

#[test]
fn a_slow_endpoint_is_avoided() {
    compare(20.0, 1);
}

#[test]
#[ignore = "full size: 10 seeds of 120 seconds"]
fn a_slow_endpoint_is_avoided_full() {
    compare(120.0, 10);
}
