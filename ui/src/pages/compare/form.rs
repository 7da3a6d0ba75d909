//! What is compared: the versions, the rows, and the metric that decides.

use std::path::PathBuf;

use egui::{ComboBox, Ui};
use orrery_domain::{
    DatasetId, ModelRef, Snapshot,
    compare::{CompareSettings, CompareSource},
    metric::MetricId,
    snapshot::{DatasetEntry, ModelEntry},
    training::Task,
};
use serde::{Deserialize, Serialize};

use crate::{
    context::{PageContext, PickRequest},
    theme::{Theme, space},
    widgets::{
        advanced::advanced,
        button::{Weight, icon_button, text_button},
        card,
        choice::checkbox,
        form::{FormRow, short_row},
        icon,
        input::input,
        rows_picker::{own_dataset, rows_picker},
    },
};

/// Most versions of a comparison.
const MOST: usize = 8;
/// Key of the question for a file.
const FILE: &str = "compare-file";
/// Width of a picker, points.
const PICKER: f32 = 260.0;

/// What was chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    /// Versions, the first one first.
    pub models: Vec<ModelRef>,
    /// A dataset, or
    pub dataset: Option<DatasetId>,
    /// a file.
    pub file: Option<PathBuf>,
    /// The metric that decides; none: the task's first.
    pub metric: Option<MetricId>,
    /// Whether each version's request is trained anew on halves of the rows, too.
    cross_validate: bool,
    /// Columns whose slices are all listed, with commas between.
    slice_columns: String,
    /// Fewest rows of a slice; empty: the usual number.
    min_slice_rows: String,
    /// Whether the advanced fields are shown.
    open: bool,
}

/// Versions that can be compared with `first`: the same target and task, not in the bin.
pub(super) fn alike<'a>(snapshot: &'a Snapshot, first: &ModelRef) -> Vec<&'a ModelEntry> {
    let Some(entry) = find(snapshot, first) else { return Vec::new() };
    snapshot
        .models
        .iter()
        .filter(|other| !other.deleted && other.task == entry.task && other.target == entry.target)
        .collect()
}

fn find<'a>(snapshot: &'a Snapshot, model: &ModelRef) -> Option<&'a ModelEntry> {
    snapshot.models.iter().find(|entry| entry.model == *model && !entry.deleted)
}

impl Form {
    /// Puts a version first.
    pub fn begin_with(&mut self, model: &ModelRef) {
        (self.dataset, self.file) = (None, None);
        self.models.retain(|known| known != model);
        self.models.insert(0, model.clone());
    }

    /// Drops what is not there any more and fills in what is missing: the newest two versions that are alike, and a dataset.
    pub fn settle(&mut self, snapshot: &Snapshot) {
        let first = self.models.first().filter(|model| find(snapshot, model).is_some()).cloned();
        let pairs = |entry: &&ModelEntry| !entry.deleted && alike(snapshot, &entry.model).len() > 1;
        let newest = || snapshot.models.iter().find(pairs).map(|entry| entry.model.clone());
        let Some(first) = first.or_else(newest) else {
            self.models.clear();
            return;
        };
        let others = alike(snapshot, &first);
        self.models.retain(|model| *model != first && others.iter().any(|entry| entry.model == *model));
        self.models.insert(0, first.clone());
        self.models.truncate(MOST);
        if self.models.len() < 2
            && let Some(second) = others.iter().find(|entry| entry.model != first)
        {
            self.models.push(second.model.clone());
        }
        let task = find(snapshot, &first).map_or(Task::Binary, |entry| entry.task);
        self.metric = self.metric.filter(|metric| MetricId::of(task).contains(metric));
        let target = find(snapshot, &first).map(|entry| entry.target.clone()).unwrap_or_default();
        let known = |id: &DatasetId| {
            let here = |entry: &&DatasetEntry| !entry.deleted && entry.dataset.id == *id;
            snapshot.datasets.iter().find(here).is_some_and(|entry| entry.dataset.column(&target).is_some())
        };
        if self.file.is_none() && !self.dataset.as_ref().is_some_and(known) {
            self.dataset = own_dataset(snapshot, &first);
        }
    }

