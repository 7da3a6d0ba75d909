//! Draws page Compress: what goes on, the versions that were made, and the chosen one's figures.

use egui::{Label, ScrollArea, Ui};
use orrery_domain::{
    compress::{CompressReport, CompressTarget, Compression, Effect},
    snapshot::{JobEntry, JobKind, JobOutcome},
};

use super::{CompressPage, charts, data};
use crate::{
    command::UiCommand,
    context::PageContext,
    format,
    route::Route,
    theme::{State, space},
    widgets::{
        card, empty,
        grid::{self, GridRow, grid, plain},
        grid_card::grid_card,
        icon,
        job_card::job_card,
        table::TableSpec,
    },
};

/// Height of a table at most, points.
const HIGHEST: f32 = 600.0;

/// Draws the page.
pub(super) fn show(page: &mut CompressPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let jobs: Vec<JobEntry> = ctx
        .snapshot
        .jobs
        .iter()
        .filter(|job| matches!(job.kind, JobKind::Compress { .. }))
        .filter(|job| !matches!(job.outcome, Some(JobOutcome::Compressed { .. })))
        .cloned()
        .collect();
    if page.rows.is_empty() && jobs.is_empty() {
        let possible = ctx.snapshot.models.iter().any(|entry| !entry.deleted);
        let (sentence, action) = if possible {
            (
                "A model can be made smaller or faster: quantized, pruned, or distilled into a smaller network. What that costs is measured on its test rows.",
                UiCommand::Compress,
            )
        } else {
            ("A model can be made smaller or faster once one is trained.", UiCommand::GoTrain)
        };
        empty::empty(ctx, ui, icon::COMPRESS, "Nothing was compressed yet", sentence, Some(action));
        return;
    }
    ScrollArea::vertical().id_salt("compress").auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - space::M);
        for job in &jobs {
            ui.push_id(job.id, |ui| going_on(job, ctx, ui));
            ui.add_space(space::S);
        }
        if page.rows.is_empty() {
            return;
        }
        let columns = data::columns();
        let spec = TableSpec::new("Compressed models", "model", &columns, page.revision);
        let height = grid::height(page.rows.len(), true, 260.0);
        let output = grid(ctx, ui, &spec, &mut page.table, &page.rows, height);
        if let Some(model) = grid::chosen(&output, &page.table).and_then(|key| key.parse().ok()) {
            page.state.model = Some(model);
            ctx.go(Route::Compress { model: page.state.model.clone() });
        }
        ui.add_space(space::M);
        let chosen = page.state.model.clone();
        let card = ctx
            .snapshot
            .models
            .iter()
            .find(|entry| Some(&entry.model) == chosen.as_ref())
            .and_then(|entry| entry.card.clone());
        match card.as_ref().and_then(|card| card.compressions.last()) {
            Some(made) => report(made, page, ctx, ui),
            None => _ = ui.label(ctx.theme.weak("Loading its figures…")),
        }
        ui.add_space(space::L);
    });
}

fn going_on(job: &JobEntry, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let JobKind::Compress { model, method } = &job.kind else { return };
    let title = format!("{model}: {}", method.words());
    job_card(ctx, ui, (&title, "compression"), Some(job), |_, _, _| {});
}

fn report(made: &Compression, page: &mut CompressPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let (report, revision) = (&made.report, page.revision);
    ui.horizontal(|ui| {
        let title = page.state.model.as_ref().map(ToString::to_string).unwrap_or_default();
        ui.label(theme.heading(title));
        ui.label(theme.weak(format!("made from {}: {}", report.from, made.method.words())));
    });
    ui.add_space(space::S);
    let tiles = data::tiles(report);
    let across = if ui.available_width() > 800.0 { tiles.len() } else { 2 };
    let width = ((ui.available_width() - space::M * (across - 1) as f32) / across as f32).floor();
    for line in tiles.chunks(across) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::M;
            for tile in line {
                tile.show(ui, theme, width);
            }
        });
    }
    ui.add_space(space::S);
    for finding in &report.findings {
        ui.horizontal_wrapped(|ui| {
            ui.label(match finding.effect {
                Effect::Better => icon::state_text(theme, State::Ok),
                Effect::Neutral => icon::INFO.small().color(theme.text.weak),
                Effect::Worse => icon::state_text(theme, State::Warning),
            });
            ui.add(Label::new(theme.body(&finding.text)).wrap());
        });
    }
    ui.add_space(space::M);
    charts::show(report, ctx, ui);
    ui.add_space(space::M);
    card::beside(ui, 2, 1400.0, |part, ui| {
        if part == 0 {
            let rows = data::figure_rows(report);
            let columns = data::figure_columns();
            let spec = plain("Before and after", "figure", &columns, revision);
            let words = "median (5% – 95%); 95% intervals";
            grid_card(ctx, ui, words, &spec, &mut page.figures, &rows, HIGHEST);
        } else {
            details(report, page, ctx, ui);
        }
    });
}

/// What was done, by the way that it was made.
fn details(report: &CompressReport, page: &mut CompressPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let revision = page.revision;
    if !report.layers.is_empty() {
        let quantized = report.layers.iter().filter(|cost| cost.quantized).count();
        let layers = format::plural(report.layers.len() as u64, "layer");
        let words = format!("{quantized} of {layers} in whole numbers");
        let rows: Vec<GridRow> = report.layers.iter().map(data::layer_row).collect();
        let columns = data::layer_columns();
        let spec = plain("Layers", "layer", &columns, revision);
        grid_card(ctx, ui, &words, &spec, &mut page.layers, &rows, HIGHEST);
    }
    if !report.rounds.is_empty() {
        let rows: Vec<GridRow> = report.rounds.iter().enumerate().map(data::round_row).collect();
        let columns = data::round_columns();
        let spec = plain("Rounds", "round", &columns, revision);
        grid_card(ctx, ui, "", &spec, &mut page.rounds, &rows, HIGHEST);
        ui.add_space(space::M);
    }
    if !report.shapes.is_empty() {
        let rows: Vec<GridRow> = report.shapes.iter().map(data::shape_row).collect();
        let columns = data::shape_columns();
        let spec = plain("Tensors that changed", "tensor", &columns, revision);
        grid_card(ctx, ui, "", &spec, &mut page.shapes, &rows, HIGHEST);
    }
    if !report.trials.is_empty() {
        let rows: Vec<GridRow> = report.trials.iter().enumerate().map(data::trial_row).collect();
        let columns = data::trial_columns();
        let spec = plain("Students", "student", &columns, revision);
        let words = match report.target {
            Some(CompressTarget::ValidLoss { most, found, .. }) if found > most => {
                "none kept to the budget; the best is made"
            }
            _ => "the smallest within the budget is made",
        };
        grid_card(ctx, ui, words, &spec, &mut page.trials, &rows, HIGHEST);
    }
}
