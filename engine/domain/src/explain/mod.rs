//! Explanations: what each raw column added to a model's answer for a row, and the check that the parts add up.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::MapAccess, de::Visitor, ser::SerializeMap,
};

use crate::metric::MetricValue;

mod method;
mod report;
mod settings;

pub use self::{
    method::ExplainMethod,
    report::{
        ChangedValue, ColumnDependence, ColumnImportance, Counterfactual, CounterfactualRow, Counterfactuals,
        Dependence, ExplainReport, Findings, GridPoint, Importance,
    },
    settings::{Against, BaselineChoice, ExplainSettings},
};

/// The scale that predictions, baselines and attributions are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExplainScale {
    /// Log-odds of the explained class, `ln p - ln (1 - p)`; of trees of several classes, against the rest and before the
    /// probabilities are made to sum to 1.
    LogOdds,
    /// The target's unit.
    Value,
    /// The natural logarithm of the target.
    LogValue,
}

/// What each column added to the answer for one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowExplanation {
    /// The row's place among those that were given, from 0.
    pub row: u64,
    /// The model's answer.
    pub prediction: f64,
    /// Its answer at the baseline, or for trees its mean answer: what the attributions are added to.
    pub baseline: f64,
    /// One a feature column, in the card's order.
    pub attributions: Attributions,
    /// Standard errors of the attributions, where they were sampled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<Attributions>,
    /// The row's own values, in the same order, where they are shown beside: none is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Option<String>>,
}

/// Attributions by column, in order; a JSON object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributions(pub Vec<(String, f64)>);

impl Attributions {
    /// Columns by the size of what they added, largest first.
    pub fn ranked(&self) -> Vec<&(String, f64)> {
        let mut all: Vec<&(String, f64)> = self.0.iter().collect();
        all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        all
    }
}

impl Serialize for Attributions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (column, value) in &self.0 {
            map.serialize_entry(column, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Attributions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Attributions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributions, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Attributions(all))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A law that an explanation must obey, or a test that it may fail, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainCheck {
    /// `completeness` (integrated and expected gradients) or `additivity` (Shapley values): the attributions' sum is the prediction
    /// less the baseline. `slope` (saliency), `deletion` (occlusion), `infidelity`, `sensitivity`, `randomized_weights`, `surrogate_error`, `repeat_spread`, `interaction`,
    /// `validity`: see [`Self::sentence`].
    pub name: String,
    /// The worst that was found, as a share.
    pub value: f64,
    /// Largest share that passes.
    pub limit: f64,
    /// Whether it passed.
    pub passed: bool,
}

impl ExplainCheck {
    /// A check of that name; a value that is no number does not pass.
    pub fn new(name: &str, value: f64, limit: f64) -> Self {
        Self { name: name.to_owned(), value, limit, passed: value <= limit }
    }

    /// What was found, in words.
    pub fn sentence(&self) -> String {
        let (value, limit) = (share(self.value), share(self.limit));
        let (good, bad, advice) = match self.name.as_str() {
            "completeness" | "additivity" => (
                "The parts add up: the gap is {} of the largest part",
                "The parts do not add up: the gap is {} of the largest part",
                "Do not rely on them",
            ),
            "infidelity" => (
                "The parts foretell what the model does when columns are switched off, but for {} of its changes",
                "The parts do not foretell what the model does when columns are switched off: they miss {} of its changes",
                "Columns act together here; single figures cannot say so",
            ),
            "sensitivity" => (
                "A nudge of every number by 2% of its deviation moves the parts by {} at most",
                "A nudge of every number by 2% of its deviation moves the parts by {}",
                "Look at rows beside this one, too",
            ),
            "randomized_weights" => (
                "With the weights shuffled the explanation becomes another (correlation {})",
                "With the weights shuffled the explanation stays alike (correlation {})",
                "It tells of the rows rather than of the model",
            ),
            "slope" => (
                "A short step along the slopes changes the answer as they say, but for {} of it",
                "A short step along the slopes does not change the answer as they say: they miss {} of it",
                "The model bends sharply at a picture; occlusion does not rely on slopes",
            ),
            "deletion" => (
                "Covering the tenth of the pixels with the largest figures matters more: random tenths change the answer by {} of that",
                "Covering the tenth of the pixels with the largest figures matters little more than covering random ones, which change the answer by {} of that",
                "Try another size of window, or look at single pictures",
            ),
            "surrogate_error" => (
                "The linear surrogate misses {} of the model's changes around the row",
                "The linear surrogate misses {} of the model's changes around the row",
                "Its coefficients do not describe the model there",
            ),
            "repeat_spread" => (
                "Repeats agree: an interval is {} of the largest importance at most on either side",
                "Repeats disagree: an interval is {} of the largest importance on either side",
                "Repeat more often, or give more rows",
            ),
            "interaction" => (
                "Single rows follow the mean curves, but for {} of their changes",
                "Single rows do not follow the mean curve: {} of their changes are their own",
                "Read the lines of single rows, not the mean",
            ),
            "validity" => (
                "Every row found a change that the model answers as wished",
                "{} of the rows found no change that the model answers as wished",
                "Give more rows to draw values from, or let more columns change",
            ),
            _ => ("Checked: {}", "A check failed: {}", "Do not rely on the result"),
        };
        if self.passed {
            good.replace("{}", &value)
        } else {
            format!("{}, and {limit} is allowed. {advice}", bad.replace("{}", &value))
        }
    }
}

/// A share as one reads it.
fn share(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.001 { format!("{value:.1e}") } else { format!("{value:.3}") }
}

/// Explained rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Method.
    pub method: ExplainMethod,
    /// The explained class; none for a number.
    pub class: Option<String>,
    /// Scale of all figures.
    pub scale: ExplainScale,
    /// Rows, in the order they were given: all, or a sample where there are very many.
    pub rows: Vec<RowExplanation>,
    /// The law that the method obeys.
    pub check: ExplainCheck,
    /// Further tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<ExplainCheck>,
    /// What the rows were explained against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// Sums over all rows, where `rows` holds a sample of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
}

