//! The table of runs: 100,000 of them, straight from the snapshot, none copied.

use std::{borrow::Cow, sync::Arc};

use egui::Ui;
use orrery_domain::run::{Run, RunState};

use super::data::{RunList, duration, interval_words, kind_words, metric_words, primary, progress_words};
use crate::{
    command::UiCommand,
    format::{self, NONE},
    theme::{Theme, size},
    widgets::{
        badge, progress,
        table::{SortKey, TableColumn, TableHost, TableRows},
        table_index::contains_folded,
    },
};

const STATE: usize = 0;
const NAME: usize = 1;
const DATASET: usize = 2;
const TARGET: usize = 3;
const MODEL: usize = 4;
const PROGRESS: usize = 5;
const METRIC: usize = 6;
const INTERVAL: usize = 7;
const LOSS: usize = 8;
const STARTED: usize = 9;
const DURATION: usize = 10;
const DEVICE: usize = 11;
const NOTE: usize = 12;
const ID: usize = 13;

/// The columns of the table.
pub(super) fn columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("State", 90.0).drawn(),
        TableColumn::text("Name", 124.0).growing(),
        TableColumn::text("Dataset", 84.0),
        TableColumn::text("Target", 80.0),
        TableColumn::text("Model", 70.0),
        TableColumn::number("Progress", 84.0).drawn(),
        TableColumn::number("Test metric", 118.0).help("The primary metric on the test rows"),
        TableColumn::number("95% interval", 126.0).help("Bootstrap interval of the test metric"),
        TableColumn::number("Validation loss", 92.0).help("Best so far"),
        TableColumn::number("Started", 88.0),
        TableColumn::number("Duration", 80.0),
        TableColumn::text("Device", 160.0).hidden(),
        TableColumn::text("Note", 160.0).hidden(),
        TableColumn::text("Id", 160.0).hidden(),
    ]
}

/// The runs of a snapshot that are not deleted, as table rows.
pub(super) struct Rows<'a> {
    pub(super) runs: &'a [Arc<Run>],
    pub(super) list: &'a RunList,
    pub(super) now: f64,
}

impl Rows<'_> {
    pub(super) fn run(&self, row: usize) -> &Run {
        &self.runs[self.list.shown[row] as usize]
    }
}

/// Runs that need a person come first.
fn urgency(state: RunState) -> f64 {
    match state {
        RunState::Running => 0.0,
        RunState::Queued => 1.0,
        RunState::Paused => 2.0,
        RunState::Failed => 3.0,
        RunState::Cancelled => 4.0,
        RunState::Finished => 5.0,
    }
}

