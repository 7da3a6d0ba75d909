//! The forms of a region and of an endpoint, and the questions before one is removed.

use std::path::PathBuf;

use egui::{ComboBox, Ui};
use orrery_domain::{
    Command,
    fleet::{FleetCommand, FleetEndpoint, FleetState, Region, endpoint::EndpointRole},
};
use serde::{Deserialize, Serialize};

use super::super::serve::{self, field};
use crate::{
    context::PageContext,
    theme::{Theme, space},
    widgets::{
        button::{Weight, text_button},
        choice::{checkbox, radio_value},
        confirm::{Answer, Confirm, dialog},
        form::FormRow,
    },
};

/// A dialog that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "dialog", rename_all = "snake_case")]
pub(super) enum Dialog {
    Region(RegionForm),
    Endpoint(EndpointForm),
    #[serde(skip)]
    RemoveRegion(String),
    #[serde(skip)]
    RemoveEndpoint(String),
}

/// A region as it is typed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RegionForm {
    /// The region changed; `None` for a new one.
    of: Option<String>,
    pub(super) name: String,
    pub(super) priority: String,
    pub(super) price: String,
    pub(super) tags: String,
    enabled: bool,
}

/// An endpoint as it is typed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct EndpointForm {
    /// The endpoint changed; `None` for a new one.
    of: Option<String>,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) region: String,
    pub(super) weight: String,
    key_file: String,
    role: EndpointRole,
}

