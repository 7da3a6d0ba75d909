//! Draws page Deployments: the table above, the chosen deployment below.

use egui::{Align, Layout, ScrollArea, Ui};
use orrery_domain::fleet::Deployment;

use super::{DeploymentsPage, data, rollout, rollout_of, try_it};
use crate::{
    command::UiCommand,
    context::PageContext,
    format::{self, NONE},
    route::Route,
    theme::{State, space},
    widgets::{
        button::{Weight, text_button},
        card, empty,
        grid::{self, Cell, GridRow, Look, grid, plain},
        icon,
        table::{TableColumn, TableSpec},
    },
};

/// Draws the page.
pub(super) fn show(page: &mut DeploymentsPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let fleet = ctx.snapshot.fleet.clone();
    if page.rows.is_empty() && fleet.rollouts.is_empty() {
        let (sentence, action) = if fleet.endpoints.is_empty() {
            let words = "A deployment is a model that a server of the fleet has loaded; the fleet has no servers yet.";
            (words, UiCommand::GoFleet)
        } else {
            let words =
                "A deployment is a model that a server of the fleet has loaded. Roll one out in stages.";
            (words, UiCommand::DeployModel)
        };
        empty::empty(ctx, ui, icon::DEPLOYMENTS, "Nothing is deployed", sentence, Some(action));
        return;
    }
    ScrollArea::vertical().id_salt("deployments").auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - space::M);
        let columns = data::columns();
        let spec = TableSpec::new("Deployments", "deployment", &columns, page.revision);
        let height = grid::height(page.rows.len(), true, 300.0);
        let output = grid(ctx, ui, &spec, &mut page.table, &page.rows, height);
        if let Some(model) = grid::chosen(&output, &page.table) {
            page.state.model = Some(model.clone());
            ctx.go(Route::Deployments { model: Some(model) });
        }
        ui.add_space(space::M);
        let model = page.state.model.clone();
        let deployment =
            fleet.deployments.iter().find(|deployment| Some(&deployment.model) == model.as_ref());
        if let Some(deployment) = deployment {
            chosen(deployment, page, ctx, ui);
        } else if let Some(newest) = fleet.rollouts.first() {
            rollout::show(newest, page, ctx, ui);
        }
        ui.add_space(space::L);
    });
}

fn chosen(deployment: &Deployment, page: &mut DeploymentsPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    header(deployment, page, ctx, ui);
    let fleet = ctx.snapshot.fleet.clone();
    if let Some(newest) = rollout_of(&fleet, &deployment.model) {
        rollout::show(newest, page, ctx, ui);
        ui.add_space(space::M);
    }
    card::beside(ui, 2, 900.0, |part, ui| {
        if part == 0 {
            versions(deployment, page, ctx, ui);
        } else {
            try_it::show(deployment, &mut page.state.try_it, ctx, ui);
        }
    });
}

fn header(deployment: &Deployment, page: &mut DeploymentsPage, ctx: &PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    ui.horizontal(|ui| {
        ui.label(theme.heading(&deployment.model));
        ui.label(theme.weak(if deployment.ours {
            "made by this workspace"
        } else {
            "adopted: found on its servers"
        }));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let Some(previous) = &deployment.previous else { return };
            let words = format!("Serve v{previous} again…");
            if text_button(ui, theme, Some(icon::UNDO), &words, Weight::Normal, !ctx.read_only()).clicked() {
                let serving = deployment.versions.first().map(|version| version.version.clone());
                page.asking = Some(rollout::Back::Deployment {
                    model: deployment.model.clone(),
                    serving: serving.unwrap_or_else(|| NONE.to_owned()),
                    previous: previous.clone(),
                });
            }
        });
    });
    ui.add_space(space::XS);
}

fn versions(deployment: &Deployment, page: &mut DeploymentsPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let note = |ui: &mut Ui| _ = ui.label(theme.caption("share of requests by version"));
    card::card(ui, theme, "Versions", note, |ui| {
        let row = |version: &orrery_domain::fleet::VersionShare| {
            let places = version.endpoints.len();
            let state = match version.ready {
                0 => State::Failed,
                ready if ready < places => State::Warning,
                _ => State::Ok,
            };
            let share = version.percent.map(|percent| f64::from(percent) / 100.0);
            GridRow {
                key: version.version.clone(),
                hover: version.endpoints.join("\n"),
                cells: vec![
                    Cell::text(format!("v{}", version.version)),
                    Cell {
                        text: share.map_or_else(|| NONE.to_owned(), format::percent),
                        number: share,
                        look: share.map_or(Look::Plain, |share| Look::Bar(share, None)),
                    },
                    Cell::state(format!("{} of {places}", version.ready), state, version.ready as f64),
                    Cell::text(version.endpoints.join(", ")),
                ],
            }
        };
        let rows: Vec<GridRow> = deployment.versions.iter().map(row).collect();
        let columns = [
            TableColumn::text("Version", 64.0),
            TableColumn::text("Traffic", 130.0).drawn(),
            TableColumn::text("Ready", 80.0).drawn(),
            TableColumn::text("Endpoints", 150.0).growing(),
        ];
        let spec = plain("Versions", "version", &columns, page.revision);
        grid(ctx, ui, &spec, &mut page.versions, &rows, grid::height(rows.len(), false, 240.0));
    });
}
