//! Settings of outlier detection, with Envoy's names and defaults.

use serde::{Deserialize, Serialize};

use crate::traffic::config::{ConfigError, in_range, percent, span, span_or_none};

/// Envoy's `outlier_detection`. `enforcing_…` is the chance in percent that a finding leads to an ejection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutlierConfig {
    /// Answers of 500 and above in a row that eject, 1 to 1,000,000.
    pub consecutive_5xx: u32,
    /// Seconds between checks, 0.001 to 86,400.
    pub interval_secs: f64,
    /// Seconds out, times the ejections in a row, 0.001 to 86,400.
    pub base_ejection_time_secs: f64,
    /// Most seconds out (at least the base time), 0.001 to 86,400.
    pub max_ejection_time_secs: f64,
    /// Up to so many random seconds longer out; 0 for none.
    pub max_ejection_time_jitter_secs: f64,
    /// No further endpoint is ejected while this share is, in percent; above 0, one always may be.
    pub max_ejection_percent: u32,
    /// Enforcement of `consecutive_5xx`.
    pub enforcing_consecutive_5xx: u32,
    /// Gateway failures in a row that eject, 1 to 1,000,000.
    pub consecutive_gateway_failure: u32,
    /// Enforcement of `consecutive_gateway_failure`.
    pub enforcing_consecutive_gateway_failure: u32,
    /// Enforcement of the success rate.
    pub enforcing_success_rate: u32,
    /// As many endpoints need enough answers before success rates are compared, 1 to 1,000,000.
    pub success_rate_minimum_hosts: u32,
    /// Answers in an interval that are enough for it, 1 to 1,000,000,000.
    pub success_rate_request_volume: u64,
    /// An endpoint is out below `mean - factor / 1000 × standard deviation` of the success rates, 0 to 100,000.
    pub success_rate_stdev_factor: u32,
    /// An endpoint is out at this share of failures, in percent, 0 to 100.
    pub failure_percentage_threshold: u32,
    /// Enforcement of the failure percentage.
    pub enforcing_failure_percentage: u32,
    /// As many endpoints need enough answers before failure percentages count, 1 to 1,000,000.
    pub failure_percentage_minimum_hosts: u32,
    /// Answers in an interval that are enough for it, 1 to 1,000,000,000.
    pub failure_percentage_request_volume: u64,
    /// Whether a passing active health check brings an ejected endpoint back at once. Turn it off where that check
    /// does not exercise what requests do.
    pub successful_active_health_check_uneject_host: bool,
}

impl Default for OutlierConfig {
    fn default() -> Self {
        Self {
            consecutive_5xx: 5,
            interval_secs: 10.0,
            base_ejection_time_secs: 30.0,
            max_ejection_time_secs: 300.0,
            max_ejection_time_jitter_secs: 0.0,
            max_ejection_percent: 10,
            enforcing_consecutive_5xx: 100,
            consecutive_gateway_failure: 5,
            enforcing_consecutive_gateway_failure: 0,
            enforcing_success_rate: 100,
            success_rate_minimum_hosts: 5,
            success_rate_request_volume: 100,
            success_rate_stdev_factor: 1900,
            failure_percentage_threshold: 85,
            enforcing_failure_percentage: 0,
            failure_percentage_minimum_hosts: 5,
            failure_percentage_request_volume: 50,
            successful_active_health_check_uneject_host: true,
        }
    }
}

impl OutlierConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("consecutive_5xx", self.consecutive_5xx, 1..=1_000_000)?;
        in_range("consecutive_gateway_failure", self.consecutive_gateway_failure, 1..=1_000_000)?;
        span("interval_secs", self.interval_secs)?;
        span("base_ejection_time_secs", self.base_ejection_time_secs)?;
        span("max_ejection_time_secs", self.max_ejection_time_secs)?;
        span_or_none("max_ejection_time_jitter_secs", self.max_ejection_time_jitter_secs)?;
        percent("max_ejection_percent", self.max_ejection_percent)?;
        percent("enforcing_consecutive_5xx", self.enforcing_consecutive_5xx)?;
        percent("enforcing_consecutive_gateway_failure", self.enforcing_consecutive_gateway_failure)?;
        percent("enforcing_success_rate", self.enforcing_success_rate)?;
        percent("enforcing_failure_percentage", self.enforcing_failure_percentage)?;
        percent("failure_percentage_threshold", self.failure_percentage_threshold)?;
        in_range("success_rate_minimum_hosts", self.success_rate_minimum_hosts, 1..=1_000_000)?;
        in_range("failure_percentage_minimum_hosts", self.failure_percentage_minimum_hosts, 1..=1_000_000)?;
        in_range("success_rate_request_volume", self.success_rate_request_volume, 1..=1_000_000_000)?;
        in_range("success_rate_stdev_factor", self.success_rate_stdev_factor, 0..=100_000)?;
        let volume = self.failure_percentage_request_volume;
        in_range("failure_percentage_request_volume", volume, 1..=1_000_000_000)
    }
}
