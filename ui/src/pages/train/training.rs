//! Third fold: optimizer, schedule, early stopping, seed; and how a numeric setting is drawn.

use egui::{ComboBox, FontId, Ui};
use orrery_domain::training::Optimizer;

use super::{
    TrainPage,
    data::{FormView, uses_optimizer},
    fields::Field,
};
use crate::{
    context::PageContext,
    theme::{NUMBERS, size},
    widgets::{form::FormRow, input::input},
};

/// Width of a numeric setting, points.
const NUMBER: f32 = 92.0;

pub(super) fn show(page: &mut TrainPage, ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    if uses_optimizer(form.config.model) {
        optimizer(ctx, ui, form);
    }
    for field in Field::TRAINING.into_iter().filter(|field| field.applies(form.config.model)) {
        number_row(page, ctx, ui, form, field);
    }
}

fn optimizer(ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    let mut chosen = form.config.hyper.optimizer;
    let words = |optimizer| match optimizer {
        Optimizer::AdamW => "AdamW",
        Optimizer::Sgd => "SGD with Nesterov momentum",
    };
    let row = FormRow::new("Optimizer", "How weights follow the gradient")
        .default_value("default AdamW", chosen != Optimizer::default());
    let response = row.show(ui, ctx.theme, |ui| {
        ComboBox::from_id_salt("optimizer").width(NUMBER * 2.0).selected_text(words(chosen)).show_ui(
            ui,
            |ui| {
                for option in [Optimizer::AdamW, Optimizer::Sgd] {
                    ui.selectable_value(&mut chosen, option, words(option));
                }
            },
        );
    });
    if response.reset {
        chosen = Optimizer::default();
    }
    if chosen != form.config.hyper.optimizer {
        ctx.drafts.edit(&form.dataset).hyper.optimizer = chosen;
    }
}

/// A numeric setting: its text, unit, default, and what is wrong with it.
pub(super) fn number_row(
    page: &mut TrainPage,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
    form: &FormView,
    field: Field,
) {
    let set = field.read(&form.config);
    let text = page.state.texts.entry(field).or_insert_with(|| set.map(Field::text).unwrap_or_default());
    // The request may have changed elsewhere: by a reset, or on another page.
    if field.parse(text).is_ok_and(|typed| typed != set) {
        *text = set.map(Field::text).unwrap_or_default();
    }
    let default = form.default_words(field);
    let theme = ctx.theme;
    let mut row = form.row(field, &default);
    row.changed |= !text.is_empty();
    let response = row.show(ui, theme, |ui| {
        let font = FontId::new(size::BODY, egui::FontFamily::Name(NUMBERS.into()));
        let edit = input(text).desired_width(NUMBER).align(egui::Align2::RIGHT_CENTER).font(font);
        ui.add(edit);
        if !field.unit().is_empty() {
            ui.label(theme.weak(field.unit()));
        }
    });
    if response.reset {
        text.clear();
    }
    if let Ok(value) = field.parse(text)
        && value != set
    {
        field.write(ctx.drafts.edit(&form.dataset), value);
    }
}
