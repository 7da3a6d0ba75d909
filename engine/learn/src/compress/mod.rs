//! Compression: a model version made smaller or faster, and what that costs, measured on the run's own test rows.
//!
//! ```text
//! model folder, rows of its run ─► quantize ─┐
//!                                  prune ────┼─► staged folder ─► judged beside the model it came from ─► card, report
//!                                  distil ───┘
//! ```
//!
//! What takes long keeps checkpoints in the work's own folder: the same request asked again goes on from them.

mod distil;
mod hints;
mod material;
mod measure;
mod prune;
mod quantize;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use orrery_domain::{
    Failure, FailureClass, ModelRef, RunId,
    compress::{
        AwareTraining, CompressMethod, CompressReport, CompressTarget, CompressedFigures, Compression,
        DistilTrial, LayerCost, LayerShape, PruneRound,
    },
    dataset::{ColumnSchema, Dataset},
    device::DeviceChoice,
    job::JobEvent,
    metric::{MetricValue, Metrics},
    model::ModelCard,
    run::Progress,
    training::{ModelKind, Task, TrainConfig},
};

pub use self::{
    measure::speed,
    quantize::{IntegerNetwork, QDQ},
};
use crate::{
    control::{Interrupt, JobControl, Wish, check},
    device,
    metrics::{DEFAULT_THRESHOLD, Predictions, decide},
    model,
    predict::Predictor,
    prepare::means,
    train::{again::Again, files},
};

/// Learning rate of a training that goes on from a trained network, beside that of its run.
const GENTLE: f64 = 0.3;

/// Everything that compressing works with.
#[derive(Clone, Debug)]
pub struct CompressJob {
    /// The model.
    pub from: ModelRef,
    /// Its folder.
    pub folder: PathBuf,
    /// Folders of [`CompressMethod::others`], in their order.
    pub others: Vec<PathBuf>,
    /// An empty folder for the new one.
    pub staged: PathBuf,
    /// Folder of checkpoints, which may hold those of the same request.
    pub work: PathBuf,
    /// The imported table that the model was trained on.
    pub blob: PathBuf,
    /// Its record.
    pub dataset: Dataset,
    /// Id of this work, which the new model's lineage names.
    pub run: RunId,
    /// The request.
    pub method: CompressMethod,
}

/// What a way of compressing has left in the staged folder, to be judged.
struct Made {
    kind: ModelKind,
    config: TrainConfig,
    /// Columns that it takes.
    features: Vec<ColumnSchema>,
    parameters: u64,
    layers: Vec<LayerCost>,
    /// What training with rounding was worth.
    aware: Option<AwareTraining>,
    shapes: Vec<LayerShape>,
    rounds: Vec<PruneRound>,
    trials: Vec<DistilTrial>,
    /// What was to be reached.
    target: Option<CompressTarget>,
    /// Seconds and training rows a second of a model that was trained anew.
    trained: Option<(f64, f64)>,
    /// What befell its training.
    notes: Vec<String>,
}

impl Made {
    /// A model of the same kind.
    fn like(card: &ModelCard) -> Self {
        Self {
            kind: card.kind,
            config: card.config.clone(),
            features: card.features.clone(),
            parameters: card.parameters,
            layers: Vec::new(),
            aware: None,
            shapes: Vec::new(),
            rounds: Vec::new(),
            trials: Vec::new(),
            target: None,
            trained: None,
            notes: Vec::new(),
        }
    }
}

fn client(message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Client, message)
}

fn check_budget(budget: Option<f64>) -> Result<(), Failure> {
    match budget {
        Some(budget) if !(0.0..=1e6).contains(&budget) => {
            Err(client(format!("A budget of {budget} is not possible: it must be 0 or more.")))
        }
        _ => Ok(()),
    }
}

fn say(control: &dyn JobControl, phase: &str, fraction: f64) -> Result<(), Interrupt> {
    let progress = Progress { phase: phase.to_owned(), fraction: Some(fraction), ..Progress::default() };
    control.emit(JobEvent::Progress { progress, kind: None });
    check(control)
}

/// Compresses a model and judges it: the new model is in `staged`, complete but for its name. Speed is not measured here, see [`speed`].
///
/// # Errors
/// A client failure when the model cannot be compressed this way or the request makes no sense; those of reading the model and its
/// rows, and of training; an interruption, after which `staged` is worth nothing and `work` has checkpoints.
pub fn run(job: &CompressJob, control: &dyn JobControl) -> Result<(CompressReport, ModelCard), Interrupt> {
    let before = Predictor::load(&job.folder)?;
    let card = before.card();
    if let Some(why) = job.method.refusal(card.kind, card.is_quantized()) {
        return Err(
            client(format!("{} cannot be compressed this way. {why} Nothing was made.", job.from)).into()
        );
    }
    say(control, "Reading the rows", 0.02)?;
    let rows = Again::of(&card.config, &job.blob, &job.dataset)?;
    let made = match &job.method {
        CompressMethod::Quantize(config) => quantize::make(job, config, card, &rows, control)?,
        CompressMethod::Prune(config) => prune::make(job, config, card, &rows, control)?,
        CompressMethod::Distil(config) => distil::make(job, config, &before, &rows, control)?,
    };
    say(control, "Judging on the test rows", 0.92)?;
    judged(job, &before, made, &rows, control)
}

