//! Fleet: the commands about regions, endpoints, rollouts and drills.

use orrery_domain::{fleet::FleetCommand, snapshot::Severity};

use super::state::State;

impl State {
    /// Does what a person asked of the fleet.
    pub(super) fn fleet(&mut self, command: FleetCommand) {
        log::debug!("{command:?}");
        self.say(Severity::Warning, "This window cannot reach the fleet yet. Nothing was changed.");
    }
}
