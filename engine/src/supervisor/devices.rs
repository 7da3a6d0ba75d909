//! Devices in the window: listed at start, probed when asked (or where there is something to choose).

use std::sync::Arc;

use orrery_domain::{
    Failure,
    device::{Device, DeviceKind, DeviceState},
    run::Progress,
    snapshot::{JobKind, JobOutcome, Severity},
};
use orrery_policy::device::choose_device;

use super::{Message, state::State};
use crate::{devices, store::Store};

impl State {
    /// Finds out what devices there are, in a child. Measures them where a graphics adapter was never measured: without its
    /// figure there is nothing to choose by.
    pub(super) fn list_devices(&mut self) {
        let (workspace, launcher) = (self.workspace.clone(), self.launcher.clone());
        self.work("devices", move || {
            let found =
                Store::open(&workspace).and_then(|store| devices::list(&launcher, &workspace, &store));
            Box::new(move |state| match found {
                Ok(found) => {
                    let new_adapter = found.iter().any(|device| {
                        !matches!(device.kind, DeviceKind::Cpu | DeviceKind::SoftwareRasterizer)
                            && device.state == DeviceState::Unprobed
                    });
                    state.show_devices(found);
                    if new_adapter && !state.read_only() {
                        state.probe_devices();
                    }
                }
                Err(failure) => state.say(Severity::Warning, failure.message),
            })
        });
    }

    fn show_devices(&mut self, devices: Vec<Device>) {
        self.snapshot.device_advice = Some(Arc::new(choose_device(&devices)));
        self.snapshot.devices = Arc::new(devices);
        self.touch();
    }

    /// Looks for devices and measures each in a child of its own.
    pub(super) fn probe_devices(&mut self) {
        let going_on =
            self.snapshot.jobs.iter().any(|job| job.kind == JobKind::Probe && job.outcome.is_none());
        if going_on {
            return;
        }
        let id = self.list_job(JobKind::Probe);
        let (workspace, launcher, inbox) =
            (self.workspace.clone(), self.launcher.clone(), self.inbox.clone());
        self.work("probe", move || {
            let tell = move |progress: Progress, devices: Vec<Device>| {
                let reply = Message::Apply(Box::new(move |state: &mut State| {
                    state.show_devices(devices);
                    state.job_progress(id, progress);
                }));
                if inbox.send(reply).is_err() {
                    log::debug!("the supervisor is gone");
                }
            };
            let probed = Store::open(&workspace).and_then(|mut store| {
                let mut found = devices::list(&launcher, &workspace, &store)?;
                for index in 0..found.len() {
                    let progress = Progress {
                        phase: format!("Measuring {}", found[index].name),
                        fraction: Some(index as f64 / found.len() as f64),
                        ..Progress::default()
                    };
                    tell(progress, found.clone());
                    found[index] = devices::probe(&launcher, &workspace, &mut store, &found[index])?;
                }
                Ok::<_, Failure>(found)
            });
            Box::new(move |state| match probed {
                Ok(found) => {
                    state.show_devices(found);
                    state.end_job(id, JobOutcome::Probed);
                }
                Err(failure) => state.end_job(id, JobOutcome::Failed { failure }),
            })
        });
    }
}
