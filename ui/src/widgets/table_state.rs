//! What a table remembers: order, filter, columns, selection; and what the keyboard does to it.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    time::{Duration, Instant},
};

use egui::{Key, Modifiers, Ui};

use super::{
    table::{TableColumn, TableRows},
    table_build::{Build, Step},
    table_index::{Direction, IndexKey, RowIndex},
};

/// New data alone re-sorts a large table no more often than this.
const PACE: Duration = Duration::from_millis(500);

/// Up to this many rows are put in order within a frame.
const FEW: usize = 5_000;

/// What a table remembers between frames.
#[derive(Debug, Default)]
pub struct TableState {
    /// Column sorted by.
    pub sort: Option<(usize, Direction)>,
    /// Filter, as typed.
    pub filter: String,
    /// Keys of the selected rows.
    pub selected: BTreeSet<String>,
    /// Key of the row the keyboard is on.
    pub cursor: Option<String>,
    pub(super) anchor: Option<String>,
    /// Which of the shown columns the keyboard is on.
    pub(super) cell: usize,
    pub(super) shown: Vec<bool>,
    pub(super) widths: Vec<Option<f32>>,
    pub(super) scroll_to: Option<usize>,
    pub(super) offset: egui::Vec2,
    pub(super) view_height: f32,
    index: RowIndex,
    total: usize,
    rebuilt: Option<Instant>,
    build: Option<Build>,
    /// Counts orders taken over: what was looked up in an older one is stale.
    generation: u64,
    /// The place last looked up: generation, key, place.
    located: RefCell<Option<(u64, String, Option<usize>)>>,
}

/// What a table keeps over a restart: the choices a person made about its columns.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct TableChoices {
    sort: Option<(usize, Direction)>,
    /// Which columns are shown, in the table's order.
    shown: Vec<bool>,
    /// Widths that were dragged, points.
    widths: Vec<Option<f32>>,
}

impl TableState {
    /// The choices about its columns.
    pub fn choices(&self) -> TableChoices {
        TableChoices { sort: self.sort, shown: self.shown.clone(), widths: self.widths.clone() }
    }

    /// A table that begins with choices made before; those that do not fit its columns are dropped when it is drawn.
    pub fn chosen(choices: TableChoices) -> Self {
        let TableChoices { sort, shown, mut widths } = choices;
        widths.resize(shown.len(), None);
        for width in &mut widths {
            *width = width.filter(|width| width.is_finite() && *width > 0.0);
        }
        let shown = if shown.contains(&true) { shown } else { Vec::new() };
        Self { sort, shown, widths, ..Self::default() }
    }

    /// A table that begins sorted.
    pub fn sorted(column: usize, direction: Direction) -> Self {
        Self { sort: Some((column, direction)), ..Self::default() }
    }

    /// Row numbers in display order.
    pub fn rows(&self) -> &[u32] {
        self.index.rows()
    }

