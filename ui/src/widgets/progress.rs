//! Progress: a bar, what is being done, the rate and the time left.

use egui::{Response, Role, Sense, Ui, WidgetInfo, vec2};
use orrery_domain::run::Progress;

use crate::{
    format,
    theme::{Theme, size, space},
};

/// Height of the bar, points.
const BAR: f32 = 6.0;

/// What a progress says in words: `63% · 12.3k rows/s · 1 min 40 s left`.
pub fn words(progress: &Progress) -> String {
    let mut parts = Vec::new();
    if let Some(fraction) = progress.fraction {
        parts.push(format::percent(fraction));
    }
    if let Some(rate) = progress.rows_per_sec {
        parts.push(format!("{} rows/s", format::count_short(rate)));
    }
    if let Some(secs) = progress.secs_left {
        parts.push(format!("{} left", format::duration(secs)));
    }
    parts.join(" · ")
}

/// A bar of `width` points; without a fraction it is empty and says so.
pub fn bar(ui: &mut Ui, theme: &Theme, fraction: Option<f64>, width: f32, name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(width, size::BODY), Sense::hover());
    let share = fraction.unwrap_or(0.0).clamp(0.0, 1.0) as f32;
    let track = egui::Rect::from_center_size(rect.center(), vec2(rect.width(), BAR));
    let radius = BAR / 2.0;
    ui.painter().rect_filled(track, radius, theme.surface.hover);
    if share > 0.0 {
        let mut done = track;
        done.set_width((track.width() * share).max(BAR));
        ui.painter().rect_filled(done, radius, theme.accent.fill);
    }
    response.widget_info(|| WidgetInfo {
        value: fraction.map(|fraction| (fraction * 100.0).round()),
        ..WidgetInfo::labeled(Role::ProgressIndicator, true, name)
    });
    response
}

/// A bar with its words beneath.
pub fn progress(ui: &mut Ui, theme: &Theme, progress: &Progress, name: &str) -> Response {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        let width = ui.available_width().min(space::READABLE);
        bar(ui, theme, progress.fraction, width, name);
        ui.horizontal(|ui| {
            if !progress.phase.is_empty() {
                ui.label(theme.weak(&progress.phase));
            }
            ui.label(theme.number(words(progress)).size(size::LABEL));
        });
    })
    .response
}
