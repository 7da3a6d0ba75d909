//! The strategy in use, what the others would have done, and the switch.

use egui::Ui;
use orrery_domain::{
    Command,
    fleet::{FleetCommand, GatewayStatus, StrategyId},
};

use super::{TrafficPage, data};
use crate::{
    context::PageContext,
    format,
    theme::{State, space},
    widgets::{
        button::{Weight, text_button},
        card,
        confirm::{Answer, Confirm},
        error_card::error_card,
        grid::{self, grid, plain},
        icon,
    },
};

/// Draws the card.
pub(super) fn show(page: &mut TrafficPage, status: &GatewayStatus, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let words = format!("in use: {}", status.strategy.title());
    card::card(
        ui,
        theme,
        "Strategy",
        |ui| _ = ui.label(theme.weak(words)),
        |ui| {
            let found = ctx.snapshot.fleet.simulation.clone();
            let found = found.filter(|found| Some(&found.0) == page.state.gateway.as_ref());
            if page.awaited.is_some() {
                super::super::serve::remark(ui, theme, State::Running, "The recorded traffic is replayed.");
            }
            match found.as_deref().map(|found| &found.1) {
                None => {
                    let sentence = "Simulate replays recorded traffic through all five strategies, on paper: \
                                nothing is switched. It needs a recording; switch recording on for a while first.";
                    ui.add(egui::Label::new(theme.weak(sentence)).wrap());
                }
                Some(Err(failure)) => error_card(ctx, ui, failure),
                Some(Ok(simulation)) => {
                    let words = format!(
                        "Estimated from {} recorded over {}, replayed with the measured latencies of each endpoint.",
                        format::plural(simulation.requests, "request"),
                        format::duration(simulation.secs)
                    );
                    ui.label(theme.weak(words));
                    ui.add_space(space::XS);
                    let columns = data::simulation_columns();
                    let spec = plain("Simulation", "strategy", &columns, page.revision);
                    let height = grid::height(page.simulation.len(), false, 240.0);
                    let output = grid(ctx, ui, &spec, &mut page.simulation_table, &page.simulation, height);
                    if let Some(name) = grid::chosen(&output, &page.simulation_table) {
                        page.state.wanted = StrategyId::from_name(&name);
                    }
                }
            }
            ui.add_space(space::XS);
            picker(page, status, ctx, ui);
        },
    );
}

fn picker(page: &mut TrafficPage, status: &GatewayStatus, ctx: &PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let mut wanted = page.state.wanted.unwrap_or(status.strategy);
    ui.horizontal_wrapped(|ui| {
        for strategy in StrategyId::ALL {
            let picked =
                crate::widgets::choice::radio_value(ui, theme, &mut wanted, strategy, strategy.title());
            if picked.clicked() {
                page.simulation_table.select_only(strategy.name());
            }
        }
    });
    page.state.wanted = Some(wanted);
    let other = wanted != status.strategy;
    let simulated = !page.simulation.is_empty();
    let words = if other { format!("Switch to {}…", wanted.title()) } else { "Switch…".to_owned() };
    let button =
        text_button(ui, theme, Some(icon::TRAFFIC), &words, Weight::Normal, other && !ctx.read_only())
            .on_disabled_hover_text("Choose another strategy first.");
    if other && !simulated {
        ui.label(theme.weak("Not simulated yet: what it would do to latency and cost is unknown."));
    }
    if button.clicked() {
        page.asking = Some(wanted);
    }
}

/// Asks before the strategy is switched.
pub(super) fn question(page: &mut TrafficPage, ctx: &mut PageContext<'_>, ui: &Ui) {
    let (Some(strategy), Some(gateway)) = (page.asking, page.state.gateway.clone()) else { return };
    let cell = |column: usize| {
        let row = page.simulation.iter().find(|row| row.key == strategy.name());
        row.and_then(|row| row.cells.get(column))
            .filter(|cell| cell.number.is_some())
            .map(|cell| cell.text.clone())
    };
    let effect = match (cell(3), cell(7)) {
        (Some(p95), Some(cost)) => format!("The simulation says p95 {p95}, cost {cost}."),
        _ => "It was not simulated, so its effect is unknown.".to_owned(),
    };
    let text = format!(
        "'{gateway}' shares out new requests by it at once; those under way are not touched, and what the present strategy has learned is lost. {effect}"
    );
    let title = format!("Switch to {}?", strategy.title());
    let confirm = Confirm {
        title: &title,
        text: &text,
        buttons: &[("Keep the present one", Weight::Normal), ("Switch", Weight::Primary)],
    };
    match confirm.show(ui.ctx(), ctx.theme) {
        Some(Answer::Button(1)) => {
            ctx.send(Command::Fleet(FleetCommand::SetStrategy { gateway, strategy }));
            page.asking = None;
        }
        Some(_) => page.asking = None,
        None => {}
    }
}
