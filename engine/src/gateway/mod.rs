//! Gateway: takes `/v2` requests for servers in several regions, and decides by `orrery_policy::traffic` who answers.
//!
//! ```text
//! client ─HTTP─► proxy (keys, rate limits, canary) ─► tries (retries) ─► race (hedges) ─► attempt ─► upstream ─► server
//!                                                                          │              (kept connections)
//! admin API ─► config file, audit ─► live (pick, breaker, limits) ◄────────┴─ health (active checks), outliers, cuts
//! content, streamed: bodies over 1 MiB are passed on as they come; account: what is counted of a request in the end
//! canary, slo, alerts: driven by a clock here, so that they go on with every window closed
//! ```

mod account;
mod admin;
mod alerts;
mod attempt;
pub(crate) mod audit;
mod canary;
pub mod config;
mod connection;
mod content;
mod drift;
mod error;
mod forward;
mod health;
mod live;
mod metrics;
mod patient;
mod proxy;
mod race;
pub mod record;
mod rolling;
mod serve;
mod slo;
mod sound;
mod status;
mod streamed;
mod tries;
mod upstream;

pub use config::GatewayConfig;
pub use serve::{GatewayOptions, serve};
