//! The question before a drill: which gateway, which region, and what will happen.

use egui::{ComboBox, Ui};
use orrery_domain::{
    Command,
    fleet::{FleetCommand, FleetState},
};
use serde::{Deserialize, Serialize};

use super::super::serve;
use crate::{
    context::PageContext,
    format,
    theme::{State, space},
    widgets::{
        button::{Weight, text_button},
        confirm::dialog,
        form::FormRow,
    },
};

/// What was chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StartForm {
    gateway: String,
    region: String,
}

impl StartForm {
    /// The first gateway that answers, and the first region it serves.
    pub(super) fn new(fleet: &FleetState) -> Self {
        let answering = fleet.gateways.iter().find(|(_, status)| status.is_ok());
        let gateway = answering.map(|(name, _)| name.clone()).unwrap_or_default();
        let region = regions(fleet, &gateway).first().cloned().unwrap_or_default();
        Self { gateway, region }
    }
}

/// The regions that a gateway serves, in the fleet's order.
fn regions(fleet: &FleetState, gateway: &str) -> Vec<String> {
    let Some((_, Ok(status))) = fleet.gateways.iter().find(|(name, _)| name == gateway) else {
        return Vec::new();
    };
    let served = |name: &str| status.endpoints.iter().any(|endpoint| endpoint.region == name);
    fleet.regions.iter().map(|view| view.region.name.clone()).filter(|name| served(name)).collect()
}

/// What a drill will do, in sentences; the second says whether it may be started.
pub(super) fn forecast(fleet: &FleetState, gateway: &str, region: &str) -> (Vec<(State, String)>, bool) {
    let Some((_, Ok(status))) = fleet.gateways.iter().find(|(name, _)| name == gateway) else {
        return (vec![(State::Failed, "This gateway gives no account of itself.".to_owned())], false);
    };
    let (inside, outside): (Vec<_>, Vec<_>) =
        status.endpoints.iter().partition(|endpoint| endpoint.region == region);
    if inside.is_empty() {
        return (vec![(State::Failed, "Choose a region that this gateway serves.".to_owned())], false);
    }
    let carried: f64 = inside.iter().filter_map(|endpoint| endpoint.share).sum();
    let healthy = outside
        .iter()
        .filter(|endpoint| endpoint.health == orrery_domain::fleet::Health::Healthy && !endpoint.drained)
        .count();
    let mut lines = vec![
        (State::Running, format!(
            "The traffic of '{gateway}' to {} in {region} is cut. They carry {} of its requests now.",
            format::plural(inside.len() as u64, "endpoint"),
            format::percent(carried)
        )),
        (State::Running, "Measured: how soon that is noticed, how soon the others carry everything, what failed meanwhile.".to_owned()),
        (State::Running, "Then the region is put back, and its recovery is measured. The servers themselves are not touched.".to_owned()),
    ];
    if healthy == 0 {
        lines.push((
            State::Failed,
            "No healthy endpoint is left in another region: every request would fail.".to_owned(),
        ));
    } else {
        lines.push((
            State::Warning,
            format!(
                "Real requests may fail until it is noticed. {} in other regions can carry them.",
                format::plural(healthy as u64, "healthy endpoint")
            ),
        ));
    }
    (lines, healthy > 0)
}

/// Draws the question while it is open.
pub(super) fn show(open: &mut Option<StartForm>, ctx: &mut PageContext<'_>, ui: &Ui) {
    let Some(form) = open else { return };
    let theme = ctx.theme;
    let fleet = ctx.snapshot.fleet.clone();
    let may = !ctx.read_only();
    let shown = dialog(ui.ctx(), theme, "Start a drill", 560.0, |ui| {
        FormRow::new("Gateway", "Whose traffic is cut").show(ui, theme, |ui| {
            ComboBox::from_id_salt("gateway").width(220.0).selected_text(&form.gateway).show_ui(ui, |ui| {
                for (name, _) in fleet.gateways.iter() {
                    ui.selectable_value(&mut form.gateway, name.clone(), name);
                }
            });
        });
        FormRow::new("Region", "What is taken out").show(ui, theme, |ui| {
            ComboBox::from_id_salt("region").width(220.0).selected_text(&form.region).show_ui(ui, |ui| {
                for name in regions(&fleet, &form.gateway) {
                    ui.selectable_value(&mut form.region, name.clone(), name);
                }
            });
        });
        ui.add_space(space::S);
        ui.label(theme.strong("What will happen"));
        let (lines, legal) = forecast(&fleet, &form.gateway, &form.region);
        for (state, words) in &lines {
            serve::remark(ui, theme, *state, words);
        }
        ui.add_space(space::M);
        let mut start = false;
        let mut close = false;
        ui.horizontal(|ui| {
            close = text_button(ui, theme, None, "Not now", Weight::Normal, true).clicked();
            let words = format!("Take {} out", form.region);
            start = text_button(ui, theme, None, &words, Weight::Danger, legal && may).clicked();
        });
        (start, close)
    });
    let (start, close) = shown.inner;
    if start {
        ctx.send(Command::Fleet(FleetCommand::StartDrill {
            gateway: form.gateway.clone(),
            region: form.region.clone(),
        }));
    }
    if start || close || shown.closed {
        *open = None;
    }
}
