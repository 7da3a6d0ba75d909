//! How many retries may be under way, as a share of what is under way at all (Envoy's `retry_budget`).

use serde::{Deserialize, Serialize};

use super::config::{ConfigError, in_range};

/// Envoy's retry budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryBudgetConfig {
    /// Retries under way per requests under way or waiting, in percent, 0 to 100.
    pub budget_percent: f64,
    /// As many may always be under way, 0 to 1,000,000.
    pub min_retry_concurrency: u32,
}

impl Default for RetryBudgetConfig {
    fn default() -> Self {
        Self { budget_percent: 20.0, min_retry_concurrency: 3 }
    }
}

impl RetryBudgetConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("budget_percent", self.budget_percent, 0.0..=100.0)?;
        in_range("min_retry_concurrency", self.min_retry_concurrency, 0..=1_000_000)
    }

    /// Most retries under way while so many requests are under way and waiting.
    pub fn limit(&self, active: u32, pending: u32) -> u32 {
        let share = self.budget_percent / 100.0 * (f64::from(active) + f64::from(pending));
        (share as u32).max(self.min_retry_concurrency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_and_never_less_than_three() {
        let budget = RetryBudgetConfig::default();
        assert_eq!((budget.limit(0, 0), budget.limit(10, 5), budget.limit(19, 0)), (3, 3, 3));
        assert_eq!((budget.limit(20, 0), budget.limit(70, 30)), (4, 20));
    }
}
