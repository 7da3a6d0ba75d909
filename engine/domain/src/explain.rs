//! Explanations: what each raw column added to a model's answer for a row, and the check that the parts add up.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::MapAccess, de::Visitor, ser::SerializeMap,
};

/// A method that explains single rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExplainMethod {
    /// Integrated gradients (Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks"), for networks and linear
    /// models.
    IntegratedGradients,
    /// Exact Shapley values of trees (Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for
    /// trees", path-dependent), for gradient-boosted trees.
    TreeShap,
}

impl ExplainMethod {
    /// Every method.
    pub const ALL: [Self; 2] = [Self::IntegratedGradients, Self::TreeShap];

    /// Its name, as options and JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::IntegratedGradients => "integrated-gradients",
            Self::TreeShap => "tree-shap",
        }
    }

    /// The method of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

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

/// The law an explanation must obey, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainCheck {
    /// `completeness` (integrated gradients) or `additivity` (Shapley values): the attributions' sum is the prediction less
    /// the baseline.
    pub name: String,
    /// The largest gap of a row, as a share of the row's largest attribution.
    pub value: f64,
    /// Largest gap that passes.
    pub limit: f64,
    /// Whether it passed.
    pub passed: bool,
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
    /// Rows, in the order they were given.
    pub rows: Vec<RowExplanation>,
    /// The check.
    pub check: ExplainCheck,
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
    fn methods_have_one_name_in_options_and_in_json() {
        for method in ExplainMethod::ALL {
            assert_eq!(ExplainMethod::from_name(method.name()), Some(method));
            assert_eq!(serde_json::to_value(method).expect("JSON"), method.name());
        }
        assert_eq!(ExplainMethod::from_name("lime"), None);
    }
}
