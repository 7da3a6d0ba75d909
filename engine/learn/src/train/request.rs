//! Requests: what a person asked for, checked against the table, with classes and target values worked out.

use orrery_domain::{
    Failure, FailureClass,
    dataset::{ColumnSchema, ColumnType},
    image::ImageShape,
    training::{Split, TargetTransform, Task, TrainConfig},
    words::count,
};

use super::pictures::pixels;
use crate::{data::detect_task, prepare::column::nearest, table::Table};

/// A request that fits its table.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// What is predicted.
    pub task: Task,
    /// Position of the target column.
    pub target: usize,
    /// Class names in output order; empty for a number. Binary: negative, positive.
    pub classes: Vec<String>,
    /// Class number, or value (its logarithm where asked); NaN where missing. `[rows]`
    pub y: Vec<f64>,
    /// Row weights as given; `None`: all 1. `[rows]`
    pub weight: Option<Vec<f64>>,
    /// Feature columns, in the table's order; for an image network its pixels, in the network's order.
    pub features: Vec<String>,
    /// Shape of the pictures, for an image network.
    pub image: Option<ImageShape>,
}

pub(super) fn client(message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Client, message)
}

fn data(message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Data, message)
}

/// That a column exists.
///
/// # Errors
/// A client failure that names the nearest column there is.
pub(super) fn known<'a>(
    name: &str,
    role: &str,
    columns: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Failure> {
    if columns.clone().any(|column| column == name) {
        return Ok(());
    }
    let hint = if let Some(near) = nearest(name, columns.clone()) {
        format!("Did you mean '{near}'?")
    } else {
        let some: Vec<&str> = columns.take(20).collect();
        format!("The columns are: {}.", some.join(", "))
    };
    Err(client(format!("There is no column '{name}' to use as {role}. {hint}")))
}

/// Checks what can be checked without the data: names and settings.
///
/// # Errors
/// A client failure.
pub(super) fn check_names<'a>(
    config: &TrainConfig,
    columns: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Failure> {
    known(&config.target, "the target", columns.clone())?;
    for name in &config.exclude {
        known(name, "an excluded column", columns.clone())?;
    }
    if let Some(name) = &config.weight {
        known(name, "the weight", columns.clone())?;
    }
    let split = match &config.split {
        Split::Time { column } | Split::Column { column } => Some(column),
        Split::Auto | Split::Random | Split::Stratified => None,
    };
    if let Some(name) = split {
        known(name, "the split", columns)?;
    }
    let target = &config.target;
    if config.exclude.contains(target) {
        return Err(client(format!(
            "'{target}' is both the target and an excluded column. Take it off the list of excluded columns."
        )));
    }
    if config.weight.as_ref() == Some(target) || split == Some(target) {
        return Err(client(format!(
            "'{target}' is the target, so it cannot also hold weights or the split. Choose another column."
        )));
    }
    check_settings(config)
}

