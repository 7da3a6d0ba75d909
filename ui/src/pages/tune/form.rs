//! The question before a tuning: which model, for what, under which load, and what may vary.

use std::collections::BTreeMap;

use egui::{ComboBox, Label, Ui};
use orrery_domain::{
    Command, ModelRef,
    serving::ServingSettings,
    snapshot::{ModelEntry, Snapshot},
    tune::{Figure, Goals, Limit, Pace, TuneAsk, Workload},
};
use serde::{Deserialize, Serialize};

use crate::{
    context::PageContext,
    theme::{Theme, space},
    widgets::{
        button::{Weight, text_button},
        choice::checkbox,
        confirm::dialog,
        form::{FormRow, short_row},
    },
};

/// Bounds that can be set, in the form's order.
const BOUNDS: [(Figure, &str, &str); 6] = [
    (Figure::P50, "Median latency", "ms at most; empty: any"),
    (Figure::P95, "95% latency", "ms at most; empty: any"),
    (Figure::P99, "99% latency", "ms at most; empty: any"),
    (Figure::Throughput, "Throughput", "rows a second at least; empty: any"),
    (Figure::Memory, "Peak memory", "MiB at most; empty: any"),
    (Figure::Cpu, "CPU", "cores at most; empty: any"),
];

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TuneForm {
    model: ModelRef,
    objective: Figure,
    /// Bounds as typed.
    #[serde(default)]
    limits: BTreeMap<Figure, String>,
    clients: String,
    rows: String,
    /// Batch size, threads, instances, delay, precision.
    vary: [bool; 5],
    measurements: String,
    secs: String,
}

/// A field's number: the usual one where it is empty.
fn number<T: std::str::FromStr>(text: &str, usual: T, fits: impl Fn(&T) -> bool) -> Option<T> {
    match text.trim() {
        "" => Some(usual),
        text => text.parse().ok().filter(fits),
    }
}

impl TuneForm {
    /// For a model, or the newest.
    pub(super) fn new(models: &[ModelEntry], wanted: Option<&ModelRef>) -> Option<Self> {
        let mut present = models.iter().filter(|entry| !entry.deleted);
        let found = present.clone().find(|entry| Some(&entry.model) == wanted).or_else(|| present.next())?;
        Some(Self {
            model: found.model.clone(),
            objective: Figure::Throughput,
            limits: BTreeMap::new(),
            clients: String::new(),
            rows: String::new(),
            vary: [true; 5],
            measurements: String::new(),
            secs: String::new(),
        })
    }

    fn bound(&self, figure: Figure) -> Result<Option<Limit>, ()> {
        match self.limits.get(&figure).map_or("", |text| text.trim()) {
            "" => Ok(None),
            text => format!("{figure}={text}").parse().map(Some).map_err(drop),
        }
    }

    fn clients(&self) -> Option<u32> {
        number(&self.clients, Workload::default().clients, |clients| (1..=256).contains(clients))
    }

    fn rows(&self) -> Option<u32> {
        number(&self.rows, Workload::default().rows, |rows| (1..=4096).contains(rows))
    }

    fn measurements(&self) -> Result<Option<u32>, ()> {
        let count = number(&self.measurements, 0, |count| (2..=200).contains(count)).ok_or(())?;
        Ok((count > 0).then_some(count))
    }

    fn secs(&self) -> Option<f64> {
        number(&self.secs, Pace::default().secs, |secs| (0.05..=60.0).contains(secs))
    }

    /// The request, where every field makes sense.
    fn ask(&self, snapshot: &Snapshot) -> Option<TuneAsk> {
        let limits: Result<Vec<Option<Limit>>, ()> =
            BOUNDS.iter().map(|(figure, ..)| self.bound(*figure)).collect();
        let limits = limits.ok()?.into_iter().flatten().collect();
        let goals = Goals { objective: self.objective, limits };
        let serving = snapshot.servings.get(&self.model.name);
        let now: ServingSettings =
            serving.and_then(|serving| serving.of(self.model.version)).unwrap_or_default();
        let [batch, threads, instances, delay, precision] = self.vary;
        Some(TuneAsk {
            workload: Workload { clients: self.clients()?, rows: self.rows()? },
            pace: Pace { secs: self.secs()?, ..Pace::default() },
            versions: (!precision).then(|| vec![self.model.clone()]),
            batch_rows: (!batch).then(|| vec![now.batch_rows]),
            threads: (!threads).then(|| vec![now.threads]),
            instances: (!instances).then(|| vec![now.instances]),
            delay_micros: (!delay).then(|| vec![now.delay_micros]),
            max_measurements: self.measurements().ok()?,
            ..TuneAsk::new(self.model.clone(), goals)
        })
    }
}

