//! First fold: what is predicted from what, and how rows are divided.

use egui::{ComboBox, ScrollArea, Ui};
use orrery_domain::training::{Split, TargetTransform, Task};

use super::{
    TrainPage,
    data::{FormView, Place, split_words, task_words},
    fields::Field,
    training::number_row,
};
use crate::{
    context::PageContext,
    format,
    theme::{State, space},
    widgets::{
        button::{Weight, text_button},
        choice::checkbox,
        column_picker::ColumnPicker,
        form::FormRow,
        icon,
        input::input,
        table_index::contains_folded,
    },
};

/// Width of the pickers, points.
const PICKER: f32 = 280.0;

/// Features in view: in a form of one column, and of two.
const FEATURES: (f32, f32) = (6.0, 14.0);

pub(super) fn show(
    page: &mut TrainPage,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
    form: &FormView,
    roomy: bool,
) {
    let names: Vec<String> = form.columns.iter().map(|column| column.name.clone()).collect();
    target(page, ctx, ui, form, &names);
    task(ctx, ui, form);
    if form.task == Some(Task::Binary) {
        positive(ctx, ui, form);
    }
    if form.task != Some(Task::Regression) {
        class_weights(ctx, ui, form);
    }
    if form.task.is_none_or(|task| task == Task::Regression) {
        transform(ctx, ui, form);
    }
    features(page, ctx, ui, form, if roomy { FEATURES.1 } else { FEATURES.0 });
    weight(ctx, ui, form, &names);
    split(ctx, ui, form, &names);
    if !matches!(form.config.split, Split::Column { .. }) {
        for field in Field::SPLIT {
            number_row(page, ctx, ui, form, field);
        }
    }
}

fn target(page: &TrainPage, ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView, names: &[String]) {
    // A form that nobody has touched does not scold.
    let error = form.problem(Place::Target).filter(|_| page.tried || !form.config.target.is_empty());
    let row = FormRow::new("Target", "The column to predict").error(error);
    let chosen = Some(form.config.target.as_str()).filter(|target| !target.is_empty());
    let picker = ColumnPicker {
        name: "Target",
        columns: names,
        chosen,
        none: "Choose what to predict",
        optional: false,
        width: PICKER,
    };
    let theme = ctx.theme;
    if let Some(Some(target)) = row.show(ui, theme, |ui| picker.show(ui, theme)).inner {
        let draft = ctx.drafts.edit(&form.dataset);
        draft.exclude.retain(|column| *column != target);
        draft.target = target;
        draft.task = None;
        draft.positive = None;
        draft.target_transform = TargetTransform::None;
        draft.class_weights = false;
    }
}

fn task(ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    let suggested = match (form.config.task, form.task) {
        (None, Some(task)) => format!("Automatic ({})", task_words(task)),
        _ => "Automatic".to_owned(),
    };
    let mut chosen = form.config.task;
    let words = chosen.map_or(suggested.clone(), |task| task_words(task).to_owned());
    let row = FormRow::new("Task", "What kind of value the target is; Automatic lets the target decide")
        .default_value("", chosen.is_some())
        .error(form.problem(Place::Task));
    let response = row.show(ui, ctx.theme, |ui| {
        ComboBox::from_id_salt("task").width(PICKER).selected_text(words).show_ui(ui, |ui| {
            ui.selectable_value(&mut chosen, None, suggested.as_str());
            for task in [Task::Binary, Task::Multiclass, Task::Regression] {
                ui.selectable_value(&mut chosen, Some(task), task_words(task));
            }
        });
    });
    if response.reset {
        chosen = None;
    }
    if chosen != form.config.task {
        ctx.drafts.edit(&form.dataset).task = chosen;
    }
}

fn positive(ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    let larger = form
        .classes
        .last()
        .map_or_else(|| "the larger value".to_owned(), |class| format!("{class} (the larger)"));
    let mut chosen = form.config.positive.clone();
    let words = chosen.clone().unwrap_or_else(|| larger.clone());
    let row = FormRow::new("Positive class", "The class whose probability is predicted")
        .default_value("", chosen.is_some())
        .error(form.problem(Place::Positive));
    let response = row.show(ui, ctx.theme, |ui| {
        ComboBox::from_id_salt("positive").width(PICKER).selected_text(words).show_ui(ui, |ui| {
            ui.selectable_value(&mut chosen, None, larger.as_str());
            for class in &form.classes {
                ui.selectable_value(&mut chosen, Some(class.clone()), class.as_str());
            }
        });
    });
    if response.reset {
        chosen = None;
    }
    if chosen != form.config.positive {
        ctx.drafts.edit(&form.dataset).positive = chosen;
    }
}

fn class_weights(ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    let mut on = form.config.class_weights;
    let row = FormRow::new("Class weights", "Weight classes by the inverse of their frequency")
        .default_value("default off", on);
    let response = row.show(ui, ctx.theme, |ui| checkbox(ui, ctx.theme, &mut on, "Balance rare classes"));
    if response.reset {
        on = false;
    }
    if on != form.config.class_weights {
        ctx.drafts.edit(&form.dataset).class_weights = on;
    }
}

