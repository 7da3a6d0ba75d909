//! Before each drawing: take the snapshot, answers, files and keys; execute wishes; keep the state.

use egui::{Context, Key, KeyboardShortcut, Modifiers};
use orrery_domain::{Command, fleet::FleetCommand};

use super::{App, pick};
use crate::command::UiCommand;

impl App {
    /// Takes what happened since the last frame and executes what was wished for.
    pub fn logic(&mut self, ctx: &Context) {
        self.snapshot = self.engine.snapshot();
        self.shell.notices.take(&self.snapshot, ctx.input(|input| input.time));
        self.take_drops(ctx);
        self.take_answers();
        self.take_keys(ctx);
        self.take_close_request(ctx);
        self.execute_wishes(ctx);
        self.watch_fleet();
        self.apply_preferences(ctx);
        self.keep_state(ctx);
    }

    /// Has the fleet polled while a page of it is open, here or in a window of its own.
    fn watch_fleet(&mut self) {
        let torn = self.torn.pages.iter().any(|page| page.is_of_fleet());
        let open = torn || self.route.page().is_of_fleet();
        if open != self.shell.fleet_watched {
            self.shell.fleet_watched = open;
            self.engine.send(Command::Fleet(FleetCommand::Watch { open }));
        }
    }

    fn take_answers(&mut self) {
        while let Ok(answer) = self.wake.answers.try_recv() {
            self.take_pick(answer);
        }
    }

    pub(super) fn take_pick(&mut self, answer: pick::Answer) {
        match answer {
            pick::Answer::Path(path, then) => match then {
                crate::context::PickThen::Page(key) => {
                    self.picked.insert(key, path);
                }
                crate::context::PickThen::Command(make) => self.engine.send(make(path)),
            },
            pick::Answer::Cancelled => {}
            pick::Answer::Unavailable(request) => self.picks.ask_in_window(request),
        }
    }

    /// Shortcuts, the most specific first: egui lets a plain shortcut match with Shift held too.
    pub(super) fn take_keys(&mut self, ctx: &Context) {
        if self.shell.has_dialog() || self.picks.is_asking() {
            return;
        }
        let mut shortcuts: Vec<(KeyboardShortcut, UiCommand)> =
            UiCommand::ALL.into_iter().filter_map(|command| Some((command.shortcut()?, command))).collect();
        // The key of "+" without Shift on most keyboards.
        shortcuts.push((KeyboardShortcut::new(Modifiers::COMMAND, Key::Equals), UiCommand::Larger));
        shortcuts.sort_by_key(|(shortcut, _)| !shortcut.modifiers.shift);
        let pressed = shortcuts
            .into_iter()
            .find(|(shortcut, _)| ctx.input_mut(|input| input.consume_shortcut(shortcut)));
        if let Some((_, command)) = pressed {
            self.outbox.run(command);
        }
    }

    fn take_drops(&mut self, ctx: &Context) {
        let dropped = ctx.input(|input| input.raw.dropped_files.clone());
        if self.snapshot.workspace.read_only {
            return;
        }
        for file in dropped {
            let options = orrery_domain::dataset::ImportOptions::default();
            self.engine.send(Command::ImportFile { file: file.path().to_path_buf(), options });
        }
    }

    fn apply_preferences(&self, ctx: &Context) {
        use crate::context::ThemeChoice;
        let preference = match self.facts.theme {
            ThemeChoice::System => egui::ThemePreference::System,
            ThemeChoice::Dark => egui::ThemePreference::Dark,
            ThemeChoice::Light => egui::ThemePreference::Light,
        };
        if ctx.options(|options| options.theme_preference) != preference {
            ctx.set_theme(preference);
        }
        if (ctx.zoom_factor() - self.facts.scale).abs() > 1e-3 {
            ctx.set_zoom_factor(self.facts.scale);
        }
    }
}
