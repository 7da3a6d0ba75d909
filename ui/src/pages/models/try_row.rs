//! One row by hand: a form of the features with usual values, and the answer of a warm session.

use egui::{Label, Rect, Role, Sense, Ui, WidgetInfo, vec2};
use orrery_domain::{
    Command, ModelRef,
    dataset::{ColumnSchema, ColumnType},
    job::RowPrediction,
    model::ModelCard,
    profile::{ColumnProfile, Profile},
    snapshot::ModelEntry,
    training::Task,
};
use serde::{Deserialize, Serialize};

use crate::{
    context::PageContext,
    format,
    theme::{State, size, space},
    widgets::{
        button::{Weight, icon_button, text_button},
        card,
        error_card::error_card,
        form::FormRow,
        format_cell, icon,
        input::input,
    },
};

/// The form's state.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    model: Option<ModelRef>,
    /// Whether the defaults came from a profile.
    from_profile: bool,
    values: Vec<(String, String)>,
    touched: bool,
    /// A row was asked for, so that every further edit asks again.
    asked: bool,
}

impl Form {
    /// Begins anew for another model, or when the profile with better defaults arrives before anything was typed.
    fn prepare(&mut self, model: &ModelRef, card: &ModelCard, profile: Option<&Profile>) {
        let same = self.model.as_ref() == Some(model);
        if same && (self.touched || self.from_profile || profile.is_none()) {
            return;
        }
        self.fill(card, profile);
        self.model = Some(model.clone());
        self.from_profile = profile.is_some();
        self.touched = false;
        self.asked = same && self.asked;
    }

    fn fill(&mut self, card: &ModelCard, profile: Option<&Profile>) {
        let default = |feature: &ColumnSchema| {
            let column = profile.and_then(|profile| profile.column(&feature.name));
            (feature.name.clone(), column.map(|column| usual(feature.kind, column)).unwrap_or_default())
        };
        self.values = card.features.iter().map(default).collect();
    }

    fn row(&self) -> Vec<(String, Option<String>)> {
        let text = |value: &str| Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        self.values.iter().map(|(name, value)| (name.clone(), text(value))).collect()
    }
}

/// The usual value of a column: the median, or the most frequent value.
fn usual(kind: ColumnType, column: &ColumnProfile) -> String {
    let [_, _, median, _, _] = column.numeric.as_ref().map_or([0.0; 5], |numeric| numeric.quantiles);
    match (kind, &column.numeric) {
        (ColumnType::Integer, Some(_)) => format!("{median:.0}"),
        (ColumnType::Float, Some(_)) => format::significant(median, 4),
        (ColumnType::Datetime, Some(_)) => format::moment(median),
        _ => column.top_values.first().map(|top| top.value.clone()).unwrap_or_default(),
    }
}

/// Width of the answer beside the row, points.
const ANSWER: f32 = 280.0;

/// The answer stands beside the row from this width on, points; above it where there is less.
const BESIDE: f32 = 760.0;

/// The row's fields stand in two columns from this width on, points.
const TWO: f32 = 900.0;

/// Draws the tab.
pub(super) fn show(
    entry: &ModelEntry,
    card: &ModelCard,
    profile: Option<&Profile>,
    form: &mut Form,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    form.prepare(&entry.model, card, profile);
    let theme = ctx.theme;
    let wide = ui.available_width() > BESIDE;
    let mut ask = false;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        let width = if wide { ui.available_width() - ANSWER - space::M } else { ui.available_width() };
        let down = egui::Layout::top_down(egui::Align::LEFT);
        ui.allocate_ui_with_layout(vec2(width, 0.0), down, |ui| {
            ui.set_width(width);
            ui.spacing_mut().item_spacing.x = space::S;
            if !wide {
                ask |= answer(entry, card, ctx, ui);
                ui.add_space(space::M);
            }
            let mut usual = false;
            let touched = form.touched;
            let reset = |ui: &mut Ui| {
                let words = "Usual values";
                usual = text_button(ui, theme, Some(icon::RESET), words, Weight::Quiet, touched).clicked();
            };
            let changed = card::card(ui, theme, "Row", reset, |ui| fields(card, profile, form, ctx, ui));
            form.touched |= changed;
            if usual {
                form.fill(card, profile);
                form.touched = false;
            }
            // Once asked, every edit asks again.
            ask |= form.asked && (changed || usual);
        });
        if wide {
            ui.allocate_ui_with_layout(vec2(ANSWER, 0.0), down, |ui| {
                ui.set_width(ANSWER);
                ui.spacing_mut().item_spacing.x = space::S;
                ask |= answer(entry, card, ctx, ui);
            });
        }
    });
    if ask {
        form.asked = true;
        ctx.send(Command::TryRow { model: entry.model.clone(), row: form.row() });
    }
}

/// The row's fields; says whether one changed.
fn fields(
    card: &ModelCard,
    profile: Option<&Profile>,
    form: &mut Form,
    ctx: &PageContext<'_>,
    ui: &mut Ui,
) -> bool {
    let theme = ctx.theme;
    let across = if ui.available_width() >= TWO { 2 } else { 1 };
    let tall = card.features.len().div_ceil(across).max(1);
    let mut changed = false;
    ui.columns(across, |columns| {
        for (index, (feature, (name, value))) in card.features.iter().zip(&mut form.values).enumerate() {
            let column = profile.and_then(|profile| profile.column(name));
            let help = format!("{} column; empty means missing", feature.kind.name());
            FormRow::new(name, &help).show(&mut columns[index / tall], theme, |ui| {
                changed |= field(ui, feature, column, value, ctx);
            });
        }
    });
    changed
}

