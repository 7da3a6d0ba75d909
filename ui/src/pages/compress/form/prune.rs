//! The part of the question that is about pruning.

use egui::{Label, Ui};
use orrery_domain::compress::{PruneConfig, PruneCriterion, PruneStructure};
use serde::{Deserialize, Serialize};

use super::{budget_row, number, percent};
use crate::{
    theme::Theme,
    widgets::{
        choice::radio_value,
        form::{FormRow, short_row},
    },
};

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PrunePart {
    structure: PruneStructure,
    criterion: PruneCriterion,
    /// Percent of the parameters.
    share: String,
    rounds: String,
    /// Passes in the end.
    epochs: String,
    /// Percent of more loss; empty: any.
    budget: String,
}

impl Default for PrunePart {
    fn default() -> Self {
        let usual = PruneConfig::default();
        Self {
            structure: usual.structure,
            criterion: usual.criterion,
            share: format!("{:.0}", usual.share * 100.0),
            rounds: usual.rounds.to_string(),
            epochs: usual.final_epochs.to_string(),
            budget: String::new(),
        }
    }
}

impl PrunePart {
    /// The request, where every field makes sense.
    pub fn config(&self) -> Option<PruneConfig> {
        Some(PruneConfig {
            share: self.share()?,
            structure: self.structure,
            criterion: self.criterion,
            rounds: self.rounds()?,
            final_epochs: self.epochs()?,
            loss_budget: percent(&self.budget).ok()?,
            ..PruneConfig::default()
        })
    }

    fn share(&self) -> Option<f64> {
        let percent = number(&self.share, |percent: &f64| *percent > 0.0 && *percent < 100.0).ok()??;
        Some(percent / 100.0)
    }

    fn rounds(&self) -> Option<u32> {
        number(&self.rounds, |rounds| (1..=50).contains(rounds)).ok()?
    }

    fn epochs(&self) -> Option<u32> {
        number(&self.epochs, |epochs| (0..=1000).contains(epochs)).ok()?
    }

    /// Draws the fields.
    pub fn show(&mut self, ui: &mut Ui, theme: &Theme) {
        let sentence = match self.structure {
            PruneStructure::Units => {
                "Layers become smaller, in the file and in what is computed. Convolutions lose channels."
            }
            PruneStructure::Weights => {
                "Weights become 0, and layers stay as large: it is neither faster nor smaller before it is packed."
            }
        };
        FormRow::new("What is taken out", "").show(ui, theme, |ui| {
            ui.vertical(|ui| {
                ui.horizontal(|ui| {
                    for structure in PruneStructure::ALL {
                        radio_value(ui, theme, &mut self.structure, structure, structure.title());
                    }
                });
                ui.add(Label::new(theme.caption(sentence)).wrap());
            });
        });
        let error = self.share().is_none().then_some("Above 0 and below 100");
        short_row(
            ui,
            theme,
            ("Share", "How much of the parameters goes"),
            &mut self.share,
            "% of the parameters",
            error,
        );
        let help = "Taylor: what changes the loss least by its gradient on training rows; the norms: what is smallest in its layer";
        FormRow::new("What goes first", help).show(ui, theme, |ui| {
            for criterion in PruneCriterion::ALL {
                radio_value(ui, theme, &mut self.criterion, criterion, criterion.title());
            }
        });
        let error = self.rounds().is_none().then_some("From 1 to 50");
        short_row(
            ui,
            theme,
            ("Rounds", "It goes in rounds, with a little training in between"),
            &mut self.rounds,
            "",
            error,
        );
        let error = self.epochs().is_none().then_some("From 0 to 1,000");
        short_row(
            ui,
            theme,
            ("Training in the end", ""),
            &mut self.epochs,
            "passes over the training rows",
            error,
        );
        budget_row(
            ui,
            theme,
            &mut self.budget,
            "Rounds end before the loss on the validation rows rises by more",
        );
    }
}
