//! Model: a version that is ready to answer: one of ours, or a foreign ONNX file.

use std::{any::Any, path::Path, sync::Arc, time::Duration};

use orrery_domain::{Failure, FailureClass, dataset::ColumnType};
use orrery_learn::{
    onnx::{OnnxModel, OnnxTensor},
    predict::{Answers, Column, Predictor},
    threads::OwnThreads,
};
use orrery_oip::{Tensor, control::TensorMetadata};

use super::{
    batcher::{BatchSettings, Batcher, Refusal, Runtime},
    compute::{Compute, Ours},
    onnx,
    schema::{self, Unfit},
};

/// Longest that a warm-up may take.
const WARM_UP: Duration = Duration::from_mins(1);

/// A request's columns: one for every feature, in the card's order.
pub type Columns = Vec<(String, Column)>;

/// A loaded model.
#[derive(Debug)]
pub enum Model {
    /// Ours: raw columns in.
    Ours(Box<Ours>),
    /// A foreign file: tensors in.
    Onnx(Box<OnnxModel>),
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// To one of our models.
    Columns(Columns),
    /// To a foreign file.
    Tensors(Vec<OnnxTensor>),
}

impl Rows {
    /// How many.
    pub fn count(&self) -> usize {
        match self {
            Self::Columns(columns) => columns.first().map_or(0, |(_, column)| column.rows()),
            Self::Tensors(tensors) => tensors.first().map_or(0, OnnxTensor::rows),
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Of one of our models.
    Answers(Answers),
    /// Of a foreign file.
    Tensors(Vec<OnnxTensor>),
}

impl Model {
    /// What it is, as metadata calls it.
    pub fn platform(&self) -> String {
        match self {
            Self::Ours(ours) => format!("orrery_{}", ours.predictor().card().kind.name()),
            Self::Onnx(_) => "rten_onnx".to_owned(),
        }
    }

    /// Inputs.
    pub fn inputs(&self) -> Vec<TensorMetadata> {
        match self {
            Self::Ours(ours) => schema::inputs(ours.predictor()),
            Self::Onnx(model) => onnx::metadata(model.inputs()),
        }
    }

    /// Outputs.
    pub fn outputs(&self) -> Vec<TensorMetadata> {
        match self {
            Self::Ours(ours) => schema::outputs(ours.predictor()),
            Self::Onnx(model) => onnx::metadata(model.outputs()),
        }
    }

    /// A request's tensors as this model takes them.
    ///
    /// # Errors
    /// An error that names the tensor which is missing, unknown or does not fit.
    pub fn rows(&self, tensors: &[Tensor<'_>]) -> Result<Rows, Unfit> {
        match self {
            Self::Ours(ours) => schema::columns(ours.predictor(), tensors).map(Rows::Columns),
            Self::Onnx(model) => onnx::inputs(model, tensors).map(Rows::Tensors),
        }
    }

    /// An answer as tensors: those that were asked for, or all.
    ///
    /// # Errors
    /// An error that names an output the model does not have.
    pub fn tensors(&self, found: &Found, asked: &[&str]) -> Result<Vec<Tensor<'static>>, Unfit> {
        match (self, found) {
            (_, Found::Answers(answers)) => schema::tensors(answers, asked),
            (Self::Onnx(model), Found::Tensors(tensors)) => onnx::outputs(model, tensors, asked),
            (Self::Ours(_), Found::Tensors(_)) => {
                Err(Unfit::Input("The answer is another model's.".to_owned()))
            }
        }
    }
}

fn another() -> Failure {
    Failure::new(FailureClass::Bug, "The request was made for another kind of model.")
}

impl Runtime for Model {
    type Input = Rows;
    type Output = Found;
    type Error = Failure;

    fn rows(&self, input: &Rows) -> usize {
        input.count()
    }

    fn fits(&self, a: &Rows, b: &Rows) -> bool {
        match (self, a, b) {
            (Self::Ours(_), Rows::Columns(a), Rows::Columns(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && a.1.fits(&b.1))
            }
            (Self::Onnx(model), Rows::Tensors(a), Rows::Tensors(b)) => {
                model.batches() && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.fits(b))
            }
            _ => false,
        }
    }

    fn join(&self, inputs: &[&Rows]) -> Rows {
        let mut inputs = inputs.iter();
        let mut all = inputs.next().map_or_else(|| Rows::Tensors(Vec::new()), |first| (*first).clone());
        for input in inputs {
            match (&mut all, input) {
                (Rows::Columns(all), Rows::Columns(more)) => {
                    all.iter_mut().zip(more).for_each(|((_, column), (_, more))| column.extend(more));
                }
                (Rows::Tensors(all), Rows::Tensors(more)) => {
                    all.iter_mut().zip(more).for_each(|(tensor, more)| tensor.extend(more));
                }
                // These never fit each other.
                (Rows::Columns(_), Rows::Tensors(_)) | (Rows::Tensors(_), Rows::Columns(_)) => {}
            }
        }
        all
    }

    fn run(&self, input: &Rows) -> Result<Found, Failure> {
        match (self, input) {
            (Self::Ours(ours), Rows::Columns(columns)) => ours.serve(columns).map(Found::Answers),
            (Self::Onnx(model), Rows::Tensors(tensors)) => {
                let found = model.run(tensors)?;
                // Whoever splits an answer relies on it.
                if model.batches() && found.iter().any(|tensor| tensor.rows() != input.count()) {
                    let message = "The model gave another number of rows than it was asked for.";
                    return Err(Failure::new(FailureClass::Model, message));
                }
                Ok(Found::Tensors(found))
            }
            _ => Err(another()),
        }
    }

    fn begin(&self, threads: usize) -> Box<dyn Any> {
        match OwnThreads::begin(threads) {
            Ok(own) => Box::new(own),
            Err(failure) => {
                log::warn!("a model computes with the threads of the whole process: {failure}");
                Box::new(())
            }
        }
    }

    fn few_rows_stay_here(&self) -> bool {
        match self {
            // Graphs are computed by threads of their runtime.
            Self::Ours(ours) => !ours.predictor().card().is_integer(),
            Self::Onnx(_) => false,
        }
    }

    fn broken(&self, said: &str) -> Failure {
        Failure::new(FailureClass::Bug, format!("The model broke down on this request: {said}."))
    }

    fn split(&self, output: Found, rows: &[usize]) -> Vec<Found> {
        match output {
            Found::Answers(answers) => answers.split(rows).into_iter().map(Found::Answers).collect(),
            Found::Tensors(tensors) => {
                let mut parts = vec![Vec::with_capacity(tensors.len()); rows.len()];
                for tensor in tensors {
                    parts.iter_mut().zip(tensor.split(rows)).for_each(|(parts, part)| parts.push(part));
                }
                parts.into_iter().map(Found::Tensors).collect()
            }
        }
    }
}

/// Loads a foreign file, which has answered once when this returns.
///
/// # Errors
/// A model failure that says why it cannot be served.
pub fn load_onnx(file: &Path, settings: BatchSettings) -> Result<Batcher<Model>, Failure> {
    started(Model::Onnx(Box::new(OnnxModel::load(file)?)), settings)
}

/// Loads a version's folder and asks it for one row of missing values: a version that cannot answer is never ready.
///
/// # Errors
/// As [`Ours::load`].
pub fn load(
    folder: &Path,
    settings: BatchSettings,
    compute: &Arc<Compute>,
) -> Result<Batcher<Model>, Failure> {
    let ours = Ours::load(folder, compute, missing)?;
    let row = missing(ours.predictor());
    let batcher = started(Model::Ours(Box::new(ours)), settings)?;
    let silent =
        || Failure::new(FailureClass::Model, "The model did not answer its first request.".to_owned());
    let reply = batcher.ask(Rows::Columns(row), WARM_UP).map_err(|_refused| silent())?;
    match reply.blocking_recv().map_err(|_gone| silent())?.0 {
        Ok(_) => Ok(batcher),
        Err(Refusal::Model(failure)) => Err(failure),
        Err(_) => Err(silent()),
    }
}

/// A row of missing values.
fn missing(predictor: &Predictor) -> Columns {
    predictor
        .features()
        .map(|feature| {
            let column = match feature.kind {
                ColumnType::Integer | ColumnType::Float | ColumnType::Boolean => {
                    Column::Numbers(vec![f64::NAN])
                }
                ColumnType::Datetime | ColumnType::Category | ColumnType::Text => {
                    Column::Texts(vec![String::new()])
                }
            };
            (feature.name.clone(), column)
        })
        .collect()
}

fn started(model: Model, settings: BatchSettings) -> Result<Batcher<Model>, Failure> {
    Batcher::start(model, settings).map_err(|error| {
        Failure::new(
            FailureClass::Capacity,
            format!("The model's threads could not be started: {error}. Close other programs and try again."),
        )
    })
}