fn check_settings(config: &TrainConfig) -> Result<(), Failure> {
    let hyper = &config.hyper;
    let number = |name: &str, value: Option<f64>, fits: fn(f64) -> bool, range: &str| match value {
        Some(value) if !fits(value) => {
            Err(client(format!("The {name} cannot be {value}: it must be {range}.")))
        }
        _ => Ok(()),
    };
    number("learning rate", hyper.learning_rate, |v| v > 0.0 && v <= 100.0, "above 0 and at most 100")?;
    number("weight decay", hyper.weight_decay, |v| (0.0..=1e6).contains(&v), "0 or more")?;
    number("dropout", hyper.dropout, |v| (0.0..1.0).contains(&v), "at least 0 and below 1")?;
    number("warm-up share", hyper.warmup, |v| (0.0..=1.0).contains(&v), "from 0 to 1")?;
    number("clipping norm", hyper.clip_norm, |v| (0.0..1e9).contains(&v), "0 or more")?;
    number("time budget", config.budget_secs, |v| v > 0.0 && v.is_finite(), "a positive number of seconds")?;
    let share = |v: f64| v > 0.0 && v < 1.0;
    number("validation share", hyper.valid_share, share, "above 0 and below 1")?;
    number("test share", hyper.test_share, share, "above 0 and below 1")?;
    let count = |name: &str, value: Option<u32>, least: u32, most: u32| match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(client(format!("The {name} cannot be {value}: it must be from {least} to {most}.")))
        }
        _ => Ok(()),
    };
    count("number of epochs", hyper.epochs, 1, 1_000_000)?;
    count("batch size", hyper.batch_size, 1, 1 << 24)?;
    let (widest, deepest) = if config.model.is_for_images() { (1_024, 32) } else { (65_536, 1_000) };
    count("width", hyper.width, 1, widest)?;
    count("depth", hyper.depth, 1, deepest)?;
    let augment = &hyper.augment;
    number("shift of pictures", augment.shift, |v| (0.0..=0.5).contains(&v), "from 0 to 0.5")?;
    number("rotation of pictures", augment.rotate, |v| (0.0..=180.0).contains(&v), "from 0 to 180 degrees")?;
    number("scaling of pictures", augment.scale, |v| (0.0..=0.5).contains(&v), "from 0 to 0.5")?;
    number("wiped share of pictures", augment.erase, |v| (0.0..=0.9).contains(&v), "from 0 to 0.9")?;
    count("number of members", hyper.members, 1, 1_024)?;
    count("number of trees", hyper.trees, 1, 1_000_000)?;
    count("number of leaves", hyper.leaves, 2, 4_096)?;
    let weight = |v: f64| (1e-3..=1e6).contains(&v);
    number("least weight of a leaf", hyper.min_leaf_weight, weight, "from 0.001 to 1,000,000")?;
    let part = |v: f64| v > 0.0 && v <= 1.0;
    number("share of rows of a tree", hyper.row_share, part, "above 0 and at most 1")?;
    number("share of features of a tree", hyper.feature_share, part, "above 0 and at most 1")
}

/// Checks a request against its table.
///
/// # Errors
/// A client failure where the request is wrong, a data failure where the table is.
pub(super) fn check(config: &TrainConfig, table: &Table) -> Result<Request, Failure> {
    check_names(config, table.schema.iter().map(|column| column.name.as_str()))?;
    let target = table.position(&config.target).ok_or_else(|| client("The target is no column."))?;
    let task = task(config, table, target)?;
    let (classes, y) = if task == Task::Regression {
        (Vec::new(), values(config, table, target)?)
    } else {
        labels(config, table, target, task)?
    };
    let weight = match &config.weight {
        Some(name) => Some(weights(table, name)?),
        None => None,
    };
    let split = match &config.split {
        Split::Column { column } => Some(column),
        _ => None,
    };
    let features = table.schema.iter().filter(|ColumnSchema { name, .. }| {
        *name != config.target
            && !config.exclude.contains(name)
            && Some(name) != config.weight.as_ref()
            && Some(name) != split
    });
    let (features, image) = match pixels(config, features.clone())? {
        Some(pixels) => (pixels.columns, Some(pixels.shape)),
        None => (features.map(|column| column.name.clone()).collect(), None),
    };
    Ok(Request { task, target, classes, y, weight, features, image })
}

/// The task asked for, or the one the target suggests; more than two classes are never called binary.
fn task(config: &TrainConfig, table: &Table, target: usize) -> Result<Task, Failure> {
    let (name, kind) = (&config.target, table.schema[target].kind);
    let Some(asked) = config.task else { return detect_task(table, name) };
    if asked == Task::Regression {
        if matches!(kind, ColumnType::Category | ColumnType::Text | ColumnType::Datetime) {
            return Err(client(format!(
                "'{name}' holds {} values, and a regression needs numbers. Choose a classification, or set the column's type with --types {name}=float.",
                kind.name()
            )));
        }
        return Ok(asked);
    }
    let distinct = table.labels(target).classes.len();
    match (asked, distinct) {
        (_, 0) => Err(data(format!("Every row of the target '{name}' is missing. Choose another target."))),
        (_, 1) => Err(data(format!(
            "The target '{name}' has one value only, so there is nothing to tell apart. Choose another target."
        ))),
        (_, 2) => Ok(Task::Binary),
        (Task::Binary, _) => Err(client(format!(
            "The target '{name}' has {} values, and a binary task has two. Choose multiclass, or let the target decide.",
            count(distinct as u64)
        ))),
        (_, distinct) if distinct > 1_000 => Err(client(format!(
            "The target '{name}' has {} values, too many to be classes. Choose a regression or another target.",
            count(distinct as u64)
        ))),
        _ => Ok(Task::Multiclass),
    }
}

