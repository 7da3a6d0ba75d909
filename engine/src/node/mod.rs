//! Node: serves model versions over the Open Inference Protocol v2.

pub mod auth;
pub mod batcher;
pub mod metrics;
pub mod model;
pub mod repository;
pub mod statistics;
