//! Drafts: what a person has decided about a dataset on the way to a training, shared by the pages that ask about it.

use std::collections::BTreeMap;

use orrery_domain::{
    Command, DatasetId,
    dataset::Dataset,
    device::DeviceChoice,
    image::{CLASS, SPLIT},
    snapshot::DatasetEntry,
    training::{ModelKind, Split, TrainConfig},
};
use serde::{Deserialize, Serialize};

use crate::context::PageContext;

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

    /// Begins the draft of a dataset that has none: its target is the one its profile was last computed for.
    pub fn begin(&mut self, entry: &DatasetEntry, device: DeviceChoice) {
        if !self.0.contains_key(&entry.dataset.id) {
            let target =
                entry.profile.as_ref().and_then(|profile| profile.target.clone()).unwrap_or_default();
            let mut draft = TrainConfig { device, ..TrainConfig::new(target) };
            if entry.dataset.pixels().is_some() {
                draft.model = ModelKind::Cnn;
                if draft.target.is_empty() && entry.dataset.column(CLASS).is_some() {
                    CLASS.clone_into(&mut draft.target);
                }
                if entry.dataset.column(SPLIT).is_some() {
                    draft.split = Split::Column { column: SPLIT.to_owned() };
                }
            }
            self.0.insert(entry.dataset.id.clone(), draft);
        }
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

/// The target a draft chose, if it chose one.
pub fn target_of(draft: Option<&TrainConfig>) -> Option<String> {
    draft.map(|draft| draft.target.clone()).filter(|target| !target.is_empty())
}

/// Asks for the profile that a dataset and its draft's target need, once.
#[derive(Clone, Debug, Default)]
pub struct ProfileQuestion(Option<(DatasetId, Option<String>)>);

impl ProfileQuestion {
    /// Asks for the profile of `dataset`, unless it is there or was asked for already.
    pub fn ask(&mut self, ctx: &mut PageContext<'_>, dataset: &DatasetId) {
        let target = target_of(ctx.drafts.get(dataset));
        let Some(entry) = ctx.snapshot.datasets.iter().find(|entry| entry.dataset.id == *dataset) else {
            return;
        };
        let there = entry.profile.as_ref().is_some_and(|profile| profile.target == target);
        let question = (dataset.clone(), target);
        if there || self.0.as_ref() == Some(&question) {
            return;
        }
        ctx.send(Command::LoadProfile { dataset: question.0.clone(), target: question.1.clone() });
        self.0 = Some(question);
    }

    /// Forgets what was asked, so that it is asked again.
    pub fn retry(&mut self) {
        self.0 = None;
    }
}
