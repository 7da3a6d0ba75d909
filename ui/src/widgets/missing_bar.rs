//! Missing bar: what share of a column's rows has no value, as a bar and a number.

use egui::{Rect, Response, Role, Sense, Ui, WidgetInfo, vec2};

use super::format_cell::share;
use crate::{
    format,
    theme::{Theme, size, space},
};

/// Width of the bar, points.
const BAR: f32 = 40.0;

/// From this share on the bar warns.
const MUCH: f64 = 0.5;

/// Draws the share of `rows` rows that have no value.
pub fn missing_bar(ui: &mut Ui, theme: &Theme, missing: u64, rows: u64) -> Response {
    let part = if rows == 0 { 0.0 } else { (missing as f64 / rows as f64).clamp(0.0, 1.0) };
    let words = share(part);
    let response = ui
        .horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(BAR, space::XS), Sense::hover());
            ui.painter().rect_filled(rect, space::XS / 2.0, theme.surface.hairline);
            if missing > 0 {
                let color = if part >= MUCH { theme.state.warning } else { theme.state.waiting };
                let done = Rect::from_min_size(rect.min, vec2((BAR * part as f32).max(2.0), rect.height()));
                ui.painter().rect_filled(done, space::XS / 2.0, color);
            }
            let color = if missing == 0 { theme.text.weak } else { theme.text.body };
            ui.label(theme.number(words.as_str()).size(size::LABEL).color(color));
        })
        .response;
    let spoken = format!("{} of {} without a value", format::count(missing), format::plural(rows, "row"));
    response.widget_info(|| WidgetInfo::labeled(Role::Meter, true, format!("Missing {words}: {spoken}")));
    response.on_hover_text(spoken)
}
