//! Page Runs: every training, live and past; its state, its curves, and what it came to.

mod curves;
mod data;
mod dialogs;
mod header;
mod result;
mod rows;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use egui::Ui;
use orrery_domain::{Command, ModelRef, RunId, run::Run};
use serde::{Deserialize, Serialize};

use self::{curves::CurveBoard, data::RunList, dialogs::Dialog};
use super::Page;
use crate::{
    command::UiCommand,
    context::PageContext,
    route::{PageId, Route},
    run_index,
    widgets::{
        button::{Weight, command_button},
        table::{TableChoices, TableState},
    },
};

/// More curves than this on one plot tell nobody anything.
const MOST_WATCHED: usize = 20;

/// What the x axis of the curves counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum XAxis {
    /// Optimizer steps or trees.
    #[default]
    Step,
    /// Seconds of training.
    Time,
}

/// What the page keeps over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunsState {
    /// The run last shown.
    run: Option<RunId>,
    /// What x counts.
    x: XAxis,
    /// Weight of the past in smoothed curves.
    smoothing: f64,
    /// A name or a note being written.
    dialog: Option<Dialog>,
    /// Choices about the table's columns.
    columns: TableChoices,
    /// Height of the table once a person dragged it, points.
    table_height: Option<f32>,
}

/// The page.
#[derive(Default)]
pub struct RunsPage {
    state: RunsState,
    table: TableState,
    /// The runs last seen, and the list made of them.
    seen: Option<Arc<Vec<Arc<Run>>>>,
    list: RunList,
    /// Counts the lists made: the table's revision.
    revision: u64,
    /// The runs whose curves were asked for last.
    watched: Vec<RunId>,
    /// The model whose card was asked for last.
    carded: Option<ModelRef>,
    board: CurveBoard,
}

impl RunsPage {
    /// Makes the list anew when the runs changed.
    fn refresh(&mut self, ctx: &PageContext<'_>) {
        let runs = &ctx.snapshot.runs;
        if self.seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, runs)) {
            self.list = data::list(runs);
            self.seen = Some(Arc::clone(runs));
            self.revision += 1;
        }
    }

    /// Keeps route, selection and what is remembered together: the run in the header.
    fn follow(&mut self, ctx: &mut PageContext<'_>) -> Option<RunId> {
        let route = match ctx.route {
            Route::Runs { run } => run.clone(),
            _ => None,
        };
        let runs = &ctx.snapshot.runs;
        let alive = |id: &RunId| run_index::find(runs, id).is_some_and(|run| !run.deleted);
        let newest =
            || self.list.shown.first().and_then(|place| runs.get(*place as usize)).map(|run| run.id.clone());
        let kept = self.state.run.clone().filter(|id| alive(id));
        let wanted = route.clone().filter(|id| alive(id)).or(kept).or_else(newest);
        if wanted != route {
            ctx.go(Route::Runs { run: wanted.clone() });
        }
        if let Some(id) = &wanted
            && !self.table.selected.contains(&id.0)
        {
            self.table.select_only(id.0.clone());
        }
        if wanted != self.state.run {
            self.state.run.clone_from(&wanted);
            self.state.dialog = None;
        }
        wanted
    }

    /// Asks for the curves of the selected runs, and for the card of the model in the header.
    fn ask(&mut self, ctx: &mut PageContext<'_>, shown: Option<&RunId>) {
        let mut wanted: Vec<RunId> = shown.cloned().into_iter().collect();
        let others = self.table.selected.iter().map(|key| RunId(key.clone()));
        wanted.extend(others.filter(|id| Some(id) != shown).take(MOST_WATCHED - wanted.len()));
        if wanted != self.watched {
            ctx.send(Command::WatchRuns { runs: wanted.clone() });
            self.watched = wanted;
        }
        let model = shown
            .and_then(|id| run_index::find(&ctx.snapshot.runs, id))
            .and_then(|run| run.model.clone())
            .filter(|model| {
                ctx.snapshot
                    .models
                    .iter()
                    .any(|entry| entry.model == *model && entry.card.is_none() && !entry.deleted)
            });
        if let Some(model) = model
            && self.carded.as_ref() != Some(&model)
        {
            ctx.send(Command::LoadModel { model: model.clone() });
            self.carded = Some(model);
        }
    }

    /// Prepares another training like this run.
    fn train_again(ctx: &mut PageContext<'_>, run: &RunId) {
        let Some(run) = run_index::find(&ctx.snapshot.runs, run) else { return };
        *ctx.drafts.edit(&run.dataset) = run.config.clone();
        ctx.go(Route::Train { dataset: Some(run.dataset.clone()) });
    }
}

impl Page for RunsPage {
    fn id(&self) -> PageId {
        PageId::Runs
    }

    fn breadcrumbs(&self, ctx: &PageContext<'_>) -> Vec<String> {
        let Route::Runs { run: Some(id) } = ctx.route else { return Vec::new() };
        let run = run_index::find(&ctx.snapshot.runs, id);
        run.map(|run| vec![run.name.clone()]).unwrap_or_default()
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if !self.list.shown.is_empty() {
            command_button(ctx, ui, UiCommand::GoTrain, Weight::Normal);
        }
        view::deleted_menu(self, ctx, ui);
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        self.refresh(ctx);
        let shown = self.follow(ctx);
        self.ask(ctx, shown.as_ref());
        dialogs::invoked(self, ctx, shown.as_ref());
        view::show(self, ctx, ui, shown.as_ref());
        dialogs::show(self, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&RunsState { columns: self.table.choices(), ..self.state.clone() })
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
        self.table = TableState::chosen(std::mem::take(&mut self.state.columns));
        self.state.smoothing = self.state.smoothing.clamp(0.0, curves::SMOOTHEST);
    }
}
