//! Page Drills: a region is taken out on purpose, and what that cost is measured.

mod data;
mod start;
mod view;

use std::sync::Arc;

use egui::Ui;
use orrery_domain::fleet::Drill;
use serde::{Deserialize, Serialize};

use self::start::StartForm;
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
pub struct DrillsState {
    drill: Option<String>,
    start: Option<StartForm>,
    columns: TableChoices,
}

/// The page.
#[derive(Default)]
pub struct DrillsPage {
    state: DrillsState,
    seen: Option<Arc<Vec<Arc<Drill>>>>,
    rows: Vec<GridRow>,
    revision: u64,
    table: TableState,
    steps: TableState,
}

impl DrillsPage {
    fn refresh(&mut self, ctx: &PageContext<'_>) {
        let drills = &ctx.snapshot.fleet.drills;
        if self.seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, drills)) {
            self.rows = drills.iter().map(|drill| data::row(drill)).collect();
            self.seen = Some(Arc::clone(drills));
            self.revision += 1;
        }
    }

    fn follow(&mut self, ctx: &mut PageContext<'_>) {
        let route = match ctx.route {
            Route::Drills { drill } => drill.clone(),
            _ => None,
        };
        let known = |id: &String| self.rows.iter().any(|row| row.key == *id);
        let first = || self.rows.first().map(|row| row.key.clone());
        let kept = self.state.drill.clone().filter(known);
        let wanted = route.clone().filter(known).or(kept).or_else(first);
        if wanted != route {
            ctx.go(Route::Drills { drill: wanted.clone() });
        }
        if let Some(id) = &wanted
            && !(self.table.selected.len() == 1 && self.table.selected.contains(id))
        {
            self.table.select_only(id.clone());
        }
        self.state.drill = wanted;
    }
}

impl Page for DrillsPage {
    fn id(&self) -> PageId {
        PageId::Drills
    }

    fn breadcrumbs(&self, ctx: &PageContext<'_>) -> Vec<String> {
        let Route::Drills { drill: Some(id) } = ctx.route else { return Vec::new() };
        let drill = ctx.snapshot.fleet.drills.iter().find(|drill| drill.id == *id);
        drill.map(|drill| vec![data::title(drill)]).unwrap_or_default()
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if !ctx.snapshot.fleet.drills.is_empty() {
            command_button(ctx, ui, UiCommand::StartDrill, Weight::Primary);
        }
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        self.refresh(ctx);
        self.follow(ctx);
        if ctx.invoked(UiCommand::StartDrill) {
            self.state.start = Some(StartForm::new(&ctx.snapshot.fleet));
        }
        view::show(self, ctx, ui);
        start::show(&mut self.state.start, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&DrillsState { columns: self.table.choices(), ..self.state.clone() })
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
        self.table = TableState::chosen(std::mem::take(&mut self.state.columns));
    }
}
