//! Explanations and comparisons of the models that are served here.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{body::Body, extract::State, http::StatusCode, response::Response};
use orrery_domain::{
    Failure, FailureClass, ModelRef,
    compare::{CompareReport, CompareSettings, Comparison},
    explain::{BaselineChoice, ExplainMethod, ExplainSettings, Findings},
    job::JobEvent,
    metric::MetricId,
    training::Task,
};
use orrery_learn::{
    compare::{check_versions, compare_sent},
    control::{Interrupt, JobControl, Wish},
    explain::{Around, ExplainRequest, SentRows},
    predict::{ComparedRows, Predictor, target_table},
    table::Table,
};
use orrery_oip::control::encode;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{ApiError, Node, body, control, encoded, large};
use crate::node::{
    model::Model,
    repository::Served,
    rows::{self, Row},
};

/// Most explanations and comparisons at a time: they take processors from those who ask for predictions.
pub const AT_ONCE: usize = 1;
/// Longest that an explanation or comparison waits for the ones before it.
const WAIT: Duration = Duration::from_secs(5);
/// Most samples a row of an explanation.
const MOST_SAMPLES: u32 = 100_000;
/// Most rows of a comparison, and of a background.
const MOST_ROWS: usize = 10_000;
/// Most shuffles of a column.
const MOST_REPEATS: u32 = 100;
/// Most samples a row times columns: what one row may hold in memory.
const MOST_SETS: usize = 200_000;

