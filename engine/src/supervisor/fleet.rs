//! Fleet: hands commands about regions, endpoints, rollouts and drills to the hub, and takes over what it publishes.

use std::sync::Arc;

use orrery_domain::fleet::FleetCommand;

use super::{Message, state::State};
use crate::fleet::{Heard, Hub};

impl State {
    /// Does what a person asked of the fleet. The hub is started with the first command: before, nothing is read or contacted.
    pub(super) fn ask_fleet(&mut self, command: FleetCommand) {
        if self.fleet.is_none() {
            let inbox = self.inbox.clone();
            let hub = Hub::start(&self.workspace, move |heard| {
                let reply: super::Reply = match heard {
                    Heard::State(fleet) => Box::new(move |state| {
                        state.snapshot.fleet = Arc::from(fleet);
                        state.touch();
                    }),
                    Heard::Said(severity, message) => Box::new(move |state| state.say(severity, message)),
                };
                if inbox.send(Message::Apply(reply)).is_err() {
                    log::debug!("the supervisor is gone");
                }
            });
            match hub {
                Ok(hub) => self.fleet = Some(hub),
                Err(failure) => return self.report(&failure),
            }
        }
        // A window that only looks carries nothing on.
        let resumes = matches!(command, FleetCommand::Watch { open: true }) && !self.read_only();
        if let Some(hub) = &self.fleet {
            hub.send(command);
            if resumes {
                hub.send(FleetCommand::ResumeRollouts { model: None });
            }
        }
    }

    /// The window closes: polling ends, a drill puts its region back. Off this thread, for that may take a while.
    pub(super) fn let_fleet_go(&mut self) {
        if let Some(hub) = self.fleet.take() {
            let inbox = self.inbox.clone();
            let end = move || {
                drop(hub);
                // Only a nudge: whoever waits looks again at once.
                let _nudged = inbox.send(Message::Apply(Box::new(|_| {})));
            };
            self.ending_fleet = std::thread::Builder::new().name("fleet-end".to_owned()).spawn(end).ok();
        }
    }
}
