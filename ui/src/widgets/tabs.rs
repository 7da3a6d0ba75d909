//! Tabs: one of a few views of the same thing.

use egui::{Align2, FontFamily, FontId, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use crate::theme::{MEDIUM, Theme, size, space};

/// Draws the tabs and changes `chosen` when another is clicked; says whether it did.
pub fn tabs<T: Copy + PartialEq>(ui: &mut Ui, theme: &Theme, chosen: &mut T, all: &[(T, &str)]) -> bool {
    let before = *chosen;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::XS;
        for (tab, words) in all {
            let font = FontId::new(size::BODY, FontFamily::Name(MEDIUM.into()));
            let galley = ui.painter().layout_no_wrap((*words).to_owned(), font.clone(), theme.text.body);
            let wanted = vec2(galley.size().x + 2.0 * space::S, space::ROW_COMFORTABLE);
            let (rect, response) = ui.allocate_exact_size(wanted, Sense::click());
            let selected = *tab == *chosen;
            let colour = match (selected, response.hovered()) {
                (true, _) => theme.text.strong,
                (false, true) => theme.text.body,
                (false, false) => theme.text.weak,
            };
            ui.painter().text(rect.center(), Align2::CENTER_CENTER, words, font, colour);
            if selected {
                let line = Stroke::new(space::FOCUS, theme.accent.fill);
                ui.painter().hline(rect.shrink2(vec2(space::S, 0.0)).x_range(), rect.bottom() - 1.0, line);
            }
            if response.has_focus() {
                let ring = Stroke::new(space::FOCUS, theme.accent.text);
                ui.painter().rect_stroke(rect, space::RADIUS_SMALL, ring, StrokeKind::Inside);
            }
            response.widget_info(|| WidgetInfo::selected(Role::Tab, true, selected, words));
            if response.clicked() {
                *chosen = *tab;
            }
        }
    });
    let rect = ui.min_rect();
    let line = Stroke::new(space::HAIRLINE, theme.surface.hairline);
    ui.painter().hline(ui.max_rect().x_range(), rect.bottom(), line);
    ui.add_space(space::M);
    before != *chosen
}
