//! Failures: what class a failure has, and what was kept.

use serde::{Deserialize, Serialize};

/// The class of a failure decides what may be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// May pass by itself: try again.
    Transient,
    /// Not enough memory, disk or time: ask for less.
    Capacity,
    /// The request was wrong: change it.
    Client,
    /// The data cannot be used as asked: mend it.
    Data,
    /// Not allowed.
    Auth,
    /// The model's numbers went wrong (not finite, not loadable).
    Model,
    /// A device failed.
    Hardware,
    /// A fault of this program.
    Bug,
}

/// A failure as a person should read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Its class.
    pub class: FailureClass,
    /// What happened and what to do next: full sentences.
    pub message: String,
    /// What was kept safe, if anything was at stake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

impl Failure {
    /// A failure of `class` with nothing at stake.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), kept: None }
    }

    /// The same failure, saying what was kept.
    #[must_use]
    pub fn keeping(mut self, kept: impl Into<String>) -> Self {
        self.kept = Some(kept.into());
        self
    }
}
