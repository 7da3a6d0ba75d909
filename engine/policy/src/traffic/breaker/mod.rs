//! Circuit breaking, second part: an endpoint that fails is left alone, then probed (after Resilience4j).
//!
//! ```text
//!            failure or slow-call rate at its threshold
//!   CLOSED ─────────────────────────────────────────────► OPEN ◄───────────────┐
//!     ▲                                                     │ wait is over       │ rate at its threshold, or
//!     │ rates below their thresholds                        ▼                    │ too long undecided
//!     └──────────────────────────────────────────────── HALF_OPEN ──────────────┘
//!
//!   by hand: FORCED_OPEN (refuses all), DISABLED (allows all, counts nothing), METRICS_ONLY (allows all, counts)
//! ```

mod config;
mod window;

use serde::{Deserialize, Serialize};

pub use self::config::BreakerConfig;
use self::window::Window;
use super::time::Nanos;

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls go through and are counted.
    Closed,
    /// Calls are refused until the wait is over.
    Open,
    /// A fixed number of calls goes through as probes; they decide.
    HalfOpen,
    /// By hand: all calls go through, nothing is counted.
    Disabled,
    /// By hand: all calls go through and are counted, nothing follows.
    MetricsOnly,
    /// By hand: all calls are refused.
    ForcedOpen,
}

impl BreakerState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Closed, Self::Open, Self::HalfOpen, Self::Disabled, Self::MetricsOnly, Self::ForcedOpen];

    /// Whether a person may order the change to `next`: into the three states by hand from any other, back to closed
    /// from any other, and from open to an early probe.
    pub fn may_be_ordered_to(self, next: Self) -> bool {
        match next {
            _ if self == next => false,
            Self::Closed | Self::Disabled | Self::MetricsOnly | Self::ForcedOpen => true,
            Self::HalfOpen => self == Self::Open,
            Self::Open => false,
        }
    }

    /// Whether calls and time may bring about the change to `next`.
    pub fn may_become(self, next: Self) -> bool {
        use BreakerState::{Closed, HalfOpen, Open};
        matches!((self, next), (Closed, Open) | (Open, HalfOpen) | (HalfOpen, Closed | Open))
    }
}

/// How a call ended, as its breaker counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered.
    Success,
    /// The endpoint's failure.
    Failure,
    /// Nobody's failure (the client left, the request was wrong, it was not sent): counted nowhere, a probe's permit
    /// is given back.
    Ignored,
}

/// Leave to make one call. Given back, exactly once, by [`Breaker::record`]: also where the call was never made or its
/// maker gave up ([`Outcome::Ignored`]). A lost permit is a lost probe; `max_wait_duration_in_half_open_state_secs`
/// bounds how long that matters.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit that is never recorded is missing from the probes for good"]
pub struct CallPermit {
    era: u64,
}

/// A refused call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The circuit breaker is {state:?}; the call was not made.")]
pub struct Refused {
    /// Open, half-open with all probes out, or forced open.
    pub state: BreakerState,
    /// When it is worth asking again, where that is known.
    pub until: Option<Nanos>,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// From.
    pub from: BreakerState,
    /// To.
    pub to: BreakerState,
    /// When.
    pub at: Nanos,
    /// Share of failures that led to it, in percent; `None` where too few calls were counted.
    pub failure_rate: Option<f64>,
}

/// An order that makes no sense where the breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("A breaker that is {from:?} cannot be ordered to be {to:?}; it stays {from:?}.")]
pub struct IllegalTransition {
    /// Where it stands.
    pub from: BreakerState,
    /// What was ordered.
    pub to: BreakerState,
}

/// One endpoint's breaker. Whoever shares it between threads puts it behind a lock.
#[derive(Clone, Debug)]
pub struct Breaker {
    config: BreakerConfig,
    state: BreakerState,
    /// When the state began.
    since: Nanos,
    /// Counts states, so that a call let through in an earlier one does not count in this one.
    era: u64,
    window: Window,
    /// Probes that may still be let through in this half-open state.
    permits: u32,
    transition: Option<Transition>,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(config: BreakerConfig, now: Nanos) -> Self {
        let window = Window::new(config.sliding_window_size);
        Self { config, state: BreakerState::Closed, since: now, era: 0, window, permits: 0, transition: None }
    }

    /// The state: an open breaker whose wait is over stays open until the next call asks, which makes it half-open.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// When the state began.
    pub fn since(&self) -> Nanos {
        self.since
    }

    /// When an open breaker lets the first probe through, or an undecided half-open one opens again.
    pub fn until(&self) -> Option<Nanos> {
        let wait = match self.state {
            BreakerState::Open => self.config.wait_duration_in_open_state_secs,
            BreakerState::HalfOpen if self.config.max_wait_duration_in_half_open_state_secs > 0.0 => {
                self.config.max_wait_duration_in_half_open_state_secs
            }
            _ => return None,
        };
        Some(self.since + Nanos::from_secs(wait))
    }

