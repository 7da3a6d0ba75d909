//! The question before a compression: which model, by which way, and how.

mod distil;
mod prune;
mod quantize;

use egui::{ComboBox, Label, Ui};
use orrery_domain::{Command, ModelRef, compress::CompressMethod, snapshot::ModelEntry};
use serde::{Deserialize, Serialize};

use self::{distil::DistilPart, prune::PrunePart, quantize::QuantizePart};
use crate::{
    context::PageContext,
    theme::{Theme, space},
    widgets::{
        button::{Weight, text_button},
        choice::radio_value,
        confirm::dialog,
        form::{FormRow, short_row},
    },
};

/// A way to make a model smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Way {
    #[default]
    Quantize,
    Prune,
    Distil,
}

impl Way {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Quantize, "Quantize"), (Self::Prune, "Prune"), (Self::Distil, "Distil")];

    /// What it does, in a sentence.
    fn sentence(self) -> &'static str {
        match self {
            Self::Quantize => "Its weights become whole numbers of few bits.",
            Self::Prune => {
                "Units or channels that matter least are taken out, and what is left is trained again."
            }
            Self::Distil => "A smaller network learns what the model says. Any model can teach, trees too.",
        }
    }
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CompressForm {
    model: ModelRef,
    way: Way,
    quantize: QuantizePart,
    prune: PrunePart,
    distil: DistilPart,
}

/// A field's number: none where it is empty.
fn number<T: std::str::FromStr>(text: &str, fits: impl Fn(&T) -> bool) -> Result<Option<T>, ()> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().ok().filter(fits).map(Some).ok_or(()),
    }
}

/// Numbers with commas between them.
fn numbers<T: std::str::FromStr>(text: &str, fits: impl Fn(&T) -> bool) -> Result<Vec<T>, ()> {
    text.split([',', ' '])
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok().filter(|value| fits(value)).ok_or(()))
        .collect()
}

/// A budget's field: percent of more loss.
fn percent(text: &str) -> Result<Option<f64>, ()> {
    Ok(number(text, |percent: &f64| (0.0..=1e6).contains(percent))?.map(|percent| percent / 100.0))
}

/// The field of a loss budget.
fn budget_row(ui: &mut Ui, theme: &Theme, text: &mut String, help: &str) {
    let error = percent(text).is_err().then_some("A percentage, 0 or more");
    short_row(ui, theme, ("Loss budget", help), text, "% more loss; empty: any", error);
}

impl CompressForm {
    /// For a model where it can be compressed at all, else for the newest that can.
    pub(super) fn new(models: &[ModelEntry], from: Option<&ModelRef>) -> Option<Self> {
        let mut form = Self {
            model: models.iter().find(|entry| !entry.deleted)?.model.clone(),
            way: Way::default(),
            quantize: QuantizePart::default(),
            prune: PrunePart::default(),
            distil: DistilPart::default(),
        };
        let wanted = from.filter(|model| models.iter().any(|entry| entry.model == **model && !entry.deleted));
        if let Some(model) = wanted {
            form.model = model.clone();
        }
        form.fit(models);
        // Trees alone: they can teach.
        if !form.fits(models) {
            form.way = Way::Distil;
        }
        Some(form)
    }

    fn kind(&self) -> CompressMethod {
        match self.way {
            Way::Quantize => CompressMethod::Quantize(self.quantize.config().unwrap_or_default()),
            Way::Prune => CompressMethod::Prune(self.prune.config().unwrap_or_default()),
            Way::Distil => CompressMethod::Distil(self.distil.config().unwrap_or_default()),
        }
    }

    fn fits(&self, models: &[ModelEntry]) -> bool {
        let kind = self.kind();
        models.iter().any(|entry| entry.model == self.model && entry.can_be_compressed(&kind))
    }

    /// Takes the newest model that can be compressed that way where the chosen one cannot.
    fn fit(&mut self, models: &[ModelEntry]) {
        if !self.fits(models) {
            let kind = self.kind();
            if let Some(entry) = models.iter().find(|entry| entry.can_be_compressed(&kind)) {
                self.model = entry.model.clone();
            }
        }
    }

    /// The request, where every field makes sense.
    fn method(&self) -> Option<CompressMethod> {
        match self.way {
            Way::Quantize => self.quantize.config().map(CompressMethod::Quantize),
            Way::Prune => self.prune.config().map(CompressMethod::Prune),
            Way::Distil => self.distil.config().map(CompressMethod::Distil),
        }
    }
}

/// Draws the question while it is open.
pub(super) fn show(open: &mut Option<CompressForm>, ctx: &mut PageContext<'_>, ui: &Ui) {
    let Some(form) = open else { return };
    let theme = ctx.theme;
    let models = ctx.snapshot.models.clone();
    let may = !ctx.read_only();
    let shown = dialog(ui.ctx(), theme, "Make a model smaller", 640.0, |ui| {
        let words = "A new version is made beside the model and judged on the run's own test rows. The model itself stays as it is.";
        ui.add(Label::new(theme.weak(words)).wrap());
        ui.add_space(space::S);
        FormRow::new("Way", "").show(ui, theme, |ui| {
            ui.vertical(|ui| {
                ui.horizontal(|ui| {
                    for (way, title) in Way::ALL {
                        radio_value(ui, theme, &mut form.way, way, title);
                    }
                });
                ui.add(Label::new(theme.caption(form.way.sentence())).wrap());
            });
        });
        form.fit(&models);
        let kind = form.kind();
        FormRow::new("Model", "The models that can be made smaller this way").show(ui, theme, |ui| {
            let combo = ComboBox::from_id_salt("compress").width(260.0).selected_text(form.model.to_string());
            combo.show_ui(ui, |ui| {
                for entry in models.iter().filter(|entry| entry.can_be_compressed(&kind)) {
                    ui.selectable_value(&mut form.model, entry.model.clone(), entry.model.to_string());
                }
            });
        });
        match form.way {
            Way::Quantize => form.quantize.show(ui, theme),
            Way::Prune => form.prune.show(ui, theme),
            Way::Distil => form.distil.show(ui, theme, &form.model, &models),
        }
        ui.add_space(space::M);
        let method = form.method().filter(|_| form.fits(&models));
        ui.horizontal(|ui| {
            let go =
                text_button(ui, theme, None, "Make it", Weight::Primary, may && method.is_some()).clicked();
            let close = text_button(ui, theme, None, "Not now", Weight::Normal, true).clicked();
            (method.filter(|_| go), close)
        })
        .inner
    });
    let (method, close) = shown.inner;
    if let Some(method) = method {
        ctx.send(Command::Compress { model: form.model.clone(), method: Box::new(method) });
        *open = None;
    } else if close || shown.closed {
        *open = None;
    }
}
