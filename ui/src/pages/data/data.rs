//! What page Data shows, as plain data.

use orrery_domain::{
    DatasetId, Failure, Snapshot,
    dataset::{BadRow, ColumnType, Dataset},
    profile::{
        ColumnProfile, DataWarning, Histogram, PictureSample, Profile, Remedy, ValueCount, WarningKind,
    },
    run::Progress,
    snapshot::{DatasetEntry, JobEntry, JobKind, JobOutcome},
    training::{Task, TrainConfig},
};
use serde::Serialize;

use crate::draft::{Drafts, target_of};

/// The page's view model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DataView {
    /// Datasets, newest first.
    pub datasets: Vec<DatasetRow>,
    /// Deleted ones that can be brought back.
    pub deleted: Vec<DatasetRow>,
    /// Imports going on.
    pub imports: Vec<ImportRow>,
    /// Imports that failed, newest first.
    pub failed: Vec<FailedImport>,
    /// The dataset shown.
    pub shown: Option<DatasetView>,
}

/// A dataset in the list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetRow {
    /// Its id.
    pub id: DatasetId,
    /// Its name.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Columns.
    pub columns: usize,
    /// Bytes of the file it came from.
    pub bytes: u64,
    /// When it was imported.
    pub imported_at: f64,
}

/// An import going on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportRow {
    /// Its number.
    pub job: u64,
    /// The file's name.
    pub file: String,
    /// How far it is.
    pub progress: Progress,
}

/// An import that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedImport {
    /// Its number.
    pub job: u64,
    /// The file's name.
    pub file: String,
    /// The file, to try again.
    pub path: std::path::PathBuf,
    /// Why.
    pub failure: Failure,
}

/// The dataset shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetView {
    /// Its id.
    pub id: DatasetId,
    /// Its name.
    pub name: String,
    /// Where it came from.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of the typed table in the workspace.
    pub blob_bytes: u64,
    /// Rows left out.
    pub bad_rows: u64,
    /// The first of them.
    pub bad_row_list: Vec<BadRow>,
    /// What the import wants known.
    pub notes: Vec<String>,
    /// What is known of its columns.
    pub profile: ProfileState,
    /// One a column, in the file's order.
    pub columns: Vec<ColumnView>,
    /// Warnings about the whole table.
    pub warnings: Vec<WarningView>,
    /// Warnings in all.
    pub warning_count: usize,
    /// Rows that equal an earlier row.
    pub duplicate_rows: Option<u64>,
    /// The first rows as text.
    pub preview: Vec<Vec<Option<String>>>,
    /// Some pictures, where the columns are pixels.
    pub pictures: Option<PictureSample>,
    /// The target chosen.
    pub target: Option<String>,
    /// The task that target suggests, once known.
    pub task: Option<Task>,
    /// Columns left out of the features.
    pub excluded: usize,
}

/// What is known of a dataset's columns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum ProfileState {
    /// Nothing yet: it is being computed.
    Loading(Option<Progress>),
    /// Computed, for another target: what depends on the target is being computed.
    Refreshing,
    /// All there is.
    Ready,
    /// It could not be computed.
    Failed(Failure),
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnView {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// Whether a person set the type.
    pub overridden: bool,
    /// What it is for.
    pub role: ColumnRole,
    /// Its profile, once known.
    pub profile: Option<ColumnFacts>,
    /// What is suspicious about it.
    pub warnings: Vec<WarningView>,
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ColumnRole {
    /// Learned from.
    Feature,
    /// Learned.
    Target,
    /// Left out.
    Excluded,
}

/// A column's profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnFacts {
    /// Rows without a value.
    pub missing: u64,
    /// Distinct values.
    pub distinct: u64,
    /// Histogram, for numbers and dates.
    pub histogram: Option<Histogram>,
    /// Frequent values.
    pub top_values: Vec<ValueCount>,
    /// Mean, smallest and largest value, for numbers and dates.
    pub numbers: Option<[f64; 3]>,
}

