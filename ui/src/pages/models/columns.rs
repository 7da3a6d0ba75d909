//! What a model takes: its features with their types, and how much each matters.

use egui::{Align, Layout, Rect, Role, Sense, Ui, WidgetInfo, vec2};
use orrery_domain::{metric::MetricId, model::ModelCard};

use crate::{
    context::PageContext,
    format,
    theme::space,
    widgets::{card, row},
};

/// Draws the tab.
pub(super) fn show(model: &ModelCard, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let importance =
        |name: &str| model.importance.iter().find(|(column, _)| column == name).map(|(_, value)| *value);
    let mut features: Vec<_> =
        model.features.iter().map(|feature| (feature, importance(&feature.name))).collect();
    features
        .sort_by(|(_, a), (_, b)| b.unwrap_or(f64::NEG_INFINITY).total_cmp(&a.unwrap_or(f64::NEG_INFINITY)));
    let most = features.iter().filter_map(|(_, value)| *value).fold(0.0, f64::max);
    let title = format!("{} of the model", format::plural(features.len() as u64, "feature"));
    card::card(
        ui,
        theme,
        &title,
        |_| {},
        |ui| {
            let words = if model.importance.is_empty() {
                "How much each column matters was not measured for this model".to_owned()
            } else {
                let metric = MetricId::primary(model.task);
                let way = if metric.higher_is_better() { "falls" } else { "rises" };
                format!(
                    "Importance: how much {} {way} on the validation rows when the column's values are shuffled",
                    metric.title()
                )
            };
            ui.label(theme.weak(words));
            ui.add_space(space::XS);
            // One line a feature: a model may take thousands, so only those in view are drawn.
            let height = (features.len() as f32 * space::ROW).clamp(space::ROW, 520.0);
            egui::ScrollArea::vertical()
                .max_height(height)
                .auto_shrink([false, true])
                .id_salt("features")
                .show_rows(ui, space::ROW - ui.spacing().item_spacing.y, features.len(), |ui, range| {
                    for (feature, value) in &features[range] {
                        line(ui, ctx, model, (&feature.name, feature.kind.name()), *value, most);
                    }
                });
        },
    );
}

fn line(
    ui: &mut Ui,
    ctx: &PageContext<'_>,
    model: &ModelCard,
    (name, kind): (&str, &str),
    value: Option<f64>,
    most: f64,
) {
    let theme = ctx.theme;
    ui.horizontal(|ui| {
        ui.set_height(space::ROW - ui.spacing().item_spacing.y);
        let cell = |ui: &mut Ui, width: f32, text: egui::RichText| {
            ui.allocate_ui_with_layout(vec2(width, space::ROW), Layout::left_to_right(Align::Center), |ui| {
                ui.set_min_width(width);
                ui.add(egui::Label::new(text).truncate());
            });
        };
        cell(ui, 200.0, theme.body(name));
        cell(ui, 84.0, theme.weak(kind));
        row::right(ui, |ui| {
            let words = format::metric(MetricId::primary(model.task), value);
            ui.allocate_ui_with_layout(vec2(64.0, space::ROW), Layout::right_to_left(Align::Center), |ui| {
                ui.set_min_width(64.0);
                ui.label(theme.number(&words));
            });
            let (rect, response) =
                ui.allocate_exact_size(vec2(ui.available_width(), space::S), Sense::hover());
            let share = if most > 0.0 { (value.unwrap_or(0.0) / most).clamp(0.0, 1.0) as f32 } else { 0.0 };
            let bar = Rect::from_min_size(rect.min, vec2(rect.width() * share, rect.height()));
            ui.painter().rect_filled(rect, 2.0, theme.surface.hover);
            ui.painter().rect_filled(bar, 2.0, theme.series(0));
            response.widget_info(|| {
                WidgetInfo::labeled(Role::Meter, true, format!("Importance of {name}: {words}"))
            });
        });
    });
}
