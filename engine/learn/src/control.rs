//! Control: how a long job hears what a person wants, and says how it is getting on.

use orrery_domain::{Failure, job::JobEvent};

/// What a person wants of a running job now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    Continue,
    /// Write a checkpoint, say `Paused`, and wait until the wish changes.
    Pause,
    /// Write a checkpoint and end as cancelled.
    Cancel,
    /// Write a checkpoint and end; the run stays resumable.
    Stop,
}

/// A job's line to the outside. Polled often: both calls must be cheap.
pub trait JobControl: Sync {
    /// Says something.
    fn emit(&self, event: JobEvent);

    /// What is wanted now.
    fn wish(&self) -> Wish;

    /// Whether the job may wait, paused, until a full disk has room. Where nobody would hear why it waits, it fails instead.
    fn may_wait(&self) -> bool {
        true
    }
}

/// Why a job ended before its work was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interrupt {
    /// It failed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// A person cancelled it.
    #[error("The job was cancelled.")]
    Cancelled,
    /// It was asked to stop and can go on later.
    #[error("The job was stopped after a checkpoint and can be resumed.")]
    Stopped,
}

/// A control for work that nobody watches: it keeps going and says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl JobControl for Unwatched {
    fn emit(&self, _event: JobEvent) {}

    fn wish(&self) -> Wish {
        Wish::Continue
    }
}

/// Ends a job that has no checkpoint to write when a person asked for its end.
///
/// # Errors
/// [`Interrupt::Cancelled`] or [`Interrupt::Stopped`].
pub fn check(control: &dyn JobControl) -> Result<(), Interrupt> {
    match control.wish() {
        Wish::Continue | Wish::Pause => Ok(()),
        Wish::Cancel => Err(Interrupt::Cancelled),
        Wish::Stop => Err(Interrupt::Stopped),
    }
}