/// A warning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WarningView {
    /// A word or two.
    pub title: String,
    /// A sentence.
    pub message: String,
    /// What one click does about it.
    pub remedy: Option<RemedyView>,
}

/// What one click does about a warning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RemedyView {
    /// The button's words.
    pub words: String,
    /// What it does.
    pub remedy: Remedy,
    /// Whether it was done already.
    pub done: bool,
}

/// The view model of a snapshot, with `shown` the dataset selected.
pub fn of(snapshot: &Snapshot, shown: Option<&DatasetId>, drafts: &Drafts) -> DataView {
    let row = |entry: &DatasetEntry| DatasetRow::of(&entry.dataset);
    let entries = || snapshot.datasets.iter();
    let find = |id: &DatasetId| entries().find(|entry| entry.dataset.id == *id && !entry.deleted);
    DataView {
        datasets: entries().filter(|entry| !entry.deleted).map(row).collect(),
        deleted: entries().filter(|entry| entry.deleted).map(row).collect(),
        imports: snapshot.jobs.iter().filter_map(ImportRow::of).collect(),
        failed: snapshot.jobs.iter().filter_map(FailedImport::of).collect(),
        shown: shown
            .and_then(find)
            .map(|entry| DatasetView::of(snapshot, entry, drafts.get(&entry.dataset.id))),
    }
}

impl DatasetRow {
    fn of(dataset: &Dataset) -> Self {
        Self {
            id: dataset.id.clone(),
            name: dataset.name.clone(),
            rows: dataset.rows,
            columns: dataset.columns.len(),
            bytes: dataset.source.bytes,
            imported_at: dataset.imported_at,
        }
    }
}

