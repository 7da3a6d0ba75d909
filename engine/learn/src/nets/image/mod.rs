//! Image networks: one plan of steps that parameters, computation, ONNX and the tests' slow oracle all follow.

mod augment;
mod channels;
mod forward;
mod onnx;
mod steps;

#[cfg(test)]
mod tests;

pub use augment::Augment;
pub(super) use channels::removable;
pub(super) use forward::forward;
pub(super) use onnx::write;
pub(super) use steps::{Conv, Plan, Step};

/// Multiplications that one picture costs, and values of the largest layer on its way; `None` for tables.
pub(crate) fn cost(arch: &super::Architecture) -> Option<(u64, usize)> {
    Plan::of(arch).map(|plan| (plan.multiplications(), plan.largest()))
}
