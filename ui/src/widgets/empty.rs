//! Empty state: one sentence, and the button that ends it.

use egui::Ui;

use super::{
    button::{Weight, command_button},
    icon::Icon,
};
use crate::{
    command::UiCommand,
    context::PageContext,
    theme::{size, space},
};

/// Fills the page with an icon, a heading, one sentence and the first action. Returns whether it was clicked.
pub fn empty(
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
    icon: Icon,
    heading: &str,
    sentence: &str,
    action: Option<UiCommand>,
) -> bool {
    let mut clicked = false;
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.28).clamp(space::XL, 220.0));
        ui.label(icon.text(size::ICON_LARGE).color(ctx.theme.text.weak));
        ui.add_space(space::S);
        ui.label(ctx.theme.heading(heading));
        ui.add_space(space::XS);
        ui.label(ctx.theme.body(sentence).color(ctx.theme.text.weak));
        ui.add_space(space::L);
        if let Some(action) = action {
            clicked = command_button(ctx, ui, action, Weight::Primary).clicked();
        }
    });
    clicked
}