/// Judges what was made beside what it was made from, and writes its card.
fn judged(
    job: &CompressJob,
    before: &Predictor,
    made: Made,
    rows: &Again,
    control: &dyn JobControl,
) -> Result<(CompressReport, ModelCard), Interrupt> {
    let old = before.card();
    let mut card = ModelCard {
        model: None,
        kind: made.kind,
        features: made.features,
        importance: Vec::new(),
        parameters: made.parameters,
        // Said of the model that it came from; its difference to that one is in the report.
        verdict: None,
        candidates: Vec::new(),
        config: made.config,
        files: Vec::new(),
        created_at: now(),
        ..old.clone()
    };
    card.lineage.run = job.run.clone();
    if let Some((secs, rows_per_sec)) = made.trained {
        (card.train_secs, card.samples_per_sec) = (secs, rows_per_sec);
        (card.device, card.threads) = (device::name(DeviceChoice::Cpu), device::threads());
        // It was chosen for what the teacher says.
        card.threshold = None;
    }
    card.notes.extend(made.notes);
    let words = job.method.words();
    card.notes.push(format!("Made from {} by {}: {words}.", job.from, job.method.title().to_lowercase()));
    let threshold = |card: &ModelCard| card.threshold.unwrap_or(DEFAULT_THRESHOLD);
    let thresholds = (threshold(old), threshold(&card));
    let was = before.predict_table(rows.test())?.0;
    check(control)?;
    let mut report = CompressReport {
        from: job.from.clone(),
        model: None,
        before: figures(&job.folder, old, rows.judge(&was, thresholds.0)),
        after: CompressedFigures {
            files: BTreeMap::new(),
            bytes: 0,
            parameters: made.parameters,
            speed: None,
            test: Metrics::new(),
        },
        difference: None,
        agreement: None,
        target: made.target,
        layers: made.layers,
        aware: made.aware,
        shapes: made.shapes,
        rounds: made.rounds,
        trials: made.trials,
        findings: Vec::new(),
    };
    card.compressions.push(Compression { method: job.method.clone(), report: report.clone() });
    let after = Predictor::open(&job.staged, card.clone())?;
    let is = after.predict_table(rows.test())?.0;
    check(control)?;
    report.after.test = rows.judge(&is, thresholds.1);
    report.difference = rows.paired(&is, &was).map(|found| {
        let (low, high) = found.bounds.unzip();
        (found.metric, MetricValue { value: Some(found.model - found.against), low, high })
    });
    report.agreement = agreement(rows.task(), &was, &is, thresholds);
    card.test = report.after.test.clone();
    card.valid = rows.judge_valid(&after.predict_table(rows.valid())?.0, thresholds.1);
    if let Some(last) = card.compressions.last_mut() {
        last.report = report.clone();
    }
    say(control, "Writing the model", 0.95)?;
    model::write(&job.staged, &mut card, &rows.curves(&is))?;
    report.after = figures(&job.staged, &card, report.after.test);
    Ok((report, card))
}

/// Copies what encodes a model's rows: the rules, and the means that explanations start from where they are wanted.
fn copy_rules(job: &CompressJob, card: &ModelCard, with_means: bool) -> Result<(), Failure> {
    for file in [model::PREPROCESS, means::FILE] {
        let wanted = with_means || file == model::PREPROCESS;
        if wanted && card.files.iter().any(|known| known.name == file) {
            files::copy(&job.folder.join(file), &job.staged.join(file))?;
        }
    }
    Ok(())
}

fn figures(folder: &Path, card: &ModelCard, test: Metrics) -> CompressedFigures {
    let holds = |name: &str| [model::WEIGHTS, model::ONNX, model::TREES, QDQ].contains(&name);
    let files =
        card.files.iter().filter(|file| holds(&file.name)).map(|file| (file.name.clone(), file.bytes));
    let own = std::fs::metadata(folder.join(model::CARD)).map_or(0, |metadata| metadata.len());
    let bytes = card.files.iter().map(|file| file.bytes).sum::<u64>() + own;
    CompressedFigures { files: files.collect(), bytes, parameters: card.parameters, speed: None, test }
}

/// Share of the rows of which both say the same class.
fn agreement(task: Task, before: &Predictions, after: &Predictions, thresholds: (f64, f64)) -> Option<f64> {
    let class = |row: &[f64], threshold: f64| decide(row, (task == Task::Binary).then_some(threshold));
    match (before, after) {
        (Predictions::Probabilities { classes, values: a }, Predictions::Probabilities { values: b, .. }) => {
            let same = a
                .chunks_exact(*classes)
                .zip(b.chunks_exact(*classes))
                .filter(|(a, b)| class(a, thresholds.0) == class(b, thresholds.1));
            Some(same.count() as f64 / before.rows().max(1) as f64)
        }
        _ => None,
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0.0, |elapsed| elapsed.as_secs_f64())
}

/// A control whose training says how far the whole work is, and keeps its curves to itself.
struct Stretch<'a> {
    control: &'a dyn JobControl,
    phase: String,
    from: f64,
    to: f64,
    /// Warnings, for the card.
    said: &'a Mutex<Vec<String>>,
}

impl JobControl for Stretch<'_> {
    fn emit(&self, event: JobEvent) {
        match event {
            JobEvent::Progress { progress, .. } => {
                let done = progress.fraction.unwrap_or(0.0).clamp(0.0, 1.0);
                let fraction = Some(self.from + (self.to - self.from) * done);
                let progress = Progress { phase: self.phase.clone(), fraction, ..progress };
                self.control.emit(JobEvent::Progress { progress, kind: None });
            }
            JobEvent::Warning { message } => {
                self.said.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
                self.control.emit(JobEvent::Warning { message });
            }
            _ => {}
        }
    }

    fn wish(&self) -> Wish {
        self.control.wish()
    }

    fn may_wait(&self) -> bool {
        self.control.may_wait()
    }
}
