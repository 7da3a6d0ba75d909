//! Devices: the one place that names them, finds them, opens them and checks them.

#[cfg_attr(not(feature = "gpu"), path = "no_adapters.rs")]
mod adapters;

use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use orrery_domain::{
    Failure, FailureClass,
    device::{Device, DeviceChoice, DeviceKind, DeviceState},
};
use sysinfo::{CpuRefreshKind, RefreshKind, System};

use crate::nets::trial::{GradientError, Trial};

/// Largest relative gradient difference from the CPU's that a device may show.
const GRADIENT_LIMIT: f64 = 2e-3;
/// Seconds that a device is measured for.
const MEASURE_SECS: f64 = 1.0;

/// Every device of this machine, the CPU first, adapters in the driver's order, none of them probed. May crash in a broken
/// driver: call it in a child.
pub fn list() -> Vec<Device> {
    let mut devices = vec![cpu_record()];
    devices.extend(adapters::find().into_iter().map(|adapter| adapter.record));
    devices
}

/// Checks one device (gradients against the CPU's) and measures it on the fixed workload. May crash: call it in a child.
/// A device that fails the check is returned as unusable, with the reason.
///
/// # Errors
/// A hardware failure when there is no such device.
pub fn probe(choice: DeviceChoice) -> Result<Device, Failure> {
    let choice = if choice == DeviceChoice::Auto { DeviceChoice::Cpu } else { choice };
    let mut record = match choice {
        DeviceChoice::Gpu(index) => adapters::nth(index)?.record,
        DeviceChoice::Auto | DeviceChoice::Cpu => cpu_record(),
    };
    record.state = check(choice).unwrap_or_else(|failure| DeviceState::Unusable { reason: failure.message });
    record.probed_at = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|passed| passed.as_secs_f64());
    Ok(record)
}

fn check(choice: DeviceChoice) -> Result<DeviceState, Failure> {
    let device = open(choice)?;
    let GradientError { relative: gradient_error, tensor } = Trial::gradient_error(&device, &cpu())?;
    if gradient_error.is_nan() || gradient_error > GRADIENT_LIMIT {
        let reason = format!(
            "Its gradients differ from the CPU's by {gradient_error:.1e} of the largest, more than {GRADIENT_LIMIT:.0e} ({tensor}): training on it would go wrong. Update its driver, or use the CPU."
        );
        return Ok(DeviceState::Unusable { reason });
    }
    Ok(DeviceState::Usable {
        rows_per_sec: Trial::new().rows_per_sec(&device, MEASURE_SECS)?,
        gradient_error,
    })
}

/// The processor as a device. Batches are split among threads as wholes (`nets::backprop`, `nets::score`), so that no matrix
/// product is split once more: threads that share each of them mostly wait for each other.
pub(crate) fn cpu() -> burn::tensor::Device {
    gemm::set_threading_threshold(usize::MAX);
    burn::tensor::Device::flex()
}

/// Opens a device, or returns the one that is open: a process opens each at most once. `Auto`, which a policy has normally
/// resolved before, is the CPU.
///
/// # Errors
/// A hardware failure when there is no such device or it cannot be opened.
pub(crate) fn open(choice: DeviceChoice) -> Result<burn::tensor::Device, Failure> {
    static OPEN: OnceLock<Mutex<HashMap<u32, burn::tensor::Device>>> = OnceLock::new();
    let DeviceChoice::Gpu(index) = choice else { return Ok(cpu()) };
    let mut open = OPEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(device) = open.get(&index) {
        return Ok(device.clone());
    }
    let device = adapters::nth(index)?.open()?;
    open.insert(index, device.clone());
    Ok(device)
}

/// The name of a device as its driver gives it; the choice itself where it cannot be told.
pub fn name(choice: DeviceChoice) -> String {
    match choice {
        DeviceChoice::Gpu(index) => {
            adapters::nth(index).map_or_else(|_| choice.to_string(), |adapter| adapter.record.name)
        }
        DeviceChoice::Auto | DeviceChoice::Cpu => cpu_record().name,
    }
}

/// Threads that computing on the CPU uses.
pub fn threads() -> u32 {
    u32::try_from(rayon::current_num_threads()).unwrap_or(u32::MAX)
}

fn cpu_record() -> Device {
    let what = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(what);
    let brand = system.ok().and_then(|system| Some(system.cpus().first()?.brand().trim().to_owned()));
    let brand = brand.unwrap_or_default();
    Device {
        choice: DeviceChoice::Cpu,
        name: if brand.is_empty() { format!("{} CPU", std::env::consts::ARCH) } else { brand },
        kind: DeviceKind::Cpu,
        api: String::new(),
        driver: String::new(),
        threads: Some(threads()),
        state: DeviceState::Unprobed,
        probed_at: None,
    }
}

/// The failure of a device that is not there (any more).
fn missing(index: u32, found: usize) -> Failure {
    let message = match found {
        0 => format!("There is no device gpu:{index}: no graphics adapter was found. Use --device cpu."),
        _ => format!(
            "There is no device gpu:{index}: adapters 0 to {} were found. See `orrery devices`.",
            found - 1
        ),
    };
    Failure::new(FailureClass::Hardware, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "fault-injection")]
    #[test]
    fn a_wrong_gradient_makes_a_device_unusable() {
        let state = crate::faults::planned("wrong-gradient", || probe(DeviceChoice::Cpu));
        let DeviceState::Unusable { reason } = state.expect("the CPU is there").state else {
            panic!("a tenth of a gradient must show")
        };
        assert!(reason.contains("gradients differ"), "{reason}");
    }

    #[test]
    fn the_cpu_is_listed_with_its_name_and_passes_its_own_check() {
        let device = cpu_record();
        assert!(!device.name.is_empty() && device.threads.is_some_and(|threads| threads > 0));
        assert!(Trial::gradient_error(&cpu(), &cpu()).expect("the CPU computes").relative < 1e-12);
        assert!(Trial::new().rows_per_sec(&cpu(), 0.05).expect("the CPU computes") > 100.0);
    }
}