    /// The numbers of the columns shown.
    pub fn shown_columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.shown.iter().enumerate().filter(|(_, shown)| **shown).map(|(column, _)| column)
    }

    /// Selects exactly this row, and goes there when it is next drawn.
    pub fn select_only(&mut self, key: impl Into<String>) {
        let key = key.into();
        self.selected = BTreeSet::from([key.clone()]);
        self.anchor = Some(key.clone());
        self.cursor = Some(key);
        self.scroll_to = Some(usize::MAX);
    }

    pub(super) fn prepare(&mut self, columns: &[TableColumn]) {
        if self.shown.len() != columns.len() {
            self.shown = columns.iter().map(|column| !column.hidden).collect();
            self.widths = vec![None; columns.len()];
            self.sort = self.sort.filter(|(column, _)| *column < columns.len());
        }
    }

    /// Brings the order up to date: at once for a few rows, over several frames for many. Until a new order is there the old
    /// one is shown. Between new snapshots a large table keeps its order for half a second.
    pub(super) fn refresh(&mut self, ui: &Ui, revision: u64, rows: &dyn TableRows) {
        let key = IndexKey { revision, sort: self.sort, filter: self.filter.trim().to_lowercase() };
        if self.index.is_built_from(&key) {
            self.build = None;
            return;
        }
        let total = rows.len();
        if total <= FEW {
            let needle = key.filter.clone();
            self.index.update(
                &key,
                total,
                |row| rows.matches(row, &needle),
                |row, column| rows.sort_key(row, column),
            );
            return self.built(total);
        }
        let same_rows = self.total == total;
        let only_newer = same_rows && self.index.differs_only_in_revision(&key);
        if only_newer
            && self.build.is_none()
            && let Some(left) = self.rebuilt.and_then(|at| PACE.checked_sub(at.elapsed()))
            && !left.is_zero()
        {
            ui.ctx().request_repaint_after(left);
            return;
        }
        if !same_rows {
            // Something has to stand there meanwhile, and the old order may name rows that are gone.
            self.index.set(None, (0..u32::try_from(total).unwrap_or(u32::MAX)).collect());
            self.built(total);
        }
        self.go_on(ui, key, total, rows);
    }

    /// Does this frame's part of a new order.
    fn go_on(&mut self, ui: &Ui, key: IndexKey, total: usize, rows: &dyn TableRows) {
        // An order that differs in the revision alone is finished first: live data would never let one get ready.
        let serves = |build: &Build| {
            build.total == total && build.key.sort == key.sort && build.key.filter == key.filter
        };
        let mut build = self.build.take().filter(serves).unwrap_or_else(|| Build::new(key, total));
        match build.step(ui.ctx(), rows) {
            Step::Done(order) => {
                self.index.set(Some(build.key), order);
                self.built(total);
            }
            step => {
                if matches!(step, Step::GoesOn) {
                    ui.ctx().request_repaint();
                }
                self.build = Some(build);
            }
        }
    }

    fn built(&mut self, total: usize) {
        self.total = total;
        self.rebuilt = Some(Instant::now());
        self.generation += 1;
    }

    /// Sorts by a column: the other way if it is that already.
    pub(super) fn sort_by(&mut self, column: usize, first: Direction) {
        self.sort = match self.sort {
            Some((current, direction)) if current == column && direction == first => {
                Some((column, direction.flipped()))
            }
            Some((current, _)) if current == column => None,
            _ => Some((column, first)),
        };
    }

    /// Where a row of that key is shown. Looked up once an order.
    pub(super) fn place_of(&self, rows: &dyn TableRows, key: Option<&String>) -> Option<usize> {
        let key = key?;
        if let Some((generation, known, place)) = &*self.located.borrow()
            && (*generation, known) == (self.generation, key)
        {
            return *place;
        }
        let place = self.rows().iter().position(|row| rows.key(*row as usize) == key.as_str());
        self.remember(key.clone(), place);
        place
    }

    fn remember(&self, key: String, place: Option<usize>) {
        *self.located.borrow_mut() = Some((self.generation, key, place));
    }

    /// Makes the row at `place` the cursor, and with it the selection: that row, or all from the anchor with `extend`,
    /// or one more or less with `toggle`.
    pub(super) fn choose(&mut self, rows: &dyn TableRows, place: usize, extend: bool, toggle: bool) {
        let Some(row) = self.index.row(place) else { return };
        let key = rows.key(row).into_owned();
        if extend {
            let anchor_key = self.anchor.clone().or_else(|| self.cursor.clone());
            let anchor = self.place_of(rows, anchor_key.as_ref()).unwrap_or(place);
            let span = anchor.min(place)..=anchor.max(place);
            self.selected =
                self.rows()[span].iter().map(|row| rows.key(*row as usize).into_owned()).collect();
            self.anchor = anchor_key.or_else(|| Some(key.clone()));
        } else if toggle {
            if !self.selected.remove(&key) {
                self.selected.insert(key.clone());
            }
            self.anchor = Some(key.clone());
        } else {
            self.selected = BTreeSet::from([key.clone()]);
            self.anchor = Some(key.clone());
        }
        self.remember(key.clone(), Some(place));
        self.cursor = Some(key);
        self.scroll_to = Some(place);
    }

    /// What the keyboard asks of a table that has the focus; says whether the selection changed.
    pub(super) fn steer(&mut self, ui: &Ui, rows: &dyn TableRows, page: usize) -> bool {
        let shown = self.rows().len();
        if shown == 0 {
            return false;
        }
        let all = ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::A));
        if all {
            self.selected = self.rows().iter().map(|row| rows.key(*row as usize).into_owned()).collect();
            return true;
        }
        let columns = self.shown_columns().count().max(1);
        let sideways = i32::from(ui.input(|input| input.key_pressed(Key::ArrowRight)))
            - i32::from(ui.input(|input| input.key_pressed(Key::ArrowLeft)));
        self.cell = self.cell.saturating_add_signed(sideways as isize).min(columns - 1);
        let last = shown - 1;
        let moves: [(Key, &dyn Fn(usize) -> usize); 6] = [
            (Key::ArrowDown, &|place| place + 1),
            (Key::ArrowUp, &|place| place.saturating_sub(1)),
            (Key::PageDown, &|place| place + page),
            (Key::PageUp, &|place| place.saturating_sub(page)),
            (Key::Home, &|_| 0),
            (Key::End, &|_| last),
        ];
        let mut moved = false;
        for (key, step) in moves {
            let (presses, extend) = ui.input(|input| (input.num_presses(key), input.modifiers.shift));
            for _ in 0..presses {
                let place = self.place_of(rows, self.cursor.as_ref());
                let next = place.map_or(if key == Key::End { last } else { 0 }, step).min(last);
                self.choose(rows, next, extend, false);
                moved = true;
            }
        }
        moved
    }
}
