//! `orrery evaluate` and `orrery predict`: a model applied to a file.

use std::path::PathBuf;

use clap::Args;
use orrery_domain::{
    Failure, FailureClass,
    job::{JobEvent, JobSpec},
    metric::MetricId,
};
use orrery_engine::{files, registry};

use super::{
    Context, Outcome,
    output::{self, Align},
    unexpected,
};

#[derive(Debug, Args)]
pub struct EvaluateArguments {
    /// The model: NAME (its newest version) or NAME:VERSION
    #[arg(long, value_name = "NAME[:VERSION]")]
    model: String,
    /// A file with every feature and the target; of an image network, also a folder of pictures by class
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
}

#[derive(Debug, Args)]
pub struct PredictArguments {
    /// The model: NAME (its newest version) or NAME:VERSION
    #[arg(long, value_name = "NAME[:VERSION]")]
    model: String,
    /// A file with every feature; of an image network, also a folder of pictures
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Where to write: .csv or .parquet
    #[arg(long, value_name = "FILE", value_parser = parse_out)]
    out: PathBuf,
}

fn parse_out(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv" | "parquet") => Ok(path),
        _ => Err("the file's name must end in .csv or .parquet".to_owned()),
    }
}

/// The file must be there before a child is started for it.
fn existing(file: &std::path::Path) -> Result<PathBuf, Failure> {
    files::require_data(file)?;
    Ok(files::absolute(file))
}

pub fn evaluate(context: &Context, arguments: &EvaluateArguments) -> Outcome {
    let file = existing(&arguments.data)?;
    let model = registry::find(&mut context.store()?, &arguments.model)?.model;
    let home = context.workspace.home().to_path_buf();
    let (metrics, rows) = match context.complete(&JobSpec::Evaluate { home, model: model.clone(), file })? {
        JobEvent::Evaluated { metrics, rows } => (metrics, rows),
        other => return Err(unexpected(&other)),
    };
    if context.json {
        return output::json(&serde_json::json!({ "model": model, "rows": rows, "metrics": metrics }));
    }
    output::line(&format!("{model} on {} rows", output::count(rows)));
    let order = MetricId::CLASSIFICATION.iter().chain(&MetricId::REGRESSION);
    let lines: Vec<Vec<String>> = order
        .filter_map(|id| metrics.get(id).map(|value| vec![id.title().to_owned(), output::metric(*id, value)]))
        .collect();
    output::table(&[("Metric", Align::Left), ("Value [95% interval]", Align::Left)], &lines);
    Ok(())
}

pub fn predict(context: &Context, arguments: &PredictArguments) -> Outcome {
    let file = existing(&arguments.data)?;
    let out = files::absolute(&arguments.out);
    if file == out {
        let message = "The result would replace the file it is made from. Name another file with --out.";
        return Err(Failure::new(FailureClass::Client, message).into());
    }
    let model = registry::find(&mut context.store()?, &arguments.model)?.model;
    let home = context.workspace.home().to_path_buf();
    let report = match context.complete(&JobSpec::Predict { home, model, file, out })? {
        JobEvent::Predicted { report } => report,
        other => return Err(unexpected(&other)),
    };
    if context.json {
        return output::json(&report);
    }
    output::line(&format!(
        "Predicted {} rows ({} rows/s) to {}: added {}.",
        output::count(report.rows),
        output::count(report.rows_per_sec.max(0.0) as u64),
        report.out.display(),
        report.added_columns.join(", ")
    ));
    for (column, rows) in &report.unseen_categories {
        output::note(&format!(
            "warning: {} rows hold a value of '{column}' that training never saw.",
            output::count(*rows)
        ));
    }
    for (column, rows) in &report.out_of_range {
        output::note(&format!(
            "warning: {} rows are outside the training range of '{column}'.",
            output::count(*rows)
        ));
    }
    if !report.extra_columns.is_empty() {
        output::note(&format!("note: the model does not use {}.", report.extra_columns.join(", ")));
    }
    for warning in &report.warnings {
        output::note(&format!("warning: {warning}"));
    }
    Ok(())
}
