//! The columns of a dataset: one row each, with type, missing values, shape, numbers, warnings and their remedies.

use std::borrow::Cow;

use egui::{ComboBox, Ui, vec2};
use orrery_domain::{
    DatasetId,
    dataset::ColumnType,
    profile::{Remedy, ValueCount},
};

use super::{
    DataPage,
    data::{ColumnFacts, ColumnRole, ColumnView, DatasetView, WarningView},
};
use crate::{
    context::{PageContext, PickRequest},
    format::{self, NONE},
    theme::{State, Theme, size, space},
    widgets::{
        button::{Weight, text_button},
        format_cell::{date, datum, share},
        histogram, icon,
        missing_bar::missing_bar,
        table::{SortKey, TableColumn, TableHost, TableRows, TableSpec, table},
        table_index::contains_folded,
    },
};

const NAME: usize = 0;
const TYPE: usize = 1;
const MISSING: usize = 2;
const DISTINCT: usize = 3;
const SHAPE: usize = 4;
const WARNINGS: usize = 5;
const MEAN: usize = 6;
const MIN: usize = 7;
const MAX: usize = 8;

/// Size of the shape in a cell, points.
const SHAPE_SIZE: egui::Vec2 = vec2(132.0, 26.0);

/// Height of a column's row, points.
const ROW: f32 = 36.0;

fn table_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Name", 120.0).growing().drawn(),
        TableColumn::text("Type", 116.0).drawn().help("Choose another type to read the file again with it"),
        TableColumn::number("Missing", 92.0).drawn().help("Rows without a value"),
        TableColumn::number("Distinct", 66.0).help("Distinct values"),
        TableColumn::text("Values", 148.0)
            .drawn()
            .unsorted()
            .help("Histogram of numbers and dates, top values of the rest"),
        TableColumn::text("Warnings", 188.0).growing().drawn(),
        TableColumn::number("Mean", 78.0),
        TableColumn::number("Min", 78.0),
        TableColumn::number("Max", 78.0),
    ]
}

/// Draws the table.
pub(super) fn show(page: &mut DataPage, ctx: &mut PageContext<'_>, ui: &mut Ui, dataset: &DatasetView) {
    let columns = table_columns();
    let spec = TableSpec { row_height: ROW, ..TableSpec::new("Columns", "column", &columns, page.revision) };
    let rows = Rows { dataset };
    let mut host = Host { theme: ctx.theme, dataset, asked: None, editable: !ctx.read_only() };
    let output = table(ui, ctx.theme, &spec, &mut page.columns, &rows, &mut host);
    let asked = host.asked.take();
    if let Some(bytes) = output.export {
        let name = format!("{}-columns.csv", dataset.name);
        ctx.outbox.pick(PickRequest::save("Export the columns", name, bytes));
    }
    if let Some(words) = output.copied {
        ctx.outbox.toast(orrery_domain::snapshot::Severity::Ok, words);
    }
    match asked {
        Some(Asked::Remedy(remedy)) => page.apply(ctx, &dataset.id, &remedy),
        Some(Asked::Target(column)) => {
            let draft = ctx.drafts.edit(&dataset.id);
            draft.exclude.retain(|other| *other != column);
            draft.target = column;
            draft.task = None;
            draft.positive = None;
        }
        None => {}
    }
}

/// A warning about the whole table, with its remedy.
pub(super) fn table_warning(
    page: &mut DataPage,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
    id: &DatasetId,
    warning: &WarningView,
) {
    let theme = ctx.theme;
    ui.horizontal(|ui| {
        ui.label(icon::state_text(theme, State::Warning));
        ui.label(theme.strong(warning.title.as_str()));
        if let Some(remedy) = &warning.remedy {
            let response = text_button(
                ui,
                theme,
                None,
                &remedy.words,
                Weight::Normal,
                !ctx.snapshot.workspace.read_only,
            );
            if response.clicked() {
                page.apply(ctx, id, &remedy.remedy);
            }
        }
        ui.add(egui::Label::new(theme.weak(warning.message.as_str())).truncate())
            .on_hover_text(warning.message.as_str());
    });
}

