//! How a pair is built: settings, columns, trees, tensors.

use egui::{Label, Ui};
use orrery_domain::compare::ComparedPair;

use super::{Tables, data};
use crate::{
    context::PageContext,
    theme::space,
    widgets::{
        card,
        grid::{self, grid, plain},
    },
};

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
    card::card(
        ui,
        theme,
        "Architecture",
        |_| {},
        |ui| {
            for words in &shown.built {
                ui.add(Label::new(theme.body(words)).wrap());
            }
            if !shown.settings.is_empty() {
                ui.add_space(space::S);
                let columns = data::built_columns("Setting", pair, false);
                let spec = plain("Settings that differ", "setting", &columns, revision);
                let height = grid::height(shown.settings.len(), false, 320.0);
                grid(ctx, ui, &spec, &mut tables.settings, &shown.settings, height);
            }
            if !shown.tensors.is_empty() {
                ui.add_space(space::M);
                let columns = data::built_columns("Tensor", pair, true);
                let spec = plain("Weights", "tensor", &columns, revision);
                let height = grid::height(shown.tensors.len(), false, 320.0);
                grid(ctx, ui, &spec, &mut tables.tensors, &shown.tensors, height);
            }
        },
    );
}
