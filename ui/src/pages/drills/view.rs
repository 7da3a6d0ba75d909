//! Draws page Drills: the one that goes on, the past ones, and the record of the chosen one.

use egui::{Align, Layout, ScrollArea, Ui};
use orrery_domain::{
    Command,
    fleet::{Drill, DrillPhase, FleetCommand},
};

use super::{super::serve, DrillsPage, data};
use crate::{
    command::{UiCommand, drill_goes_on},
    context::PageContext,
    format::{self, NONE},
    route::Route,
    theme::{State, space},
    widgets::{
        badge,
        button::{Weight, text_button},
        card, empty,
        grid::{self, grid, plain},
        icon,
        stepper::stepper,
        table::TableSpec,
        tile::Tile,
    },
};

/// Draws the page.
pub(super) fn show(page: &mut DrillsPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let fleet = ctx.snapshot.fleet.clone();
    if page.rows.is_empty() {
        let (sentence, action) = if fleet.gateways.is_empty() {
            let words = "A drill takes a region out of a gateway's traffic and measures it; there is no gateway yet. \
                         `orrery fleet demo` starts one to look at.";
            (words, UiCommand::GoFleet)
        } else {
            let words =
                "A drill takes a region out of a gateway's traffic on purpose, and measures what that costs.";
            (words, UiCommand::StartDrill)
        };
        empty::empty(ctx, ui, icon::DRILLS, "No drill was made yet", sentence, Some(action));
        return;
    }
    ScrollArea::vertical().id_salt("drills").auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - space::M);
        if let Some(live) = fleet.drills.iter().find(|drill| drill_goes_on(drill.phase)) {
            going_on(live, ctx, ui);
            ui.add_space(space::M);
        }
        let columns = data::columns();
        let spec = TableSpec::new("Drills", "drill", &columns, page.revision);
        let height = grid::height(page.rows.len(), true, 300.0);
        let output = grid(ctx, ui, &spec, &mut page.table, &page.rows, height);
        if let Some(id) = grid::chosen(&output, &page.table) {
            page.state.drill = Some(id.clone());
            ctx.go(Route::Drills { drill: Some(id) });
        }
        ui.add_space(space::M);
        let chosen = fleet.drills.iter().find(|drill| Some(&drill.id) == page.state.drill.as_ref());
        if let Some(drill) = chosen {
            record(drill, page, ctx, ui);
        }
        ui.add_space(space::L);
    });
}

fn going_on(drill: &Drill, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let may = !ctx.read_only();
    let mut cancel = false;
    let right = |ui: &mut Ui| {
        cancel = text_button(ui, theme, Some(icon::STOP), "Cancel drill", Weight::Danger, may)
            .on_hover_text("Puts the region back at once; what was measured is kept")
            .clicked();
        let since = format!("for {}", format::duration((ctx.snapshot.now - drill.started_at).max(0.0)));
        ui.label(theme.weak(since));
    };
    let (region, gateway) = (&drill.region, &drill.gateway);
    let title = match drill.phase {
        DrillPhase::Baseline => format!("{region} is about to be taken out of the traffic of {gateway}"),
        DrillPhase::Recovering => format!("{region} is being put back into the traffic of {gateway}"),
        _ => format!("{region} is out of the traffic of {gateway}"),
    };
    card::card(ui, theme, &title, right, |ui| {
        if !drill.reason.is_empty() {
            ui.add(egui::Label::new(theme.body(&drill.reason)).wrap());
        }
        ui.add_space(space::S);
        stepper(ui, theme, &data::phases(drill));
    });
    if cancel {
        ctx.send(Command::Fleet(FleetCommand::CancelDrill));
    }
}

fn record(drill: &Drill, page: &mut DrillsPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let (state, word) = data::phase(drill.phase);
    ui.horizontal(|ui| {
        ui.label(theme.heading(data::title(drill)));
        badge::badge(ui, theme, state, word);
        let took = drill.ended_at.map(|ended| format::duration((ended - drill.started_at).max(0.0)));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(theme.weak(format!("took {}", took.as_deref().unwrap_or(NONE))));
        });
    });
    if drill.phase == DrillPhase::Failed {
        serve::remark(ui, theme, State::Failed, &drill.reason);
    } else if !drill.reason.is_empty() {
        ui.add(egui::Label::new(theme.weak(&drill.reason)).wrap());
    }
    ui.add_space(space::S);
    tiles(drill, ctx, ui);
    ui.add_space(space::M);
    if !drill_goes_on(drill.phase) {
        stepper(ui, theme, &data::phases(drill));
    }
    let rows = data::step_rows(drill);
    let columns = data::step_columns();
    let mut spec = plain("Record", "step", &columns, ctx.snapshot.revision);
    spec.empty = "Nothing was done yet";
    grid(ctx, ui, &spec, &mut page.steps, &rows, grid::height(rows.len(), false, 320.0));
}

fn tiles(drill: &Drill, ctx: &PageContext<'_>, ui: &mut Ui) {
    let tile = |title: &str, value: String, detail: &str, help: &str| Tile {
        title: title.to_owned(),
        value,
        detail: detail.to_owned(),
        help: help.to_owned(),
        ..Tile::default()
    };
    let count = |value: Option<u64>| value.map_or_else(|| NONE.to_owned(), format::count);
    let all = [
        tile(
            "Detection",
            serve::secs(drill.detection_secs),
            "measured, from the cut",
            "Until the region counted as ill",
        ),
        tile(
            "Shift",
            serve::secs(drill.shift_secs),
            "measured, from the cut",
            "Until the other regions carried everything",
        ),
        tile(
            "Recovery",
            serve::secs(drill.recovery_secs),
            "measured, from putting back",
            "Until it carried its share again",
        ),
        tile(
            "Requests",
            count(drill.requests),
            "cut to end, at callers",
            "That callers sent from the cut to the end",
        ),
        tile("Failures", count(drill.failures), "of these requests", "Requests that failed at callers"),
    ];
    let width = ((ui.available_width() - space::M * 4.0) / 5.0).floor();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        for tile in &all {
            tile.show(ui, ctx.theme, width);
        }
    });
}
