//! How long a request and each of its tries may take.

use serde::{Deserialize, Serialize};

use super::{
    config::{ConfigError, span, span_or_none},
    time::Nanos,
};

/// Envoy's route timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutConfig {
    /// Seconds for a request with all its tries and pauses (Envoy: 15), 0.001 to 86,400.
    pub timeout_secs: f64,
    /// Seconds for one try; 0 for as long as the request has (Envoy's default).
    pub per_try_timeout_secs: f64,
}

impl Default for TimeoutConfig {
    fn default() -> Self {
        Self { timeout_secs: 15.0, per_try_timeout_secs: 0.0 }
    }
}

impl TimeoutConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        span("timeout_secs", self.timeout_secs)?;
        span_or_none("per_try_timeout_secs", self.per_try_timeout_secs)
    }

    /// When a request that arrived at `arrived` must have its answer: by our time-out or the caller's own deadline,
    /// whichever is first.
    pub fn deadline(&self, arrived: Nanos, callers: Option<Nanos>) -> Nanos {
        let ours = arrived + Nanos::from_secs(self.timeout_secs);
        callers.map_or(ours, |callers| callers.min(ours))
    }

    /// How long a try that starts at `now` may take; `None` where the deadline is here and it must not start.
    pub fn try_timeout(&self, now: Nanos, deadline: Nanos) -> Option<Nanos> {
        let left = deadline - now;
        let per_try = Nanos::from_secs(self.per_try_timeout_secs);
        (left > Nanos::ZERO).then(|| if per_try > Nanos::ZERO { per_try.min(left) } else { left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_end_counts() {
        let config = TimeoutConfig { timeout_secs: 10.0, per_try_timeout_secs: 3.0 };
        let secs = Nanos::from_secs;
        assert_eq!(config.deadline(secs(5.0), None), secs(15.0));
        assert_eq!(config.deadline(secs(5.0), Some(secs(7.0))), secs(7.0));
        assert_eq!(config.deadline(secs(5.0), Some(secs(70.0))), secs(15.0));
        assert_eq!(config.try_timeout(secs(5.0), secs(15.0)), Some(secs(3.0)));
        assert_eq!(config.try_timeout(secs(14.0), secs(15.0)), Some(secs(1.0)));
        assert_eq!(config.try_timeout(secs(15.0), secs(15.0)), None);
        assert_eq!(TimeoutConfig::default().try_timeout(secs(1.0), secs(15.0)), Some(secs(14.0)));
    }
}
