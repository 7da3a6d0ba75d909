//! Tests of explanations on trained models: laws, and slow oracles that are computed another way.

use orrery_domain::{
    FailureClass,
    training::{CategoryEncoding, ModelKind},
};

use super::{players::Players, *};
use crate::{
    control::Unwatched,
    gbt::{Forest, Tree},
    predict::Column,
    prepare::Preprocessor,
    train::tests::{job, table},
};

/// A person who cancels after so many looks at what is wished.
pub(super) struct After {
    most: usize,
    looks: std::sync::atomic::AtomicUsize,
}

impl After {
    pub fn new(most: usize) -> Self {
        Self { most, looks: 0.into() }
    }

    /// How often it was looked.
    pub fn looks(&self) -> usize {
        self.looks.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl JobControl for After {
    fn emit(&self, _event: orrery_domain::job::JobEvent) {}

    fn wish(&self) -> crate::control::Wish {
        let before = self.looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if before < self.most { crate::control::Wish::Continue } else { crate::control::Wish::Cancel }
    }
}

pub(super) fn trained(
    target: &str,
    kind: ModelKind,
    encoding: CategoryEncoding,
) -> (tempfile::TempDir, Predictor) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut job = job(folder.path(), target, kind);
    job.config.categories = encoding;
    crate::train::run(&job, &Unwatched).expect("trained");
    let predictor = Predictor::load(&job.run_dir.join("model")).expect("loaded");
    (folder, predictor)
}

fn kinds() -> impl Iterator<Item = ModelKind> {
    ModelKind::ALL.into_iter().filter(|kind| *kind != ModelKind::Auto && !kind.is_for_images())
}

/// Every family, every task: the check passes, and the prediction is the model's own answer on the scale that is named.
#[test]
fn every_family_adds_up_and_explains_its_own_answer() {
    for kind in kinds() {
        for target in ["big", "grade", "value"] {
            let (_folder, predictor) = trained(target, kind, CategoryEncoding::Embedding);
            let table = table(12);
            let found = predictor.explain(&table, &ExplainRequest::default(), &Unwatched).expect("explained");
            assert!(found.check.passed, "{kind:?} {target}: {:?}", found.check);
            assert_eq!(found.rows.len(), 12);
            let columns: Vec<&str> =
                found.rows[0].attributions.0.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(columns, ["x", "kind"]);
            let (answers, _) = predictor.predict_table(&table).expect("predicted");
            for (index, row) in found.rows.iter().enumerate() {
                let sum: f64 = row.attributions.0.iter().map(|(_, value)| value).sum();
                assert!((row.baseline + sum - row.prediction).abs() < 2e-3, "{kind:?} {target}: {row:?}");
                let expected = match (&answers, found.scale) {
                    (crate::metrics::Predictions::Values(values), ExplainScale::Value) => values[index],
                    // Trees of several classes are explained before their probabilities are made to sum to 1.
                    _ if kind == ModelKind::Gbt && target == "grade" => continue,
                    (
                        crate::metrics::Predictions::Probabilities { classes, values },
                        ExplainScale::LogOdds,
                    ) => {
                        let class = found.class.as_ref().expect("a class");
                        let place =
                            predictor.card().classes.iter().position(|one| one == class).expect("known");
                        let p = values[index * classes + place];
                        (p / (1.0 - p)).ln()
                    }
                    other => panic!("{other:?}"),
                };
                assert!(
                    (row.prediction - expected).abs() < 1e-3 * (1.0 + expected.abs()),
                    "{kind:?} {target}"
                );
            }
        }
    }
}

/// One-hot inputs and embeddings are two ways to write a category: both belong to its column.
#[test]
fn one_hot_inputs_are_added_up_to_their_column() {
    let (_folder, predictor) = trained("big", ModelKind::Mlp, CategoryEncoding::OneHot);
    let found = predictor.explain(&table(5), &ExplainRequest::default(), &Unwatched).expect("explained");
    assert!(found.check.passed, "{:?}", found.check);
    assert_eq!(found.rows[0].attributions.0.len(), 2);
    assert!(found.rows.iter().any(|row| row.attributions.0[1].1.abs() > 0.1), "{found:?}");
}

/// A linear model's integrated gradients are exact: the weight times the way from the mean.
#[test]
fn a_linear_model_is_explained_by_its_weights() {
    let (folder, predictor) = trained("value", ModelKind::Linear, CategoryEncoding::Embedding);
    let model = folder.path().join("run/model");
    let rules = Preprocessor::load(&model).expect("rules");
    let means = Means::load(&model).expect("means").baseline(&rules.layout()).expect("fits");
    let (arch, weights) = crate::nets::load(&model).expect("weights");
    let crate::nets::OutputScale::Value { std, .. } = arch.output else { panic!("a number") };
    let head = &weights["head.weight"].1;
    let table = table(6);
    let (x, _) = rules.transform(&table).expect("encoded");
    let owners = Players::of_inputs(&rules).owners;
    let found = predictor.explain(&table, &ExplainRequest::default(), &Unwatched).expect("explained");
    for row in 0..6 {
        let mut expected = [0.0; 2];
        for (input, value) in x.row(row).iter().enumerate() {
            let way = f64::from(*value) - f64::from(means.numbers[input]);
            expected[owners[input]] += std * f64::from(head[input]) * way;
        }
        for (found, expected) in found.rows[row].attributions.0.iter().zip(expected) {
            assert!((found.1 - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{found:?} {expected}");
        }
    }
}

/// The other class of two has the opposite figures; a row that is its own baseline has none.
#[test]
fn the_other_class_is_the_opposite_and_a_baseline_explains_nothing() {
    for kind in [ModelKind::Mlp, ModelKind::Gbt] {
        let (_folder, predictor) = trained("big", kind, CategoryEncoding::Embedding);
        let ask = |class: &str| {
            let request = ExplainRequest { class: Some(class.to_owned()), ..ExplainRequest::default() };
            predictor.explain(&table(4), &request, &Unwatched).expect("explained")
        };
        let (yes, no) = (ask("yes"), ask("no"));
        for (yes, no) in yes.rows.iter().zip(&no.rows) {
            for (yes, no) in yes.attributions.0.iter().zip(&no.attributions.0) {
                assert!((yes.1 + no.1).abs() < 1e-4 * (1.0 + yes.1.abs()), "{yes:?} {no:?}");
            }
        }
    }
    let (_folder, predictor) = trained("big", ModelKind::Tabm, CategoryEncoding::Embedding);
    let request = ExplainRequest { baseline: BaselineChoice::Row(2), ..ExplainRequest::default() };
    let found = predictor.explain(&table(4), &request, &Unwatched).expect("explained");
    assert!(found.check.passed, "{:?}", found.check);
    assert!(found.rows[2].attributions.0.iter().all(|(_, value)| *value == 0.0));
    assert!((found.rows[2].prediction - found.rows[0].baseline).abs() < 1e-6);
}

fn refusal(predictor: &Predictor, rows: usize, request: &ExplainRequest) -> Failure {
    match predictor.explain(&table(rows), request, &Unwatched) {
        Err(Interrupt::Failed(failure)) => failure,
        other => panic!("a refusal was expected: {other:?}"),
    }
}

/// Who does not wait any longer is not computed for.
#[test]
fn an_explanation_can_be_stopped() {
    struct Gone;
    impl JobControl for Gone {
        fn emit(&self, _event: orrery_domain::job::JobEvent) {}

        fn wish(&self) -> crate::control::Wish {
            crate::control::Wish::Cancel
        }
    }
    for kind in [ModelKind::Linear, ModelKind::Gbt] {
        let (_folder, predictor) = trained("big", kind, CategoryEncoding::Embedding);
        let found = predictor.explain(&table(3), &ExplainRequest::default(), &Gone);
        assert_eq!(found, Err(Interrupt::Cancelled));
    }
}

#[test]
fn wrong_requests_are_refused_with_what_to_do() {
    let (_folder, predictor) = trained("grade", ModelKind::Gbt, CategoryEncoding::Embedding);
    let refuse = |request: ExplainRequest, words: &str| {
        let failure = refusal(&predictor, 3, &request);
        assert_eq!(failure.class, FailureClass::Client);
        assert!(failure.message.contains(words), "{}", failure.message);
    };
    let request = ExplainRequest::default;
    refuse(ExplainRequest { class: Some("huge".to_owned()), ..request() }, "low");
    refuse(ExplainRequest { method: Some(ExplainMethod::IntegratedGradients), ..request() }, "tree-shap");
    refuse(ExplainRequest { baseline: BaselineChoice::Row(0), ..request() }, "Trees");
    assert!(refusal(&predictor, 0, &request()).message.contains("no row"));
    let (_folder, network) = trained("value", ModelKind::Linear, CategoryEncoding::Embedding);
    let far = ExplainRequest { baseline: BaselineChoice::Row(3), ..request() };
    assert!(refusal(&network, 3, &far).message.contains("0 to 2"));
    let class = ExplainRequest { class: Some("yes".to_owned()), ..request() };
    assert!(refusal(&network, 3, &class).message.contains("no classes"));
}

/// A program's columns become the same table as a file's.
#[test]
fn columns_of_a_request_are_explained_like_a_table() {
    let (_folder, predictor) = trained("big", ModelKind::Gbt, CategoryEncoding::Embedding);
    let columns = [
        ("kind".to_owned(), Column::Texts(vec!["blue".to_owned(), String::new()])),
        ("x".to_owned(), Column::Numbers(vec![0.25, f64::NAN])),
    ];
    let table = predictor.table(&columns).expect("a table");
    let found = predictor.explain(&table, &ExplainRequest::default(), &Unwatched).expect("explained");
    assert!(found.check.passed && found.rows.len() == 2, "{found:?}");
}

// ---- trees against their definition

/// The value of a set of players by its definition: splits on others go everywhere, by the rows that went there.
fn game(tree: &Tree, node: usize, features: &[f64], owners: &[usize], set: u32) -> f64 {
    if tree.left[node] == 0 {
        return tree.value[node];
    }
    let feature = tree.feature[node] as usize;
    let mut children = vec![tree.left[node], tree.right[node], tree.missing[node]];
    if set & (1 << owners[feature]) != 0 {
        let value = features[feature];
        let place = if value.is_nan() { 2 } else { usize::from(value >= tree.threshold[node]) };
        return game(tree, children[place] as usize, features, owners, set);
    }
    children.sort_unstable();
    children.dedup();
    let total: f64 = children.iter().map(|child| tree.cover[*child as usize]).sum();
    let part = |child: &u32| {
        tree.cover[*child as usize] / total * game(tree, *child as usize, features, owners, set)
    };
    children.iter().map(part).sum()
}

/// Shapley's own sum over all sets.
pub(super) fn shapley(players: usize, value: impl Fn(u32) -> f64) -> Vec<f64> {
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    (0..players)
        .map(|player| {
            (0..1_u32 << players)
                .filter(|set| set & (1 << player) == 0)
                .map(|set| {
                    let size = set.count_ones() as usize;
                    let weight = factorial(size) * factorial(players - size - 1) / factorial(players);
                    weight * (value(set | (1 << player)) - value(set))
                })
                .sum()
        })
        .collect()
}

/// A tree of random splits, with a branch of its own for missing values here and there.
fn grow(tree: &mut Tree, depth: usize, features: usize, cover: f64, noise: &mut impl FnMut() -> f64) -> u32 {
    let node = tree.left.len();
    tree.feature.push((noise() * features as f64) as u32);
    tree.threshold.push(noise());
    tree.value.push(0.0);
    tree.cover.push(cover);
    for children in [&mut tree.left, &mut tree.right, &mut tree.missing] {
        children.push(0);
    }
    if depth == 0 || noise() < 0.15 {
        tree.feature[node] = 0;
        tree.threshold[node] = 0.0;
        tree.value[node] = noise() * 4.0 - 2.0;
        return node as u32;
    }
    let own = noise() < 0.3;
    let (a, b) = (noise() * cover, if own { noise() * cover * 0.1 } else { 0.0 });
    tree.left[node] = grow(tree, depth - 1, features, a, noise);
    tree.right[node] = grow(tree, depth - 1, features, (cover - a - b).max(0.01), noise);
    tree.missing[node] = if own { grow(tree, depth - 1, features, b, noise) } else { tree.left[node] };
    node as u32
}

/// Against the sum over all 2^players sets, where columns for trees share raw columns.
#[test]
fn tree_shap_is_shapleys_sum_over_all_sets_of_columns() {
    let owners = [0, 1, 1, 2, 3, 3, 3, 4];
    let players = 5;
    let mut state = 7_u64;
    let mut noise = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    for _ in 0..40 {
        let mut forest = Forest {
            format: 1,
            objective: Objective::Binary,
            classes: vec!["no".to_owned(), "yes".to_owned()],
            features: (0..owners.len()).map(|i| i.to_string()).collect(),
            learning_rate: 0.1,
            base: vec![0.3],
            scale: 0.7,
            log: false,
            trees: Vec::new(),
        };
        for _ in 0..3 {
            let mut tree = Tree::default();
            grow(&mut tree, 6, owners.len(), 100.0, &mut noise);
            forest.trees.push(tree);
        }
        let features: Vec<f64> =
            (0..owners.len()).map(|_| if noise() < 0.2 { f64::NAN } else { noise() }).collect();
        let value = |set: u32| {
            let sum: f64 = forest.trees.iter().map(|tree| game(tree, 0, &features, &owners, set)).sum();
            forest.base[0] + forest.scale * sum
        };
        let expected = shapley(players, value);
        let game = tree_shap::Game::new(&forest, 0, &owners, players).expect("a game");
        assert!((game.mean() - value(0)).abs() < 1e-12);
        for (found, expected) in game.values(&features).iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-10, "{found} {expected}");
        }
    }
}
