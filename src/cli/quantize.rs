//! `orrery quantize`: a network in whole numbers of few bits, beside the one that it is made from.

use clap::{Args, ValueEnum};
use orrery_domain::{
    RunId,
    compress::{Calibration, CompressReport, CompressedFigures, QuantizeConfig, QuantizeScheme, Spread},
    job::{JobEvent, JobSpec},
    metric::MetricId,
    words,
};
use orrery_engine::{registry, runs};

use super::{
    Context, Outcome,
    output::{self, Align},
    unexpected,
};

/// What becomes whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scheme {
    /// Matrices and inputs in 8 bits, by the range of the rows at hand; computed in whole numbers
    DynamicInt8,
    /// Matrices and inputs in 8 bits, by ranges found on training rows; computed in whole numbers
    StaticInt8,
    /// Matrices in 8 bits, computed as floats
    WeightInt8,
    /// Matrices in 4 bits, computed as floats
    WeightInt4,
}

impl From<Scheme> for QuantizeScheme {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::DynamicInt8 => Self::DynamicInt8,
            Scheme::StaticInt8 => Self::StaticInt8,
            Scheme::WeightInt8 => Self::WeightInt8,
            Scheme::WeightInt4 => Self::WeightInt4,
        }
    }
}

/// How ranges are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ranges {
    /// The smallest and the largest value
    MinMax,
    /// The 0.01 and 99.99 percentiles
    Percentile,
    /// The range with the least squared error
    Mse,
}

impl From<Ranges> for Calibration {
    fn from(ranges: Ranges) -> Self {
        match ranges {
            Ranges::MinMax => Self::MinMax,
            Ranges::Percentile => Self::Percentile,
            Ranges::Mse => Self::Mse,
        }
    }
}

#[derive(Debug, Args)]
pub struct QuantizeArguments {
    /// The model, a network or linear: NAME (its newest version) or NAME:VERSION
    model: String,
    /// What becomes whole numbers
    #[arg(long, value_enum, default_value = "dynamic-int8")]
    scheme: Scheme,
    /// Inputs of an output that share a scale (weights only) [default: all of them]
    #[arg(long, value_name = "INPUTS")]
    block: Option<u32>,
    /// How the ranges of inputs are chosen (static-int8)
    #[arg(long, value_enum, default_value = "min-max")]
    calibration: Ranges,
    /// Training rows that ranges are found on (static-int8)
    #[arg(long, value_name = "N", default_value_t = 1000)]
    calibration_rows: u32,
    /// Most that the loss on validation rows may rise, in percent: the costliest layers stay floats [default: all are quantized]
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    budget: Option<f64>,
    /// Name of the new model [default: the next version of this one]
    #[arg(long)]
    name: Option<String>,
}

pub fn run(context: &Context, arguments: &QuantizeArguments) -> Outcome {
    let mut store = context.store()?;
    let model = registry::find(&mut store, &arguments.model)?.model;
    let card = registry::read_card(&context.workspace.model(&model))?;
    let dataset = registry::dataset_of(&store, &model, &card)?;
    let config = QuantizeConfig {
        scheme: arguments.scheme.into(),
        block: arguments.block,
        calibration: arguments.calibration.into(),
        calibration_rows: arguments.calibration_rows,
        loss_budget: arguments.budget.map(|percent| percent / 100.0),
    };
    let spec = JobSpec::Quantize {
        home: context.workspace.home().to_path_buf(),
        model_name: arguments.name.clone().unwrap_or_else(|| model.name.clone()),
        model,
        dataset: Box::new(dataset),
        config: Box::new(config),
        run: RunId(runs::fresh_id()),
    };
    let report = match context.complete(&spec)? {
        JobEvent::Compressed { report } => report,
        other => return Err(unexpected(&other)),
    };
    if context.json {
        return output::json(&report);
    }
    show(&report);
    Ok(())
}

fn show(report: &CompressReport) {
    let made = report.model.as_ref().map_or_else(|| words::NONE.to_owned(), ToString::to_string);
    output::line(&format!("{made}, made from {}", report.from));
    let (before, after) = (&report.before, &report.after);
    let mut rows = vec![pair("On disk", before, after, |figures| output::bytes(figures.bytes))];
    for (title, spread) in [("One row", true), ("64 rows", false)] {
        rows.push(pair(title, before, after, |figures| {
            let speed = figures.speed.as_ref();
            speed.map_or_else(none, |speed| micros(if spread { speed.row_secs } else { speed.batch_secs }))
        }));
    }
    rows.push(pair("Rows a second, by 64", before, after, |figures| {
        figures.speed.as_ref().map_or_else(none, |speed| output::count(speed.rows_per_sec as u64))
    }));
    rows.push(pair("Memory added", before, after, |figures| {
        figures.speed.as_ref().and_then(|speed| speed.added_memory_bytes).map_or_else(none, output::bytes)
    }));
    for id in MetricId::CLASSIFICATION.iter().chain(&MetricId::REGRESSION) {
        if let (Some(a), Some(b)) = (before.test.get(id), after.test.get(id)) {
            rows.push(vec![id.title().to_owned(), output::metric(*id, a), output::metric(*id, b)]);
        }
    }
    let from = report.from.to_string();
    output::table(&[("", Align::Left), (&from, Align::Right), (&made, Align::Right)], &rows);
    let layers: Vec<Vec<String>> = report
        .layers
        .iter()
        .map(|cost| {
            let kept = if cost.quantized { "whole numbers" } else { "floats" };
            let rise = format!("{:+.4} %", cost.loss_rise * 100.0);
            vec![cost.layer.clone(), output::count(cost.parameters), rise, kept.to_owned()]
        })
        .collect();
    let head = [
        ("Layer", Align::Left),
        ("Parameters", Align::Right),
        ("Loss, alone", Align::Right),
        ("Made of", Align::Left),
    ];
    output::table(&head, &layers);
    for note in &report.notes {
        output::line(note);
    }
}

fn none() -> String {
    words::NONE.to_owned()
}

fn pair(
    title: &str,
    before: &CompressedFigures,
    after: &CompressedFigures,
    text: impl Fn(&CompressedFigures) -> String,
) -> Vec<String> {
    vec![title.to_owned(), text(before), text(after)]
}

/// Median and spread.
fn micros(spread: Spread) -> String {
    let [median, low, high] = [spread.median, spread.low, spread.high].map(|secs| secs * 1e6);
    format!("{median:.1} us ({low:.1} to {high:.1})")
}
