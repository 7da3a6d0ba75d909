//! Surfaces: recorded by measuring every setting, and searches replayed on them.

use std::path::{Path, PathBuf};

use orrery_domain::{
    Failure, FailureClass,
    tune::{Figure, Goals, Limit, Replay, Surface, TuneRequest},
    words::percent,
};
use orrery_engine::{files, tune::replay};

use super::{
    super::{
        Context, End, Outcome,
        output::{self, Align},
    },
    measured,
};

fn client(message: String) -> End {
    End::Failed(Failure::new(FailureClass::Client, message))
}

/// Measures every setting of a request's space, twice where asked, and writes the surface.
pub fn record(
    context: &Context,
    request: TuneRequest,
    out: &Path,
    (title, machine): (Option<&str>, &str),
    twice: bool,
) -> Outcome {
    let all = u32::try_from(request.space.len()).unwrap_or(u32::MAX);
    let request = TuneRequest { max_measurements: all, ..request };
    let report = measured(context, request.clone(), None, false)?;
    let again = twice.then(|| measured(context, request, None, false)).transpose()?;
    let title = title.map_or_else(|| report.request.model.to_string(), str::to_owned);
    let surface = Surface::of(&title, machine, &report, again.as_ref())
        .ok_or_else(|| client("Not every setting was measured. Record it again: it goes on.".to_owned()))?;
    let mut bytes = serde_json::to_vec(&surface).map_err(|error| {
        End::Failed(Failure::new(FailureClass::Bug, format!("A surface is no JSON: {error}.")))
    })?;
    bytes.push(b'\n');
    files::write_atomic(out, &bytes)?;
    if context.json {
        return output::json(&serde_json::json!({
            "out": out, "settings": surface.cells.len(), "noisy": surface.noisy.len(), "tuning": report.id,
        }));
    }
    output::line(&format!(
        "{}: {} settings, {} of them noisy.",
        out.display(),
        surface.cells.len(),
        surface.noisy.len()
    ));
    Ok(())
}

/// What a surface is searched for: the most throughput, alone, within the latency that a third of the settings keeps, and within the
/// memory that half of them keeps; the lowest latency within that memory.
pub fn goals(surface: &Surface) -> Vec<Goals> {
    let limit = |figure: Figure, share: f64| {
        surface.quantile(figure, share).map(|bound| vec![Limit { figure, bound }])
    };
    let bounded = |objective, limits: Option<Vec<Limit>>| Some(Goals { objective, limits: limits? });
    [
        Some(Goals::default()),
        bounded(Figure::Throughput, limit(Figure::P95, 1.0 / 3.0)),
        bounded(Figure::Throughput, limit(Figure::Memory, 0.5)),
        bounded(Figure::P95, limit(Figure::Memory, 0.5)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Replays the search on every file.
pub fn replay(context: &Context, files: &[PathBuf], seeds: u64, share: f64) -> Outcome {
    if !(share > 0.0 && share <= 100.0) {
        return Err(client("The share of measurements is above 0 and up to 100 percent.".to_owned()));
    }
    let mut all = Vec::new();
    for file in files {
        let surface = read(file)?;
        let measurements = ((surface.space.len() as f64 * share / 100.0) as usize).max(1);
        let replayed = goals(&surface)
            .into_iter()
            .filter_map(|goals| replay::replay(&surface, &goals, measurements, seeds));
        all.extend(replayed);
    }
    if context.json {
        return output::json(&serde_json::json!({ "replays": all }));
    }
    let mean = |shares: &[f64]| match shares {
        [] => String::new(),
        shares => format!("{:.1}%", 100.0 * Replay::mean(shares)),
    };
    let row = |found: &Replay| {
        let measured = format!("{} of {}", found.measurements, found.settings);
        let share = found.measurements as f64 / found.settings as f64;
        vec![
            found.surface.clone(),
            found.goals.words(),
            format!("{measured} ({})", percent(share)),
            mean(&found.judged),
            mean(&found.random_judged),
            mean(&found.shares),
            mean(&found.random),
        ]
    };
    let head = [
        ("Surface", Align::Left),
        ("Goal", Align::Left),
        ("Measured", Align::Right),
        ("Search, judged", Align::Right),
        ("random", Align::Right),
        ("Search, recorded", Align::Right),
        ("random", Align::Right),
    ];
    output::table(&head, &all.iter().map(row).collect::<Vec<_>>());
    output::line(&format!(
        "Means over {seeds} seeds. Judged: of what brute force would have chosen by the same figures, both measured once more. Recorded: of the best figure there is, which is partly luck."
    ));
    Ok(())
}

fn read(file: &Path) -> Result<Surface, End> {
    let bytes =
        std::fs::read(file).map_err(|error| files::failure("A surface cannot be read", &error, file))?;
    let surface: Surface = serde_json::from_slice(&bytes)
        .map_err(|error| client(format!("This is no surface: {error}. ({})", file.display())))?;
    match surface.refusal() {
        Some(why) => Err(client(format!("This surface cannot be replayed: {why} ({})", file.display()))),
        None => Ok(surface),
    }
}