/// A version of a model.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    model: String,
    /// None: the one that answers for the model.
    #[serde(default)]
    version: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Explain {
    model: String,
    #[serde(default)]
    version: Option<Value>,
    rows: Vec<Row>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    class: Option<Value>,
    #[serde(default)]
    baseline: Option<String>,
    /// None: the rows themselves.
    #[serde(default)]
    background: Vec<Row>,
    #[serde(default)]
    samples: Option<u32>,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    checks: bool,
    /// Columns that may change (counterfactuals) or are looked at (dependence); none: all.
    #[serde(default)]
    columns: Vec<String>,
    /// What the model shall say (counterfactuals).
    #[serde(default)]
    wanted: Option<Value>,
    /// Shuffles of each column (importance).
    #[serde(default)]
    repeats: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compare {
    #[serde(default)]
    a: Option<Named>,
    #[serde(default)]
    b: Option<Named>,
    /// Two to eight, instead of `a` and `b`.
    #[serde(default)]
    versions: Vec<Named>,
    rows: Vec<Row>,
    /// Of `versions`: the metric that decides; none: the task's first.
    #[serde(default)]
    metric: Option<MetricId>,
    /// Of `versions`: columns whose slices are all listed.
    #[serde(default)]
    slice_columns: Vec<String>,
    /// Of `versions`: fewest rows of a slice.
    #[serde(default)]
    min_slice_rows: Option<u32>,
}

#[derive(Serialize)]
struct Explained {
    model: ModelRef,
    #[serde(flatten)]
    found: Findings,
}

#[derive(Serialize)]
struct Compared {
    a: ModelRef,
    b: ModelRef,
    #[serde(flatten)]
    found: Comparison,
}

/// Explains rows.
pub async fn explain(State(node): State<Arc<Node>>, sent: Body) -> Result<Response, ApiError> {
    let asked: Explain = read(&node, sent).await?;
    let served = named(&node, &asked.model, asked.version.as_ref())?;
    let method = asked.method.as_deref().filter(|name| *name != "auto").map(|name| {
        ExplainMethod::from_name(name).ok_or_else(|| {
            let known: Vec<&str> = ExplainMethod::ALL.iter().map(|method| method.name()).collect();
            bad(format!("There is no method '{name}'. Use {}, or leave it out.", known.join(", ")))
        })
    });
    let request = ExplainRequest {
        method: method.transpose()?,
        class: asked.class.as_ref().map(class_text).transpose()?,
        baseline: asked.baseline.as_deref().map_or(Ok(BaselineChoice::Mean), BaselineChoice::parse)?,
        samples: asked.samples,
        seed: asked.seed,
        checks: asked.checks,
    };
    if asked.background.len() > MOST_ROWS || asked.samples.is_some_and(|samples| samples > MOST_SAMPLES) {
        return Err(bad(format!(
            "A background has at most {MOST_ROWS} rows, and an explanation takes at most {MOST_SAMPLES} samples a row."
        )));
    }
    if asked.repeats.is_some_and(|repeats| !(2..=MOST_REPEATS).contains(&repeats)) {
        return Err(bad(format!("A column is shuffled 2 to {MOST_REPEATS} times.")));
    }
    let wanted = asked.wanted.as_ref().map(class_text).transpose()?;
    let folder = node.repository.folder(&served.model);
    aside(&node, move |control| {
        let predictor = ours(&served)?;
        let columns = predictor.card().features.len().max(1);
        let samples = request.samples.map_or(0, |samples| samples as usize);
        if samples.saturating_mul(columns) > MOST_SETS {
            let message = format!(
                "{samples} samples a row of {columns} columns are too many here. Ask for at most {}, or use `orrery explain`.",
                MOST_SETS / columns
            );
            return Err(Failure::new(FailureClass::Client, message).into());
        }
        let target = predictor.card().target.clone();
        let table = |rows: &[Row]| {
            let columns = rows::columns(predictor, rows, &|name| name == target).map_err(client)?;
            predictor.table(&columns)
        };
        let background = if asked.background.is_empty() { None } else { Some(table(&asked.background)?) };
        let sent = table(&asked.rows)?;
        let Some(method) = request.method.filter(|method| !method.attributes()) else {
            let background = background.as_ref().map(|rows| (rows, "the rows sent"));
            let around = Around { background, folder: folder.as_deref() };
            let found = predictor.explain_around(&sent, &request, around, control)?;
            return Ok(Explained { model: served.model.clone(), found: Findings::Attributions(found) });
        };
        let folder = folder.ok_or_else(|| gone(&served.model))?;
        let settings = ExplainSettings {
            method: Some(method),
            class: request.class,
            repeats: asked.repeats.unwrap_or(ExplainSettings::default().repeats),
            columns: asked.columns,
            wanted,
            seed: request.seed,
            ..ExplainSettings::default()
        };
        let target = truths(predictor, &asked.rows)?;
        let rows = SentRows { table: &sent, target: target.as_ref(), background: background.as_ref() };
        let found = predictor.explain_sent((&served.model, &folder), rows, &settings, control)?;
        Ok(Explained { model: served.model.clone(), found })
    })
    .await
}

/// Compares versions on rows: two row by row, or several in a whole report.
pub async fn compare(State(node): State<Arc<Node>>, sent: Body) -> Result<Response, ApiError> {
    let asked: Compare = read(&node, sent).await?;
    if asked.rows.len() > MOST_ROWS {
        return Err(bad(format!(
            "{} rows are too many for one comparison. Send at most {MOST_ROWS}.",
            asked.rows.len()
        )));
    }
    if asked.a.is_none() && asked.b.is_none() && !asked.versions.is_empty() {
        return report(&node, asked).await;
    }
    let (Some(a), Some(b), true) = (&asked.a, &asked.b, asked.versions.is_empty()) else {
        return Err(bad(
            "Name two versions as 'a' and 'b' to have them compared row by row, or two to eight as 'versions' for a report.",
        ));
    };
    let (a, b) = (named(&node, &a.model, a.version.as_ref())?, named(&node, &b.model, b.version.as_ref())?);
    aside(&node, move |_| {
        let found = compared(ours(&a)?, ours(&b)?, &asked.rows)?;
        Ok(Compared { a: a.model.clone(), b: b.model.clone(), found })
    })
    .await
}

/// Several versions on the same rows: metrics, tests corrected over the pairs, calibration, slices, latency and architecture.
async fn report(node: &Node, asked: Compare) -> Result<Response, ApiError> {
    let all = asked.versions.iter().map(|one| named(node, &one.model, one.version.as_ref()));
    let all = all.collect::<Result<Vec<Arc<Served>>, ApiError>>()?;
    let folder = |served: &Arc<Served>| -> Result<(ModelRef, PathBuf), Failure> {
        let folder = node.repository.folder(&served.model).ok_or_else(|| gone(&served.model))?;
        Ok((served.model.clone(), folder))
    };
    let models = all.iter().map(folder).collect::<Result<Vec<(ModelRef, PathBuf)>, Failure>>()?;
    check_versions(&models)?;
    aside(node, move |control| {
        let predictors = all.iter().map(|served| ours(served)).collect::<Result<Vec<_>, Failure>>()?;
        let settings = CompareSettings {
            metric: asked.metric,
            slice_columns: asked.slice_columns,
            min_slice_rows: asked.min_slice_rows.unwrap_or(CompareSettings::default().min_slice_rows),
            cross_validate: false,
        };
        reported(&models, &predictors, &asked.rows, &settings, control)
    })
    .await
}

fn reported(
    models: &[(ModelRef, PathBuf)],
    predictors: &[&Predictor],
    rows: &[Row],
    settings: &CompareSettings,
    control: &dyn JobControl,
) -> Result<CompareReport, Interrupt> {
    let target = &predictors[0].card().target;
    let known = |name: &str| {
        name == target || predictors.iter().any(|one| one.features().any(|feature| feature.name == name))
    };
    let table = |one: &&Predictor| one.table(&rows::columns(one, rows, &known).map_err(client)?);
    let tables = predictors.iter().map(table).collect::<Result<Vec<Table>, Failure>>()?;
    let truths = truths(predictors[0], rows)?.ok_or_else(|| {
        client(format!("A report says which version is better, so it needs the right answers. Send '{target}' with the rows."))
    })?;
    compare_sent(models, predictors, (tables, &truths), settings, control)
}

fn compared(a: &Predictor, b: &Predictor, rows: &[Row]) -> Result<Comparison, Failure> {
    let target = &a.card().target;
    let known =
        |name: &str| name == target || a.features().chain(b.features()).any(|feature| feature.name == name);
    let table = |model: &Predictor| model.table(&rows::columns(model, rows, &known).map_err(client)?);
    let (first, second) = (table(a)?, table(b)?);
    let truths = truths(a, rows)?;
    a.compare(b, ComparedRows { a: &first, b: &second, target: truths.as_ref() })
}

/// The target of rows as a table of its own, missing where a row does not say it; none where no row does.
fn truths(predictor: &Predictor, rows: &[Row]) -> Result<Option<Table>, Failure> {
    let target = &predictor.card().target;
    if !rows.iter().any(|row| row.contains_key(target)) {
        return Ok(None);
    }
    let truth = |row: &Row| row.get(target).map_or(Some(String::new()), rows::text);
    let truths: Option<Vec<String>> = rows.iter().map(truth).collect();
    let truths = truths.ok_or_else(|| client(format!("The target '{target}' holds a list or an object.")))?;
    target_table(target, &truths, predictor.card().task == Task::Regression).map(Some)
}

/// Runs what takes long beside the requests for predictions, until it is done, its time is over or its client has left. What is found
/// is written there, too.
async fn aside<T: Serialize + 'static>(
    node: &Node,
    work: impl FnOnce(&dyn JobControl) -> Result<T, Interrupt> + Send + 'static,
) -> Result<Response, ApiError> {
    // In the order in which they came; whoever leaves leaves the queue.
    let wait = WAIT.min(node.settings.timeout);
    let Ok(Ok(permit)) = tokio::time::timeout(wait, Arc::clone(&node.aside).acquire_owned()).await else {
        return Err(ApiError::passing(
            "Other explanations or comparisons are being computed. Try again a little later.",
        ));
    };
    let gone = Gone(Arc::new(AtomicBool::new(false)));
    let until = Until { gone: Arc::clone(&gone.0), end: Instant::now() + node.settings.timeout };
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work(&until).map(|found| encode(&found))
    });
    let found = done.await.map_err(|error| {
        log::error!("an explanation or comparison broke down: {error}");
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The computation broke down. Report this with the node's log.",
        )
    })?;
    let written = found.map_err(|interrupt| match interrupt {
        Interrupt::Failed(failure) => ApiError::from(failure),
        Interrupt::Cancelled | Interrupt::Stopped => ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            format!("It took longer than {}. Send fewer rows.", in_words(node.settings.timeout)),
        ),
    })?;
    Ok(encoded(written?))
}

