//! The question before a search: of which table and target, over what, how, and within which limits.

use egui::{ComboBox, Label, ScrollArea, Ui};
use orrery_domain::{
    Command, DatasetId,
    search::{Limits, MODEL, Plan, Range, Sampler, Schedule, Setting, Space},
    snapshot::{DatasetEntry, Snapshot},
    training::{ModelKind, TrainConfig},
};
use serde::{Deserialize, Serialize};

use crate::{
    context::PageContext,
    theme::{Theme, space},
    widgets::{
        button::{Weight, text_button},
        choice::{checkbox, radio_value},
        confirm::dialog,
        form::{FormRow, short_row},
        input::input,
    },
};

/// Families that can be searched, in the order of the form: those for pictures stand first where there are pictures, and nowhere else.
const KINDS: [ModelKind; 7] = [
    ModelKind::Cnn,
    ModelKind::ResnetCnn,
    ModelKind::Gbt,
    ModelKind::Mlp,
    ModelKind::Tabm,
    ModelKind::Resnet,
    ModelKind::Linear,
];

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SearchForm {
    dataset: DatasetId,
    /// Whether its columns are pixels; looked at once, and again in a form that was kept.
    #[serde(skip)]
    pictures: Option<bool>,
    target: String,
    kinds: Vec<ModelKind>,
    sampler: Sampler,
    schedule: Schedule,
    trials: String,
    minutes: String,
    micros: String,
    kilobytes: String,
    epochs: String,
    /// Name and range of each parameter, as typed.
    ranges: Vec<(String, String)>,
}

/// A field's number above 0: none where it is empty.
fn positive(text: &str) -> Result<Option<f64>, ()> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0).map(Some).ok_or(()),
    }
}

fn ranges_of(kinds: &[ModelKind]) -> Vec<(String, String)> {
    let space = Space::of_models(kinds);
    let others = space.0.iter().filter(|parameter| parameter.name != MODEL);
    others.map(|parameter| (parameter.name.clone(), parameter.range.to_string())).collect()
}

/// The range of a parameter, or what is wrong with it.
fn range(name: &str, text: &str) -> Result<Range, String> {
    let setting = name.rsplit('.').next().and_then(Setting::from_name);
    let setting = setting.ok_or_else(|| format!("'{name}' is no setting"))?;
    let range = Range::read(text.trim(), setting.kind())?;
    setting.check(&range)?;
    let alone = Space(vec![orrery_domain::search::Parameter {
        name: name.to_owned(),
        range: range.clone(),
        only: Vec::new(),
    }]);
    alone.fault().map_or(Ok(range), Err)
}

impl SearchForm {
    /// For the newest dataset there is.
    pub fn new(snapshot: &Snapshot) -> Option<Self> {
        let entry = snapshot.datasets.iter().find(|entry| !entry.deleted)?;
        let mut form = Self {
            dataset: entry.dataset.id.clone(),
            pictures: None,
            target: String::new(),
            ranges: Vec::new(),
            kinds: Vec::new(),
            sampler: Sampler::default(),
            schedule: Schedule::default(),
            trials: "30".to_owned(),
            minutes: String::new(),
            micros: String::new(),
            kilobytes: String::new(),
            epochs: String::new(),
        };
        form.take(entry, snapshot);
        Some(form)
    }

    /// Takes a dataset, with the families that it can be searched with and the target of its newest run, else its last column that is
    /// no pixel.
    fn take(&mut self, entry: &DatasetEntry, snapshot: &Snapshot) {
        self.dataset = entry.dataset.id.clone();
        let pixels = entry.dataset.pixels().map(|pixels| pixels.columns).unwrap_or_default();
        let pictures = !pixels.is_empty();
        self.pictures = Some(pictures);
        let mut kinds: Vec<ModelKind> =
            self.kinds.iter().copied().filter(|kind| pictures || !kind.is_for_images()).collect();
        if kinds.is_empty() {
            kinds.push(if pictures { ModelKind::Cnn } else { ModelKind::Gbt });
        }
        self.choose(kinds);
        let columns = &entry.dataset.columns;
        let known = |name: &String| columns.iter().any(|column| column.name == *name);
        if known(&self.target) {
            return;
        }
        let run = snapshot.runs.iter().find(|run| run.dataset == entry.dataset.id);
        let asked = run.map(|run| run.config.target.clone()).filter(known);
        let last = || columns.iter().rev().map(|column| &column.name).find(|name| !pixels.contains(name));
        self.target = asked.or_else(|| last().cloned()).unwrap_or_default();
    }

    /// Looks once whether its dataset's columns are pixels.
    fn look(&mut self, entry: &DatasetEntry) {
        self.pictures.get_or_insert_with(|| entry.dataset.pixels().is_some());
    }

