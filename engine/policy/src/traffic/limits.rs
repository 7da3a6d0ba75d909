//! Circuit breaking, first part: how much may be under way at once (Envoy's thresholds).

use serde::{Deserialize, Serialize};

use super::{
    config::{ConfigError, in_range},
    permits::Permits,
    retry_budget::RetryBudgetConfig,
};

/// Envoy's `circuit_breakers.thresholds`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Most connections, 0 to 1,000,000.
    pub max_connections: u32,
    /// Most requests that wait for a connection, 0 to 1,000,000.
    pub max_pending_requests: u32,
    /// Most requests under way, 0 to 1,000,000.
    pub max_requests: u32,
    /// Most retries under way where there is no budget, 0 to 1,000,000.
    pub max_retries: u32,
    /// Retries by share of the requests under way; overrides `max_retries`.
    pub retry_budget: Option<RetryBudgetConfig>,
}

impl Default for LimitsConfig {
    /// Envoy's limits, with the retry budget on.
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_pending_requests: 1024,
            max_requests: 1024,
            max_retries: 3,
            retry_budget: Some(RetryBudgetConfig::default()),
        }
    }
}

impl LimitsConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("max_connections", self.max_connections, 0..=1_000_000)?;
        in_range("max_pending_requests", self.max_pending_requests, 0..=1_000_000)?;
        in_range("max_requests", self.max_requests, 0..=1_000_000)?;
        in_range("max_retries", self.max_retries, 0..=1_000_000)?;
        self.retry_budget
            .map_or(Ok(()), |budget| budget.validate().map_err(|error| error.within("retry_budget")))
    }
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A connection to an endpoint.
    Connection,
    /// A request that waits for a connection.
    Pending,
    /// A request under way.
    Request,
    /// A retry, from its decision (its pause included) to its end.
    Retry,
}

/// How much is under way. Shared by reference between threads.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    config: LimitsConfig,
    connections: Permits,
    pending: Permits,
    requests: Permits,
    retries: Permits,
}

impl Limits {
    /// Nothing is under way.
    pub fn new(config: LimitsConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Takes a permit unless its limit is reached. Every permit taken is given back by [`Self::release`].
    pub fn try_acquire(&self, resource: Resource) -> bool {
        self.permits(resource).try_acquire(self.limit(resource))
    }

    /// Gives a permit back.
    pub fn release(&self, resource: Resource) {
        self.permits(resource).release();
    }

    /// How many are under way.
    pub fn used(&self, resource: Resource) -> u32 {
        self.permits(resource).used()
    }

    /// How many may be under way now.
    pub fn limit(&self, resource: Resource) -> u32 {
        match resource {
            Resource::Connection => self.config.max_connections,
            Resource::Pending => self.config.max_pending_requests,
            Resource::Request => self.config.max_requests,
            Resource::Retry => match self.config.retry_budget {
                Some(budget) => budget.limit(self.requests.used(), self.pending.used()),
                None => self.config.max_retries,
            },
        }
    }

    fn permits(&self, resource: Resource) -> &Permits {
        match resource {
            Resource::Connection => &self.connections,
            Resource::Pending => &self.pending,
            Resource::Request => &self.requests,
            Resource::Retry => &self.retries,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_follows_the_requests_under_way() {
        let limits = Limits::new(LimitsConfig::default());
        assert_eq!(limits.limit(Resource::Retry), 3);
        for _ in 0..100 {
            assert!(limits.try_acquire(Resource::Request));
        }
        assert_eq!(limits.limit(Resource::Retry), 20);
        let granted = (0..30).filter(|_| limits.try_acquire(Resource::Retry)).count();
        assert_eq!((granted, limits.used(Resource::Retry)), (20, 20));
        for _ in 0..50 {
            assert!(limits.try_acquire(Resource::Pending));
        }
        assert_eq!(limits.limit(Resource::Retry), 30, "what waits counts, too");
        let plain = Limits::new(LimitsConfig { retry_budget: None, ..LimitsConfig::default() });
        assert_eq!(plain.limit(Resource::Retry), 3);
        assert_eq!(plain.limit(Resource::Connection), 1024);
    }

    #[test]
    fn nested_fields_are_named_with_their_path() {
        let budget = RetryBudgetConfig { budget_percent: 101.0, ..RetryBudgetConfig::default() };
        let config = LimitsConfig { retry_budget: Some(budget), ..LimitsConfig::default() };
        assert_eq!(config.validate().unwrap_err().field, "retry_budget.budget_percent");
    }
}
