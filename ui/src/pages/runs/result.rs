//! What a finished run reached: test metrics with intervals, and whether it beat the baselines.

use egui::Ui;
use orrery_domain::metric::MetricId;

use super::data::ResultView;
use crate::{
    context::PageContext,
    format,
    theme::{State, space},
    widgets::{icon, tile::Tile},
};

/// Width of a tile, points.
const TILE: f32 = 172.0;

/// Metrics shown here; the model's card has all.
const MOST: usize = 5;

pub(super) fn show(ctx: &mut PageContext<'_>, ui: &mut Ui, found: &ResultView) {
    let theme = ctx.theme;
    if let Some(verdict) = &found.verdict {
        let state = match verdict.better {
            Some(true) => State::Ok,
            Some(false) => State::Failed,
            None => State::Warning,
        };
        ui.horizontal_wrapped(|ui| {
            ui.label(icon::state_text(theme, state));
            ui.label(theme.strong(verdict.message.as_str()));
            let primary = MetricId::primary(found.task);
            for (name, value) in &found.baselines {
                let words = format!("{name} {}", format::metric(primary, *value));
                ui.label(theme.weak(words))
                    .on_hover_text(format!("{} of the {name} baseline on the test rows", primary.title()));
            }
        });
        ui.add_space(space::XS);
    } else if found.loading {
        ui.label(theme.weak("Loading the comparison with the baselines"));
    }
    let across = (((ui.available_width() + space::S) / (TILE + space::S)) as usize).clamp(1, MOST);
    ui.horizontal(|ui| {
        for (id, value) in found.metrics.iter().take(across) {
            Tile::metric(*id, value, "").show(ui, theme, TILE);
        }
    });
}
