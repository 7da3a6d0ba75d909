//! Row form: a row by hand, a field a feature, with usual values and known ones a click away; and what the model said of it.

use egui::{Label, Rect, Role, Sense, Ui, WidgetInfo, vec2};
use orrery_domain::{
    ModelRef,
    dataset::{ColumnSchema, ColumnType},
    job::RowPrediction,
    model::ModelCard,
    profile::{ColumnProfile, Profile},
    training::Task,
};
use serde::{Deserialize, Serialize};

use super::{button::icon_button, form::FormRow, format_cell, icon, input::input};
use crate::{
    context::PageContext,
    format,
    theme::{State, size, space},
};

/// The form's state.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RowForm {
    model: Option<ModelRef>,
    /// Whether the defaults came from a profile.
    from_profile: bool,
    values: Vec<(String, String)>,
    /// Whether something was typed.
    pub touched: bool,
    /// A row was asked for, so that every further edit asks again.
    pub asked: bool,
}

impl RowForm {
    /// Begins anew for another model, or when the profile with better defaults arrives before anything was typed.
    pub fn prepare(&mut self, model: &ModelRef, card: &ModelCard, profile: Option<&Profile>) {
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

    /// Usual values.
    pub fn fill(&mut self, card: &ModelCard, profile: Option<&Profile>) {
        let default = |feature: &ColumnSchema| {
            let column = profile.and_then(|profile| profile.column(&feature.name));
            (feature.name.clone(), column.map(|column| usual(feature.kind, column)).unwrap_or_default())
        };
        self.values = card.features.iter().map(default).collect();
    }

    /// The values of a row that is known.
    pub fn begin_with(
        &mut self,
        model: &ModelRef,
        values: impl IntoIterator<Item = (String, Option<String>)>,
    ) {
        self.values = values.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect();
        self.model = Some(model.clone());
        self.from_profile = true;
        (self.touched, self.asked) = (false, false);
    }

    /// Whether it holds a row of this model.
    pub fn is_of(&self, model: &ModelRef) -> bool {
        self.model.as_ref() == Some(model)
    }

    /// The values, as a session takes them.
    pub fn row(&self) -> Vec<(String, Option<String>)> {
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

/// The row's fields stand in two columns from this width on, points.
const TWO: f32 = 900.0;

/// The row's fields; says whether one changed.
pub fn fields(
    card: &ModelCard,
    profile: Option<&Profile>,
    form: &mut RowForm,
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

/// What the model says.
pub fn prediction(row: &RowPrediction, model: &ModelCard, ctx: &PageContext<'_>, ui: &mut Ui) {
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
            super::row::right(ui, |ui| {
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
