//! `orrery models compare`: versions on the same rows, and whether one is better beyond chance.

use std::path::Path;

use clap::Args;
use orrery_domain::{
    DatasetId, Failure, FailureClass, ModelRef,
    compare::{
        Better, Calibration, CompareData, CompareReport, CompareSettings, ComparedModel, ComparedPair,
        RowsOrigin, Slice,
    },
    dataset::Dataset,
    job::{JobEvent, JobSpec},
    metric::{MetricId, MetricValue},
    words::plural,
};
use orrery_engine::{datasets, files, registry};

use super::{
    Context, End, Outcome,
    output::{self, Align},
    unexpected,
};

/// Slices of a version that are printed.
const SLICES: usize = 5;
/// Rows of a table of differences that are printed.
const DIFFERENCES: usize = 30;

#[derive(Debug, Args)]
pub struct CompareArguments {
    /// Two to eight models: NAME (its newest version) or NAME:VERSION
    #[arg(required = true, num_args = 2.., value_name = "NAME[:VERSION]")]
    models: Vec<String>,
    /// A file with every feature and the target, or a dataset's id or name: of rows that a version was trained with only its
    /// test rows are used [default: the dataset of the first version]
    #[arg(long, value_name = "FILE|ID")]
    data: Option<String>,
    /// The metric that decides, by its name in JSON [default: auroc or rmse]
    #[arg(long, value_name = "METRIC", value_parser = parse_metric)]
    metric: Option<MetricId>,
    /// List every slice of these columns
    #[arg(long, value_name = "COL,…", value_delimiter = ',')]
    slice_by: Vec<String>,
    /// Fewest rows of a slice
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(2..))]
    min_slice: u32,
    /// Train each version's request ten times on halves of the rows, too: 5x2 cross-validation. The same command goes on after an
    /// interruption
    #[arg(long, value_name = "5x2", value_parser = ["5x2"])]
    cv: Option<String>,
}

fn parse_metric(text: &str) -> Result<MetricId, String> {
    let all = || MetricId::CLASSIFICATION.into_iter().chain(MetricId::REGRESSION);
    all().find(|metric| metric.name() == text).ok_or_else(|| {
        let names: Vec<&str> = all().map(MetricId::name).collect();
        format!("the metrics are {}", names.join(", "))
    })
}

pub fn run(context: &Context, arguments: &CompareArguments) -> Outcome {
    let mut store = context.store()?;
    let models = arguments
        .models
        .iter()
        .map(|text| Ok(registry::find(&mut store, text)?.model))
        .collect::<Result<Vec<ModelRef>, Failure>>()?;
    let settings = CompareSettings {
        metric: arguments.metric,
        min_slice_rows: arguments.min_slice,
        slice_columns: arguments.slice_by.clone(),
        cross_validate: arguments.cv.is_some(),
    };
    let data = rows(context, arguments.data.as_deref(), &models)?;
    let home = context.workspace.home().to_path_buf();
    let trains = settings.cross_validate;
    let report = match context.complete(&JobSpec::Compare { home, models, data, settings }) {
        Ok(JobEvent::Compared { report }) => report,
        Ok(other) => return Err(unexpected(&other)),
        Err(End::Cancelled) if trains => {
            output::note("Stopped. What was trained is kept: the same command goes on from there.");
            return Err(End::Said(130));
        }
        Err(end) => return Err(end),
    };
    for warning in &report.warnings {
        output::note(&format!("warning: {warning}"));
    }
    if context.json {
        return output::json(&report);
    }
    print(&report);
    Ok(())
}

/// The rows a person named: a file that a version was trained from is taken as its dataset, so that only test rows judge.
pub(super) fn rows(context: &Context, data: Option<&str>, models: &[ModelRef]) -> Result<CompareData, End> {
    let trained_on = |model: &ModelRef| -> Result<DatasetId, Failure> {
        Ok(registry::read_card(&context.workspace.model(model))?.lineage.dataset)
    };
    let mut store = context.store()?;
    let of_dataset = |dataset: Dataset| CompareData::Dataset { dataset: Box::new(dataset) };
    let Some(text) = data else {
        let id = trained_on(&models[0])?;
        return match store.dataset(&id)? {
            Some((dataset, false)) => Ok(of_dataset(dataset)),
            _ => Err(Failure::new(
                FailureClass::Client,
                format!(
                    "The dataset {} of {} is not here. Name the rows with --data FILE.",
                    id.short(),
                    models[0]
                ),
            )
            .into()),
        };
    };
    let file = Path::new(text);
    if !file.is_file() {
        if file.is_dir() && datasets::find(&mut store, text).is_err() {
            return Ok(CompareData::File { file: files::absolute(file) });
        }
        if file.components().count() > 1 {
            files::require_file(file)?;
        }
        return Ok(of_dataset(datasets::find(&mut store, text)?));
    }
    let hash = datasets::hash_file(file)?;
    for model in models {
        if let Some((dataset, false)) = store.dataset(&trained_on(model)?)?
            && dataset.source.hash == hash
        {
            output::note(&format!("{model} was trained from this file: only its test rows are used."));
            return Ok(of_dataset(dataset));
        }
    }
    Ok(CompareData::File { file: files::absolute(file) })
}

