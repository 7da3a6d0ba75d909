//! `orrery explain`: what each column added to answers, what matters to a model, and what would change its mind.

use std::path::PathBuf;

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use orrery_domain::{
    compare::RowsOrigin,
    explain::{
        BaselineChoice, ColumnImportance, Counterfactuals, Dependence, ExplainMethod, ExplainReport,
        ExplainScale, ExplainSettings, Explanation, Findings, Importance,
    },
    job::{JobEvent, JobSpec},
    metric::MetricValue,
    words::{self, plural},
};
use orrery_engine::{files, registry};

use super::{
    Context, End, Outcome, compare,
    output::{self, Align},
    unexpected,
};

/// Columns of a row that are printed.
const COLUMNS: usize = 12;
/// Columns whose importance is printed.
const MOST: usize = 40;
/// Rows that are printed one by one.
const ROWS: usize = 10;

#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The model: NAME (its newest version) or NAME:VERSION
    #[arg(long, value_name = "NAME[:VERSION]")]
    model: String,
    /// A file with every feature (and the target, for permutation-importance), or a dataset's id or name: of the dataset that the model
    /// was trained on only its test rows are used [default: that dataset]
    #[arg(long, value_name = "FILE|ID")]
    data: Option<String>,
    /// How [default: tree-shap for trees, else integrated-gradients]
    #[arg(long, value_parser = methods())]
    method: Option<ExplainMethod>,
    /// Rows from A to before B, counted from 0 [default: the first 10; with --out all; all for methods that look at all rows]
    #[arg(long, value_name = "A..B", value_parser = parse_rows)]
    rows: Option<(u64, u64)>,
    /// The class to explain [default: the positive one of two, of several the one predicted for the first row]
    #[arg(long)]
    class: Option<String>,
    /// Where integrated gradients begin: mean (of the training rows) or row:I
    #[arg(long, value_name = "mean|row:I", default_value = "mean")]
    baseline: String,
    /// Rows of the background, drawn from the training rows
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    background: u32,
    /// Orders (permutation-shap), sets of columns (kernel-shap), points (the gradients) or neighbours (lime) a row; pixels of the
    /// window's side (occlusion)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    samples: Option<u32>,
    /// Shuffles of each column (permutation-importance)
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=1000))]
    repeats: u32,
    /// Columns that may change (counterfactual) or are looked at (partial-dependence) [default: all]
    #[arg(long, value_name = "COL,…", value_delimiter = ',')]
    columns: Vec<String>,
    /// What the model shall say (counterfactual): a class, '>=NUMBER' or '<=NUMBER' [default: another class]
    #[arg(long, value_name = "WHAT")]
    wanted: Option<String>,
    /// Leave out infidelity, sensitivity and the test with shuffled weights, which take a while
    #[arg(long)]
    quick: bool,
    /// Seed of everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// A .csv file for all rows
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn methods() -> impl clap::builder::TypedValueParser<Value = ExplainMethod> {
    PossibleValuesParser::new(ExplainMethod::ALL.map(ExplainMethod::name))
        .try_map(|name| ExplainMethod::from_name(&name).ok_or_else(|| format!("there is no method '{name}'")))
}

fn parse_rows(text: &str) -> Result<(u64, u64), String> {
    let found = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    found
        .filter(|(from, to)| from < to)
        .ok_or_else(|| "write rows as A..B, as 0..10 for the first ten".to_owned())
}

