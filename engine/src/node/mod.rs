//! Node: serves model versions over the Open Inference Protocol v2.
//!
//! ```text
//! client ─HTTP─► api (keys, limits) ─► schema (tensors to columns) ─► batcher ─► model ─► schema ─► client
//!                  │                                                     ▲
//!                  └─► repository (load, swap, unload) ──────────────────┘        statistics, metrics
//! ```

mod api;
mod auth;
pub mod batcher;
mod metrics;
mod model;
mod repository;
mod schema;
mod serve;
mod statistics;

pub use serve::{Listening, NodeOptions, serve};