fn print(report: &CompareReport) {
    output::line(&report.message);
    output::line(&about_rows(report));
    metrics(report);
    for pair in &report.pairs {
        self::pair(pair, report.pairs.len() > 1);
    }
    calibration(report);
    slices(report);
    pareto(report);
    for pair in &report.pairs {
        architecture(pair);
    }
}

fn heading(text: &str) {
    output::line("");
    output::line(text);
}

fn about_rows(report: &CompareReport) -> String {
    let rows = &report.rows;
    let what = match rows.origin {
        RowsOrigin::TestRows => "test rows of every version that was trained on it",
        RowsOrigin::All => "all of its rows",
    };
    format!("{} of {}: {what}.", plural(rows.used, "row"), rows.source)
}

fn metrics(report: &CompareReport) {
    heading("Metrics [95% interval]");
    let names: Vec<String> = report.models.iter().map(|model| model.model.to_string()).collect();
    let mut head = vec![("Metric", Align::Left)];
    head.extend(names.iter().map(|name| (name.as_str(), Align::Left)));
    let lines: Vec<Vec<String>> = MetricId::of(report.task)
        .iter()
        .map(|id| {
            let cell = |model: &ComparedModel| {
                model.metrics.get(id).map_or_else(|| "—".to_owned(), |value| output::metric(*id, value))
            };
            let mark = if *id == report.metric { " (decides)" } else { "" };
            std::iter::once(format!("{}{mark}", id.title())).chain(report.models.iter().map(cell)).collect()
        })
        .collect();
    output::table(&head, &lines);
}

fn pair(pair: &ComparedPair, several: bool) {
    heading(&format!("{} against {}", pair.b, pair.a));
    if several {
        output::line(&pair.verdict.message);
    }
    let better = |better: Better| match better {
        Better::A => pair.a.to_string(),
        Better::B => pair.b.to_string(),
        Better::NotDistinguishable => "not distinguishable".to_owned(),
    };
    let lines: Vec<Vec<String>> = pair
        .metrics
        .iter()
        .map(|found| {
            vec![
                found.metric.title().to_owned(),
                output::metric(found.metric, &found.difference),
                found.p.map_or_else(|| "—".to_owned(), p),
                better(found.better),
            ]
        })
        .collect();
    let head = [
        ("Metric", Align::Left),
        ("Difference [95% interval]", Align::Left),
        ("p", Align::Left),
        ("Better", Align::Left),
    ];
    output::table(&head, &lines);
    if let Some(found) = &pair.mcnemar {
        let kind = match found.chi_square {
            Some(chi) => format!("chi-square {} with continuity correction", output::number(chi)),
            None => "exact".to_owned(),
        };
        output::line(&format!(
            "McNemar: only {} right in {}, only {} in {}; {kind}, p {}",
            pair.a,
            plural(found.only_a, "row"),
            pair.b,
            plural(found.only_b, "row"),
            p(found.p)
        ));
    }
    if let Some(found) = &pair.delong {
        let z = found.z.map_or_else(|| "both rank alike".to_owned(), |z| format!("z {z:.3}"));
        output::line(&format!(
            "DeLong: AUROC difference {}; {z}, p {}",
            output::metric(MetricId::Auroc, &found.difference),
            p(found.p)
        ));
    }
    if let Some(found) = &pair.cross_validated {
        let test = |name: &str, value: Option<f64>, chance: Option<f64>| match value.zip(chance) {
            Some((value, chance)) => format!("{name} {}, p {}", output::number(value), p(chance)),
            None => format!("{name}: nothing varies"),
        };
        output::line(&format!(
            "5x2 cross-validation of the requests: mean {} difference {}; {}; {}; {}",
            found.metric.title(),
            output::number(found.mean),
            test("combined F", found.f, found.f_p),
            test("paired t", found.t, found.t_p),
            better(found.better)
        ));
    }
}

fn calibration(report: &CompareReport) {
    let found: Vec<(&ComparedModel, &Calibration)> =
        report.models.iter().filter_map(|model| Some((model, model.calibration.as_ref()?))).collect();
    let Some((_, first)) = found.first() else { return };
    heading(&format!(
        "Calibration: {} in {} of equally many rows",
        first.of,
        plural(first.bins.len() as u64, "bin")
    ));
    let head = [
        ("Model", Align::Left),
        ("ECE", Align::Right),
        ("Largest gap", Align::Right),
        ("Brier", Align::Right),
        ("Reliability", Align::Right),
        ("Resolution", Align::Right),
    ];
    let lines: Vec<Vec<String>> = found
        .iter()
        .map(|(model, found)| {
            let part = |value: Option<f64>| value.map_or_else(|| "—".to_owned(), output::number);
            let brier = found.brier.as_ref();
            vec![
                model.model.to_string(),
                output::number(found.ece),
                output::number(found.largest),
                part(brier.map(|parts| parts.brier)),
                part(brier.map(|parts| parts.reliability)),
                part(brier.map(|parts| parts.resolution)),
            ]
        })
        .collect();
    output::table(&head, &lines);
}

