//! Settings of a circuit breaker, with Resilience4j's names and defaults.

use serde::{Deserialize, Serialize};

use crate::traffic::config::{ConfigError, in_range, span, span_or_none};

/// Resilience4j's `CircuitBreakerConfig`, its window counted in calls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Opens at this share of failures, in percent, above 0 to 100.
    pub failure_rate_threshold: f64,
    /// Opens at this share of slow calls, in percent, above 0 to 100.
    pub slow_call_rate_threshold: f64,
    /// A call that takes this many seconds is slow, 0.001 to 86,400.
    pub slow_call_duration_threshold_secs: f64,
    /// The last so many calls count, 1 to 1,000,000.
    pub sliding_window_size: u32,
    /// As many calls are needed before a rate counts (at most the window), 1 to 1,000,000.
    pub minimum_number_of_calls: u32,
    /// Seconds open before probing, 0.001 to 86,400.
    pub wait_duration_in_open_state_secs: f64,
    /// Probes in the half-open state; all of them decide together, 1 to 10,000.
    pub permitted_number_of_calls_in_half_open_state: u32,
    /// Opens again after so many seconds half-open without a decision; 0 for never.
    pub max_wait_duration_in_half_open_state_secs: f64,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failure_rate_threshold: 50.0,
            slow_call_rate_threshold: 100.0,
            slow_call_duration_threshold_secs: 60.0,
            sliding_window_size: 100,
            minimum_number_of_calls: 100,
            wait_duration_in_open_state_secs: 60.0,
            permitted_number_of_calls_in_half_open_state: 10,
            max_wait_duration_in_half_open_state_secs: 0.0,
        }
    }
}

impl BreakerConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("failure_rate_threshold", self.failure_rate_threshold, 0.001..=100.0)?;
        in_range("slow_call_rate_threshold", self.slow_call_rate_threshold, 0.001..=100.0)?;
        span("slow_call_duration_threshold_secs", self.slow_call_duration_threshold_secs)?;
        in_range("sliding_window_size", self.sliding_window_size, 1..=1_000_000)?;
        in_range("minimum_number_of_calls", self.minimum_number_of_calls, 1..=1_000_000)?;
        span("wait_duration_in_open_state_secs", self.wait_duration_in_open_state_secs)?;
        let probes = self.permitted_number_of_calls_in_half_open_state;
        in_range("permitted_number_of_calls_in_half_open_state", probes, 1..=10_000)?;
        let most = self.max_wait_duration_in_half_open_state_secs;
        span_or_none("max_wait_duration_in_half_open_state_secs", most)
    }
}
