//! A row by hand for a deployed model: the form is made of what its server says it takes.

use std::collections::BTreeMap;

use egui::{ComboBox, Label, Role, Ui, WidgetInfo};
use orrery_domain::{
    Command,
    fleet::{Deployment, FleetCommand, TryEndpointState, state::TensorSchema},
};
use serde::{Deserialize, Serialize};

use super::super::serve;
use crate::{
    context::PageContext,
    theme::{State, space},
    widgets::{
        attributions,
        button::{Weight, text_button},
        card,
        error_card::error_card,
        form::FormRow,
        icon,
        input::input,
    },
};

/// What is asked, as it is typed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct TryForm {
    model: String,
    endpoint: String,
    version: String,
    /// Values by input; empty means none.
    values: BTreeMap<String, String>,
}

impl TryForm {
    /// Begins with the first version and endpoint of a deployment, when what was chosen is not of it.
    fn follow(&mut self, deployment: &Deployment) {
        let fits = |form: &Self| {
            deployment
                .versions
                .iter()
                .any(|version| version.version == form.version && version.endpoints.contains(&form.endpoint))
        };
        if self.model == deployment.model && fits(self) {
            return;
        }
        let first = deployment.versions.iter().find(|version| !version.endpoints.is_empty());
        *self = Self {
            model: deployment.model.clone(),
            endpoint: first.and_then(|version| version.endpoints.first().cloned()).unwrap_or_default(),
            version: first.map(|version| version.version.clone()).unwrap_or_default(),
            values: BTreeMap::new(),
        };
    }

    fn version(&self) -> Option<String> {
        Some(self.version.clone()).filter(|version| !version.is_empty())
    }

    /// Whether an answer is to what is asked here.
    fn is_of(&self, tried: &TryEndpointState) -> bool {
        tried.endpoint == self.endpoint && tried.model == self.model && tried.version == self.version()
    }

    /// The values of a schema's inputs, in its order.
    fn row(&self, inputs: &[TensorSchema]) -> Vec<(String, Option<String>)> {
        let value = |name: &String| {
            self.values.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        inputs.iter().map(|input| (input.name.clone(), value(&input.name))).collect()
    }
}

/// Draws the form with its answer.
pub(super) fn show(deployment: &Deployment, form: &mut TryForm, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    form.follow(deployment);
    let theme = ctx.theme;
    let tried = ctx.snapshot.fleet.tried.clone().filter(|tried| form.is_of(tried));
    card::card(
        ui,
        theme,
        "Try it",
        |_| {},
        |ui| {
            target(deployment, form, ctx, ui);
            let Some(tried) = tried else {
                ui.label(theme.weak("The server is asked which inputs the model takes."));
                ui.add_space(space::XS);
                let can = !form.endpoint.is_empty();
                if text_button(ui, theme, None, "Show its inputs", Weight::Normal, can).clicked() {
                    ctx.send(Command::Fleet(FleetCommand::DescribeEndpoint {
                        endpoint: form.endpoint.clone(),
                        model: form.model.clone(),
                        version: form.version(),
                    }));
                }
                return;
            };
            for tensor in &tried.inputs {
                let help = format!("{} {:?}; empty means no value", tensor.datatype, tensor.shape);
                FormRow::new(&tensor.name, &help).show(ui, theme, |ui| {
                    let value = form.values.entry(tensor.name.clone()).or_default();
                    ui.add(input(value).desired_width(160.0).hint_text("no value"))
                        .accessible_name(&tensor.name);
                    ui.label(theme.caption(&tensor.datatype));
                });
            }
            let can = !tried.waiting && !tried.inputs.is_empty();
            if text_button(ui, theme, Some(icon::START), "Ask", Weight::Normal, can).clicked() {
                ctx.send(Command::Fleet(FleetCommand::TryEndpoint {
                    endpoint: form.endpoint.clone(),
                    model: form.model.clone(),
                    version: form.version(),
                    row: form.row(&tried.inputs),
                }));
            }
            answer(&tried, ctx, ui);
        },
    );
}

fn target(deployment: &Deployment, form: &mut TryForm, ctx: &PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    FormRow::new("Server", "Which server answers, and with which version").show(ui, theme, |ui| {
        let words = format!("{} v{}", form.endpoint, form.version);
        ComboBox::from_id_salt("target").width(220.0).selected_text(words).show_ui(ui, |ui| {
            for version in &deployment.versions {
                for endpoint in &version.endpoints {
                    let words = format!("{endpoint} v{}", version.version);
                    let chosen = form.endpoint == *endpoint && form.version == version.version;
                    if ui.selectable_label(chosen, words).clicked() {
                        form.endpoint.clone_from(endpoint);
                        form.version.clone_from(&version.version);
                    }
                }
            }
        });
    });
}

fn answer(tried: &TryEndpointState, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    if tried.waiting {
        serve::remark(ui, theme, State::Running, "Waiting for the server");
        return;
    }
    match &tried.answer {
        None => {}
        Some(Err(failure)) => error_card(ctx, ui, failure),
        Some(Ok(outputs)) => {
            ui.separator();
            for (name, value) in outputs {
                ui.horizontal(|ui| {
                    ui.label(theme.weak(name));
                    let label = Label::new(theme.figure(value)).selectable(true).truncate();
                    let response = ui.add(label);
                    let words = format!("Answer {name}: {value}");
                    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &words));
                });
            }
            ui.label(
                theme.caption(format!("Answered in {}, measured in the window", serve::secs(tried.secs))),
            );
            match &tried.explanation {
                None => {}
                Some(Ok(explanation)) => attributions::show(explanation, theme, ui),
                Some(Err(failure)) => serve::remark(ui, theme, State::Warning, &failure.message),
            }
        }
    }
}
