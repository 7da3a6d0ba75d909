//! The pages: one trait, one list. A page is `data.rs` (what it shows, as plain data), `view.rs` (draws it) and `mod.rs` (its state).

pub mod compare;
pub mod compress;
pub mod data;
pub mod deployments;
pub mod drills;
pub mod explain;
pub mod fleet;
pub mod home;
pub mod models;
pub mod runs;
pub mod search;
mod serve;
pub mod settings;
#[cfg(test)]
pub(crate) mod stage;
pub mod traffic;
pub mod train;
pub mod tune;

use egui::Ui;

use crate::{context::PageContext, route::PageId};

/// A page of the window.
pub trait Page {
    /// Which page it is.
    fn id(&self) -> PageId;

    /// What stands after the title in the header: the selection, from outer to inner.
    fn breadcrumbs(&self, _ctx: &PageContext<'_>) -> Vec<String> {
        Vec::new()
    }

    /// The page's actions, in the header, drawn from right to left; the first is the primary one.
    fn actions(&mut self, _ctx: &mut PageContext<'_>, _ui: &mut Ui) {}

    /// The page itself, in the central panel.
    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui);

    /// Whether the inspector (right panel) has something to show.
    fn has_inspector(&self, _ctx: &PageContext<'_>) -> bool {
        false
    }

    /// The inspector.
    fn inspector(&mut self, _ctx: &mut PageContext<'_>, _ui: &mut Ui) {}

    /// What is kept over a restart.
    fn state(&self) -> serde_json::Value;

    /// Takes what was kept. Anything unreadable is ignored: a page then begins with its defaults.
    fn restore(&mut self, state: serde_json::Value);
}

/// Every page, in the rail's order.
pub fn all() -> Vec<Box<dyn Page>> {
    vec![
        Box::new(home::HomePage::default()),
        Box::new(data::DataPage::default()),
        Box::new(train::TrainPage::default()),
        Box::new(runs::RunsPage::default()),
        Box::new(models::ModelsPage::default()),
        Box::new(explain::ExplainPage::default()),
        Box::new(compare::ComparePage::default()),
        Box::new(compress::CompressPage::default()),
        Box::new(search::SearchPage::default()),
        Box::new(tune::TunePage::default()),
        Box::new(deployments::DeploymentsPage::default()),
        Box::new(fleet::FleetPage::default()),
        Box::new(traffic::TrafficPage::default()),
        Box::new(drills::DrillsPage::default()),
        Box::new(settings::SettingsPage::default()),
    ]
}

/// [`Page::state`] of a serialisable state.
pub(crate) fn save(state: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(state).unwrap_or_default()
}

/// [`Page::restore`] of a serialisable state.
pub(crate) fn load<T: serde::de::DeserializeOwned>(state: &mut T, kept: serde_json::Value) {
    match serde_json::from_value(kept) {
        Ok(read) => *state = read,
        Err(error) => log::debug!("a page's kept state was not readable, so it begins anew: {error}"),
    }
}

/// Reads a part of a kept state, for `deserialize_with`: one that an earlier version kept in another shape begins anew, and nothing
/// else of the state with it.
pub(crate) fn load_part<'de, T, D>(kept: D) -> Result<T, D::Error>
where
    T: Default + serde::de::DeserializeOwned,
    D: serde::Deserializer<'de>,
{
    let kept: serde_json::Value = serde::Deserialize::deserialize(kept)?;
    let mut part = T::default();
    load(&mut part, kept);
    Ok(part)
}
