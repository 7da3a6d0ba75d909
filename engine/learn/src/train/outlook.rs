//! Outlook: what a forecast knows of the data without reading it, from the schema and the profile.

use orrery_domain::{
    Failure, FailureClass,
    dataset::{ColumnType, Dataset},
    image::ImageShape,
    profile::Profile,
    training::{Split, Task, TrainConfig},
    words::{count, plural},
};

use super::{parts::valid_share, pictures::pixels, request};
use crate::split::TEST_SHARE;

/// Codes assumed for a category column that was not profiled.
const UNKNOWN_CODES: u64 = 20;

/// What is known about the data without reading it.
pub(super) struct Shape {
    pub task: Task,
    pub outputs: usize,
    pub rows: f64,
    pub train_rows: f64,
    /// Continuous inputs and flags.
    pub numbers: usize,
    pub categories: Vec<usize>,
    pub table_bytes: f64,
    /// Shape of the pictures, for an image network.
    pub image: Option<ImageShape>,
}

/// The outlook of a request.
///
/// # Errors
/// A client failure when the request cannot be trained, a data failure when there are too few rows.
pub(super) fn shape(
    dataset: &Dataset,
    profile: Option<&Profile>,
    config: &TrainConfig,
) -> Result<Shape, Failure> {
    let known = |name: &str| profile.and_then(|profile| profile.column(name));
    let target = dataset.column(&config.target).ok_or_else(|| request::client("The target is no column."))?;
    let (classes, missing) = match known(&config.target) {
        Some(column) => (Some(column.distinct), column.missing),
        None => (None, 0),
    };
    let task = task(config, profile, target.kind, classes)?;
    let rows = (dataset.rows - missing.min(dataset.rows)) as f64;
    let valid = valid_share(config, rows as usize);
    let test = config.hyper.test_share.unwrap_or(TEST_SHARE);
    let train_rows = (rows * (1.0 - test) * (1.0 - valid)).round();
    if train_rows < 1.0 {
        return Err(Failure::new(
            FailureClass::Data,
            format!(
                "The dataset has {} with a target, too few to divide. Use a larger file.",
                plural(rows as u64, "row")
            ),
        ));
    }
    let no_feature = |name: &str| {
        let split = match &config.split {
            Split::Column { column } => Some(column.as_str()),
            _ => None,
        };
        name == config.target
            || config.exclude.iter().any(|excluded| excluded == name)
            || config.weight.as_deref() == Some(name)
            || split == Some(name)
    };
    let (mut numbers, mut categories, mut features) = (0, Vec::new(), 0);
    let pixels = pixels(config, dataset.columns.iter().filter(|column| !no_feature(&column.name)))?;
    for column in dataset.columns.iter().filter(|column| !no_feature(&column.name)) {
        let found = known(&column.name);
        if column.kind == ColumnType::Text || found.is_some_and(|column| column.distinct < 2) {
            continue;
        }
        features += 1;
        let missing = found.is_some_and(|column| column.missing > 0);
        match column.kind {
            ColumnType::Category => {
                let codes = found.map_or(UNKNOWN_CODES, |column| column.distinct).min(4096) as usize;
                categories.push(codes + 1 + usize::from(missing));
            }
            ColumnType::Datetime => numbers += 10 + usize::from(missing),
            _ => numbers += 1 + usize::from(missing),
        }
    }
    if features == 0 {
        return Err(request::client(
            "No column is left to learn from. Exclude fewer columns, or set their types with --types.",
        ));
    }
    Ok(Shape {
        task,
        outputs: if task == Task::Multiclass { classes.unwrap_or(3) as usize } else { 1 },
        rows: dataset.rows as f64,
        train_rows,
        numbers: pixels.as_ref().map_or(numbers, |pixels| pixels.columns.len()),
        categories: if pixels.is_some() { Vec::new() } else { categories },
        table_bytes: dataset.blob_bytes as f64,
        image: pixels.map(|pixels| pixels.shape),
    })
}

/// The task, as far as the profile tells.
fn task(
    config: &TrainConfig,
    profile: Option<&Profile>,
    kind: ColumnType,
    classes: Option<u64>,
) -> Result<Task, Failure> {
    let target = &config.target;
    match classes {
        Some(0) => {
            return Err(request::client(format!(
                "Every row of the target '{target}' is missing. Choose another target."
            )));
        }
        Some(1) => {
            return Err(request::client(format!(
                "The target '{target}' has one value only. Choose another target."
            )));
        }
        _ => {}
    }
    if kind == ColumnType::Datetime {
        return Err(request::client(format!(
            "The target '{target}' holds dates, which cannot be predicted. Choose another target."
        )));
    }
    let textual = matches!(kind, ColumnType::Category | ColumnType::Text);
    match config.task {
        Some(Task::Regression) if textual => Err(request::client(format!(
            "'{target}' holds {} values, and a regression needs numbers. Choose a classification.",
            kind.name()
        ))),
        Some(Task::Binary) if classes.is_some_and(|classes| classes > 2) => Err(request::client(format!(
            "The target '{target}' has {} values, and a binary task has two. Choose multiclass.",
            count(classes.unwrap_or_default())
        ))),
        Some(task) => Ok(task),
        None => Ok(profile
            .filter(|profile| profile.target.as_ref() == Some(target))
            .and_then(|profile| profile.task)
            .unwrap_or(match (textual || kind == ColumnType::Boolean, classes) {
                (_, Some(2)) | (true, None) => Task::Binary,
                (true, Some(_)) => Task::Multiclass,
                (false, _) => Task::Regression,
            })),
    }
}
