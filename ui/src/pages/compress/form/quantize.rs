//! The part of the question that is about quantization.

use egui::{Label, Ui};
use orrery_domain::compress::{Calibration, QuantizeConfig, QuantizeScheme};
use serde::{Deserialize, Serialize};

use super::{budget_row, number, percent};
use crate::{
    theme::Theme,
    widgets::{choice::radio_value, form::FormRow, input::input},
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
            "Matrices take a quarter of the space; layers are computed in floats, as fast as before."
        }
        QuantizeScheme::WeightInt4 => {
            "Matrices take an eighth of the space, at more cost; layers are computed in floats, as fast as before."
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
            ..QuantizeConfig::default()
        })
    }

    fn block_size(&self) -> Result<Option<u32>, ()> {
        number(&self.block, |size| (2..=65_536).contains(size))
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
            let help = "Inputs of an output that share a scale: smaller blocks cost space and keep more";
            FormRow::new("Block", help)
                .default_value("inputs; empty: all of an output's", false)
                .error(error)
                .show(ui, theme, |ui| ui.add(input(&mut self.block).desired_width(90.0)));
        }
        let help = "The layers that cost most stay floats until this is kept, on the validation rows";
        budget_row(ui, theme, &mut self.budget, help);
    }
}
