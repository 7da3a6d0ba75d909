//! Draws page Data.

use egui::Ui;

use super::data::DataView;
use crate::context::PageContext;

/// Draws the page.
pub fn show(_view: &DataView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    ui.label(ctx.theme.heading("Data"));
}