fn in_words(span: Duration) -> String {
    format!("{:.0} s", span.as_secs_f64())
}

/// Tells the work that its client has left, when it is dropped.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The work's line to the outside.
struct Until {
    gone: Arc<AtomicBool>,
    end: Instant,
}

impl JobControl for Until {
    fn emit(&self, _event: JobEvent) {}

    fn wish(&self) -> Wish {
        if self.gone.load(Ordering::Relaxed) || Instant::now() >= self.end {
            Wish::Cancel
        } else {
            Wish::Continue
        }
    }
}

async fn read<T: DeserializeOwned + Send + 'static>(node: &Node, sent: Body) -> Result<T, ApiError> {
    let bytes = body(node, sent).await?;
    let size = bytes.len();
    let read = move || {
        serde_json::from_slice(&bytes).map_err(|error| {
            bad(format!("The body is not what this route takes: {error}. /api/openapi.json describes it."))
        })
    };
    large::work(size, read).await
}

/// The version that is named, as a number or a text.
fn named(node: &Node, model: &str, version: Option<&Value>) -> Result<Arc<Served>, ApiError> {
    let version = version.filter(|version| !version.is_null()).map(|version| match version {
        Value::Number(_) | Value::String(_) => rows::text(version).ok_or(version),
        _ => Err(version),
    });
    let version =
        version.transpose().map_err(|other| bad(format!("{other} is no version: versions are 1, 2, …")))?;
    control::find(node, model, version.as_deref())
}

fn class_text(class: &Value) -> Result<String, ApiError> {
    rows::text(class).ok_or_else(|| bad(format!("{class} is no class.")))
}

fn ours(served: &Served) -> Result<&Predictor, Failure> {
    match served.batcher.runtime() {
        Model::Ours(ours) => Ok(ours.predictor()),
        Model::Onnx(_) => Err(client(format!(
            "'{}' is a foreign ONNX file without columns: it cannot be explained or compared here. Import it as a model with its \
             columns, or ask for one of Orrery's own.",
            served.model.name
        ))),
    }
}

fn gone(model: &ModelRef) -> Failure {
    client(format!(
        "The files of '{model}' are not here, and this needs them. Ask for a version of Orrery's own that is."
    ))
}

fn client(message: String) -> Failure {
    Failure::new(FailureClass::Client, message)
}

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, message)
}
