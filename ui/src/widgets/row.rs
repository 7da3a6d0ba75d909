//! A line of a list that can be clicked as a whole.

use egui::{
    Align, CornerRadius, Layout, Response, Role, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, vec2,
};

use crate::theme::{Theme, space};

/// A line `height` points high; `name` is what it is called, `content` draws what stands in it (labels only).
pub fn row(ui: &mut Ui, theme: &Theme, name: &str, height: f32, content: impl FnOnce(&mut Ui)) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    let outer = rect.expand2(vec2(space::XS, 0.0));
    if response.hovered() {
        ui.painter().rect_filled(outer, CornerRadius::same(space::RADIUS_SMALL), theme.surface.hover);
    }
    if response.has_focus() {
        let ring = Stroke::new(space::FOCUS, theme.accent.text);
        ui.painter().rect_stroke(outer, CornerRadius::same(space::RADIUS_SMALL), ring, StrokeKind::Inside);
    }
    let layout = Layout::left_to_right(Align::Center);
    content(&mut ui.new_child(UiBuilder::new().max_rect(rect).layout(layout)));
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    response
}

/// Words on the right end of a line.
pub fn right(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    ui.with_layout(Layout::right_to_left(Align::Center), content);
}
