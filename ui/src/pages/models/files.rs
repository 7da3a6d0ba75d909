//! A version's files: names, bytes and hashes; and the facts of its card.

use egui::{Label, Ui, vec2};
use orrery_domain::{model::ModelCard, snapshot::ModelEntry};

use super::{card as card_view, data::CardView};
use crate::{
    context::PageContext,
    format,
    theme::{size, space},
    widgets::{button::copy_button, card, icon, row},
};

/// Draws the tab.
pub(super) fn show(
    entry: &ModelEntry,
    model: &ModelCard,
    view: &CardView,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let theme = ctx.theme;
    let folder = ctx
        .snapshot
        .workspace
        .home
        .join("models")
        .join(&entry.model.name)
        .join(entry.model.version.to_string());
    let folder = folder.display().to_string();
    card::card(
        ui,
        theme,
        "Files",
        |_| {},
        |ui| {
            ui.horizontal(|ui| {
                ui.label(icon::FOLDER.small().color(theme.text.weak));
                ui.add(Label::new(theme.mono(&folder)).truncate().selectable(true));
                copy_button(ctx, ui, "Copy the folder's path", &folder);
            });
            ui.separator();
            for file in &model.files {
                ui.horizontal(|ui| {
                    ui.set_min_height(space::ROW);
                    ui.label(icon::FILE.small().color(theme.text.weak));
                    ui.label(theme.body(&file.name));
                    row::right(ui, |ui| {
                        copy_button(ctx, ui, &format!("Copy the hash of {}", file.name), &file.hash);
                        let short: String = file.hash.chars().take(16).collect();
                        ui.label(theme.mono(format!("{short}…")).color(theme.text.weak))
                            .on_hover_text(format!("BLAKE3 {}", file.hash));
                        ui.allocate_ui_with_layout(
                            vec2(84.0, space::ROW),
                            egui::Layout::right_to_left(egui::Align::Center),
                            |ui| {
                                ui.set_min_width(84.0);
                                ui.label(theme.number(format::bytes(file.bytes)).size(size::LABEL));
                            },
                        );
                    });
                });
            }
            ui.separator();
            ui.label(theme.weak(format!(
                "{} in all; any ONNX runtime reads model.onnx, which takes what preprocess.json describes",
                format::bytes(entry.bytes)
            )));
        },
    );
    ui.add_space(space::M);
    card_view::facts(view, ctx, ui);
}
