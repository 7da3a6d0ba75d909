//! The question before a quantization: which model, and how.

use egui::{ComboBox, Label, Ui};
use orrery_domain::{
    Command, ModelRef,
    compress::{Calibration, QuantizeConfig, QuantizeScheme},
    snapshot::ModelEntry,
};
use serde::{Deserialize, Serialize};

use super::data;
use crate::{
    context::PageContext,
    theme::space,
    widgets::{
        button::{Weight, text_button},
        choice::radio_value,
        confirm::dialog,
        form::FormRow,
        input::input,
    },
};

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct QuantizeForm {
    model: ModelRef,
    scheme: QuantizeScheme,
    calibration: Calibration,
    /// Inputs of a block; empty: a whole channel.
    block: String,
    /// Percent of more loss; empty: any.
    budget: String,
}

/// A field's number: none where it is empty.
fn number<T: std::str::FromStr>(text: &str, fits: impl Fn(&T) -> bool) -> Result<Option<T>, ()> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().ok().filter(fits).map(Some).ok_or(()),
    }
}

impl QuantizeForm {
    /// For a model, else for the newest that can be quantized.
    pub(super) fn new(models: &[ModelEntry], from: Option<&ModelRef>) -> Option<Self> {
        let known = |model: &&ModelRef| data::candidates(models).any(|entry| entry.model == **model);
        let model =
            from.filter(known).or_else(|| data::candidates(models).next().map(|entry| &entry.model))?;
        Some(Self {
            model: model.clone(),
            scheme: QuantizeScheme::default(),
            calibration: Calibration::default(),
            block: String::new(),
            budget: String::new(),
        })
    }

    /// The request, where every field makes sense.
    fn config(&self) -> Option<QuantizeConfig> {
        let block = if self.scheme.is_integer() { None } else { self.block_size().ok()? };
        Some(QuantizeConfig {
            scheme: self.scheme,
            block,
            calibration: self.calibration,
            loss_budget: self.budget_percent().ok()?.map(|percent| percent / 100.0),
            ..QuantizeConfig::default()
        })
    }

    fn block_size(&self) -> Result<Option<u32>, ()> {
        number(&self.block, |size| (2..=65_536).contains(size))
    }

    fn budget_percent(&self) -> Result<Option<f64>, ()> {
        number(&self.budget, |percent: &f64| (0.0..=1e6).contains(percent))
    }
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

/// Draws the question while it is open.
pub(super) fn show(open: &mut Option<QuantizeForm>, ctx: &mut PageContext<'_>, ui: &Ui) {
    let Some(form) = open else { return };
    let theme = ctx.theme;
    let models = ctx.snapshot.models.clone();
    let may = !ctx.read_only();
    let shown = dialog(ui.ctx(), theme, "Quantize a network", 620.0, |ui| {
        let words = "A new version is made beside the model and judged on the run's own test rows. The model itself stays as it is.";
        ui.add(Label::new(theme.weak(words)).wrap());
        ui.add_space(space::S);
        FormRow::new("Model", "A network or a linear model").show(ui, theme, |ui| {
            ComboBox::from_id_salt("quantize").width(260.0).selected_text(form.model.to_string()).show_ui(
                ui,
                |ui| {
                    for entry in data::candidates(&models) {
                        ui.selectable_value(&mut form.model, entry.model.clone(), entry.model.to_string());
                    }
                },
            );
        });
        FormRow::new("What becomes whole numbers", "").show(ui, theme, |ui| {
            ui.vertical(|ui| {
                for scheme in QuantizeScheme::ALL {
                    radio_value(ui, theme, &mut form.scheme, scheme, scheme.title());
                }
                ui.add(Label::new(theme.caption(sentence(form.scheme))).wrap());
            });
        });
        if form.scheme == QuantizeScheme::StaticInt8 {
            FormRow::new("Ranges", "How a layer's range is chosen from what training rows give").show(
                ui,
                theme,
                |ui| {
                    for way in Calibration::ALL {
                        radio_value(ui, theme, &mut form.calibration, way, way.title());
                    }
                },
            );
        }
        if !form.scheme.is_integer() {
            let error = form.block_size().is_err().then_some("From 2 to 65,536 inputs");
            FormRow::new(
                "Block",
                "Inputs of an output that share a scale: smaller blocks cost space and keep more",
            )
            .default_value("inputs; empty: all of an output's", false)
            .error(error)
            .show(ui, theme, |ui| ui.add(input(&mut form.block).desired_width(90.0)));
        }
        let error = form.budget_percent().is_err().then_some("A percentage, 0 or more");
        FormRow::new(
            "Loss budget",
            "The layers that cost most stay floats until this is kept, on the validation rows",
        )
        .default_value("% more loss; empty: any", false)
        .error(error)
        .show(ui, theme, |ui| ui.add(input(&mut form.budget).desired_width(90.0)));
        ui.add_space(space::M);
        let config = form.config();
        ui.horizontal(|ui| {
            let go =
                text_button(ui, theme, None, "Quantize", Weight::Primary, may && config.is_some()).clicked();
            let close = text_button(ui, theme, None, "Not now", Weight::Normal, true).clicked();
            (config.filter(|_| go), close)
        })
        .inner
    });
    let (config, close) = shown.inner;
    if let Some(config) = config {
        ctx.send(Command::Quantize { model: form.model.clone(), config: Box::new(config) });
        *open = None;
    } else if close || shown.closed {
        *open = None;
    }
}
