//! Check boxes and radio buttons: an outline that stands out while empty, the accent when chosen.

use egui::{Align2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::theme::{Theme, size, space};

/// Side of the box, points.
const BOX: f32 = 16.0;

/// Between the box and its words, points.
const GAP: f32 = 8.0;

/// What a mark looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Check,
    Dot,
}

/// A check box with its words; a click turns it over.
pub fn checkbox(ui: &mut Ui, theme: &Theme, on: &mut bool, words: &str) -> Response {
    let mut response = mark(ui, theme, Shape::Check, *on, words);
    if response.clicked() {
        *on = !*on;
        response.mark_changed();
    }
    response
}

/// A radio button with its words.
pub fn radio(ui: &mut Ui, theme: &Theme, chosen: bool, words: &str) -> Response {
    mark(ui, theme, Shape::Dot, chosen, words)
}

/// A radio button that stands for one value of `current`.
pub fn radio_value<T: PartialEq>(
    ui: &mut Ui,
    theme: &Theme,
    current: &mut T,
    value: T,
    words: &str,
) -> Response {
    let mut response = radio(ui, theme, *current == value, words);
    if response.clicked() && *current != value {
        *current = value;
        response.mark_changed();
    }
    response
}

fn mark(ui: &mut Ui, theme: &Theme, shape: Shape, on: bool, words: &str) -> Response {
    let font = egui::FontId::proportional(size::BODY);
    let galley = ui.painter().layout_no_wrap(words.to_owned(), font, theme.text.body);
    let height = ui.spacing().interact_size.y.max(BOX);
    let (rect, response) = ui.allocate_exact_size(vec2(BOX + GAP + galley.size().x, height), Sense::click());
    let role = if shape == Shape::Check { Role::CheckBox } else { Role::RadioButton };
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(role, enabled, on, words));
    if ui.is_rect_visible(rect) {
        let side = Rect::from_center_size(pos2(rect.left() + BOX / 2.0, rect.center().y), vec2(BOX, BOX));
        draw(ui, theme, shape, on, side, &response);
        let place = Align2::LEFT_CENTER.anchor_size(pos2(side.right() + GAP, rect.center().y), galley.size());
        ui.painter().galley(place.min, galley, theme.text.body);
    }
    response
}

fn draw(ui: &Ui, theme: &Theme, shape: Shape, on: bool, side: Rect, response: &Response) {
    let painter = ui.painter();
    let radius = if shape == Shape::Check { f32::from(space::RADIUS_SMALL) } else { BOX / 2.0 };
    let line = match (on, response.hovered()) {
        (true, _) => Stroke::NONE,
        (false, true) => Stroke::new(space::LINE, theme.accent.text),
        (false, false) => Stroke::new(space::HAIRLINE, theme.surface.control),
    };
    let fill = match (on, response.hovered()) {
        (true, true) => theme.accent.hover,
        (true, false) => theme.accent.fill,
        (false, _) => theme.surface.field,
    };
    painter.rect(side, radius, fill, line, StrokeKind::Inside);
    if on && shape == Shape::Check {
        let at = |x: f32, y: f32| side.min + vec2(x, y) * BOX;
        let check = vec![at(0.24, 0.52), at(0.43, 0.70), at(0.77, 0.32)];
        painter.line(check, Stroke::new(2.0, theme.text.on_accent));
    } else if on {
        painter.circle_filled(side.center(), 3.0, theme.text.on_accent);
    }
    if response.has_focus() {
        let ring = Stroke::new(space::FOCUS, theme.accent.text);
        painter.rect_stroke(side.expand(2.0), radius + 2.0, ring, StrokeKind::Outside);
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::{Harness, kittest::Queryable};

    use super::*;
    use crate::theme::install;

    #[test]
    fn a_click_turns_a_box_and_chooses_a_radio_button() {
        let theme = Theme::light();
        let mut harness = Harness::builder().with_context_setup(install).build_ui_state(
            |ui, (on, chosen): &mut (bool, u8)| {
                checkbox(ui, &theme, on, "Balance");
                radio_value(ui, &theme, chosen, 1, "One");
                radio_value(ui, &theme, chosen, 2, "Two");
            },
            (false, 1),
        );
        harness.get_by_role_and_label(Role::CheckBox, "Balance").click();
        harness.get_by_role_and_label(Role::RadioButton, "Two").click();
        harness.run_steps(3);
        assert_eq!(*harness.state(), (true, 2));
        harness.get_by_role_and_label(Role::CheckBox, "Balance").click();
        harness.run_steps(3);
        assert_eq!(*harness.state(), (false, 2));
    }
}
