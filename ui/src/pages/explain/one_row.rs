//! One row: from the baseline to its answer, a column at a time; edited, it is answered and explained anew at once.

use egui::{DragValue, Ui};
use orrery_domain::{
    Command,
    explain::{Explanation, RowExplanation},
    snapshot::ExplainState,
};

use super::{ExplainPage, data};
use crate::{
    context::PageContext,
    theme::{State, space},
    widgets::{
        button::{Weight, icon_button, text_button},
        card,
        error_card::error_card,
        icon, row_form,
        strips::{Strips, strips_card},
    },
};

/// Draws the tab.
pub(super) fn show(
    page: &mut ExplainPage,
    asked: &ExplainState,
    found: &Explanation,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let many = found.rows.len();
    page.row = page.row.min(many.saturating_sub(1));
    choice(page, found, ctx, ui);
    let Some(row) = found.rows.get(page.row) else { return };
    let title = format!("Row {}", row.row);
    waterfall(&title, row, found, ctx, ui);
    ui.add_space(space::M);
    edit(page, asked, row, ctx, ui);
}

/// Which row is shown.
pub(super) fn choice(page: &mut ExplainPage, found: &Explanation, ctx: &PageContext<'_>, ui: &mut Ui) {
    let last = found.rows.len().saturating_sub(1);
    let number = |place: usize| found.rows.get(place).map_or(0, |row| row.row);
    let (begin, end) = (number(0), number(last));
    ui.horizontal(|ui| {
        ui.label(ctx.theme.weak("Row"));
        if icon_button(ui, ctx.theme, icon::BACK, "Row before", page.row > 0).clicked() {
            page.row = page.row.saturating_sub(1);
        }
        let mut asked = number(page.row);
        ui.name_inputs("Row", |ui| {
            if ui.add(DragValue::new(&mut asked).range(begin..=end)).changed() {
                page.row = data::nearest(found, page.row, asked);
            }
        });
        if icon_button(ui, ctx.theme, icon::FORTH, "Row after", page.row < last).clicked() {
            page.row = (page.row + 1).min(last);
        }
        ui.label(ctx.theme.weak(format!("of {begin} to {end}, {}", data::shown(last + 1, found, "row"))));
    });
    ui.add_space(space::S);
}

fn waterfall(title: &str, row: &RowExplanation, found: &Explanation, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let picture = data::waterfall(row);
    let chart = Strips {
        title,
        x_name: &format!("Answer, {}", data::unit(found.scale, found.class.as_ref())),
        x: picture.x,
        zero: Some(row.baseline),
        strips: picture.strips,
        summary: picture.summary,
    };
    strips_card(&chart, || data::waterfall_csv(row), ctx, ui);
}

/// The row's values as a form; every edit is answered by a session that stays warm.
fn edit(
    page: &mut ExplainPage,
    asked: &ExplainState,
    row: &RowExplanation,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let theme = ctx.theme;
    page.load(&asked.model, ctx);
    let entry = ctx.snapshot.models.iter().find(|entry| entry.model == asked.model).cloned();
    let Some((entry, model)) = entry.and_then(|entry| entry.card.clone().map(|card| (entry, card))) else {
        ui.label(theme.weak("Loading the model's columns…"));
        return;
    };
    let here = (asked.job, page.row);
    let mut fresh = page.edited_from != Some(here) || !page.edited.is_of(&asked.model);
    let mut reset = false;
    let touched = page.edited.touched;
    let mut ask = false;
    let profile = ctx
        .snapshot
        .datasets
        .iter()
        .find(|dataset| dataset.dataset.id == model.lineage.dataset)
        .and_then(|dataset| dataset.profile.clone());
    if !fresh || !row.values.is_empty() {
        let right = |ui: &mut Ui| {
            let words = "As it was";
            reset = text_button(ui, theme, Some(icon::RESET), words, Weight::Quiet, touched).clicked();
        };
        if fresh {
            begin(page, asked, row, here);
            fresh = false;
        }
        let form = &mut page.edited;
        card::card(ui, theme, "Edit and see", right, |ui| {
            let changed = row_form::fields(&model, profile.as_deref(), form, ctx, ui);
            form.touched |= changed;
            ui.add_space(space::S);
            let words = "Explain the edited row";
            let clicked =
                text_button(ui, theme, Some(icon::START), words, Weight::Normal, !entry.deleted).clicked();
            ask = clicked || (form.asked && changed);
        });
    }
    if reset || fresh {
        begin(page, asked, row, here);
    }
    if ask {
        page.edited.asked = true;
        ctx.send(Command::TryRow { model: asked.model.clone(), row: page.edited.row(), explain: true });
    }
    ui.add_space(space::M);
    if page.edited.asked {
        edited(page, asked, &model, ctx, ui);
    }
}

fn begin(page: &mut ExplainPage, asked: &ExplainState, row: &RowExplanation, here: (u64, usize)) {
    let names = row.attributions.0.iter().map(|(name, _)| name.clone());
    page.edited.begin_with(&asked.model, names.zip(row.values.iter().cloned()));
    page.edited_from = Some(here);
}

/// What the session said of the edited row.
fn edited(
    page: &ExplainPage,
    asked: &ExplainState,
    model: &orrery_domain::model::ModelCard,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let theme = ctx.theme;
    let state = ctx.snapshot.try_row.clone().filter(|state| state.model == asked.model);
    match state.as_ref().map(|state| &state.answer) {
        None | Some(None) => {
            ui.horizontal(|ui| {
                ui.label(icon::state_text(theme, State::Running));
                ui.label(theme.weak("Loading the model"));
            });
        }
        Some(Some(Err(failure))) => error_card(ctx, ui, failure),
        Some(Some(Ok(answer))) => {
            card::card(
                ui,
                theme,
                "Prediction of the edited row",
                |_| {},
                |ui| row_form::prediction(answer, model, ctx, ui),
            );
            ui.add_space(space::M);
            let Some(explanation) = &answer.explanation else { return };
            let Some(row) = explanation.rows.first() else { return };
            // The values that were asked about.
            let row = RowExplanation {
                values: page.edited.row().into_iter().map(|(_, value)| value).collect(),
                ..row.clone()
            };
            waterfall("Edited row", &row, explanation, ctx, ui);
        }
    }
}
