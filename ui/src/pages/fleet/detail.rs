//! The selected endpoint: who saw what, its models, and what it supports of the protocol.

use egui::{Align, Label, Layout, Ui};
use orrery_domain::fleet::{Conformance, EndpointStatus};

use super::{
    super::serve,
    FleetPage, data,
    forms::{Dialog, EndpointForm},
};
use crate::{
    command::UiCommand,
    context::PageContext,
    format::{self, NONE},
    theme::{State, space},
    widgets::{
        badge,
        button::{Weight, command_button, text_button},
        card,
        grid::{Cell, GridRow, grid, height, plain},
        icon,
        table::TableColumn,
    },
};

/// Draws it.
pub(super) fn show(page: &mut FleetPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let fleet = ctx.snapshot.fleet.clone();
    let Some(name) = page.state.endpoint.clone() else { return };
    let Some(status) = fleet.endpoints.iter().find(|status| status.endpoint.name == name) else { return };
    header(status, page, ctx, ui);
    ui.add_space(space::S);
    let report = fleet.conformance.iter().find(|report| report.endpoint == name);
    card::beside(ui, 3, 1000.0, |part, ui| match part {
        0 => sightings(status, page, ctx, ui),
        1 => models(status, page, ctx, ui),
        _ => conformance(report.map(|report| &**report), page, ctx, ui),
    });
}

fn header(status: &EndpointStatus, page: &mut FleetPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let (state, word) = serve::health(status.health);
    let may = !ctx.read_only();
    ui.horizontal(|ui| {
        ui.label(theme.heading(&status.endpoint.name));
        badge::badge(ui, theme, state, word);
        ui.label(theme.mono(&status.endpoint.url));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if text_button(ui, theme, Some(icon::DELETE), "Remove endpoint…", Weight::Quiet, may).clicked()
            {
                page.state.dialog = Some(Dialog::RemoveEndpoint(status.endpoint.name.clone()));
            }
            if text_button(ui, theme, Some(icon::EDIT), "Edit endpoint…", Weight::Quiet, may).clicked() {
                page.state.dialog = Some(Dialog::Endpoint(EndpointForm::of(&status.endpoint)));
            }
        });
    });
    if !status.reason.is_empty() {
        ui.add(Label::new(theme.weak(&status.reason)).wrap());
    }
    if let Some(breaker) = status.breaker.as_ref().filter(|breaker| !breaker.reason.is_empty()) {
        let (state, word) = serve::breaker(breaker);
        serve::remark(ui, theme, state, &format!("Breaker {}: {}", word.to_lowercase(), breaker.reason));
    }
}

fn sightings(status: &EndpointStatus, page: &mut FleetPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let healthy = status.sightings.iter().filter(|sighting| sighting.healthy).count();
    let quorum = format!("{healthy} of {} see it ready", status.sightings.len());
    let right = |ui: &mut Ui| _ = ui.label(theme.caption(&quorum));
    card::card(ui, theme, "Seen from", right, |ui| {
        let rows: Vec<GridRow> = status
            .sightings
            .iter()
            .map(|sighting| {
                let (state, word) =
                    if sighting.healthy { (State::Ok, "Ready") } else { (State::Failed, "Not ready") };
                GridRow {
                    key: sighting.vantage.clone(),
                    hover: sighting.reason.clone(),
                    cells: vec![
                        Cell::text(&sighting.vantage),
                        Cell::state(word, state, 0.0),
                        Cell::number(sighting.latency_secs, serve::time),
                        Cell::text(format::ago(ctx.snapshot.now, sighting.at)),
                    ],
                }
            })
            .collect();
        let columns = [
            TableColumn::text("Vantage point", 90.0).growing(),
            TableColumn::text("Saw", 92.0).drawn(),
            TableColumn::number("Took", 56.0),
            TableColumn::number("When", 78.0),
        ];
        let mut spec = plain("Seen from", "vantage point", &columns, ctx.snapshot.revision);
        spec.empty = "Nobody has looked yet";
        grid(ctx, ui, &spec, &mut page.small[0], &rows, height(rows.len(), false, 190.0));
    });
}

fn models(status: &EndpointStatus, page: &mut FleetPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let right = |_: &mut Ui| {};
    card::card(ui, theme, "Models", right, |ui| {
        let rows: Vec<GridRow> = status
            .models
            .iter()
            .map(|model| {
                let ready = model.state.eq_ignore_ascii_case("ready");
                let (state, word) = match (ready, model.proved) {
                    (_, Some(false)) => (State::Failed, "Disproved"),
                    (true, Some(true)) => (State::Ok, "Proved"),
                    (true, None) => (State::Unknown, "Not proved"),
                    (false, _) => (State::Warning, "Not ready"),
                };
                let version = if model.version.is_empty() { NONE } else { &model.version };
                GridRow {
                    key: format!("{}:{}", model.name, model.version),
                    hover: model.reason.clone(),
                    cells: vec![
                        Cell::text(&model.name),
                        Cell::text(version),
                        Cell::text(if model.state.is_empty() { NONE } else { &model.state }),
                        Cell::state(word, state, 0.0),
                    ],
                }
            })
            .collect();
        let columns = [
            TableColumn::text("Model", 90.0).growing(),
            TableColumn::text("Version", 60.0),
            TableColumn::text("Server says", 92.0),
            TableColumn::text("A probe says", 104.0).drawn().help("A probe inference was made and answered"),
        ];
        let mut spec = plain("Models", "model", &columns, ctx.snapshot.revision);
        spec.empty = "It names no models";
        grid(ctx, ui, &spec, &mut page.small[1], &rows, height(rows.len(), false, 190.0));
    });
}

fn conformance(report: Option<&Conformance>, page: &mut FleetPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    card::frame(theme).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.set_min_height(space::CONTROL);
            ui.label(theme.strong("Protocol"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                command_button(ctx, ui, UiCommand::CheckEndpoint, Weight::Normal);
            });
        });
        let Some(report) = report else {
            ui.add(
                Label::new(theme.weak("Not checked yet. A check asks the server only what a probe asks."))
                    .wrap(),
            );
            return;
        };
        let server = data::server_words(report.server, report.server_version.as_deref());
        ui.label(theme.weak(format!("{server}, checked {}", format::ago(ctx.snapshot.now, report.at))));
        let rows: Vec<GridRow> = report
            .checks
            .iter()
            .map(|check| {
                let (state, word) = serve::finding(check.finding);
                GridRow {
                    key: check.name.clone(),
                    hover: check.detail.clone(),
                    cells: vec![
                        Cell::text(&check.name),
                        Cell::state(word, state, 0.0),
                        Cell::text(&check.detail),
                    ],
                }
            })
            .collect();
        let columns = [
            TableColumn::text("Check", 116.0),
            TableColumn::text("Found", 100.0).drawn(),
            TableColumn::text("Detail", 100.0).growing(),
        ];
        let spec = plain("Protocol", "check", &columns, ctx.snapshot.revision);
        grid(ctx, ui, &spec, &mut page.small[2], &rows, height(rows.len(), false, 190.0));
    });
}
