//! Page Traffic: a gateway, how it shares requests out, and what another strategy would have done.

mod data;
mod simulate;
mod view;

use std::sync::Arc;

use egui::Ui;
use orrery_domain::{
    Command,
    fleet::{FleetCommand, GatewayStatus, Simulation, StrategyId},
};
use serde::{Deserialize, Serialize};

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
pub struct TrafficState {
    gateway: Option<String>,
    /// The strategy looked at in the simulation.
    wanted: Option<StrategyId>,
    columns: TableChoices,
}

/// The page.
#[derive(Default)]
pub struct TrafficPage {
    state: TrafficState,
    seen: Option<Arc<GatewayStatus>>,
    simulated: Option<Arc<(String, Result<Simulation, orrery_domain::Failure>)>>,
    rows: Vec<GridRow>,
    canaries: Vec<GridRow>,
    simulation: Vec<GridRow>,
    revision: u64,
    table: TableState,
    canary_table: TableState,
    simulation_table: TableState,
    /// The endpoint chosen in the table.
    endpoint: Option<String>,
    /// A switch that a person is asked about.
    asking: Option<StrategyId>,
    /// The gateway whose simulation is awaited.
    awaited: Option<String>,
}

impl TrafficPage {
    fn follow(&mut self, ctx: &mut PageContext<'_>) {
        let route = match ctx.route {
            Route::Traffic { gateway } => gateway.clone(),
            _ => None,
        };
        let gateways = ctx.snapshot.fleet.gateways.clone();
        let known = |name: &String| gateways.iter().any(|(other, _)| other == name);
        let kept = self.state.gateway.clone().filter(known);
        let first = gateways.first().map(|(name, _)| name.clone());
        let wanted = route.clone().filter(known).or(kept).or(first);
        if wanted != route {
            ctx.go(Route::Traffic { gateway: wanted.clone() });
        }
        if wanted != self.state.gateway {
            self.asking = None;
            self.endpoint = None;
            self.seen = None;
        }
        self.state.gateway = wanted;
    }

    /// The chosen gateway's account of itself.
    fn status(&self, ctx: &PageContext<'_>) -> Option<Arc<GatewayStatus>> {
        let name = self.state.gateway.as_ref()?;
        let (_, status) = ctx.snapshot.fleet.gateways.iter().find(|(other, _)| other == name)?;
        status.as_ref().ok().cloned()
    }

    fn refresh(&mut self, ctx: &PageContext<'_>) {
        let status = self.status(ctx);
        let same = match (&status, &self.seen) {
            (Some(new), Some(seen)) => Arc::ptr_eq(new, seen),
            (None, None) => true,
            _ => false,
        };
        let simulation = &ctx.snapshot.fleet.simulation;
        let same_simulation = match (simulation, &self.simulated) {
            (Some(new), Some(seen)) => Arc::ptr_eq(new, seen),
            (None, None) => true,
            _ => false,
        };
        if same && same_simulation {
            return;
        }
        self.rows = status.as_ref().map(|status| data::endpoint_rows(status)).unwrap_or_default();
        self.canaries = status.as_ref().map(|status| data::canary_rows(status)).unwrap_or_default();
        let of_this = simulation.as_ref().filter(|found| Some(&found.0) == self.state.gateway.as_ref());
        let present = status.as_ref().map(|status| status.strategy);
        self.simulation = match of_this.map(|found| &found.1) {
            Some(Ok(found)) => data::simulation_rows(found, present),
            _ => Vec::new(),
        };
        if !same_simulation {
            self.awaited = None;
        }
        self.simulated.clone_from(simulation);
        self.seen = status;
        self.revision += 1;
    }

    fn take_commands(&mut self, ctx: &mut PageContext<'_>) {
        if ctx.invoked(UiCommand::SimulateTraffic)
            && let Some(gateway) = self.state.gateway.clone()
        {
            self.awaited = Some(gateway.clone());
            ctx.send(Command::Fleet(FleetCommand::Simulate { gateway }));
        }
    }
}

impl Page for TrafficPage {
    fn id(&self) -> PageId {
        PageId::Traffic
    }

    fn breadcrumbs(&self, ctx: &PageContext<'_>) -> Vec<String> {
        match ctx.route {
            Route::Traffic { gateway: Some(name) } => vec![name.clone()],
            _ => Vec::new(),
        }
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if !ctx.snapshot.fleet.gateways.is_empty() {
            command_button(ctx, ui, UiCommand::SimulateTraffic, Weight::Primary);
        }
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        self.follow(ctx);
        self.refresh(ctx);
        self.take_commands(ctx);
        view::show(self, ctx, ui);
        simulate::question(self, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&TrafficState { columns: self.table.choices(), ..self.state.clone() })
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
        self.table = TableState::chosen(std::mem::take(&mut self.state.columns));
    }
}