impl TableRows for Rows<'_> {
    fn len(&self) -> usize {
        self.list.shown.len()
    }

    fn key(&self, row: usize) -> Cow<'_, str> {
        Cow::Borrowed(&self.run(row).id.0)
    }

    fn text(&self, row: usize, column: usize) -> Cow<'_, str> {
        let run = self.run(row);
        let owned = match column {
            STATE => return Cow::Borrowed(badge::run_word(run.state)),
            NAME => return Cow::Borrowed(&run.name),
            DATASET => return Cow::Borrowed(&run.dataset_name),
            TARGET => return Cow::Borrowed(&run.config.target),
            NOTE => return Cow::Borrowed(&run.note),
            ID => return Cow::Borrowed(&run.id.0),
            DEVICE => return Cow::Borrowed(run.device.as_deref().unwrap_or(NONE)),
            MODEL => kind_words(run),
            PROGRESS => progress_words(run),
            METRIC => metric_words(run),
            INTERVAL => interval_words(run),
            LOSS => run.best_valid_loss.map_or_else(|| NONE.to_owned(), |loss| format::significant(loss, 4)),
            STARTED => format::ago(self.now, run.started_at.unwrap_or(run.created_at)),
            _ => duration(run, self.now).map_or_else(|| NONE.to_owned(), format::duration),
        };
        Cow::Owned(owned)
    }

    fn sort_key(&self, row: usize, column: usize) -> SortKey<'_> {
        let run = self.run(row);
        let number = |value: Option<f64>| value.map_or(SortKey::Missing, SortKey::Number);
        match column {
            STATE => SortKey::Number(urgency(run.state)),
            PROGRESS if run.state == RunState::Finished => SortKey::Number(1.0),
            PROGRESS => number(run.progress.fraction),
            METRIC => number(primary(run).and_then(|(_, metric)| metric.value)),
            INTERVAL => number(primary(run).and_then(|(_, metric)| metric.low)),
            LOSS => number(run.best_valid_loss),
            STARTED => SortKey::Number(run.started_at.unwrap_or(run.created_at)),
            DURATION => number(duration(run, self.now)),
            DEVICE => {
                run.device.as_deref().map_or(SortKey::Missing, |name| SortKey::Text(Cow::Borrowed(name)))
            }
            NAME | DATASET | TARGET | NOTE | ID | MODEL => SortKey::Text(self.text(row, column)),
            _ => SortKey::Missing,
        }
    }

    fn exact(&self, row: usize, column: usize) -> Cow<'_, str> {
        let run = self.run(row);
        let number =
            |value: Option<f64>| Cow::Owned(value.map_or_else(String::new, |value| value.to_string()));
        match column {
            PROGRESS => number(run.progress.fraction),
            METRIC => number(primary(run).and_then(|(_, metric)| metric.value)),
            LOSS => number(run.best_valid_loss),
            STARTED => Cow::Owned(format::moment(run.started_at.unwrap_or(run.created_at))),
            DURATION => number(duration(run, self.now)),
            DEVICE => Cow::Borrowed(run.device.as_deref().unwrap_or_default()),
            _ => self.text(row, column),
        }
    }

    fn matches(&self, row: usize, needle: &str) -> bool {
        let run = self.run(row);
        let words: [&str; 7] = [
            &run.name,
            badge::run_word(run.state),
            &run.dataset_name,
            &run.config.target,
            run.kind.name(),
            &run.note,
            &run.id.0,
        ];
        words.into_iter().any(|text| contains_folded(text, needle))
    }

    fn hover(&self, row: usize, column: usize) -> Option<String> {
        let run = self.run(row);
        (column == STARTED)
            .then(|| format!("{} UTC", format::moment(run.started_at.unwrap_or(run.created_at))))
    }
}

/// Draws state and progress, and offers the run's commands.
pub(super) struct Host<'a, 'b> {
    pub(super) theme: &'a Theme,
    pub(super) rows: &'b Rows<'b>,
    pub(super) asked: Option<UiCommand>,
}

impl TableHost for Host<'_, '_> {
    fn cell(&mut self, ui: &mut Ui, row: usize, column: usize) {
        let run = self.rows.run(row);
        if column == STATE {
            badge::run_badge(ui, self.theme, run.state);
            return;
        }
        let live = !run.state.is_final();
        let words = self.theme.number(progress_words(run)).size(size::LABEL);
        ui.label(if live { words } else { words.color(self.theme.text.weak) });
        if live {
            let width = ui.available_width();
            progress::bar(ui, self.theme, run.progress.fraction, width, &format!("Progress of {}", run.name));
        }
    }

    fn menu(&mut self, ui: &mut Ui, row: usize) {
        let run = self.rows.run(row);
        let offered: &[UiCommand] = match run.state {
            RunState::Running => &[UiCommand::PauseRun, UiCommand::CancelRun],
            RunState::Queued => &[UiCommand::CancelRun],
            RunState::Paused => &[UiCommand::ResumeRun, UiCommand::CancelRun, UiCommand::DeleteRun],
            RunState::Failed | RunState::Cancelled => &[UiCommand::ResumeRun, UiCommand::DeleteRun],
            RunState::Finished => &[UiCommand::ShowModelOfRun, UiCommand::DeleteRun],
        };
        for command in offered.iter().chain(&[UiCommand::RenameRun, UiCommand::NoteRun]) {
            if ui.button(command.title()).clicked() {
                self.asked = Some(*command);
            }
        }
        ui.separator();
    }
}
