//! Latency: how long one row takes, measured here and now.

use std::time::{Duration, Instant};

use orrery_domain::{Failure, compare::Latency};

use crate::{metrics::quantile, predict::Predictor, table::Table};

/// Rows asked, at most.
const REQUESTS: usize = 200;
/// Rows asked before, to warm up.
const WARM_UP: usize = 10;
/// Longest it may take.
const LIMIT: Duration = Duration::from_secs(3);

/// Asks a model row by row, as texts by column, as the form and the session do. `table` has a row at least.
///
/// # Errors
/// A failure when the model cannot predict them.
pub(super) fn measure(predictor: &Predictor, table: &Table) -> Result<Latency, Failure> {
    let rows: Vec<Vec<(String, Option<String>)>> = (0..table.rows().min(REQUESTS))
        .map(|row| {
            let features = predictor.card().features.iter();
            features
                .filter_map(|feature| {
                    Some((feature.name.clone(), table.text(table.position(&feature.name)?, row)))
                })
                .collect()
        })
        .collect();
    for row in rows.iter().cycle().take(WARM_UP) {
        predictor.row(row)?;
    }
    let begin = Instant::now();
    let mut took = Vec::with_capacity(REQUESTS);
    for row in rows.iter().cycle().take(REQUESTS) {
        let start = Instant::now();
        predictor.row(row)?;
        took.push(start.elapsed().as_secs_f64());
        if begin.elapsed() > LIMIT {
            break;
        }
    }
    took.sort_unstable_by(f64::total_cmp);
    Ok(Latency {
        median_secs: quantile(&took, 0.5),
        p95_secs: quantile(&took, 0.95),
        requests: took.len() as u32,
    })
}
