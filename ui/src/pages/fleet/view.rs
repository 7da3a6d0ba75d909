//! Draws page Fleet.

use egui::{ScrollArea, Ui};

use super::{FleetPage, Tab, data, detail, matrix, regions};
use crate::{
    command::UiCommand,
    context::PageContext,
    route::Route,
    theme::{State, space},
    widgets::{
        badge, empty,
        error_card::error_card,
        grid::{self, grid, plain},
        icon,
        table::TableSpec,
        tabs::tabs,
    },
};

/// Draws the page.
pub(super) fn show(page: &mut FleetPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    if page.view.rows.is_empty() {
        let action =
            if ctx.snapshot.fleet.regions.is_empty() { UiCommand::AddRegion } else { UiCommand::AddEndpoint };
        let sentence = "A fleet is servers that speak the Open Inference Protocol, by region. \
                        Add the first, or run `orrery fleet demo` for one to look at.";
        empty::empty(ctx, ui, icon::FLEET, "No endpoints yet", sentence, Some(action));
        return;
    }
    let all = [
        (Tab::Overview, "Overview"),
        (Tab::Latency, "Latency"),
        (Tab::Events, "Events"),
        (Tab::Objectives, "Objectives"),
    ];
    tabs(ui, ctx.theme, &mut page.state.tab, &all);
    match page.state.tab {
        Tab::Overview => overview(page, ctx, ui),
        Tab::Latency => matrix::show(ctx, ui),
        Tab::Events => events(page, ctx, ui),
        Tab::Objectives => objectives(page, ctx, ui),
    }
}

fn overview(page: &mut FleetPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    ScrollArea::vertical().id_salt("fleet").auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - space::M);
        if !ctx.snapshot.fleet.polling {
            ui.horizontal(|ui| {
                badge::badge(ui, ctx.theme, State::Unknown, "Not polled");
                ui.label(ctx.theme.weak("What is shown is what was last heard."));
            });
            ui.add_space(space::S);
        }
        regions::show(&mut page.state.dialog, ctx, ui);
        for (name, status) in ctx.snapshot.fleet.gateways.clone().iter() {
            if let Err(failure) = status {
                ui.label(ctx.theme.weak(format!("Gateway {name} gives no account of itself")));
                error_card(ctx, ui, failure);
                ui.add_space(space::S);
            }
        }
        let columns = data::endpoint_columns();
        let spec = TableSpec::new("Endpoints", "endpoint", &columns, page.view.revision);
        let height = grid::height(page.view.rows.len(), true, 372.0);
        let output = grid(ctx, ui, &spec, &mut page.table, &page.view.rows, height);
        if let Some(name) = grid::chosen(&output, &page.table) {
            page.state.endpoint = Some(name.clone());
            ctx.go(Route::Fleet { endpoint: Some(name) });
        }
        ui.add_space(space::M);
        detail::show(page, ctx, ui);
        ui.add_space(space::L);
    });
}

fn events(page: &mut FleetPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let columns = data::event_columns();
    let mut spec = TableSpec::new("Events", "event", &columns, page.view.revision);
    spec.empty = "Nothing has happened yet";
    let height = ui.available_height();
    grid(ctx, ui, &spec, &mut page.events, &page.view.events, height);
}

fn objectives(page: &mut FleetPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let sentence = "A burn of 1× spends the whole budget of failures exactly by the end of the objective's period. \
                    The gateway's configuration says at which burn it alerts.";
    ui.add(egui::Label::new(ctx.theme.weak(sentence)).wrap());
    ui.add_space(space::S);
    let columns = data::objective_columns();
    let mut spec = plain("Objectives", "objective", &columns, page.view.revision);
    spec.empty = "No gateway has an objective; set `slos` in its configuration";
    let height = ui.available_height();
    grid(ctx, ui, &spec, &mut page.objectives, &page.view.objectives, height);
}
