//! Report: everything about the versions and every pair of them, put together.

use orrery_domain::{
    compare::{Better, Calibration, CompareReport, ComparedModel, ComparedPair, SliceSearch, Verdict},
    metric::MetricId,
    model::ModelCard,
    training::Task,
};

use super::{
    CompareJob, LEVEL,
    anatomy::Anatomy,
    calibration::{of_shares, of_values},
    corrections::holm,
    cross_validate,
    latency::measure,
    pair::{Measured, Tested, positives, right, test},
    pareto::{Costs, front},
    rows::{Material, check_columns},
    slices::{Cells, Judge, SliceSettings, search},
    words,
};
use crate::{
    control::{Interrupt, JobControl, check},
    metrics::{BootstrapSettings, DEFAULT_THRESHOLD, Predictions, Replicates, Truth},
    predict::{Predictor, predict_kept, say},
};

/// Puts the report together.
///
/// # Errors
/// A failure or an interruption.
pub(super) fn report(
    job: &CompareJob<'_>,
    predictors: &[&Predictor],
    metric: MetricId,
    material: Material,
    control: &dyn JobControl,
) -> Result<CompareReport, Interrupt> {
    let card = predictors[0].card();
    check_columns(&job.settings.slice_columns, &material.table, &card.target)?;
    let measured = predictors
        .iter()
        .zip(&material.scored)
        .map(|(predictor, table)| measured(predictor, table, &material, control))
        .collect::<Result<Vec<Measured>, Interrupt>>()?;
    say(control, "Looking for slices", None, 0, 0, None);
    let cells = cells(&material, predictors, job);
    let mut models = Vec::new();
    let mut anatomies = Vec::new();
    for (place, predictor) in predictors.iter().enumerate() {
        check(control)?;
        let (model, folder) = &job.models[place];
        let found = &measured[place];
        let anatomy = Anatomy::of(folder, predictor.card())?;
        models.push(ComparedModel {
            model: model.clone(),
            kind: predictor.card().kind,
            metrics: found.replicates.metrics(),
            calibration: calibration(predictor.card(), &material, found),
            slices: slices(job, metric, &material, found, &cells),
            latency: measure(predictor, &material.scored[place])?,
            bytes: folder_bytes(folder),
            on_front: false,
            architecture: anatomy.architecture.clone(),
        });
        anatomies.push(anatomy);
    }
    mark_front(&mut models, metric);
    say(control, "Testing the differences", None, 0, 0, None);
    let mut pairs = pairs(job, metric, (card.task, &material), &measured, &anatomies);
    if job.settings.cross_validate {
        let cards: Vec<&ModelCard> = predictors.iter().map(|predictor| predictor.card()).collect();
        cross_validate::add(job, &cards, metric, &mut pairs, control)?;
    }
    let value = |model: &ComparedModel| model.metrics.get(&metric).and_then(|value| value.value);
    let values: Vec<_> = models.iter().map(|model| (model.model.clone(), value(model))).collect();
    Ok(CompareReport {
        task: card.task,
        target: card.target.clone(),
        metric,
        message: words::summary(&values, metric, &pairs),
        rows: material.rows,
        models,
        pairs,
        warnings: material.warnings,
    })
}

/// A version's predictions of the rows and its metrics on the same resamples as every other's.
fn measured(
    predictor: &Predictor,
    table: &crate::table::Table,
    material: &Material,
    control: &dyn JobControl,
) -> Result<Measured, Interrupt> {
    let card = predictor.card();
    let all: Vec<usize> = (0..table.rows()).collect();
    let predictions = predict_kept(predictor, table, &all, control)?;
    say(control, "Measuring", None, all.len(), all.len(), None);
    let truth = match card.task {
        Task::Regression => Truth::Values(&material.values),
        Task::Binary | Task::Multiclass => Truth::Classes { codes: &material.codes, classes: &card.classes },
    };
    let threshold = card.threshold.unwrap_or(DEFAULT_THRESHOLD);
    let replicates =
        Replicates::new(card.task, &truth, &predictions, threshold, &BootstrapSettings::default());
    check(control)?;
    Ok(Measured { predictions, threshold: (card.task == Task::Binary).then_some(threshold), replicates })
}

/// Slices' columns, the most telling first: by the versions' importances, then in the table's order.
fn cells(material: &Material, predictors: &[&Predictor], job: &CompareJob<'_>) -> Vec<Cells> {
    let table = &material.table;
    let target = &predictors[0].card().target;
    let weight = |name: &str| {
        let each = predictors.iter().map(|predictor| {
            predictor
                .card()
                .importance
                .iter()
                .find(|(known, _)| known == name)
                .map_or(0.0, |(_, value)| *value)
        });
        each.fold(0.0, f64::max)
    };
    let mut columns: Vec<usize> =
        (0..table.schema.len()).filter(|column| table.schema[*column].name != *target).collect();
    columns.sort_by(|a, b| weight(&table.schema[*b].name).total_cmp(&weight(&table.schema[*a].name)));
    let least = job.settings.min_slice_rows.max(2) as usize;
    columns.into_iter().filter_map(|column| Cells::of(table, column, least)).collect()
}