fn file_name(file: &std::path::Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

impl ImportRow {
    fn of(job: &JobEntry) -> Option<Self> {
        match &job.kind {
            JobKind::Import { file } if job.outcome.is_none() => {
                Some(Self { job: job.id, file: file_name(file), progress: job.progress.clone() })
            }
            _ => None,
        }
    }
}

impl FailedImport {
    fn of(job: &JobEntry) -> Option<Self> {
        match (&job.kind, &job.outcome) {
            (JobKind::Import { file }, Some(JobOutcome::Failed { failure })) => Some(Self {
                job: job.id,
                file: file_name(file),
                path: file.clone(),
                failure: failure.clone(),
            }),
            _ => None,
        }
    }
}

impl DatasetView {
    fn of(snapshot: &Snapshot, entry: &DatasetEntry, draft: Option<&TrainConfig>) -> Self {
        let dataset = &entry.dataset;
        let profile = entry.profile.as_deref();
        let target = target_of(draft);
        let fits = profile.is_some_and(|profile| profile.target == target);
        let warnings: &[DataWarning] = profile.map_or(&[], |profile| &profile.warnings);
        let columns: Vec<ColumnView> =
            dataset.columns.iter().map(|column| ColumnView::of(column, profile, warnings, draft)).collect();
        Self {
            id: dataset.id.clone(),
            name: dataset.name.clone(),
            path: dataset.source.path.clone(),
            rows: dataset.rows,
            bytes: dataset.source.bytes,
            blob_bytes: dataset.blob_bytes,
            bad_rows: dataset.bad_rows,
            bad_row_list: dataset.bad_row_list.clone(),
            notes: dataset.warnings.clone(),
            profile: profile_state(snapshot, &dataset.id, profile, fits),
            excluded: columns.iter().filter(|column| column.role == ColumnRole::Excluded).count(),
            columns,
            warnings: warnings
                .iter()
                .filter(|w| w.column.is_none())
                .map(|w| WarningView::of(w, draft))
                .collect(),
            warning_count: warnings.len() + dataset.warnings.len(),
            duplicate_rows: profile.map(|profile| profile.duplicate_rows),
            preview: profile.map(|profile| profile.preview.clone()).unwrap_or_default(),
            pictures: profile.and_then(|profile| profile.pictures.clone()),
            task: profile.filter(|_| fits).and_then(|profile| profile.task),
            target,
        }
    }
}

/// Where the profile stands. `fits` says that it was computed for the target chosen.
fn profile_state(snapshot: &Snapshot, id: &DatasetId, profile: Option<&Profile>, fits: bool) -> ProfileState {
    let mine = |job: &&JobEntry| matches!(&job.kind, JobKind::Profile { dataset } if dataset == id);
    let latest = snapshot.jobs.iter().find(mine);
    match (profile, latest.map(|job| (&job.outcome, &job.progress))) {
        (Some(_), _) if fits => ProfileState::Ready,
        (_, Some((Some(JobOutcome::Failed { failure }), _))) => ProfileState::Failed(failure.clone()),
        (Some(_), _) => ProfileState::Refreshing,
        (None, Some((None, progress))) => ProfileState::Loading(Some(progress.clone())),
        (None, _) => ProfileState::Loading(None),
    }
}

impl ColumnView {
    fn of(
        column: &orrery_domain::dataset::ColumnSchema,
        profile: Option<&Profile>,
        warnings: &[DataWarning],
        draft: Option<&TrainConfig>,
    ) -> Self {
        let mine = |warning: &&DataWarning| warning.column.as_deref() == Some(&column.name);
        let role = match draft {
            Some(draft) if draft.target == column.name => ColumnRole::Target,
            Some(draft) if draft.exclude.contains(&column.name) => ColumnRole::Excluded,
            _ => ColumnRole::Feature,
        };
        Self {
            name: column.name.clone(),
            kind: column.kind,
            overridden: column.overridden,
            role,
            profile: profile.and_then(|profile| profile.column(&column.name)).map(ColumnFacts::of),
            warnings: warnings.iter().filter(mine).map(|warning| WarningView::of(warning, draft)).collect(),
        }
    }
}

impl ColumnFacts {
    fn of(profile: &ColumnProfile) -> Self {
        Self {
            missing: profile.missing,
            distinct: profile.distinct,
            histogram: profile.histogram.clone(),
            top_values: profile.top_values.clone(),
            numbers: profile.numeric.as_ref().map(|numbers| [numbers.mean, numbers.min, numbers.max]),
        }
    }
}

impl WarningView {
    fn of(warning: &DataWarning, draft: Option<&TrainConfig>) -> Self {
        let remedy = warning.remedy.clone().map(|remedy| RemedyView::of(remedy, draft));
        Self { title: title(&warning.kind), message: warning.message.clone(), remedy }
    }
}

impl RemedyView {
    fn of(remedy: Remedy, draft: Option<&TrainConfig>) -> Self {
        let (words, done) = match &remedy {
            Remedy::Exclude { column } => {
                let done = draft.is_some_and(|draft| draft.exclude.contains(column));
                (if done { "Excluded" } else { "Exclude" }.to_owned(), done)
            }
            Remedy::Retype { to, .. } => (format!("Read as {}", to.name()), false),
            Remedy::WeightClasses => {
                let done = draft.is_some_and(|draft| draft.class_weights);
                (if done { "Classes weighted" } else { "Weight classes" }.to_owned(), done)
            }
        };
        Self { words, remedy, done }
    }
}

/// A word or two for a warning.
fn title(kind: &WarningKind) -> String {
    match kind {
        WarningKind::Constant => "Constant".to_owned(),
        WarningKind::IdLike => "Looks like an id".to_owned(),
        WarningKind::DuplicateOf { column } => format!("Same as {column}"),
        WarningKind::Leaking { .. } => "Leaks the target".to_owned(),
        WarningKind::MostlyMissing { .. } => "Mostly missing".to_owned(),
        WarningKind::LooksLike { kind_hint } => format!("Looks like {}", kind_hint.name()),
        WarningKind::Imbalance { .. } => "Imbalanced classes".to_owned(),
        WarningKind::MissingTarget { .. } => "Rows without a target".to_owned(),
    }
}

/// A few words for a task.
pub fn task_words(task: Task) -> &'static str {
    match task {
        Task::Binary => "Binary classification",
        Task::Multiclass => "Multiclass classification",
        Task::Regression => "Regression",
    }
}
