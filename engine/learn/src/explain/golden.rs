//! Golden file: captum's and shap's values on the same weights, rows and background (`tests/peers/explanations.py`).

use std::{collections::BTreeMap, path::Path};

use orrery_domain::{explain::ExplainMethod, training::Task};
use serde::Deserialize;

use super::{
    Explained, Parts,
    answers::{Answers as _, Rows},
    ask::Ask,
    of_row,
    players::Players,
    tree_shap,
};
use crate::{
    control::Unwatched,
    gbt::{Forest, Objective, Tree},
    nets::{Architecture, Family, OutputScale, Scorer},
    prepare::Preprocessor,
};

#[derive(Deserialize)]
struct Golden {
    networks: Vec<Network>,
    trees: Boosted,
}

/// A matrix `[inputs, outputs]` and a bias.
type Layer = (Vec<Vec<f32>>, Vec<f32>);

#[derive(Deserialize)]
pub(super) struct Network {
    kind: String,
    pub owners: Vec<usize>,
    layers: Vec<Layer>,
    background: Vec<Vec<f64>>,
    rows: Vec<Vec<f64>>,
    baseline: Vec<f64>,
    #[serde(default)]
    class: usize,
    #[serde(default)]
    mean: f64,
    #[serde(default)]
    std: f64,
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    answers: Vec<f64>,
    mean_answer: f64,
    integrated: Vec<Vec<f64>>,
    #[serde(rename = "expected")]
    from_all: Vec<Vec<f64>>,
    shapley: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Boosted {
    trees: Vec<GoldenTree>,
    rows: Vec<Vec<f64>>,
    base: f64,
    expected: BoostedExpected,
}

#[derive(Deserialize)]
struct BoostedExpected {
    answers: Vec<f64>,
    shapley: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct GoldenTree {
    feature: Vec<u32>,
    threshold: Vec<f64>,
    left: Vec<u32>,
    right: Vec<u32>,
    value: Vec<f64>,
    cover: Vec<f64>,
}

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/explain.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("it is in the repository"))
        .expect("a golden file")
}

/// The networks of the file.
pub(super) fn networks() -> Vec<Network> {
    golden().networks
}

fn rows(rows: &[Vec<f64>]) -> Rows {
    Rows { cols: rows[0].len(), values: rows.concat() }
}

impl Network {
    fn scorer(&self) -> Scorer {
        let hidden = self.layers.len() - 1;
        let arch = Architecture {
            family: Family::Mlp,
            numeric: self.owners.len(),
            category_sizes: Vec::new(),
            embedding: 1,
            outputs: self.layers[hidden].1.len(),
            width: self.layers[0].1.len(),
            depth: hidden,
            hidden: Vec::new(),
            dropout: 0.0,
            members: 1,
            ple_edges: Vec::new(),
            ple_width: 0,
            image: None,
            output: if self.kind == "value" {
                OutputScale::Value { mean: self.mean, std: self.std, log: false }
            } else {
                OutputScale::Logits
            },
        };
        let mut weights = BTreeMap::new();
        for (place, (matrix, bias)) in self.layers.iter().enumerate() {
            let name = if place == hidden { "head".to_owned() } else { format!("layers.{place}") };
            weights.insert(format!("{name}.weight"), (vec![matrix.len(), bias.len()], matrix.concat()));
            weights.insert(format!("{name}.bias"), (vec![bias.len()], bias.clone()));
        }
        Scorer::new(&arch, &weights).expect("sound weights")
    }

    /// What a method says of the file's rows, on its background; its check passes.
    pub fn explained(&self, method: ExplainMethod, samples: Option<u32>) -> Vec<Parts> {
        let (found, passed) = self.asked(method, samples);
        assert!(passed, "{method:?}: {found:?}");
        found
    }

    fn asked(&self, method: ExplainMethod, samples: Option<u32>) -> (Vec<Parts>, bool) {
        let (scorer, rules) = (self.scorer(), no_rules());
        let explained = Explained::Network { rules: &rules, scorer: &scorer, means: None };
        let count = self.owners.iter().max().expect("columns") + 1;
        let players = Players::new(self.owners.clone(), count, vec![true; self.owners.len()]);
        let baseline = of_row(&self.baseline, self.owners.len(), &[]);
        let background = rows(&self.background);
        let ask = Ask {
            explained: &explained,
            players: &players,
            method,
            task: if self.kind == "value" { Task::Regression } else { Task::Multiclass },
            class: if self.kind == "binary" { 1 } else { self.class },
            baseline: Some(&baseline),
            background: Some(&background),
            grid: None,
            samples,
            seed: 3,
        };
        let found = ask.parts(&rows(&self.rows), &Unwatched).expect("explained");
        let answers = ask.output().answers(&rows(&self.rows)).expect("answers");
        for (row, answer) in found.iter().zip(&answers) {
            assert!(
                method == ExplainMethod::IntegratedGradients
                    || (row.prediction - answer).abs() < 1e-6 * (1.0 + answer.abs()),
                "{row:?}"
            );
        }
        let passed = ask.check(&found).passed;
        (found, passed)
    }

    /// The value of a set of columns for a row of the file, by a plain forward pass in 64 bits.
    pub fn worth(&self, row: usize, set: u32) -> f64 {
        let answer = |other: &Vec<f64>| {
            let on = |owner: &usize| set & (1 << owner) != 0;
            let mixed = self.owners.iter().enumerate();
            let mut x: Vec<f64> =
                mixed.map(|(at, owner)| if on(owner) { self.rows[row][at] } else { other[at] }).collect();
            for (place, (matrix, bias)) in self.layers.iter().enumerate() {
                let before = |at: usize| if place > 0 { x[at].max(0.0) } else { x[at] };
                let out = |unit: usize| {
                    let sum: f64 = (0..matrix.len()).map(|at| before(at) * f64::from(matrix[at][unit])).sum();
                    sum + f64::from(bias[unit])
                };
                x = (0..bias.len()).map(out).collect();
            }
            self.mean + self.std * x[0]
        };
        self.background.iter().map(answer).sum::<f64>() / self.background.len() as f64
    }

