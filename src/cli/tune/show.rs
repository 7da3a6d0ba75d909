//! Tunings in tables.

use orrery_domain::{
    tune::{Figure, TuneMeasurement, TuneReport, TuneStage},
    words,
};

use super::super::{
    Context, Outcome,
    output::{self, Align},
};

/// All tunings.
pub fn list(context: &Context, all: &[TuneReport]) -> Outcome {
    if context.json {
        return output::json(&serde_json::json!({ "tunings": all }));
    }
    if all.is_empty() {
        output::line("There is no tuning yet. `orrery tune --model NAME` makes one.");
        return Ok(());
    }
    let row = |report: &TuneReport| {
        let stage = match report.stage {
            TuneStage::Finished => "finished",
            TuneStage::Unfinished => "unfinished",
        };
        let measured = format!("{} of {}", report.measurements.len(), report.request.max_measurements);
        let best = report.chosen().and_then(|best| best.figures.get(&report.request.goals.objective));
        let best = best.map_or_else(none, |found| report.request.goals.objective.words(found.value));
        vec![
            report.id.clone(),
            report.request.model.to_string(),
            report.request.goals.words(),
            measured,
            stage.to_owned(),
            best,
        ]
    };
    let head = [
        ("Tuning", Align::Left),
        ("Model", Align::Left),
        ("Goal", Align::Left),
        ("Measured", Align::Right),
        ("", Align::Left),
        ("Best", Align::Right),
    ];
    output::table(&head, &all.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

/// One tuning, with every measurement.
pub fn report(report: &TuneReport) {
    let request = &report.request;
    output::line(&format!("Tuning {} of {}", report.id, request.model));
    output::line(&format!("{}; {}", request.goals.words(), request.workload.words()));
    let row = |(at, found): (usize, &TuneMeasurement)| {
        let serving = &found.setting.serving;
        let mut row = vec![
            (at + 1).to_string(),
            found.setting.model.version.to_string(),
            serving.batch_rows.to_string(),
            if serving.threads == 0 { "all".to_owned() } else { serving.threads.to_string() },
            serving.instances.to_string(),
            serving.delay_micros.to_string(),
        ];
        row.extend(
            [Figure::Throughput, Figure::P50, Figure::P95, Figure::Memory, Figure::Cpu]
                .map(|figure| figure_of(found, figure)),
        );
        row.push(remarks(report, at, found));
        row
    };
    let rows: Vec<Vec<String>> = report.measurements.iter().enumerate().map(row).collect();
    let head = [
        ("#", Align::Right),
        ("Version", Align::Right),
        ("Batch", Align::Right),
        ("Threads", Align::Right),
        ("Instances", Align::Right),
        ("Delay us", Align::Right),
        ("Rows/s", Align::Right),
        ("p50 ms", Align::Right),
        ("p95 ms", Align::Right),
        ("MiB", Align::Right),
        ("Cores", Align::Right),
        ("", Align::Left),
    ];
    output::table(&head, &rows);
    for finding in &report.findings {
        output::line(finding);
    }
}

fn remarks(report: &TuneReport, at: usize, found: &TuneMeasurement) -> String {
    if let Some(why) = &found.failure {
        return format!("failed: {why}");
    }
    let all = [
        (found.setting == report.before, "now"),
        (report.best == Some(at), "best"),
        (report.front.contains(&at), "front"),
        (!found.steady, "noisy"),
        (!report.request.goals.kept(&found.figures), "breaks a bound"),
    ];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word).collect::<Vec<_>>().join(", ")
}

/// A figure, marked where its own interval is wide.
fn figure_of(found: &TuneMeasurement, figure: Figure) -> String {
    let mark = if found.is_noisy(figure) { " noisy" } else { "" };
    found.figures.get(&figure).map_or_else(none, |value| figure.interval(value) + mark)
}

fn none() -> String {
    words::NONE.to_owned()
}
