//! A rollout: its stages, its guards live, its record, and the way back.

use std::sync::Arc;

use egui::{Align, Layout, Role, Ui, WidgetInfo, vec2};
use orrery_domain::{
    Command,
    fleet::{FleetCommand, Rollout, RolloutState},
    run::SeriesPoint,
    series::Series,
};

use super::{
    super::serve,
    DeploymentsPage,
    data::{self, GuardLine},
};
use crate::{
    context::{PageContext, PickRequest},
    format,
    theme::{Theme, size, space},
    widgets::{
        badge,
        button::{Weight, text_button},
        card,
        confirm::{Answer, Confirm},
        grid::{grid, plain},
        icon,
        plot::{Curve, CurveX, PlotGroup, PlotSpec, PlotState, plot_panel},
        stepper::stepper,
    },
};

/// A way back that a person is asked about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Back {
    /// End a rollout.
    Rollout { id: String, version: String, from: String, percent: u32 },
    /// Serve the version before.
    Deployment { model: String, serving: String, previous: String },
}

/// The plot of the guards, with what it was made of.
#[derive(Default)]
pub(super) struct GuardBoard {
    of: Option<Arc<Rollout>>,
    curves: Vec<Curve>,
    plot: PlotState,
    group: PlotGroup,
}

impl GuardBoard {
    /// Makes the curves anew when the rollout changed.
    fn update(&mut self, rollout: &Arc<Rollout>) {
        if self.of.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, rollout)) {
            return;
        }
        let names = ["Failures", "p95", "Drift"];
        self.curves = names
            .into_iter()
            .enumerate()
            .map(|(index, name)| {
                let mut points = Series::new();
                for (step, reading) in rollout.readings.iter().enumerate() {
                    if let Some(value) = data::shares(rollout, reading)[index] {
                        let secs = (reading.at - rollout.started_at).max(0.0);
                        points.push(SeriesPoint { step: step as u64, secs, value });
                    }
                }
                Curve {
                    key: name.to_owned(),
                    name: name.to_owned(),
                    color: index,
                    dashed: false,
                    points,
                    x: CurveX::Secs,
                }
            })
            .collect();
        self.of = Some(Arc::clone(rollout));
    }
}

/// Draws a rollout.
pub(super) fn show(
    rollout: &Arc<Rollout>,
    page: &mut DeploymentsPage,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let theme = ctx.theme;
    let (state, word) = data::rollout_state(rollout.state);
    card::frame(theme).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = space::XS;
        ui.horizontal(|ui| {
            ui.set_min_height(space::CONTROL);
            let from = rollout.from.as_ref().map_or_else(String::new, |from| format!(" over v{from}"));
            ui.label(theme.strong(format!("Rollout of {}{from}", rollout.plan.model)));
            badge::badge(ui, theme, state, word);
            ui.label(theme.weak(format!("begun {}", format::ago(ctx.snapshot.now, rollout.started_at))));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| buttons(rollout, page, ctx, ui));
        });
        if !rollout.reason.is_empty() {
            ui.add(egui::Label::new(theme.body(&rollout.reason)).wrap());
        }
        ui.add_space(space::S);
        stepper(ui, theme, &data::stages(rollout));
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::XL;
            for line in data::guards(rollout) {
                guard(ui, theme, &line);
            }
        });
        ui.add_space(space::S);
        let width = ((ui.available_width() - space::XL) / 2.0).floor();
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = space::XL;
            ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::LEFT), |ui| {
                ui.set_width(width);
                plot(rollout, &mut page.board, ctx, ui);
            });
            ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::LEFT), |ui| {
                ui.set_width(width);
                let rows = data::step_rows(rollout);
                let columns = data::step_columns();
                let spec = plain("Record", "step", &columns, ctx.snapshot.revision);
                grid(ctx, ui, &spec, &mut page.steps, &rows, 216.0);
            });
        });
    });
}

