//! CB-1: the breaker against a slow model that remembers every call, over random lives with clock jumps.

use std::collections::BTreeMap;

use orrery_policy::traffic::{
    Breaker, BreakerConfig, BreakerState, Nanos, Outcome, Random, SplitMix64, breaker::CallPermit,
};

use BreakerState::{Closed, Disabled, ForcedOpen, HalfOpen, MetricsOnly, Open};

/// The oracle: no ring, no sums, no permits; only what happened since the state began.
struct Model {
    config: BreakerConfig,
    state: BreakerState,
    began: u64,
    /// Calls let through in this state, each with how it ended: failed, slow. An ignored one is taken out.
    calls: Vec<(u64, Option<(bool, bool)>)>,
    /// In what order they ended.
    ended: Vec<(bool, bool)>,
}

impl Model {
    fn enter(&mut self, state: BreakerState, now: u64) {
        self.state = state;
        self.began = now;
        self.calls.clear();
        self.ended.clear();
    }

    fn acquire(&mut self, call: u64, now: u64) -> bool {
        let config = self.config;
        let waited = |began: u64, secs: f64| now >= began + (secs * 1e9) as u64;
        if self.state == Open && waited(self.began, config.wait_duration_in_open_state_secs) {
            self.enter(HalfOpen, now);
        } else if self.state == HalfOpen
            && config.max_wait_duration_in_half_open_state_secs > 0.0
            && waited(self.began, config.max_wait_duration_in_half_open_state_secs)
        {
            self.enter(Open, now);
        }
        let allowed = match self.state {
            Closed | Disabled | MetricsOnly => true,
            Open | ForcedOpen => false,
            HalfOpen => self.calls.len() < config.permitted_number_of_calls_in_half_open_state as usize,
        };
        if allowed {
            self.calls.push((call, None));
        }
        allowed
    }

    fn end(&mut self, call: u64, outcome: Outcome, took: f64, now: u64) {
        let Some(place) = self.calls.iter().position(|(known, _)| *known == call) else { return };
        if outcome == Outcome::Ignored || self.state == Disabled {
            self.calls.remove(place);
            return;
        }
        let end = (outcome == Outcome::Failure, took >= self.config.slow_call_duration_threshold_secs);
        self.calls[place].1 = Some(end);
        self.ended.push(end);
        let Some((failures, slow)) = self.rates() else { return };
        let over =
            failures >= self.config.failure_rate_threshold || slow >= self.config.slow_call_rate_threshold;
        match (self.state, over) {
            (Closed | HalfOpen, true) => self.enter(Open, now),
            (HalfOpen, false) => self.enter(Closed, now),
            _ => {}
        }
    }

    /// Percent failed and slow of the last calls, where there are enough.
    fn rates(&self) -> Option<(f64, f64)> {
        let probes = self.config.permitted_number_of_calls_in_half_open_state as usize;
        let window = self.config.sliding_window_size as usize;
        let (size, needed) = match self.state {
            HalfOpen => (probes, probes),
            _ => (window, window.min(self.config.minimum_number_of_calls as usize)),
        };
        let last = &self.ended[self.ended.len().saturating_sub(size)..];
        let share = |part: usize| 100.0 * part as f64 / last.len() as f64;
        let failed = last.iter().filter(|(failed, _)| *failed).count();
        let slow = last.iter().filter(|(_, slow)| *slow).count();
        (last.len() >= needed).then(|| (share(failed), share(slow)))
    }
}

fn random_config(random: &mut SplitMix64) -> BreakerConfig {
    let mut upto = |most: u64| random.below(most) as u32 + 1;
    let config = BreakerConfig {
        failure_rate_threshold: f64::from(upto(10)) * 10.0,
        slow_call_rate_threshold: f64::from(upto(10)) * 10.0,
        slow_call_duration_threshold_secs: 1.0,
        sliding_window_size: upto(12),
        minimum_number_of_calls: upto(15),
        wait_duration_in_open_state_secs: f64::from(upto(20)),
        permitted_number_of_calls_in_half_open_state: upto(4),
        max_wait_duration_in_half_open_state_secs: f64::from(upto(2) - 1) * 15.0,
    };
    assert_eq!(config.validate(), Ok(()));
    config
}

