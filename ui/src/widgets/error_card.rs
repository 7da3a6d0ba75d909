//! Error card: what happened, what was kept, what to do next; copied with one click.

use egui::{Frame, Margin, Stroke, Ui};
use orrery_domain::{Failure, FailureClass};

use super::{button::copy_button, icon};
use crate::{
    context::PageContext,
    theme::{State, space},
};

/// What a class of failure is called.
pub fn class_title(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Transient => "Passing trouble",
        FailureClass::Capacity => "Not enough room",
        FailureClass::Client => "The request was wrong",
        FailureClass::Data => "The data cannot be used",
        FailureClass::Auth => "Not allowed",
        FailureClass::Model => "The model's numbers went wrong",
        FailureClass::Hardware => "A device failed",
        FailureClass::Bug => "A fault of Orrery",
    }
}

/// Draws a failure.
pub fn error_card(ctx: &mut PageContext<'_>, ui: &mut Ui, failure: &Failure) {
    let theme = ctx.theme;
    let frame = Frame::new()
        .fill(theme.surface.raised)
        .stroke(Stroke::new(space::HAIRLINE, theme.state.failed))
        .corner_radius(space::RADIUS)
        .inner_margin(Margin::same(12));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.label(icon::state_text(theme, State::Failed));
            ui.label(theme.strong(class_title(failure.class)));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let text = match &failure.kept {
                    Some(kept) => format!("{}\n{kept}", failure.message),
                    None => failure.message.clone(),
                };
                copy_button(ctx, ui, "Copy this message", &text);
            });
        });
        ui.add(egui::Label::new(theme.body(&failure.message)).wrap().selectable(true));
        if let Some(kept) = &failure.kept {
            ui.add(egui::Label::new(theme.weak(format!("Kept: {kept}"))).wrap().selectable(true));
        }
    });
}
