//! Anatomy: what a version is built of, and how two are built differently.

use std::{collections::BTreeSet, path::Path};

use orrery_domain::{
    Failure,
    compare::{Architecture, ArchitectureDiff, SettingDiff, TensorDiff, TensorShape, TreesDiff},
    compress::LayerCost,
    model::ModelCard,
    training::ModelKind,
};
use serde_json::Value;

use crate::{
    gbt::{Forest, GbtScorer, Tree},
    nets::{self, Weights},
};

/// A version taken apart.
pub(super) struct Anatomy {
    /// What a person sees.
    pub architecture: Architecture,
    features: Vec<String>,
    weights: Weights,
    forest: Option<Forest>,
}

impl Anatomy {
    /// That of a model's folder.
    ///
    /// # Errors
    /// A model failure when its weights or trees cannot be read.
    pub fn of(folder: &Path, card: &ModelCard) -> Result<Self, Failure> {
        let mut settings = vec![("model".to_owned(), card.kind.title().to_owned())];
        let (mut weights, mut forest) = (Weights::new(), None);
        if card.kind == ModelKind::Gbt {
            let found = GbtScorer::load(folder)?.forest().clone();
            settings.extend(of_forest(&found));
            forest = Some(found);
        } else if let Some(made) = card.integer_step() {
            // Its matrices are codes in its graph; those of the model that it was made from are no part of it.
            settings.push(("layers in whole numbers".to_owned(), whole(&made.report.layers)));
        } else {
            let (network, found) = nets::load(folder)?;
            settings.extend(of_network(&network));
            weights = found;
        }
        for made in &card.compressions {
            settings.push(("made from".to_owned(), made.report.from.to_string()));
            settings.push((made.method.title().to_lowercase(), made.method.words()));
        }
        settings.push(("features".to_owned(), card.features.len().to_string()));
        settings.push(("training rows".to_owned(), card.rows.train.to_string()));
        if let Some(threshold) = card.threshold {
            settings.push(("threshold".to_owned(), threshold.to_string()));
        }
        let request = serde_json::to_value(&card.config).unwrap_or_default();
        flatten("request", &request, &mut settings);
        let tensors = weights
            .iter()
            .map(|(name, (shape, _))| TensorShape { name: name.clone(), shape: wide(shape) })
            .collect();
        let features = card.features.iter().map(|feature| feature.name.clone()).collect();
        let architecture = Architecture { parameters: card.parameters, settings, tensors };
        Ok(Self { architecture, features, weights, forest })
    }

    /// How another version is built differently.
    pub fn diff(&self, other: &Self) -> ArchitectureDiff {
        let only = |a: &[String], b: &[String]| -> Vec<String> {
            a.iter().filter(|name| !b.contains(name)).cloned().collect()
        };
        ArchitectureDiff {
            settings: settings(&self.architecture.settings, &other.architecture.settings),
            only_a_features: only(&self.features, &other.features),
            only_b_features: only(&other.features, &self.features),
            tensors: tensors(&self.weights, &other.weights),
            trees: self.forest.as_ref().zip(other.forest.as_ref()).map(|(a, b)| TreesDiff {
                a: a.trees.len() as u64,
                b: b.trees.len() as u64,
                same: a.trees.iter().zip(&b.trees).take_while(|(a, b)| a == b).count() as u64,
            }),
        }
    }
}

fn whole(layers: &[LayerCost]) -> String {
    let quantized = layers.iter().filter(|cost| cost.quantized).count();
    format!("{quantized} of {}", layers.len())
}

fn of_network(network: &nets::Architecture) -> Vec<(String, String)> {
    let numbers = [
        ("hidden layers", network.depth),
        ("width", network.width),
        ("members", network.members),
        ("numeric inputs", network.numeric),
        ("category features", network.category_sizes.len()),
        ("embedding width", network.embedding),
        ("outputs", network.outputs),
    ];
    let mut settings: Vec<(String, String)> =
        numbers.into_iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect();
    settings.push(("dropout".to_owned(), network.dropout.to_string()));
    if !network.hidden.is_empty() {
        let units: Vec<String> = network.hidden.iter().map(ToString::to_string).collect();
        settings.push(("units".to_owned(), units.join(", ")));
    }
    let piecewise = network.ple_edges.iter().filter(|edges| !edges.is_empty()).count();
    settings.push(("piecewise-linear embeddings".to_owned(), piecewise.to_string()));
    settings
}

