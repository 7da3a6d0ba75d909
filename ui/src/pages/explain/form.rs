//! What is explained: the model, the method, the rows, and what they are explained against.

use std::path::PathBuf;

use egui::{ComboBox, Ui};
use orrery_domain::{
    DatasetId, ModelRef, Snapshot,
    compare::CompareSource,
    explain::{BaselineChoice, ExplainMethod, ExplainSettings},
    snapshot::{DatasetEntry, ModelEntry},
    training::{ModelKind, Task},
};
use serde::{Deserialize, Serialize};

use super::advanced::Advanced;
use crate::{
    context::{PageContext, PickRequest},
    widgets::{
        card,
        form::{FormRow, short_row},
        rows_picker::{PICKER, own_dataset, rows_picker},
    },
};

/// Key of the question for a file.
const FILE: &str = "explain-file";
/// Rows that are explained unless another number is typed.
const ROWS: &str = "300";
/// Most rows of one explanation.
pub(super) const MOST_ROWS: u32 = 10_000;

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    /// The model.
    pub model: Option<ModelRef>,
    /// What it is: decides what fits.
    trees: bool,
    pictures: bool,
    task: Task,
    /// None: the model's own.
    method: Option<ExplainMethod>,
    /// A dataset, or
    dataset: Option<DatasetId>,
    /// a file.
    file: Option<PathBuf>,
    class: String,
    rows: String,
    background: String,
    baseline: String,
    repeats: String,
    window: String,
    wanted: String,
    columns: String,
    advanced: Advanced,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            model: None,
            trees: false,
            pictures: false,
            task: Task::Binary,
            method: None,
            dataset: None,
            file: None,
            class: String::new(),
            rows: ROWS.to_owned(),
            background: "100".to_owned(),
            baseline: "mean".to_owned(),
            repeats: "10".to_owned(),
            window: String::new(),
            wanted: String::new(),
            columns: String::new(),
            advanced: Advanced::default(),
        }
    }
}

fn find<'a>(snapshot: &'a Snapshot, model: &ModelRef) -> Option<&'a ModelEntry> {
    snapshot.models.iter().find(|entry| entry.model == *model && !entry.deleted)
}

/// A whole number of a field.
pub(super) fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let found = text.trim().replace(',', "").parse().ok().filter(|value| (least..=most).contains(value));
    found.ok_or_else(|| format!("A whole number from {least} to {most}"))
}

impl Form {
    /// Takes another model.
    pub fn begin_with(&mut self, model: &ModelRef) {
        (self.dataset, self.file) = (None, None);
        self.model = Some(model.clone());
    }

    /// Drops what is not there any more and fills in what is missing: the newest model and its dataset.
    pub fn settle(&mut self, snapshot: &Snapshot) {
        let known = self.model.clone().filter(|model| find(snapshot, model).is_some());
        let newest = || snapshot.models.iter().find(|entry| !entry.deleted).map(|entry| entry.model.clone());
        self.model = known.or_else(newest);
        let Some(entry) = self.model.as_ref().and_then(|model| find(snapshot, model)) else { return };
        (self.trees, self.task) = (entry.kind == ModelKind::Gbt, entry.task);
        self.pictures = entry.kind.is_for_images();
        self.method = self.method.filter(|method| self.fits(*method));
        let here = |id: &DatasetId| {
            let found = |entry: &&DatasetEntry| !entry.deleted && entry.dataset.id == *id;
            snapshot.datasets.iter().any(|entry| found(&entry))
        };
        if self.file.is_none() && !self.dataset.as_ref().is_some_and(here) {
            self.dataset = own_dataset(snapshot, &entry.model);
        }
    }

    /// Whether the model can be explained by it.
    fn fits(&self, method: ExplainMethod) -> bool {
        method.fits(self.trees) && (self.pictures || !method.is_for_pictures())
    }

    /// The method that is meant.
    pub fn method(&self) -> ExplainMethod {
        let own = if self.trees { ExplainMethod::TreeShap } else { ExplainMethod::IntegratedGradients };
        self.method.unwrap_or(own)
    }

