//! Watch: a running node takes what is applied to its models, and what is undone, without being asked.

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use orrery_domain::Failure;

use super::api::Node;
use crate::store::Store;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What was seen of the store.
pub struct Watch {
    store: Store,
    version: i64,
    /// How often settings were applied to each model, or undone.
    revisions: BTreeMap<String, u64>,
}

impl Watch {
    /// What there is now; `None` where a node obeys nothing that is applied.
    pub fn new(node: &Node) -> Option<Self> {
        let begun = || -> Result<Option<Self>, Failure> {
            let Some(store) = node.repository.watched()? else { return Ok(None) };
            let version = store.data_version()?;
            Ok(Some(Self { revisions: revisions(&store)?, version, store }))
        };
        begun().unwrap_or_else(|failure| {
            log::error!("what is applied to models is not seen: {failure}");
            None
        })
    }

    /// Looks until the node ends.
    pub fn run(mut self, node: &Node) {
        while !node.draining.load(Ordering::Acquire) {
            std::thread::sleep(LOOK_EVERY);
            if let Err(failure) = self.look(node) {
                log::warn!("what was applied to models cannot be read: {failure}");
            }
        }
    }

    fn look(&mut self, node: &Node) -> Result<(), Failure> {
        let version = self.store.data_version()?;
        if version == self.version {
            return Ok(());
        }
        for (name, revision) in revisions(&self.store)? {
            if self.revisions.insert(name.clone(), revision) == Some(revision) {
                continue;
            }
            if let Err(failure) = node.repository.take_serving(&name) {
                log::warn!("{name} is served as before: {failure}");
            }
        }
        self.version = version;
        Ok(())
    }
}

fn revisions(store: &Store) -> Result<BTreeMap<String, u64>, Failure> {
    Ok(store.servings()?.into_iter().map(|(name, serving)| (name, serving.revision)).collect())
}
