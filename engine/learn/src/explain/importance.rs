//! Permutation importance: how much worse a model gets on rows whose target is known, when one raw column's values are shuffled.
//!
//! Breiman 2001, "Random forests"; the interval is Student's over the repeats.

use orrery_domain::{
    explain::{ColumnImportance, ExplainCheck, ExplainMethod, Importance},
    metric::{MetricId, MetricValue},
    training::Task,
};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    answers::{Output, Rows},
    ask::{bug, mean},
    pieces::Place,
    players::Players,
};
use crate::{
    compare::student,
    control::Interrupt,
    metrics::{Truth, evaluate_at, from_raw},
    predict::say,
};

/// Largest half of an interval, as a share of the largest importance.
const SPREAD: f64 = 0.5;

/// The rows and what they really are.
#[derive(Clone, Copy)]
pub(super) struct Judged<'a> {
    /// The model.
    pub output: Output<'a>,
    /// Raw columns.
    pub players: &'a Players,
    /// Their names.
    pub names: &'a [String],
    /// Rows.
    pub x: &'a Rows,
    /// Truth.
    pub truth: Truth<'a>,
    /// Probability at and above which the positive class is predicted.
    pub threshold: f64,
}

impl Judged<'_> {
    fn metric(&self, x: &Rows, metric: MetricId) -> Result<Option<f64>, Interrupt> {
        let predictions = from_raw(self.output.task, &self.output.reported(x)?, self.output.outputs());
        let metrics = evaluate_at(self.output.task, &self.truth, &predictions, self.threshold, None);
        Ok(metrics.get(&metric).and_then(|found| found.value))
    }

    /// Importance of every column.
    ///
    /// # Errors
    /// A client failure when the metric is not defined on the rows, a failure of the model, or an interruption.
    pub fn importance(&self, repeats: u32, seed: u64, place: Place<'_>) -> Result<Importance, Interrupt> {
        let task: Task = self.output.task;
        let metric = MetricId::primary(task);
        let undefined = || {
            super::client(format!(
                "{} is not defined on these rows, so nothing can get worse. Give rows of every class.",
                metric.title()
            ))
        };
        let whole = self.metric(self.x, metric)?.ok_or_else(undefined)?;
        let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
        let repeats = repeats.max(2);
        let mut pieces = place.pieces();
        let mut columns = Vec::with_capacity(self.names.len());
        for (column, (name, inputs)) in self.names.iter().zip(&self.players.inputs).enumerate() {
            let mut falls = Vec::with_capacity(repeats as usize);
            for repeat in 0..repeats {
                let fall: f64 = pieces.next(|| {
                    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x1a9_0b7a);
                    rng.set_stream((column as u64) << 32 | u64::from(repeat));
                    let value = self.metric(&shuffled(self.x, inputs, &mut rng), metric)?;
                    Ok(sign * (whole - value.ok_or_else(|| bug("The metric is not defined any more."))?))
                })?;
                falls.push(fall);
            }
            let value = mean(&falls);
            let many = falls.len() as f64;
            let variance = falls.iter().map(|fall| (fall - value).powi(2)).sum::<f64>() / (many - 1.0);
            let (low, high) = student(value, variance, many);
            let importance = MetricValue { value: Some(value), low: Some(low), high: Some(high) };
            columns.push(ColumnImportance { column: name.clone(), importance, repeats: falls });
            let done = (column + 1) as f64 / self.names.len() as f64;
            let phase = pieces.phase("Shuffling columns");
            say(place.control, &phase, Some(done), column + 1, self.names.len(), None);
        }
        let size = |column: &ColumnImportance| column.importance.value.unwrap_or_default();
        columns.sort_by(|a, b| size(b).total_cmp(&size(a)));
        let largest = columns.iter().map(|column| size(column).abs()).fold(0.0, f64::max);
        let half = |column: &ColumnImportance| column.importance.high.unwrap_or_default() - size(column);
        let widest = columns.iter().map(half).fold(0.0, f64::max);
        let spread = if widest == 0.0 { 0.0 } else { widest / largest.max(f64::MIN_POSITIVE) };
        let check = ExplainCheck::new("repeat_spread", spread, SPREAD);
        Ok(Importance {
            method: ExplainMethod::PermutationImportance,
            metric,
            whole,
            repeats,
            columns,
            check,
        })
    }
}

/// The rows with one column's inputs in another order.
fn shuffled(x: &Rows, inputs: &[usize], rng: &mut ChaCha8Rng) -> Rows {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.shuffle(rng);
    let mut moved = x.clone();
    for (row, from) in order.into_iter().enumerate() {
        for input in inputs {
            moved.values[row * x.cols + input] = x.row(from)[*input];
        }
    }
    moved
}
