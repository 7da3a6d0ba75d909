//! Page Data: what is in each dataset, what is suspicious about it, and what to predict.

mod columns;
#[expect(
    clippy::module_inception,
    reason = "every page keeps its view model in data.rs; this page is named Data"
)]
mod data;
mod list;
mod pictures;
mod preview;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeSet;

use egui::Ui;
use orrery_domain::{
    Command, DatasetId,
    profile::Remedy,
    snapshot::{JobKind, JobOutcome},
};
use serde::{Deserialize, Serialize};

use super::Page;
use crate::{
    command::UiCommand,
    context::PageContext,
    draft::ProfileQuestion,
    route::{PageId, Route},
    widgets::{
        button::{Weight, command_button, command_icon_button},
        table::{TableChoices, TableState},
    },
};

/// Which part of a dataset is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tab {
    /// One row a column.
    #[default]
    Columns,
    /// Some pictures of each class.
    Pictures,
    /// The first rows.
    Preview,
    /// Rows left out.
    BadRows,
}

/// What the page keeps over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataState {
    /// The dataset last shown.
    dataset: Option<DatasetId>,
    /// The tab last shown.
    tab: Tab,
    /// Choices about the columns of the table of columns.
    columns: TableChoices,
    /// Width of the list of datasets, once drawn, points.
    list_width: Option<f32>,
}

/// The page.
#[derive(Default)]
pub struct DataPage {
    state: DataState,
    columns: TableState,
    preview: TableState,
    bad_rows: TableState,
    /// The profile asked for last, so that it is asked for once.
    question: ProfileQuestion,
    /// Jobs known to have ended: an import that ends while the page is open is shown at once.
    ended: Option<BTreeSet<u64>>,
    /// The dataset whose file is being read again with other types, so that its draft goes along.
    retyped: Option<DatasetId>,
    /// Failed imports a person has put aside.
    dismissed: BTreeSet<u64>,
    /// The model of what is drawn, and what it was made from.
    cache: Option<(Key, data::DataView)>,
    /// Counts the models made: the tables' revision.
    revision: u64,
}

/// What the view model is made from.
#[derive(Clone, Debug, PartialEq)]
struct Key {
    revision: u64,
    shown: Option<DatasetId>,
    draft: Option<orrery_domain::training::TrainConfig>,
}

impl DataPage {
    /// Follows imports that ended, keeps a dataset selected, and asks for the profile that is missing.
    fn follow(&mut self, ctx: &mut PageContext<'_>) -> Option<DatasetId> {
        let route = match ctx.route {
            Route::Data { dataset } => dataset.clone(),
            _ => None,
        };
        let snapshot = ctx.snapshot;
        let alive =
            |id: &DatasetId| snapshot.datasets.iter().any(|entry| entry.dataset.id == *id && !entry.deleted);
        let newest =
            || snapshot.datasets.iter().find(|entry| !entry.deleted).map(|entry| entry.dataset.id.clone());
        let kept = self.state.dataset.clone().filter(|id| alive(id));
        let wanted = self
            .imported(ctx)
            .filter(|id| alive(id))
            .or_else(|| route.clone().filter(|id| alive(id)))
            .or(kept)
            .or_else(newest);
        if wanted != route {
            ctx.go(Route::Data { dataset: wanted.clone() });
        }
        if wanted != self.state.dataset {
            self.state.dataset.clone_from(&wanted);
            self.columns = TableState::chosen(self.columns.choices());
            self.preview = TableState::default();
            self.bad_rows = TableState::default();
            self.state.tab = Tab::Columns;
        }
        if let Some(entry) = snapshot.datasets.iter().find(|entry| Some(&entry.dataset.id) == wanted.as_ref())
        {
            ctx.drafts.begin(entry, snapshot.default_device);
        }
        if let Some(id) = &wanted {
            self.question.ask(ctx, id);
        }
        wanted
    }

