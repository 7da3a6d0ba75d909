//! File: what was found as CSV, a line a row or a column, with cells that a spreadsheet would run as formulas neutralised.

use orrery_domain::{
    Failure, FailureClass,
    explain::{Findings, RowExplanation},
    spreadsheet::harmless,
};

/// Lines that are put together.
pub(super) struct Lines(csv::Writer<Vec<u8>>);

impl Lines {
    /// No lines.
    pub fn new() -> Self {
        Self(csv::Writer::from_writer(Vec::new()))
    }

    fn line<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) -> Result<(), Failure> {
        let cells: Vec<std::borrow::Cow<'_, str>> = cells.into_iter().map(harmless).collect();
        self.0.write_record(cells.iter().map(|cell| cell.as_bytes())).map_err(|error| unwritten(&error))
    }

    /// The head of attributions: the row, its answer, the baseline, and a column a feature.
    ///
    /// # Errors
    /// A capacity failure when memory is short.
    pub fn head<'a>(&mut self, columns: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
        self.line(["row", "prediction", "baseline"].into_iter().chain(columns))
    }

    /// Explained rows.
    ///
    /// # Errors
    /// As [`Self::head`].
    pub fn rows(&mut self, rows: &[RowExplanation]) -> Result<(), Failure> {
        for row in rows {
            let numbers = [row.prediction, row.baseline];
            let parts = row.attributions.0.iter().map(|(_, value)| *value);
            let cells: Vec<String> = std::iter::once(row.row.to_string())
                .chain(numbers.into_iter().chain(parts).map(|value| value.to_string()))
                .collect();
            self.line(cells.iter().map(String::as_str))?;
        }
        Ok(())
    }

    /// Everything of what is not attributions.
    ///
    /// # Errors
    /// As [`Self::head`].
    pub fn findings(&mut self, found: &Findings) -> Result<(), Failure> {
        let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        match found {
            Findings::Attributions(_) => Ok(()),
            Findings::Importance(found) => {
                self.line(["column", "importance", "low", "high"])?;
                for column in &found.columns {
                    let value = &column.importance;
                    let [value, low, high] = [value.value, value.low, value.high].map(number);
                    self.line([column.column.as_str(), &value, &low, &high])?;
                }
                Ok(())
            }
            Findings::Dependence(found) => {
                self.line(["column", "value", "mean"])?;
                for column in &found.columns {
                    for point in &column.grid {
                        let value = point.value.as_deref().unwrap_or_default();
                        self.line([column.column.as_str(), value, &point.mean.to_string()])?;
                    }
                }
                Ok(())
            }
            Findings::Counterfactuals(found) => {
                self.line(["row", "prediction", "new_prediction", "distance", "column", "from", "to"])?;
                for row in &found.rows {
                    let place = row.row.to_string();
                    let Some(nearest) = &row.nearest else {
                        self.line([place.as_str(), &row.prediction, "", "", "", "", ""])?;
                        continue;
                    };
                    let distance = nearest.distance.to_string();
                    for change in &nearest.changes {
                        let text = |value: &Option<String>| value.clone().unwrap_or_default();
                        let (from, to) = (text(&change.from), text(&change.to));
                        let (new, column) = (nearest.prediction.as_str(), change.column.as_str());
                        self.line([place.as_str(), &row.prediction, new, &distance, column, &from, &to])?;
                    }
                }
                Ok(())
            }
        }
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// As [`Self::head`].
    pub fn bytes(self) -> Result<Vec<u8>, Failure> {
        self.0.into_inner().map_err(|error| unwritten(&error))
    }
}

fn unwritten(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(FailureClass::Capacity, format!("The lines could not be put together: {error}."))
}
