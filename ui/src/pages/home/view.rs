//! Draws page Home.

use egui::Ui;

use super::data::HomeView;
use crate::context::PageContext;

/// Draws the page.
pub fn show(_view: &HomeView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    ui.label(ctx.theme.heading("Home"));
}
