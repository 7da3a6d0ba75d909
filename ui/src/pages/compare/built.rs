//! How a pair is built: settings, columns, trees, tensors.

use egui::{Label, Ui};
use orrery_domain::compare::ComparedPair;

use super::{Tables, data};
use crate::{
    context::PageContext,
    theme::space,
    widgets::{card, grid::plain, grid_card::grid_card},
};

/// Height of a table at most, points.
const HIGHEST: f32 = 320.0;

/// Draws it.
pub(super) fn show(
    shown: &data::Shown,
    pair: Option<&ComparedPair>,
    tables: &mut Tables,
    revision: u64,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let theme = ctx.theme;
    if !shown.built.is_empty() {
        card::card(
            ui,
            theme,
            "Architecture",
            |_| {},
            |ui| {
                for words in &shown.built {
                    ui.add(Label::new(theme.body(words)).wrap());
                }
            },
        );
        ui.add_space(space::M);
    }
    if !shown.settings.is_empty() {
        let columns = data::built_columns("Setting", pair, false);
        let spec = plain("Settings that differ", "setting", &columns, revision);
        grid_card(ctx, ui, "", &spec, &mut tables.settings, &shown.settings, HIGHEST);
        ui.add_space(space::M);
    }
    if !shown.tensors.is_empty() {
        let columns = data::built_columns("Tensor", pair, true);
        let spec = plain("Weights", "tensor", &columns, revision);
        grid_card(ctx, ui, "", &spec, &mut tables.tensors, &shown.tensors, HIGHEST);
    }
}
