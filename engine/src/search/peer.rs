//! The peer: our samplers beside Optuna's on recorded objectives (`packaging/bench/search.py`), with equal trials and seeds.

use std::{collections::BTreeMap, path::Path};

use orrery_domain::search::{Plan, Sampler};
use serde::Deserialize;

use super::table::Table;

#[derive(Deserialize)]
struct Recorded {
    trials: u32,
    /// Objective, sampler, and the best value of each seed.
    best: BTreeMap<String, BTreeMap<String, Vec<f64>>>,
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../packaging/bench/search/{name}.json"));
    let text = std::fs::read_to_string(path).expect("objectives are in the repository");
    serde_json::from_str(&text).expect("an objective")
}

fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance / count)
}

#[test]
fn no_worse_than_optuna_within_noise_on_every_objective() {
    let recorded: Recorded = read("optuna");
    assert!(recorded.best.len() >= 3);
    for (name, samplers) in &recorded.best {
        let table: Table = read(name);
        let all: Vec<f64> = table.rows.iter().map(|row| row.value).collect();
        let optimum = all.iter().copied().fold(f64::INFINITY, f64::min);
        let chance = all.iter().sum::<f64>() / all.len() as f64 - optimum;
        let regret = |best: f64| (best - optimum) / chance;
        for (sampler, theirs) in samplers {
            assert!(theirs.len() >= 20);
            let sampler = Sampler::from_name(sampler).expect("one of ours");
            let found = |seed| {
                let plan = Plan { sampler, trials: recorded.trials, seed, ..Plan::default() };
                let replay = table.replay(&plan).expect("whole");
                regret(replay.best[replay.best.len() - 1])
            };
            let ours: Vec<f64> = (0..theirs.len() as u64).map(found).collect();
            let theirs: Vec<f64> = theirs.iter().map(|best| regret(*best)).collect();
            let ((ours, a), (theirs, b)) = (mean_and_error(&ours), mean_and_error(&theirs));
            let noise = 2.0 * (a + b).sqrt();
            println!("{name}, {}: {ours:.4} against {theirs:.4}, noise {noise:.4}", sampler.name());
            assert!(ours - theirs <= noise, "{name}, {sampler:?}: {ours} against {theirs}, noise {noise}");
        }
    }
}
