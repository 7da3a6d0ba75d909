//! Sparkline: the last values of something, in the space of a table cell; a gap is a look that failed.

use egui::{Rect, Response, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2};

use crate::theme::{Theme, space};

/// Draws `values`, oldest first, scaled to their largest; `None` is marked at the bottom. `name` is read aloud.
pub fn sparkline(ui: &mut Ui, theme: &Theme, values: &[Option<f64>], size: Vec2, name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let inner = rect.shrink2(egui::vec2(1.0, 4.0));
    let most = values.iter().flatten().copied().fold(0.0_f64, f64::max);
    let step = inner.width() / values.len().saturating_sub(1).max(1) as f32;
    let place = |index: usize, value: f64| {
        let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) as f32 } else { 0.0 };
        pos2(inner.left() + index as f32 * step, inner.bottom() - inner.height() * share)
    };
    let line = Stroke::new(space::LINE, theme.series(0));
    for (index, pair) in values.windows(2).enumerate() {
        if let [Some(from), Some(to)] = pair {
            ui.painter().line_segment([place(index, *from), place(index + 1, *to)], line);
        }
    }
    for index in values.iter().enumerate().filter(|(_, value)| value.is_none()).map(|(index, _)| index) {
        let foot = pos2(inner.left() + index as f32 * step, inner.bottom());
        let mark = Rect::from_center_size(foot, Vec2::splat(3.0));
        ui.painter().rect_filled(mark, 1.0, theme.state.failed);
    }
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name));
    response
}
