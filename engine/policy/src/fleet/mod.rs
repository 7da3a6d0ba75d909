//! Fleet decisions: whether an endpoint is well when several look at it, which rollouts may be asked for, and how a canary goes on.

pub mod canary;
pub mod error_guard;
pub mod exact;
pub mod plan;
pub mod quorum;
