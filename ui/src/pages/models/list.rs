//! The list of model versions.

use std::borrow::Cow;

use egui::Ui;
use orrery_domain::snapshot::ModelEntry;

use super::{ModelsState, Passing, data::ModelsView};
use crate::{
    context::{PageContext, PickRequest},
    format,
    route::Route,
    theme::space,
    widgets::{
        choice::checkbox,
        table::{PlainHost, SortKey, TableColumn, TableRows, TableSpec, table},
    },
};

const MODEL: usize = 0;
const VALUE: usize = 1;
const METRIC: usize = 2;
const AGE: usize = 3;
const FAMILY: usize = 4;
const DATASET: usize = 5;
const TARGET: usize = 6;
const BYTES: usize = 7;

struct Versions<'a> {
    entries: Vec<&'a ModelEntry>,
    names: Vec<String>,
    now: f64,
}

impl TableRows for Versions<'_> {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn key(&self, row: usize) -> Cow<'_, str> {
        Cow::Borrowed(&self.names[row])
    }

    fn text(&self, row: usize, column: usize) -> Cow<'_, str> {
        let entry = self.entries[row];
        match column {
            MODEL if entry.deleted => format!("{} (in the bin)", self.names[row]).into(),
            MODEL => Cow::Borrowed(&self.names[row]),
            VALUE => format::metric(entry.primary.0, entry.primary.1.value).into(),
            METRIC => entry.primary.0.title().into(),
            AGE => format::ago(self.now, entry.created_at).into(),
            FAMILY => entry.kind.name().into(),
            DATASET => Cow::Borrowed(&entry.dataset_name),
            TARGET => Cow::Borrowed(&entry.target),
            BYTES => format::bytes(entry.bytes).into(),
            _ => Cow::Borrowed(""),
        }
    }

    fn sort_key(&self, row: usize, column: usize) -> SortKey<'_> {
        let entry = self.entries[row];
        match column {
            VALUE => entry.primary.1.value.map_or(SortKey::Missing, SortKey::Number),
            AGE => SortKey::Number(-entry.created_at),
            BYTES => SortKey::Number(entry.bytes as f64),
            _ => SortKey::Text(self.text(row, column)),
        }
    }

    fn exact(&self, row: usize, column: usize) -> Cow<'_, str> {
        let entry = self.entries[row];
        match column {
            MODEL => Cow::Borrowed(&self.names[row]),
            VALUE => entry.primary.1.value.map(|value| value.to_string()).unwrap_or_default().into(),
            AGE => format::moment(entry.created_at).into(),
            BYTES => entry.bytes.to_string().into(),
            _ => self.text(row, column),
        }
    }

    fn matches(&self, row: usize, needle: &str) -> bool {
        [MODEL, FAMILY, DATASET, TARGET, METRIC]
            .iter()
            .any(|column| self.text(row, *column).to_lowercase().contains(needle))
    }
}

fn columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Model", 108.0).growing().help("Name and version"),
        TableColumn::number("Value", 62.0).help("The primary metric on the test rows"),
        TableColumn::text("Metric", 76.0),
        TableColumn::number("Age", 88.0),
        TableColumn::text("Family", 80.0).hidden(),
        TableColumn::text("Dataset", 110.0).hidden(),
        TableColumn::text("Target", 90.0).hidden(),
        TableColumn::number("Disk", 76.0).hidden(),
    ]
}

/// Draws the list; a click chooses.
pub(super) fn show(
    view: &ModelsView,
    state: &mut ModelsState,
    passing: &mut Passing,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let snapshot = ctx.snapshot.clone();
    let entries: Vec<&ModelEntry> =
        snapshot.models.iter().filter(|entry| !entry.deleted || state.show_deleted).collect();
    let names = entries.iter().map(|entry| entry.model.to_string()).collect();
    let rows = Versions { entries, names, now: snapshot.now };
    if let Some(chosen) = &view.chosen {
        let key = chosen.model.to_string();
        if !passing.table.selected.contains(&key) || passing.table.selected.len() != 1 {
            passing.table.select_only(key);
        }
    }
    if view.deleted > 0 {
        let words = format!("Show the bin ({})", view.deleted);
        if checkbox(ui, ctx.theme, &mut state.show_deleted, &words).changed() {
            ctx.outbox.go(ctx.route.clone());
        }
        ui.add_space(space::XS);
    }
    let columns = columns();
    let revision = snapshot.revision.wrapping_mul(2).wrapping_add(u64::from(state.show_deleted));
    let mut spec = TableSpec::new("Model versions", "version", &columns, revision);
    spec.empty = "Every version is in the bin";
    let output = table(ui, ctx.theme, &spec, &mut passing.table, &rows, &mut PlainHost);
    if let Some(bytes) = output.export {
        ctx.outbox.pick(PickRequest::save("Save the list of models", "models.csv", bytes));
    }
    if let Some(words) = output.copied {
        ctx.outbox.toast(orrery_domain::snapshot::Severity::Ok, words);
    }
    if output.selection_changed
        && let Some(key) = passing.table.selected.iter().next()
        && let Ok(model) = key.parse()
    {
        ctx.go(Route::Models { model: Some(model) });
    }
}
