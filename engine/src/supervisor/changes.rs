//! What changed in the store, taken over into the snapshot without reading everything again.

use std::sync::Arc;

use orrery_domain::{
    RunId,
    dataset::Dataset,
    run::{Run, RunState},
    search::Search,
    snapshot::{DatasetEntry, ModelEntry},
};

use super::state::State;
use crate::store::Changes;

impl State {
    /// Takes over what changed.
    pub(super) fn take_changes(&mut self, changes: Changes) {
        let Changes { revision: _, datasets, runs, models, searches } = changes;
        for (dataset, deleted) in datasets {
            self.put_dataset(dataset, deleted);
        }
        self.put_runs(runs);
        for model in models {
            self.put_model(model);
        }
        self.put_searches(searches);
        self.pump();
        self.touch();
    }

    fn put_dataset(&mut self, dataset: Dataset, deleted: bool) {
        let datasets = Arc::make_mut(&mut self.snapshot.datasets);
        if let Some(entry) = datasets.iter_mut().find(|entry| entry.dataset.id == dataset.id) {
            entry.deleted = deleted;
            if *entry.dataset != dataset {
                entry.dataset = Arc::new(dataset);
            }
            return;
        }
        let place = datasets.partition_point(|entry| entry.dataset.imported_at > dataset.imported_at);
        datasets.insert(place, DatasetEntry { dataset: Arc::new(dataset), profile: None, deleted });
    }

    fn put_searches(&mut self, changed: Vec<Search>) {
        if changed.is_empty() {
            return;
        }
        let searches = Arc::make_mut(&mut self.snapshot.searches);
        for search in changed {
            match searches.iter_mut().find(|known| known.id == search.id) {
                Some(known) => *known = Arc::new(search),
                None => searches.push(Arc::new(search)),
            }
        }
        searches.sort_by(|a, b| b.created_at.total_cmp(&a.created_at).then_with(|| b.id.cmp(&a.id)));
    }

    fn put_model(&mut self, model: ModelEntry) {
        let models = Arc::make_mut(&mut self.snapshot.models);
        if let Some(place) = models.iter().position(|entry| entry.model == model.model) {
            let loaded = models[place].card.is_some();
            let reference = model.model.clone();
            let (card, curves) = (models[place].card.take(), models[place].curves.take());
            models[place] = ModelEntry { card, curves, ..model };
            if loaded && !models[place].deleted {
                self.load_model(&reference);
            }
            return;
        }
        let place = models.partition_point(|entry| entry.created_at > model.created_at);
        models.insert(place, model);
    }

    fn put_runs(&mut self, runs: Vec<Run>) {
        let mut new = Vec::new();
        for run in runs {
            match self.places.get(&run.id) {
                Some(_) => self.put_known(run),
                None => new.push(Arc::new(run)),
            }
        }
        if new.is_empty() {
            return;
        }
        new.sort_by(|a, b| b.created_at.total_cmp(&a.created_at).then_with(|| b.id.cmp(&a.id)));
        let runs = Arc::make_mut(&mut self.snapshot.runs);
        let in_front = runs
            .first()
            .is_none_or(|first| new.last().is_some_and(|oldest| oldest.created_at >= first.created_at));
        let before = runs.len();
        if in_front {
            let count = new.len();
            for (index, run) in new.iter().enumerate() {
                self.places.insert(run.id.clone(), before + count - index);
            }
            runs.splice(0..0, new);
        } else {
            runs.extend(new);
            runs.sort_by(|a, b| b.created_at.total_cmp(&a.created_at).then_with(|| b.id.cmp(&a.id)));
            let count = runs.len();
            self.places =
                runs.iter().enumerate().map(|(index, run)| (run.id.clone(), count - index)).collect();
        }
    }

    /// A record that was read again. What its process said last is newer than what it wrote down.
    fn put_known(&mut self, mut run: Run) {
        let Some(place) = self.place(&run.id) else { return };
        let known = &self.snapshot.runs[place];
        if run.state == RunState::Running && known.state == RunState::Running {
            run.progress = known.progress.clone();
            run.best_valid_loss = known.best_valid_loss.or(run.best_valid_loss);
        }
        if **known != run {
            Arc::make_mut(&mut self.snapshot.runs)[place] = Arc::new(run);
        }
    }

    fn place(&self, id: &RunId) -> Option<usize> {
        self.places.get(id).map(|from_end| self.snapshot.runs.len() - from_end)
    }

    /// A run as it stands.
    pub(super) fn find_run(&self, id: &RunId) -> Option<&Arc<Run>> {
        self.place(id).map(|place| &self.snapshot.runs[place])
    }

    /// Changes a run in the snapshot only; the store follows from its process.
    pub(super) fn change_run(&mut self, id: &RunId, change: impl FnOnce(&mut Run)) {
        if let Some(place) = self.place(id) {
            change(Arc::make_mut(&mut Arc::make_mut(&mut self.snapshot.runs)[place]));
            self.touch();
        }
    }

    /// Makes the record in the store the one that counts, whatever was heard before.
    pub(super) fn replace_run(&mut self, run: Run) {
        match self.place(&run.id) {
            Some(place) => Arc::make_mut(&mut self.snapshot.runs)[place] = Arc::new(run),
            None => self.put_runs(vec![run]),
        }
        self.touch();
    }
}
