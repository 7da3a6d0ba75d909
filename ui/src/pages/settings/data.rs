//! What page Settings shows, as plain data.

use orrery_domain::Snapshot;
use serde::Serialize;

/// The page's view model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingsView {}

/// The view model of a snapshot.
pub fn of(_snapshot: &Snapshot) -> SettingsView {
    SettingsView {}
}
