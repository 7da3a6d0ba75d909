//! Notices: what a person is told, newest first.

use std::sync::Arc;

use orrery_domain::{
    Command, Failure,
    snapshot::{Notice, Severity},
};

use super::state::State;
use crate::jobs::now;

/// Notices kept.
const KEPT: usize = 50;

impl State {
    /// Tells a person something.
    pub(super) fn say(&mut self, severity: Severity, message: impl Into<String>) {
        self.tell(severity, message.into(), None);
    }

    /// Tells a person what was done, with the command that undoes it.
    pub(super) fn say_undoable(&mut self, message: impl Into<String>, undo: Command) {
        self.tell(Severity::Info, message.into(), Some(undo));
    }

    /// Tells a person what failed.
    pub(super) fn report(&mut self, failure: &Failure) {
        let kept = failure.kept.as_ref().map(|kept| format!(" Kept: {kept}")).unwrap_or_default();
        self.tell(Severity::Error, format!("{}{kept}", failure.message), None);
    }

    fn tell(&mut self, severity: Severity, message: String, undo: Option<Command>) {
        let id = self.number();
        let notices = Arc::make_mut(&mut self.snapshot.notices);
        notices.insert(0, Notice { id, severity, message, undo, at: now() });
        notices.truncate(KEPT);
        self.touch();
    }

    pub(super) fn dismiss(&mut self, id: u64) {
        Arc::make_mut(&mut self.snapshot.notices).retain(|notice| notice.id != id);
        self.touch();
    }
}
