//! The latency matrix: who sees which endpoint how fast.

use std::collections::{BTreeMap, BTreeSet};

use egui::{Grid, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};
use orrery_domain::fleet::LatencyCell;

use super::super::serve;
use crate::{
    context::PageContext,
    format::NONE,
    theme::{Theme, size, space},
};

/// Cells of a matrix by endpoint and vantage point.
pub(super) struct Matrix<'a> {
    pub(super) vantages: Vec<&'a str>,
    pub(super) endpoints: Vec<&'a str>,
    cells: BTreeMap<(&'a str, &'a str), &'a LatencyCell>,
    most: f64,
}

impl<'a> Matrix<'a> {
    pub(super) fn new(cells: &'a [LatencyCell]) -> Self {
        let vantages: BTreeSet<&str> = cells.iter().map(|cell| cell.vantage.as_str()).collect();
        let endpoints: BTreeSet<&str> = cells.iter().map(|cell| cell.endpoint.as_str()).collect();
        Self {
            vantages: vantages.into_iter().collect(),
            endpoints: endpoints.into_iter().collect(),
            cells: cells.iter().map(|cell| ((cell.endpoint.as_str(), cell.vantage.as_str()), cell)).collect(),
            most: cells.iter().filter_map(|cell| cell.secs).fold(0.0, f64::max),
        }
    }

    pub(super) fn cell(&self, endpoint: &str, vantage: &str) -> Option<&LatencyCell> {
        self.cells.get(&(endpoint, vantage)).copied()
    }
}

/// Draws it.
pub(super) fn show(ctx: &PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let latencies = ctx.snapshot.fleet.latencies.clone();
    if latencies.is_empty() {
        ui.label(theme.weak(
            "Nobody has looked at an endpoint yet. Switch a region on to have its endpoints contacted.",
        ));
        return;
    }
    let matrix = Matrix::new(&latencies);
    ui.label(
        theme.weak("Seconds of the last look from each vantage point (across) at each endpoint (down)."),
    );
    ui.add_space(space::S);
    ScrollArea::both().id_salt("matrix").auto_shrink(false).show(ui, |ui| {
        Grid::new("latency matrix").spacing(vec2(space::XS, space::XS)).show(ui, |ui| {
            ui.label("");
            for vantage in &matrix.vantages {
                ui.label(theme.caption(*vantage));
            }
            ui.end_row();
            for endpoint in &matrix.endpoints {
                ui.label(theme.body(*endpoint));
                for vantage in &matrix.vantages {
                    cell(ui, theme, &matrix, endpoint, vantage);
                }
                ui.end_row();
            }
        });
    });
}

fn cell(ui: &mut Ui, theme: &Theme, matrix: &Matrix<'_>, endpoint: &str, vantage: &str) {
    let (rect, response) = ui.allocate_exact_size(vec2(104.0, space::ROW), Sense::hover());
    let found = matrix.cell(endpoint, vantage);
    let (words, fill) = match found.map(|cell| cell.secs) {
        None => (NONE.to_owned(), theme.surface.sunken),
        Some(None) => ("no answer".to_owned(), theme.surface.raised),
        Some(Some(secs)) => {
            let share = if matrix.most > 0.0 { (secs / matrix.most).sqrt() as f32 } else { 0.0 };
            (serve::time(secs), theme.accent.soft.gamma_multiply(0.25 + 0.75 * share))
        }
    };
    let failed = matches!(found, Some(cell) if cell.secs.is_none());
    ui.painter().rect_filled(rect, space::RADIUS_SMALL, fill);
    let colour = if failed { theme.state.failed } else { theme.text.body };
    let font = egui::FontId::new(size::LABEL, egui::FontFamily::Name(crate::theme::NUMBERS.into()));
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, &words, font, colour);
    let name = format!("{vantage} to {endpoint}: {words}");
    response.widget_info(|| WidgetInfo::labeled(Role::Cell, true, &name));
    let when = found.map(|cell| format!("{name}, at {} UTC", serve::clock(cell.at))).unwrap_or(name);
    response.on_hover_text(when);
}
