//! Draws page Train.

use egui::Ui;

use super::data::TrainView;
use crate::context::PageContext;

/// Draws the page.
pub fn show(_view: &TrainView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    ui.label(ctx.theme.heading("Train"));
}