/// A field and what is wrong with it.
type Wrong = (&'static str, String);

impl RegionForm {
    /// The form of a region that is there.
    pub(super) fn of(region: &Region) -> Self {
        Self {
            of: Some(region.name.clone()),
            name: region.name.clone(),
            priority: region.priority.to_string(),
            price: region.price_per_1000.to_string(),
            tags: region.tags.join(", "),
            enabled: region.enabled,
        }
    }

    /// The region, or what is wrong with each field.
    pub(super) fn read(&self, fleet: &FleetState) -> Result<Region, Vec<Wrong>> {
        let mut wrong: Vec<Wrong> = Vec::new();
        let name = self.name.trim();
        let taken = fleet.regions.iter().any(|view| view.region.name == name);
        if !Region::is_name(name) {
            wrong.push(("Name", "1 to 63 of a-z, 0-9 and '-'; no '-' at an end.".to_owned()));
        } else if self.of.is_none() && taken {
            wrong.push(("Name", format!("There is a region '{name}' already.")));
        }
        let or = |text: &str| if text.trim().is_empty() { "0".to_owned() } else { text.to_owned() };
        let priority = serve::whole(&or(&self.priority), 0, 127);
        let price = serve::number(&or(&self.price), 0.0, 1e6);
        wrong.extend(priority.as_ref().err().map(|words| ("Priority", words.clone())));
        wrong.extend(price.as_ref().err().map(|words| ("Price of 1,000 requests", words.clone())));
        match (priority, price) {
            (Ok(priority), Ok(price_per_1000)) if wrong.is_empty() => Ok(Region {
                name: name.to_owned(),
                priority,
                price_per_1000,
                tags: self
                    .tags
                    .split(',')
                    .map(str::trim)
                    .filter(|tag| !tag.is_empty())
                    .map(str::to_owned)
                    .collect(),
                enabled: self.enabled,
            }),
            _ => Err(wrong),
        }
    }
}

impl EndpointForm {
    /// An empty form, for an endpoint in `region`.
    pub(super) fn new(region: Option<String>) -> Self {
        Self { region: region.unwrap_or_default(), weight: "1".to_owned(), ..Self::default() }
    }

    /// The form of an endpoint that is there.
    pub(super) fn of(endpoint: &FleetEndpoint) -> Self {
        Self {
            of: Some(endpoint.name.clone()),
            name: endpoint.name.clone(),
            url: endpoint.url.clone(),
            region: endpoint.region.clone(),
            weight: endpoint.weight.to_string(),
            key_file: endpoint.key_file.as_ref().map(|file| file.display().to_string()).unwrap_or_default(),
            role: endpoint.role,
        }
    }

    /// The endpoint, or what is wrong with each field.
    pub(super) fn read(&self, fleet: &FleetState) -> Result<FleetEndpoint, Vec<Wrong>> {
        let mut wrong: Vec<Wrong> = Vec::new();
        let name = self.name.trim();
        let taken = fleet.endpoints.iter().any(|status| status.endpoint.name == name);
        if !Region::is_name(name) {
            wrong.push(("Name", "1 to 63 of a-z, 0-9 and '-'; no '-' at an end.".to_owned()));
        } else if self.of.is_none() && taken {
            wrong.push(("Name", format!("There is an endpoint '{name}' already.")));
        }
        let url = self.url.trim().trim_end_matches('/');
        let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        if host
            .is_none_or(|host| host.is_empty() || host.starts_with(':') || host.contains(char::is_whitespace))
        {
            wrong.push(("Address", "It begins with http:// or https://, then the host.".to_owned()));
        } else if url.ends_with("/v2") {
            wrong.push(("Address", "Without /v2: that is added.".to_owned()));
        }
        if !fleet.regions.iter().any(|view| view.region.name == self.region) {
            wrong.push(("Region", "Choose a region.".to_owned()));
        }
        let weight = serve::whole(&self.weight, 1, 1_000_000);
        wrong.extend(weight.as_ref().err().map(|words| ("Weight", words.clone())));
        match weight {
            Ok(weight) if wrong.is_empty() => Ok(FleetEndpoint {
                name: name.to_owned(),
                url: url.to_owned(),
                region: self.region.clone(),
                weight,
                key_file: Some(self.key_file.trim()).filter(|file| !file.is_empty()).map(PathBuf::from),
                role: self.role,
            }),
            _ => Err(wrong),
        }
    }
}

/// What a person answered.
enum Done {
    Send(FleetCommand),
    Ask(Dialog),
    Close,
}

/// Draws the open dialog.
pub(super) fn show(open: &mut Option<Dialog>, ctx: &mut PageContext<'_>, ui: &Ui) {
    let Some(current) = open else { return };
    let fleet = ctx.snapshot.fleet.clone();
    let theme = ctx.theme;
    let may = !ctx.read_only();
    let done = match current {
        Dialog::Region(form) => {
            let title = if form.of.is_some() { "Edit region" } else { "Add a region" };
            let shown = dialog(ui.ctx(), theme, title, 560.0, |ui| region(ui, theme, form, &fleet, may));
            shown.inner.or(shown.closed.then_some(Done::Close))
        }
        Dialog::Endpoint(form) => {
            let title = if form.of.is_some() { "Edit endpoint" } else { "Add an endpoint" };
            let shown = dialog(ui.ctx(), theme, title, 560.0, |ui| endpoint(ui, theme, form, &fleet, may));
            shown.inner.or(shown.closed.then_some(Done::Close))
        }
        Dialog::RemoveRegion(name) => {
            let text = format!(
                "Its priority, price and tags are forgotten. '{name}' has no endpoints, so no traffic changes."
            );
            let command = FleetCommand::RemoveRegion { region: name.clone() };
            question(ui, theme, "Remove region?", &text, "Remove region", command)
        }
        Dialog::RemoveEndpoint(name) => {
            let text = format!(
                "'{name}' leaves the fleet: what was seen of it is forgotten and it is no longer looked at. The server itself goes on."
            );
            let command = FleetCommand::RemoveEndpoint { endpoint: name.clone() };
            question(ui, theme, "Remove endpoint?", &text, "Remove endpoint", command)
        }
    };
    match done {
        Some(Done::Send(command)) => {
            ctx.send(Command::Fleet(command));
            *open = None;
        }
        Some(Done::Ask(next)) => *open = Some(next),
        Some(Done::Close) => *open = None,
        None => {}
    }
}

fn question(
    ui: &Ui,
    theme: &Theme,
    title: &str,
    text: &str,
    yes: &str,
    command: FleetCommand,
) -> Option<Done> {
    let buttons = [("Keep it", Weight::Normal), (yes, Weight::Danger)];
    match (Confirm { title, text, buttons: &buttons }).show(ui.ctx(), theme)? {
        Answer::Button(1) => Some(Done::Send(command)),
        _ => Some(Done::Close),
    }
}

/// What is wrong with a field, once something was typed or the form is of something that is there.
fn error<'a>(wrong: Option<&'a Vec<Wrong>>, label: &str, typed: bool) -> Option<&'a str> {
    wrong?.iter().find(|(field, _)| typed && *field == label).map(|(_, words)| words.as_str())
}

