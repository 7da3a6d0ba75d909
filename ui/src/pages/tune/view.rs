//! Draws page Tune: what goes on, the tunings, and the chosen one with its picture, its measurements and what can be done with it.

use egui::{Label, ScrollArea, Ui};
use orrery_domain::{
    Command,
    serving::Serving,
    snapshot::{JobEntry, JobKind, JobOutcome},
    tune::{TuneReport, TuneStage},
};

use super::{Question, TunePage, chart, data};
use crate::{
    command::UiCommand,
    context::PageContext,
    format,
    route::Route,
    theme::{State, space},
    widgets::{
        button::{Weight, text_button},
        card,
        confirm::{Answer, Confirm},
        empty,
        grid::{self, GridRow, grid},
        icon,
        job_card::job_card,
        table::TableSpec,
    },
};

/// Draws the page.
pub(super) fn show(page: &mut TunePage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let jobs: Vec<JobEntry> = ctx
        .snapshot
        .jobs
        .iter()
        .filter(|job| matches!(job.kind, JobKind::Tune { .. }))
        .filter(|job| !matches!(job.outcome, Some(JobOutcome::Tuned { .. } | JobOutcome::Cancelled)))
        .cloned()
        .collect();
    if page.rows.is_empty() && jobs.is_empty() {
        nothing(ctx, ui);
        return;
    }
    ScrollArea::vertical().id_salt("tune").auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - space::M);
        for job in &jobs {
            ui.push_id(job.id, |ui| going_on(job, ctx, ui));
            ui.add_space(space::S);
        }
        if page.rows.is_empty() {
            return;
        }
        let columns = data::columns();
        let spec = TableSpec::new("Tunings", "tuning", &columns, page.revision);
        let height = grid::height(page.rows.len(), true, 220.0);
        let output = grid(ctx, ui, &spec, &mut page.table, &page.rows, height);
        if let Some(id) = grid::chosen(&output, &page.table) {
            page.state.tuning = Some(id);
            page.measurements.selected.clear();
            ctx.go(Route::Tune { tuning: page.state.tuning.clone() });
        }
        ui.add_space(space::M);
        if let Some(report) = page.shown(ctx) {
            tuning(&report, page, ctx, ui);
        }
        ui.add_space(space::L);
    });
    ask(page, ctx, ui);
}

fn nothing(ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let possible = ctx.snapshot.models.iter().any(|entry| !entry.deleted);
    let (sentence, action) = if possible {
        (
            "How many rows a node computes together, with how many threads and in which precision, decides its latency and throughput. Say what matters; the settings are measured here, and the best one can be applied.",
            UiCommand::Tune,
        )
    } else {
        ("The best way to serve a model is found by measuring, once one is trained.", UiCommand::GoTrain)
    };
    empty::empty(ctx, ui, icon::TUNE, "Nothing was tuned yet", sentence, Some(action));
}

fn going_on(job: &JobEntry, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let JobKind::Tune { request, .. } = &job.kind else { return };
    let title = format!("{}: {}", request.model, request.goals.words());
    job_card(ctx, ui, (&title, "tuning"), Some(job), |_, _, _| {});
}

/// The measurement that is selected.
fn selected(page: &TunePage, report: &TuneReport) -> Option<usize> {
    let chosen = page.measurements.selected.iter().next()?.parse().ok();
    chosen.filter(|at| *at < report.measurements.len())
}

fn tuning(report: &TuneReport, page: &mut TunePage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let serving = ctx.snapshot.servings.get(&report.request.model.name).cloned();
    ui.horizontal_wrapped(|ui| {
        ui.label(theme.heading(report.request.model.to_string()));
        ui.label(theme.weak(format!(
            "{}; {}",
            report.request.goals.words(),
            report.request.workload.words()
        )));
    });
    ui.label(theme.weak(data::in_force(report, serving.as_ref())));
    ui.add_space(space::XS);
    actions(report, serving.as_ref(), page, ctx, ui);
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
            ui.label(icon::INFO.small().color(theme.text.weak));
            ui.add(Label::new(theme.body(finding)).wrap());
        });
    }
    ui.add_space(space::M);
    let chosen = selected(page, report).or(report.best);
    chart::show(report, chosen, ctx, ui);
    ui.add_space(space::M);
    let rows: Vec<GridRow> =
        (0..report.measurements.len()).map(|at| data::measurement_row(report, at)).collect();
    let columns = data::measurement_columns();
    let spec = TableSpec::new("Measurements", "measurement", &columns, page.revision);
    let words = format!("{} ± half the 95% interval", format::plural(rows.len() as u64, "measurement"));
    let right = |ui: &mut Ui| _ = ui.label(theme.caption(words));
    card::card(ui, theme, "Measurements", right, |ui| {
        grid(ctx, ui, &spec, &mut page.measurements, &rows, grid::height(rows.len(), true, 460.0));
    });
}

