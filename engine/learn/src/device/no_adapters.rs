//! Adapters of a build without graphics cards: none.

use orrery_domain::{Failure, device::Device};

/// An adapter: there is none.
#[derive(Clone, Debug)]
pub(super) struct Adapter {
    /// Its record.
    pub record: Device,
}

/// None.
pub(super) fn find() -> Vec<Adapter> {
    Vec::new()
}

/// No adapter of that number.
pub(super) fn nth(index: u32) -> Result<Adapter, Failure> {
    Err(super::missing(index, 0))
}

impl Adapter {
    /// Never asked: there is none.
    pub fn open(&self) -> Result<burn::tensor::Device, Failure> {
        Err(super::missing(0, 0))
    }
}