fn of_forest(forest: &Forest) -> Vec<(String, String)> {
    let deepest = forest.trees.iter().map(depth).max().unwrap_or_default();
    vec![
        ("trees".to_owned(), forest.trees.len().to_string()),
        ("leaves".to_owned(), forest.leaves().to_string()),
        ("deepest tree".to_owned(), deepest.to_string()),
        ("learning rate".to_owned(), forest.learning_rate.to_string()),
    ]
}

/// Questions on the longest way to a leaf. Children come after their parents in a sound tree.
fn depth(tree: &Tree) -> usize {
    let mut depths = vec![0; tree.left.len()];
    for node in 0..tree.left.len() {
        if tree.left[node] != 0 {
            for child in [tree.left[node], tree.right[node], tree.missing[node]] {
                depths[child as usize] = depths[node] + 1;
            }
        }
    }
    depths.into_iter().max().unwrap_or_default()
}

/// The leaves of a JSON value under dotted names; what is null is left out.
fn flatten(name: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (field, value) in fields {
                flatten(&format!("{name}.{field}"), value, into);
            }
        }
        Value::Array(items) => {
            let words: Vec<String> = items.iter().map(plain).collect();
            into.push((name.to_owned(), words.join(", ")));
        }
        other => into.push((name.to_owned(), plain(other))),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn settings(a: &[(String, String)], b: &[(String, String)]) -> Vec<SettingDiff> {
    let value = |settings: &[(String, String)], name: &str| {
        settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    let mut names: Vec<&str> = a.iter().map(|(name, _)| name.as_str()).collect();
    names.extend(
        b.iter().map(|(name, _)| name.as_str()).filter(|name| !a.iter().any(|(known, _)| known == name)),
    );
    names
        .into_iter()
        .map(|name| SettingDiff { name: name.to_owned(), a: value(a, name), b: value(b, name) })
        .filter(|diff| diff.a != diff.b)
        .collect()
}

fn tensors(a: &Weights, b: &Weights) -> Vec<TensorDiff> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let shape = |weights: &Weights, name: &String| weights.get(name).map(|(shape, _)| wide(shape));
    names
        .into_iter()
        .map(|name| TensorDiff {
            name: name.clone(),
            a: shape(a, name),
            b: shape(b, name),
            relative_distance: a
                .get(name)
                .zip(b.get(name))
                .filter(|(a, b)| a.0 == b.0)
                .and_then(|(a, b)| distance(&a.1, &b.1)),
        })
        .collect()
}

/// Euclidean norm of the difference over that of the first.
fn distance(a: &[f32], b: &[f32]) -> Option<f64> {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let apart = norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    let size = norm(&mut a.iter().map(|value| f64::from(*value)));
    if apart <= 0.0 { Some(0.0) } else { Some(apart / size).filter(|share| share.is_finite()) }
}

fn wide(shape: &[usize]) -> Vec<u64> {
    shape.iter().map(|size| *size as u64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_compared_tensor_by_tensor() {
        let a = Weights::from([
            ("x".to_owned(), (vec![2], vec![3.0, 4.0])),
            ("y".to_owned(), (vec![1], vec![0.0])),
        ]);
        let b = Weights::from([
            ("x".to_owned(), (vec![2], vec![3.0, 4.5])),
            ("y".to_owned(), (vec![1], vec![1.0])),
            ("z".to_owned(), (vec![2, 2], vec![0.0; 4])),
        ]);
        let found = tensors(&a, &b);
        assert!((found[0].relative_distance.expect("same shape") - 0.1).abs() < 1e-12);
        assert_eq!(found[1].relative_distance, None);
        assert_eq!((found[2].a.clone(), found[2].b.clone()), (None, Some(vec![2, 2])));
        assert!(tensors(&a, &a).iter().all(|diff| diff.relative_distance == Some(0.0)));
    }

    #[test]
    fn only_settings_that_differ_are_listed() {
        let list = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let found = settings(&list(&[("a", "1"), ("b", "2")]), &list(&[("a", "1"), ("b", "3"), ("c", "4")]));
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[1].name.as_str(), found[1].a.clone(), found[1].b.as_deref()),
            ("c", None, Some("4"))
        );
        let mut flat = Vec::new();
        flatten("r", &serde_json::json!({"x": null, "y": {"z": [1, "two"]}}), &mut flat);
        assert_eq!(flat, list(&[("r.y.z", "1, two")]));
    }
}