fn goals(form: &mut TuneForm, theme: &Theme, ui: &mut Ui) {
    FormRow::new("Goal", "What is made best").show(ui, theme, |ui| {
        ComboBox::from_id_salt("tune goal").width(260.0).selected_text(form.objective.goal()).show_ui(
            ui,
            |ui| {
                for figure in Figure::ALL {
                    ui.selectable_value(&mut form.objective, figure, figure.goal());
                }
            },
        );
    });
    for (figure, label, usual) in BOUNDS {
        let error = form.bound(figure).is_err().then_some("A number above 0");
        let help = "A bound that whatever is chosen keeps";
        short_row(ui, theme, (label, help), form.limits.entry(figure).or_default(), usual, error);
    }
}

fn load(form: &mut TuneForm, theme: &Theme, ui: &mut Ui) {
    let error = form.clients().is_none().then_some("From 1 to 256");
    let help = "Each asks again as soon as it is answered";
    short_row(ui, theme, ("Clients at once", help), &mut form.clients, "empty: 8", error);
    let error = form.rows().is_none().then_some("From 1 to 4,096");
    short_row(ui, theme, ("Rows of a request", ""), &mut form.rows, "empty: 4", error);
}

fn scope(form: &mut TuneForm, theme: &Theme, ui: &mut Ui) {
    FormRow::new("What may vary", "What is not marked stays as it is now").show(ui, theme, |ui| {
        ui.vertical(|ui| {
            let names =
                ["Batch size", "Threads", "Instances", "Batching delay", "Precision: quantized versions"];
            for (on, name) in form.vary.iter_mut().zip(names) {
                checkbox(ui, theme, on, name);
            }
        });
    });
    let error = form.measurements().is_err().then_some("From 2 to 200");
    let help = "Settings that are measured, the one of now included";
    short_row(ui, theme, ("Measurements", help), &mut form.measurements, "empty: 8 of 100 settings", error);
    let error = form.secs().is_none().then_some("From 0.05 to 60");
    let help = "Each is repeated 3 to 12 times, until its 95% interval is within 5%";
    short_row(ui, theme, ("Seconds a repetition", help), &mut form.secs, "empty: 0.4", error);
}

/// Draws the question while it is open.
pub(super) fn show(open: &mut Option<TuneForm>, ctx: &mut PageContext<'_>, ui: &Ui) {
    let Some(form) = open else { return };
    let theme = ctx.theme;
    let snapshot = ctx.snapshot;
    let may = !ctx.read_only();
    let shown = dialog(ui.ctx(), theme, "Find the best way to serve a model", 620.0, |ui| {
        let words = "Each setting is measured on a node of its own, on this machine, under this load. Nothing changes until you apply one.";
        ui.add(Label::new(theme.weak(words)).wrap());
        ui.add_space(space::S);
        FormRow::new("Model", "").show(ui, theme, |ui| {
            let combo =
                ComboBox::from_id_salt("tune model").width(260.0).selected_text(form.model.to_string());
            combo.show_ui(ui, |ui| {
                for entry in snapshot.models.iter().filter(|entry| !entry.deleted) {
                    ui.selectable_value(&mut form.model, entry.model.clone(), entry.model.to_string());
                }
            });
        });
        goals(form, theme, ui);
        load(form, theme, ui);
        scope(form, theme, ui);
        ui.add_space(space::M);
        let ask = form.ask(snapshot);
        ui.horizontal(|ui| {
            let go = text_button(ui, theme, None, "Measure", Weight::Primary, may && ask.is_some()).clicked();
            let close = text_button(ui, theme, None, "Not now", Weight::Normal, true).clicked();
            (ask.filter(|_| go), close)
        })
        .inner
    });
    let (ask, close) = shown.inner;
    if let Some(ask) = ask {
        ctx.send(Command::Tune { ask: Box::new(ask) });
        *open = None;
    } else if close || shown.closed {
        *open = None;
    }
}
