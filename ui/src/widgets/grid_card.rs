//! Grid card: a table in a card; where it has no toolbar of its own, the card's corner saves its rows.

use egui::Ui;

use super::{
    card,
    grid::{self, GridRow, grid},
    table::{TableSpec, TableState},
    table_toolbar::export_button,
};
use crate::context::PageContext;

/// Draws rows without a toolbar in a card that is named as they are; `words` stand beside its title. The table is at most `most` points
/// high.
pub fn grid_card(
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
    words: &str,
    spec: &TableSpec<'_>,
    state: &mut TableState,
    rows: &[GridRow],
    most: f32,
) {
    let theme = ctx.theme;
    let mut asked = false;
    let right = |ui: &mut Ui| {
        asked = export_button(ui, theme, spec.name);
        if !words.is_empty() {
            ui.label(theme.caption(words));
        }
    };
    card::card(ui, theme, spec.name, right, |ui| {
        grid(ctx, ui, spec, state, rows, grid::height(rows.len(), spec.toolbar, most));
    });
    if asked {
        grid::save(ctx, spec, state, rows);
    }
}
