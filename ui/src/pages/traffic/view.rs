//! Draws page Traffic.

use egui::{Align, ComboBox, Layout, Role, ScrollArea, Ui, WidgetInfo};
use orrery_domain::{
    Command,
    fleet::{FleetCommand, GatewayStatus},
};

use super::{TrafficPage, data, simulate};
use crate::{
    command::UiCommand,
    context::PageContext,
    format,
    route::Route,
    theme::{State, space},
    widgets::{
        badge,
        button::{Weight, text_button},
        card, choice, empty,
        error_card::error_card,
        grid::{self, grid, plain},
        icon,
    },
};

/// Draws the page.
pub(super) fn show(page: &mut TrafficPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let fleet = ctx.snapshot.fleet.clone();
    if fleet.gateways.is_empty() {
        let action = if fleet.regions.is_empty() { UiCommand::AddRegion } else { UiCommand::AddEndpoint };
        let sentence = "A gateway (`orrery gateway`) shares requests out over the fleet's servers. \
                        Add one as an endpoint, or run `orrery fleet demo`.";
        empty::empty(ctx, ui, icon::TRAFFIC, "No gateway yet", sentence, Some(action));
        return;
    }
    ScrollArea::vertical().id_salt("traffic").auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - space::M);
        let status = page.status(ctx);
        picker(page, status.as_deref(), ctx, ui);
        ui.add_space(space::S);
        let Some(status) = status else {
            let found = fleet.gateways.iter().find(|(name, _)| Some(name) == page.state.gateway.as_ref());
            if let Some((_, Err(failure))) = found {
                error_card(ctx, ui, failure);
            }
            return;
        };
        tiles(&status, ctx, ui);
        ui.add_space(space::M);
        distribution(page, &status, ctx, ui);
        ui.add_space(space::M);
        simulate::show(page, &status, ctx, ui);
        ui.add_space(space::M);
        canaries(page, ctx, ui);
        ui.add_space(space::L);
    });
}

fn picker(page: &mut TrafficPage, status: Option<&GatewayStatus>, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let chosen = page.state.gateway.clone().unwrap_or_default();
    ui.horizontal(|ui| {
        ui.label(theme.weak("Gateway"));
        ui.name_inputs("Gateway", |ui| {
            ComboBox::from_id_salt("gateway").width(200.0).selected_text(chosen.as_str()).show_ui(ui, |ui| {
                for (name, _) in ctx.snapshot.fleet.gateways.clone().iter() {
                    if ui.selectable_label(*name == chosen, name).clicked() {
                        ctx.go(Route::Traffic { gateway: Some(name.clone()) });
                    }
                }
            });
        });
        let Some(status) = status else { return };
        let version = format!(
            "version {} · configuration {} · up {}",
            status.version,
            status.revision,
            format::duration(status.uptime_secs)
        );
        ui.label(theme.weak(version));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let mut on = status.recording;
            let may = !ctx.read_only();
            let words = "Record traffic";
            let response = ui.add_enabled_ui(may, |ui| choice::checkbox(ui, theme, &mut on, words)).inner;
            if response.clicked() {
                ctx.send(Command::Fleet(FleetCommand::Record { gateway: chosen.clone(), on }));
            }
            response.on_hover_text("Times, statuses and endpoints of each request; no bodies");
        });
    });
}

fn tiles(status: &GatewayStatus, ctx: &PageContext<'_>, ui: &mut Ui) {
    let tiles = data::tiles(status);
    let across = if ui.available_width() > 900.0 { tiles.len() } else { 3 };
    let width = ((ui.available_width() - space::M * (across - 1) as f32) / across as f32).floor();
    for line in tiles.chunks(across) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::M;
            for tile in line {
                tile.show(ui, ctx.theme, width);
            }
        });
    }
}

fn distribution(page: &mut TrafficPage, status: &GatewayStatus, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    ui.horizontal(|ui| {
        ui.label(theme.heading("Distribution"));
        levels(status, ctx, ui);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| drain(page, status, ctx, ui));
    });
    ui.add_space(space::XS);
    let columns = data::endpoint_columns();
    let spec = plain("Distribution", "endpoint", &columns, page.revision);
    let height = grid::height(page.rows.len(), false, 320.0);
    let output = grid(ctx, ui, &spec, &mut page.table, &page.rows, height);
    if let Some(name) = grid::chosen(&output, &page.table) {
        page.endpoint = Some(name);
    }
}

/// Each failover level with what it takes.
fn levels(status: &GatewayStatus, ctx: &PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    for level in &status.levels {
        let state = if level.panic {
            State::Failed
        } else if level.healthy < level.endpoints {
            State::Warning
        } else {
            State::Ok
        };
        let panic = if level.panic { ", panic" } else { "" };
        let words = format!("Level {}: {}%{panic}", level.priority, level.percent);
        let response = badge::badge(ui, theme, state, &words);
        let detail = format!(
            "Level {} takes {}% of the requests; {} of {} endpoints are healthy{}",
            level.priority,
            level.percent,
            level.healthy,
            level.endpoints,
            if level.panic { ". Too few are, so all of them are used (panic)." } else { "." }
        );
        response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &detail));
        response.on_hover_text(detail);
    }
}

/// Takes the chosen endpoint out, or puts it back.
fn drain(page: &TrafficPage, status: &GatewayStatus, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let chosen = status.endpoints.iter().find(|endpoint| Some(&endpoint.name) == page.endpoint.as_ref());
    let words = match chosen {
        Some(endpoint) if endpoint.drained => format!("Put {} back", endpoint.name),
        Some(endpoint) => format!("Drain {}", endpoint.name),
        None => "Drain".to_owned(),
    };
    let may = chosen.is_some() && !ctx.read_only();
    let button = text_button(ui, theme, None, &words, Weight::Normal, may)
        .on_hover_text("Drained, an endpoint finishes what is under way and gets nothing new")
        .on_disabled_hover_text("Choose an endpoint in the table first.");
    if button.clicked()
        && let (Some(endpoint), Some(gateway)) = (chosen, page.state.gateway.clone())
    {
        let (endpoint, on) = (endpoint.name.clone(), !endpoint.drained);
        ctx.send(Command::Fleet(FleetCommand::Drain { gateway, endpoint, on }));
    }
}

fn canaries(page: &mut TrafficPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    card::card(
        ui,
        theme,
        "Canaries",
        |_| {},
        |ui| {
            if page.canaries.is_empty() {
                ui.label(theme.weak("This gateway splits no model's requests between versions."));
                return;
            }
            let columns = data::canary_columns();
            let spec = plain("Canaries", "canary", &columns, page.revision);
            let height = grid::height(page.canaries.len(), false, 200.0);
            grid(ctx, ui, &spec, &mut page.canary_table, &page.canaries, height);
        },
    );
}