/// One life of 100 events; the changes of state it went through, ordered ones marked.
fn life(random: &mut SplitMix64, changes: &mut BTreeMap<(String, String, bool), u64>, refused: &mut u64) {
    let config = random_config(random);
    let mut now = random.below(100) * 1_000_000_000;
    let mut model = Model { config, state: Closed, began: now, calls: Vec::new(), ended: Vec::new() };
    let mut breaker = Breaker::new(config, Nanos(now));
    let mut out: Vec<(u64, CallPermit)> = Vec::new();
    let failing = random.below(101) as u32;
    for event in 0..100 {
        let mut ordered = false;
        match random.below(100) {
            0..45 => {
                let would = breaker.would_allow(Nanos(now));
                let permit = breaker.try_acquire(Nanos(now));
                assert_eq!(permit.is_ok(), model.acquire(event, now), "{config:?}");
                assert_eq!(permit.is_ok(), would, "asking beforehand says the same");
                match permit {
                    Ok(permit) => out.push((event, permit)),
                    Err(refused) => assert_eq!(refused.until, breaker.until()),
                }
            }
            45..85 if !out.is_empty() => {
                let (call, permit) = out.swap_remove(random.below(out.len() as u64) as usize);
                let outcome = match random.below(10) {
                    0 => Outcome::Ignored,
                    _ if random.percent(failing) => Outcome::Failure,
                    _ => Outcome::Success,
                };
                let took = [0.1, 0.999_999_999, 1.0, 5.0][random.below(4) as usize];
                breaker.record(permit, Nanos(now), outcome, Nanos::from_secs(took));
                model.end(call, outcome, took, now);
            }
            97.. => {
                let next = BreakerState::ALL[random.below(6) as usize];
                let from = breaker.state();
                let done = breaker.order(next, Nanos(now));
                assert_eq!(done.is_ok(), LEGAL_ORDERS.contains(&(from, next)), "{from:?} to {next:?}");
                ordered = done.is_ok();
                *refused += u64::from(done.is_err());
                if ordered {
                    model.enter(next, now);
                }
            }
            // Time goes on, by small steps and large, and sometimes back.
            lot => {
                let step = random.below([1, 10, 30][lot as usize % 3] * 1_000_000_000);
                now = if lot % 8 == 0 { now.saturating_sub(step) } else { now + step };
            }
        }
        assert_eq!(breaker.state(), model.state, "{config:?}");
        assert_eq!(breaker.failure_rate().zip(breaker.slow_call_rate()), model.rates());
        if let Some(change) = breaker.take_transition() {
            let seen = (format!("{:?}", change.from), format!("{:?}", change.to), ordered);
            assert!(change.from.may_become(change.to) || ordered);
            *changes.entry(seen).or_default() += 1;
        }
    }
}

/// By calls and time.
const LEGAL_CHANGES: [(BreakerState, BreakerState); 4] =
    [(Closed, Open), (Open, HalfOpen), (HalfOpen, Closed), (HalfOpen, Open)];

/// By hand.
const LEGAL_ORDERS: [(BreakerState, BreakerState); 21] = [
    (Closed, Disabled),
    (Closed, MetricsOnly),
    (Closed, ForcedOpen),
    (Open, Closed),
    (Open, HalfOpen),
    (Open, Disabled),
    (Open, MetricsOnly),
    (Open, ForcedOpen),
    (HalfOpen, Closed),
    (HalfOpen, Disabled),
    (HalfOpen, MetricsOnly),
    (HalfOpen, ForcedOpen),
    (Disabled, Closed),
    (Disabled, MetricsOnly),
    (Disabled, ForcedOpen),
    (MetricsOnly, Closed),
    (MetricsOnly, Disabled),
    (MetricsOnly, ForcedOpen),
    (ForcedOpen, Closed),
    (ForcedOpen, Disabled),
    (ForcedOpen, MetricsOnly),
];

fn lives(count: u64, seed: u64) {
    let mut random = SplitMix64::new(seed);
    let (mut changes, mut refused) = (BTreeMap::new(), 0);
    for _ in 0..count {
        life(&mut random, &mut changes, &mut refused);
    }
    for (legal, ordered) in [(&LEGAL_CHANGES[..], false), (&LEGAL_ORDERS[..], true)] {
        for (from, to) in legal {
            let seen = changes.remove(&(format!("{from:?}"), format!("{to:?}"), ordered));
            assert!(seen.is_some(), "{from:?} to {to:?} was never reached");
        }
    }
    assert!(changes.is_empty(), "changes outside of the table: {changes:?}");
    eprintln!(
        "CB-1: {count} lives of 100 events, 0 differences, all 25 legal changes reached, {refused} illegal orders refused"
    );
}

#[test]
fn random_lives_are_the_models() {
    lives(10_000, 1);
}

#[test]
#[ignore = "full size: 1,000,000 lives of 100 events"]
fn random_lives_are_the_models_full() {
    lives(1_000_000, 2);
}
