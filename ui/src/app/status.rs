//! The status bar: workspace, device, running jobs with their time left, the last error.

use egui::{Align, Button, Layout, Panel, Ui};
use orrery_domain::{Snapshot, device::DeviceChoice, run::RunState, snapshot::Severity};

use super::{App, close::active_jobs, shell::bar_frame};
use crate::{
    command::UiCommand,
    format,
    route::Route,
    run_index,
    theme::{State, Theme, size, space},
    widgets::icon::{self, Icon},
};

/// The device new requests begin with, as its driver names it.
pub(super) fn device_words(snapshot: &Snapshot) -> String {
    let (choice, auto) = match snapshot.default_device {
        DeviceChoice::Auto => match &snapshot.device_advice {
            Some(advice) => (advice.choice, true),
            None => (DeviceChoice::Cpu, true),
        },
        choice => (choice, false),
    };
    let name =
        snapshot.devices.iter().find(|device| device.choice == choice).map(|device| device.name.as_str());
    let name = match (name, choice) {
        (Some(name), _) => name.to_owned(),
        (None, DeviceChoice::Cpu | DeviceChoice::Auto) => "CPU".to_owned(),
        (None, DeviceChoice::Gpu(index)) => format!("GPU {index}"),
    };
    if auto { format!("{name} (auto)") } else { name }
}

/// `2 jobs 63% · 1 min 40 s left`; `None` when nothing runs.
pub(super) fn jobs_words(snapshot: &Snapshot) -> Option<String> {
    let (runs, jobs) = active_jobs(snapshot);
    let total = runs + jobs;
    if total == 0 {
        return None;
    }
    let running = run_index::active(&snapshot.runs)
        .into_iter()
        .filter(|run| matches!(run.state, RunState::Queued | RunState::Running));
    let others = snapshot.jobs.iter().filter(|job| job.outcome.is_none());
    let progress: Vec<_> = running.map(|run| &run.progress).chain(others.map(|job| &job.progress)).collect();
    let known: Vec<f64> = progress.iter().filter_map(|progress| progress.fraction).collect();
    let left = progress
        .iter()
        .filter_map(|progress| progress.secs_left)
        .fold(None, |most: Option<f64>, secs| Some(most.map_or(secs, |most| most.max(secs))));
    let mut words = format::plural(total, "job");
    if !known.is_empty() {
        words.push(' ');
        words.push_str(&format::percent(known.iter().sum::<f64>() / known.len() as f64));
    }
    if let Some(left) = left {
        words = format!("{words} · {} left", format::duration(left));
    }
    Some(words)
}

impl App {
    pub(super) fn status_bar(&mut self, ui: &mut Ui) {
        let theme = self.theme(ui.ctx());
        let frame = bar_frame(theme.surface.raised);
        Panel::bottom("status").resizable(false).exact_size(space::STATUS).frame(frame).show(ui, |ui| {
            ui.spacing_mut().interact_size.y = 20.0;
            ui.spacing_mut().button_padding = egui::vec2(6.0, 1.0);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| self.status_items(ui, &theme));
        });
    }

    fn status_items(&mut self, ui: &mut Ui, theme: &Theme) {
        let home = self.snapshot.workspace.home.display().to_string();
        let folder = self.snapshot.workspace.home.file_name();
        let name = folder.map_or_else(|| home.clone(), |name| name.to_string_lossy().into_owned());
        let path = format!("Workspace: {home}");
        if item(ui, theme, icon::FOLDER, &name, "Workspace", None).on_hover_text(path).clicked() {
            self.outbox.go(Route::Settings);
        }
        let device = device_words(&self.snapshot);
        let reason = self.snapshot.device_advice.as_ref().map(|advice| advice.reason.clone());
        let response = item(ui, theme, icon::DEVICE, &device, "Device", None);
        if response
            .on_hover_text(reason.unwrap_or_else(|| "The device new trainings begin with".to_owned()))
            .clicked()
        {
            self.outbox.go(Route::Settings);
        }
        if let Some(words) = jobs_words(&self.snapshot) {
            let response = item(ui, theme, icon::RUNNING, &words, "Running jobs", Some(State::Running));
            if response.on_hover_text("Show the runs").clicked() {
                self.outbox.run(UiCommand::GoRuns);
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let unread = self.shell.notices.unread(&self.snapshot);
            let words = if unread == 0 { String::new() } else { unread.to_string() };
            let response = item(ui, theme, icon::NOTICES, &words, "Notices", None);
            if response
                .on_hover_ui(|ui| crate::widgets::button::tooltip(ui, theme, UiCommand::ShowNotices))
                .clicked()
            {
                self.outbox.run(UiCommand::ShowNotices);
            }
            let error = self.snapshot.notices.iter().find(|notice| notice.severity == Severity::Error);
            if let Some(error) = error {
                let first = error.message.split_inclusive(['.', '\n']).next().unwrap_or(&error.message);
                let short: String = first.trim().chars().take(60).collect();
                let response = item(ui, theme, icon::FAILED, &short, "Last error", Some(State::Failed));
                if response.on_hover_text(&error.message).clicked() {
                    self.outbox.run(UiCommand::ShowNotices);
                }
            }
        });
    }
}

fn item(
    ui: &mut Ui,
    theme: &Theme,
    icon: Icon,
    words: &str,
    what: &str,
    state: Option<State>,
) -> egui::Response {
    let colour = state.map_or(theme.text.weak, |state| theme.state(state));
    let text =
        theme.number(words).size(size::LABEL).color(if state.is_some() { colour } else { theme.text.body });
    let icon = icon.text(14.0).color(colour);
    let button = if words.is_empty() { Button::new(icon) } else { Button::new((icon, text)) };
    let name = if words.is_empty() { what.to_owned() } else { format!("{what}: {words}") };
    ui.add(button.frame_when_inactive(false).gap(5.0).truncate()).accessible_name(name)
}
