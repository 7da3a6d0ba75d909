//! Page Deployments: which version of a model runs where, the rollouts that change it, and a row to try on it.

mod data;
mod deploy;
mod rollout;
mod try_it;
mod view;

use std::sync::Arc;

use egui::Ui;
use orrery_domain::fleet::{Deployment, FleetState, Rollout};
use serde::{Deserialize, Serialize};

use self::{deploy::DeployForm, rollout::GuardBoard, try_it::TryForm};
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
pub struct DeploymentsState {
    model: Option<String>,
    deploy: Option<DeployForm>,
    try_it: TryForm,
    columns: TableChoices,
}

/// The page.
#[derive(Default)]
pub struct DeploymentsPage {
    state: DeploymentsState,
    seen: Option<Arc<Vec<Deployment>>>,
    rows: Vec<GridRow>,
    revision: u64,
    table: TableState,
    versions: TableState,
    steps: TableState,
    board: GuardBoard,
    /// A question that is open: the way back it asks about.
    asking: Option<rollout::Back>,
}

impl DeploymentsPage {
    fn refresh(&mut self, ctx: &PageContext<'_>) {
        let deployments = &ctx.snapshot.fleet.deployments;
        if self.seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, deployments)) {
            self.rows = deployments.iter().map(data::row).collect();
            self.seen = Some(Arc::clone(deployments));
            self.revision += 1;
        }
    }

    fn follow(&mut self, ctx: &mut PageContext<'_>) {
        let route = match ctx.route {
            Route::Deployments { model } => model.clone(),
            _ => None,
        };
        let known = |name: &String| self.rows.iter().any(|row| row.key == *name);
        let first = || self.rows.first().map(|row| row.key.clone());
        let kept = self.state.model.clone().filter(known);
        let wanted = route.clone().filter(known).or(kept).or_else(first);
        if wanted != route {
            ctx.go(Route::Deployments { model: wanted.clone() });
        }
        if let Some(name) = &wanted
            && !(self.table.selected.len() == 1 && self.table.selected.contains(name))
        {
            self.table.select_only(name.clone());
        }
        if wanted != self.state.model {
            self.state.model = wanted;
            self.asking = None;
        }
    }
}

/// The newest rollout of a model.
fn rollout_of<'a>(fleet: &'a FleetState, model: &str) -> Option<&'a Arc<Rollout>> {
    fleet.rollouts.iter().find(|rollout| rollout.plan.model.name == model)
}

impl Page for DeploymentsPage {
    fn id(&self) -> PageId {
        PageId::Deployments
    }

    fn breadcrumbs(&self, ctx: &PageContext<'_>) -> Vec<String> {
        match ctx.route {
            Route::Deployments { model: Some(model) } => vec![model.clone()],
            _ => Vec::new(),
        }
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if !ctx.snapshot.fleet.endpoints.is_empty() {
            command_button(ctx, ui, UiCommand::DeployModel, Weight::Primary);
        }
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        self.refresh(ctx);
        self.follow(ctx);
        if ctx.invoked(UiCommand::DeployModel) {
            self.state.deploy = Some(DeployForm::new(ctx.snapshot));
        }
        view::show(self, ctx, ui);
        deploy::show(&mut self.state.deploy, ctx, ui);
        rollout::question(&mut self.asking, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&DeploymentsState { columns: self.table.choices(), ..self.state.clone() })
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
        self.table = TableState::chosen(std::mem::take(&mut self.state.columns));
    }
}
