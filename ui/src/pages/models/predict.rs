//! Predicting on a file: which file, where to, how far, and how it went.

use std::path::{Path, PathBuf};

use egui::{Label, Ui};
use orrery_domain::{
    Command, ModelRef,
    job::PredictReport,
    snapshot::{JobEntry, JobKind, JobOutcome},
};
use serde::{Deserialize, Serialize};

use super::Tab;
use crate::{
    command::UiCommand,
    context::{PageContext, PickMode, PickRequest, PickThen, TABLE_ENDINGS},
    format,
    theme::{State, space},
    widgets::{
        badge,
        button::{Weight, copy_button, text_button},
        card,
        confirm::dialog,
        form::FormRow,
        icon,
        input::input,
        job_card::job_card,
    },
};

const INPUT: &str = "predict-input";
const OUTPUT: &str = "predict-output";

/// The dialog's state.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct PredictForm {
    open: bool,
    /// It has just opened: the keyboard goes to the first field.
    begin: bool,
    input: String,
    output: String,
    /// A person chose where to write, so the suggestion no longer follows the input.
    output_chosen: bool,
}

/// Beside the input: `flights.csv` gives `flights_predictions.csv`.
fn suggestion(input: &str) -> String {
    let path = Path::new(input.trim());
    let Some(stem) = path.file_stem() else { return String::new() };
    let stem = stem.to_string_lossy();
    let stem = stem.strip_suffix(".csv").unwrap_or(&stem);
    let parquet = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet"));
    let ending = if parquet { "parquet" } else { "csv" };
    path.with_file_name(format!("{stem}_predictions.{ending}")).display().to_string()
}

/// What is wrong with where to write, if anything.
fn output_error(input: &str, output: &str) -> Option<&'static str> {
    let path = Path::new(output.trim());
    let known = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("csv") || ending.eq_ignore_ascii_case("parquet"));
    match output.trim() {
        "" => None,
        _ if !known => Some("Write a .csv or a .parquet file"),
        same if same == input.trim() => Some("Choose another file than the one that is read"),
        _ => None,
    }
}

impl PredictForm {
    /// Opens when asked for, takes picked files, draws the dialog.
    pub(super) fn show(
        &mut self,
        model: Option<ModelRef>,
        tab: &mut Tab,
        ctx: &mut PageContext<'_>,
        ui: &mut Ui,
    ) {
        let Some(model) = model else { return };
        if ctx.invoked(UiCommand::PredictOnFile) {
            (self.open, self.begin) = (true, true);
        }
        if let Some(path) = ctx.picked(INPUT) {
            self.input = path.display().to_string();
            self.suggest();
        }
        if let Some(path) = ctx.picked(OUTPUT) {
            self.output = path.display().to_string();
            self.output_chosen = true;
        }
        if !self.open {
            return;
        }
        let theme = ctx.theme;
        let error = output_error(&self.input, &self.output);
        let title = format!("Predict on a file with {model}");
        let shown = dialog(ui.ctx(), theme, &title, 640.0, |ui| {
            let words = "All columns of the file are kept; the prediction and its probabilities are added. A missing column is an error that names it.";
            ui.add(Label::new(theme.weak(words)).wrap());
            ui.add_space(space::S);
            self.rows(error, ctx, ui);
            ui.add_space(space::L);
            let ready = !self.input.trim().is_empty() && !self.output.trim().is_empty() && error.is_none();
            ui.horizontal(|ui| {
                let go = text_button(ui, theme, None, "Predict", Weight::Primary, ready).clicked();
                (go, text_button(ui, theme, None, "Cancel", Weight::Normal, true).clicked())
            })
            .inner
        });
        let (go, cancel) = shown.inner;
        if go {
            let (file, out) = (PathBuf::from(self.input.trim()), PathBuf::from(self.output.trim()));
            ctx.send(Command::Predict { model, file, out });
            *tab = Tab::Predictions;
            *self = Self::default();
        } else if cancel || shown.closed {
            *self = Self::default();
        }
    }

    fn suggest(&mut self) {
        if !self.output_chosen {
            self.output = suggestion(&self.input);
        }
    }

