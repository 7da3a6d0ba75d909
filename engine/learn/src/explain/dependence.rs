//! Partial dependence: the answers when one raw column takes each of its values in every row.
//!
//! Friedman 2001, "Greedy function approximation", section 8.2; lines of single rows: Goldstein et al. 2015, "Peeking inside the black
//! box". The values are ones that occur in the rows (for numbers, evenly spaced quantiles), so that nothing is asked of a value that
//! never was.

use orrery_domain::{
    explain::{ColumnDependence, ExplainCheck, GridPoint},
    metric::MetricValue,
};

use super::{
    answers::{Answers, Rows},
    ask::mean,
    pieces::Place,
    players::Players,
};
use crate::{
    control::{Interrupt, JobControl, check},
    predict::say,
    table::Table,
};

/// Values of a column of numbers.
const QUANTILES: usize = 25;
/// Most values of a column of words.
const VALUES: usize = 20;
/// Lines of single rows that are kept.
const LINES: usize = 50;
/// Largest share of the rows' changes that the mean curve may lack.
const INTERACTION: f64 = 0.5;

/// The rows that values are put into.
#[derive(Clone, Copy)]
pub(super) struct Grounds<'a> {
    /// The model.
    pub model: &'a dyn Answers,
    /// Raw columns.
    pub players: &'a Players,
    /// Encoded rows.
    pub x: &'a Rows,
    /// The same rows, raw.
    pub table: &'a Table,
}

impl Grounds<'_> {
    /// The columns at these places among the players, by their names.
    ///
    /// # Errors
    /// A failure of the model, or an interruption.
    pub fn dependence(
        &self,
        columns: &[(usize, String)],
        place: Place<'_>,
    ) -> Result<(Vec<ColumnDependence>, ExplainCheck), Interrupt> {
        let mut pieces = place.pieces();
        let mut all: Vec<ColumnDependence> = Vec::with_capacity(columns.len());
        for (done, (player, name)) in columns.iter().enumerate() {
            all.push(pieces.next(|| self.column(*player, name, place.control))?);
            let share = (done + 1) as f64 / columns.len() as f64;
            let phase = pieces.phase("Moving columns");
            say(place.control, &phase, Some(share), done + 1, columns.len(), None);
        }
        let size = |column: &ColumnDependence| column.importance.value.unwrap_or_default();
        all.sort_by(|a, b| size(b).total_cmp(&size(a)));
        // Of the columns that matter.
        let top = all.first().map_or(0.0, size);
        let worst = all.iter().filter(|column| size(column) >= 0.1 * top);
        let worst = worst.map(|column| column.interaction).fold(0.0, f64::max);
        Ok((all, ExplainCheck::new("interaction", worst, INTERACTION)))
    }

    fn column(
        &self,
        player: usize,
        name: &str,
        control: &dyn JobControl,
    ) -> Result<ColumnDependence, Interrupt> {
        let (number, donors) = self.grid(name);
        let inputs = &self.players.inputs[player];
        let rows = self.x.len();
        // Row-major `[grid, rows]`.
        let mut curves = Vec::with_capacity(donors.len());
        for (_, donor) in &donors {
            check(control)?;
            let mut moved = self.x.clone();
            for row in 0..rows {
                for input in inputs {
                    moved.values[row * self.x.cols + input] = self.x.row(*donor)[*input];
                }
            }
            curves.push(self.model.answers(&moved)?);
        }
        let means: Vec<f64> = curves.iter().map(|answers| mean(answers)).collect();
        let middle = mean(&means);
        // Every row's line without its own height, against the mean curve.
        let (mut own, mut whole) = (0.0, 0.0);
        for row in 0..rows {
            let height = curves.iter().map(|curve| curve[row]).sum::<f64>() / curves.len().max(1) as f64;
            for (curve, mean) in curves.iter().zip(&means) {
                let change = curve[row] - height;
                own += (change - (mean - middle)).powi(2);
                whole += change * change;
            }
        }
        let spread = means.iter().map(|value| (value - middle).powi(2)).sum::<f64>();
        let spread = (spread / (means.len().max(2) - 1) as f64).sqrt();
        let text = self.table.position(name);
        let grid = donors
            .iter()
            .zip(&means)
            .map(|((x, donor), mean)| GridPoint {
                value: text.and_then(|column| self.table.text(column, *donor)),
                x: *x,
                mean: *mean,
            })
            .collect();
        Ok(ColumnDependence {
            column: name.to_owned(),
            number,
            grid,
            lines: (0..rows.min(LINES)).map(|row| curves.iter().map(|curve| curve[row]).collect()).collect(),
            importance: MetricValue { value: Some(spread), low: None, high: None },
            interaction: if own == 0.0 { 0.0 } else { own / whole.max(f64::MIN_POSITIVE) },
        })
    }

    /// Whether a column holds numbers, and rows whose values are tried, with their places on the axis.
    fn grid(&self, name: &str) -> (bool, Vec<(f64, usize)>) {
        let Some(column) = self.table.position(name) else { return (false, Vec::new()) };
        let kind = self.table.schema[column].kind;
        let words = matches!(
            kind,
            orrery_domain::dataset::ColumnType::Category
                | orrery_domain::dataset::ColumnType::Text
                | orrery_domain::dataset::ColumnType::Boolean
        );
        if words {
            return (false, self.values(column));
        }
        let numbers = self.table.numbers(column);
        let mut order: Vec<usize> = (0..numbers.len()).filter(|row| !numbers[*row].is_nan()).collect();
        order.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
        let mut donors: Vec<(f64, usize)> = (0..QUANTILES.min(order.len()))
            .map(|at| {
                let last = QUANTILES.min(order.len()).max(2) - 1;
                let row = order[at * (order.len() - 1) / last];
                (numbers[row], row)
            })
            .collect();
        donors.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
        (true, donors)
    }

    /// The most frequent values, by name.
    fn values(&self, column: usize) -> Vec<(f64, usize)> {
        let labels = self.table.labels(column);
        let mut counts: Vec<(usize, usize, Option<usize>)> =
            (0..labels.classes.len()).map(|class| (0, class, None)).collect();
        for (row, code) in labels.codes.iter().enumerate() {
            if let Some(code) = code {
                let count = &mut counts[*code as usize];
                count.0 += 1;
                count.2.get_or_insert(row);
            }
        }
        counts.sort_by_key(|(count, class, _)| (std::cmp::Reverse(*count), *class));
        counts.truncate(VALUES);
        counts.sort_by_key(|(_, class, _)| *class);
        let rows = counts.into_iter().filter_map(|(.., row)| row);
        rows.enumerate().map(|(at, row)| (at as f64, row)).collect()
    }
}
