//! What page Train shows, as plain data: the request, what is wrong with it, and what it will cost.

use orrery_domain::{
    DatasetId, Failure, ModelRef, Snapshot,
    dataset::{ColumnType, Dataset},
    device::{Device, DeviceChoice, DeviceKind, DeviceState},
    image::ImageShape,
    profile::Profile,
    snapshot::DatasetEntry,
    training::{Forecast, HyperParameters, ModelKind, Optimizer, Split, TargetTransform, Task, TrainConfig},
};
use serde::Serialize;

use super::fields::Field;
use crate::{
    draft::target_of,
    format,
    widgets::{form::FormRow, format_cell::number},
};

/// The page's view model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TrainView {
    /// Datasets to choose from: id and name.
    pub datasets: Vec<(DatasetId, String)>,
    /// The request, once there is a dataset.
    pub form: Option<FormView>,
}

/// The request and all that is said about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FormView {
    /// Dataset.
    pub dataset: DatasetId,
    /// Its name.
    pub dataset_name: String,
    /// Its rows.
    pub rows: u64,
    /// The request.
    pub config: TrainConfig,
    /// Columns in the file's order.
    pub columns: Vec<FormColumn>,
    /// The task in force: chosen, or else suggested by the target.
    pub task: Option<Task>,
    /// Shape of the pictures, where the columns are pixels.
    pub pictures: Option<ImageShape>,
    /// Classes of the target, where few and known.
    pub classes: Vec<String>,
    /// Devices to choose from, `auto` first.
    pub devices: Vec<DeviceOption>,
    /// One line a fold: target and columns, model, training, device.
    pub summaries: [String; 4],
    /// What keeps the training from starting.
    pub problems: Vec<Problem>,
    /// What it will cost.
    pub forecast: ForecastView,
    /// The defaults that the forecast resolved.
    pub defaults: Option<HyperParameters>,
}

/// A column in the form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FormColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// What is suspicious about it, in few words.
    pub warning: Option<String>,
}

/// A device to choose.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceOption {
    /// How to choose it.
    pub choice: DeviceChoice,
    /// Its name, as the driver gives it.
    pub title: String,
    /// What is known of it, or why it cannot be used.
    pub detail: String,
    /// Whether it can be chosen.
    pub usable: bool,
}

/// The part of the form a problem belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The target.
    Target,
    /// The task.
    Task,
    /// The positive class.
    Positive,
    /// The target's transform.
    Transform,
    /// The features.
    Features,
    /// The weight column.
    Weight,
    /// The split.
    Split,
    /// The model's name.
    Name,
    /// The device.
    Device,
    /// A numeric setting.
    Field(Field),
}

/// What keeps a training from starting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// A sentence.
    pub message: String,
}

/// What the training will cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum ForecastView {
    /// The request is not complete.
    Blocked,
    /// It is being computed; what was known before may be shown.
    Waiting(Option<Forecast>),
    /// Known.
    Ready(Forecast),
    /// It cannot be known.
    Failed(Failure),
}

/// What a person has typed into the form besides the request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Typed {
    /// Name of the model; empty makes one.
    pub name: String,
    /// Numeric settings whose text means nothing.
    pub errors: Vec<(Field, String)>,
}

/// The view model of a snapshot for a dataset and its draft.
pub fn of(
    snapshot: &Snapshot,
    dataset: Option<&DatasetId>,
    draft: Option<&TrainConfig>,
    typed: &Typed,
) -> TrainView {
    let alive = snapshot.datasets.iter().filter(|entry| !entry.deleted);
    let entry = dataset.and_then(|id| alive.clone().find(|entry| entry.dataset.id == *id));
    TrainView {
        datasets: alive.map(|entry| (entry.dataset.id.clone(), entry.dataset.name.clone())).collect(),
        form: entry.map(|entry| FormView::of(snapshot, entry, draft, typed)),
    }
}