    /// What is asked for, or what is wrong with it.
    pub fn request(&self) -> Result<(ModelRef, CompareSource, ExplainSettings), String> {
        let model = self.model.clone().ok_or("Choose a model")?;
        let source = match (&self.file, &self.dataset) {
            (Some(file), _) => CompareSource::File { file: file.clone() },
            (None, Some(dataset)) => CompareSource::Dataset { dataset: dataset.clone() },
            (None, None) => return Err("Choose the rows".to_owned()),
        };
        let method = self.method();
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let baseline = if method == ExplainMethod::IntegratedGradients {
            BaselineChoice::parse(self.baseline.trim()).map_err(|failure| failure.message)?
        } else {
            BaselineChoice::Mean
        };
        let samples = match (method, self.window.trim()) {
            (ExplainMethod::Occlusion, "") => None,
            (ExplainMethod::Occlusion, text) => Some(number(text, 1, 99)?),
            _ => self.advanced.samples(method)?,
        };
        let columns = self.columns.split(',').filter_map(given).collect();
        let settings = ExplainSettings {
            method: Some(method),
            class: given(&self.class).filter(|_| self.task != Task::Regression),
            baseline,
            background: number(&self.background, 1, 100_000)?,
            repeats: number(&self.repeats, 2, 1000)?,
            samples,
            columns,
            wanted: given(&self.wanted).filter(|_| method == ExplainMethod::Counterfactual),
            rows: self.advanced.rows(method, &self.rows)?,
            checks: self.advanced.checks(method),
            seed: self.advanced.seed()?,
        };
        Ok((model, source, settings))
    }

    /// Draws the form.
    pub fn show(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if let Some(path) = ctx.picked(FILE) {
            self.file = Some(path);
        }
        let theme = ctx.theme;
        let snapshot = ctx.snapshot.clone();
        let mut pick = false;
        card::card(
            ui,
            theme,
            "What is explained",
            |_| {},
            |ui| {
                FormRow::new("Model", "Any model of this workspace").show(ui, theme, |ui| {
                    self.models(&snapshot, ui);
                });
                let method = self.method();
                FormRow::new("Method", method.sentence()).show(ui, theme, |ui| {
                    self.methods(ui);
                    ui.label(theme.weak(method.sentence()));
                });
                FormRow::new(
                    "Rows",
                    "Of the dataset that the model was trained on only its test rows are used",
                )
                .show(ui, theme, |ui| {
                    let (dataset, file) = (&mut self.dataset, &mut self.file);
                    pick = rows_picker(ui, theme, &snapshot, None, dataset, file);
                });
                self.details(method, ctx, ui);
                self.advanced.show(method, theme, ui);
            },
        );
        if pick {
            ctx.outbox.pick(PickRequest::rows("Rows to explain", FILE));
        }
    }

    fn models(&mut self, snapshot: &Snapshot, ui: &mut Ui) {
        let shown = self.model.as_ref().map_or_else(|| "Choose a model".to_owned(), ToString::to_string);
        ComboBox::from_id_salt("explained").width(PICKER).selected_text(shown).show_ui(ui, |ui| {
            for entry in snapshot.models.iter().filter(|entry| !entry.deleted) {
                let words = format!("{} · {}", entry.model, entry.kind.title());
                let chosen = self.model.as_ref() == Some(&entry.model);
                if ui.selectable_label(chosen, words).clicked() && !chosen {
                    self.begin_with(&entry.model);
                }
            }
        });
    }

    fn methods(&mut self, ui: &mut Ui) {
        let now = self.method();
        ComboBox::from_id_salt("method").width(PICKER).selected_text(now.title()).show_ui(ui, |ui| {
            for method in
                ExplainMethod::ALL.into_iter().filter(|method| self.fits(*method)).collect::<Vec<_>>()
            {
                if ui.selectable_label(now == method, method.title()).clicked() {
                    self.method = Some(method);
                }
            }
        });
    }

