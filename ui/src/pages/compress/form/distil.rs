//! The part of the question that is about distillation.

use egui::{ComboBox, Ui};
use orrery_domain::{
    ModelRef,
    compress::{DistilConfig, DistilLoss, Student},
    snapshot::ModelEntry,
    training::ModelKind,
};
use serde::{Deserialize, Serialize};

use super::{number, numbers};
use crate::{
    format,
    theme::Theme,
    widgets::{choice::radio_value, form::FormRow, input::input},
};

/// Kinds that can be taught.
const KINDS: [ModelKind; 6] = [
    ModelKind::Mlp,
    ModelKind::Resnet,
    ModelKind::Tabm,
    ModelKind::Linear,
    ModelKind::Cnn,
    ModelKind::ResnetCnn,
];

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DistilPart {
    kind: ModelKind,
    /// Widths that are tried.
    widths: String,
    /// The same of a network over pictures: channels of its first convolution.
    #[serde(default = "channels")]
    channels: String,
    depth: String,
    loss: DistilLoss,
    temperatures: String,
    /// Percent of the loss.
    share: String,
    /// Percent of the rest of the loss; empty: not followed.
    #[serde(default)]
    features: String,
    /// Whether the smallest student is looked for instead of named.
    #[serde(default)]
    search: bool,
    /// Passes; empty: the kind's own default.
    epochs: String,
    /// Percent of more loss than the teacher.
    budget: String,
    second: Option<ModelRef>,
}

fn channels() -> String {
    "4, 8".to_owned()
}

impl Default for DistilPart {
    fn default() -> Self {
        let usual = DistilConfig::default();
        let temperatures: Vec<String> = usual.temperatures.iter().map(ToString::to_string).collect();
        Self {
            kind: ModelKind::Mlp,
            widths: "32, 64".to_owned(),
            channels: channels(),
            depth: "2".to_owned(),
            loss: usual.loss,
            temperatures: temperatures.join(", "),
            share: format!("{:.0}", usual.share * 100.0),
            features: String::new(),
            search: false,
            epochs: String::new(),
            budget: format!("{}", usual.loss_budget * 100.0),
            second: None,
        }
    }
}

impl DistilPart {
    /// The request, where every field makes sense.
    pub fn config(&self) -> Option<DistilConfig> {
        let student = |width| Student { kind: self.kind, width, depth: None };
        let students = if self.kind == ModelKind::Linear {
            vec![student(None)]
        } else if self.search {
            Student::ladder(self.kind)
        } else {
            let depth = Some(self.depth()?);
            self.widths()?.into_iter().map(|width| Student { depth, ..student(Some(width)) }).collect()
        };
        Some(DistilConfig {
            teachers: self.second.iter().cloned().collect(),
            students,
            search: self.search && self.kind != ModelKind::Linear,
            temperatures: self.temperatures()?,
            share: self.share()?,
            loss: self.loss,
            features: self.features().ok()?.unwrap_or(0.0),
            epochs: self.epochs().ok()?,
            loss_budget: self.budget()?,
        })
    }

    fn widths(&self) -> Option<Vec<u32>> {
        let text = if self.kind.is_for_images() { &self.channels } else { &self.widths };
        let widths = numbers(text, |width| (1..=Student::largest(self.kind).0).contains(width)).ok()?;
        (1..=20).contains(&widths.len()).then_some(widths)
    }

    fn depth(&self) -> Option<u32> {
        number(&self.depth, |depth| (1..=Student::largest(self.kind).1).contains(depth)).ok()?
    }

    fn temperatures(&self) -> Option<Vec<f64>> {
        let found = numbers(&self.temperatures, |t: &f64| (0.1..=100.0).contains(t)).ok()?;
        (1..=20).contains(&found.len()).then_some(found)
    }

    fn share(&self) -> Option<f64> {
        number(&self.share, |percent: &f64| (0.0..=100.0).contains(percent))
            .ok()?
            .map(|percent| percent / 100.0)
    }

    fn features(&self) -> Result<Option<f64>, ()> {
        let percent = number(&self.features, |percent: &f64| (0.0..=10_000.0).contains(percent))?;
        Ok(percent.map(|percent| percent / 100.0))
    }

    fn epochs(&self) -> Result<Option<u32>, ()> {
        number(&self.epochs, |epochs| (1..=10_000).contains(epochs))
    }

    fn budget(&self) -> Option<f64> {
        super::percent(&self.budget).ok()?
    }

