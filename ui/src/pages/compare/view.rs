//! Draws page Compare: the form, how far it is, and the answer from its verdict to the weights.

use egui::{ComboBox, Label, ScrollArea, Ui};
use orrery_domain::{compare::CompareReport, snapshot::CompareState};

use super::{ComparePage, built, charts, data, paired};
use crate::{
    command::UiCommand,
    context::{PageContext, PickRequest},
    theme::{State, space},
    widgets::{
        badge, button::icon_button, card, empty, error_card::error_card, grid::plain, grid_card::grid_card,
        icon, job_card::job_card,
    },
};

/// Draws the page.
pub(super) fn show(page: &mut ComparePage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    if page.form.models.len() < 2 {
        let sentence = "A comparison says whether one version is better than another beyond chance, on the same rows; where each is \
                        worst; and what its quality costs in time and bytes. It takes two versions with the same target and task, which \
                        are not here yet: train one model, then another kind or with other settings.";
        let action = if ctx.snapshot.datasets.iter().any(|entry| !entry.deleted) {
            UiCommand::GoTrain
        } else {
            UiCommand::OpenFile
        };
        empty::empty(ctx, ui, icon::COMPARE, "Nothing to compare", sentence, Some(action));
        return;
    }
    ScrollArea::vertical().id_salt("compare").auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - space::M);
        let asked = ctx.snapshot.comparison.clone();
        if let Some(asked) = &asked {
            answer(page, asked, ctx, ui);
        }
        page.form.show(ctx, ui);
        if let Some(report) = asked.as_ref().and_then(|asked| asked.answer.as_ref()).and_then(|answer| answer.as_ref().ok()) {
            details(page, report, ctx, ui);
        } else if asked.is_none() {
            ui.add_space(space::M);
            ui.label(ctx.theme.weak(
                "The answer says which version is better beyond chance, or that they are not distinguishable; where each is \
                 worst; how well it is calibrated; what it costs; and how they are built.",
            ));
        }
        ui.add_space(space::L);
    });
}

/// How far the comparison is, why it failed, or its verdict.
fn answer(page: &ComparePage, asked: &CompareState, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let names: Vec<String> = asked.models.iter().map(ToString::to_string).collect();
    let title = format!("Comparison of {}", names.join(", "));
    match (&asked.answer, &page.shown) {
        (Some(Err(failure)), _) => error_card(ctx, ui, failure),
        (Some(Ok(report)), Some(shown)) => {
            card::card(
                ui,
                theme,
                &title,
                |_| {},
                |ui| {
                    let (state, word, sentence) = &shown.verdict;
                    badge::badge(ui, theme, *state, word);
                    ui.add(Label::new(theme.heading(sentence)).wrap().selectable(true));
                    ui.add(Label::new(theme.weak(&shown.rows)).wrap());
                    for warning in &report.warnings {
                        ui.horizontal_top(|ui| {
                            ui.label(icon::state_text(theme, State::Warning));
                            ui.add(Label::new(theme.body(warning)).wrap());
                        });
                    }
                },
            );
        }
        _ => {
            let job = ctx.snapshot.jobs.iter().find(|job| job.id == asked.job).cloned();
            job_card(ctx, ui, (&title, "comparison"), job.as_ref(), |_, _, _| {});
        }
    }
    ui.add_space(space::M);
}

fn details(page: &mut ComparePage, report: &CompareReport, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let ComparePage { shown, pair, tables, revision, .. } = page;
    let Some(shown) = shown else { return };
    let chosen = report.pairs.get(shown.pair);
    ui.add_space(space::M);
    if shown.pairs.len() > 1 {
        ui.horizontal(|ui| {
            ui.label(theme.weak("Pair"));
            ui.name_inputs("Pair", |ui| {
                ComboBox::from_id_salt("pair").width(320.0).selected_text(&shown.pairs[shown.pair]).show_ui(
                    ui,
                    |ui| {
                        for (place, words) in shown.pairs.iter().enumerate() {
                            ui.selectable_value(pair, place, words);
                        }
                    },
                );
            });
        });
        ui.add_space(space::S);
    }
    paired_tests(&shown.tests, report, ctx, ui);
    ui.add_space(space::M);
    let columns = data::metric_columns(chosen);
    let spec = plain("Metrics of both", "metric", &columns, *revision);
    grid_card(ctx, ui, "", &spec, &mut tables.metrics, &shown.metrics, 300.0);
    ui.add_space(space::M);
    charts::show(report, ctx, ui);
    ui.add_space(space::M);
    let columns = data::cost_columns(report.metric);
    let spec = plain("Quality, latency and size", "version", &columns, *revision);
    grid_card(ctx, ui, "", &spec, &mut tables.costs, &shown.costs, 300.0);
    ui.add_space(space::M);
    ui.label(theme.strong("Where each is worst"));
    for words in &shown.without_slices {
        ui.add(Label::new(theme.weak(words)).wrap());
    }
    if !shown.slices.is_empty() {
        let columns = data::slice_columns();
        let spec = plain("Worst slices", "slice", &columns, *revision);
        grid_card(ctx, ui, "", &spec, &mut tables.slices, &shown.slices, 340.0);
    }
    if !shown.asked.is_empty() {
        ui.add_space(space::M);
        let columns = data::slice_columns();
        let spec = plain("Slices of the columns asked for", "slice", &columns, *revision);
        grid_card(ctx, ui, "", &spec, &mut tables.asked, &shown.asked, 340.0);
    }
    ui.add_space(space::M);
    built::show(shown, chosen, tables, *revision, ctx, ui);
}

/// The tests of the pair in sentences; the card saves those of every pair.
fn paired_tests(sentences: &[String], report: &CompareReport, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let mut save = false;
    let right = |ui: &mut Ui| {
        save = icon_button(ui, theme, icon::EXPORT, "Export paired tests as CSV", true).clicked();
    };
    card::card(ui, theme, "Paired tests", right, |ui| {
        for words in sentences {
            ui.add(Label::new(theme.body(words)).wrap().selectable(true));
        }
    });
    if save {
        let file = PickRequest::save("Export: Paired tests", "paired_tests.csv", paired::tests_csv(report));
        ctx.outbox.pick(file);
    }
}
