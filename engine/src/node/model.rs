//! Model: a version of the registry, ready to answer.

use std::{path::Path, time::Duration};

use orrery_domain::{Failure, FailureClass, dataset::ColumnType};
use orrery_learn::predict::{Answers, Column, Predictor};

use super::batcher::{BatchSettings, Batcher, Runtime};

/// Longest that a warm-up may take.
const WARM_UP: Duration = Duration::from_mins(1);

/// A request's columns: one for every feature, in the card's order.
pub type Columns = Vec<(String, Column)>;

/// A loaded model.
#[derive(Debug)]
pub struct Model(pub Predictor);

impl Runtime for Model {
    type Input = Columns;
    type Output = Answers;
    type Error = Failure;

    fn rows(&self, input: &Columns) -> usize {
        input.first().map_or(0, |(_, column)| column.rows())
    }

    fn fits(&self, a: &Columns, b: &Columns) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && a.1.fits(&b.1))
    }

    fn join(&self, inputs: &[&Columns]) -> Columns {
        let mut inputs = inputs.iter();
        let mut all = inputs.next().map(|first| (*first).clone()).unwrap_or_default();
        for input in inputs {
            for ((_, column), (_, more)) in all.iter_mut().zip(input.iter()) {
                column.extend(more);
            }
        }
        all
    }

    fn run(&self, input: &Columns) -> Result<Answers, Failure> {
        self.0.serve(input)
    }

    fn broken(&self, said: &str) -> Failure {
        Failure::new(FailureClass::Bug, format!("The model broke down on this request: {said}."))
    }

    fn split(&self, output: Answers, rows: &[usize]) -> Vec<Answers> {
        output.split(rows)
    }
}

/// Loads a version's folder and asks it for one row of missing values: a version that cannot answer is never ready.
///
/// # Errors
/// A model failure when a file is missing or damaged, or when it does not answer.
pub fn load(folder: &Path, settings: BatchSettings) -> Result<Batcher<Model>, Failure> {
    let model = Model(Predictor::load(folder)?);
    let row: Columns = model
        .0
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
        .collect();
    let batcher = Batcher::start(model, settings).map_err(|error| {
        Failure::new(
            FailureClass::Capacity,
            format!("The model's threads could not be started: {error}. Close other programs and try again."),
        )
    })?;
    let silent =
        || Failure::new(FailureClass::Model, "The model did not answer its first request.".to_owned());
    let reply = batcher.ask(row, WARM_UP).map_err(|_refused| silent())?;
    match reply.blocking_recv().map_err(|_gone| silent())?.0 {
        Ok(_) => Ok(batcher),
        Err(super::batcher::Refusal::Model(failure)) => Err(failure),
        Err(_) => Err(silent()),
    }
}