fn region(ui: &mut Ui, theme: &Theme, form: &mut RegionForm, fleet: &FleetState, may: bool) -> Option<Done> {
    let read = form.read(fleet);
    let wrong = read.as_ref().err();
    ui.add_enabled_ui(form.of.is_none(), |ui| {
        let typed = !form.name.is_empty();
        let help = "1 to 63 of a-z, 0-9 and '-'; it cannot be changed later";
        field(ui, theme, ("Name", help), &mut form.name, error(wrong, "Name", typed));
    });
    let help = "Failover level: 0 is served first";
    field(ui, theme, ("Priority", help), &mut form.priority, error(wrong, "Priority", true));
    let label = "Price of 1,000 requests";
    let help = "In the currency of this workspace; 0 where it does not matter";
    field(ui, theme, (label, help), &mut form.price, error(wrong, label, true));
    field(
        ui,
        theme,
        ("Tags", "Residency tags its endpoints carry, with commas between"),
        &mut form.tags,
        None,
    );
    FormRow::new("Contact", "Nothing in a region is contacted until this is on")
        .show(ui, theme, |ui| checkbox(ui, theme, &mut form.enabled, "Contact its endpoints"));
    ui.add_space(space::M);
    let mut done = None;
    ui.horizontal(|ui| {
        let words = if form.of.is_some() { "Save region" } else { "Add region" };
        if text_button(ui, theme, None, words, Weight::Primary, read.is_ok() && may).clicked()
            && let Ok(region) = &read
        {
            done = Some(Done::Send(FleetCommand::PutRegion { region: region.clone() }));
        }
        if text_button(ui, theme, None, "Cancel", Weight::Normal, true).clicked() {
            done = Some(Done::Close);
        }
        if let Some(name) = &form.of {
            let used = fleet.endpoints.iter().any(|status| status.endpoint.region == *name);
            let remove = text_button(ui, theme, None, "Remove region…", Weight::Quiet, !used && may)
                .on_disabled_hover_text("Remove its endpoints first.");
            if remove.clicked() {
                done = Some(Done::Ask(Dialog::RemoveRegion(name.clone())));
            }
        }
    });
    done
}

fn endpoint(
    ui: &mut Ui,
    theme: &Theme,
    form: &mut EndpointForm,
    fleet: &FleetState,
    may: bool,
) -> Option<Done> {
    let read = form.read(fleet);
    let wrong = read.as_ref().err();
    ui.add_enabled_ui(form.of.is_none(), |ui| {
        let typed = !form.name.is_empty();
        let help = "1 to 63 of a-z, 0-9 and '-'; it cannot be changed later";
        field(ui, theme, ("Name", help), &mut form.name, error(wrong, "Name", typed));
    });
    let typed = !form.url.is_empty();
    let help = "http://… or https://…, without /v2";
    field(ui, theme, ("Address", help), &mut form.url, error(wrong, "Address", typed));
    let region_error = error(wrong, "Region", true);
    FormRow::new("Region", "Where it stands").error(region_error).show(ui, theme, |ui| {
        ComboBox::from_id_salt("region").width(240.0).selected_text(form.region.as_str()).show_ui(ui, |ui| {
            for view in fleet.regions.iter() {
                let name = &view.region.name;
                ui.selectable_value(&mut form.region, name.clone(), name);
            }
        });
    });
    let help = "Share of the traffic within its level, 1 to 1,000,000";
    field(ui, theme, ("Weight", help), &mut form.weight, error(wrong, "Weight", true));
    let help = "File that holds its key; the key itself is kept nowhere else. Empty: no key";
    field(ui, theme, ("Key file", help), &mut form.key_file, None);
    FormRow::new("What it is", "A server with models, or an `orrery gateway`").show(ui, theme, |ui| {
        radio_value(ui, theme, &mut form.role, EndpointRole::Server, "Server");
        radio_value(ui, theme, &mut form.role, EndpointRole::Gateway, "Gateway");
    });
    ui.add_space(space::M);
    let mut done = None;
    ui.horizontal(|ui| {
        let words = if form.of.is_some() { "Save endpoint" } else { "Add endpoint" };
        if text_button(ui, theme, None, words, Weight::Primary, read.is_ok() && may).clicked()
            && let Ok(endpoint) = &read
        {
            done = Some(Done::Send(FleetCommand::PutEndpoint { endpoint: endpoint.clone() }));
        }
        if text_button(ui, theme, None, "Cancel", Weight::Normal, true).clicked() {
            done = Some(Done::Close);
        }
    });
    done
}
