//! The first rows of a dataset, and the rows that were left out.

use std::borrow::Cow;

use egui::Ui;

use super::{
    DataPage,
    data::{ColumnView, DatasetView},
};
use crate::{
    context::{PageContext, PickRequest},
    format,
    widgets::{
        format_cell::number,
        table::{PlainHost, SortKey, TableColumn, TableRows, TableSpec, table},
        table_index::contains_folded,
    },
};

/// Draws the first rows.
pub(super) fn rows(page: &mut DataPage, ctx: &mut PageContext<'_>, ui: &mut Ui, dataset: &DatasetView) {
    let mut columns = vec![TableColumn::number("Row", 56.0)];
    columns.extend(dataset.columns.iter().map(|column| {
        let wide = (column.name.chars().count() as f32 * 8.0 + 28.0).clamp(84.0, 180.0);
        if column.kind.is_numeric() {
            TableColumn::number(column.name.as_str(), wide)
        } else {
            TableColumn::text(column.name.as_str(), wide.max(110.0))
        }
    }));
    let spec = TableSpec {
        empty: "The profile holds no rows",
        ..TableSpec::new("Preview", "row", &columns, page.revision)
    };
    let rows = Preview { columns: &dataset.columns, rows: &dataset.preview };
    let output = table(ui, ctx.theme, &spec, &mut page.preview, &rows, &mut PlainHost);
    finish(ctx, output.export, output.copied, &format!("{}-preview.csv", dataset.name));
}

/// Draws the rows that were left out.
pub(super) fn bad_rows(page: &mut DataPage, ctx: &mut PageContext<'_>, ui: &mut Ui, dataset: &DatasetView) {
    let listed = dataset.bad_row_list.len() as u64;
    if listed < dataset.bad_rows {
        let words = format!(
            "The first {} of {} are listed.",
            format::count(listed),
            format::plural(dataset.bad_rows, "bad row")
        );
        ui.label(ctx.theme.weak(words));
    }
    let columns = [TableColumn::number("Line", 90.0), TableColumn::text("Reason", 320.0).growing()];
    let spec = TableSpec {
        empty: "Every row of the file was kept",
        ..TableSpec::new("Bad rows", "row", &columns, page.revision)
    };
    let output = table(ui, ctx.theme, &spec, &mut page.bad_rows, &BadRows(dataset), &mut PlainHost);
    finish(ctx, output.export, output.copied, &format!("{}-bad-rows.csv", dataset.name));
}

fn finish(ctx: &mut PageContext<'_>, export: Option<Vec<u8>>, copied: Option<String>, name: &str) {
    if let Some(bytes) = export {
        ctx.outbox.pick(PickRequest::save("Export the rows", name, bytes));
    }
    if let Some(words) = copied {
        ctx.outbox.toast(orrery_domain::snapshot::Severity::Ok, words);
    }
}

struct Preview<'a> {
    columns: &'a [ColumnView],
    rows: &'a [Vec<Option<String>>],
}

impl Preview<'_> {
    fn raw(&self, row: usize, column: usize) -> Option<&str> {
        self.rows.get(row)?.get(column.checked_sub(1)?)?.as_deref()
    }

    fn numeric(&self, column: usize) -> bool {
        column.checked_sub(1).and_then(|column| self.columns.get(column)).is_some_and(|c| c.kind.is_numeric())
    }
}

impl TableRows for Preview<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn key(&self, row: usize) -> Cow<'_, str> {
        Cow::Owned(row.to_string())
    }

    fn text(&self, row: usize, column: usize) -> Cow<'_, str> {
        if column == 0 {
            return Cow::Owned(format::count(row as u64 + 1));
        }
        let raw = self.raw(row, column).unwrap_or_default();
        // Long decimals would push everything else out of view; the exact text is copied and exported.
        match raw.parse::<f64>() {
            Ok(value) if self.numeric(column) && raw.len() > 10 => Cow::Owned(number(value)),
            _ => Cow::Borrowed(raw),
        }
    }

    fn exact(&self, row: usize, column: usize) -> Cow<'_, str> {
        if column == 0 {
            Cow::Owned((row + 1).to_string())
        } else {
            Cow::Borrowed(self.raw(row, column).unwrap_or_default())
        }
    }

    fn sort_key(&self, row: usize, column: usize) -> SortKey<'_> {
        if column == 0 {
            return SortKey::Number(row as f64);
        }
        match self.raw(row, column) {
            None => SortKey::Missing,
            Some(text) if self.numeric(column) => text.parse().map_or(SortKey::Missing, SortKey::Number),
            Some(text) => SortKey::Text(Cow::Borrowed(text)),
        }
    }

    fn matches(&self, row: usize, needle: &str) -> bool {
        self.rows[row].iter().flatten().any(|text| contains_folded(text, needle))
    }
}

struct BadRows<'a>(&'a DatasetView);

impl TableRows for BadRows<'_> {
    fn len(&self) -> usize {
        self.0.bad_row_list.len()
    }

    fn key(&self, row: usize) -> Cow<'_, str> {
        Cow::Owned(format!("{row}"))
    }

    fn text(&self, row: usize, column: usize) -> Cow<'_, str> {
        let bad = &self.0.bad_row_list[row];
        if column == 0 { Cow::Owned(format::count(bad.line)) } else { Cow::Borrowed(&bad.reason) }
    }

    fn exact(&self, row: usize, column: usize) -> Cow<'_, str> {
        if column == 0 {
            Cow::Owned(self.0.bad_row_list[row].line.to_string())
        } else {
            self.text(row, column)
        }
    }

    fn sort_key(&self, row: usize, column: usize) -> SortKey<'_> {
        if column == 0 {
            SortKey::Number(self.0.bad_row_list[row].line as f64)
        } else {
            SortKey::Text(self.text(row, column))
        }
    }

    fn matches(&self, row: usize, needle: &str) -> bool {
        let bad = &self.0.bad_row_list[row];
        contains_folded(&bad.reason, needle) || bad.line.to_string().contains(needle)
    }
}