fn slices(report: &CompareReport) {
    let head = [
        ("Slice", Align::Left),
        ("Rows", Align::Right),
        ("Here [95% interval]", Align::Left),
        ("Rest", Align::Right),
        ("p, corrected", Align::Left),
    ];
    for model in &report.models {
        let Some(found) = &model.slices else { continue };
        let line = |slice: &Slice| {
            let rest = MetricValue { value: Some(slice.rest), low: None, high: None };
            vec![
                slice.title(),
                output::count(slice.rows),
                output::metric(found.metric, &slice.value),
                output::metric(found.metric, &rest),
                p(slice.p_adjusted),
            ]
        };
        let title = found.metric.title();
        if found.worst.is_empty() {
            heading(&format!(
                "{}: in none of {} with {} or more is its {title} certainly worse than in the rest",
                model.model,
                plural(found.looked_at, "slice"),
                plural(found.min_rows, "row")
            ));
        } else {
            heading(&format!(
                "Where {} is worst: {title}, of {} with {} or more",
                model.model,
                plural(found.looked_at, "slice"),
                plural(found.min_rows, "row")
            ));
            output::table(&head, &found.worst.iter().take(SLICES).map(line).collect::<Vec<_>>());
        }
        if !found.asked.is_empty() {
            heading(&format!("{} by the columns asked for: {title}", model.model));
            output::table(&head, &found.asked.iter().map(line).collect::<Vec<_>>());
        }
    }
}

fn pareto(report: &CompareReport) {
    let requests = report.models.iter().map(|model| model.latency.requests).min().unwrap_or_default();
    heading(&format!(
        "Quality, latency and size (latency measured in this one process, a row at a time: median of {requests})"
    ));
    let head = [
        ("Model", Align::Left),
        (report.metric.title(), Align::Left),
        ("Latency", Align::Right),
        ("95th percentile", Align::Right),
        ("On disk", Align::Right),
        ("Parameters", Align::Right),
        ("Pareto front", Align::Left),
    ];
    let lines: Vec<Vec<String>> = report
        .models
        .iter()
        .map(|model| {
            let quality = model.metrics.get(&report.metric).and_then(|value| value.value);
            let quality = MetricValue { value: quality, low: None, high: None };
            vec![
                model.model.to_string(),
                output::metric(report.metric, &quality),
                micros(model.latency.median_secs),
                micros(model.latency.p95_secs),
                output::bytes(model.bytes),
                output::count(model.architecture.parameters),
                if model.on_front { "yes" } else { "no" }.to_owned(),
            ]
        })
        .collect();
    output::table(&head, &lines);
}

fn architecture(pair: &ComparedPair) {
    let found = &pair.architecture;
    let (a, b) = (pair.a.to_string(), pair.b.to_string());
    let missing = |value: Option<&String>| value.cloned().unwrap_or_else(|| "—".to_owned());
    heading(&format!("How {a} and {b} are built"));
    if found.settings.is_empty() {
        output::line("Every setting is the same.");
    } else {
        let lines: Vec<Vec<String>> = found
            .settings
            .iter()
            .take(DIFFERENCES)
            .map(|diff| vec![diff.name.clone(), missing(diff.a.as_ref()), missing(diff.b.as_ref())])
            .collect();
        output::table(&[("Setting", Align::Left), (&a, Align::Left), (&b, Align::Left)], &lines);
    }
    for (name, columns) in [(&a, &found.only_a_features), (&b, &found.only_b_features)] {
        if !columns.is_empty() {
            output::line(&format!("Columns only {name} takes: {}", columns.join(", ")));
        }
    }
    if let Some(trees) = found.trees {
        output::line(&format!("Trees: {} and {}, the first {} the same.", trees.a, trees.b, trees.same));
    }
    if found.tensors.is_empty() {
        return;
    }
    let shape = |shape: Option<&Vec<u64>>| shape.map_or_else(|| "—".to_owned(), |shape| format!("{shape:?}"));
    let lines: Vec<Vec<String>> = found
        .tensors
        .iter()
        .take(DIFFERENCES)
        .map(|diff| {
            let apart = diff.relative_distance.map_or_else(|| "—".to_owned(), output::number);
            vec![diff.name.clone(), shape(diff.a.as_ref()), shape(diff.b.as_ref()), apart]
        })
        .collect();
    let head = [
        ("Tensor", Align::Left),
        (a.as_str(), Align::Left),
        (b.as_str(), Align::Left),
        ("Relative distance", Align::Right),
    ];
    output::table(&head, &lines);
    if found.tensors.len() > DIFFERENCES {
        output::line(&format!("… and {} more (--json lists all).", found.tensors.len() - DIFFERENCES));
    }
}

fn p(value: f64) -> String {
    if value < 0.0001 { "< 0.0001".to_owned() } else { format!("{value:.4}") }
}

/// Seconds as milli- or microseconds.
fn micros(secs: f64) -> String {
    if secs >= 0.001 { format!("{:.2} ms", secs * 1e3) } else { format!("{:.0} µs", secs * 1e6) }
}