    /// Takes other families, and their ranges.
    fn choose(&mut self, mut kinds: Vec<ModelKind>) {
        kinds.sort_by_key(|kind| KINDS.iter().position(|other| other == kind));
        if kinds != self.kinds {
            self.ranges = ranges_of(&kinds);
            self.kinds = kinds;
        }
    }

    /// The space, where every range makes sense.
    fn space(&self) -> Result<Space, String> {
        if self.kinds.is_empty() {
            return Err("Choose at least one model.".to_owned());
        }
        let mut space = Space::of_models(&self.kinds);
        for (name, text) in &self.ranges {
            let range = range(name, text)?;
            if let Some(parameter) = space.0.iter_mut().find(|parameter| parameter.name == *name) {
                parameter.range = range;
            }
        }
        space.fault().map_or(Ok(space), Err)
    }

    fn plan(&self) -> Option<Plan> {
        let plan = Plan {
            sampler: self.sampler,
            schedule: self.schedule,
            trials: self.trials.trim().parse().ok()?,
            secs: positive(&self.minutes).ok()?.map(|minutes| minutes * 60.0),
            limits: Limits {
                row_secs: positive(&self.micros).ok()?.map(|micros| micros * 1e-6),
                bytes: positive(&self.kilobytes).ok()?.map(|kilobytes| (kilobytes * 1000.0) as u64),
            },
            ..Plan::default()
        };
        plan.fault().is_none().then_some(plan)
    }

    /// The whole request, where every field makes sense.
    fn request(&self, snapshot: &Snapshot) -> Option<Command> {
        let entry =
            snapshot.datasets.iter().find(|entry| entry.dataset.id == self.dataset && !entry.deleted)?;
        entry.dataset.column(&self.target)?;
        let mut config = TrainConfig::new(&self.target);
        config.device = snapshot.default_device;
        config.hyper.epochs = positive(&self.epochs).ok()?.map(|epochs| epochs.clamp(1.0, 1e6) as u32);
        Some(Command::Search {
            dataset: self.dataset.clone(),
            config: Box::new(config),
            space: self.space().ok()?,
            plan: Box::new(self.plan()?),
        })
    }

    fn source(&mut self, snapshot: &Snapshot, theme: &Theme, ui: &mut Ui) {
        let there: Vec<&DatasetEntry> = snapshot.datasets.iter().filter(|entry| !entry.deleted).collect();
        let Some(mut entry) = there.iter().find(|entry| entry.dataset.id == self.dataset).or(there.first())
        else {
            return;
        };
        FormRow::new("Dataset", "").show(ui, theme, |ui| {
            let combo =
                ComboBox::from_id_salt("search dataset").width(260.0).selected_text(&entry.dataset.name);
            combo.show_ui(ui, |ui| {
                for choice in &there {
                    if ui.selectable_label(choice.dataset.id == self.dataset, &choice.dataset.name).clicked()
                    {
                        entry = choice;
                    }
                }
            });
        });
        if self.dataset != entry.dataset.id || !entry.dataset.columns.iter().any(|c| c.name == self.target) {
            self.take(entry, snapshot);
        }
        self.look(entry);
        FormRow::new("Target", "The column to predict").show(ui, theme, |ui| {
            let combo = ComboBox::from_id_salt("search target").width(260.0).selected_text(&self.target);
            combo.show_ui(ui, |ui| {
                for column in &entry.dataset.columns {
                    ui.selectable_value(&mut self.target, column.name.clone(), &column.name);
                }
            });
        });
    }

    fn models(&mut self, theme: &Theme, ui: &mut Ui) {
        let mut chosen = self.kinds.clone();
        let pictures = self.pictures.unwrap_or(false);
        let error = chosen.is_empty().then_some("Choose at least one");
        FormRow::new("Models", "With several, the search chooses between them, too").error(error).show(
            ui,
            theme,
            |ui| {
                ui.horizontal_wrapped(|ui| {
                    ui.spacing_mut().item_spacing.x = space::M;
                    for kind in KINDS.into_iter().filter(|kind| pictures || !kind.is_for_images()) {
                        let mut on = chosen.contains(&kind);
                        if checkbox(ui, theme, &mut on, kind.title()).changed() {
                            chosen.retain(|other| *other != kind);
                            if on {
                                chosen.push(kind);
                            }
                        }
                    }
                });
            },
        );
        self.choose(chosen);
    }

