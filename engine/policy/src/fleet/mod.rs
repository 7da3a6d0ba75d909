//! Fleet decisions: whether an endpoint is well when several look at it, and whether a rollout may be asked for.

pub mod plan;
pub mod quorum;