    /// The largest difference from the expected figures, as a share of each row's largest.
    fn apart(found: &[Parts], expected: &[Vec<f64>]) -> f64 {
        assert_eq!(found.len(), expected.len());
        let of_row = |(found, expected): (&Parts, &Vec<f64>)| {
            let largest = expected.iter().fold(0.0_f64, |top, value| top.max(value.abs()));
            let gaps = found.columns.iter().zip(expected).map(|(a, b)| (a - b).abs());
            gaps.fold(0.0, f64::max) / largest
        };
        found.iter().zip(expected).map(of_row).fold(0.0, f64::max)
    }
}

fn no_rules() -> Preprocessor {
    serde_json::from_str(r#"{"format":1,"categories":"embedding","scaling":"standard","features":[]}"#)
        .expect("empty rules")
}

#[test]
fn integrated_gradients_are_captums() {
    for network in networks() {
        let found = network.explained(ExplainMethod::IntegratedGradients, None);
        let gap = Network::apart(&found, &network.expected.integrated);
        assert!(gap < 1e-4, "{}: {gap}", network.kind);
        for (row, answer) in found.iter().zip(&network.expected.answers) {
            assert!((row.prediction - answer).abs() < 1e-5 * (1.0 + answer.abs()), "{row:?}");
        }
    }
}

/// The rule of 50 points, which captum takes by default, meets kinks less well.
#[test]
fn integrated_gradients_of_fixed_points_come_near() {
    for network in networks() {
        let found = network.asked(ExplainMethod::IntegratedGradients, Some(300)).0;
        let gap = Network::apart(&found, &network.expected.integrated);
        assert!(gap < 1e-2, "{}: {gap}", network.kind);
    }
}

#[test]
fn expected_gradients_are_captums_mean_over_the_background() {
    for network in networks() {
        let found = network.explained(ExplainMethod::ExpectedGradients, Some(3000));
        for (row, expected) in found.iter().zip(&network.expected.from_all) {
            assert!((row.baseline - network.expected.mean_answer).abs() < 1e-5);
            let errors = row.errors.as_ref().expect("sampled");
            let largest = expected.iter().fold(0.0_f64, |top, value| top.max(value.abs()));
            for ((found, expected), error) in row.columns.iter().zip(expected).zip(errors) {
                assert!(
                    (found - expected).abs() < 5.0 * error + 1e-4 * largest,
                    "{found} {expected} {error}"
                );
                assert!(*error < 0.1 * largest, "{error} of {largest}");
            }
        }
    }
}

#[test]
fn shapley_values_of_whole_columns_are_shaps() {
    for network in networks() {
        for method in [ExplainMethod::ExactShapley, ExplainMethod::KernelShap] {
            let found = network.explained(method, None);
            let gap = Network::apart(&found, &network.expected.shapley);
            assert!(gap < 1e-5, "{} {method:?}: {gap}", network.kind);
            assert!(found.iter().all(|row| row.errors.is_none()), "all sets were taken");
            assert!((found[0].baseline - network.expected.mean_answer).abs() < 1e-5);
        }
    }
}

/// Sampled ones are as far off as their standard errors say: not more, and not all less.
#[test]
fn sampled_shapley_values_keep_to_their_errors() {
    for (method, samples) in [(ExplainMethod::PermutationShap, 12), (ExplainMethod::KernelShap, 300)] {
        let network = &networks()[0];
        let found = network.explained(method, Some(samples));
        let mut scores = Vec::new();
        for (row, expected) in found.iter().zip(&network.expected.shapley) {
            let errors = row.errors.as_ref().expect("sampled");
            for ((found, expected), error) in row.columns.iter().zip(expected).zip(errors) {
                // Some columns act alone: every order says the same.
                if *error > 1e-6 {
                    scores.push((found - expected).abs() / error);
                }
            }
        }
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        let worst = scores.iter().copied().fold(0.0, f64::max);
        // A standard normal's mean size is 0.8.
        assert!(scores.len() > 20 && mean > 0.2 && mean < 1.6 && worst < 6.0, "{method:?}: {mean} {worst}");
    }
}

#[test]
fn tree_shap_is_shaps() {
    let Boosted { trees, rows, base, expected } = golden().trees;
    let forest = Forest {
        format: 1,
        objective: Objective::Squared,
        classes: Vec::new(),
        features: (0..rows[0].len()).map(|at| at.to_string()).collect(),
        learning_rate: 0.3,
        base: vec![base],
        scale: 1.0,
        log: false,
        trees: trees
            .into_iter()
            .map(|tree| Tree {
                output: 0,
                missing: tree.left.clone(),
                feature: tree.feature,
                threshold: tree.threshold,
                left: tree.left,
                right: tree.right,
                value: tree.value,
                cover: tree.cover,
            })
            .collect(),
    };
    let owners: Vec<usize> = (0..rows[0].len()).collect();
    let game = tree_shap::Game::new(&forest, 0, &owners, owners.len()).expect("a game");
    for ((row, shapley), answer) in rows.iter().zip(&expected.shapley).zip(&expected.answers) {
        let found = game.values(row);
        for (found, expected) in found.iter().zip(shapley) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let sum = game.mean() + found.iter().sum::<f64>();
        assert!((sum - answer).abs() < 1e-6, "{sum} {answer}");
    }
}
