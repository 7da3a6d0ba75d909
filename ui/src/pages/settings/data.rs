//! What page Settings shows, as plain data.

use orrery_domain::{
    Snapshot,
    device::{Device, DeviceChoice, DeviceState},
    snapshot::JobKind,
};
use serde::Serialize;

use crate::{
    command::{Group, UiCommand},
    format,
    theme::State,
};

/// The page's view model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingsView {
    /// Devices that can be chosen, `auto` first.
    pub choices: Vec<Choice>,
    /// Devices of this machine.
    pub devices: Vec<DeviceLine>,
    /// Devices are being looked for and measured now.
    pub probing: bool,
    /// The workspace's folder.
    pub home: String,
    /// Its size.
    pub disk: String,
    /// What is left on its disk.
    pub free: String,
}

/// A device that can be chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// Which.
    pub device: DeviceChoice,
    /// Its name.
    pub name: String,
    /// What is known about it.
    pub detail: String,
    /// Whether it is the default now.
    pub chosen: bool,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceLine {
    /// As the driver names it.
    pub name: String,
    /// What it is, and through what it is reached.
    pub about: String,
    /// State, for its icon and colour.
    #[serde(skip)]
    pub state: State,
    /// The word for the state.
    pub word: &'static str,
    /// The measured figure, or why there is none.
    pub figure: String,
    /// When it was measured.
    pub age: String,
}

/// The view model of a snapshot.
pub fn of(snapshot: &Snapshot) -> SettingsView {
    let workspace = &snapshot.workspace;
    let size = |bytes: Option<u64>| bytes.map_or_else(|| format::NONE.to_owned(), format::bytes);
    SettingsView {
        choices: choices(snapshot),
        devices: snapshot.devices.iter().map(|device| line(snapshot, device)).collect(),
        probing: snapshot.jobs.iter().any(|job| job.outcome.is_none() && job.kind == JobKind::Probe),
        home: workspace.home.display().to_string(),
        disk: size(workspace.disk_bytes),
        free: size(workspace.free_bytes),
    }
}

fn choices(snapshot: &Snapshot) -> Vec<Choice> {
    let reason = match &snapshot.device_advice {
        Some(advice) => advice.reason.clone(),
        None => "The fastest device that passed its check; devices are not measured yet.".to_owned(),
    };
    let auto = Choice {
        device: DeviceChoice::Auto,
        name: "Automatic".to_owned(),
        detail: reason,
        chosen: snapshot.default_device == DeviceChoice::Auto,
    };
    let usable = snapshot.devices.iter().filter(|device| {
        matches!(device.state, DeviceState::Usable { .. }) || device.choice == DeviceChoice::Cpu
    });
    let devices = usable.map(|device| Choice {
        device: device.choice,
        name: device.name.clone(),
        detail: device.kind.title().to_owned(),
        chosen: snapshot.default_device == device.choice,
    });
    std::iter::once(auto).chain(devices).collect()
}

fn line(snapshot: &Snapshot, device: &Device) -> DeviceLine {
    let mut about = vec![device.kind.title().to_owned()];
    about.extend(device.threads.map(|threads| format::plural(threads.into(), "thread")));
    about.extend([&device.api, &device.driver].into_iter().filter(|text| !text.is_empty()).cloned());
    let (state, word, figure) = match &device.state {
        DeviceState::Unprobed => {
            (State::Unknown, "Not measured", "Measure to know whether it can be used".to_owned())
        }
        DeviceState::Usable { rows_per_sec, gradient_error } => {
            let error = match device.choice {
                DeviceChoice::Cpu => String::new(),
                _ => format!(" · gradients within {gradient_error:.1e} of the CPU's"),
            };
            (State::Ok, "Usable", format!("{} rows/s measured{error}", format::count_short(*rows_per_sec)))
        }
        DeviceState::Unusable { reason } => (State::Failed, "Not usable", reason.clone()),
    };
    let age = device.probed_at.map(|at| format::ago(snapshot.now, at)).unwrap_or_default();
    DeviceLine { name: device.name.clone(), about: about.join(" · "), state, word, figure, age }
}

/// Every command with a key, by group.
pub fn shortcuts() -> Vec<(Group, Vec<UiCommand>)> {
    let groups = [Group::Go, Group::Data, Group::Runs, Group::Models, Group::Serve, Group::Window];
    let of = |group: Group| {
        UiCommand::ALL
            .into_iter()
            .filter(|command| command.group() == group && command.shortcut().is_some())
            .collect()
    };
    groups.into_iter().map(|group| (group, of(group))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shortcut_is_listed() {
        let listed: usize = shortcuts().iter().map(|(_, commands)| commands.len()).sum();
        let there = UiCommand::ALL.into_iter().filter(|command| command.shortcut().is_some()).count();
        assert_eq!(listed, there);
    }
}