impl FormView {
    fn of(snapshot: &Snapshot, entry: &DatasetEntry, draft: Option<&TrainConfig>, typed: &Typed) -> Self {
        let dataset = &entry.dataset;
        let mut config = draft.cloned().unwrap_or_else(|| TrainConfig::new(""));
        if draft.is_none() {
            config.device = snapshot.default_device;
        }
        let target = target_of(Some(&config));
        let profile = entry.profile.as_deref().filter(|profile| profile.target == target);
        let task = config.task.or_else(|| profile.and_then(|profile| profile.task));
        let devices = device_options(snapshot);
        let problems = problems(dataset, profile, &config, task, &devices, typed);
        let forecast = forecast(snapshot, dataset, &config, &problems);
        let defaults = match &forecast {
            ForecastView::Ready(forecast) | ForecastView::Waiting(Some(forecast)) => {
                forecast.resolved.as_deref().cloned()
            }
            _ => None,
        };
        Self {
            dataset: dataset.id.clone(),
            dataset_name: dataset.name.clone(),
            rows: dataset.rows,
            columns: form_columns(dataset, profile.or(entry.profile.as_deref())),
            task,
            pictures: dataset.pixels().map(|pixels| pixels.shape),
            classes: classes(profile, &config, task),
            summaries: summaries(dataset, &config, task, &devices, typed),
            devices,
            problems,
            forecast,
            defaults,
            config,
        }
    }

    /// What is wrong at a place.
    pub fn problem(&self, place: Place) -> Option<&str> {
        self.problems.iter().find(|problem| problem.place == place).map(|problem| problem.message.as_str())
    }

    /// The default of a numeric setting, in words.
    pub fn default_words(&self, field: Field) -> String {
        match field {
            Field::Budget => "default 300 s".to_owned(),
            Field::Seed => "default 0".to_owned(),
            _ => match self.defaults.as_ref().and_then(|hyper| field.read_hyper(hyper)) {
                // A value set by hand is resolved to itself: the default is not known then.
                Some(value) if field.read(&self.config).is_none() => format!("default {}", number(value)),
                _ => "default of the model".to_owned(),
            },
        }
    }

    /// A row of the form for a numeric setting.
    pub fn row<'a>(&'a self, field: Field, default: &'a str) -> FormRow<'a> {
        FormRow::new(field.label(), field.help())
            .default_value(default, field.read(&self.config).is_some())
            .error(self.problem(Place::Field(field)))
    }
}

fn form_columns(dataset: &Dataset, profile: Option<&Profile>) -> Vec<FormColumn> {
    let warning = |name: &str| {
        let warnings = profile.map_or(&[][..], |profile| &profile.warnings);
        warnings
            .iter()
            .find(|warning| warning.column.as_deref() == Some(name))
            .map(|warning| warning.message.clone())
    };
    let column = |column: &orrery_domain::dataset::ColumnSchema| FormColumn {
        name: column.name.clone(),
        kind: column.kind,
        warning: warning(&column.name),
    };
    dataset.columns.iter().map(column).collect()
}

fn classes(profile: Option<&Profile>, config: &TrainConfig, task: Option<Task>) -> Vec<String> {
    let column = profile.and_then(|profile| profile.column(&config.target));
    match (task, column) {
        (Some(Task::Binary), Some(column)) => {
            let mut values: Vec<String> = column.top_values.iter().map(|value| value.value.clone()).collect();
            values.sort();
            values
        }
        _ => Vec::new(),
    }
}

fn device_options(snapshot: &Snapshot) -> Vec<DeviceOption> {
    let advice = snapshot.device_advice.as_deref();
    let auto = DeviceOption {
        choice: DeviceChoice::Auto,
        title: "Automatic".to_owned(),
        detail: advice.map_or_else(
            || "The fastest device that can be trusted".to_owned(),
            |advice| advice.reason.clone(),
        ),
        usable: true,
    };
    let mut options = vec![auto];
    options.extend(snapshot.devices.iter().map(device_option));
    if options.len() == 1 {
        let detail = "Every machine has one".to_owned();
        options.push(DeviceOption {
            choice: DeviceChoice::Cpu,
            title: "CPU".to_owned(),
            detail,
            usable: true,
        });
    }
    options
}