/// What a person asked of a row.
enum Asked {
    Remedy(Remedy),
    Target(String),
}

struct Rows<'a> {
    dataset: &'a DatasetView,
}

impl Rows<'_> {
    fn value(column: &ColumnView, which: usize) -> Option<f64> {
        let facts = column.profile.as_ref()?;
        match which {
            MISSING => Some(facts.missing as f64),
            DISTINCT => Some(facts.distinct as f64),
            MEAN => facts.numbers.map(|numbers| numbers[0]),
            MIN => facts.numbers.map(|numbers| numbers[1]),
            MAX => facts.numbers.map(|numbers| numbers[2]),
            _ => None,
        }
    }
}

impl TableRows for Rows<'_> {
    fn len(&self) -> usize {
        self.dataset.columns.len()
    }

    fn key(&self, row: usize) -> Cow<'_, str> {
        Cow::Borrowed(&self.dataset.columns[row].name)
    }

    fn text(&self, row: usize, column: usize) -> Cow<'_, str> {
        let view = &self.dataset.columns[row];
        let dates = view.kind == ColumnType::Datetime;
        let text = match (column, Self::value(view, column)) {
            (NAME, _) => return Cow::Borrowed(&view.name),
            (TYPE, _) => return Cow::Borrowed(view.kind.name()),
            (SHAPE, _) => view.profile.as_ref().map_or_else(String::new, |facts| top_text(&facts.top_values)),
            (WARNINGS, _) => view.warnings.iter().map(|w| w.title.as_str()).collect::<Vec<_>>().join(", "),
            (MISSING, Some(missing)) => share(missing / (self.dataset.rows.max(1)) as f64),
            (DISTINCT, Some(distinct)) => format::count(distinct as u64),
            (_, Some(value)) if dates => date(value),
            (_, Some(value)) => datum(value),
            (_, None) => NONE.to_owned(),
        };
        Cow::Owned(text)
    }

    fn sort_key(&self, row: usize, column: usize) -> SortKey<'_> {
        let view = &self.dataset.columns[row];
        match column {
            NAME | TYPE => SortKey::Text(self.text(row, column)),
            WARNINGS if view.warnings.is_empty() => SortKey::Missing,
            WARNINGS => SortKey::Number(view.warnings.len() as f64),
            _ => Self::value(view, column).map_or(SortKey::Missing, SortKey::Number),
        }
    }

    fn exact(&self, row: usize, column: usize) -> Cow<'_, str> {
        let view = &self.dataset.columns[row];
        match Self::value(view, column) {
            Some(value) if view.kind != ColumnType::Datetime || column <= DISTINCT => {
                Cow::Owned(value.to_string())
            }
            None if matches!(column, MISSING | DISTINCT | MEAN | MIN | MAX) => Cow::Borrowed(""),
            _ => self.text(row, column),
        }
    }

    fn matches(&self, row: usize, needle: &str) -> bool {
        [NAME, TYPE, WARNINGS].into_iter().any(|column| contains_folded(&self.text(row, column), needle))
    }
}

/// The most frequent values, as words.
fn top_text(values: &[ValueCount]) -> String {
    values.iter().take(3).map(|value| value.value.as_str()).collect::<Vec<_>>().join(", ")
}

struct Host<'a> {
    theme: &'a Theme,
    dataset: &'a DatasetView,
    asked: Option<Asked>,
    editable: bool,
}

