//! Active health: what an endpoint's own health checks, one after the other, say about it.

use serde::{Deserialize, Serialize};

use super::{
    config::{ConfigError, in_range, span},
    time::Nanos,
};

/// Envoy's `health_checks`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActiveHealthConfig {
    /// Passing checks in a row that make an ill endpoint healthy, 1 to 1,000. Envoy demands a figure; 2 is `HAProxy`'s `rise`.
    pub healthy_threshold: u32,
    /// Failing checks in a row that make a healthy endpoint ill, 1 to 1,000. Envoy demands a figure; 3 is `HAProxy`'s `fall`.
    pub unhealthy_threshold: u32,
    /// Seconds from the end of one check to the next, 0.001 to 86,400.
    pub interval_secs: f64,
    /// Seconds after which a check has failed, 0.001 to 86,400.
    pub timeout_secs: f64,
}

impl Default for ActiveHealthConfig {
    fn default() -> Self {
        Self { healthy_threshold: 2, unhealthy_threshold: 3, interval_secs: 2.0, timeout_secs: 1.0 }
    }
}

impl ActiveHealthConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("healthy_threshold", self.healthy_threshold, 1..=1000)?;
        in_range("unhealthy_threshold", self.unhealthy_threshold, 1..=1000)?;
        span("interval_secs", self.interval_secs)?;
        span("timeout_secs", self.timeout_secs)
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The endpoint says it is ready, and it is.
    Passed,
    /// No answer, none in time, or a broken one: it may be chance, so the threshold counts.
    Failed,
    /// It answered that it is not ready: no threshold, it is believed at once (as in Envoy).
    NotReady,
}

/// Health by active checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveHealth {
    healthy: bool,
    /// Checks in a row that speak against the present state.
    against: u32,
    /// Whether no check has ended yet.
    fresh: bool,
    /// When the next check is due.
    next: Nanos,
}

impl ActiveHealth {
    /// Ill until the first check says otherwise; that check is due at once.
    pub fn new(now: Nanos) -> Self {
        Self { healthy: false, against: 0, fresh: true, next: now }
    }

    /// Whether it is healthy.
    pub fn is_healthy(&self) -> bool {
        self.healthy
    }

    /// When the next check is due.
    pub fn next_check(&self) -> Nanos {
        self.next
    }

    /// Takes in a check that ended at `now`; whether the health changed.
    ///
    /// The first check of all decides alone, whichever way it ends (as in Envoy).
    pub fn record(&mut self, config: &ActiveHealthConfig, check: Check, now: Nanos) -> bool {
        self.next = now + Nanos::from_secs(config.interval_secs);
        let passed = check == Check::Passed;
        let first = std::mem::take(&mut self.fresh);
        if passed == self.healthy {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let needed = match check {
            Check::Passed if first => 1,
            Check::Passed => config.healthy_threshold,
            Check::Failed => config.unhealthy_threshold,
            Check::NotReady => 1,
        };
        if self.against < needed {
            return false;
        }
        self.healthy = passed;
        self.against = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Check::*, *};

    fn after(checks: &[Check]) -> bool {
        let mut health = ActiveHealth::new(Nanos::ZERO);
        for &check in checks {
            health.record(&ActiveHealthConfig::default(), check, Nanos::ZERO);
        }
        health.is_healthy()
    }

    #[test]
    fn thresholds_count_in_a_row() {
        assert!(!after(&[]));
        assert!(after(&[Passed]), "the first check decides alone");
        assert!(!after(&[Failed, Passed]) && after(&[Failed, Passed, Passed]));
        assert!(after(&[Passed, Failed, Failed]) && !after(&[Passed, Failed, Failed, Failed]));
        assert!(after(&[Passed, Failed, Failed, Passed, Failed, Failed]));
        assert!(!after(&[Failed, Passed, Failed, Passed]));
        assert!(!after(&[Passed, NotReady]));
    }

    #[test]
    fn changes_are_told_once_and_the_next_check_is_timed() {
        let config = ActiveHealthConfig::default();
        let mut health = ActiveHealth::new(Nanos(5));
        assert_eq!(health.next_check(), Nanos(5));
        assert!(health.record(&config, Passed, Nanos(7)));
        assert!(!health.record(&config, Passed, Nanos(8)));
        assert_eq!(health.next_check(), Nanos(8) + Nanos::from_secs(2.0));
        assert_eq!(
            ActiveHealthConfig { timeout_secs: 0.0, ..config }.validate().unwrap_err().field,
            "timeout_secs"
        );
    }
}
