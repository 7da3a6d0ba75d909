//! Draws page Models: the list of versions, and the card beside it.

use egui::{Frame, Margin, Panel, ScrollArea, Ui};

use super::{ModelsState, Passing, card, data::ModelsView, list};
use crate::{
    command::UiCommand,
    context::PageContext,
    theme::space,
    widgets::{empty::empty, icon, pane::pane},
};

/// Width of the list of versions at first, points.
const LIST: f32 = 384.0;

/// Draws the page.
pub(super) fn show(
    view: &ModelsView,
    state: &mut ModelsState,
    passing: &mut Passing,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    if view.versions == 0 {
        let sentence =
            "Every finished training makes a model version with its card. Import a table and train on it.";
        empty(ctx, ui, icon::MODELS, "No models yet", sentence, Some(UiCommand::GoTrain));
        return;
    }
    let frame = Frame::new().inner_margin(Margin { left: 0, right: 12, top: 0, bottom: 0 });
    let list = Panel::left("model-versions")
        .resizable(true)
        .default_size(passing.list_width.unwrap_or(LIST))
        .size_range(240.0..=640.0)
        .frame(frame)
        .show_separator_line(false)
        .show(ui, |ui| pane(ui, |ui| list::show(view, state, passing, ctx, ui)));
    passing.list_width = Some(list.response.rect.width().round());
    let frame = Frame::new().inner_margin(Margin { left: 12, right: 0, top: 0, bottom: 0 });
    egui::CentralPanel::default().frame(frame).show(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).id_salt("card").show(ui, |ui| {
            match &view.chosen {
                Some(entry) => card::show(view, entry, state, passing, ctx, ui),
                None => {
                    ui.label(ctx.theme.weak("Choose a version on the left"));
                }
            }
            ui.add_space(space::XL);
        });
    });
}
