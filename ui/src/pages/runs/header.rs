//! The run selected: where it stands, how fast it goes, what can be done about it.

use egui::{Align, Layout, Ui};
use orrery_domain::run::RunState;

use super::{
    RunsPage,
    data::{Fact, RunView},
    result,
};
use crate::{
    command::UiCommand,
    context::PageContext,
    theme::{Theme, size, space},
    widgets::{
        badge,
        button::{Weight, command_button, command_icon_button, text_button},
        error_card::error_card,
        icon, progress,
    },
};

/// Width of the progress bar at most, points.
const BAR: f32 = 420.0;

pub(super) fn show(ctx: &mut PageContext<'_>, ui: &mut Ui, view: &RunView) {
    title(ctx, ui, view);
    let theme = ctx.theme;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::XS;
        let device = view.device.clone().unwrap_or_else(|| "device not chosen yet".to_owned());
        ui.label(theme.weak(format!("{} · {} · {device}", view.subject, view.model_kind)));
    });
    if !view.note.is_empty() {
        ui.horizontal(|ui| {
            ui.label(icon::NOTE.small().color(theme.text.weak));
            ui.add(egui::Label::new(theme.body(view.note.as_str())).wrap());
        });
    }
    if !view.state.is_final() {
        ui.add_space(space::XS);
        advance(theme, ui, view);
    }
    facts(theme, ui, &view.facts);
    if let Some(failure) = &view.failure {
        ui.add_space(space::S);
        error_card(ctx, ui, failure);
        next(ctx, ui, view);
    }
    if let Some(found) = &view.result {
        ui.add_space(space::S);
        result::show(ctx, ui, found);
    }
}

fn title(ctx: &mut PageContext<'_>, ui: &mut Ui, view: &RunView) {
    ui.horizontal(|ui| {
        ui.label(ctx.theme.heading(view.name.as_str()));
        badge::run_badge(ui, ctx.theme, view.state);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            command_icon_button(ctx, ui, UiCommand::DeleteRun);
            command_icon_button(ctx, ui, UiCommand::NoteRun);
            command_icon_button(ctx, ui, UiCommand::RenameRun);
            ui.add_space(space::S);
            if !view.state.is_final() {
                command_button(ctx, ui, UiCommand::CancelRun, Weight::Normal);
            }
            match view.state {
                RunState::Running => _ = command_button(ctx, ui, UiCommand::PauseRun, Weight::Normal),
                RunState::Paused => _ = command_button(ctx, ui, UiCommand::ResumeRun, Weight::Primary),
                RunState::Cancelled => _ = command_button(ctx, ui, UiCommand::ResumeRun, Weight::Normal),
                RunState::Finished => _ = command_button(ctx, ui, UiCommand::ShowModelOfRun, Weight::Primary),
                RunState::Queued | RunState::Failed => {}
            }
            if view.state.is_final()
                && text_button(ui, ctx.theme, Some(icon::TRAIN), "Train again…", Weight::Normal, true)
                    .clicked()
            {
                RunsPage::train_again(ctx, &view.id);
            }
        });
    });
}

fn advance(theme: &Theme, ui: &mut Ui, view: &RunView) {
    ui.horizontal(|ui| {
        progress::bar(
            ui,
            theme,
            view.progress.fraction,
            BAR.min(ui.available_width() * 0.5),
            "Progress of the run",
        );
        if let Some(fraction) = view.progress.fraction {
            ui.label(theme.number(crate::format::percent(fraction)));
        }
        let phase = match view.state {
            RunState::Queued if view.progress.phase.is_empty() => "Waiting for its process",
            RunState::Paused => "Checkpoint written; waiting to go on",
            _ => view.progress.phase.as_str(),
        };
        ui.label(theme.weak(phase));
    });
}

fn facts(theme: &Theme, ui: &mut Ui, facts: &[Fact]) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::XS;
        for fact in facts {
            ui.label(theme.caption(fact.name.as_str()));
            ui.label(theme.number(fact.value.as_str()).size(size::LABEL));
            ui.add_space(space::S);
        }
    });
}

/// What to do about a failed run.
fn next(ctx: &mut PageContext<'_>, ui: &mut Ui, view: &RunView) {
    ui.horizontal(|ui| {
        command_button(ctx, ui, UiCommand::ResumeRun, Weight::Normal);
        if text_button(ui, ctx.theme, Some(icon::EDIT), "Change the settings…", Weight::Normal, true)
            .clicked()
        {
            RunsPage::train_again(ctx, &view.id);
        }
    });
}
