//! Commands that make a smaller version of a model: quantize, prune, distil.

pub mod distil;
pub mod prune;
pub mod quantize;

use orrery_domain::{
    RunId,
    compress::{CompressMethod, CompressReport, CompressedFigures, DistilTrial, LayerShape, Spread},
    job::{JobEvent, JobSpec},
    metric::MetricId,
    words,
};
use orrery_engine::{registry, runs};

use super::{
    Context, End, Outcome,
    output::{self, Align},
    unexpected,
};

/// Compresses a model in a child process, and shows what came of it.
fn compress(context: &Context, model: &str, name: Option<&str>, method: CompressMethod) -> Outcome {
    let mut store = context.store()?;
    let model = registry::find(&mut store, model)?.model;
    let card = registry::read_card(&context.workspace.model(&model))?;
    let dataset = registry::dataset_of(&store, &model, &card)?;
    let spec = JobSpec::Compress {
        home: context.workspace.home().to_path_buf(),
        model_name: name.unwrap_or(&model.name).to_owned(),
        model,
        dataset: Box::new(dataset),
        method: Box::new(method),
        run: RunId(runs::fresh_id()),
    };
    let report = match context.complete(&spec) {
        Ok(JobEvent::Compressed { report }) => report,
        Ok(other) => return Err(unexpected(&other)),
        Err(End::Cancelled) => {
            output::note("Stopped. What was trained is kept: the same command goes on from there.");
            return Err(End::Said(130));
        }
        Err(end) => return Err(end),
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
    let mut rows = vec![pair("Parameters", before, after, |figures| output::count(figures.parameters))];
    rows.push(pair("On disk", before, after, |figures| output::bytes(figures.bytes)));
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
    show_layers(report);
    show_rounds(report);
    show_trials(report);
    for finding in &report.findings {
        output::line(&finding.text);
    }
}

fn show_layers(report: &CompressReport) {
    if report.layers.is_empty() {
        return;
    }
    let layers: Vec<Vec<String>> = report
        .layers
        .iter()
        .map(|cost| {
            let rise = format!("{:+.4} %", cost.loss_rise * 100.0);
            vec![cost.layer.clone(), output::count(cost.parameters), rise, cost.form()]
        })
        .collect();
    let head = [
        ("Layer", Align::Left),
        ("Parameters", Align::Right),
        ("Loss, alone", Align::Right),
        ("Made of", Align::Left),
    ];
    output::table(&head, &layers);
}

/// Rounds of pruning, and what became of the tensors.
fn show_rounds(report: &CompressReport) {
    if !report.rounds.is_empty() {
        let rows: Vec<Vec<String>> = report
            .rounds
            .iter()
            .enumerate()
            .map(|(at, round)| {
                let kept = if round.kept { "kept" } else { "over the budget" };
                let loss = format!("{:.6}", round.valid_loss);
                vec![(at + 1).to_string(), output::count(round.parameters), loss, kept.to_owned()]
            })
            .collect();
        let head = [
            ("Round", Align::Right),
            ("Parameters left", Align::Right),
            ("Validation loss", Align::Right),
            ("", Align::Left),
        ];
        output::table(&head, &rows);
    }
    if !report.shapes.is_empty() {
        let write = |shape: &[u64]| shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
        let row = |shape: &LayerShape| {
            vec![shape.layer.clone(), write(&shape.before), write(&shape.after), output::count(shape.zeros)]
        };
        let rows: Vec<Vec<String>> = report.shapes.iter().map(row).collect();
        let head = [
            ("Tensor", Align::Left),
            ("Before", Align::Right),
            ("After", Align::Right),
            ("Zeros", Align::Right),
        ];
        output::table(&head, &rows);
    }
}

/// Students that were trained.
fn show_trials(report: &CompressReport) {
    if report.trials.is_empty() {
        return;
    }
    let row = |trial: &DistilTrial| {
        let became = match (trial.chosen, trial.taught) {
            (true, _) => "made",
            (false, true) => "",
            (false, false) => "without a teacher",
        };
        let temperature = trial.temperature.map_or_else(none, |temperature| temperature.to_string());
        let loss = format!("{:.6}", trial.valid_loss);
        let parameters = output::count(trial.parameters);
        vec![trial.student.clone(), parameters, temperature, loss, became.to_owned()]
    };
    let rows: Vec<Vec<String>> = report.trials.iter().map(row).collect();
    let head = [
        ("Student", Align::Left),
        ("Parameters", Align::Right),
        ("Temperature", Align::Right),
        ("Validation loss", Align::Right),
        ("", Align::Left),
    ];
    output::table(&head, &rows);
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
