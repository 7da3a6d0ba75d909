//! Listen: asks the fleet's hub for something and waits for what comes of it.

use std::{
    sync::{
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

use orrery_domain::{
    Failure, FailureClass,
    fleet::{FleetCommand, FleetState},
    snapshot::Severity,
};
use orrery_engine::fleet::{Heard, Hub};

use crate::cli::{Context, End, INTERRUPTED, catch_interrupts};

/// How often a wait looks whether a person wants to end it.
const LOOK: Duration = Duration::from_millis(100);

/// A hub that a command talks to.
pub struct Listener {
    hub: Hub,
    heard: Receiver<Heard>,
}

impl Listener {
    /// Starts the hub and lets it poll.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(context: &Context) -> Result<Self, Failure> {
        catch_interrupts();
        let (tell, heard) = channel();
        let hub = Hub::start(&context.workspace, move |news| {
            if tell.send(news).is_err() {
                log::debug!("nobody listens to the fleet any more");
            }
        })?;
        hub.send(FleetCommand::Watch { open: true });
        Ok(Self { hub, heard })
    }

    /// Asks for something.
    pub fn send(&self, command: FleetCommand) {
        self.hub.send(command);
    }

    /// Waits until `found` finds something in the state. What goes wrong on the way ends the wait.
    ///
    /// # Errors
    /// What the fleet says went wrong, the time is over, or a person ended it.
    pub fn wait<T>(
        &self,
        patience: Duration,
        mut found: impl FnMut(&FleetState) -> Option<T>,
    ) -> Result<T, End> {
        let begun = Instant::now();
        loop {
            if INTERRUPTED.load(Ordering::Relaxed) {
                return Err(End::Cancelled);
            }
            match self.heard.recv_timeout(LOOK) {
                Ok(Heard::State(state)) => {
                    if let Some(found) = found(&state) {
                        return Ok(found);
                    }
                }
                Ok(Heard::Said(Severity::Error, message)) => {
                    return Err(Failure::new(FailureClass::Client, message).into());
                }
                Ok(Heard::Said(_, message)) => crate::cli::output::note(&message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::new(FailureClass::Bug, "The fleet's thread ended.").into());
                }
            }
            if begun.elapsed() > patience {
                let message = format!("Nothing came of it within {} s.", patience.as_secs());
                return Err(Failure::new(FailureClass::Transient, message).into());
            }
        }
    }
}
