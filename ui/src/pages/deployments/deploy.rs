//! The form of a rollout, and its plan before it starts.

use egui::{ComboBox, ScrollArea, Ui};
use orrery_domain::{
    Command, ModelRef, Snapshot,
    fleet::{FleetCommand, Guards, Rollout, RolloutPlan, endpoint::EndpointRole},
};
use serde::{Deserialize, Serialize};

use super::{
    super::serve::{self, field},
    rollout::{least_time, plan_lines, plan_trouble},
};
use crate::{
    context::PageContext,
    theme::{State, Theme, space},
    widgets::{
        button::{Weight, text_button},
        choice::checkbox,
        confirm::dialog,
        form::FormRow,
        icon,
    },
};

/// A rollout as it is typed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct DeployForm {
    pub(super) model: Option<ModelRef>,
    endpoints: Vec<String>,
    pub(super) stages: String,
    pub(super) stage_secs: String,
    errors: String,
    p95: String,
    drift: String,
    requests: String,
    /// The plan that was asked for last.
    asked: bool,
}

/// A field and what is wrong with it.
type Wrong = (&'static str, String);

impl DeployForm {
    /// A form with the usual stages, for the newest model.
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let model = snapshot.models.iter().find(|entry| !entry.deleted).map(|entry| entry.model.clone());
        let usual = RolloutPlan::new(ModelRef { name: String::new(), version: 1 });
        let stages = usual.stages.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Self {
            model,
            endpoints: Vec::new(),
            stages,
            stage_secs: usual.stage_secs.to_string(),
            errors: usual.guards.max_error_ratio_above.to_string(),
            p95: usual.guards.max_p95_ratio.to_string(),
            drift: usual.guards.max_drift.to_string(),
            requests: usual.guards.min_requests.to_string(),
            asked: false,
        }
    }

    /// The plan, or what is wrong with each field.
    pub(super) fn read(&self) -> Result<RolloutPlan, Vec<Wrong>> {
        let stages = stages(&self.stages);
        let secs = serve::number(&self.stage_secs, 1.0, 604_800.0);
        let errors = serve::number(&self.errors, 0.0, 1.0);
        let p95 = serve::number(&self.p95, 1.0, 100.0);
        let drift = serve::number(&self.drift, 0.0, 10.0);
        let requests = serve::whole(&self.requests, 1, 1_000_000);
        match (&self.model, stages, secs, errors, p95, drift, requests) {
            (Some(model), Ok(stages), Ok(secs), Ok(errors), Ok(p95), Ok(drift), Ok(requests)) => {
                Ok(RolloutPlan {
                    model: model.clone(),
                    endpoints: self.endpoints.clone(),
                    stages,
                    stage_secs: secs,
                    guards: Guards {
                        max_error_ratio_above: errors,
                        max_p95_ratio: p95,
                        max_drift: drift,
                        min_requests: requests.into(),
                        ..Guards::default()
                    },
                })
            }
            (model, stages, secs, errors, p95, drift, requests) => {
                let mut wrong = Vec::new();
                if model.is_none() {
                    wrong.push((MODEL, "Choose a model version.".to_owned()));
                }
                let mut note = |label: &'static str, words: Option<String>| {
                    wrong.extend(words.map(|words| (label, words)));
                };
                note(STAGES, stages.err());
                note(SECS, secs.err());
                note(ERRORS, errors.err());
                note(P95, p95.err());
                note(DRIFT, drift.err());
                note(REQUESTS, requests.err());
                Err(wrong)
            }
        }
    }
}

const MODEL: &str = "Model version";
const STAGES: &str = "Stages, percent";
const SECS: &str = "Seconds a stage";
const ERRORS: &str = "Failures above primary";
const P95: &str = "p95 against primary";
const DRIFT: &str = "Drift";
const REQUESTS: &str = "Requests a stage";

/// Percents, ascending, that end in 100.
fn stages(text: &str) -> Result<Vec<u32>, String> {
    let wrong = || "Percents from 1 that rise and end in 100, with commas between.".to_owned();
    let read: Option<Vec<u32>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    let stages = read.ok_or_else(wrong)?;
    let rises = stages.windows(2).all(|pair| matches!(pair, [low, high] if low < high));
    let legal = rises && stages.first().is_some_and(|first| *first >= 1) && stages.last() == Some(&100);
    if legal { Ok(stages) } else { Err(wrong()) }
}

