//! Node: serves model versions over the Open Inference Protocol v2.

pub mod batcher;
pub mod model;
pub mod repository;
pub mod statistics;
