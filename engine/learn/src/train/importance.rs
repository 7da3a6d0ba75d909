//! Importance: how much worse a model gets when one column's validation values are shuffled.

use std::time::{Duration, Instant};

use arrow::{array::UInt32Array, compute::take};
use orrery_domain::{Failure, FailureClass, metric::MetricId};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    TrainJob,
    parts::{Part, take_rows},
    request::Request,
    scorer::{Fitted, Truths},
    steer::steer,
};
use crate::{
    control::{Interrupt, JobControl},
    metrics::evaluate,
    table::Table,
};

/// Rows scored in all, shared by the columns.
const ROWS_IN_ALL: usize = 60_000;
/// Most time spent.
const LIMIT: Duration = Duration::from_secs(30);

/// Permutation importance (Breiman 2001) of each feature on a sample of the validation rows: the fall of the primary metric, largest first. Columns there was
/// no time for are left out.
///
/// # Errors
/// A failure of the model, or an interruption.
pub(super) fn importance(
    job: &TrainJob,
    request: &Request,
    model: &Fitted,
    valid: &Part,
    features: &[String],
    control: &dyn JobControl,
) -> Result<Vec<(String, f64)>, Interrupt> {
    let began = Instant::now();
    let mut rng = ChaCha8Rng::seed_from_u64(job.config.seed ^ 0x1a9_0b7a);
    let most = (ROWS_IN_ALL / features.len().max(1)).clamp(200, 3000);
    let mut rows: Vec<u32> = (0..valid.table.rows() as u32).collect();
    rows.shuffle(&mut rng);
    rows.truncate(most);
    let sample = take_rows(&valid.table, features, &rows)?;
    let y: Vec<f64> = rows.iter().map(|row| valid.y[*row as usize]).collect();
    let truths = Truths::new(request, &y, job.config.target_transform);
    let metric = MetricId::primary(request.task);
    let measure = |table: &Table| -> Result<Option<f64>, Failure> {
        let predictions = model.predict(request, table)?;
        let metrics = evaluate(request.task, &truths.view(request), &predictions, None);
        Ok(metrics.get(&metric).and_then(|metric| metric.value))
    };
    let Some(whole) = measure(&sample)? else { return Ok(Vec::new()) };
    let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
    let mut falls = Vec::new();
    for feature in features {
        steer(control, || Ok(()))?;
        if began.elapsed() > LIMIT {
            break;
        }
        if let Some(value) = measure(&shuffled(&sample, feature, &mut rng)?)? {
            falls.push((feature.clone(), sign * (whole - value)));
        }
    }
    falls.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    Ok(falls)
}

/// The table with one column's values in another order.
fn shuffled(table: &Table, column: &str, rng: &mut ChaCha8Rng) -> Result<Table, Failure> {
    let mut order: Vec<u32> = (0..table.rows() as u32).collect();
    order.shuffle(rng);
    let order = UInt32Array::from(order);
    let arrays = table.schema.iter().zip(table.batch.columns()).map(|(schema, array)| {
        if schema.name == column { take(array, &order, None) } else { Ok(array.clone()) }
    });
    let arrays = arrays.collect::<Result<Vec<_>, _>>().map_err(|error| {
        Failure::new(FailureClass::Bug, format!("A column could not be shuffled: {error}."))
    })?;
    Ok(Table::new(table.schema.clone(), arrays))
}