    /// Share of failures among the counted calls, in percent; `None` while there are too few.
    pub fn failure_rate(&self) -> Option<f64> {
        self.rate(self.window.failures())
    }

    /// Share of slow calls among the counted calls, in percent; `None` while there are too few.
    pub fn slow_call_rate(&self) -> Option<f64> {
        self.rate(self.window.slow())
    }

    /// Whether [`Self::try_acquire`] would let a call through, asking nothing and changing nothing.
    pub fn would_allow(&self, now: Nanos) -> bool {
        let due = self.until().is_some_and(|until| now >= until);
        match self.state {
            BreakerState::Closed | BreakerState::Disabled | BreakerState::MetricsOnly => true,
            BreakerState::Open => due,
            BreakerState::HalfOpen => !due && self.permits > 0,
            BreakerState::ForcedOpen => false,
        }
    }

    /// Asks for leave to make a call.
    ///
    /// # Errors
    /// Refused where the breaker is open or all probes are out.
    pub fn try_acquire(&mut self, now: Nanos) -> Result<CallPermit, Refused> {
        if self.until().is_some_and(|until| now >= until) {
            let next = match self.state {
                BreakerState::Open => BreakerState::HalfOpen,
                _ => BreakerState::Open,
            };
            self.enter(next, now);
        }
        let allowed = match self.state {
            BreakerState::Closed | BreakerState::Disabled | BreakerState::MetricsOnly => true,
            BreakerState::Open | BreakerState::ForcedOpen => false,
            BreakerState::HalfOpen => match self.permits.checked_sub(1) {
                Some(left) => {
                    self.permits = left;
                    true
                }
                None => false,
            },
        };
        if allowed {
            return Ok(CallPermit { era: self.era });
        }
        Err(Refused { state: self.state, until: self.until() })
    }

    /// Takes in how a call ended and how long it took. A call let through in an earlier state changes nothing.
    #[expect(clippy::needless_pass_by_value, reason = "a permit is given back once")]
    pub fn record(&mut self, permit: CallPermit, now: Nanos, outcome: Outcome, took: Nanos) {
        let CallPermit { era } = permit;
        if era != self.era {
            return;
        }
        match (outcome, self.state) {
            (Outcome::Ignored, BreakerState::HalfOpen) => {
                self.permits += 1;
                return;
            }
            (Outcome::Ignored, _) | (_, BreakerState::Disabled) => return,
            _ => {}
        }
        let slow = took >= Nanos::from_secs(self.config.slow_call_duration_threshold_secs);
        self.window.push(outcome == Outcome::Failure, slow);
        match self.state {
            BreakerState::Closed if self.is_over() == Some(true) => self.enter(BreakerState::Open, now),
            BreakerState::HalfOpen => match self.is_over() {
                Some(true) => self.enter(BreakerState::Open, now),
                Some(false) => self.enter(BreakerState::Closed, now),
                None => {}
            },
            _ => {}
        }
    }

    /// Changes the state by hand.
    ///
    /// # Errors
    /// The order makes no sense where the breaker stands; nothing changed.
    pub fn order(&mut self, next: BreakerState, now: Nanos) -> Result<(), IllegalTransition> {
        if !self.state.may_be_ordered_to(next) {
            return Err(IllegalTransition { from: self.state, to: next });
        }
        self.enter(next, now);
        Ok(())
    }

    /// The last change of state, told once.
    pub fn take_transition(&mut self) -> Option<Transition> {
        self.transition.take()
    }

    fn enter(&mut self, next: BreakerState, now: Nanos) {
        let probes = self.config.permitted_number_of_calls_in_half_open_state;
        self.transition =
            Some(Transition { from: self.state, to: next, at: now, failure_rate: self.failure_rate() });
        self.state = next;
        self.since = now;
        self.era += 1;
        self.permits = if next == BreakerState::HalfOpen { probes } else { 0 };
        let size = if next == BreakerState::HalfOpen { probes } else { self.config.sliding_window_size };
        self.window = Window::new(size);
    }

    /// Calls that must be counted before a rate means something.
    fn needed(&self) -> u32 {
        let size = self.window.size();
        if self.state == BreakerState::HalfOpen {
            size
        } else {
            self.config.minimum_number_of_calls.min(size)
        }
    }

    fn rate(&self, part: u32) -> Option<f64> {
        let counted = self.window.counted();
        (counted >= self.needed()).then(|| 100.0 * f64::from(part) / f64::from(counted))
    }

    /// Whether a rate is at its threshold; `None` while there are too few calls.
    fn is_over(&self) -> Option<bool> {
        let failure = self.failure_rate()? >= self.config.failure_rate_threshold;
        Some(failure || self.slow_call_rate()? >= self.config.slow_call_rate_threshold)
    }
}
