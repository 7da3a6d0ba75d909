//! Explanations and comparisons of the models that are served here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use orrery_domain::{
    Failure, FailureClass, ModelRef,
    compare::Comparison,
    explain::{BaselineChoice, ExplainMethod},
    job::JobEvent,
    training::Task,
};
use orrery_learn::{
    control::{Interrupt, JobControl, Wish},
    explain::{Around, ExplainRequest},
    predict::{ComparedRows, Predictor, target_table},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ApiError, Node, body, control, json as answer};
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compare {
    a: Named,
    b: Named,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Explained<'a> {
    model: &'a ModelRef,
    #[serde(flatten)]
    found: orrery_domain::explain::Explanation,
}

#[derive(Serialize)]
struct Compared<'a> {
    a: &'a ModelRef,
    b: &'a ModelRef,
    #[serde(flatten)]
    found: Comparison,
}

/// Explains rows.
pub async fn explain(State(node): State<Arc<Node>>, sent: Body) -> Result<Response, ApiError> {
    let asked: Explain = read(&node, sent).await?;
    let served = named(&node, &asked.model, asked.version.as_ref())?;
    let method = asked.method.as_deref().filter(|name| *name != "auto").map(|name| {
        ExplainMethod::from_name(name).ok_or_else(|| {
            let known: Vec<&str> = ExplainMethod::ALL
                .iter()
                .filter(|method| method.attributes())
                .map(|method| method.name())
                .collect();
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
    let model = Arc::clone(&served);
    let found = aside(&node, move |control| {
        let predictor = ours(&model)?;
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
        let around =
            Around { background: background.as_ref().map(|rows| (rows, "the rows sent")), folder: None };
        predictor.explain_around(&table(&asked.rows)?, &request, around, control)
    });
    answer(&Explained { model: &served.model, found: found.await? }).map(IntoResponse::into_response)
}

/// Compares two versions on rows.
pub async fn compare(State(node): State<Arc<Node>>, sent: Body) -> Result<Response, ApiError> {
    let asked: Compare = read(&node, sent).await?;
    let a = named(&node, &asked.a.model, asked.a.version.as_ref())?;
    let b = named(&node, &asked.b.model, asked.b.version.as_ref())?;
    if asked.rows.len() > MOST_ROWS {
        return Err(bad(format!(
            "{} rows are too many for one comparison. Send at most {MOST_ROWS}.",
            asked.rows.len()
        )));
    }
    let (first, second) = (Arc::clone(&a), Arc::clone(&b));
    let found = aside(&node, move |_| Ok(compared(ours(&first)?, ours(&second)?, &asked.rows)?));
    answer(&Compared { a: &a.model, b: &b.model, found: found.await? }).map(IntoResponse::into_response)
}

fn compared(a: &Predictor, b: &Predictor, rows: &[Row]) -> Result<Comparison, Failure> {
    let target = &a.card().target;
    let known =
        |name: &str| name == target || a.features().chain(b.features()).any(|feature| feature.name == name);
    let table = |model: &Predictor| model.table(&rows::columns(model, rows, &known).map_err(client)?);
    let (first, second) = (table(a)?, table(b)?);
    // A target that is an input as well is none: it would be compared with itself.
    let truth = |row: &Row| row.get(target).map_or(Some(String::new()), rows::text);
    let truths: Option<Vec<String>> = rows.iter().map(truth).collect();
    let truths = truths.ok_or_else(|| client(format!("The target '{target}' holds a list or an object.")))?;
    let truths = match a.card().task {
        Task::Regression => target_table(target, &truths, true)?,
        Task::Binary | Task::Multiclass => target_table(target, &truths, false)?,
    };
    a.compare(b, ComparedRows { a: &first, b: &second, target: Some(&truths) })
}

/// Runs what takes long beside the requests for predictions, until it is done, its time is over or its client has left.
async fn aside<T: Send + 'static>(
    node: &Node,
    work: impl FnOnce(&dyn JobControl) -> Result<T, Interrupt> + Send + 'static,
) -> Result<T, ApiError> {
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
        work(&until)
    });
    let found = done.await.map_err(|error| {
        log::error!("an explanation or comparison broke down: {error}");
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The computation broke down. Report this with the node's log.",
        )
    })?;
    found.map_err(|interrupt| match interrupt {
        Interrupt::Failed(failure) => failure.into(),
        Interrupt::Cancelled | Interrupt::Stopped => ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            format!("It took longer than {}. Send fewer rows.", in_words(node.settings.timeout)),
        ),
    })
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

async fn read<T: for<'de> Deserialize<'de>>(node: &Node, sent: Body) -> Result<T, ApiError> {
    let bytes = body(node, sent).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        bad(format!("The body is not what this route takes: {error}. /api/openapi.json describes it."))
    })
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

fn client(message: String) -> Failure {
    Failure::new(FailureClass::Client, message)
}

fn bad(message: String) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, message)
}