fn buttons(rollout: &Rollout, page: &mut DeploymentsPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    if !data::goes_on(rollout.state) {
        return;
    }
    let theme = ctx.theme;
    let may = !ctx.read_only();
    if text_button(ui, theme, Some(icon::UNDO), "Roll back…", Weight::Danger, may).clicked() {
        let percent = rollout.plan.stages.get(rollout.stage).copied();
        page.asking = Some(Back::Rollout {
            id: rollout.id.clone(),
            version: rollout.plan.model.version.to_string(),
            from: rollout.from.clone().unwrap_or_default(),
            percent: percent.filter(|_| rollout.state == RolloutState::Canary).unwrap_or(0),
        });
    }
    let canary = rollout.state == RolloutState::Canary;
    let next = rollout.plan.stages.get(rollout.stage + 1);
    let words = next.map_or_else(|| "Finish now".to_owned(), |next| format!("Go to {next}% now"));
    let response = text_button(ui, theme, Some(icon::FORWARD), &words, Weight::Normal, may && canary)
        .on_hover_text("Without waiting for the stage's time and the guards")
        .on_disabled_hover_text("It is not in a stage yet.");
    if response.clicked() {
        ctx.send(Command::Fleet(FleetCommand::PromoteRollout { rollout: rollout.id.clone() }));
    }
}

fn guard(ui: &mut Ui, theme: &Theme, line: &GuardLine) {
    let inner = ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.label(theme.caption(line.name));
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::XS;
            ui.label(icon::state_text(theme, line.state));
            ui.label(theme.number(&line.reading).size(size::HEADING).color(theme.text.strong));
            ui.label(theme.weak(&line.limit));
        });
    });
    let name = format!("{}: {}, {}", line.name, line.reading, line.limit);
    inner.response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, &name));
    inner.response.on_hover_text(line.help);
}

fn plot(rollout: &Arc<Rollout>, board: &mut GuardBoard, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    board.update(rollout);
    let spec = PlotSpec {
        title: "Guards over their limits",
        x_name: "seconds since it began",
        y_name: "share of the limit",
        height: 150.0,
        x_text: format::duration,
        y_text: |value| format::significant(value, 2),
        legend: true,
    };
    let export = plot_panel(ui, ctx.theme, &spec, &mut board.plot, &mut board.group, &board.curves);
    if let Some((file, bytes)) = export {
        ctx.outbox.pick(PickRequest::save("Export the guards", file, bytes));
    }
}

/// Asks before the version before serves again.
pub(super) fn question(asking: &mut Option<Back>, ctx: &mut PageContext<'_>, ui: &Ui) {
    let Some(back) = asking else { return };
    let (text, yes, command) = match &*back {
        Back::Rollout { id, version, from, percent } => {
            let share = if *percent > 0 {
                format!(" and loses its {percent}% of the requests")
            } else {
                String::new()
            };
            let before = if from.is_empty() {
                "No version served before, so the model is then gone from the fleet.".to_owned()
            } else {
                format!("v{from} serves everything again.")
            };
            let text = format!(
                "v{version} is unloaded{share}; this rollout's progress is lost, its record is kept. {before}"
            );
            (text, "Roll back", FleetCommand::RollBackRollout { rollout: id.clone() })
        }
        Back::Deployment { model, serving, previous } => {
            let text = format!(
                "{model} answers with v{previous} at once, everywhere; v{serving} gets no more requests. Its files and its record are kept."
            );
            (text, "Serve it again", FleetCommand::RollBackDeployment { model: model.clone() })
        }
    };
    let confirm = Confirm {
        title: "Roll back?",
        text: &text,
        buttons: &[("Keep it", Weight::Normal), (yes, Weight::Danger)],
    };
    match confirm.show(ui.ctx(), ctx.theme) {
        Some(Answer::Button(1)) => {
            ctx.send(Command::Fleet(command));
            *asking = None;
        }
        Some(_) => *asking = None,
        None => {}
    }
}

/// A line for a plan: the difference that a rollout would make.
pub(super) fn plan_lines(rollout: &Rollout) -> Vec<(String, String)> {
    rollout.steps.iter().map(|step| (step.what.clone(), step.detail.clone())).collect()
}

/// A failed or impossible plan, in words.
pub(super) fn plan_trouble(rollout: &Rollout) -> Option<&str> {
    (rollout.state == RolloutState::Failed).then_some(rollout.reason.as_str())
}

/// How long the stages last at least, in words.
pub(super) fn least_time(rollout: &Rollout) -> String {
    serve::time(rollout.plan.stage_secs * rollout.plan.stages.len() as f64)
}
