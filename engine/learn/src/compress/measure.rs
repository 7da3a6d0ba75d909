//! Measurement: how long a loaded model takes for one encoded row and for 64 together.

use std::time::{Duration, Instant};

use orrery_domain::{
    Failure,
    compress::{ModelSpeed, Spread},
};

use crate::{nets::Encoded, predict::Predictor};

/// Rows of a batch.
const BATCH: usize = 64;
/// Time given to each figure.
const SPAN: Duration = Duration::from_millis(700);
/// Time before it that does not count.
const WARM_UP: Duration = Duration::from_millis(150);
/// Fewest measurements of a figure.
const FEWEST: usize = 30;

/// Measures a model on the processor, on encoded rows that are made up; preprocessing is not part of it. Memory is for whoever knows the
/// process.
///
/// # Errors
/// Those of computing.
pub fn speed(model: &Predictor) -> Result<ModelSpeed, Failure> {
    let columns = model.encoded_columns();
    let rows = |count: usize| Encoded {
        rows: count,
        cols: columns,
        // Small numbers around 0, as standardized columns have, and codes that categories have.
        values: (0..count * columns).map(|at| ((at * 7919) % 13) as f32 / 6.0).map(f32::floor).collect(),
    };
    let row_secs = spread(&time(model, &rows(1))?);
    let batch_secs = spread(&time(model, &rows(BATCH))?);
    let rows_per_sec = BATCH as f64 / batch_secs.median;
    Ok(ModelSpeed { row_secs, batch_secs, rows_per_sec, peak_memory_bytes: None, added_memory_bytes: None })
}

/// Seconds of each of many repetitions.
fn time(model: &Predictor, rows: &Encoded) -> Result<Vec<f64>, Failure> {
    let begun = Instant::now();
    while begun.elapsed() < WARM_UP {
        model.score_encoded(rows)?;
    }
    let begun = Instant::now();
    let mut all = Vec::new();
    while begun.elapsed() < SPAN || all.len() < FEWEST {
        let one = Instant::now();
        model.score_encoded(rows)?;
        all.push(one.elapsed().as_secs_f64());
    }
    Ok(all)
}

fn spread(times: &[f64]) -> Spread {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    Spread { median: at(0.5), low: at(0.05), high: at(0.95) }
}
