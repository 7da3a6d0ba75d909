//! The devices of the fixture's machine.

use orrery_domain::device::{Device, DeviceChoice, DeviceKind, DeviceState};

use super::{HOUR, NOW};

/// The CPU first.
pub fn all() -> Vec<Device> {
    vec![
        Device {
            choice: DeviceChoice::Cpu,
            name: "AMD EPYC 9B45".to_owned(),
            kind: DeviceKind::Cpu,
            api: String::new(),
            driver: String::new(),
            threads: Some(2),
            state: DeviceState::Usable { rows_per_sec: 118_400.0, gradient_error: 0.0 },
            probed_at: Some(NOW - 2.0 * HOUR),
        },
        Device {
            choice: DeviceChoice::Gpu(0),
            name: "llvmpipe (LLVM 15.0.6, 256 bits)".to_owned(),
            kind: DeviceKind::SoftwareRasterizer,
            api: "vulkan".to_owned(),
            driver: "llvmpipe Mesa 22.3.6".to_owned(),
            threads: None,
            state: DeviceState::Unusable {
                reason: "Its gradients could not be checked: the process ended by signal 11 while the first kernel was compiled.".to_owned(),
            },
            probed_at: Some(NOW - 2.0 * HOUR),
        },
    ]
}
