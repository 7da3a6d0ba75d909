//! Region cards: how each region is doing, and the switch that lets its endpoints be contacted.

use egui::{Align, Layout, Role, Ui, WidgetInfo, vec2};
use orrery_domain::{
    Command,
    fleet::{FleetCommand, RegionView},
};

use super::{
    super::serve,
    forms::{Dialog, RegionForm},
};
use crate::{
    context::PageContext,
    format::{self, NONE},
    theme::{State, Theme, size, space},
    widgets::{badge, button::icon_button, card, choice::checkbox, icon},
};

/// The narrowest card, points.
const NARROWEST: f32 = 236.0;

/// Draws the cards in as many columns as fit.
pub(super) fn show(dialog: &mut Option<Dialog>, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let regions = ctx.snapshot.fleet.regions.clone();
    let across = ((ui.available_width() + space::M) / (NARROWEST + space::M)).floor().max(1.0);
    let across = across.min(regions.len().clamp(1, 4) as f32);
    let width = ((ui.available_width() - space::M * (across - 1.0)) / across).floor();
    for line in regions.chunks(across as usize) {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = space::M;
            for view in line {
                ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::LEFT), |ui| {
                    ui.set_width(width);
                    ui.spacing_mut().item_spacing = vec2(space::S, space::XS);
                    region(view, dialog, ctx, ui);
                });
            }
        });
        ui.add_space(space::M);
    }
}

fn region(view: &RegionView, dialog: &mut Option<Dialog>, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let (state, word) = match (view.region.enabled, view.drilled) {
        (_, true) => (State::Warning, "Taken out"),
        (false, _) => (State::Unknown, "Not contacted"),
        (true, false) => serve::region_health(view.health),
    };
    let may = !ctx.read_only();
    let mut edit = false;
    let name = format!("Edit region {}", view.region.name);
    let right = |ui: &mut Ui| {
        edit = icon_button(ui, theme, icon::EDIT, &name, may).clicked();
        badge::badge(ui, theme, state, word);
    };
    card::card(ui, theme, &view.region.name, right, |ui| {
        let endpoints =
            format!("{} of {} healthy", view.healthy, format::plural(view.endpoints as u64, "endpoint"));
        ui.label(theme.weak(endpoints));
        figures(view, theme, ui);
        ui.label(theme.caption(setup_words(view)));
        switch(view, ctx, ui);
    });
    if edit {
        *dialog = Some(Dialog::Region(RegionForm::of(&view.region)));
    }
}

/// Six figures in two lines.
fn figures(view: &RegionView, theme: &Theme, ui: &mut Ui) {
    let lines = [
        [
            ("p50", serve::secs(view.latency.p50)),
            ("p95", serve::secs(view.latency.p95)),
            ("p99", serve::secs(view.latency.p99)),
        ],
        [
            ("Errors", serve::share(view.error_ratio)),
            ("Requests/s", serve::rate(view.requests_per_sec)),
            ("Saturation", serve::share(view.saturation)),
        ],
    ];
    let width = (ui.available_width() / 3.0).floor();
    for line in lines {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            for (name, value) in line {
                let inner =
                    ui.allocate_ui_with_layout(vec2(width, 32.0), Layout::top_down(Align::LEFT), |ui| {
                        ui.set_width(width);
                        ui.spacing_mut().item_spacing.y = 0.0;
                        ui.label(theme.caption(name));
                        ui.label(theme.number(&value).size(size::BODY).color(theme.text.strong));
                    });
                let words = format!("{} {name}: {value}", view.region.name);
                inner.response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, &words));
            }
        });
    }
}

/// Priority, price and tags in one line.
fn setup_words(view: &RegionView) -> String {
    let region = &view.region;
    let price = if region.price_per_1000 > 0.0 {
        format!("{} per 1,000 requests", format::significant(region.price_per_1000, 3))
    } else {
        "no price".to_owned()
    };
    let tags = if region.tags.is_empty() { NONE.to_owned() } else { region.tags.join(", ") };
    format!("Priority {} · {price} · tags {tags}", region.priority)
}

fn switch(view: &RegionView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let mut on = view.region.enabled;
    let words = format!("Contact its {}", format::plural(view.endpoints as u64, "endpoint"));
    let inner = ui.add_enabled_ui(!ctx.read_only(), |ui| checkbox(ui, theme, &mut on, &words)).inner;
    inner.widget_info(|| {
        let name = format!("{words}: {}", view.region.name);
        WidgetInfo::selected(Role::CheckBox, true, on, name)
    });
    let hosts: Vec<String> = ctx
        .snapshot
        .fleet
        .endpoints
        .iter()
        .filter(|status| status.endpoint.region == view.region.name)
        .take(8)
        .map(|status| status.endpoint.url.clone())
        .collect();
    if inner.clicked() {
        let region = orrery_domain::fleet::Region { enabled: on, ..view.region.clone() };
        ctx.send(Command::Fleet(FleetCommand::PutRegion { region }));
    }
    inner.on_hover_ui(|ui| {
        ui.label(theme.body("While this is on, the window and the gateways connect to:"));
        for host in &hosts {
            ui.label(theme.mono(host));
        }
        if hosts.is_empty() {
            ui.label(theme.weak("nothing: it has no endpoints"));
        }
    });
}
