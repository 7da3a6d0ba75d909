//! Grid: a data table over cells that a view model prepared; draws states, sparklines, bars and countdowns.

use std::borrow::Cow;

use egui::{Rect, Role, Sense, Ui, WidgetInfo, vec2};

use super::{
    countdown, icon,
    sparkline::sparkline,
    table::{SortKey, TableColumn, TableHost, TableOutput, TableRows, TableSpec, TableState, export, table},
    table_index::contains_folded,
};
use crate::{
    context::{PageContext, PickRequest},
    format::{self, NONE},
    theme::{State, Theme, size, space},
};

/// How a cell is drawn; anything but words needs a column that is [`TableColumn::drawn`].
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Look {
    /// As words; exports its number where it has one.
    #[default]
    Plain,
    /// As words that are exported, too: the number only sorts.
    Words,
    /// With the icon and colour of a state.
    State(State),
    /// The same, with seconds that run down after the words.
    Countdown(State, f64),
    /// As a curve of the last values.
    Spark(Vec<Option<f64>>),
    /// As a bar of a share, 0 to 1, with a mark where it should be.
    Bar(f64, Option<f64>),
    /// As an interval with its value, on a scale from -1 to 1 with a line at 0.
    Interval {
        /// Lower end.
        low: f64,
        /// Value.
        value: f64,
        /// Upper end.
        high: f64,
        /// The state whose colour it has.
        state: State,
    },
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// What it says, copies and exports.
    pub text: String,
    /// What it sorts by, where that is a number.
    pub number: Option<f64>,
    /// How it is drawn.
    pub look: Look,
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A number as `write` writes it; without one an en dash.
    pub fn number(value: Option<f64>, write: impl Fn(f64) -> String) -> Self {
        Self { text: value.map_or_else(|| NONE.to_owned(), write), number: value, look: Look::Plain }
    }

    /// A state; `rank` sorts it.
    pub fn state(text: impl Into<String>, state: State, rank: f64) -> Self {
        Self { text: text.into(), number: Some(rank), look: Look::State(state) }
    }
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GridRow {
    /// What names it for good.
    pub key: String,
    /// Its cells, in the columns' order.
    pub cells: Vec<Cell>,
    /// What hovering it tells; may be empty.
    pub hover: String,
}

/// Rows, straight from a view model.
struct Rows<'a>(&'a [GridRow]);

impl TableRows for Rows<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn key(&self, row: usize) -> Cow<'_, str> {
        Cow::Borrowed(&self.0[row].key)
    }

    fn text(&self, row: usize, column: usize) -> Cow<'_, str> {
        Cow::Borrowed(self.0[row].cells.get(column).map_or("", |cell| cell.text.as_str()))
    }

    fn sort_key(&self, row: usize, column: usize) -> SortKey<'_> {
        match self.0[row].cells.get(column) {
            Some(cell) if cell.number.is_some() => cell.number.map_or(SortKey::Missing, SortKey::Number),
            Some(cell) if cell.text.is_empty() || cell.text == NONE => SortKey::Missing,
            Some(cell) => SortKey::Text(Cow::Borrowed(&cell.text)),
            None => SortKey::Missing,
        }
    }

    fn exact(&self, row: usize, column: usize) -> Cow<'_, str> {
        let cell = &self.0[row].cells[column];
        match (&cell.look, cell.number) {
            (Look::Plain | Look::Bar(..), Some(value)) => Cow::Owned(value.to_string()),
            _ => Cow::Borrowed(if cell.text == NONE { "" } else { &cell.text }),
        }
    }

    fn matches(&self, row: usize, needle: &str) -> bool {
        self.0[row].cells.iter().any(|cell| contains_folded(&cell.text, needle))
    }

    fn hover(&self, row: usize, _column: usize) -> Option<String> {
        let hover = &self.0[row].hover;
        (!hover.is_empty()).then(|| hover.clone())
    }
}

struct Host<'a> {
    theme: &'a Theme,
    rows: &'a [GridRow],
}

impl TableHost for Host<'_> {
    fn cell(&mut self, ui: &mut Ui, row: usize, column: usize) {
        let line = &self.rows[row];
        let Some(cell) = line.cells.get(column) else { return };
        match &cell.look {
            Look::Plain | Look::Words => {
                ui.add(egui::Label::new(self.theme.body(&cell.text)).truncate().selectable(false));
            }
            Look::State(state) => self.state(ui, *state, &cell.text),
            Look::Countdown(state, secs) => {
                let left = countdown::left(ui, egui::Id::unique(("countdown", &line.key)), *secs);
                let words = format!("{}, {}", cell.text, format::duration(left.ceil()));
                self.state(ui, *state, &words);
            }
            Look::Spark(values) => {
                let room = vec2(ui.available_width(), ui.available_height().max(space::ROW - space::S));
                sparkline(ui, self.theme, values, room, &cell.text);
            }
            Look::Bar(share, mark) => self.bar(ui, *share, *mark, &cell.text),
            Look::Interval { low, value, high, state } => {
                self.interval(ui, [*low, *value, *high], *state, &cell.text);
            }
        }
    }
}

