//! Watch: a running node takes what is applied to its models, and what is undone, without being asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::api::Node;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks until the node ends; `seen` is what it began with.
pub fn serving(node: &Arc<Node>, mut seen: BTreeMap<String, u64>) {
    while !node.draining.load(Ordering::Acquire) {
        std::thread::sleep(LOOK_EVERY);
        let now = match node.repository.serving_revisions() {
            Ok(now) => now,
            Err(failure) => {
                log::warn!("what was applied to models cannot be read: {failure}");
                continue;
            }
        };
        for (name, revision) in now {
            if seen.insert(name.clone(), revision) == Some(revision) {
                continue;
            }
            if let Err(failure) = node.repository.take_serving(&name) {
                log::warn!("{name} is served as before: {failure}");
            }
        }
    }
}
