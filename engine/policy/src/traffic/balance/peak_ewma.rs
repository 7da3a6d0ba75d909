//! Peak-EWMA: the fastest of two drawn at random, where a slow answer counts at once and is forgotten slowly.

use serde::{Deserialize, Serialize};

use super::lowest_of_few;
use crate::traffic::{
    config::{ConfigError, span},
    endpoint::Load,
    random::Random,
    time::Nanos,
};

/// What an endpoint costs that has never answered and is being asked: nearly more than any other (Finagle's
/// `Long.MaxValue >> 16`, in nanoseconds).
const PENALTY: f64 = (i64::MAX >> 16) as f64;

/// Settings of peak-EWMA.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeakEwmaConfig {
    /// Time constant in seconds with which round-trip times are forgotten (Finagle and Linkerd: 10), 0.001 to 86,400.
    pub decay_secs: f64,
}

impl Default for PeakEwmaConfig {
    fn default() -> Self {
        Self { decay_secs: 10.0 }
    }
}

impl PeakEwmaConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        span("decay_secs", self.decay_secs)
    }

    /// The cheaper of two distinct endpoints drawn at random; equal ones by lot.
    pub fn pick(
        &self,
        eligible: &[usize],
        loads: &[Load],
        now: Nanos,
        random: &mut dyn Random,
    ) -> Option<usize> {
        let decay = Nanos::from_secs(self.decay_secs);
        lowest_of_few(eligible, 2, random, |endpoint| {
            let Load { active, latency } = loads[endpoint];
            latency.cost(active, now, decay)
        })
    }
}

/// A round-trip time that jumps to its peaks and decays between them (Finagle, `PeakEwma.scala`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PeakEwma {
    /// Nanoseconds at `at`; 0 where nothing was observed.
    nanos: f64,
    /// When it was last observed.
    at: Nanos,
}

impl PeakEwma {
    /// Takes in one round-trip time seen at `now`: above the estimate it replaces it, below it the estimate moves
    /// towards it with weight `1 - exp(-elapsed / decay)`.
    pub fn observe(&mut self, now: Nanos, rtt: Nanos, decay: Nanos) {
        let rtt = rtt.0 as f64;
        let kept = self.kept(now, decay);
        self.nanos = if rtt > self.nanos { rtt } else { self.nanos * kept + rtt * (1.0 - kept) };
        self.at = self.at.max(now);
    }

    /// The estimate at `now` in nanoseconds: it decays towards zero, so that a slow endpoint is tried again.
    ///
    /// Finagle stores the decayed figure whenever it is read; here reading changes nothing, so that the estimate does
    /// not depend on how often anybody looked.
    pub fn nanos(&self, now: Nanos, decay: Nanos) -> f64 {
        self.nanos * self.kept(now, decay)
    }

    /// The estimate at `now` in seconds, forgotten towards `resting_secs` instead of zero; that itself where nothing
    /// was observed.
    pub fn secs_or(&self, resting_secs: f64, now: Nanos, decay: Nanos) -> f64 {
        if self.nanos == 0.0 {
            return resting_secs;
        }
        let kept = self.kept(now, decay);
        self.nanos / 1e9 * kept + resting_secs * (1.0 - kept)
    }

    /// What one more request costs: the estimate times the requests in flight with it. An endpoint without a figure
    /// is free while idle and all but forbidden while asked, so it is probed once.
    pub fn cost(&self, active: u32, now: Nanos, decay: Nanos) -> f64 {
        let nanos = self.nanos(now, decay);
        if nanos == 0.0 && active > 0 {
            return PENALTY + f64::from(active);
        }
        nanos * (f64::from(active) + 1.0)
    }

    fn kept(&self, now: Nanos, decay: Nanos) -> f64 {
        (-((now - self.at).0 as f64) / decay.0.max(1) as f64).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::random::SplitMix64;

    const DECAY: Nanos = Nanos(10_000_000_000);

    #[test]
    fn peaks_count_at_once_and_fade() {
        let mut rtt = PeakEwma::default();
        rtt.observe(Nanos(0), Nanos(100), DECAY);
        rtt.observe(Nanos(0), Nanos(900), DECAY);
        assert!((rtt.nanos(Nanos(0), DECAY) - 900.0).abs() < 1e-9);
        rtt.observe(DECAY, Nanos(100), DECAY);
        let kept = (-1.0_f64).exp();
        let expected = 900.0 * kept + 100.0 * (1.0 - kept);
        assert!((rtt.nanos(DECAY, DECAY) - expected).abs() < 1e-9);
        assert!((rtt.nanos(DECAY + DECAY, DECAY) - expected * kept).abs() < 1e-9);
        assert!((rtt.cost(3, DECAY, DECAY) - 4.0 * expected).abs() < 1e-9);
    }

    #[test]
    fn only_what_is_above_the_last_estimate_is_a_peak() {
        let mut rtt = PeakEwma::default();
        rtt.observe(Nanos(0), Nanos(900), DECAY);
        rtt.observe(DECAY, Nanos(600), DECAY);
        let kept = (-1.0_f64).exp();
        assert!((rtt.nanos(DECAY, DECAY) - (900.0 * kept + 600.0 * (1.0 - kept))).abs() < 1e-9);
    }

    #[test]
    fn a_clock_that_goes_back_keeps_the_estimate() {
        let mut rtt = PeakEwma::default();
        rtt.observe(Nanos(500), Nanos(100), DECAY);
        assert!((rtt.nanos(Nanos(0), DECAY) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_cold_endpoint_is_probed_at_most_once() {
        let mut warm = PeakEwma::default();
        warm.observe(Nanos(1), Nanos(1_000_000_000), DECAY);
        let mut loads = [Load { active: 50, latency: warm }; 20];
        loads[7] = Load::default();
        let eligible: Vec<usize> = (0..20).collect();
        let mut random = SplitMix64::new(11);
        let mut probes = 0;
        for _ in 0..100_000 {
            let picked = PeakEwmaConfig::default().pick(&eligible, &loads, Nanos(1), &mut random).unwrap();
            probes += u32::from(picked == 7);
            loads[picked].active += 1;
        }
        assert_eq!(probes, 1);
    }
}
