//! Devices: listed and probed in children, remembered by driver, chosen by policy.

use std::sync::atomic::AtomicBool;

use orrery_domain::{
    Failure, FailureClass,
    device::{Device, DeviceChoice, DeviceKind, DeviceState},
    job::{JobEvent, JobSpec},
    training::TrainConfig,
};
use orrery_policy::device::choose_device;

use crate::{
    jobs::{Launcher, now, spawn},
    store::Store,
    workspace::Workspace,
};

/// A probe is short: nobody cancels it.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Every device, the CPU first, with what earlier probes found. A driver that crashes while it is asked leaves the CPU.
///
/// # Errors
/// When no child can be started or the store cannot be read.
pub fn list(launcher: &Launcher, workspace: &Workspace, store: &Store) -> Result<Vec<Device>, Failure> {
    let spec = JobSpec::ListDevices { home: workspace.home().to_path_buf() };
    let mut devices = match spawn::complete(launcher, workspace, &spec, &NEVER, |_| {}) {
        Ok(JobEvent::Devices { devices }) => devices,
        Ok(_) => Vec::new(),
        Err(failure) if failure.class == FailureClass::Hardware => {
            vec![cpu(), broken_driver(failure.message)]
        }
        Err(failure) => return Err(failure),
    };
    store.recall_devices(&mut devices)?;
    Ok(devices)
}

/// The CPU as it is known without asking anything.
fn cpu() -> Device {
    Device {
        choice: DeviceChoice::Cpu,
        name: "CPU".to_owned(),
        kind: DeviceKind::Cpu,
        api: String::new(),
        driver: String::new(),
        threads: std::thread::available_parallelism().ok().map(|threads| threads.get() as u32),
        state: DeviceState::Unprobed,
        probed_at: None,
    }
}

/// What stands for the adapters of a driver that crashes when it is asked for them.
fn broken_driver(reason: String) -> Device {
    Device {
        choice: DeviceChoice::Gpu(0),
        name: "Graphics driver".to_owned(),
        kind: DeviceKind::Other,
        api: String::new(),
        driver: String::new(),
        threads: None,
        state: DeviceState::Unusable { reason },
        probed_at: Some(now()),
    }
}

/// Probes one device in a child and remembers what came of it. A crash is an answer: not usable, and why.
///
/// # Errors
/// When no child can be started or the store cannot be written.
pub fn probe(
    launcher: &Launcher,
    workspace: &Workspace,
    store: &mut Store,
    device: &Device,
) -> Result<Device, Failure> {
    let spec = JobSpec::ProbeDevice { device: device.choice };
    let mut probed = match spawn::complete(launcher, workspace, &spec, &NEVER, |_| {}) {
        Ok(JobEvent::Probed { device }) => device,
        Ok(_) => device.clone(),
        Err(failure) => Device { state: DeviceState::Unusable { reason: failure.message }, ..device.clone() },
    };
    // What the list says names the device; the probe only says how it is.
    probed = Device { state: probed.state, probed_at: Some(now()), ..device.clone() };
    store.put_device(&probed)?;
    Ok(probed)
}

/// The device a run computes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Device.
    pub device: DeviceChoice,
    /// Why it is this one, where the choice was `auto`.
    pub reason: Option<String>,
    /// What is to be said where the CPU stands in for the device that was asked for.
    pub warning: Option<String>,
}

/// What a request's device means now. A graphics adapter that was never probed is probed first. Where the request allows it,
/// the CPU stands in for one that is missing or not usable.
///
/// # Errors
/// A hardware failure for such an adapter where the request does not allow that; otherwise when no child can be started or the
/// store cannot be read.
pub fn choose(
    launcher: &Launcher,
    workspace: &Workspace,
    store: &mut Store,
    config: &TrainConfig,
) -> Result<Chosen, Failure> {
    match resolve(launcher, workspace, store, config.device) {
        Ok((device, reason)) => Ok(Chosen { device, reason, warning: None }),
        Err(failure) if failure.class == FailureClass::Hardware && config.cpu_fallback => Ok(Chosen {
            device: DeviceChoice::Cpu,
            reason: None,
            warning: Some(format!("{} The run computes with the CPU instead.", failure.message)),
        }),
        Err(failure) => Err(failure),
    }
}

/// What a choice means now: the device to use, and why where it was `auto`. A graphics adapter that was never probed is probed
/// first; one that cannot be trusted is refused.
///
/// # Errors
/// A hardware failure for a device that is not there or not usable.
fn resolve(
    launcher: &Launcher,
    workspace: &Workspace,
    store: &mut Store,
    choice: DeviceChoice,
) -> Result<(DeviceChoice, Option<String>), Failure> {
    match choice {
        DeviceChoice::Cpu => Ok((DeviceChoice::Cpu, None)),
        DeviceChoice::Auto if !store.measured_adapter()? => {
            let reason = "No graphics adapter has been measured here; `orrery devices` measures them.";
            Ok((DeviceChoice::Cpu, Some(reason.to_owned())))
        }
        DeviceChoice::Auto => {
            let advice = choose_device(&list(launcher, workspace, store)?);
            Ok((advice.choice, Some(advice.reason)))
        }
        DeviceChoice::Gpu(_) => {
            let devices = list(launcher, workspace, store)?;
            let found = devices.iter().find(|device| device.choice == choice).ok_or_else(|| {
                Failure::new(
                    FailureClass::Hardware,
                    format!("There is no device '{choice}' here. `orrery devices` shows what there is."),
                )
            })?;
            let device = match found.state {
                DeviceState::Unprobed => probe(launcher, workspace, store, found)?,
                _ => found.clone(),
            };
            match device.state {
                DeviceState::Unusable { reason } => Err(Failure::new(
                    FailureClass::Hardware,
                    format!("{} is not usable. {reason} Use --device cpu.", device.name),
                )),
                _ => Ok((choice, None)),
            }
        }
    }
}
