//! A fold of the form: its title, and in one line what it holds while it is closed.

use egui::{
    Align2, Frame, Margin, Role, Sense, Stroke, StrokeKind, TextWrapMode, Ui, WidgetInfo, WidgetText, pos2,
    vec2,
};

use crate::{
    theme::{State, Theme, space},
    widgets::icon,
};

/// Height of the title's line, points.
const TITLE: f32 = 40.0;

pub(super) fn fold(
    ui: &mut Ui,
    theme: &Theme,
    title: &str,
    summary: &str,
    problem: Option<State>,
    open: &mut bool,
    content: impl FnOnce(&mut Ui),
) {
    let frame = Frame::new()
        .fill(theme.surface.raised)
        .stroke(Stroke::new(space::HAIRLINE, theme.surface.hairline))
        .corner_radius(space::RADIUS);
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 0.0;
        if head(ui, theme, title, summary, problem, *open) {
            *open = !*open;
        }
        if *open {
            Frame::new().inner_margin(Margin { left: 16, right: 16, top: 4, bottom: 14 }).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = space::XS;
                content(ui);
            });
        }
    });
    ui.add_space(space::S);
}

/// The title's line; says whether it was clicked.
fn head(ui: &mut Ui, theme: &Theme, title: &str, summary: &str, problem: Option<State>, open: bool) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), TITLE), Sense::click());
    response.widget_info(|| {
        WidgetInfo::selected(Role::DisclosureTriangle, true, open, format!("{title}: {summary}"))
    });
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_expanded(open));
    if response.hovered() {
        ui.painter().rect_filled(rect, space::RADIUS, theme.surface.hover);
    }
    if response.has_focus() {
        let ring = Stroke::new(space::FOCUS, theme.accent.text);
        ui.painter().rect_stroke(rect, space::RADIUS, ring, StrokeKind::Inside);
    }
    let middle = rect.center().y;
    let arrow = if open { icon::COLLAPSE } else { icon::EXPAND };
    let left =
        put(ui, theme, rect.left() + space::M, middle, arrow.small().color(theme.text.weak), f32::INFINITY);
    let mut left = put(ui, theme, left + space::S, middle, theme.strong(title), f32::INFINITY) + space::M;
    if let Some(state) = problem {
        left = put(ui, theme, left, middle, icon::state_text(theme, state), f32::INFINITY) + space::S;
    }
    if !open {
        let room = (rect.right() - left - space::M).max(0.0);
        put(ui, theme, left, middle, theme.weak(summary), room);
    }
    response.clicked()
}

/// Puts words at a place, cut to `room`; returns where they end.
fn put(ui: &Ui, theme: &Theme, left: f32, middle: f32, words: egui::RichText, room: f32) -> f32 {
    let galley =
        WidgetText::from(words).into_galley(ui, Some(TextWrapMode::Truncate), room, egui::TextStyle::Body);
    let place = Align2::LEFT_CENTER.anchor_size(pos2(left, middle), galley.size());
    ui.painter().galley(place.min, galley, theme.text.body);
    place.right()
}
