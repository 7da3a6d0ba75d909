//! Adapters: what the graphics drivers of this machine offer, and how to open one of it.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use burn::tensor::{DeviceKind as BurnKind, wgpu::WgpuBackend};
use orrery_domain::{
    Failure, FailureClass,
    device::{Device, DeviceChoice, DeviceKind, DeviceState},
};

/// Graphics interfaces that are asked, best first. OpenGL is left out: it shows the same cards again, without the compute
/// features that training needs.
const APIS: [(wgpu::Backend, WgpuBackend, &str); 3] = [
    (wgpu::Backend::Vulkan, WgpuBackend::Vulkan, "vulkan"),
    (wgpu::Backend::Metal, WgpuBackend::Metal, "metal"),
    (wgpu::Backend::Dx12, WgpuBackend::Dx12, "dx12"),
];

/// Name parts of software that poses as a graphics unit.
const SOFTWARE: [&str; 6] =
    ["llvmpipe", "lavapipe", "softpipe", "swiftshader", "microsoft basic render", "warp"];

/// An adapter, and how the engine finds it again.
#[derive(Clone, Debug)]
pub(super) struct Adapter {
    /// Its record.
    pub record: Device,
    /// Interface to open it by.
    backend: WgpuBackend,
    /// Kind and number among its kind; `None` where the engine cannot address it.
    selector: Option<BurnKind>,
}

/// All adapters, in the order of [`APIS`] and then the driver's.
pub(super) fn find() -> Vec<Adapter> {
    let mut found = Vec::new();
    for (api, backend, api_name) in APIS {
        let backends = wgpu::Backends::from(api);
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let mut seen = [0_usize; 3];
        for adapter in wait(instance.enumerate_adapters(backends)) {
            let info = adapter.get_info();
            let mut next = |kind: usize| {
                seen[kind] += 1;
                seen[kind] - 1
            };
            // Each kind counts from 0 on its own, as the engine does; it knows one adapter of kind CPU only.
            let selector = match info.device_type {
                wgpu::DeviceType::DiscreteGpu => Some(BurnKind::DiscreteGpu(next(0))),
                wgpu::DeviceType::IntegratedGpu => Some(BurnKind::IntegratedGpu(next(1))),
                wgpu::DeviceType::VirtualGpu => Some(BurnKind::VirtualGpu(next(2))),
                wgpu::DeviceType::Cpu => Some(BurnKind::Cpu),
                wgpu::DeviceType::Other => None,
            };
            let record = record(found.len() as u32, &info, api_name);
            found.push(Adapter { record, backend, selector });
        }
    }
    found
}

/// The adapter of that number.
pub(super) fn nth(index: u32) -> Result<Adapter, Failure> {
    let mut found = find();
    if index as usize >= found.len() {
        return Err(super::missing(index, found.len()));
    }
    Ok(found.swap_remove(index as usize))
}

impl Adapter {
    /// Opens it.
    pub fn open(&self) -> Result<burn::tensor::Device, Failure> {
        let name = &self.record.name;
        let Some(selector) = self.selector.clone() else {
            let message =
                format!("{name} cannot be used: its driver does not say what it is. Use --device cpu.");
            return Err(Failure::new(FailureClass::Hardware, message));
        };
        let options = burn::tensor::Device::wgpu_options().device_kind(selector).graphics_api(self.backend);
        options.init().map_err(|error| {
            let message = format!(
                "{name} could not be opened: {error}. Update its driver, or use the CPU (--device cpu)."
            );
            Failure::new(FailureClass::Hardware, message)
        })
    }
}

fn record(index: u32, info: &wgpu::AdapterInfo, api: &str) -> Device {
    let driver = [info.driver.as_str(), info.driver_info.as_str()];
    Device {
        choice: DeviceChoice::Gpu(index),
        name: info.name.clone(),
        kind: kind(&info.name, info.device_type),
        api: api.to_owned(),
        driver: driver.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
        threads: None,
        state: DeviceState::Unprobed,
        probed_at: None,
    }
}

/// What an adapter is; software is recognised by its name too, since some of it calls itself a GPU.
fn kind(name: &str, reported: wgpu::DeviceType) -> DeviceKind {
    let name = name.to_lowercase();
    if reported == wgpu::DeviceType::Cpu || SOFTWARE.iter().any(|part| name.contains(part)) {
        return DeviceKind::SoftwareRasterizer;
    }
    match reported {
        wgpu::DeviceType::DiscreteGpu => DeviceKind::DiscreteGpu,
        wgpu::DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu,
        wgpu::DeviceType::VirtualGpu => DeviceKind::VirtualGpu,
        wgpu::DeviceType::Cpu | wgpu::DeviceType::Other => DeviceKind::Other,
    }
}

/// Waits for a future that native wgpu resolves at once.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_is_recognised_whatever_it_calls_itself() {
        let software = DeviceKind::SoftwareRasterizer;
        assert_eq!(kind("llvmpipe (LLVM 15.0.6, 256 bits)", wgpu::DeviceType::Cpu), software);
        assert_eq!(kind("SwiftShader Device (LLVM 10.0.0)", wgpu::DeviceType::VirtualGpu), software);
        assert_eq!(kind("Microsoft Basic Render Driver", wgpu::DeviceType::Other), software);
        assert_eq!(kind("NVIDIA GeForce RTX 4090", wgpu::DeviceType::DiscreteGpu), DeviceKind::DiscreteGpu);
    }
}
