//! Draws page Settings.

use egui::Ui;

use super::data::SettingsView;
use crate::context::PageContext;

/// Draws the page.
pub fn show(_view: &SettingsView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    ui.label(ctx.theme.heading("Settings"));
}
