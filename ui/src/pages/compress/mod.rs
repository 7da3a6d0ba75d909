//! Page Compress: smaller versions of models, each with what it costs beside the one that it was made from.

mod charts;
mod data;
mod form;
mod view;

use std::sync::Arc;

use egui::Ui;
use orrery_domain::{ModelRef, snapshot::ModelEntry};
use serde::{Deserialize, Serialize};

use self::form::CompressForm;
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
pub struct CompressState {
    model: Option<ModelRef>,
    form: Option<CompressForm>,
    columns: TableChoices,
}

/// The page.
#[derive(Default)]
pub struct CompressPage {
    state: CompressState,
    seen: Option<Arc<Vec<ModelEntry>>>,
    rows: Vec<GridRow>,
    revision: u64,
    table: TableState,
    figures: TableState,
    layers: TableState,
    rounds: TableState,
    shapes: TableState,
    trials: TableState,
    asked: Option<ModelRef>,
}

impl CompressPage {
    fn refresh(&mut self, ctx: &PageContext<'_>) {
        let models = &ctx.snapshot.models;
        if self.seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, models)) {
            self.rows = data::compressed(models).map(data::row).collect();
            self.seen = Some(Arc::clone(models));
            self.revision += 1;
        }
    }

    /// Follows the route to a model, and has its card loaded.
    fn follow(&mut self, ctx: &mut PageContext<'_>) {
        let route = match ctx.route {
            Route::Compress { model } => model.clone(),
            _ => None,
        };
        let known = |model: &ModelRef| self.rows.iter().any(|row| row.key == model.to_string());
        let first = || self.rows.first().and_then(|row| row.key.parse().ok());
        let kept = self.state.model.clone().filter(known);
        let wanted = route.clone().filter(known).or(kept).or_else(first);
        if wanted != route {
            ctx.go(Route::Compress { model: wanted.clone() });
        }
        if let Some(model) = &wanted {
            let key = model.to_string();
            if !(self.table.selected.len() == 1 && self.table.selected.contains(&key)) {
                self.table.select_only(key);
            }
            let loaded =
                ctx.snapshot.models.iter().any(|entry| entry.model == *model && entry.card.is_some());
            if !loaded && self.asked.as_ref() != Some(model) {
                ctx.send(orrery_domain::Command::LoadModel { model: model.clone() });
                self.asked = Some(model.clone());
            }
        }
        self.state.model = wanted;
    }
}

impl Page for CompressPage {
    fn id(&self) -> PageId {
        PageId::Compress
    }

    fn breadcrumbs(&self, ctx: &PageContext<'_>) -> Vec<String> {
        match ctx.route {
            Route::Compress { model: Some(model) } => vec![model.to_string()],
            _ => Vec::new(),
        }
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if !self.rows.is_empty() {
            command_button(ctx, ui, UiCommand::Compress, Weight::Primary);
        }
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        self.refresh(ctx);
        self.follow(ctx);
        if ctx.invoked(UiCommand::Compress) {
            let from = self.state.model.as_ref().and_then(|model| data::origin(&ctx.snapshot.models, model));
            self.state.form = CompressForm::new(&ctx.snapshot.models, from.as_ref());
        }
        view::show(self, ctx, ui);
        form::show(&mut self.state.form, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&CompressState { columns: self.table.choices(), ..self.state.clone() })
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
        self.table = TableState::chosen(std::mem::take(&mut self.state.columns));
    }
}
