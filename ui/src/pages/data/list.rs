//! The list of datasets: imports going on, datasets, deleted ones.

use egui::{
    Align, Align2, FontFamily, FontId, Layout, Role, ScrollArea, Sense, Stroke, StrokeKind, TextWrapMode, Ui,
    WidgetInfo, WidgetText, vec2,
};
use orrery_domain::Command;

use super::data::{DataView, DatasetRow, ImportRow};
use crate::{
    context::PageContext,
    format,
    route::Route,
    theme::{MEDIUM, NUMBERS, size, space},
    widgets::{
        button::{Weight, icon_button, text_button},
        icon, progress,
    },
};

/// Height of a dataset's entry, points.
const ENTRY: f32 = 48.0;

pub(super) fn show(ctx: &mut PageContext<'_>, ui: &mut Ui, view: &DataView) {
    ui.label(ctx.theme.caption("Datasets"));
    ui.add_space(space::XS);
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for import in &view.imports {
            importing(ctx, ui, import);
        }
        for row in &view.datasets {
            let chosen = view.shown.as_ref().is_some_and(|shown| shown.id == row.id);
            dataset(ctx, ui, row, chosen);
        }
        if !view.deleted.is_empty() {
            ui.add_space(space::M);
            deleted(ctx, ui, view);
        }
    });
}

fn importing(ctx: &mut PageContext<'_>, ui: &mut Ui, import: &ImportRow) {
    let theme = ctx.theme;
    let name = format!("Cancel the import of {}", import.file);
    ui.horizontal(|ui| {
        // The button first, so that what is left is what there is.
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            if icon_button(ui, theme, icon::CLOSE, &name, true).clicked() {
                ctx.send(Command::CancelJob { job: import.job });
            }
            ui.vertical(|ui| {
                ui.add(egui::Label::new(theme.strong(import.file.as_str())).truncate());
                let name = format!("Import of {}", import.file);
                progress::bar(ui, theme, import.progress.fraction, ui.available_width(), &name);
                let words = match progress::words(&import.progress) {
                    words if words.is_empty() => import.progress.phase.clone(),
                    words => words,
                };
                let words = theme.number(words).size(size::CAPTION).color(theme.text.weak);
                ui.add(egui::Label::new(words).truncate());
            });
        });
    });
    ui.add_space(space::S);
}

fn dataset(ctx: &mut PageContext<'_>, ui: &mut Ui, row: &DatasetRow, chosen: bool) {
    let theme = ctx.theme;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ENTRY), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, chosen, row.name.as_str()));
    let fill = match (chosen, response.hovered()) {
        (true, _) => Some(theme.accent.soft),
        (false, true) => Some(theme.surface.hover),
        (false, false) => None,
    };
    if let Some(fill) = fill {
        ui.painter().rect_filled(rect, space::RADIUS, fill);
    }
    if response.has_focus() {
        let ring = Stroke::new(space::FOCUS, theme.accent.text);
        ui.painter().rect_stroke(rect, space::RADIUS, ring, StrokeKind::Inside);
    }
    let inner = rect.shrink2(vec2(space::S, 6.0));
    let words = WidgetText::from(theme.strong(row.name.as_str()));
    let font = FontId::new(size::BODY, FontFamily::Name(MEDIUM.into()));
    let galley = words.into_galley(ui, Some(TextWrapMode::Truncate), inner.width(), font);
    ui.painter().galley(inner.min, galley, theme.text.strong);
    let facts = format!("{} · {}", format::plural(row.rows, "row"), format::bytes(row.bytes));
    let font = FontId::new(size::CAPTION, FontFamily::Name(NUMBERS.into()));
    ui.painter().text(inner.left_bottom(), Align2::LEFT_BOTTOM, facts, font.clone(), theme.text.weak);
    let age = format::ago(ctx.snapshot.now, row.imported_at);
    if inner.width() > space::RAIL {
        ui.painter().text(inner.right_bottom(), Align2::RIGHT_BOTTOM, age.as_str(), font, theme.text.weak);
    }
    let columns = format::plural(row.columns as u64, "column");
    let response = response.on_hover_text(format!(
        "{}\n{columns}, imported {age} ({} UTC)",
        row.name,
        format::moment(row.imported_at)
    ));
    if response.clicked() {
        ctx.go(Route::Data { dataset: Some(row.id.clone()) });
    }
    let focused_delete = response.has_focus() && ui.input(|input| input.key_pressed(egui::Key::Delete));
    let changes = !ctx.read_only();
    let mut delete = focused_delete && changes;
    response.context_menu(|ui| {
        if ui.button("Train…").clicked() {
            ctx.go(Route::Train { dataset: Some(row.id.clone()) });
        }
        delete |= ui.add_enabled(changes, egui::Button::new("Delete dataset")).clicked();
    });
    if delete {
        // Deleting asks nothing: it keeps the data, and the list offers it back.
        ctx.send(Command::DeleteDataset { dataset: row.id.clone() });
    }
}

fn deleted(ctx: &mut PageContext<'_>, ui: &mut Ui, view: &DataView) {
    let theme = ctx.theme;
    let words = format!("Deleted ({})", view.deleted.len());
    egui::CollapsingHeader::new(theme.caption(words)).id_salt("deleted datasets").show(ui, |ui| {
        for row in &view.deleted {
            ui.horizontal(|ui| {
                let name = format!("Restore {}", row.name);
                let response = text_button(
                    ui,
                    theme,
                    Some(icon::UNDO),
                    "Restore",
                    Weight::Quiet,
                    !ctx.snapshot.workspace.read_only,
                );
                if response.accessible_name(name).clicked() {
                    ctx.outbox.send(Command::RestoreDataset { dataset: row.id.clone() });
                }
                ui.add(egui::Label::new(theme.weak(row.name.as_str())).truncate());
            });
        }
    });
}
