//! `orrery devices`: what can compute here, and a measured figure for each.

use clap::Args;
use orrery_domain::device::{Device, DeviceState};
use orrery_engine::devices;
use orrery_engine::policy::device::choose_device;

use super::{
    Context, Outcome,
    output::{self, Align},
};

#[derive(Debug, Args)]
pub struct DevicesArguments {
    /// Measure every device again
    #[arg(long)]
    probe: bool,
}

pub fn run(context: &Context, arguments: &DevicesArguments) -> Outcome {
    let mut store = context.store()?;
    let mut found = devices::list(&context.launcher, &context.workspace, &store)?;
    for device in &mut found {
        if arguments.probe || device.state == DeviceState::Unprobed {
            output::note(&format!("Measuring {}…", device.name));
            *device = devices::probe(&context.launcher, &context.workspace, &mut store, device)?;
        }
    }
    let advice = choose_device(&found);
    if context.json {
        return output::json(&serde_json::json!({ "devices": found, "advice": advice }));
    }
    let head = [
        ("Device", Align::Left),
        ("Name", Align::Left),
        ("Kind", Align::Left),
        ("Interface", Align::Left),
        ("Rows/s", Align::Right),
        ("Gradient error", Align::Right),
        ("State", Align::Left),
    ];
    output::table(&head, &found.iter().map(row).collect::<Vec<_>>());
    output::line(&format!("auto means {}: {}", advice.choice, advice.reason));
    Ok(())
}

fn row(device: &Device) -> Vec<String> {
    let (rate, error, state) = match &device.state {
        DeviceState::Unprobed => (String::new(), String::new(), "not measured".to_owned()),
        DeviceState::Usable { rows_per_sec, gradient_error } => (
            output::count(rows_per_sec.max(0.0) as u64),
            format!("{gradient_error:.1e}"),
            "usable".to_owned(),
        ),
        DeviceState::Unusable { reason } => (String::new(), String::new(), format!("not usable: {reason}")),
    };
    let api = match device.threads {
        Some(threads) if device.api.is_empty() => format!("{threads} threads"),
        _ => format!("{} {}", device.api, device.driver).trim().to_owned(),
    };
    vec![
        device.choice.to_string(),
        device.name.clone(),
        device.kind.title().to_owned(),
        api,
        rate,
        error,
        state,
    ]
}