pub fn run(context: &Context, arguments: &ExplainArguments) -> Outcome {
    let mut store = context.store()?;
    let model = registry::find(&mut store, &arguments.model)?.model;
    let card = registry::read_card(&context.workspace.model(&model))?;
    let data = compare::rows(context, arguments.data.as_deref(), std::slice::from_ref(&model))?;
    let settings = ExplainSettings {
        method: arguments.method,
        class: arguments.class.clone(),
        baseline: BaselineChoice::parse(&arguments.baseline)?,
        background: arguments.background,
        samples: arguments.samples,
        repeats: arguments.repeats,
        columns: arguments.columns.clone(),
        wanted: arguments.wanted.clone(),
        rows: arguments.rows,
        checks: !arguments.quick,
        seed: arguments.seed,
    };
    let spec = JobSpec::Explain {
        home: context.workspace.home().to_path_buf(),
        // Without it the given rows are the background, and the report says so.
        trained_on: registry::dataset_of(&store, &model, &card).ok().map(Box::new),
        model,
        data,
        settings: Box::new(settings),
        out: arguments.out.as_deref().map(files::absolute),
    };
    let report = match context.complete(&spec) {
        Ok(JobEvent::Explained { report }) => report,
        Ok(other) => return Err(unexpected(&other)),
        Err(End::Cancelled) => {
            output::note("Stopped. What was computed is kept: the same command goes on from there.");
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

fn print(report: &ExplainReport) {
    let origin = match report.origin {
        RowsOrigin::TestRows => ", test rows",
        RowsOrigin::All => "",
    };
    output::line(&format!(
        "{} of {}: {} of {}{origin}",
        report.found.method().title(),
        report.model,
        plural(report.explained, "row"),
        report.source
    ));
    if let Some(against) = report.found.against() {
        output::line(&format!("Against {}.", against.words()));
    }
    match &report.found {
        Findings::Attributions(found) => attributions(found),
        Findings::Importance(found) => importance(found),
        Findings::Dependence(found) => dependence(found),
        Findings::Counterfactuals(found) => counterfactuals(found),
    }
    output::line("");
    for check in report.found.checks() {
        let mark = if check.passed { "passed" } else { "FAILED" };
        output::line(&format!("{mark}: {}.", check.sentence()));
    }
    if let Some(out) = &report.out {
        output::line(&format!("Wrote {}.", out.display()));
    }
}

fn scale(scale: ExplainScale, class: Option<&String>) -> String {
    match (scale, class) {
        (ExplainScale::LogOdds, Some(class)) => format!("log-odds of '{class}'"),
        (ExplainScale::LogOdds, None) => "log-odds".to_owned(),
        (ExplainScale::Value, _) => "the target's unit".to_owned(),
        (ExplainScale::LogValue, _) => "the logarithm of the target".to_owned(),
    }
}

fn attributions(found: &Explanation) {
    output::line(&format!("In {}.", scale(found.scale, found.class.as_ref())));
    output::line("");
    let head = [("Column", Align::Left), ("Mean size", Align::Right), ("95 % interval", Align::Left)];
    let columns = found.importance();
    let shown = &columns[..columns.len().min(MOST)];
    table(&head, shown);
    if shown.len() < columns.len() {
        output::line(&format!(
            "… and {} more columns; --json and --out have all.",
            columns.len() - shown.len()
        ));
    }
    if found.totals.is_some() {
        output::line(&format!(
            "The report holds {} of {}, drawn by the seed; --out has all.",
            output::count(found.rows.len() as u64),
            plural(found.explained(), "row")
        ));
    }
    for row in found.rows.iter().take(ROWS) {
        output::line("");
        output::line(&format!(
            "Row {}: {} from {}",
            row.row,
            output::number(row.prediction),
            output::number(row.baseline)
        ));
        let errors = row.standard_errors.as_ref();
        let features = row.attributions.0.iter().map(|(name, _)| name);
        let values: Vec<(&String, &Option<String>)> = features.zip(&row.values).collect();
        let lines: Vec<Vec<String>> = row
            .attributions
            .ranked()
            .into_iter()
            .take(COLUMNS)
            .map(|(name, value)| {
                let own = values.iter().find(|(known, _)| *known == name);
                let own =
                    own.and_then(|(_, value)| (*value).clone()).unwrap_or_else(|| words::NONE.to_owned());
                let error = errors.and_then(|all| all.0.iter().find(|(known, _)| known == name));
                let error =
                    error.map_or_else(String::new, |(_, error)| format!("± {}", output::number(*error)));
                vec![name.clone(), own, output::number(*value), error]
            })
            .collect();
        let head = [
            ("Column", Align::Left),
            ("Value", Align::Left),
            ("Adds", Align::Right),
            ("Standard error", Align::Left),
        ];
        output::table(&head[..if errors.is_some() { 4 } else { 3 }], &cut(lines, errors.is_some()));
    }
}

/// Without the last cells where there are no errors.
fn cut(lines: Vec<Vec<String>>, errors: bool) -> Vec<Vec<String>> {
    lines
        .into_iter()
        .map(|mut line| {
            line.truncate(if errors { 4 } else { 3 });
            line
        })
        .collect()
}

fn table(head: &[(&str, Align)], columns: &[ColumnImportance]) {
    let lines: Vec<Vec<String>> = columns
        .iter()
        .map(|column| {
            let MetricValue { value, low, high } = &column.importance;
            let number = |value: &Option<f64>| value.map_or_else(|| words::NONE.to_owned(), output::number);
            let interval = low.zip(*high).map_or_else(
                || words::NONE.to_owned(),
                |(low, high)| format!("{} to {}", output::number(low), output::number(high)),
            );
            vec![column.column.clone(), number(value), interval]
        })
        .collect();
    output::table(head, &lines);
}

fn importance(found: &Importance) {
    let metric = found.metric;
    let whole = MetricValue { value: Some(found.whole), low: None, high: None };
    let what = if metric.higher_is_better() { "Falls by" } else { "Rises by" };
    output::line(&format!(
        "{} {} with nothing shuffled; mean over {} of each column.",
        metric.title(),
        output::metric(metric, &whole),
        plural(u64::from(found.repeats), "shuffle")
    ));
    output::line("");
    table(&[("Column", Align::Left), (what, Align::Right), ("95 % interval", Align::Left)], &found.columns);
}

fn dependence(found: &Dependence) {
    output::line(&format!("Mean answers in {}.", scale(found.scale, found.class.as_ref())));
    for column in &found.columns {
        output::line("");
        output::line(&format!(
            "{}: {:.0} % of single rows' changes are their own",
            column.column,
            column.interaction * 100.0
        ));
        let lines: Vec<Vec<String>> = column
            .grid
            .iter()
            .map(|point| {
                let value = point.value.clone().unwrap_or_else(|| words::NONE.to_owned());
                vec![value, output::number(point.mean)]
            })
            .collect();
        output::table(&[("Value", Align::Left), ("Mean answer", Align::Right)], &lines);
    }
}

fn counterfactuals(found: &Counterfactuals) {
    output::line(&format!("Wanted: {}. May change: {}.", found.wanted, found.actionable.join(", ")));
    for row in &found.rows {
        output::line("");
        let Some(nearest) = &row.nearest else {
            let why = if row.already { "it is so already" } else { "no change was found" };
            output::line(&format!("Row {}: {}; {why}", row.row, row.prediction));
            continue;
        };
        output::line(&format!(
            "Row {}: {} becomes {}, {} away in training units",
            row.row,
            row.prediction,
            nearest.prediction,
            output::number(nearest.distance)
        ));
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| words::NONE.to_owned());
        let lines: Vec<Vec<String>> = nearest
            .changes
            .iter()
            .map(|change| vec![change.column.clone(), text(&change.from), text(&change.to)])
            .collect();
        output::table(&[("Column", Align::Left), ("From", Align::Left), ("To", Align::Left)], &lines);
    }
}
