//! Rolling: counts and latencies of the last minute, in a fixed amount of memory.

use orrery_domain::fleet::LatencyFigures;
use orrery_policy::traffic::Nanos;

/// Slots of a minute.
const SLOTS: usize = 6;
/// Nanoseconds of a slot.
const SLOT: u64 = 10_000_000_000;
/// Buckets of latencies: each is 5 % above the one before, from 10 microseconds to 100 seconds and more.
const BUCKETS: usize = 332;
/// The first bucket's upper bound, seconds.
const FIRST: f64 = 10e-6;
/// A bucket's bound over the one before.
const GROWTH: f64 = 1.05;

#[derive(Clone, Debug)]
struct Slot {
    number: u64,
    requests: u64,
    failures: u64,
    latencies: Box<[u32; BUCKETS]>,
}

/// What happened within the last minute, to 10 s.
#[derive(Clone, Debug)]
pub struct Rolling {
    slots: Vec<Slot>,
}

impl Default for Rolling {
    fn default() -> Self {
        let slot = Slot { number: 0, requests: 0, failures: 0, latencies: Box::new([0; BUCKETS]) };
        Self { slots: vec![slot; SLOTS] }
    }
}

/// The bucket of a latency.
fn bucket(secs: f64) -> usize {
    ((secs / FIRST).max(1.0).ln() / GROWTH.ln()).ceil().min((BUCKETS - 1) as f64) as usize
}

/// A bucket's upper bound, seconds.
fn bound(bucket: usize) -> f64 {
    FIRST * GROWTH.powi(bucket as i32)
}

impl Rolling {
    /// Counts a request that ended at `now` after `took`.
    pub fn record(&mut self, now: Nanos, took: Nanos, failed: bool) {
        let number = now.0 / SLOT;
        let slot = &mut self.slots[(number % SLOTS as u64) as usize];
        if slot.number != number {
            (slot.number, slot.requests, slot.failures) = (number, 0, 0);
            slot.latencies.fill(0);
        }
        slot.requests += 1;
        slot.failures += u64::from(failed);
        slot.latencies[bucket(took.as_secs())] += 1;
    }

    fn recent(&self, now: Nanos) -> impl Iterator<Item = &Slot> {
        let number = now.0 / SLOT;
        self.slots
            .iter()
            .filter(move |slot| slot.requests > 0 && number - slot.number.min(number) < SLOTS as u64)
    }

    /// Requests of the last minute, and how many of them failed.
    pub fn counts(&self, now: Nanos) -> (u64, u64) {
        self.recent(now).fold((0, 0), |(all, bad), slot| (all + slot.requests, bad + slot.failures))
    }

    /// Requests a second over the last minute, or since `began` where that is shorter ago.
    pub fn per_sec(&self, now: Nanos, began: Nanos) -> f64 {
        let secs = (now - began).as_secs().min((SLOTS as u64 * SLOT) as f64 / 1e9);
        self.counts(now).0 as f64 / secs.max(1.0)
    }

    /// Quantiles of the last minute, at most 5 % too high.
    pub fn latency(&self, now: Nanos) -> LatencyFigures {
        let mut merged = [0_u64; BUCKETS];
        for slot in self.recent(now) {
            for (sum, count) in merged.iter_mut().zip(slot.latencies.iter()) {
                *sum += u64::from(*count);
            }
        }
        let all: u64 = merged.iter().sum();
        let at = |share: f64| {
            let rank = ((share * all as f64).ceil() as u64).max(1);
            let mut seen = 0;
            merged.iter().position(|count| {
                seen += count;
                seen >= rank
            })
        };
        let figure = |share: f64| if all == 0 { None } else { at(share).map(bound) };
        LatencyFigures { p50: figure(0.5), p95: figure(0.95), p99: figure(0.99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_agree_with_sorting_to_five_percent() {
        let mut rolling = Rolling::default();
        let mut all: Vec<f64> = (1..=1000).map(|n| f64::from(n) * 0.0007).collect();
        for (index, secs) in all.iter().enumerate() {
            rolling.record(Nanos::from_secs(index as f64 * 0.01), Nanos::from_secs(*secs), index % 10 == 0);
        }
        all.sort_by(f64::total_cmp);
        let figures = rolling.latency(Nanos::from_secs(10.0));
        for (share, found) in [(0.5, figures.p50), (0.95, figures.p95), (0.99, figures.p99)] {
            let exact = all[(share * 1000.0) as usize - 1];
            let found = found.expect("there are some");
            assert!(found >= exact * 0.999 && found <= exact * 1.051, "{share}: {found} against {exact}");
        }
        assert_eq!(rolling.counts(Nanos::from_secs(10.0)), (1000, 100));
        assert!((rolling.per_sec(Nanos::from_secs(10.0), Nanos::ZERO) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_over_a_minute_old_counts_no_more() {
        let mut rolling = Rolling::default();
        rolling.record(Nanos::from_secs(1.0), Nanos::from_secs(0.1), true);
        assert_eq!(rolling.counts(Nanos::from_secs(55.0)), (1, 1));
        assert_eq!(rolling.counts(Nanos::from_secs(61.0)), (0, 0));
        assert_eq!(rolling.latency(Nanos::from_secs(61.0)), LatencyFigures::default());
        rolling.record(Nanos::from_secs(61.0), Nanos::from_secs(0.1), false);
        assert_eq!(rolling.counts(Nanos::from_secs(61.0)), (1, 0));
    }
}