    fn rows(&mut self, error: Option<&str>, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        let theme = ctx.theme;
        let mut pick = None;
        FormRow::new("File to read", "A table with the model's columns").show(ui, theme, |ui| {
            let edit = input(&mut self.input).desired_width(330.0).font(egui::TextStyle::Monospace);
            let field = ui.add(edit).accessible_name("File to read");
            if std::mem::take(&mut self.begin) {
                field.request_focus();
            }
            if field.changed() {
                self.suggest();
            }
            if text_button(ui, theme, Some(icon::OPEN), "Choose the file…", Weight::Normal, true).clicked()
            {
                pick = Some(INPUT);
            }
        });
        FormRow::new("File to write", "A .csv or .parquet file").error(error).show(ui, theme, |ui| {
            let edit = input(&mut self.output).desired_width(330.0).font(egui::TextStyle::Monospace);
            if ui.add(edit).accessible_name("File to write").changed() {
                self.output_chosen = true;
            }
            if text_button(ui, theme, Some(icon::OPEN), "Choose where…", Weight::Normal, true).clicked() {
                pick = Some(OUTPUT);
            }
        });
        if let Some(key) = pick {
            ctx.outbox.pick(self.question(key));
        }
    }

    fn question(&self, key: &str) -> PickRequest {
        let endings = |endings: &[&str]| endings.iter().map(|ending| (*ending).to_owned()).collect();
        let read = key == INPUT;
        let suggested = Path::new(&self.output).file_name().map(|name| name.to_string_lossy().into_owned());
        PickRequest {
            title: if read { "File to read" } else { "File to write" }.to_owned(),
            mode: if read { PickMode::Open } else { PickMode::Save },
            file_name: if read {
                String::new()
            } else {
                suggested.unwrap_or_else(|| "predictions.csv".to_owned())
            },
            filters: vec![(
                "Tables".to_owned(),
                if read { endings(&TABLE_ENDINGS) } else { endings(&["csv", "parquet"]) },
            )],
            then: PickThen::Page(key.to_owned()),
        }
    }
}

/// Draws the predictions made since the program started.
pub(super) fn list(jobs: &[JobEntry], ctx: &mut PageContext<'_>, ui: &mut Ui) {
    for job in jobs {
        ui.push_id(job.id, |ui| entry(job, ctx, ui));
        ui.add_space(space::S);
    }
}

fn entry(job: &JobEntry, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let JobKind::Predict { file, .. } = &job.kind else { return };
    let title = file.display().to_string();
    job_card(ctx, ui, (&title, "prediction"), Some(job), |outcome, ctx, ui| {
        if let JobOutcome::Predicted { report: done } = outcome {
            report(done, ctx, ui);
        }
    });
}

fn report(report: &PredictReport, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let out = report.out.display().to_string();
    ui.horizontal(|ui| {
        badge::badge(ui, theme, State::Ok, &format!("{} predicted", format::plural(report.rows, "row")));
        ui.label(
            theme
                .number(format!("{} rows/s", format::count_short(report.rows_per_sec)))
                .color(theme.text.weak),
        );
    });
    ui.horizontal(|ui| {
        ui.label(icon::FILE.small().color(theme.text.weak));
        ui.add(Label::new(theme.mono(&out)).truncate().selectable(true));
        copy_button(ctx, ui, "Copy the path of the predictions", &out);
    });
    card::fact(ui, theme, "Columns added", &report.added_columns.join(", "));
    if !report.extra_columns.is_empty() {
        card::fact(ui, theme, "Not used", &report.extra_columns.join(", "));
    }
    let odd = [
        (&report.unseen_categories, "unseen categories"),
        (&report.out_of_range, "values out of the training range"),
    ];
    for (columns, what) in odd {
        for (column, rows) in columns {
            warning(ctx, ui, &format!("{column}: {what} in {}", format::plural(*rows, "row")));
        }
    }
    for words in &report.warnings {
        warning(ctx, ui, words);
    }
}

fn warning(ctx: &PageContext<'_>, ui: &mut Ui, words: &str) {
    ui.horizontal_wrapped(|ui| {
        ui.label(icon::state_text(ctx.theme, State::Warning));
        ui.add(Label::new(ctx.theme.body(words)).wrap());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_is_suggested_beside_the_input_and_checked() {
        assert_eq!(suggestion("/data/flights.parquet"), "/data/flights_predictions.parquet");
        assert_eq!(suggestion("/data/new.csv.gz"), "/data/new_predictions.csv");
        assert_eq!(suggestion(""), "");
        assert_eq!(output_error("/a.csv", "/a.csv"), Some("Choose another file than the one that is read"));
        assert!(output_error("/a.csv", "/a.xlsx").is_some());
        assert_eq!(output_error("/a.csv", "/b.csv"), None);
    }
}
