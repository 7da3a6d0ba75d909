//! Draws page Runs.

use egui::Ui;

use super::data::RunsView;
use crate::context::PageContext;

/// Draws the page.
pub fn show(_view: &RunsView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    ui.label(ctx.theme.heading("Runs"));
}
