//! Page Fleet: regions, the servers in them, who saw what of each, what happened, and how fast budgets are spent.

mod data;
mod detail;
mod forms;
mod matrix;
mod regions;
mod view;

use egui::Ui;
use orrery_domain::{Command, fleet::FleetCommand};
use serde::{Deserialize, Serialize};

use self::{
    data::FleetView,
    forms::{Dialog, EndpointForm, RegionForm},
};
use super::Page;
use crate::{
    command::UiCommand,
    context::PageContext,
    route::{PageId, Route},
    widgets::{
        button::{Weight, command_button},
        table::{TableChoices, TableState},
    },
};

/// The views of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tab {
    /// Regions and endpoints.
    #[default]
    Overview,
    /// Latency between vantage points and endpoints.
    Latency,
    /// What happened.
    Events,
    /// Objectives and alerts.
    Objectives,
}

/// What the page keeps over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FleetPageState {
    tab: Tab,
    endpoint: Option<String>,
    dialog: Option<Dialog>,
    columns: TableChoices,
}

/// The page.
#[derive(Default)]
pub struct FleetPage {
    state: FleetPageState,
    view: FleetView,
    table: TableState,
    events: TableState,
    objectives: TableState,
    small: [TableState; 3],
}

impl FleetPage {
    /// Keeps route and selection together.
    fn follow(&mut self, ctx: &mut PageContext<'_>) {
        let route = match ctx.route {
            Route::Fleet { endpoint } => endpoint.clone(),
            _ => None,
        };
        let known = |name: &String| self.view.rows.iter().any(|row| row.key == *name);
        let first = || self.view.rows.first().map(|row| row.key.clone());
        let kept = self.state.endpoint.clone().filter(known);
        let wanted = route.clone().filter(known).or(kept).or_else(first);
        if wanted != route {
            ctx.go(Route::Fleet { endpoint: wanted.clone() });
        }
        if let Some(name) = &wanted
            && !(self.table.selected.len() == 1 && self.table.selected.contains(name))
        {
            self.table.select_only(name.clone());
        }
        self.state.endpoint = wanted;
    }

    fn take_commands(&mut self, ctx: &mut PageContext<'_>) {
        if ctx.invoked(UiCommand::AddEndpoint) {
            let region = ctx.snapshot.fleet.regions.first().map(|view| view.region.name.clone());
            self.state.dialog = Some(Dialog::Endpoint(EndpointForm::new(region)));
        }
        if ctx.invoked(UiCommand::AddRegion) {
            self.state.dialog = Some(Dialog::Region(RegionForm::default()));
        }
        if ctx.invoked(UiCommand::CheckEndpoint)
            && let Some(endpoint) = self.state.endpoint.clone()
        {
            ctx.send(Command::Fleet(FleetCommand::Conform { endpoint }));
        }
    }
}

impl Page for FleetPage {
    fn id(&self) -> PageId {
        PageId::Fleet
    }

    fn breadcrumbs(&self, ctx: &PageContext<'_>) -> Vec<String> {
        match ctx.route {
            Route::Fleet { endpoint: Some(name) } if self.state.tab == Tab::Overview => vec![name.clone()],
            _ => Vec::new(),
        }
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if !ctx.snapshot.fleet.endpoints.is_empty() {
            command_button(ctx, ui, UiCommand::AddEndpoint, Weight::Primary);
            command_button(ctx, ui, UiCommand::AddRegion, Weight::Normal);
        }
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        self.view.update(&ctx.snapshot.fleet);
        self.follow(ctx);
        self.take_commands(ctx);
        view::show(self, ctx, ui);
        forms::show(&mut self.state.dialog, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&FleetPageState { columns: self.table.choices(), ..self.state.clone() })
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
        self.table = TableState::chosen(std::mem::take(&mut self.state.columns));
    }
}
