//! Metric tile: a value with its unit, its interval and how it was obtained.

use egui::{Frame, Label, Margin, Response, Role, Stroke, Ui, WidgetInfo};
use orrery_domain::{
    metric::{MetricId, MetricValue},
    units::{Provenance, Unit},
};

use crate::{
    format,
    theme::{Theme, size, space},
};

/// What a tile shows.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Tile {
    /// What it is.
    pub title: String,
    /// The value, as text without a unit.
    pub value: String,
    /// The unit, empty where there is none.
    pub unit: String,
    /// The line beneath: an interval, a comparison, how it was obtained.
    pub detail: String,
    /// The same of the baselines; without any there is no such line.
    pub baseline: Option<String>,
    /// What hovering tells.
    pub help: String,
}

impl Tile {
    /// The tile of a metric with its 95 % interval; `target_unit` is the unit of the target column.
    pub fn metric(id: MetricId, value: &MetricValue, target_unit: &str) -> Self {
        let detail = match (value.low, value.high) {
            (Some(low), Some(high)) => {
                format!("95% {} – {}", format::metric(id, Some(low)), format::metric(id, Some(high)))
            }
            _ => String::new(),
        };
        let unit = match id.unit(target_unit) {
            Unit::Target(unit) => unit,
            Unit::Nats => "nats".to_owned(),
            _ => String::new(),
        };
        let way = if id.higher_is_better() { "Higher is better" } else { "Lower is better" };
        Self {
            title: id.title().to_owned(),
            value: format::metric(id, value.value),
            unit,
            detail,
            baseline: None,
            help: format!("{way}. Measured on the test rows; the interval is a 95% bootstrap."),
        }
    }

    /// Draws it, `width` points wide, as a card.
    pub fn show(&self, ui: &mut Ui, theme: &Theme, width: f32) -> Response {
        let frame = Frame::new()
            .fill(theme.surface.raised)
            .stroke(Stroke::new(space::HAIRLINE, theme.surface.hairline))
            .corner_radius(space::RADIUS)
            .inner_margin(Margin::symmetric(12, 8));
        self.framed(ui, theme, width - 2.0 * (space::M + space::HAIRLINE), frame, true)
    }

    /// Draws it, `width` points wide, without a frame: for use inside a card.
    pub fn plain(&self, ui: &mut Ui, theme: &Theme, width: f32) -> Response {
        self.framed(ui, theme, width, Frame::new(), false)
    }

    fn framed(&self, ui: &mut Ui, theme: &Theme, width: f32, frame: Frame, details: bool) -> Response {
        let small = |text: &str| {
            let text = theme.number(if text.is_empty() { " " } else { text });
            Label::new(text.size(size::CAPTION).color(theme.text.weak)).truncate()
        };
        let inner = frame.show(ui, |ui| {
            ui.set_width(width);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                ui.label(theme.weak(&self.title));
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = space::XS;
                    ui.label(theme.figure(&self.value));
                    if !self.unit.is_empty() {
                        ui.label(theme.weak(&self.unit));
                    }
                });
                if details {
                    ui.add(small(&self.detail));
                    if let Some(baseline) = &self.baseline {
                        ui.add(small(baseline))
                            .on_hover_ui(|ui| _ = ui.label(format!("Baselines: {baseline}")));
                    }
                }
            });
        });
        let response = inner.response;
        let words = [&self.title, &self.value, &self.unit, &self.detail].map(String::as_str);
        let words = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, &words));
        if self.help.is_empty() { response } else { response.on_hover_text(&self.help) }
    }
}

/// The word for how a figure was obtained.
pub fn provenance(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Measured => "measured",
        Provenance::Estimated => "estimated",
        Provenance::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;

    use super::*;
    use crate::theme::install;

    #[test]
    fn a_tile_without_baselines_keeps_no_room_for_them() {
        let height = |baseline: Option<&str>| {
            let tile = Tile {
                title: "AUROC".to_owned(),
                value: "0.81".to_owned(),
                detail: "95% 0.80 – 0.82".to_owned(),
                baseline: baseline.map(str::to_owned),
                ..Tile::default()
            };
            let mut height = 0.0;
            let mut harness = Harness::builder().with_context_setup(install).build_ui(|ui| {
                height = tile.show(ui, &Theme::dark(), 180.0).rect.height();
            });
            harness.run_steps(2);
            drop(harness);
            height
        };
        assert!(height(None) + 8.0 < height(Some("linear 0.75")));
        // Tiles of one row stand level, whichever of their baselines are known.
        assert!((height(Some("")) - height(Some("linear 0.75"))).abs() < 0.5);
    }
}
