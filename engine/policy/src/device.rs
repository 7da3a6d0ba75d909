//! Which device `auto` means, decided from measurements alone.

use orrery_domain::{
    device::{Device, DeviceChoice, DeviceKind, DeviceState},
    snapshot::DeviceAdvice,
    words::whole,
};

/// An adapter must be this much faster than the CPU to be chosen: below it the difference is noise.
const CLEARLY_FASTER: f64 = 1.05;

/// Chooses the fastest trusted device. Software rasterizers never win, ties go to the CPU, and an adapter that was not
/// measured or not found usable is not chosen.
pub fn choose_device(devices: &[Device]) -> DeviceAdvice {
    let cpu = devices.iter().find(|device| device.kind == DeviceKind::Cpu);
    let cpu_rate = cpu.and_then(rate);
    let adapters: Vec<&Device> = devices.iter().filter(|device| device.kind != DeviceKind::Cpu).collect();
    let best = adapters
        .iter()
        .filter(|device| device.kind != DeviceKind::SoftwareRasterizer)
        .filter_map(|device| rate(device).map(|rate| (*device, rate)))
        .max_by(|(_, a), (_, b)| a.total_cmp(b));
    match (best, cpu_rate) {
        (Some((adapter, rate)), Some(cpu_rate)) if rate > cpu_rate * CLEARLY_FASTER => DeviceAdvice {
            choice: adapter.choice,
            reason: format!(
                "{} trained {} rows/s on the fixed workload, the CPU {} rows/s.",
                adapter.name,
                whole(rate),
                whole(cpu_rate)
            ),
        },
        (Some((adapter, rate)), Some(cpu_rate)) => on_cpu(format!(
            "The CPU trained {} rows/s on the fixed workload, {} {} rows/s.",
            whole(cpu_rate),
            adapter.name,
            whole(rate)
        )),
        (Some((adapter, rate)), None) => on_cpu(format!(
            "The CPU has not been measured yet, so {} ({} rows/s) cannot be compared with it.",
            adapter.name,
            whole(rate)
        )),
        (None, _) => on_cpu(without_adapter(&adapters)),
    }
}

fn on_cpu(reason: String) -> DeviceAdvice {
    DeviceAdvice { choice: DeviceChoice::Cpu, reason }
}

/// Why no adapter can be chosen.
fn without_adapter(adapters: &[&Device]) -> String {
    let Some(first) = adapters.first() else {
        return "No graphics adapter was found, so everything runs on the CPU.".to_owned();
    };
    if let Some(unprobed) = adapters
        .iter()
        .find(|device| device.kind != DeviceKind::SoftwareRasterizer && device.state == DeviceState::Unprobed)
    {
        return format!("{} has not been measured yet, so the CPU is used.", unprobed.name);
    }
    let hardware = adapters.iter().find(|device| device.kind != DeviceKind::SoftwareRasterizer);
    match hardware.map(|device| (device, &device.state)) {
        Some((device, DeviceState::Unusable { reason })) => {
            format!("{} is not usable, so the CPU is used. {reason}", device.name)
        }
        _ => format!("{} is a software rasterizer, never faster than the CPU itself.", first.name),
    }
}

/// Measured training rows a second, where the device may be trusted.
fn rate(device: &Device) -> Option<f64> {
    match device.state {
        DeviceState::Usable { rows_per_sec, .. } if rows_per_sec.is_finite() && rows_per_sec > 0.0 => {
            Some(rows_per_sec)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(choice: DeviceChoice, kind: DeviceKind, rate: Option<f64>) -> Device {
        let state = rate.map_or(DeviceState::Unprobed, |rows_per_sec| DeviceState::Usable {
            rows_per_sec,
            gradient_error: 0.0,
        });
        Device {
            choice,
            name: format!("{kind:?}"),
            kind,
            api: String::new(),
            driver: String::new(),
            threads: None,
            state,
            probed_at: None,
        }
    }

    fn cpu(rate: Option<f64>) -> Device {
        device(DeviceChoice::Cpu, DeviceKind::Cpu, rate)
    }

    #[test]
    fn the_fastest_measured_adapter_wins_and_the_reason_holds_both_figures() {
        let devices = [
            cpu(Some(10_000.0)),
            device(DeviceChoice::Gpu(0), DeviceKind::IntegratedGpu, Some(20_000.0)),
            device(DeviceChoice::Gpu(1), DeviceKind::DiscreteGpu, Some(1_234_567.0)),
        ];
        let advice = choose_device(&devices);
        assert_eq!(advice.choice, DeviceChoice::Gpu(1));
        assert!(advice.reason.contains("1,234,567") && advice.reason.contains("10,000"), "{}", advice.reason);
    }

    #[test]
    fn ties_and_noise_go_to_the_cpu() {
        for rate in [10_000.0, 10_400.0, 9_000.0] {
            let devices =
                [cpu(Some(10_000.0)), device(DeviceChoice::Gpu(0), DeviceKind::DiscreteGpu, Some(rate))];
            assert_eq!(choose_device(&devices).choice, DeviceChoice::Cpu, "{rate}");
        }
    }

    #[test]
    fn software_never_wins_and_unmeasured_devices_are_not_trusted() {
        let software = device(DeviceChoice::Gpu(0), DeviceKind::SoftwareRasterizer, Some(1e9));
        let advice = choose_device(&[cpu(Some(1.0)), software]);
        assert_eq!(advice.choice, DeviceChoice::Cpu);
        assert!(advice.reason.contains("software rasterizer"), "{}", advice.reason);
        let unmeasured = device(DeviceChoice::Gpu(0), DeviceKind::DiscreteGpu, None);
        assert!(choose_device(&[cpu(Some(1.0)), unmeasured]).reason.contains("not been measured"));
        let alone = device(DeviceChoice::Gpu(0), DeviceKind::DiscreteGpu, Some(5.0));
        assert_eq!(choose_device(&[cpu(None), alone]).choice, DeviceChoice::Cpu);
        assert_eq!(choose_device(&[]).choice, DeviceChoice::Cpu);
    }

    #[test]
    fn an_unusable_adapter_says_why() {
        let mut broken = device(DeviceChoice::Gpu(0), DeviceKind::DiscreteGpu, None);
        broken.state = DeviceState::Unusable { reason: "Its driver crashed (SIGSEGV).".into() };
        assert!(choose_device(&[cpu(Some(1.0)), broken]).reason.contains("SIGSEGV"));
    }
}
