//! Devices: the one file that names them.

use orrery_domain::{
    Failure, FailureClass,
    device::{Device, DeviceChoice},
};

/// Every device of this machine, the CPU first, adapters in the driver's order, none of them probed. May crash in a broken
/// driver: call it in a child.
pub fn list() -> Vec<Device> {
    Vec::new()
}

/// Checks one device (gradients against the CPU's) and measures it on the fixed workload. May crash: call it in a child.
///
/// # Errors
/// A client failure when there is no such device.
pub fn probe(_choice: DeviceChoice) -> Result<Device, Failure> {
    Err(Failure::new(FailureClass::Bug, "Not built: probe"))
}