/// What can be done with a tuning.
fn actions(
    report: &TuneReport,
    serving: Option<&Serving>,
    page: &mut TunePage,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let theme = ctx.theme;
    let may = !ctx.read_only();
    let at = selected(page, report);
    let going_on = ctx.snapshot.jobs.iter().find(|job| {
        job.outcome.is_none() && matches!(&job.kind, JobKind::Tune { tuning, .. } if *tuning == report.id)
    });
    let going_on = going_on.map(|job| job.id);
    ui.horizontal_wrapped(|ui| {
        let words = match at {
            Some(at) => format!("Apply measurement {}…", at + 1),
            None => "Apply the best…".to_owned(),
        };
        let target = at.or(report.best).filter(|at| report.measurements[*at].failure.is_none());
        if text_button(ui, theme, Some(icon::OK), &words, Weight::Normal, may && target.is_some()).clicked() {
            page.question =
                target.map(|measurement| Question::Apply { tuning: report.id.clone(), measurement });
        }
        let applied = serving.is_some_and(|serving| serving.in_force().is_some());
        if text_button(ui, theme, Some(icon::UNDO), "Undo what is applied…", Weight::Normal, may && applied)
            .clicked()
        {
            page.question = Some(Question::Undo { model: report.request.model.name.clone() });
        }
        let words = if report.stage == TuneStage::Finished { "Measure more" } else { "Go on" };
        if text_button(ui, theme, Some(icon::START), words, Weight::Normal, may && going_on.is_none())
            .clicked()
        {
            ctx.send(Command::ResumeTuning { tuning: report.id.clone() });
        }
        if let Some(job) = going_on {
            ui.label(icon::state_text(theme, State::Running));
            ui.label(theme.weak("Being measured"));
            if text_button(ui, theme, Some(icon::STOP), "Cancel tuning", Weight::Normal, may).clicked() {
                ctx.send(Command::CancelJob { job });
            }
        }
    });
}

/// Asks once before a change is made.
fn ask(page: &mut TunePage, ctx: &mut PageContext<'_>, ui: &Ui) {
    let Some(question) = page.question.clone() else { return };
    let (title, text, button) = match &question {
        Question::Apply { tuning, measurement } => {
            let report = ctx.snapshot.tunings.iter().find(|report| report.id == *tuning);
            let found = report.and_then(|report| report.measurements.get(*measurement));
            let Some(found) = found else {
                page.question = None;
                return;
            };
            let text = format!(
                "{} will answer for {}, with {}. Running nodes of this workspace take it within seconds; no request is lost. It can be undone.",
                found.setting.model,
                found.setting.model.name,
                found.setting.serving.words()
            );
            ("Apply this setting?", text, "Apply")
        }
        Question::Undo { model } => {
            let text = format!(
                "{model} will be served as before the last setting that was applied. Running nodes take it within seconds."
            );
            ("Undo what is applied?", text, "Undo it")
        }
    };
    let buttons = [("Not now", Weight::Normal), (button, Weight::Primary)];
    match (Confirm { title, text: &text, buttons: &buttons }.show(ui.ctx(), ctx.theme)) {
        Some(Answer::Button(1)) => {
            ctx.send(match question {
                Question::Apply { tuning, measurement } => {
                    Command::ApplyTuning { tuning, measurement: Some(measurement) }
                }
                Question::Undo { model } => Command::UndoTuning { model },
            });
            page.question = None;
        }
        Some(_) => page.question = None,
        None => {}
    }
}