fn transform(ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    let mut log = form.config.target_transform == TargetTransform::Log;
    let row = FormRow::new(
        "Target transform",
        "Learn the natural logarithm of the target; predictions stay in its own unit",
    )
    .default_value("default off", log)
    .error(form.problem(Place::Transform));
    let response = row.show(ui, ctx.theme, |ui| checkbox(ui, ctx.theme, &mut log, "Learn its logarithm"));
    let wanted = if log && !response.reset { TargetTransform::Log } else { TargetTransform::None };
    if wanted != form.config.target_transform {
        ctx.drafts.edit(&form.dataset).target_transform = wanted;
    }
}

/// The columns to learn from, each with a check.
fn features(page: &mut TrainPage, ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView, in_view: f32) {
    let used = form.columns.len() - form.config.exclude.len() - usize::from(!form.config.target.is_empty());
    let row = FormRow::new("Features", "The columns to learn from").error(form.problem(Place::Features));
    let theme = ctx.theme;
    row.show(ui, theme, |ui| {
        ui.vertical(|ui| {
            ui.horizontal(|ui| {
                let hint =
                    input(&mut page.filter).hint_text("Filter columns").desired_width(PICKER * 0.6 - 16.0);
                ui.add(hint).accessible_name("Filter columns");
                ui.label(theme.weak(format!(
                    "{} of {} used",
                    used,
                    format::plural(form.columns.len() as u64, "column")
                )));
                let any = !form.config.exclude.is_empty();
                if any && text_button(ui, theme, None, "Use all", Weight::Quiet, true).clicked() {
                    ctx.drafts.edit(&form.dataset).exclude.clear();
                }
            });
            let needle = page.filter.trim().to_lowercase();
            let shown: Vec<_> = form
                .columns
                .iter()
                .filter(|column| column.name != form.config.target && contains_folded(&column.name, &needle))
                .collect();
            // Rows are exactly as high as the area counts them.
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.spacing_mut().interact_size.y = space::ROW;
            let area = ScrollArea::vertical()
                .id_salt("features")
                .max_height(space::ROW * in_view)
                .min_scrolled_height(space::ROW * in_view)
                .auto_shrink([false, true]);
            area.show_rows(ui, space::ROW, shown.len(), |ui, rows| {
                for column in &shown[rows] {
                    feature(ctx, ui, form, column);
                }
            });
        });
    });
}

fn feature(ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView, column: &super::data::FormColumn) {
    let theme = ctx.theme;
    ui.horizontal(|ui| {
        ui.set_min_height(space::ROW);
        let mut used = !form.config.exclude.contains(&column.name);
        if checkbox(ui, theme, &mut used, &column.name).changed() {
            let draft = ctx.drafts.edit(&form.dataset);
            if used {
                draft.exclude.retain(|other| *other != column.name);
            } else {
                draft.exclude.push(column.name.clone());
            }
        }
        ui.label(theme.caption(column.kind.name()));
        if let Some(warning) = &column.warning {
            ui.label(icon::state_text(theme, State::Warning)).on_hover_text(warning.as_str());
            ui.add(egui::Label::new(theme.caption(warning.as_str())).truncate())
                .on_hover_text(warning.as_str());
        }
    });
}

fn weight(ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView, names: &[String]) {
    let row = FormRow::new("Row weights", "A column of weights, 0 or more; it is never a feature")
        .error(form.problem(Place::Weight));
    let picker = ColumnPicker {
        name: "Row weights",
        columns: names,
        chosen: form.config.weight.as_deref(),
        none: "None: every row counts the same",
        optional: true,
        width: PICKER,
    };
    let theme = ctx.theme;
    if let Some(chosen) = row.show(ui, theme, |ui| picker.show(ui, theme)).inner {
        ctx.drafts.edit(&form.dataset).weight = chosen;
    }
}

fn split(ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView, names: &[String]) {
    let mut chosen = form.config.split.clone();
    let column = match &chosen {
        Split::Time { column } | Split::Column { column } => column.clone(),
        _ => String::new(),
    };
    let row = FormRow::new("Split", "How rows are divided into training, validation and test rows")
        .default_value("", chosen != Split::Auto)
        .error(form.problem(Place::Split));
    let theme = ctx.theme;
    let response = row.show(ui, theme, |ui| {
        let title = |split: &Split| match split {
            Split::Auto => "Automatic (stratified for classes)".to_owned(),
            Split::Time { .. } => "By time: the latest rows are the test".to_owned(),
            Split::Column { .. } => "By a column of train, valid, test".to_owned(),
            other => capitalized(&split_words(other)),
        };
        ComboBox::from_id_salt("split").width(PICKER).selected_text(title(&chosen)).show_ui(ui, |ui| {
            let time = Split::Time { column: column.clone() };
            let by_column = Split::Column { column: column.clone() };
            for option in [Split::Auto, Split::Random, Split::Stratified, time, by_column] {
                let words = title(&option);
                ui.selectable_value(&mut chosen, option, words);
            }
        });
        if let Split::Time { column } | Split::Column { column } = &mut chosen {
            let picker = ColumnPicker {
                name: "Split column",
                columns: names,
                chosen: Some(column.as_str()).filter(|column| !column.is_empty()),
                none: "Choose a column",
                optional: false,
                width: PICKER * 0.5,
            };
            if let Some(Some(name)) = picker.show(ui, theme) {
                *column = name;
            }
        }
    });
    if response.reset {
        chosen = Split::Auto;
    }
    if chosen != form.config.split {
        ctx.drafts.edit(&form.dataset).split = chosen;
    }
}

fn capitalized(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