/// Draws the form while it is open.
pub(super) fn show(open: &mut Option<DeployForm>, ctx: &mut PageContext<'_>, ui: &Ui) {
    let Some(form) = open else { return };
    let theme = ctx.theme;
    let snapshot = ctx.snapshot.clone();
    let may = !ctx.read_only();
    let read = form.read();
    let planned = snapshot
        .fleet
        .planned
        .clone()
        .filter(|planned| form.asked && read.as_ref().is_ok_and(|plan| *plan == planned.plan));
    let mut send = None;
    let mut close = false;
    let shown = dialog(ui.ctx(), theme, "Deploy a model", 640.0, |ui| {
        let most = (ui.ctx().content_rect().height() - 200.0).max(200.0);
        ScrollArea::vertical().max_height(most).show(ui, |ui| {
            fields(form, read.as_ref().err(), &snapshot, theme, ui);
            ui.add_space(space::S);
            match &planned {
                Some(planned) => plan(planned, theme, ui),
                None if form.asked && read.is_ok() => {
                    serve::remark(ui, theme, State::Running, "The servers are asked what would change.");
                }
                None => {
                    ui.label(
                        theme.weak("The plan says what would be done on which server; it changes nothing."),
                    );
                }
            }
        });
        ui.add_space(space::M);
        ui.horizontal(|ui| {
            let ready = planned.as_ref().is_some_and(|planned| plan_trouble(planned).is_none());
            let start =
                text_button(ui, theme, Some(icon::DEPLOY), "Start rollout", Weight::Primary, ready && may)
                    .on_disabled_hover_text("Show the plan first.");
            let ask = text_button(ui, theme, None, "Show the plan", Weight::Normal, read.is_ok());
            close = text_button(ui, theme, None, "Cancel", Weight::Normal, true).clicked();
            if let Ok(plan) = &read {
                let plan = Box::new(plan.clone());
                if start.clicked() {
                    send = Some(FleetCommand::StartRollout { plan });
                } else if ask.clicked() {
                    form.asked = true;
                    send = Some(FleetCommand::PlanRollout { plan });
                }
            }
        });
    });
    let started = matches!(send, Some(FleetCommand::StartRollout { .. }));
    if let Some(command) = send {
        ctx.send(Command::Fleet(command));
    }
    if started || close || shown.closed {
        *open = None;
    }
}

fn fields(
    form: &mut DeployForm,
    wrong: Option<&Vec<Wrong>>,
    snapshot: &Snapshot,
    theme: &Theme,
    ui: &mut Ui,
) {
    let error =
        |label: &str| wrong?.iter().find(|(field, _)| *field == label).map(|(_, words)| words.as_str());
    FormRow::new(MODEL, "From this workspace's models").error(error(MODEL)).show(ui, theme, |ui| {
        let words = form.model.as_ref().map(ToString::to_string).unwrap_or_default();
        ComboBox::from_id_salt("model").width(240.0).selected_text(words).show_ui(ui, |ui| {
            for entry in snapshot.models.iter().filter(|entry| !entry.deleted) {
                let words = entry.model.to_string();
                ui.selectable_value(&mut form.model, Some(entry.model.clone()), words);
            }
        });
    });
    FormRow::new("Endpoints", "None chosen: all that can load it").show(ui, theme, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.set_max_width(420.0);
            let servers =
                snapshot.fleet.endpoints.iter().filter(|status| status.endpoint.role == EndpointRole::Server);
            for name in servers.map(|status| &status.endpoint.name) {
                let mut on = form.endpoints.contains(name);
                if checkbox(ui, theme, &mut on, name).clicked() {
                    form.endpoints.retain(|other| other != name);
                    if on {
                        form.endpoints.push(name.clone());
                    }
                }
            }
        });
    });
    if form.endpoints.is_empty() {
        ui.horizontal(|ui| {
            ui.add_space(crate::widgets::form::LABEL_WIDTH + space::S);
            ui.label(theme.weak("None chosen: all that can load it"));
        });
    }
    let rows: [(&str, &str, &mut String); 6] = [
        (
            STAGES,
            "Percents of the requests that the new version gets, one stage after the other",
            &mut form.stages,
        ),
        (SECS, "A stage lasts at least so long, 1 to 604,800", &mut form.stage_secs),
        (ERRORS, "Its share of failures may be this much above the primary's, 0 to 1", &mut form.errors),
        (P95, "Its p95 may be this many times the primary's, 1 to 100", &mut form.p95),
        (
            DRIFT,
            "Population stability index of its predictions, 0 to 10; 0.25 is the usual bound",
            &mut form.drift,
        ),
        (REQUESTS, "A stage is judged after so many requests to it", &mut form.requests),
    ];
    for (label, help, text) in rows {
        field(ui, theme, (label, help), text, error(label));
    }
}

fn plan(planned: &Rollout, theme: &Theme, ui: &mut Ui) {
    if let Some(trouble) = plan_trouble(planned) {
        serve::remark(ui, theme, State::Failed, trouble);
        return;
    }
    ui.label(theme.strong("The plan"));
    if !planned.reason.is_empty() {
        ui.add(egui::Label::new(theme.weak(&planned.reason)).wrap());
    }
    for (what, detail) in plan_lines(planned) {
        ui.horizontal_wrapped(|ui| {
            ui.label(icon::ADD.small().color(theme.state(State::Ok)));
            ui.label(theme.body(what));
            ui.label(theme.weak(detail));
        });
    }
    ui.label(theme.weak(format!("It takes {} at least.", least_time(planned))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_rise_and_end_in_a_hundred() {
        assert_eq!(stages("1, 5,25, 100"), Ok(vec![1, 5, 25, 100]));
        for bad in ["", "0, 100", "5, 5, 100", "50, 10, 100", "1, 50", "1; 100", "1, 100, 200"] {
            assert!(stages(bad).is_err(), "{bad}");
        }
    }
}
