//! Explanations of the flights' trees, as page Explain shows them.

use orrery_domain::{
    DatasetId, ModelRef,
    compare::{CompareSource, RowsOrigin},
    explain::{
        Against, Attributions, ExplainCheck, ExplainMethod, ExplainReport, ExplainScale, ExplainSettings,
        Explanation, Findings, RowExplanation,
    },
    snapshot::ExplainState,
};

/// Columns of the flights, but for the target.
pub const COLUMNS: [&str; 9] =
    ["carrier", "origin", "dest", "distance", "sched_hour", "weekday", "wind_speed", "flight", "time_hour"];

fn flights() -> ModelRef {
    ModelRef { name: "flights-gbt".to_owned(), version: 3 }
}

/// Numbers from 0 to 1 that look drawn.
pub fn noise(row: usize, column: usize) -> f64 {
    ((row * 7919 + column * 104_729 + row * column * 31) % 1009) as f64 / 1009.0
}

fn row(row: usize) -> RowExplanation {
    let values: Vec<Option<String>> = COLUMNS
        .iter()
        .enumerate()
        .map(|(at, name)| match *name {
            "carrier" => Some(["UA", "AA", "B6", "DL"][(noise(row, at) * 4.0) as usize].to_owned()),
            "origin" => Some(["EWR", "JFK", "LGA"][(noise(row, at) * 3.0) as usize].to_owned()),
            "dest" => Some(["ORD", "SFO", "MIA", "BOS", "ATL"][(noise(row, at) * 5.0) as usize].to_owned()),
            "wind_speed" if row.is_multiple_of(9) => None,
            "time_hour" => Some("2013-07-04 17:00:00".to_owned()),
            "sched_hour" => Some(format!("{:.0}", 5.0 + noise(row, at) * 18.0)),
            _ => Some(format!("{:.0}", noise(row, at) * 2000.0)),
        })
        .collect();
    let size = [0.5, 0.3, 0.22, 0.12, 1.4, 0.1, 0.45, 0.04, 0.6];
    let parts = COLUMNS.iter().enumerate().map(|(at, name)| {
        let swing = noise(row, at) - 0.45;
        ((*name).to_owned(), size[at] * swing)
    });
    let attributions = Attributions(parts.collect());
    let sum: f64 = attributions.0.iter().map(|(_, part)| part).sum();
    RowExplanation {
        row: row as u64,
        prediction: sum - 0.9,
        baseline: -0.9,
        attributions,
        standard_errors: None,
        values,
    }
}

/// Parts of 300 rows; one of the checks has failed.
pub fn attributions() -> Findings {
    Findings::Attributions(Explanation {
        totals: None,
        method: ExplainMethod::PermutationShap,
        class: Some("true".to_owned()),
        scale: ExplainScale::LogOdds,
        rows: (0..300).map(row).collect(),
        check: ExplainCheck::new("additivity", 2e-15, 1e-6),
        checks: vec![
            ExplainCheck::new("infidelity", 0.62, 0.5),
            ExplainCheck::new("sensitivity", 0.08, 0.5),
            ExplainCheck::new("randomized_weights", 0.04, 0.5),
        ],
        against: Some(Against::Background {
            rows: 100,
            of: "the training rows of flights-gbt:3".to_owned(),
            seed: 0,
        }),
    })
}

/// The window's latest explanation.
pub fn state(dataset: DatasetId, found: Findings) -> ExplainState {
    let method = found.method();
    ExplainState {
        job: 8,
        model: flights(),
        source: CompareSource::Dataset { dataset },
        settings: ExplainSettings { method: Some(method), ..ExplainSettings::default() },
        answer: Some(Ok(ExplainReport {
            model: flights(),
            source: "flights_delay".to_owned(),
            origin: RowsOrigin::TestRows,
            explained: 300,
            found,
            out: None,
            warnings: Vec::new(),
        })),
    }
}
