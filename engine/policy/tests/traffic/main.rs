//! Goals of the traffic decisions against slow, independent oracles and virtual clocks.
//!
//! Each goal runs in a few seconds at a scaled size. Full size, with the figures shown:
//! `cargo test --release -p orrery-policy -- --ignored --show-output`

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod breaker_model;
mod configs;
mod consistent;
mod outliers;
mod priorities;
mod probes;
mod rates;
mod shares;
mod slow_host;
mod storm;
