//! Draws page Search: the searches, and the chosen one's figures, charts and trials.

use egui::{ScrollArea, Ui};
use orrery_domain::{
    Command,
    search::{Search, SearchState},
    snapshot::JobKind,
};

use super::{SearchPage, charts, data, resume::ResumeForm};
use crate::{
    command::UiCommand,
    context::PageContext,
    route::Route,
    theme::space,
    widgets::{
        badge,
        button::{Weight, link, text_button},
        card, empty,
        error_card::error_card,
        grid::{self, grid},
        icon, progress,
        table::TableSpec,
    },
};

/// Draws the page.
pub(super) fn show(page: &mut SearchPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    if page.rows.is_empty() {
        let possible = ctx.snapshot.datasets.iter().any(|entry| !entry.deleted);
        let (sentence, action) = if possible {
            (
                "A search tries settings and architectures, goes by what did well, and keeps the best model within your limits on time and size.",
                UiCommand::NewSearch,
            )
        } else {
            (
                "Settings and architectures can be searched once there is a table to learn from.",
                UiCommand::OpenFile,
            )
        };
        empty::empty(ctx, ui, icon::TRIALS, "Nothing was searched yet", sentence, Some(action));
        return;
    }
    ScrollArea::vertical().id_salt("search").auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - space::M);
        let columns = data::columns();
        let spec = TableSpec::new("Searches", "search", &columns, page.revision);
        let height = grid::height(page.rows.len(), true, 190.0);
        let output = grid(ctx, ui, &spec, &mut page.table, &page.rows, height);
        if let Some(id) = grid::chosen(&output, &page.table) {
            ctx.go(Route::Search { search: Some(id) });
        }
        ui.add_space(space::M);
        if let Some(search) = page.chosen(ctx) {
            one(&search, page, ctx, ui);
        }
        ui.add_space(space::L);
    });
}

fn one(search: &Search, page: &mut SearchPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    head(search, page, ctx, ui);
    ui.add_space(space::S);
    if let Some(failure) = &search.failure {
        error_card(ctx, ui, failure);
        ui.add_space(space::S);
    }
    let tiles = data::tiles(search);
    let across = if ui.available_width() > 800.0 { tiles.len() } else { 2 };
    let width = ((ui.available_width() - space::M * (across - 1) as f32) / across as f32).floor();
    for line in tiles.chunks(across) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::M;
            for tile in line {
                tile.show(ui, ctx.theme, width);
            }
        });
    }
    ui.add_space(space::M);
    let before = page.brushes.clone();
    charts::show(search, &mut page.brushes, ctx, ui);
    if page.brushes != before {
        // The table follows the brushes in the next frame.
        page.seen = None;
        ui.ctx().request_repaint();
    }
    ui.add_space(space::M);
    trials(search, page, ctx, ui);
}

/// Its state, what it goes by, and what can be done with it.
fn head(search: &Search, page: &mut SearchPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let going_on = data::is_going_on(search, ctx.snapshot);
    let (word, look) = data::state(search, going_on);
    ui.horizontal_wrapped(|ui| {
        ui.label(theme.heading(&search.id));
        badge::badge(ui, theme, look, word);
        let plan = &search.course.plan;
        let words = format!(
            "{}, {}: {} of {}, target {}",
            plan.sampler.title(),
            plan.schedule.title(),
            search.course.space.models().join(", "),
            search.request.dataset.name,
            search.request.config.target
        );
        ui.label(theme.weak(words));
    });
    ui.horizontal_wrapped(|ui| {
        let may = !ctx.read_only();
        let job = ctx.snapshot.jobs.iter().find(|job| {
            job.outcome.is_none() && matches!(&job.kind, JobKind::Search { search: id } if *id == search.id)
        });
        if let Some(job) = job {
            progress::progress(ui, theme, &job.progress, "Progress of the search");
        }
        if going_on {
            if text_button(ui, theme, Some(icon::STOP), "Cancel search", Weight::Normal, may).clicked() {
                ctx.send(Command::CancelSearch { search: search.id.clone() });
            }
        } else {
            let words = if search.state == SearchState::Finished { "Search further…" } else { "Resume…" };
            if text_button(ui, theme, Some(icon::START), words, Weight::Normal, may).clicked() {
                page.resume = Some(ResumeForm::new(search));
            }
        }
        if let Some(model) = &search.model
            && link(ui, theme, &format!("Show {model}")).clicked()
        {
            ctx.go(Route::Models { model: Some(model.clone()) });
        }
    });
}

fn trials(search: &Search, page: &mut SearchPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let columns = data::trial_columns(search);
    let spec = TableSpec::new("Trials", "trial", &columns, page.revision);
    let chosen = page.trial_table.cursor.as_ref().and_then(|key| key.parse::<u32>().ok());
    let run = chosen.and_then(|number| search.course.trials.get(number as usize)?.run.clone());
    let mut go = None;
    let brushed = !page.brushes.is_empty();
    let mut clear = false;
    let right = |ui: &mut Ui| {
        if text_button(ui, theme, Some(icon::RUNS), "Show its run", Weight::Normal, run.is_some()).clicked() {
            go = run;
        }
        if brushed
            && text_button(ui, theme, Some(icon::RESET), "Show all trials", Weight::Quiet, true).clicked()
        {
            clear = true;
        }
    };
    card::card(ui, theme, "Trials", right, |ui| {
        let height = grid::height(page.trials.len(), true, 420.0);
        grid(ctx, ui, &spec, &mut page.trial_table, &page.trials, height);
    });
    if let Some(run) = go {
        ctx.go(Route::Runs { run: Some(run) });
    }
    if clear {
        page.brushes.clear();
        page.seen = None;
    }
}
