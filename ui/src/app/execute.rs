//! One match executes every wish and every command of the window.

use egui::{Context, ViewportCommand, ViewportId};
use orrery_domain::Command;

use super::App;
use crate::{
    command::{CommandContext, UiCommand},
    context::{PickRequest, Preference, ThemeChoice, Wish},
    route::Route,
};

/// Smallest and largest scale of the interface, and the step between.
pub const SCALES: (f32, f32, f32) = (0.7, 2.0, 0.1);

impl App {
    /// Executes the wishes of the last frame.
    pub(super) fn execute_wishes(&mut self, ctx: &Context) {
        for wish in std::mem::take(&mut self.outbox.wishes) {
            match wish {
                Wish::Send(command) => self.engine.send(command),
                Wish::Go(route) => {
                    if let Some(window) = self.window_of(&route) {
                        ctx.send_viewport_cmd_to(window, ViewportCommand::Focus);
                    }
                    self.go(route);
                }
                Wish::Run(command) => self.execute(ctx, command),
                Wish::Pick(request) => self.pick(ctx, request),
                Wish::Set(preference) => self.set(preference),
                Wish::Toast(severity, message) => {
                    self.shell.notices.toast(severity, message, ctx.input(|input| input.time));
                }
            }
        }
    }

    fn set(&mut self, preference: Preference) {
        match preference {
            Preference::Theme(theme) => self.facts.theme = theme,
            Preference::Scale(scale) => {
                let (least, most, _) = SCALES;
                self.facts.scale = (scale.clamp(least, most) * 100.0).round() / 100.0;
            }
            Preference::OwnFileDialog(own) => self.facts.own_file_dialog = own,
        }
    }

    /// Executes a command of the window, or says why it cannot be done.
    pub(super) fn execute(&mut self, ctx: &Context, command: UiCommand) {
        let at = CommandContext { snapshot: &self.snapshot, route: &self.route };
        if let Err(reason) = command.enabled(at) {
            let now = ctx.input(|input| input.time);
            self.shell.notices.toast(orrery_domain::snapshot::Severity::Info, reason.to_owned(), now);
            return;
        }
        if let Some(page) = command.page() {
            if let Some(window) = self.window_of(&page.route()) {
                ctx.send_viewport_cmd_to(window, ViewportCommand::Focus);
            }
            return self.go(page.route());
        }
        if command.is_for_page() {
            if let Some(home) = command.home().filter(|home| *home != self.route.page()) {
                self.go(home.route());
            }
            self.invoked = Some(command);
            return;
        }
        let dataset = at.dataset().map(|entry| entry.dataset.id.clone());
        let run = at.run().map(|run| (run.id.clone(), run.model.clone()));
        let model = at.model().map(|entry| entry.model.clone());
        let send = match command {
            UiCommand::OpenSample => Some(Command::OpenSample),
            UiCommand::DeleteDataset => dataset.map(|dataset| Command::DeleteDataset { dataset }),
            UiCommand::PauseRun => run.map(|(run, _)| Command::PauseRun { run }),
            UiCommand::ResumeRun => run.map(|(run, _)| Command::ResumeRun { run }),
            UiCommand::CancelRun => run.map(|(run, _)| Command::CancelRun { run }),
            UiCommand::DeleteRun => run.map(|(run, _)| Command::DeleteRun { run }),
            UiCommand::DeleteModel => model.map(|model| Command::DeleteModel { model }),
            UiCommand::RestoreModel => model.map(|model| Command::RestoreModel { model }),
            UiCommand::MeasureDevices => Some(Command::ProbeDevices),
            UiCommand::TrainOnDataset => {
                self.go(Route::Train { dataset });
                None
            }
            UiCommand::ShowModelOfRun => {
                self.go(Route::Models { model: run.and_then(|(_, model)| model) });
                None
            }
            UiCommand::ExportModel => {
                if let Some(model) = model {
                    self.pick(ctx, export(model));
                }
                None
            }
            _ => {
                self.execute_on_window(ctx, command);
                None
            }
        };
        if let Some(send) = send {
            self.engine.send(send);
        }
    }

    fn execute_on_window(&mut self, ctx: &Context, command: UiCommand) {
        let (_, _, step) = SCALES;
        match command {
            UiCommand::OpenFile => self.pick(ctx, PickRequest::import()),
            UiCommand::ImportFolder => self.pick(ctx, PickRequest::import_folder()),
            UiCommand::OpenPalette => {
                self.show_main(ctx);
                self.shell.palette.open();
            }
            UiCommand::ShowNotices => {
                self.show_main(ctx);
                self.shell.notices.open = !self.shell.notices.open;
            }
            UiCommand::ToggleRail => {
                self.show_main(ctx);
                self.shell.rail_folded = !self.shell.rail_folded;
            }
            UiCommand::ToggleTheme => {
                let dark = ctx.theme() == egui::Theme::Dark;
                self.facts.theme = if dark { ThemeChoice::Light } else { ThemeChoice::Dark };
            }
            UiCommand::TearOff => self.tear_off(ctx),
            UiCommand::Larger => self.set(Preference::Scale(self.facts.scale + step)),
            UiCommand::Smaller => self.set(Preference::Scale(self.facts.scale - step)),
            UiCommand::NormalSize => self.set(Preference::Scale(1.0)),
            UiCommand::Quit => {
                // Of the whole program, whichever window the keys were pressed in; it may have a question to ask.
                self.show_main(ctx);
                ctx.send_viewport_cmd_to(ViewportId::ROOT, ViewportCommand::Close);
            }
            other => log::warn!("the command {other:?} has nobody to execute it"),
        }
    }
}

fn export(model: orrery_domain::ModelRef) -> PickRequest {
    PickRequest {
        title: format!("Export {model} into a folder"),
        mode: crate::context::PickMode::Folder,
        file_name: String::new(),
        filters: Vec::new(),
        then: crate::context::PickThen::Command(Box::new(move |to| Command::ExportModel { model, to })),
    }
}
