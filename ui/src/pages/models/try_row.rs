//! One row by hand: a form of the features with usual values, and the answer of a warm session.

use egui::{Label, Ui, vec2};
use orrery_domain::{Command, model::ModelCard, profile::Profile, snapshot::ModelEntry};

use crate::{
    context::PageContext,
    theme::{State, space},
    widgets::{
        button::{Weight, text_button},
        card,
        error_card::error_card,
        icon,
        row_form::{RowForm, fields, prediction},
    },
};

/// Width of the answer beside the row, points.
const ANSWER: f32 = 280.0;

/// The answer stands beside the row from this width on, points; above it where there is less.
const BESIDE: f32 = 760.0;

/// Draws the tab.
pub(super) fn show(
    entry: &ModelEntry,
    card: &ModelCard,
    profile: Option<&Profile>,
    form: &mut RowForm,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    form.prepare(&entry.model, card, profile);
    let theme = ctx.theme;
    let wide = ui.available_width() > BESIDE;
    let mut ask = false;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        let width = if wide { ui.available_width() - ANSWER - space::M } else { ui.available_width() };
        let down = egui::Layout::top_down(egui::Align::LEFT);
        ui.allocate_ui_with_layout(vec2(width, 0.0), down, |ui| {
            ui.set_width(width);
            ui.spacing_mut().item_spacing.x = space::S;
            if !wide {
                ask |= answer(entry, card, ctx, ui);
                ui.add_space(space::M);
            }
            let mut usual = false;
            let touched = form.touched;
            let reset = |ui: &mut Ui| {
                let words = "Usual values";
                usual = text_button(ui, theme, Some(icon::RESET), words, Weight::Quiet, touched).clicked();
            };
            let changed = card::card(ui, theme, "Row", reset, |ui| fields(card, profile, form, ctx, ui));
            form.touched |= changed;
            if usual {
                form.fill(card, profile);
                form.touched = false;
            }
            // Once asked, every edit asks again.
            ask |= form.asked && (changed || usual);
        });
        if wide {
            ui.allocate_ui_with_layout(vec2(ANSWER, 0.0), down, |ui| {
                ui.set_width(ANSWER);
                ui.spacing_mut().item_spacing.x = space::S;
                ask |= answer(entry, card, ctx, ui);
            });
        }
    });
    if ask {
        form.asked = true;
        ctx.send(Command::TryRow { model: entry.model.clone(), row: form.row(), explain: false });
    }
}

/// What the model says of the row, and the button that asks it; says whether that was clicked.
fn answer(entry: &ModelEntry, model: &ModelCard, ctx: &mut PageContext<'_>, ui: &mut Ui) -> bool {
    let theme = ctx.theme;
    let state = ctx.snapshot.try_row.clone().filter(|state| state.model == entry.model);
    let content = |ui: &mut Ui| {
        match state.as_ref().map(|state| &state.answer) {
            None => {
                let words =
                    "Change what you like, then predict the row. After that every edit is answered at once.";
                ui.add(Label::new(theme.weak(words)).wrap());
            }
            Some(None) => {
                ui.horizontal(|ui| {
                    ui.label(icon::state_text(theme, State::Running));
                    ui.label(theme.weak("Loading the model"));
                });
            }
            Some(Some(Err(failure))) => error_card(ctx, ui, failure),
            Some(Some(Ok(row))) => prediction(row, model, ctx, ui),
        }
        ui.add_space(space::S);
        text_button(ui, theme, Some(icon::START), "Predict this row", Weight::Normal, !entry.deleted)
            .clicked()
    };
    card::card(ui, theme, "Prediction", |_| {}, content)
}