fn labels(
    config: &TrainConfig,
    table: &Table,
    target: usize,
    task: Task,
) -> Result<(Vec<String>, Vec<f64>), Failure> {
    if config.target_transform == TargetTransform::Log {
        return Err(client(
            "A logarithm of the target needs a number to predict. Set the target transform to none.",
        ));
    }
    let labels = table.labels(target);
    let mut classes = labels.classes;
    let mut swapped = false;
    if let Some(positive) = &config.positive {
        if task != Task::Binary {
            return Err(client(format!(
                "A positive class ('{positive}') needs a target with two classes; '{}' has {}.",
                config.target,
                classes.len()
            )));
        }
        let Some(place) = classes.iter().position(|class| class == positive) else {
            return Err(client(format!(
                "'{positive}' is no value of the target '{}': its values are '{}' and '{}'.",
                config.target, classes[0], classes[1]
            )));
        };
        if place == 0 {
            classes.swap(0, 1);
            swapped = true;
        }
    }
    let number = |code: Option<u32>| match code {
        None => f64::NAN,
        Some(code) if swapped => f64::from(1 - code),
        Some(code) => f64::from(code),
    };
    Ok((classes, labels.codes.into_iter().map(number).collect()))
}

fn values(config: &TrainConfig, table: &Table, target: usize) -> Result<Vec<f64>, Failure> {
    let name = &config.target;
    if let Some(positive) = &config.positive {
        return Err(client(format!(
            "A positive class ('{positive}') needs a target with two classes, but '{name}' is predicted as a number."
        )));
    }
    if config.class_weights {
        return Err(client(format!(
            "Class weights need classes, but '{name}' is predicted as a number. Switch them off."
        )));
    }
    let mut values = table.numbers(target);
    let present = || values.iter().filter(|value| value.is_finite());
    let Some(first) = present().next() else {
        return Err(data(format!("Every row of the target '{name}' is missing. Choose another target.")));
    };
    if present().all(|value| value.total_cmp(first).is_eq()) {
        return Err(data(format!(
            "The target '{name}' is {first} in every row, so there is nothing to learn."
        )));
    }
    if config.target_transform == TargetTransform::Log {
        let low = present().filter(|value| **value <= 0.0).count();
        if low > 0 {
            return Err(client(format!(
                "The logarithm of the target '{name}' does not exist for {} rows that are 0 or less. Set the target transform to none.",
                count(low as u64)
            )));
        }
        for value in &mut values {
            *value = value.ln();
        }
    }
    Ok(values)
}

fn weights(table: &Table, name: &str) -> Result<Vec<f64>, Failure> {
    let place = table.position(name).ok_or_else(|| client("The weight is no column."))?;
    let kind = table.schema[place].kind;
    if !matches!(kind, ColumnType::Integer | ColumnType::Float | ColumnType::Boolean) {
        return Err(client(format!(
            "The weight column '{name}' holds {} values, and weights are numbers. Choose another column.",
            kind.name()
        )));
    }
    let weights = table.numbers(place);
    let bad = |test: fn(f64) -> bool| weights.iter().filter(|weight| test(**weight)).count();
    match (bad(|w| w < 0.0), bad(|w| !w.is_finite())) {
        (0, 0) => Ok(weights),
        (0, missing) => Err(data(format!(
            "The weight column '{name}' has no finite value in {} rows. Fill them in, or choose another column.",
            count(missing as u64)
        ))),
        (negative, _) => Err(data(format!(
            "The weight column '{name}' is negative in {} rows. Weights must be 0 or more.",
            count(negative as u64)
        ))),
    }
}