impl Host<'_> {
    fn state(&self, ui: &mut Ui, state: State, words: &str) {
        ui.spacing_mut().item_spacing.x = space::XS;
        ui.add(egui::Label::new(icon::state_text(self.theme, state)).selectable(false));
        let words = self.theme.body(words).color(self.theme.state(state));
        ui.add(egui::Label::new(words).truncate().selectable(false));
    }

    fn interval(&self, ui: &mut Ui, on_scale: [f64; 3], state: State, words: &str) {
        let size = vec2(ui.available_width(), space::ROW - space::S);
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        let colour = self.theme.state(state);
        let half = rect.width() / 2.0 - space::XS;
        let [low, value, high] = on_scale.map(|share| rect.center().x + half * share.clamp(-1.0, 1.0) as f32);
        let painter = ui.painter();
        painter.vline(rect.center().x, rect.y_range(), egui::Stroke::new(1.0, self.theme.text.weak));
        painter.hline(low..=high, rect.center().y, egui::Stroke::new(2.0, colour));
        for end in [low, high] {
            painter.vline(end, rect.shrink2(vec2(0.0, 5.0)).y_range(), egui::Stroke::new(2.0, colour));
        }
        painter.circle_filled(egui::pos2(value, rect.center().y), 4.0, colour);
        response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, words));
        response.on_hover_text(words);
    }

    fn bar(&self, ui: &mut Ui, share: f64, mark: Option<f64>, words: &str) {
        let width = (ui.available_width() - 52.0).max(20.0);
        let (rect, response) = ui.allocate_exact_size(vec2(width, space::ROW - space::S), Sense::hover());
        let track = Rect::from_center_size(rect.center(), vec2(rect.width(), 6.0));
        let part = |share: f64| track.width() * share.clamp(0.0, 1.0) as f32;
        ui.painter().rect_filled(track, 2.0, self.theme.surface.hairline);
        let done = Rect::from_min_size(track.min, vec2(part(share), track.height()));
        ui.painter().rect_filled(done, 2.0, self.theme.series(0));
        if let Some(mark) = mark {
            let x = track.left() + part(mark);
            let line = egui::Stroke::new(2.0, self.theme.text.strong);
            ui.painter().vline(x, track.expand2(vec2(0.0, 3.0)).y_range(), line);
        }
        response.widget_info(|| WidgetInfo::labeled(Role::Meter, true, words));
        let words = self.theme.number(words).size(size::LABEL);
        ui.add(egui::Label::new(words).selectable(false));
    }
}

/// Draws the rows in a box `height` points high; exports and copies are handled.
pub fn grid(
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
    spec: &TableSpec<'_>,
    state: &mut TableState,
    rows: &[GridRow],
    height: f32,
) -> TableOutput {
    let theme = ctx.theme;
    let mut host = Host { theme, rows };
    let room = vec2(ui.available_width(), height);
    let output = ui
        .allocate_ui_with_layout(room, egui::Layout::top_down(egui::Align::LEFT), |ui| {
            super::pane::pane(ui, |ui| table(ui, theme, spec, state, &Rows(rows), &mut host))
        })
        .inner;
    if let Some(bytes) = &output.export {
        ask_where(ctx, spec.name, bytes.clone());
    }
    if let Some(words) = &output.copied {
        ctx.outbox.toast(orrery_domain::snapshot::Severity::Ok, words.clone());
    }
    output
}

/// Asks where the rows shown are to be written, in their order and in the columns shown, as CSV. For a table that was drawn in this frame.
pub(super) fn save(ctx: &mut PageContext<'_>, spec: &TableSpec<'_>, state: &TableState, rows: &[GridRow]) {
    ask_where(ctx, spec.name, export(spec, state, &Rows(rows)));
}

fn ask_where(ctx: &mut PageContext<'_>, name: &str, bytes: Vec<u8>) {
    let file = format!("{}.csv", name.to_lowercase().replace(' ', "_"));
    ctx.outbox.pick(PickRequest::save(format!("Export: {name}"), file, bytes));
}

/// The key of the row chosen in this frame, if the selection changed.
pub fn chosen(output: &TableOutput, state: &TableState) -> Option<String> {
    output.selection_changed.then(|| state.cursor.clone()).flatten()
}

/// A table without toolbar.
pub fn plain<'a>(name: &'a str, noun: &'a str, columns: &'a [TableColumn], revision: u64) -> TableSpec<'a> {
    TableSpec { toolbar: false, ..TableSpec::new(name, noun, columns, revision) }
}

/// Height of a table of `rows` rows with its header, and its toolbar if it has one; at most `most` points.
pub fn height(rows: usize, toolbar: bool, most: f32) -> f32 {
    let bar = if toolbar { space::CONTROL + space::S } else { 0.0 };
    ((rows.max(1) as f32 + 1.0) * space::ROW + bar + space::M).min(most)
}
