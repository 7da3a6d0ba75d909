//! The data table: virtual rows, stable sort, filter, column chooser, selection by mouse and keyboard, copy, export.
//!
//! Only the rows in view are laid out, so 100,000 rows cost as much as thirty. Rows are told apart by their key, so a
//! selection survives sorting, filtering and new snapshots.

use std::{borrow::Cow, ops::Range};

use egui::Ui;

use super::{table_csv, table_toolbar, table_view};
pub use super::{
    table_index::{Direction, SortKey},
    table_state::{TableChoices, TableState},
};
use crate::{
    format,
    theme::{Theme, space},
};

/// The rows of a table, as plain questions. `row` counts from 0 in the rows' own order.
pub trait TableRows {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What names the row for good.
    fn key(&self, row: usize) -> Cow<'_, str>;

    /// What a cell shows, copies and reads aloud.
    fn text(&self, row: usize, column: usize) -> Cow<'_, str>;

    /// What a cell sorts by: its text, unless said otherwise.
    fn sort_key(&self, row: usize, column: usize) -> SortKey<'_> {
        let text = self.text(row, column);
        if text.is_empty() || text == format::NONE { SortKey::Missing } else { SortKey::Text(text) }
    }

    /// What a cell exports, at full precision: its text, unless said otherwise.
    fn exact(&self, row: usize, column: usize) -> Cow<'_, str> {
        self.text(row, column)
    }

    /// Whether the row passes a filter of lower-case words.
    fn matches(&self, row: usize, needle: &str) -> bool;

    /// What the pointer finds out about a cell beyond its text.
    fn hover(&self, _row: usize, _column: usize) -> Option<String> {
        None
    }
}

/// What a page adds to a table: cells it draws itself, and entries of the row's menu.
pub trait TableHost {
    /// Draws a cell of a column with [`TableColumn::custom`].
    fn cell(&mut self, _ui: &mut Ui, _row: usize, _column: usize) {}

    /// Adds entries to the menu of a row.
    fn menu(&mut self, _ui: &mut Ui, _row: usize) {}
}

/// A host that adds nothing.
#[derive(Debug)]
pub struct PlainHost;

impl TableHost for PlainHost {}

/// Where a cell's content stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellAlign {
    /// Words, from the left.
    Text,
    /// Numbers, from the right, in tabular figures.
    Number,
}

/// A column.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent trait of a column")]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Where its content stands.
    pub align: CellAlign,
    /// Its width in points, until someone drags it.
    pub width: f32,
    /// Whether it takes a share of the width that is left.
    pub grows: bool,
    /// Whether the page draws its cells ([`TableHost::cell`]).
    pub custom: bool,
    /// Whether a click on its name sorts.
    pub sorts: bool,
    /// Hidden until the column chooser shows it.
    pub hidden: bool,
    /// What it means, for the pointer.
    pub help: &'static str,
}

impl TableColumn {
    /// A column of words.
    pub fn text(name: impl Into<String>, width: f32) -> Self {
        Self {
            name: name.into(),
            align: CellAlign::Text,
            width,
            grows: false,
            custom: false,
            sorts: true,
            hidden: false,
            help: "",
        }
    }

    /// A column of numbers.
    pub fn number(name: impl Into<String>, width: f32) -> Self {
        Self { align: CellAlign::Number, ..Self::text(name, width) }
    }

    /// The same, taking a share of the width that is left.
    #[must_use]
    pub fn growing(self) -> Self {
        Self { grows: true, ..self }
    }

    /// The same, drawn by the page.
    #[must_use]
    pub fn drawn(self) -> Self {
        Self { custom: true, ..self }
    }

    /// The same, without sorting.
    #[must_use]
    pub fn unsorted(self) -> Self {
        Self { sorts: false, ..self }
    }

    /// The same, hidden at first.
    #[must_use]
    pub fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// The same, with an explanation.
    #[must_use]
    pub fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }
}

/// What a table looks like.
#[derive(Clone, Debug)]
pub struct TableSpec<'a> {
    /// Tells it from other tables of the page; also its name for a screen reader.
    pub name: &'a str,
    /// What a row is: `run`, `column`.
    pub noun: &'a str,
    /// Columns.
    pub columns: &'a [TableColumn],
    /// Height of a row, points.
    pub row_height: f32,
    /// Changes whenever the rows change.
    pub revision: u64,
    /// Whether filter, column chooser and export stand above it.
    pub toolbar: bool,
    /// What it says when it has no rows.
    pub empty: &'a str,
}

impl<'a> TableSpec<'a> {
    /// A table with a toolbar and rows of the usual height.
    pub fn new(name: &'a str, noun: &'a str, columns: &'a [TableColumn], revision: u64) -> Self {
        Self { name, noun, columns, row_height: space::ROW, revision, toolbar: true, empty: "Nothing here" }
    }
}

/// What happened to a table in a frame.
#[derive(Debug, Default)]
pub struct TableOutput {
    /// The selection is another one.
    pub selection_changed: bool,
    /// A row was double-clicked, or Enter pressed on it.
    pub activated: Option<usize>,
    /// A person asked to export the rows shown: the CSV file's bytes.
    pub export: Option<Vec<u8>>,
    /// Something was copied: a few words that say what.
    pub copied: Option<String>,
    /// Places of the rows that were laid out.
    pub drawn: Range<usize>,
}

/// Shows a table in the space that is left.
pub fn table(
    ui: &mut Ui,
    theme: &Theme,
    spec: &TableSpec<'_>,
    state: &mut TableState,
    rows: &dyn TableRows,
    host: &mut dyn TableHost,
) -> TableOutput {
    let mut output = TableOutput::default();
    state.prepare(spec.columns);
    state.refresh(ui, spec.revision, rows);
    if spec.toolbar {
        let asked = table_toolbar::toolbar(ui, theme, spec, state, rows.len());
        if asked.export {
            output.export = Some(export(spec, state, rows));
        }
        state.refresh(ui, spec.revision, rows);
        ui.add_space(space::XS);
    }
    table_view::show(ui, theme, spec, state, rows, host, &mut output);
    output
}

/// The rows shown, in their order and in the columns shown, as a CSV file.
pub(super) fn export(spec: &TableSpec<'_>, state: &TableState, rows: &dyn TableRows) -> Vec<u8> {
    let columns: Vec<usize> = state.shown_columns().collect();
    let header: Vec<&str> = columns.iter().map(|column| spec.columns[*column].name.as_str()).collect();
    let lines = state
        .rows()
        .iter()
        .map(|row| columns.iter().map(|column| rows.exact(*row as usize, *column)).collect());
    table_csv::csv(&header, lines)
}