fn device_option(device: &Device) -> DeviceOption {
    let (usable, detail) = match &device.state {
        DeviceState::Usable { rows_per_sec, .. } => {
            (true, format!("{} rows/s measured", format::count_short(*rows_per_sec)))
        }
        DeviceState::Unprobed => (true, "Not measured yet".to_owned()),
        DeviceState::Unusable { reason } => (false, reason.clone()),
    };
    let kind =
        if device.kind == DeviceKind::Cpu { String::new() } else { format!("{}: ", device.kind.title()) };
    DeviceOption {
        choice: device.choice,
        title: device.name.clone(),
        detail: format!("{kind}{detail}"),
        usable,
    }
}

/// Features: every column that is nothing else.
fn features(dataset: &Dataset, config: &TrainConfig) -> usize {
    let split = split_column(config);
    let is_feature = |name: &String| {
        *name != config.target
            && !config.exclude.contains(name)
            && config.weight.as_ref() != Some(name)
            && !(matches!(config.split, Split::Column { .. }) && split == Some(name.as_str()))
    };
    dataset.columns.iter().filter(|column| is_feature(&column.name)).count()
}

fn split_column(config: &TrainConfig) -> Option<&str> {
    match &config.split {
        Split::Time { column } | Split::Column { column } => Some(column),
        Split::Auto | Split::Random | Split::Stratified => None,
    }
}

fn problems(
    dataset: &Dataset,
    profile: Option<&Profile>,
    config: &TrainConfig,
    task: Option<Task>,
    devices: &[DeviceOption],
    typed: &Typed,
) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut say = |place: Place, message: &str| found.push(Problem { place, message: message.to_owned() });
    if config.target.is_empty() {
        say(Place::Target, "Choose the column to predict");
    } else if dataset.column(&config.target).is_none() {
        say(Place::Target, "This dataset has no such column; choose another");
    } else if features(dataset, config) == 0 {
        say(Place::Features, "Every column is excluded; leave at least one to learn from");
    }
    if let (Some(Task::Regression), Some(column)) = (config.task, dataset.column(&config.target))
        && !column.kind.is_numeric()
    {
        say(Place::Task, "Only numbers can be predicted by regression");
    }
    let regression = task == Some(Task::Regression);
    if config.target_transform == TargetTransform::Log {
        let least =
            profile.and_then(|profile| profile.column(&config.target)?.numeric.as_ref().map(|n| n.min));
        match least {
            _ if !regression && task.is_some() => say(Place::Transform, "Only a number has a logarithm"),
            Some(least) if least <= 0.0 => {
                say(
                    Place::Transform,
                    &format!("Every value must be positive; the smallest is {}", number(least)),
                );
            }
            _ => {}
        }
    }
    if config.positive.is_some() && task.is_some_and(|task| task != Task::Binary) {
        say(Place::Positive, "Only a binary task has a positive class");
    }
    if let Some(weight) = &config.weight {
        match dataset.column(weight) {
            _ if *weight == config.target => say(Place::Weight, "The target cannot be its own weight"),
            Some(column) if !column.kind.is_numeric() => say(Place::Weight, "A weight must be a number"),
            None => say(Place::Weight, "This dataset has no such column"),
            Some(_) => {}
        }
    }
    match &config.split {
        Split::Time { column } | Split::Column { column } if column.is_empty() => {
            say(Place::Split, "Choose the column that divides the rows");
        }
        Split::Time { column } | Split::Column { column } if dataset.column(column).is_none() => {
            say(Place::Split, "This dataset has no such column");
        }
        Split::Column { column } | Split::Time { column } if *column == config.target => {
            say(Place::Split, "The target cannot divide the rows");
        }
        Split::Stratified if regression => say(Place::Split, "Only classes can be stratified"),
        _ => {}
    }
    if !typed.name.is_empty()
        && let Err(error) = ModelRef::check_name(&typed.name)
    {
        say(Place::Name, &error.to_string());
    }
    match devices.iter().find(|option| option.choice == config.device) {
        Some(option) if option.usable => {}
        Some(option) => say(Place::Device, &option.detail),
        None => say(Place::Device, "This device is not there; choose another"),
    }
    for (field, message) in typed.errors.iter().filter(|(field, _)| field.applies(config.model)) {
        say(Place::Field(*field), message);
    }
    found
}