    /// The columns whose slices are listed, or what is wrong with one.
    fn sliced(&self, snapshot: &Snapshot) -> Result<Vec<String>, String> {
        let names = self.slice_columns.split(',').map(str::trim).filter(|name| !name.is_empty());
        let names: Vec<String> = names.map(str::to_owned).collect();
        let target = self.models.first().and_then(|model| find(snapshot, model)).map(|entry| &entry.target);
        if let Some(name) = names.iter().find(|name| target == Some(*name)) {
            return Err(format!("'{name}' is the target"));
        }
        // The columns of a file are seen when it is read.
        let here = |entry: &&DatasetEntry| self.dataset.as_ref() == Some(&entry.dataset.id);
        let dataset = snapshot.datasets.iter().find(here).filter(|_| self.file.is_none());
        let missing = dataset.and_then(|entry| {
            let name = names.iter().find(|name| entry.dataset.column(name).is_none())?;
            Some(format!("{} has no column '{name}'", entry.dataset.name))
        });
        missing.map_or(Ok(names), Err)
    }

    fn least_rows(&self) -> Result<u32, String> {
        match self.min_slice_rows.trim() {
            "" => Ok(CompareSettings::default().min_slice_rows),
            text => {
                let found = text.replace(',', "").parse::<u32>().ok().filter(|rows| *rows >= 2);
                found.ok_or_else(|| "A whole number, 2 or more".to_owned())
            }
        }
    }

    /// How the versions are compared, or what is wrong with it.
    ///
    /// # Errors
    /// A few words that say what.
    pub fn settings(&self, snapshot: &Snapshot) -> Result<CompareSettings, String> {
        Ok(CompareSettings {
            metric: self.metric,
            min_slice_rows: self.least_rows()?,
            slice_columns: self.sliced(snapshot)?,
            cross_validate: self.cross_validate,
        })
    }

    /// What the advanced fields hold, in a few words.
    fn advanced_words(&self) -> String {
        let mut all = Vec::new();
        if self.cross_validate {
            all.push("5x2 cross-validation".to_owned());
        }
        if !self.slice_columns.trim().is_empty() {
            all.push(format!("slices of {}", self.slice_columns.trim()));
        }
        if !self.min_slice_rows.trim().is_empty() {
            all.push(format!("slices of {} rows or more", self.min_slice_rows.trim()));
        }
        if all.is_empty() { "5x2 cross-validation, slices".to_owned() } else { all.join(", ") }
    }