fn slices(
    job: &CompareJob<'_>,
    metric: MetricId,
    material: &Material,
    found: &Measured,
    cells: &[Cells],
) -> Option<SliceSearch> {
    let judge = judge(metric, material, found)?;
    let settings = SliceSettings {
        min_rows: job.settings.min_slice_rows.max(2) as usize,
        metric,
        asked: &job.settings.slice_columns,
    };
    search(&judge, cells, &settings)
}

/// What slices are measured by: the deciding metric where it has a variance of its own, else accuracy or the mean absolute error.
fn judge(metric: MetricId, material: &Material, found: &Measured) -> Option<Judge> {
    let Predictions::Probabilities { classes, values } = &found.predictions else {
        let errors = positives(&found.predictions).into_iter().zip(&material.values).map(|(p, t)| p - t);
        let squared = metric == MetricId::Rmse;
        let losses = errors.map(|error| if squared { error * error } else { error.abs() });
        return Some(Judge::Means(losses.collect(), squared));
    };
    let rows = values.chunks_exact(*classes).zip(&material.codes);
    Some(match metric {
        MetricId::Auroc if *classes == 2 => {
            let positive = material.codes.iter().map(|code| *code == 1).collect();
            Judge::rankings(positives(&found.predictions), positive)
        }
        MetricId::LogLoss => Judge::Means(
            rows.map(|(row, code)| -row[*code as usize].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln())
                .collect(),
            false,
        ),
        MetricId::Brier if *classes == 2 => {
            Judge::Means(rows.map(|(row, code)| (row[1] - f64::from(*code)).powi(2)).collect(), false)
        }
        _ => Judge::Shares(right(found, &material.codes)?),
    })
}

fn calibration(card: &ModelCard, material: &Material, found: &Measured) -> Option<Calibration> {
    let Predictions::Probabilities { classes, values } = &found.predictions else {
        return of_values(&positives(&found.predictions), &material.values, &card.target);
    };
    if *classes == 2 {
        let positive: Vec<bool> = material.codes.iter().map(|code| *code == 1).collect();
        return of_shares(
            &positives(&found.predictions),
            &positive,
            &format!("probability of {}", card.classes[1]),
        );
    }
    let confidence: Vec<f64> =
        values.chunks_exact(*classes).map(|row| row.iter().copied().fold(0.0, f64::max)).collect();
    of_shares(&confidence, &right(found, &material.codes)?, "confidence in the predicted class")
}

fn mark_front(models: &mut [ComparedModel], metric: MetricId) {
    let sign = if metric.higher_is_better() { -1.0 } else { 1.0 };
    let costs: Vec<Costs> = models
        .iter()
        .map(|model| Costs {
            loss: model
                .metrics
                .get(&metric)
                .and_then(|value| value.value)
                .map_or(f64::NAN, |value| value * sign),
            secs: model.latency.median_secs,
            bytes: model.bytes as f64,
        })
        .collect();
    for (model, on_front) in models.iter_mut().zip(front(&costs)) {
        model.on_front = on_front;
    }
}

fn pairs(
    job: &CompareJob<'_>,
    metric: MetricId,
    (task, material): (Task, &Material),
    measured: &[Measured],
    anatomies: &[Anatomy],
) -> Vec<ComparedPair> {
    let rows = material.rows.used;
    let places: Vec<(usize, usize)> =
        (0..measured.len()).flat_map(|a| (a + 1..measured.len()).map(move |b| (a, b))).collect();
    let tested: Vec<Tested> =
        places.iter().map(|(a, b)| test(task, &material.codes, rows, &measured[*a], &measured[*b])).collect();
    // What has no p counts as a test all the same, and cannot be significant.
    let adjusted =
        holm(&tested.iter().map(|found| found.decisive(metric).1.unwrap_or(1.0)).collect::<Vec<f64>>());
    let many = places.len();
    let pair = |((places, tested), adjusted): ((&(usize, usize), Tested), f64)| {
        let (a, b) = (&job.models[places.0].0, &job.models[places.1].0);
        let (test, p) = tested.decisive(metric);
        let p_adjusted = p.map(|_| adjusted);
        let found = tested.metric(metric);
        let better = better(found.map(|found| (found.a, found.b)), metric, p_adjusted);
        let judged = words::Judged { a, b, metric, found, test, p, p_adjusted, better, pairs: many, rows };
        let verdict = Verdict { metric, test, p, p_adjusted, better, message: words::verdict(&judged) };
        ComparedPair {
            a: a.clone(),
            b: b.clone(),
            verdict,
            metrics: tested.metrics,
            mcnemar: tested.mcnemar,
            delong: tested.delong,
            cross_validated: None,
            architecture: anatomies[places.0].diff(&anatomies[places.1]),
        }
    };
    places.iter().zip(tested).zip(adjusted).map(pair).collect()
}

/// Which is better, where the corrected p allows to say so.
fn better(values: Option<(f64, f64)>, metric: MetricId, p: Option<f64>) -> Better {
    let (Some((a, b)), true) = (values, p.is_some_and(|p| p < LEVEL)) else {
        return Better::NotDistinguishable;
    };
    if (b > a) == metric.higher_is_better() { Better::B } else { Better::A }
}

/// Bytes of the files directly in a folder, as far as they can be read.
fn folder_bytes(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|data| data.len())
        .sum()
}
