//! The engine as the window sees it.

use std::sync::Arc;

use crate::{Command, Snapshot};

/// What the window holds: something that publishes snapshots and takes commands. Neither call blocks.
pub trait Engine: Send + Sync {
    /// The latest snapshot.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// Asks for something. What comes of it is in later snapshots; a refusal is a notice.
    fn send(&self, command: Command);

    /// Sets what is called, from another thread, when a new snapshot is there.
    fn on_change(&self, wake: Box<dyn Fn() + Send + Sync>);
}
