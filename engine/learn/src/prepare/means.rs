//! Means: the mean encoded training row, which explanations start from unless they are told otherwise.

use std::path::Path;

use orrery_domain::{Failure, FailureClass, training::CategoryEncoding};
use serde::{Deserialize, Serialize};

use super::{Layout, Preprocessor};
use crate::{nets::Baseline, table::Table};

/// The version of `means.json` that this program writes.
const FORMAT: u32 = 1;

/// Name of the file in a model folder.
pub const FILE: &str = "means.json";

/// Means over the training rows of what [`Preprocessor::transform`] gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Means {
    /// Format of the file.
    format: u32,
    /// Training rows.
    rows: u64,
    /// Mean of each continuous input and flag, in the layout's order.
    numbers: Vec<f64>,
    /// Share of each code, by category feature.
    shares: Vec<Vec<f64>>,
}

impl Preprocessor {
    /// Means over these rows, which should be the training rows.
    ///
    /// # Errors
    /// A data failure that names a column which is missing or holds another kind of values.
    pub fn means(&self, table: &Table) -> Result<Means, Failure> {
        let (encoded, _) = self.transform_codes(table)?;
        let layout = self.layout_as(CategoryEncoding::Embedding);
        let mut numbers = vec![0.0; layout.numbers()];
        let mut counts: Vec<Vec<u64>> = layout.categories.iter().map(|(_, codes)| vec![0; *codes]).collect();
        for row in encoded.values.chunks_exact(encoded.cols.max(1)) {
            let (own, codes) = row.split_at(numbers.len());
            numbers.iter_mut().zip(own).for_each(|(sum, value)| *sum += f64::from(*value));
            counts.iter_mut().zip(codes).for_each(|(counts, code)| counts[*code as usize] += 1);
        }
        let rows = encoded.rows.max(1) as f64;
        let share = |counts: Vec<u64>| counts.into_iter().map(|count| count as f64 / rows).collect();
        Ok(Means {
            format: FORMAT,
            rows: encoded.rows as u64,
            numbers: numbers.into_iter().map(|sum| sum / rows).collect(),
            shares: counts.into_iter().map(share).collect(),
        })
    }
}

impl Means {
    /// The mean row as a network of this layout takes it.
    ///
    /// # Errors
    /// A model failure when the means are of other inputs.
    pub fn baseline(&self, layout: &Layout) -> Result<Baseline, Failure> {
        let sizes: Vec<usize> = layout.categories.iter().map(|(_, codes)| *codes).collect();
        let fits = self.numbers.len() == layout.numbers()
            && self.shares.iter().map(Vec::len).eq(sizes)
            && self.numbers.iter().chain(self.shares.iter().flatten()).all(|value| value.is_finite());
        if !fits {
            return Err(unusable(&"they are of other inputs than the model's"));
        }
        let narrow = |values: &[f64]| -> Vec<f32> { values.iter().map(|value| *value as f32).collect() };
        let mut baseline = Baseline { numbers: narrow(&self.numbers), shares: Vec::new() };
        for shares in &self.shares {
            match layout.encoding {
                CategoryEncoding::Embedding => baseline.shares.push(narrow(shares)),
                CategoryEncoding::OneHot => baseline.numbers.extend(narrow(shares)),
            }
        }
        Ok(baseline)
    }

    /// Writes `means.json` into a model folder.
    ///
    /// # Errors
    /// A capacity failure when the disk does not take it.
    pub fn save(&self, folder: &Path) -> Result<(), Failure> {
        crate::train::files::write_json(&folder.join(FILE), self)
    }

    /// Reads `means.json` of a model folder.
    ///
    /// # Errors
    /// A model failure when it is missing, damaged or of another format.
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        let text = std::fs::read(folder.join(FILE)).map_err(|error| unusable(&error))?;
        let found: Self = serde_json::from_slice(&text).map_err(|error| unusable(&error))?;
        if found.format != FORMAT {
            return Err(unusable(&format!(
                "format {}, and this program reads format {FORMAT}",
                found.format
            )));
        }
        Ok(found)
    }
}

fn unusable(what: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        FailureClass::Model,
        format!(
            "The means of the model's training rows cannot be used: {what}. Restore the model from a copy or train it again."
        ),
    )
}