/// A field of a feature: a text, and the known values one click away. Says whether it changed.
fn field(
    ui: &mut Ui,
    feature: &ColumnSchema,
    column: Option<&ColumnProfile>,
    value: &mut String,
    ctx: &PageContext<'_>,
) -> bool {
    let edit = input(value).desired_width(160.0).hint_text("missing");
    let field = ui.add(edit).accessible_name(&feature.name);
    let mut changed = field.changed();
    let known: Vec<&str> = match feature.kind {
        ColumnType::Boolean => vec!["true", "false"],
        ColumnType::Category | ColumnType::Text => column
            .map(|column| column.top_values.iter().map(|top| top.value.as_str()).collect())
            .unwrap_or_default(),
        _ => Vec::new(),
    };
    if !known.is_empty() {
        let name = format!("Known values of {}", feature.name);
        let button = icon_button(ui, ctx.theme, icon::COLLAPSE, &name, true);
        egui::Popup::menu(&button).show(|ui| {
            for known in known {
                if ui.button(known).clicked() {
                    known.clone_into(value);
                    changed = true;
                }
            }
        });
    }
    if let Some(numeric) = column.and_then(|column| column.numeric.as_ref()) {
        let show = |number: f64| match feature.kind {
            ColumnType::Datetime => format::moment(number),
            _ => format_cell::datum(number),
        };
        let words = format!("{} to {}", show(numeric.min), show(numeric.max));
        let words = ctx.theme.number(words).size(size::CAPTION).color(ctx.theme.text.weak);
        ui.add(Label::new(words).truncate());
    }
    changed
}

/// What the model says of the row, and the button that asks it; says whether that was clicked.
fn answer(entry: &ModelEntry, model: &ModelCard, ctx: &mut PageContext<'_>, ui: &mut Ui) -> bool {
    let theme = ctx.theme;
    let state = ctx.snapshot.try_row.clone().filter(|state| state.model == entry.model);
    let content = |ui: &mut Ui| {
        match state.as_ref().map(|state| &state.answer) {
            None => {
                let words =
                    "Change what you like, then predict the row. After that every edit is answered at once.";
                ui.add(Label::new(theme.weak(words)).wrap());
            }
            Some(None) => {
                ui.horizontal(|ui| {
                    ui.label(icon::state_text(theme, State::Running));
                    ui.label(theme.weak("Loading the model"));
                });
            }
            Some(Some(Err(failure))) => error_card(ctx, ui, failure),
            Some(Some(Ok(row))) => prediction(row, model, ctx, ui),
        }
        ui.add_space(space::S);
        text_button(ui, theme, Some(icon::START), "Predict this row", Weight::Normal, !entry.deleted)
            .clicked()
    };
    card::card(ui, theme, "Prediction", |_| {}, content)
}

fn prediction(row: &RowPrediction, model: &ModelCard, ctx: &PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    ui.label(theme.weak(&model.target));
    let words = match (model.task, row.value) {
        (Task::Regression, Some(value)) => format::significant(value, 6),
        _ => row.prediction.clone(),
    };
    let shown = ui.label(theme.figure(&words).size(size::DISPLAY));
    shown.widget_info(|| WidgetInfo::labeled(Role::Status, true, format!("Prediction: {words}")));
    for (class, probability) in &row.probabilities {
        ui.horizontal(|ui| {
            ui.add(Label::new(theme.body(class)).truncate());
            crate::widgets::row::right(ui, |ui| {
                ui.label(theme.number(format!("{probability:.4}")));
            });
        });
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), space::XS), Sense::hover());
        let bar = Rect::from_min_size(
            rect.min,
            vec2(rect.width() * probability.clamp(0.0, 1.0) as f32, rect.height()),
        );
        ui.painter().rect_filled(rect, 2.0, theme.surface.hover);
        ui.painter().rect_filled(bar, 2.0, theme.series(0));
        response.widget_info(|| {
            WidgetInfo::labeled(Role::Meter, true, format!("Probability of {class}: {probability:.4}"))
        });
    }
    for warning in &row.warnings {
        ui.horizontal_wrapped(|ui| {
            ui.label(icon::state_text(theme, State::Warning));
            ui.add(Label::new(theme.body(warning)).wrap());
        });
    }
    ui.add_space(space::XS);
    ui.label(theme.caption(format!("Computed in {}", format::duration(row.secs))));
}

#[cfg(test)]
mod tests {
    use orrery_domain::profile::{NumericSummary, ValueCount};

    use super::*;

    #[test]
    fn usual_values_are_medians_and_the_most_frequent() {
        let numeric = NumericSummary {
            min: 0.0,
            max: 9.0,
            mean: 4.0,
            std: None,
            quantiles: [0.0, 1.0, 4.4, 6.0, 9.0],
            zeros: 0,
        };
        let mut column = ColumnProfile {
            name: "x".to_owned(),
            kind: ColumnType::Integer,
            missing: 0,
            distinct: 3,
            numeric: Some(numeric),
            histogram: None,
            top_values: vec![ValueCount { value: "JFK".to_owned(), count: 3 }],
            text_length: None,
        };
        assert_eq!(usual(ColumnType::Integer, &column), "4");
        assert_eq!(usual(ColumnType::Float, &column), "4.400");
        column.numeric = None;
        assert_eq!(usual(ColumnType::Category, &column), "JFK");
    }
}
