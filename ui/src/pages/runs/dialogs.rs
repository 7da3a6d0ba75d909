//! Rename a run; write a note on it.

use egui::{Key, Modifiers, TextEdit, Ui};
use orrery_domain::{Command, RunId};
use serde::{Deserialize, Serialize};

use super::RunsPage;
use crate::{
    command::UiCommand,
    context::PageContext,
    run_index,
    theme::{Theme, space},
    widgets::{
        button::{Weight, text_button},
        confirm::dialog,
        input::input,
    },
};

/// Longest name of a run, characters.
const LONGEST_NAME: usize = 120;

/// A dialog that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "dialog", rename_all = "snake_case")]
pub(super) enum Dialog {
    Rename { run: RunId, text: String, fresh: bool },
    Note { run: RunId, text: String, fresh: bool },
}

/// Opens the dialog that a command asks for.
pub(super) fn invoked(page: &mut RunsPage, ctx: &mut PageContext<'_>, shown: Option<&RunId>) {
    let Some(run) = shown.and_then(|id| run_index::find(&ctx.snapshot.runs, id)).cloned() else {
        return;
    };
    if ctx.invoked(UiCommand::RenameRun) {
        page.state.dialog = Some(Dialog::Rename { run: run.id.clone(), text: run.name.clone(), fresh: true });
    }
    if ctx.invoked(UiCommand::NoteRun) {
        page.state.dialog = Some(Dialog::Note { run: run.id.clone(), text: run.note.clone(), fresh: true });
    }
}

/// What a person answered.
enum Answer {
    Save,
    Cancel,
}

/// Draws the open dialog.
pub(super) fn show(page: &mut RunsPage, ctx: &mut PageContext<'_>, ui: &Ui) {
    let Some(open) = &mut page.state.dialog else { return };
    let theme = ctx.theme;
    let (title, width) = match open {
        Dialog::Rename { .. } => ("Rename run", 400.0),
        Dialog::Note { .. } => ("Note", 520.0),
    };
    let shown = dialog(ui.ctx(), theme, title, width, |ui| match open {
        Dialog::Rename { text, fresh, .. } => rename(ui, theme, text, fresh),
        Dialog::Note { text, fresh, .. } => note(ui, theme, text, fresh),
    });
    let answer = shown.inner.or(shown.closed.then_some(Answer::Cancel));
    match answer {
        Some(Answer::Save) => {
            if let Some(command) = page.state.dialog.take().map(command) {
                ctx.send(command);
            }
        }
        Some(Answer::Cancel) => page.state.dialog = None,
        None => {}
    }
}

fn command(dialog: Dialog) -> Command {
    match dialog {
        Dialog::Rename { run, text, .. } => Command::RenameRun { run, name: text.trim().to_owned() },
        Dialog::Note { run, text, .. } => Command::NoteRun { run, note: text.trim_end().to_owned() },
    }
}

fn rename(ui: &mut Ui, theme: &Theme, text: &mut String, fresh: &mut bool) -> Option<Answer> {
    let edit = input(text).char_limit(LONGEST_NAME).desired_width(f32::INFINITY);
    let response = ui.add(edit).accessible_name("Name");
    if std::mem::take(fresh) {
        response.request_focus();
    }
    let legal = !text.trim().is_empty();
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if entered && legal {
        return Some(Answer::Save);
    }
    buttons(ui, theme, "Rename", legal)
}

fn note(ui: &mut Ui, theme: &Theme, text: &mut String, fresh: &mut bool) -> Option<Answer> {
    let edit = TextEdit::multiline(text)
        .desired_rows(6)
        .desired_width(f32::INFINITY)
        .hint_text("What was this run about?");
    let response = ui.add(edit).accessible_name("Note");
    if std::mem::take(fresh) {
        response.request_focus();
    }
    if ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::Enter)) {
        return Some(Answer::Save);
    }
    buttons(ui, theme, "Save", true)
}

fn buttons(ui: &mut Ui, theme: &Theme, save: &str, legal: bool) -> Option<Answer> {
    ui.add_space(space::M);
    ui.horizontal(|ui| {
        let saved = text_button(ui, theme, None, save, Weight::Primary, legal).clicked();
        let cancelled = text_button(ui, theme, None, "Cancel", Weight::Normal, true).clicked();
        if saved {
            Some(Answer::Save)
        } else if cancelled {
            Some(Answer::Cancel)
        } else {
            None
        }
    })
    .inner
}
