//! Traffic decisions of the gateway: pure functions and plain state; time and randomness are arguments.
//!
//! ```text
//!            rate_limit::RateLimiter      may this key ask now? what do the headers say?
//!                     │
//! request ──► pool::Pool::pick ──► endpoint ──► limits, breaker::Breaker ──► the call
//!               │ residency   never without the tags                         │
//!               │ priority    which level takes how much            ┌────────┴─────────┐
//!               └ balance     the strategy within the level       answer            failure
//!                                                                    │                  │
//!              active_health, outlier, breaker, balance's loads ◄────┴──────────────────┤
//!                                                                                       ▼
//!              burn_rate: whom to wake                           kept, retry, retry_budget, backoff, hedge, timeouts
//! ```
//!
//! Names and defaults are Envoy's where it has them. Nothing here knows a clock, a socket or a thread; whoever shares
//! state between threads puts it behind a lock, but for [`permits::Permits`] and [`limits::Limits`], which are atomic.

pub mod active_health;
pub mod backoff;
pub mod balance;
pub mod breaker;
pub mod burn_rate;
pub mod config;
pub mod endpoint;
pub mod hedge;
pub mod kept;
pub mod limits;
pub mod outlier;
pub mod permits;
pub mod pool;
pub mod priority;
pub mod random;
pub mod rate_limit;
pub mod residency;
pub mod retry;
pub mod retry_budget;
pub mod simulate;
pub mod time;
pub mod timeouts;

#[cfg(test)]
mod pool_tests;

pub use self::{
    balance::{Balancer, Choice, Strategy},
    breaker::{Breaker, BreakerConfig, BreakerState, Outcome},
    config::ConfigError,
    endpoint::{Endpoint, Load},
    limits::{Limits, LimitsConfig, Resource},
    outlier::{OutlierConfig, OutlierDetector},
    pool::{Availability, EndpointState, NoEndpoint, Pool, Request},
    priority::PriorityConfig,
    random::{Random, SplitMix64},
    rate_limit::{RateLimitPolicy, RateLimiter},
    residency::{Residency, Tag},
    retry::{RetryConfig, RetryDecision},
    time::Nanos,
};
