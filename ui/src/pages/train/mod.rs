//! Page Train: a training request in four folds, what is wrong with it, and what it will cost.

mod columns;
mod data;
mod device;
mod fields;
mod fold;
mod forecast;
mod model;
#[cfg(test)]
mod tests;
mod training;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use egui::Ui;
use orrery_domain::{Command, DatasetId, RunId, training::TrainConfig};
use serde::{Deserialize, Serialize};

use self::{
    data::{TrainView, Typed},
    fields::Field,
};
use super::Page;
use crate::{
    command::UiCommand,
    context::PageContext,
    draft::ProfileQuestion,
    route::{PageId, Route},
    widgets::button::{Weight, command_button},
};

/// A request must rest this long before a forecast is asked for, seconds.
const REST: f64 = 0.35;

/// A run that has not appeared after this long will not come, seconds.
const PATIENCE: f64 = 10.0;

/// What the page keeps over a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainState {
    /// The dataset last trained on.
    dataset: Option<DatasetId>,
    /// Name of the model, as typed.
    name: String,
    /// Which folds are open.
    open: [bool; 4],
    /// What is typed into the numeric settings.
    texts: BTreeMap<Field, String>,
}

impl Default for TrainState {
    fn default() -> Self {
        Self { dataset: None, name: String::new(), open: [true, true, false, false], texts: BTreeMap::new() }
    }
}

/// The page.
#[derive(Default)]
pub struct TrainPage {
    state: TrainState,
    /// Filter over the features.
    filter: String,
    question: ProfileQuestion,
    /// The request last seen and when it last changed.
    seen: Option<(DatasetId, TrainConfig, f64)>,
    /// The request whose forecast was asked for last.
    asked: Option<(DatasetId, TrainConfig)>,
    /// A run asked for that has not appeared yet.
    starting: Option<Starting>,
    /// Whether problems of untouched fields are shown: a person tried to start.
    tried: bool,
}

/// A run that was asked for.
#[derive(Debug)]
struct Starting {
    dataset: DatasetId,
    config: TrainConfig,
    before: BTreeSet<RunId>,
    since: f64,
}

impl TrainPage {
    /// The dataset to train on: the route's, the last one, or the newest.
    fn dataset(&mut self, ctx: &mut PageContext<'_>) -> Option<DatasetId> {
        let route = match ctx.route {
            Route::Train { dataset } => dataset.clone(),
            _ => None,
        };
        let snapshot = ctx.snapshot;
        let alive =
            |id: &DatasetId| snapshot.datasets.iter().any(|entry| entry.dataset.id == *id && !entry.deleted);
        let newest =
            || snapshot.datasets.iter().find(|entry| !entry.deleted).map(|entry| entry.dataset.id.clone());
        let kept = self.state.dataset.clone().filter(|id| alive(id));
        let wanted = route.clone().filter(|id| alive(id)).or(kept).or_else(newest);
        if wanted != route {
            ctx.go(Route::Train { dataset: wanted.clone() });
        }
        if wanted != self.state.dataset {
            self.state.dataset.clone_from(&wanted);
            self.state.texts.clear();
            self.tried = false;
        }
        if let Some(id) = &wanted {
            if let Some(entry) = snapshot.datasets.iter().find(|entry| entry.dataset.id == *id) {
                ctx.drafts.begin(entry, snapshot.default_device);
            }
            self.question.ask(ctx, id);
        }
        wanted
    }

    fn typed(&self) -> Typed {
        let error =
            |(field, text): (&Field, &String)| field.parse(text).err().map(|message| (*field, message));
        Typed {
            name: self.state.name.trim().to_owned(),
            errors: self.state.texts.iter().filter_map(error).collect(),
        }
    }

    /// Asks for a forecast once the request has rested.
    fn ask_for_forecast(&mut self, ctx: &mut PageContext<'_>, ui: &Ui, view: &TrainView) {
        let Some(form) = &view.form else { return };
        let now = ui.input(|input| input.time);
        let changed =
            self.seen.as_ref().is_none_or(|(id, config, _)| *id != form.dataset || *config != form.config);
        if changed {
            // The first request of a dataset need not rest: nobody is typing.
            let rested = self.seen.as_ref().is_none_or(|(id, ..)| *id != form.dataset);
            let since = if rested { now - REST } else { now };
            self.seen = Some((form.dataset.clone(), form.config.clone(), since));
        }
        let Some((_, _, since)) = &self.seen else { return };
        let question = (form.dataset.clone(), form.config.clone());
        if !form.problems.is_empty() || self.asked.as_ref() == Some(&question) {
            return;
        }
        let left = REST - (now - since);
        if left > 0.0 {
            ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(left));
            return;
        }
        ctx.send(Command::Forecast { dataset: question.0.clone(), config: Box::new(question.1.clone()) });
        self.asked = Some(question);
    }

    /// Starts the training, or shows what is in its way.
    fn start(&mut self, ctx: &mut PageContext<'_>, ui: &Ui, view: &TrainView) {
        let Some(form) = &view.form else { return };
        self.tried = true;
        if let Some(problem) = form.problems.first() {
            ctx.outbox.toast(orrery_domain::snapshot::Severity::Warning, format!("{}.", problem.message));
            return;
        }
        if self.starting.is_some() {
            return;
        }
        let name = self.state.name.trim();
        ctx.send(Command::Train {
            dataset: form.dataset.clone(),
            config: Box::new(form.config.clone()),
            name: (!name.is_empty()).then(|| name.to_owned()),
        });
        self.starting = Some(Starting {
            dataset: form.dataset.clone(),
            config: form.config.clone(),
            before: ctx.snapshot.runs.iter().map(|run| run.id.clone()).collect(),
            since: ui.input(|input| input.time),
        });
        self.tried = false;
    }

    /// Goes to the run that was asked for, once it is there.
    fn follow(&mut self, ctx: &mut PageContext<'_>, ui: &Ui) {
        let Some(starting) = &self.starting else { return };
        let mine = |run: &&std::sync::Arc<orrery_domain::run::Run>| {
            run.dataset == starting.dataset
                && run.config == starting.config
                && !starting.before.contains(&run.id)
        };
        if let Some(run) = ctx.snapshot.runs.iter().find(mine) {
            ctx.go(Route::Runs { run: Some(run.id.clone()) });
            self.starting = None;
        } else if ui.input(|input| input.time) - starting.since > PATIENCE {
            self.starting = None;
        } else {
            ui.ctx().request_repaint_after(std::time::Duration::from_secs(1));
        }
    }
}

impl Page for TrainPage {
    fn id(&self) -> PageId {
        PageId::Train
    }

    fn breadcrumbs(&self, ctx: &PageContext<'_>) -> Vec<String> {
        let Route::Train { dataset: Some(id) } = ctx.route else { return Vec::new() };
        let entry = ctx.snapshot.datasets.iter().find(|entry| entry.dataset.id == *id);
        entry.map(|entry| vec![entry.dataset.name.clone()]).unwrap_or_default()
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if ctx.snapshot.datasets.iter().any(|entry| !entry.deleted) {
            command_button(ctx, ui, UiCommand::StartTraining, Weight::Primary);
        }
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        let dataset = self.dataset(ctx);
        let draft = dataset.as_ref().and_then(|id| ctx.drafts.get(id));
        let view = data::of(ctx.snapshot, dataset.as_ref(), draft, &self.typed());
        if ctx.invoked(UiCommand::StartTraining) {
            self.start(ctx, ui, &view);
        }
        self.follow(ctx, ui);
        view::show(self, ctx, ui, &view);
        self.ask_for_forecast(ctx, ui, &view);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&self.state)
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
    }
}