    /// Draws the fields.
    pub fn show(&mut self, ui: &mut Ui, theme: &Theme, model: &ModelRef, models: &[ModelEntry]) {
        let field = |ui: &mut Ui, text: &mut String| ui.add(input(text).desired_width(140.0));
        self.second_teacher(ui, theme, model, models);
        let help = "Convolutional networks take pictures: their teacher must take pixels";
        FormRow::new("Student", help).show(ui, theme, |ui| {
            ui.vertical(|ui| {
                for kinds in KINDS.chunks(3) {
                    ui.horizontal(|ui| {
                        for kind in kinds {
                            radio_value(ui, theme, &mut self.kind, *kind, kind.title());
                        }
                    });
                }
            });
        });
        self.size(ui, theme);
        FormRow::new("What is followed", "").show(ui, theme, |ui| {
            for loss in DistilLoss::ALL {
                radio_value(ui, theme, &mut self.loss, loss, loss.title());
            }
        });
        if self.loss == DistilLoss::Soft {
            let error = self.temperatures().is_none().then_some("From 0.1 to 100, with commas between");
            FormRow::new(
                "Temperatures",
                "Each is tried: a higher one tells more of the classes that are not likely",
            )
            .error(error)
            .show(ui, theme, |ui| field(ui, &mut self.temperatures));
        }
        let error = self.share().is_none().then_some("From 0 to 100");
        FormRow::new("Share of the teacher", "The truth has the rest")
            .default_value("% of the loss", false)
            .error(error)
            .show(ui, theme, |ui| field(ui, &mut self.share));
        let error = self.features().is_err().then_some("From 0 to 10,000");
        let help = "The student's last hidden layer follows the teacher's, where the teacher is a network";
        FormRow::new("Hidden layer", help)
            .default_value("% of the rest of the loss; empty: not followed", false)
            .error(error)
            .show(ui, theme, |ui| field(ui, &mut self.features));
        let error = self.epochs().is_err().then_some("From 1 to 10,000");
        FormRow::new("Training", "")
            .default_value("passes; empty: the kind's own default", false)
            .error(error)
            .show(ui, theme, |ui| field(ui, &mut self.epochs));
        let error = self.budget().is_none().then_some("A percentage, 0 or more");
        FormRow::new(
            "Loss budget",
            "How much more loss than its teacher's a student may have on the validation rows",
        )
        .default_value("% more loss than the teacher", false)
        .error(error)
        .show(ui, theme, |ui| field(ui, &mut self.budget));
    }

    /// Draws the fields of a student's size.
    fn size(&mut self, ui: &mut Ui, theme: &Theme) {
        if self.kind == ModelKind::Linear {
            return;
        }
        let pictures = self.kind.is_for_images();
        let help = if pictures {
            "Searched: 2 to 32 channels and 1 to 3 stages are halved until the smallest within the budget is found"
        } else {
            "Searched: widths from 4 to 512 and 1 to 3 hidden layers are halved until the smallest within the budget is found"
        };
        FormRow::new("Size", help).show(ui, theme, |ui| {
            radio_value(ui, theme, &mut self.search, false, "Named");
            radio_value(ui, theme, &mut self.search, true, "Searched");
        });
        if self.search {
            return;
        }
        let (title, unit, range, stages, depths) = if pictures {
            (
                "Channels",
                "of the first stage, with commas between",
                "From 1 to 1,024, with commas between",
                "Stages",
                "From 1 to 32",
            )
        } else {
            (
                "Widths",
                "units, with commas between",
                "From 1 to 8,192, with commas between",
                "Hidden layers",
                "From 1 to 64",
            )
        };
        let error = self.widths().is_none().then_some(range);
        let widths = if pictures { &mut self.channels } else { &mut self.widths };
        FormRow::new(title, "The smallest that keeps to the budget is made")
            .default_value(unit, false)
            .error(error)
            .show(ui, theme, |ui| ui.add(input(widths).desired_width(140.0)));
        let error = self.depth().is_none().then_some(depths);
        FormRow::new(stages, "")
            .error(error)
            .show(ui, theme, |ui| ui.add(input(&mut self.depth).desired_width(140.0)));
    }

    /// Another model with the same target, whose mean with the first is taught.
    fn second_teacher(&mut self, ui: &mut Ui, theme: &Theme, model: &ModelRef, models: &[ModelEntry]) {
        let Some(first) = models.iter().find(|entry| entry.model == *model) else { return };
        let others: Vec<&ModelEntry> = models
            .iter()
            .filter(|entry| {
                !entry.deleted
                    && entry.model != *model
                    && (entry.task, &entry.target) == (first.task, &first.target)
            })
            .collect();
        if self.second.as_ref().is_some_and(|second| others.iter().all(|entry| entry.model != *second)) {
            self.second = None;
        }
        if others.is_empty() {
            return;
        }
        FormRow::new("A second teacher", "Their mean is taught").show(ui, theme, |ui| {
            let text = self.second.as_ref().map_or_else(|| format::NONE.to_owned(), ToString::to_string);
            ComboBox::from_id_salt("second").width(260.0).selected_text(text).show_ui(ui, |ui| {
                ui.selectable_value(&mut self.second, None, "None");
                for entry in others {
                    let name = entry.model.to_string();
                    ui.selectable_value(&mut self.second, Some(entry.model.clone()), name);
                }
            });
        });
    }
}
