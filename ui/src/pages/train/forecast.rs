//! What the training will cost, how sure that is, and what still keeps it from starting.

use egui::{Frame, Margin, Stroke, Ui};
use orrery_domain::{
    training::Forecast,
    units::{Figure, Provenance},
};

use super::{
    TrainPage,
    data::{ForecastView, FormView, Problem},
};
use crate::{
    context::PageContext,
    format,
    theme::{State, Theme, space},
    widgets::{
        error_card::error_card,
        icon,
        tile::{Tile, provenance},
    },
};

pub(super) fn show(page: &TrainPage, ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    let theme = ctx.theme;
    ui.label(theme.heading("Forecast"));
    ui.add_space(space::XS);
    match &form.forecast {
        ForecastView::Blocked => blocked(page, theme, ui, &form.problems),
        ForecastView::Waiting(before) => {
            ui.horizontal(|ui| {
                ui.label(icon::state_text(theme, State::Waiting));
                ui.label(theme.weak("Estimating"));
            });
            if let Some(forecast) = before {
                ui.scope(|ui| {
                    ui.set_opacity(0.5);
                    figures(theme, ui, forecast);
                });
            }
        }
        ForecastView::Ready(forecast) => figures(theme, ui, forecast),
        ForecastView::Failed(failure) => error_card(ctx, ui, failure),
    }
    ui.add_space(space::L);
    if page.starting.is_some() {
        ui.horizontal(|ui| {
            ui.label(icon::state_text(theme, State::Running));
            ui.label(theme.body("Starting"));
        });
    }
}

fn blocked(page: &TrainPage, theme: &Theme, ui: &mut Ui, problems: &[Problem]) {
    let frame = Frame::new()
        .fill(theme.surface.raised)
        .stroke(Stroke::new(space::HAIRLINE, theme.surface.hairline))
        .corner_radius(space::RADIUS)
        .inner_margin(Margin::same(12));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.label(theme.weak("Before a forecast"));
        for problem in problems {
            ui.horizontal_wrapped(|ui| {
                let state = if page.tried { State::Failed } else { State::Waiting };
                ui.label(icon::state_text(theme, state));
                ui.label(theme.body(problem.message.as_str()));
            });
        }
    });
}

fn figures(theme: &Theme, ui: &mut Ui, forecast: &Forecast) {
    let width = ui.available_width();
    let parameters = match forecast.parameters {
        0 => Tile {
            title: "Parameters".into(),
            value: "none".into(),
            detail: "trees have no weights".into(),
            ..Tile::default()
        },
        many => Tile {
            title: "Parameters".into(),
            value: format::count(many),
            detail: "from its layers".into(),
            ..Tile::default()
        },
    };
    let tiles = [
        tile("Time in all", &forecast.total),
        tile("Time per epoch", &forecast.epoch),
        tile("Peak memory", &forecast.memory),
        parameters,
    ];
    let half = ((width - space::S) / 2.0).floor();
    for pair in tiles.chunks(2) {
        ui.horizontal(|ui| {
            for tile in pair {
                tile.show(ui, theme, half);
            }
        });
        ui.add_space(space::XS);
    }
    let rows = format!("On {}", format::plural(forecast.train_rows, "training row"));
    ui.label(theme.weak(rows));
    ui.add(egui::Label::new(theme.weak(forecast.basis.as_str())).wrap());
}

fn tile(title: &str, figure: &Figure) -> Tile {
    let help = match figure.provenance {
        Provenance::Measured => "Measured on this machine",
        Provenance::Estimated => "Computed from the request and what this machine has measured before",
        Provenance::Unknown => "Nothing like it has been measured here yet",
    };
    Tile {
        baseline: None,
        title: title.to_owned(),
        value: format::figure(figure),
        unit: String::new(),
        detail: provenance(figure.provenance).to_owned(),
        help: help.to_owned(),
    }
}
