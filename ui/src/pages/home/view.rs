//! Draws page Home.

use egui::{Align, Label, Layout, ScrollArea, Ui, vec2};
use orrery_domain::Command;

use super::data::{ActiveLine, DatasetLine, FailureLine, HomeView, ModelLine, NextAction, NextStep};
use crate::{
    command::UiCommand,
    context::PageContext,
    route::Route,
    theme::{size, space},
    widgets::{
        badge,
        button::{Weight, command_button, icon_button, link, text_button},
        card, icon, progress, row,
    },
};

/// Draws the page.
pub fn show(view: &HomeView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if view.first_start {
            first_start(view, ctx, ui);
            return;
        }
        next_step(&view.next, ctx, ui);
        ui.add_space(space::M);
        let gap = space::M;
        let wide = ui.available_width() > 860.0;
        if !wide {
            left(view, ctx, ui);
            ui.add_space(gap);
            right(view, ctx, ui);
            return;
        }
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            let width = ((ui.available_width() - gap) * 0.58).floor();
            ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::LEFT), |ui| {
                left(view, ctx, ui);
            });
            let rest = ui.available_width();
            ui.allocate_ui_with_layout(vec2(rest, 0.0), Layout::top_down(Align::LEFT), |ui| {
                right(view, ctx, ui);
            });
        });
    });
}

fn left(view: &HomeView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    active(&view.active, ctx, ui);
    ui.add_space(space::M);
    models(&view.models, ctx, ui);
}

fn right(view: &HomeView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    datasets(&view.datasets, ctx, ui);
    if !view.failures.is_empty() {
        ui.add_space(space::M);
        failures(&view.failures, ctx, ui);
    }
}

/// The page of somebody who has never been here.
fn first_start(view: &HomeView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.2).clamp(space::XL, 180.0));
        ui.label(theme.title("From a table to a model you can trust").size(size::DISPLAY));
        ui.add_space(space::S);
        let sentence = "Orrery imports a table, trains models on this machine, judges them against honest baselines and predicts. \
                        Nothing leaves the machine.";
        ui.scope(|ui| {
            ui.set_max_width(space::READABLE);
            ui.add(Label::new(theme.body(sentence).color(theme.text.weak)).wrap());
        });
        ui.add_space(space::XL);
        let width = 320.0;
        ui.allocate_ui_with_layout(vec2(width, space::CONTROL), Layout::left_to_right(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = space::M;
            command_button(ctx, ui, UiCommand::OpenSample, Weight::Primary);
            command_button(ctx, ui, UiCommand::OpenFile, Weight::Normal);
        });
        ui.add_space(space::S);
        ui.label(theme.weak("or drop a CSV, JSON lines, Parquet or Arrow file anywhere on this window"));
        ui.add_space(space::XL);
    });
    if !view.active.is_empty() {
        active(&view.active, ctx, ui);
    }
}

fn next_step(next: &NextStep, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let frame = card::frame(theme).inner_margin(egui::Margin::symmetric(16, 14));
    let response = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.vertical(|ui| {
                ui.label(theme.heading(&next.heading));
                ui.label(theme.body(&next.sentence).color(theme.text.weak));
            });
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if let NextAction::OpenFile = next.action {
                    command_button(ctx, ui, UiCommand::OpenFile, Weight::Primary);
                    return;
                }
                if text_button(ui, theme, None, &next.button, Weight::Primary, true).clicked() {
                    ctx.go(match &next.action {
                        NextAction::OpenFile => Route::Home,
                        NextAction::ShowRun(run) => Route::Runs { run: Some(run.clone()) },
                        NextAction::ShowModel(model) => Route::Models { model: Some(model.clone()) },
                        NextAction::Train(dataset) => Route::Train { dataset: Some(dataset.clone()) },
                    });
                }
                command_button(ctx, ui, UiCommand::OpenFile, Weight::Normal);
            });
        });
    });
    // The stripe marks the one card that says what to do.
    let rect = response.response.rect;
    let stripe = egui::Rect::from_min_size(rect.min + vec2(0.0, 8.0), vec2(3.0, rect.height() - 16.0));
    ui.painter().rect_filled(stripe, 1.5, theme.accent.fill);
}

