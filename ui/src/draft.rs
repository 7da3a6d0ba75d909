//! Drafts: what a person has decided about a dataset on the way to a training, shared by the pages that ask about it.

use std::collections::BTreeMap;

use orrery_domain::{DatasetId, dataset::Dataset, training::TrainConfig};
use serde::{Deserialize, Serialize};

/// One draft of a training request a dataset. Kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Drafts(BTreeMap<DatasetId, TrainConfig>);

impl Drafts {
    /// The draft of a dataset, if anything was decided.
    pub fn get(&self, dataset: &DatasetId) -> Option<&TrainConfig> {
        self.0.get(dataset)
    }

    /// The draft of a dataset, begun if need be; an empty target means that none was chosen yet.
    pub fn edit(&mut self, dataset: &DatasetId) -> &mut TrainConfig {
        self.0.entry(dataset.clone()).or_insert_with(|| TrainConfig::new(""))
    }

    /// Carries the decisions about one dataset over to another import of the same file.
    pub fn carry_over(&mut self, from: &DatasetId, to: &Dataset) {
        if let Some(draft) = self.0.get(from).cloned()
            && !self.0.contains_key(&to.id)
        {
            self.0.insert(to.id.clone(), draft);
        }
    }
}
