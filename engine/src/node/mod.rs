//! Node: serves model versions over the Open Inference Protocol v2.
//!
//! ```text
//! client ─HTTP─► api (keys, limits) ─► schema (tensors to columns) ─► batcher ─► model ─► schema ─► client
//!                  │                                                     ▲
//!                  └─► repository (load, swap, unload) ◄─ source         ┘        statistics, metrics
//! ```

mod api;
pub mod batcher;
mod compute;
mod metrics;
mod model;
mod onnx;
mod repository;
mod rows;
mod schema;
mod serve;
mod source;
mod statistics;
pub mod trial;
mod watch;

pub use serve::{Listening, NodeOptions, serve};