fn forecast(
    snapshot: &Snapshot,
    dataset: &Dataset,
    config: &TrainConfig,
    problems: &[Problem],
) -> ForecastView {
    if !problems.is_empty() {
        return ForecastView::Blocked;
    }
    let Some(state) = snapshot.forecast.as_deref().filter(|state| state.dataset == dataset.id) else {
        return ForecastView::Waiting(None);
    };
    match &state.answer {
        Ok(forecast) if *state.config == *config => ForecastView::Ready(forecast.clone()),
        Err(failure) if *state.config == *config => ForecastView::Failed(failure.clone()),
        Ok(forecast) => ForecastView::Waiting(Some(forecast.clone())),
        Err(_) => ForecastView::Waiting(None),
    }
}

fn summaries(
    dataset: &Dataset,
    config: &TrainConfig,
    task: Option<Task>,
    devices: &[DeviceOption],
    typed: &Typed,
) -> [String; 4] {
    [columns_summary(dataset, config, task), model_summary(config, typed), training_summary(config), {
        let option = devices.iter().find(|option| option.choice == config.device);
        option.map_or_else(
            || config.device.to_string(),
            |option| format!("{} · {}", option.title, option.detail),
        )
    }]
}

/// A few words for a task.
pub fn task_words(task: Task) -> &'static str {
    match task {
        Task::Binary => "binary classification",
        Task::Multiclass => "multiclass classification",
        Task::Regression => "regression",
    }
}

fn columns_summary(dataset: &Dataset, config: &TrainConfig, task: Option<Task>) -> String {
    let target = if config.target.is_empty() { "No target yet" } else { &config.target };
    let mut parts = vec![target.to_owned()];
    parts.extend(task.map(|task| task_words(task).to_owned()));
    parts.push(format::plural(features(dataset, config) as u64, "feature"));
    if !config.exclude.is_empty() {
        parts.push(format!("{} excluded", config.exclude.len()));
    }
    parts.push(split_words(&config.split));
    parts.join(" · ")
}

/// A few words for a split.
pub fn split_words(split: &Split) -> String {
    match split {
        Split::Auto => "automatic split".to_owned(),
        Split::Random => "random split".to_owned(),
        Split::Stratified => "stratified split".to_owned(),
        Split::Time { column } => format!("split by time ({column})"),
        Split::Column { column } => format!("split by {column}"),
    }
}

fn set_fields(config: &TrainConfig, fields: &[Field]) -> Vec<String> {
    let set = |field: &Field| {
        let value = field.read(config).filter(|_| field.applies(config.model))?;
        Some(format!("{} {}", field.label().to_lowercase(), Field::text(value)))
    };
    fields.iter().filter_map(set).collect()
}

fn model_summary(config: &TrainConfig, typed: &Typed) -> String {
    let mut parts = vec![config.model.title().to_owned()];
    parts.extend(set_fields(config, &Field::MODEL));
    if !typed.name.is_empty() {
        parts.push(format!("named {}", typed.name));
    }
    if parts.len() == 1 {
        parts.push("default settings".to_owned());
    }
    parts.join(" · ")
}

fn training_summary(config: &TrainConfig) -> String {
    let mut parts = Vec::new();
    if uses_optimizer(config.model) {
        parts.push(match config.hyper.optimizer {
            Optimizer::AdamW => "AdamW".to_owned(),
            Optimizer::Sgd => "SGD".to_owned(),
        });
    }
    let set = set_fields(config, &Field::TRAINING);
    if set.is_empty() {
        parts.push("default schedule".to_owned());
    }
    parts.extend(set);
    parts.join(" · ")
}

/// Whether a kind is trained by steps of an optimizer.
pub fn uses_optimizer(kind: ModelKind) -> bool {
    kind.is_network() || kind == ModelKind::Auto
}
