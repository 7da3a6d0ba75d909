//! Card: a titled group of things on a raised surface.

use egui::{Align, Frame, Layout, Margin, Stroke, Ui};

use crate::theme::{Theme, space};

/// Height of a title's line and of a fact's, points.
const TITLE: f32 = 20.0;

/// The frame of a card.
pub fn frame(theme: &Theme) -> Frame {
    Frame::new()
        .fill(theme.surface.raised)
        .stroke(Stroke::new(space::HAIRLINE, theme.surface.hairline))
        .corner_radius(space::RADIUS + 2)
        .inner_margin(Margin { left: 12, right: 12, top: 8, bottom: 12 })
}

/// A card as wide as the space it is in, with its title and `right` in the corner.
pub fn card<R>(
    ui: &mut Ui,
    theme: &Theme,
    title: &str,
    right: impl FnOnce(&mut Ui),
    content: impl FnOnce(&mut Ui) -> R,
) -> R {
    frame(theme)
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            let height = std::mem::replace(&mut ui.spacing_mut().interact_size.y, TITLE);
            ui.horizontal(|ui| {
                // As high as a button from the start: what comes first would stand too high beside one.
                ui.set_min_height(space::CONTROL);
                ui.add(egui::Label::new(theme.strong(title)).truncate());
                ui.with_layout(Layout::right_to_left(Align::Center), right);
            });
            ui.spacing_mut().interact_size.y = height;
            content(ui)
        })
        .inner
}

/// `count` parts beside each other where at least `least` points are free, else below each other. Their tops are on one line, which a
/// plain wrapped row does not do.
pub fn beside(ui: &mut Ui, count: usize, least: f32, mut part: impl FnMut(usize, &mut Ui)) {
    let across = if ui.available_width() >= least { count } else { 1 };
    let width = ((ui.available_width() - space::M * (across - 1) as f32) / across as f32).floor();
    let row = Layout::left_to_right(Align::Min).with_main_wrap(true);
    ui.allocate_ui_with_layout(egui::vec2(ui.available_width(), 0.0), row, |ui| {
        ui.spacing_mut().item_spacing = egui::vec2(space::M, space::M);
        for index in 0..count {
            ui.allocate_ui_with_layout(egui::vec2(width, 0.0), Layout::top_down(Align::LEFT), |ui| {
                ui.set_width(width);
                ui.spacing_mut().item_spacing = egui::vec2(space::S, space::XS);
                part(index, ui);
            });
        }
    });
}

/// A label and its value in one line.
pub fn fact(ui: &mut Ui, theme: &Theme, label: &str, value: &str) {
    ui.horizontal(|ui| {
        ui.spacing_mut().interact_size.y = TITLE;
        let layout = Layout::left_to_right(Align::Center);
        ui.allocate_ui_with_layout(egui::vec2(132.0, TITLE), layout, |ui| {
            ui.set_min_width(132.0);
            ui.label(theme.weak(label));
        });
        ui.add(egui::Label::new(theme.number(value)).wrap().selectable(true));
    });
}
