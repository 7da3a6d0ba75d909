//! Goals of the fleet's decisions, against simulations on a virtual clock.
//!
//! Each goal runs in a few seconds at a scaled size. Full size, with the figures shown:
//! `cargo test --release -p orrery-policy -- --ignored --show-output`

mod canaries;
mod error_guard;
