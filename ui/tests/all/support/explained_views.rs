//! What page Explain shows of methods that do not explain single answers.

use orrery_domain::{
    explain::{
        Against, ChangedValue, ColumnDependence, ColumnImportance, Counterfactual, CounterfactualRow,
        Counterfactuals, Dependence, ExplainCheck, ExplainMethod, ExplainScale, Findings, GridPoint,
        Importance,
    },
    metric::{MetricId, MetricValue},
};

use crate::support::fixture::explained::{COLUMNS, noise};

/// Permutation importance.
pub fn importance() -> Findings {
    let column = |(at, name): (usize, &&str)| {
        let value = 0.08 / (1.0 + at as f64);
        ColumnImportance {
            column: (*name).to_owned(),
            importance: MetricValue {
                value: Some(value),
                low: Some(value - 0.004),
                high: Some(value + 0.004),
            },
            repeats: vec![value; 10],
        }
    };
    Findings::Importance(Importance {
        method: ExplainMethod::PermutationImportance,
        metric: MetricId::Auroc,
        whole: 0.809,
        repeats: 10,
        columns: COLUMNS.iter().enumerate().map(column).collect(),
        check: ExplainCheck::new("repeat_spread", 0.05, 0.5),
    })
}

/// Partial dependence of an hour and of a place.
pub fn dependence() -> Findings {
    let against =
        Against::Background { rows: 100, of: "the training rows of flights-gbt:3".to_owned(), seed: 0 };
    let line = |row: usize, grid: usize| -> Vec<f64> {
        (0..grid).map(|at| -2.0 + 0.1 * at as f64 + noise(row, 3) + 0.2 * noise(row, at)).collect()
    };
    let column = |name: &str, number: bool, grid: Vec<GridPoint>| ColumnDependence {
        column: name.to_owned(),
        number,
        lines: (0..30).map(|row| line(row, grid.len())).collect(),
        grid,
        importance: MetricValue { value: Some(0.4), low: None, high: None },
        interaction: 0.21,
    };
    let hours = (5..23).map(|hour| GridPoint {
        value: Some(hour.to_string()),
        x: f64::from(hour),
        mean: -1.4 + 0.1 * f64::from(hour - 5),
    });
    let places = ["EWR", "JFK", "LGA"].iter().enumerate().map(|(at, place)| GridPoint {
        value: Some((*place).to_owned()),
        x: at as f64,
        mean: -1.4 + 0.1 * at as f64,
    });
    Findings::Dependence(Dependence {
        method: ExplainMethod::PartialDependence,
        class: Some("true".to_owned()),
        scale: ExplainScale::LogOdds,
        columns: vec![column("sched_hour", true, hours.collect()), column("origin", false, places.collect())],
        against,
        check: ExplainCheck::new("interaction", 0.21, 0.5),
    })
}

/// Nearest changes of three rows.
pub fn counterfactuals() -> Findings {
    let change = |column: &str, from: &str, to: &str| ChangedValue {
        column: column.to_owned(),
        from: Some(from.to_owned()),
        to: Some(to.to_owned()),
    };
    let nearest = Counterfactual {
        prediction: "false".to_owned(),
        distance: 1.31,
        changes: vec![change("sched_hour", "19", "9"), change("carrier", "B6", "DL")],
    };
    let row = |row, nearest, already| CounterfactualRow {
        row,
        prediction: if already { "false" } else { "true" }.to_owned(),
        nearest,
        already,
    };
    Findings::Counterfactuals(Counterfactuals {
        method: ExplainMethod::Counterfactual,
        wanted: "false".to_owned(),
        actionable: vec!["sched_hour".to_owned(), "carrier".to_owned()],
        against: Against::Background {
            rows: 1000,
            of: "the training rows of flights-gbt:3".to_owned(),
            seed: 0,
        },
        rows: vec![row(0, Some(nearest), false), row(1, None, true), row(2, None, false)],
        check: ExplainCheck::new("validity", 1.0 / 3.0, 0.0),
    })
}
