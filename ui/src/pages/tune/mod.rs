//! Page Tune: the best way to serve a model on this machine, found by measuring; applied, and undone.

mod chart;
mod data;
mod form;
mod view;

use std::sync::Arc;

use egui::Ui;
use orrery_domain::{Command, tune::TuneReport};
use serde::{Deserialize, Serialize};

use self::form::TuneForm;
use super::Page;
use crate::{
    command::UiCommand,
    context::PageContext,
    route::{PageId, Route},
    widgets::{
        button::{Weight, command_button},
        grid::GridRow,
        table::{TableChoices, TableState},
    },
};

/// What the page keeps over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TuneState {
    tuning: Option<String>,
    form: Option<TuneForm>,
    columns: TableChoices,
}

/// A change that is asked about before it is made.
#[derive(Clone, Debug, PartialEq)]
enum Question {
    /// Serve the model as a measurement was made.
    Apply { tuning: String, measurement: usize },
    /// Serve the model as before.
    Undo { model: String },
}

/// The page.
#[derive(Default)]
pub struct TunePage {
    state: TuneState,
    loaded: bool,
    seen: Option<Arc<Vec<Arc<TuneReport>>>>,
    rows: Vec<GridRow>,
    revision: u64,
    table: TableState,
    measurements: TableState,
    question: Option<Question>,
}

impl TunePage {
    fn refresh(&mut self, ctx: &mut PageContext<'_>) {
        if !self.loaded {
            ctx.send(Command::LoadTunings);
            self.loaded = true;
        }
        let tunings = &ctx.snapshot.tunings;
        if self.seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, tunings)) {
            self.rows = tunings.iter().map(|report| data::row(report)).collect();
            self.seen = Some(Arc::clone(tunings));
            self.revision += 1;
        }
    }

    /// Follows the route to a tuning.
    fn follow(&mut self, ctx: &mut PageContext<'_>) {
        let route = match ctx.route {
            Route::Tune { tuning } => tuning.clone(),
            _ => None,
        };
        let known = |id: &String| self.rows.iter().any(|row| row.key == *id);
        let first = || self.rows.first().map(|row| row.key.clone());
        let kept = self.state.tuning.clone().filter(known);
        let wanted = route.clone().filter(known).or(kept).or_else(first);
        if wanted != route && !self.rows.is_empty() {
            ctx.go(Route::Tune { tuning: wanted.clone() });
        }
        if let Some(id) = &wanted
            && !(self.table.selected.len() == 1 && self.table.selected.contains(id))
        {
            self.table.select_only(id.clone());
            self.measurements.selected.clear();
            // Another tuning's measurements stand in the table.
            self.revision += 1;
        }
        self.state.tuning = wanted;
    }

    /// The tuning that is shown.
    fn shown(&self, ctx: &PageContext<'_>) -> Option<Arc<TuneReport>> {
        let id = self.state.tuning.as_ref()?;
        ctx.snapshot.tunings.iter().find(|report| report.id == *id).cloned()
    }
}

impl Page for TunePage {
    fn id(&self) -> PageId {
        PageId::Tune
    }

    fn breadcrumbs(&self, ctx: &PageContext<'_>) -> Vec<String> {
        self.shown(ctx).map(|report| report.request.model.to_string()).into_iter().collect()
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if !self.rows.is_empty() {
            command_button(ctx, ui, UiCommand::Tune, Weight::Primary);
        }
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        self.refresh(ctx);
        self.follow(ctx);
        if ctx.invoked(UiCommand::Tune) {
            let model = self.shown(ctx).map(|report| report.request.model.clone());
            self.state.form = TuneForm::new(&ctx.snapshot.models, model.as_ref());
        }
        view::show(self, ctx, ui);
        form::show(&mut self.state.form, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&TuneState { columns: self.table.choices(), ..self.state.clone() })
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
        self.table = TableState::chosen(std::mem::take(&mut self.state.columns));
    }
}