impl TableHost for Host<'_> {
    fn cell(&mut self, ui: &mut Ui, row: usize, column: usize) {
        let view = &self.dataset.columns[row];
        match (column, &view.profile) {
            (NAME, _) => name(ui, self.theme, view),
            (TYPE, _) => self.types(ui, view),
            (MISSING, Some(facts)) => _ = missing_bar(ui, self.theme, facts.missing, self.dataset.rows),
            (SHAPE, Some(facts)) => shape(ui, self.theme, view, facts, self.dataset.rows),
            (WARNINGS, _) => self.warnings(ui, view),
            _ => _ = ui.label(self.theme.weak(NONE)),
        }
    }

    fn menu(&mut self, ui: &mut Ui, row: usize) {
        let view = &self.dataset.columns[row];
        if ui.button("Use as target").clicked() {
            self.asked = Some(Asked::Target(view.name.clone()));
        }
        let words = if view.role == ColumnRole::Excluded {
            "Use as a feature again"
        } else {
            "Exclude from features"
        };
        if view.role != ColumnRole::Target && ui.button(words).clicked() {
            self.asked = Some(Asked::Remedy(Remedy::Exclude { column: view.name.clone() }));
        }
        ui.separator();
    }
}

fn name(ui: &mut Ui, theme: &Theme, view: &ColumnView) {
    let words = match view.role {
        ColumnRole::Feature => theme.body(view.name.as_str()),
        ColumnRole::Target => theme.strong(view.name.as_str()).color(theme.accent.text),
        ColumnRole::Excluded => theme.body(view.name.as_str()).color(theme.text.weak).strikethrough(),
    };
    let tag = match view.role {
        ColumnRole::Feature => None,
        ColumnRole::Target => Some("target"),
        ColumnRole::Excluded => Some("excluded"),
    };
    let room = if tag.is_some() { 56.0 } else { 0.0 };
    ui.scope(|ui| {
        ui.set_max_width((ui.available_width() - room).max(space::XL));
        ui.add(egui::Label::new(words).truncate());
    });
    if let Some(tag) = tag {
        ui.label(theme.caption(tag));
    }
}

fn shape(ui: &mut Ui, theme: &Theme, view: &ColumnView, facts: &ColumnFacts, rows: u64) {
    match &facts.histogram {
        Some(data) => {
            let dates = view.kind == ColumnType::Datetime;
            histogram::histogram(ui, theme, data, dates, SHAPE_SIZE, &view.name);
        }
        None => _ = histogram::top_values(ui, theme, &facts.top_values, rows, SHAPE_SIZE, &view.name),
    }
}

impl Host<'_> {
    fn types(&mut self, ui: &mut Ui, view: &ColumnView) {
        let mut chosen = view.kind;
        ui.add_enabled_ui(self.editable, |ui| {
            let words = self.theme.body(view.kind.name()).size(size::LABEL);
            let combo =
                ComboBox::from_id_salt("type").width(ui.available_width() - space::XS).selected_text(words);
            let shown = combo.show_ui(ui, |ui| {
                for kind in ColumnType::ALL {
                    ui.selectable_value(&mut chosen, kind, kind.name());
                }
            });
            let response = shown.response.accessible_name(format!("Type of {}", view.name));
            if view.overridden {
                response.on_hover_text("This type was set by hand");
            }
        });
        if chosen != view.kind {
            self.asked = Some(Asked::Remedy(Remedy::Retype { column: view.name.clone(), to: chosen }));
        }
    }

    fn warnings(&mut self, ui: &mut Ui, view: &ColumnView) {
        for warning in &view.warnings {
            ui.label(icon::state_text(self.theme, State::Warning)).on_hover_text(warning.message.as_str());
            // The button stands first: a long title may be cut, what to do about it may not.
            let clicked = warning.remedy.as_ref().is_some_and(|remedy| {
                let words = self.theme.weak(remedy.words.as_str()).color(self.theme.accent.text);
                let button = egui::Button::selectable(remedy.done, words).small();
                let response = ui.add_enabled(self.editable, button);
                let name = format!("{} {}", remedy.words, view.name);
                response.on_hover_text(warning.message.as_str()).accessible_name(name).clicked()
            });
            let title = self.theme.weak(warning.title.as_str()).color(self.theme.text.body);
            ui.label(title).on_hover_text(warning.message.as_str());
            if clicked && let Some(remedy) = &warning.remedy {
                self.asked = Some(Asked::Remedy(remedy.remedy.clone()));
            }
        }
    }
}