fn active(lines: &[ActiveLine], ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    card::card(
        ui,
        theme,
        "In progress",
        |_| {},
        |ui| {
            if lines.is_empty() {
                ui.label(theme.weak("Nothing is running"));
            }
            for (index, line) in lines.iter().enumerate() {
                ui.push_id(index, |ui| active_line(line, ctx, ui));
            }
        },
    );
}

fn active_line(line: &ActiveLine, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    ui.horizontal(|ui| {
        if let (Some(run), Some(state)) = (&line.run, line.state) {
            if link(ui, theme, &line.name).on_hover_text("Show the run").clicked() {
                ctx.go(Route::Runs { run: Some(run.clone()) });
            }
            badge::run_badge(ui, theme, state);
        } else {
            ui.label(theme.body(&line.name));
            badge::badge(ui, theme, crate::theme::State::Running, "Running");
        }
        row::right(ui, |ui| {
            if let Some(job) = line.job {
                let name = format!("Cancel {}", line.name);
                if icon_button(ui, theme, icon::STOP, &name, !ctx.read_only()).clicked() {
                    ctx.send(Command::CancelJob { job });
                }
            }
            ui.label(theme.number(progress::words(&line.progress)).size(size::LABEL));
        });
    });
    let name = format!("Progress of {}", line.name);
    progress::bar(ui, theme, line.progress.fraction, ui.available_width(), &name);
    ui.add_space(space::XS);
}

fn models(lines: &[ModelLine], ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    card::card(
        ui,
        theme,
        "Latest models",
        |_| {},
        |ui| {
            if lines.is_empty() {
                ui.label(theme.weak("Every finished training makes a model; none has finished yet"));
            }
            for line in lines {
                let name = format!("{}, {} {}", line.model, line.metric, line.value);
                let clicked = row::row(ui, theme, &name, space::ROW_COMFORTABLE, |ui| {
                    ui.label(theme.strong(line.model.to_string()));
                    ui.add(Label::new(theme.weak(&line.about)).truncate());
                    row::right(ui, |ui| {
                        ui.allocate_ui_with_layout(
                            vec2(76.0, 20.0),
                            Layout::right_to_left(Align::Center),
                            |ui| {
                                ui.set_min_width(76.0);
                                ui.label(theme.number(&line.age).size(size::LABEL).color(theme.text.weak));
                            },
                        );
                        ui.label(theme.number(&line.value).color(theme.text.strong));
                        ui.label(theme.weak(line.metric));
                    });
                });
                if clicked.clicked() {
                    ctx.go(Route::Models { model: Some(line.model.clone()) });
                }
            }
        },
    );
}

fn datasets(lines: &[DatasetLine], ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    card::card(
        ui,
        theme,
        "Recent datasets",
        |_| {},
        |ui| {
            if lines.is_empty() {
                ui.label(theme.weak("Drop a file on this window to import it"));
            }
            for line in lines {
                let clicked = row::row(ui, theme, &line.name, space::ROW_COMFORTABLE, |ui| {
                    ui.label(icon::DATA.small().color(theme.text.weak));
                    ui.label(theme.strong(&line.name));
                    row::right(ui, |ui| {
                        ui.label(theme.number(&line.age).size(size::LABEL).color(theme.text.weak));
                        ui.add(Label::new(theme.number(&line.shape).size(size::LABEL)).truncate());
                    });
                });
                if clicked.clicked() {
                    ctx.go(Route::Data { dataset: Some(line.id.clone()) });
                }
            }
        },
    );
}

fn failures(lines: &[FailureLine], ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    card::card(
        ui,
        theme,
        "Last failures",
        |_| {},
        |ui| {
            for line in lines {
                ui.horizontal(|ui| {
                    ui.label(icon::state_text(theme, crate::theme::State::Failed));
                    match &line.run {
                        Some(run) => {
                            if link(ui, theme, &line.name).clicked() {
                                ctx.go(Route::Runs { run: Some(run.clone()) });
                            }
                        }
                        None => {
                            ui.label(theme.strong(&line.name));
                        }
                    }
                    row::right(ui, |ui| {
                        ui.label(theme.number(&line.age).size(size::LABEL).color(theme.text.weak));
                    });
                });
                ui.add(Label::new(theme.body(&line.failure.message)).wrap().selectable(true));
                if let Some(kept) = &line.failure.kept {
                    ui.add(Label::new(theme.weak(kept)).wrap().selectable(true));
                }
                ui.add_space(space::S);
            }
        },
    );
}
