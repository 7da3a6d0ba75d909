//! The record of a rollout: what was done, what the guards saw, where it stands; told to the hub at each change.

use orrery_domain::{
    Failure,
    fleet::{CanaryView, FleetEvent, FleetEventKind, Rollout, RolloutState, RolloutStep},
    snapshot::Severity,
};
use tokio::sync::mpsc::UnboundedSender;

use super::reading;
use crate::{fleet::board::Note, jobs::now};

/// Readings kept.
const READINGS: usize = 500;

/// A rollout while it is written.
pub struct Record {
    /// As it stands.
    pub rollout: Rollout,
    notes: Option<UnboundedSender<Note>>,
}

impl Record {
    /// Goes on with this record.
    pub fn new(rollout: Rollout, notes: Option<UnboundedSender<Note>>) -> Self {
        Self { rollout, notes }
    }

    /// Tells the hub.
    pub fn tell(&self) {
        self.send(Note::Rollout(Box::new(self.rollout.clone())));
    }

    fn send(&self, note: Note) {
        if self.notes.as_ref().is_some_and(|notes| notes.send(note).is_err()) {
            log::debug!("nobody watches the rollout any more");
        }
    }

    fn event(&self, severity: Severity, message: String) {
        self.send(Note::Happened(FleetEvent {
            at: now(),
            severity,
            kind: FleetEventKind::Rollout,
            subject: self.rollout.plan.model.name.clone(),
            message,
        }));
    }

    /// A step that would be done.
    pub fn planned(&mut self, what: String, detail: String) {
        self.rollout.steps.push(RolloutStep { at: now(), what, ok: None, detail });
    }

    /// A step that was done, or was not.
    pub fn note(&mut self, what: String, done: &Result<String, Failure>) {
        let detail = done.as_ref().map_or_else(|failure| failure.message.clone(), Clone::clone);
        self.rollout.steps.push(RolloutStep { at: now(), what, ok: Some(done.is_ok()), detail });
        self.tell();
    }

    /// A step that must go well.
    ///
    /// # Errors
    /// Why it did not.
    pub fn did(&mut self, what: String, done: &Result<String, Failure>) -> Result<(), Failure> {
        self.note(what, done);
        done.as_ref().map(drop).map_err(Clone::clone)
    }

    /// It goes on with the next part.
    pub fn enter(&mut self, state: RolloutState) {
        self.rollout.state = state;
        if state == RolloutState::Canary {
            self.event(Severity::Info, format!("{} gets a share of the traffic.", self.rollout.plan.model));
        }
        self.tell();
    }

    /// Why it stands where it stands.
    pub fn because(&mut self, reason: &str) {
        if self.rollout.reason != reason {
            reason.clone_into(&mut self.rollout.reason);
            self.tell();
        }
    }

    /// Takes in what the gateway says of the canary.
    pub fn read(&mut self, view: &CanaryView) {
        let rollout = &mut self.rollout;
        let moved = rollout.stage != view.stage;
        rollout.stage = view.stage;
        rollout.reason.clone_from(&view.reason);
        rollout.readings.push(reading(view));
        let surplus = rollout.readings.len().saturating_sub(READINGS);
        rollout.readings.drain(..surplus);
        if moved {
            let message = format!("{} has {}% of the traffic.", self.rollout.plan.model, view.percent);
            self.event(Severity::Info, message);
        }
        self.tell();
    }

    /// It is over.
    pub fn end(&mut self, state: RolloutState, reason: &str) {
        self.rollout.state = state;
        reason.clone_into(&mut self.rollout.reason);
        self.rollout.ended_at = Some(now());
        let model = &self.rollout.plan.model;
        let (severity, message) = match state {
            RolloutState::Done => (Severity::Ok, format!("{model} serves everything.")),
            RolloutState::RolledBack => (Severity::Warning, format!("{model} was rolled back. {reason}")),
            _ => (Severity::Error, format!("{model} could not be rolled out. {reason}")),
        };
        self.event(severity, message);
        self.tell();
    }
}
