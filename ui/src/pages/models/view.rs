//! Draws page Models.

use egui::Ui;

use super::data::ModelsView;
use crate::context::PageContext;

/// Draws the page.
pub fn show(_view: &ModelsView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    ui.label(ctx.theme.heading("Models"));
}