    /// What the method asks besides.
    fn details(&mut self, method: ExplainMethod, ctx: &PageContext<'_>, ui: &mut Ui) {
        let theme = ctx.theme;
        if !method.is_global() {
            let error = number(&self.rows, 1, MOST_ROWS).err();
            let (help, beginning) = ("Where they begin is said under Advanced", self.advanced.beginning());
            short_row(ui, theme, ("How many rows", help), &mut self.rows, &beginning, error.as_deref());
        }
        if method == ExplainMethod::IntegratedGradients {
            let error =
                BaselineChoice::parse(self.baseline.trim()).err().map(|_| "'mean' or 'row:I'".to_owned());
            let help = "Where the way to a row begins: the mean of the training rows, or one of the rows";
            short_row(ui, theme, ("Baseline", help), &mut self.baseline, "mean, or row:I", error.as_deref());
        }
        if method == ExplainMethod::Occlusion {
            let empty = self.window.trim().is_empty();
            let error = number(&self.window, 1, 99).err().filter(|_| !empty);
            let help = "Side of the square that is covered, in pixels";
            short_row(
                ui,
                theme,
                ("Window", help),
                &mut self.window,
                "empty: a fifth of the side",
                error.as_deref(),
            );
        }
        if method != ExplainMethod::PermutationImportance {
            let error = number(&self.background, 1, 100_000).err();
            let help = "Training rows whose values stand in for columns that are switched off; the checks use them as well";
            short_row(
                ui,
                theme,
                ("Background", help),
                &mut self.background,
                "training rows, drawn by a seed",
                error.as_deref(),
            );
        }
        if method == ExplainMethod::PermutationImportance {
            let error = number(&self.repeats, 2, 1000).err();
            let help = "Shuffles of each column: more make the intervals narrower";
            short_row(
                ui,
                theme,
                ("Repeats", help),
                &mut self.repeats,
                "shuffles of each column",
                error.as_deref(),
            );
        } else if self.task != Task::Regression && method != ExplainMethod::Counterfactual {
            let label = ("Class", "The class that is explained");
            short_row(ui, theme, label, &mut self.class, "empty: the positive one", None);
        }
        if method == ExplainMethod::Counterfactual {
            let hint =
                if self.task == Task::Regression { ">=100 or <=100" } else { "a class; empty: another one" };
            short_row(ui, theme, ("Wanted", "What the model shall say"), &mut self.wanted, hint, None);
        }
        if matches!(method, ExplainMethod::Counterfactual | ExplainMethod::PartialDependence) {
            let (label, help) = if method == ExplainMethod::Counterfactual {
                ("Columns that may change", "Names with commas between them")
            } else {
                ("Columns", "Names with commas between them")
            };
            short_row(ui, theme, (label, help), &mut self.columns, "empty: all", None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_takes_only_what_makes_sense() {
        let mut form = Form {
            model: Some(ModelRef { name: "m".to_owned(), version: 1 }),
            dataset: Some(DatasetId("00".to_owned())),
            ..Form::default()
        };
        let (_, _, settings) = form.request().expect("whole");
        assert_eq!(settings.method, Some(ExplainMethod::IntegratedGradients));
        assert_eq!((settings.rows, settings.background), (Some((0, 300)), 100));
        form.baseline = "row:3".to_owned();
        assert_eq!(form.request().expect("whole").2.baseline, BaselineChoice::Row(3));
        form.rows = "0".to_owned();
        assert!(form.request().expect_err("no rows").contains("from 1 to"));
        (form.rows, form.columns) = ("1,000".to_owned(), " a, b,".to_owned());
        form.method = Some(ExplainMethod::Counterfactual);
        let settings = form.request().expect("whole").2;
        assert_eq!(
            (settings.columns, settings.rows),
            (vec!["a".to_owned(), "b".to_owned()], Some((0, 1000)))
        );
        assert_eq!(settings.baseline, BaselineChoice::Mean);
        form.dataset = None;
        assert!(form.request().is_err());
    }
}