    /// What is asked for, once it is whole.
    pub fn request(&self) -> Option<(Vec<ModelRef>, CompareSource)> {
        let source = match (&self.file, &self.dataset) {
            (Some(file), _) => CompareSource::File { file: file.clone() },
            (None, Some(dataset)) => CompareSource::Dataset { dataset: dataset.clone() },
            (None, None) => return None,
        };
        (self.models.len() > 1).then(|| (self.models.clone(), source))
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
            "What is compared",
            |_| {},
            |ui| {
                self.versions(&snapshot, ctx, ui);
                FormRow::new("Rows", "Of rows that a version was trained with, only its test rows are used")
                    .show(ui, theme, |ui| {
                        let target = self.models.first().and_then(|model| find(&snapshot, model));
                        let target = target.map(|entry| entry.target.as_str());
                        let (dataset, file) = (&mut self.dataset, &mut self.file);
                        pick = rows_picker(ui, theme, &snapshot, target, dataset, file);
                    });
                FormRow::new("Metric that decides", "Choose it before you look: one question, one answer")
                    .show(ui, theme, |ui| {
                        self.metrics(&snapshot, ui);
                    });
                let (words, wrong) = (self.advanced_words(), self.settings(&snapshot).is_err());
                let mut open = self.open;
                advanced(ui, theme, &words, wrong, &mut open, |ui| self.advanced(&snapshot, theme, ui));
                self.open = open;
            },
        );
        if pick {
            ctx.outbox.pick(PickRequest::rows("Rows to compare on", FILE));
        }
    }

    fn versions(&mut self, snapshot: &Snapshot, ctx: &PageContext<'_>, ui: &mut Ui) {
        let theme = ctx.theme;
        let Some(first) = self.models.first().cloned() else { return };
        let others = alike(snapshot, &first);
        let mut drop = None;
        for place in 0..self.models.len() {
            let label =
                if place == 0 { "First version".to_owned() } else { format!("Version {}", place + 1) };
            let help = "Versions with the same target and task can be compared";
            FormRow::new(&label, help).show(ui, theme, |ui| {
                let offered: Vec<&ModelEntry> = if place == 0 {
                    snapshot.models.iter().filter(|entry| !entry.deleted).collect()
                } else {
                    others.clone()
                };
                let taken: Vec<ModelRef> = self.models.clone();
                let chosen = &mut self.models[place];
                let combo = ComboBox::from_id_salt(("version", place))
                    .width(PICKER)
                    .selected_text(chosen.to_string());
                combo.show_ui(ui, |ui| {
                    for entry in offered {
                        if entry.model == *chosen || !taken.contains(&entry.model) {
                            let words = format!("{} · {}", entry.model, entry.kind.title());
                            ui.selectable_value(chosen, entry.model.clone(), words);
                        }
                    }
                });
                if place > 1
                    && icon_button(ui, theme, icon::CLOSE, &format!("Leave version {} out", place + 1), true)
                        .clicked()
                {
                    drop = Some(place);
                }
            });
        }
        if let Some(place) = drop {
            self.models.remove(place);
        }
        let next =
            others.iter().find(|entry| !self.models.contains(&entry.model)).map(|entry| entry.model.clone());
        if let Some(next) = next.filter(|_| self.models.len() < MOST) {
            ui.horizontal(|ui| {
                ui.add_space(crate::widgets::form::LABEL_WIDTH + space::S);
                if text_button(ui, theme, Some(icon::ADD), "Add a version", Weight::Normal, true).clicked() {
                    self.models.push(next);
                }
            });
        }
    }

    fn advanced(&mut self, snapshot: &Snapshot, theme: &Theme, ui: &mut Ui) {
        let help = "Each version's request is trained ten times, on either half of the rows five times over: what is compared is the \
                    request, not the version. It takes as long as ten trainings of each";
        FormRow::new("5x2 cross-validation", help).show(ui, theme, |ui| {
            checkbox(ui, theme, &mut self.cross_validate, "Train each request ten times, too");
        });
        let error = self.sliced(snapshot).err();
        let help =
            "Names with commas between them: every slice of these columns is listed, not the worst alone";
        FormRow::new("Slice by", help)
            .default_value("empty: the worst alone", false)
            .error(error.as_deref())
            .show(ui, theme, |ui| ui.add(input(&mut self.slice_columns).desired_width(PICKER)));
        let error = self.least_rows().err();
        short_row(
            ui,
            theme,
            ("Fewest rows of a slice", "Smaller ones are not looked at"),
            &mut self.min_slice_rows,
            "empty: 50",
            error.as_deref(),
        );
    }

    fn metrics(&mut self, snapshot: &Snapshot, ui: &mut Ui) {
        let task = self
            .models
            .first()
            .and_then(|model| find(snapshot, model))
            .map_or(Task::Binary, |entry| entry.task);
        let shown = self.metric.unwrap_or(MetricId::primary(task));
        ComboBox::from_id_salt("metric").width(PICKER).selected_text(shown.title()).show_ui(ui, |ui| {
            for id in MetricId::of(task) {
                if ui.selectable_label(shown == *id, id.title()).clicked() {
                    self.metric = Some(*id);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::stage::fixture;

    fn form(snapshot: &Snapshot) -> Form {
        let mut form = Form::default();
        form.settle(snapshot);
        form
    }

    #[test]
    fn advanced_fields_are_left_at_what_is_usual_and_checked_when_filled() {
        let snapshot = fixture::busy();
        let mut form = form(&snapshot);
        assert_eq!(form.settings(&snapshot), Ok(CompareSettings::default()));
        (form.slice_columns, form.min_slice_rows) = (" origin, carrier,".to_owned(), "1,000".to_owned());
        form.cross_validate = true;
        let settings = form.settings(&snapshot).expect("all in order");
        assert_eq!((settings.min_slice_rows, settings.cross_validate), (1000, true));
        assert_eq!(settings.slice_columns, ["origin", "carrier"]);
        form.min_slice_rows = "1".to_owned();
        assert!(form.settings(&snapshot).is_err(), "a slice of one row says nothing");
        form.min_slice_rows.clear();
        for (columns, words) in [("origin, altitude", "no column 'altitude'"), ("late", "is the target")] {
            columns.clone_into(&mut form.slice_columns);
            let error = form.settings(&snapshot).expect_err("no such column");
            assert!(error.contains(words), "{error}");
        }
        // Nobody has looked into a file yet; its target is known all the same.
        form.file = Some("rows.csv".into());
        assert!(form.settings(&snapshot).is_err());
        "altitude".clone_into(&mut form.slice_columns);
        assert!(form.settings(&snapshot).is_ok());
    }
}