    /// The dataset of an import that ended since the last frame.
    fn imported(&mut self, ctx: &mut PageContext<'_>) -> Option<DatasetId> {
        let ended: BTreeSet<u64> =
            ctx.snapshot.jobs.iter().filter(|job| job.outcome.is_some()).map(|job| job.id).collect();
        let before = self.ended.replace(ended)?;
        let job = ctx.snapshot.jobs.iter().find(|job| {
            matches!((&job.kind, &job.outcome), (JobKind::Import { .. }, Some(JobOutcome::Imported { .. })))
                && !before.contains(&job.id)
        })?;
        let Some(JobOutcome::Imported { dataset }) = &job.outcome else { return None };
        let entry = ctx.snapshot.datasets.iter().find(|entry| entry.dataset.id == *dataset);
        if let (Some(from), Some(entry)) = (self.retyped.take(), entry) {
            ctx.drafts.carry_over(&from, &entry.dataset);
        }
        Some(dataset.clone())
    }

    fn refresh(&mut self, ctx: &PageContext<'_>, shown: Option<DatasetId>) {
        let draft = shown.as_ref().and_then(|id| ctx.drafts.get(id)).cloned();
        let key = Key { revision: ctx.snapshot.revision, shown, draft };
        if self.cache.as_ref().is_none_or(|(made, _)| *made != key) {
            let view = data::of(ctx.snapshot, key.shown.as_ref(), ctx.drafts);
            if self.cache.as_ref().is_none_or(|(_, before)| before.shown != view.shown) {
                self.revision += 1;
            }
            self.cache = Some((key, view));
        }
    }

    /// Does what one click promises about a warning; a second click takes it back.
    fn apply(&mut self, ctx: &mut PageContext<'_>, id: &DatasetId, remedy: &Remedy) {
        match remedy {
            Remedy::Exclude { column } => {
                let draft = ctx.drafts.edit(id);
                if draft.exclude.contains(column) {
                    draft.exclude.retain(|other| other != column);
                } else {
                    draft.exclude.push(column.clone());
                }
            }
            Remedy::WeightClasses => {
                let draft = ctx.drafts.edit(id);
                draft.class_weights = !draft.class_weights;
            }
            Remedy::Retype { column, to } => self.retype(ctx, id, column, *to),
        }
    }

    /// Reads the file again with another type for one column.
    fn retype(
        &mut self,
        ctx: &mut PageContext<'_>,
        id: &DatasetId,
        column: &str,
        to: orrery_domain::dataset::ColumnType,
    ) {
        let Some(entry) = ctx.snapshot.datasets.iter().find(|entry| entry.dataset.id == *id) else { return };
        let mut options = entry.dataset.options.clone();
        options.types.insert(column.to_owned(), to);
        let file = entry.dataset.source.path.clone().into();
        self.retyped = Some(id.clone());
        ctx.send(Command::ImportFile { file, options });
    }
}

impl Page for DataPage {
    fn id(&self) -> PageId {
        PageId::Data
    }

    fn breadcrumbs(&self, ctx: &PageContext<'_>) -> Vec<String> {
        let Route::Data { dataset: Some(id) } = ctx.route else { return Vec::new() };
        let entry = ctx.snapshot.datasets.iter().find(|entry| entry.dataset.id == *id);
        entry.map(|entry| vec![entry.dataset.name.clone()]).unwrap_or_default()
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if ctx.snapshot.datasets.iter().any(|entry| !entry.deleted) {
            command_button(ctx, ui, UiCommand::TrainOnDataset, Weight::Primary);
            command_button(ctx, ui, UiCommand::OpenFile, Weight::Normal);
            command_icon_button(ctx, ui, UiCommand::ImportFolder);
        }
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        let shown = self.follow(ctx);
        self.refresh(ctx, shown);
        view::show(self, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&DataState { columns: self.columns.choices(), ..self.state.clone() })
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
        self.columns = TableState::chosen(std::mem::take(&mut self.state.columns));
    }
}
