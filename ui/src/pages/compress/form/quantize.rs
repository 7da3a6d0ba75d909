//! The part of the question that is about quantization.

use egui::{Label, Ui};
use orrery_domain::compress::{Calibration, QuantizeConfig, QuantizeScheme};
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct QuantizePart {
    scheme: QuantizeScheme,
    calibration: Calibration,
    /// Inputs of a block; empty: a whole channel.
    block: String,
    /// Percent of more loss; empty: any.
    budget: String,
    /// Percent of the bytes as floats; empty: any.
    #[serde(default)]
    size: String,
    /// Epochs of training with rounding; empty: none.
    #[serde(default)]
    epochs: String,
}

/// What a scheme does, in a sentence.
fn sentence(scheme: QuantizeScheme) -> &'static str {
    match scheme {
        QuantizeScheme::DynamicInt8 => {
            "Layers are computed in whole numbers, by the range of the rows at hand: a row's answer depends a little on the rows beside it."
        }
        QuantizeScheme::StaticInt8 => {
            "Layers are computed in whole numbers, by ranges found on training rows: what lies outside is cut off."
        }
        QuantizeScheme::WeightInt8 => {
            "Weights take a quarter of the space; layers are computed in floats, as fast as before."
        }
        QuantizeScheme::WeightInt4 => {
            "Weights take an eighth of the space, at more cost; layers are computed in floats, as fast as before."
        }
    }
}

impl QuantizePart {
    /// The request, where every field makes sense.
    pub fn config(&self) -> Option<QuantizeConfig> {
        let block = if self.scheme.is_integer() { None } else { self.block_size().ok()? };
        Some(QuantizeConfig {
            scheme: self.scheme,
            block,
            calibration: self.calibration,
            loss_budget: percent(&self.budget).ok()?,
            size_budget: self.size_share().ok()?,
            epochs: self.passes().ok()?.unwrap_or(0),
            ..QuantizeConfig::default()
        })
    }

    fn block_size(&self) -> Result<Option<u32>, ()> {
        number(&self.block, |size| (2..=65_536).contains(size))
    }

    fn size_share(&self) -> Result<Option<f64>, ()> {
        let percent = number(&self.size, |percent: &f64| *percent > 0.0 && *percent <= 100.0)?;
        Ok(percent.map(|percent| percent / 100.0))
    }

    fn passes(&self) -> Result<Option<u32>, ()> {
        number(&self.epochs, |epochs| *epochs <= 1000)
    }

    /// Draws the fields.
    pub fn show(&mut self, ui: &mut Ui, theme: &Theme) {
        FormRow::new("What becomes whole numbers", "").show(ui, theme, |ui| {
            ui.vertical(|ui| {
                for scheme in QuantizeScheme::ALL {
                    radio_value(ui, theme, &mut self.scheme, scheme, scheme.title());
                }
                ui.add(Label::new(theme.caption(sentence(self.scheme))).wrap());
            });
        });
        if self.scheme == QuantizeScheme::StaticInt8 {
            let help = "How a layer's range is chosen from what training rows give";
            FormRow::new("Ranges", help).show(ui, theme, |ui| {
                for way in Calibration::ALL {
                    radio_value(ui, theme, &mut self.calibration, way, way.title());
                }
            });
        }
        if !self.scheme.is_integer() {
            let error = self.block_size().is_err().then_some("From 2 to 65,536 inputs");
            let help = "Inputs of an output, or of a filter, that share a scale: smaller blocks cost space and keep more";
            short_row(
                ui,
                theme,
                ("Block", help),
                &mut self.block,
                "inputs; empty: all of an output's",
                error,
            );
        }
        let error = self.passes().is_err().then_some("From 0 to 1,000");
        let help = "The network is trained further with the rounding in it, which makes up for part of what it costs";
        short_row(ui, theme, ("Train with rounding", help), &mut self.epochs, "epochs; empty: none", error);
        let help = "The layers that cost most keep more bits, or stay floats, until this is kept, on the validation rows";
        budget_row(ui, theme, &mut self.budget, help);
        let error = self.size_share().is_err().then_some("Above 0 and at most 100");
        let help = "The layers that cost least for what they save get fewer bits until this is kept";
        short_row(
            ui,
            theme,
            ("Size budget", help),
            &mut self.size,
            "% of the parameters' bytes as floats; empty: any",
            error,
        );
    }
}