/// Sums of the sizes of attributions over rows, by column in the attributions' order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Rows.
    pub rows: u64,
    /// Sum of the sizes.
    pub sums: Vec<f64>,
    /// Sum of their squares.
    pub squares: Vec<f64>,
}

impl Totals {
    /// Adds rows.
    pub fn add(&mut self, rows: &[RowExplanation]) {
        for row in rows {
            let columns = &row.attributions.0;
            self.rows += 1;
            self.sums.resize(columns.len().max(self.sums.len()), 0.0);
            self.squares.resize(self.sums.len(), 0.0);
            for ((sum, square), (_, part)) in self.sums.iter_mut().zip(&mut self.squares).zip(columns) {
                *sum += part.abs();
                *square += part * part;
            }
        }
    }
}

impl Explanation {
    /// Rows that were explained, of which [`Self::rows`] may be a sample.
    pub fn explained(&self) -> u64 {
        self.totals.as_ref().map_or(self.rows.len() as u64, |totals| totals.rows)
    }

    /// How much each column adds by size, over the rows: mean absolute attribution and its 95 % normal interval, the largest first.
    pub fn importance(&self) -> Vec<ColumnImportance> {
        let Some(first) = self.rows.first() else { return Vec::new() };
        let totals = self.totals.clone().unwrap_or_else(|| {
            let mut totals = Totals::default();
            totals.add(&self.rows);
            totals
        });
        let rows = totals.rows as f64;
        let column = |(place, (name, _)): (usize, &(String, f64))| {
            let sum = |sums: &[f64]| sums.get(place).copied().unwrap_or_default();
            let mean = sum(&totals.sums) / rows;
            let spread = (sum(&totals.squares) - rows * mean * mean).max(0.0);
            let half = (totals.rows > 1).then(|| 1.96 * (spread / (rows - 1.0) / rows).sqrt());
            let importance = MetricValue {
                value: Some(mean),
                low: half.map(|half| (mean - half).max(0.0)),
                high: half.map(|half| mean + half),
            };
            ColumnImportance { column: name.clone(), importance, repeats: Vec::new() }
        };
        let mut all: Vec<ColumnImportance> = first.attributions.0.iter().enumerate().map(column).collect();
        all.sort_by(|a, b| b.importance.value.unwrap_or(0.0).total_cmp(&a.importance.value.unwrap_or(0.0)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributions_keep_their_order_as_an_object() {
        let given = Attributions(vec![("z".to_owned(), 1.0), ("a".to_owned(), -2.5)]);
        let text = serde_json::to_string(&given).expect("JSON");
        assert_eq!(text, r#"{"z":1.0,"a":-2.5}"#);
        assert_eq!(serde_json::from_str::<Attributions>(&text).expect("read"), given);
        assert_eq!(given.ranked()[0].0, "a");
    }

    #[test]
    fn a_failed_check_says_what_it_means_and_a_passed_one_does_not_warn() {
        for name in ["completeness", "infidelity", "sensitivity", "randomized_weights", "surrogate_error"] {
            let (good, bad) = (ExplainCheck::new(name, 0.0, 0.5), ExplainCheck::new(name, 0.9, 0.5));
            assert!(good.passed && !good.sentence().contains("allowed"), "{}", good.sentence());
            assert!(!bad.passed && bad.sentence().contains("0.900"), "{}", bad.sentence());
            assert!(bad.sentence().contains("0.500 is allowed. "), "{}", bad.sentence());
        }
        assert!(!ExplainCheck::new("completeness", f64::NAN, 0.5).passed);
    }

    #[test]
    fn importance_is_the_mean_size_with_an_interval() {
        let row = |row, a, b| RowExplanation {
            row,
            prediction: 0.0,
            baseline: 0.0,
            attributions: Attributions(vec![("a".to_owned(), a), ("b".to_owned(), b)]),
            standard_errors: None,
            values: Vec::new(),
        };
        let explanation = Explanation {
            totals: None,
            method: ExplainMethod::TreeShap,
            class: None,
            scale: ExplainScale::Value,
            rows: vec![row(0, 1.0, -5.0), row(1, -3.0, 5.0)],
            check: ExplainCheck::new("additivity", 0.0, 1e-6),
            checks: Vec::new(),
            against: None,
        };
        let found = explanation.importance();
        assert_eq!((found[0].column.as_str(), found[0].importance.value), ("b", Some(5.0)));
        assert_eq!(found[0].importance.low, Some(5.0));
        assert_eq!((found[1].importance.value, found[1].importance.low), (Some(2.0), Some(2.0 - 1.96)));
        assert_eq!(explanation.explained(), 2);
        // Of a sample, the sums are those of all rows.
        let mut totals = Totals::default();
        totals.add(&explanation.rows);
        let sample =
            Explanation { rows: explanation.rows[..1].to_vec(), totals: Some(totals), ..explanation };
        assert_eq!((sample.importance(), sample.explained()), (found, 2));
    }
}
