//! Fourth fold: where to compute.

use egui::Ui;

use super::data::{FormView, Place};
use crate::{
    context::PageContext,
    theme::{State, space},
    widgets::{choice::radio_value, form::FormRow, icon},
};

pub(super) fn show(ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    let theme = ctx.theme;
    let mut chosen = form.config.device;
    let row =
        FormRow::new("Compute on", "Automatic takes the fastest device whose gradients agree with the CPU's")
            .error(form.problem(Place::Device));
    row.show(ui, theme, |ui| {
        ui.vertical(|ui| {
            for option in &form.devices {
                ui.horizontal(|ui| {
                    ui.set_min_height(space::ROW);
                    ui.add_enabled_ui(option.usable, |ui| {
                        radio_value(ui, theme, &mut chosen, option.choice, &option.title)
                            .on_disabled_hover_text(option.detail.as_str());
                    });
                    if !option.usable {
                        ui.label(icon::state_text(theme, State::Warning));
                    }
                    let detail = egui::Label::new(theme.caption(option.detail.as_str())).truncate();
                    ui.add(detail).on_hover_text(option.detail.as_str());
                });
            }
        });
    });
    if chosen != form.config.device {
        ctx.drafts.edit(&form.dataset).device = chosen;
    }
}