    fn way(&mut self, theme: &Theme, ui: &mut Ui) {
        FormRow::new("Sampler", "How the next trial's values are chosen").show(ui, theme, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::M;
                for sampler in Sampler::ALL {
                    radio_value(ui, theme, &mut self.sampler, sampler, sampler.title());
                }
            });
        });
        FormRow::new(
            "Schedule",
            "ASHA and Hyperband begin with a ninth of a training; the best third goes on, the others stop early",
        )
        .show(ui, theme, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::M;
                for schedule in Schedule::ALL {
                    radio_value(ui, theme, &mut self.schedule, schedule, schedule.title());
                }
            });
        });
        let bad = !self.trials.trim().parse::<u32>().is_ok_and(|trials| (1..=100_000).contains(&trials));
        let error = bad.then_some("A number from 1 to 100,000");
        short_row(ui, theme, ("Trials", ""), &mut self.trials, "", error);
        let fields: [(&str, &str, &str, &mut String); 4] = [
            (
                "Time budget",
                "Over all of its processes; empty: as long as it takes",
                "minutes",
                &mut self.minutes,
            ),
            (
                "Time of one row",
                "Most that the chosen model may take, measured; empty: any",
                "µs at most",
                &mut self.micros,
            ),
            (
                "Size on disk",
                "Most that the chosen model may take; empty: any",
                "kB at most",
                &mut self.kilobytes,
            ),
            ("Epochs", "Of a whole training of a network; empty: the kind's own", "", &mut self.epochs),
        ];
        for (label, help, unit, text) in fields {
            let error = positive(text).is_err().then_some("A number above 0, or nothing");
            short_row(ui, theme, (label, help), text, unit, error);
        }
    }

    fn ranges(&mut self, theme: &Theme, ui: &mut Ui) {
        let defaults = ranges_of(&self.kinds);
        ui.label(theme.strong("Ranges"));
        let words = "LOW..HIGH, log:LOW..HIGH, A|B|C, or a single value";
        ui.label(theme.caption(words));
        for ((name, text), (_, default)) in self.ranges.iter_mut().zip(&defaults) {
            let wrong = range(name, text).err();
            let changed = text != default;
            let row = FormRow::new(name, "").default_value("", changed).error(wrong.as_deref());
            let shown = row.show(ui, theme, |ui| ui.add(input(text).desired_width(200.0)));
            if shown.reset {
                text.clone_from(default);
            }
        }
    }
}

/// Draws the question while it is open.
pub(super) fn show(open: &mut Option<SearchForm>, ctx: &mut PageContext<'_>, ui: &Ui) {
    let Some(form) = open else { return };
    let theme = ctx.theme;
    let snapshot = ctx.snapshot.clone();
    let may = !ctx.read_only();
    let shown = dialog(ui.ctx(), theme, "Search settings and architectures", 720.0, |ui| {
        let words = "Trials are runs of their own, judged on validation rows. The best within the limits is judged on the test rows, once, and becomes a model.";
        ui.add(Label::new(theme.weak(words)).wrap());
        ui.add_space(space::S);
        let most = (ui.ctx().content_rect().height() - 220.0).max(200.0);
        let area = ScrollArea::vertical().id_salt("search form").max_height(most).min_scrolled_height(most);
        area.auto_shrink([false, true]).show(ui, |ui| {
            form.source(&snapshot, theme, ui);
            form.models(theme, ui);
            form.way(theme, ui);
            ui.add_space(space::S);
            form.ranges(theme, ui);
        });
        ui.add_space(space::M);
        let request = form.request(&snapshot);
        ui.horizontal(|ui| {
            let ready = may && request.is_some();
            let go = text_button(ui, theme, None, "Start search", Weight::Primary, ready).clicked();
            let close = text_button(ui, theme, None, "Not now", Weight::Normal, true).clicked();
            (request.filter(|_| go), close)
        })
        .inner
    });
    let (request, close) = shown.inner;
    if let Some(request) = request {
        ctx.send(request);
        *open = None;
    } else if close || shown.closed {
        *open = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use orrery_domain::dataset::{ColumnSchema, ColumnType};

    use super::*;
    use crate::pages::stage::fixture;

    #[test]
    fn a_form_that_was_kept_looks_at_its_dataset_again() {
        let snapshot = fixture::busy();
        let mut entry = snapshot.datasets[0].clone();
        let kept = serde_json::to_value(SearchForm::new(&snapshot)).expect("a form");
        let read = || serde_json::from_value::<SearchForm>(kept.clone()).expect("the same form");
        let mut form = read();
        form.look(&entry);
        assert_eq!(form.pictures, Some(false));
        let pixel =
            |name: &str| ColumnSchema { name: name.to_owned(), kind: ColumnType::Integer, overridden: false };
        Arc::make_mut(&mut entry.dataset).columns =
            ["pixel_0_0", "pixel_0_1", "pixel_1_0", "pixel_1_1", "label"].map(pixel).to_vec();
        let mut form = read();
        form.look(&entry);
        assert_eq!(form.pictures, Some(true));
    }

    #[test]
    fn every_default_range_is_one_that_can_be_typed() {
        for kinds in [&KINDS[..], &[ModelKind::Mlp]] {
            for (name, text) in ranges_of(kinds) {
                let read = range(&name, &text).expect("legal");
                assert_eq!(read.to_string(), text);
            }
        }
        assert!(range("mlp.width", "0..8").is_err() && range("mlp.speed", "1").is_err());
        assert!(range("learning_rate", "log:0..1").is_err());
    }
}
