//! Checks: whether an explanation foretells what the model does, stays put when a row is nudged, and goes when the weights do.
//!
//! Infidelity and sensitivity: Yeh et al. 2019, "On the (in)fidelity and sensitivity of explanations", the first with columns switched
//! to a background as the perturbation and as a share of the model's own changes. Randomized weights: Adebayo et al. 2018, "Sanity checks
//! for saliency maps". They look at few rows, on a small background, because each asks the model again and again.

use std::path::Path;

use orrery_domain::explain::{ExplainCheck, ExplainMethod};
use rand::{RngExt as _, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    Explained, Parts,
    answers::Rows,
    ask::Ask,
    switch::{Sets, Switch},
};
use crate::{
    control::{Interrupt, JobControl},
    gbt::GbtScorer,
    nets::{self, Scorer, Weights},
};

/// Rows that are looked at.
const ROWS: usize = 5;
/// Rows of the background.
const BACKGROUND: usize = 20;
/// Most sets of columns of Kernel SHAP and LIME here.
const SAMPLES: u32 = 512;
/// Sets of columns that are switched off in each row.
const SETS: usize = 40;
/// Nudges of each row.
const NUDGES: u64 = 4;
/// Size of a nudge, in deviations of the background.
const NUDGE: f64 = 0.02;
/// Shuffles of the weights.
const SHUFFLES: u64 = 3;
/// Largest share of the model's changes that may be missed.
const INFIDELITY: f64 = 0.5;
/// Largest change of the parts, as a share of their size.
const SENSITIVITY: f64 = 0.5;
/// Largest correlation with the parts of shuffled weights.
const RANDOMIZED: f64 = 0.5;

/// Infidelity, sensitivity and, where the model's folder is known, the test with shuffled weights.
///
/// # Errors
/// A failure of the model, or an interruption.
pub(super) fn further(
    ask: &Ask<'_>,
    x: &Rows,
    folder: Option<&Path>,
    control: &dyn JobControl,
) -> Result<Vec<ExplainCheck>, Interrupt> {
    let Some(background) = ask.background else { return Ok(Vec::new()) };
    let few = background.select(0..background.len().min(BACKGROUND));
    let sampled = matches!(ask.method, ExplainMethod::KernelShap | ExplainMethod::Lime);
    let least = 8 * ask.players.len() as u32;
    let samples =
        if sampled { Some(ask.samples.unwrap_or(SAMPLES).min(SAMPLES.max(least))) } else { ask.samples };
    let ask = Ask { background: Some(&few), samples, ..*ask };
    let x = x.select(0..x.len().min(ROWS));
    let parts = ask.parts(&x, control)?;
    let mut checks = Vec::new();
    // Slopes and mean falls are no parts that add up: they foretell no change of several pixels.
    if !ask.method.is_for_pictures() {
        checks.push(ExplainCheck::new("infidelity", infidelity(&ask, &x, &parts, control)?, INFIDELITY));
    }
    let moved = sensitivity(&ask, &x, &parts, background, control)?;
    checks.push(ExplainCheck::new("sensitivity", moved, SENSITIVITY));
    if let Some(folder) = folder
        && let Some(value) = randomized(&ask, &x, &parts, folder, control)?
    {
        checks.push(ExplainCheck::new("randomized_weights", value, RANDOMIZED));
    }
    Ok(checks)
}

/// The share of the model's squared changes that the parts do not foretell, when columns are switched off together.
pub(super) fn infidelity(
    ask: &Ask<'_>,
    x: &Rows,
    parts: &[Parts],
    control: &dyn JobControl,
) -> Result<f64, Interrupt> {
    let Some(background) = ask.background else { return Ok(0.0) };
    let output = ask.output();
    let switch = Switch { model: &output, players: ask.players, background };
    let mut rng = ChaCha8Rng::seed_from_u64(ask.seed ^ 0x1f1d_e117);
    let mut sets = Sets::new(ask.players.len());
    sets.push(|_| true);
    for _ in 0..SETS {
        let on: Vec<bool> = (0..ask.players.len()).map(|_| rng.random()).collect();
        sets.push(|player| on[player]);
    }
    let values = switch.values(x, std::slice::from_ref(&sets), control)?;
    let (mut missed, mut whole) = (0.0, 0.0);
    for (values, parts) in values.iter().zip(parts) {
        for (set, value) in values.iter().enumerate().skip(1) {
            let off = sets.of(set).iter().zip(&parts.columns).filter(|(on, _)| !**on);
            let foretold: f64 = off.map(|(_, part)| part).sum();
            let change = values[0] - value;
            missed += (foretold - change).powi(2);
            whole += change * change;
        }
    }
    Ok(share(missed, whole))
}

/// The largest change of a row's parts, as a share of their size, when its numbers are nudged.
fn sensitivity(
    ask: &Ask<'_>,
    x: &Rows,
    parts: &[Parts],
    background: &Rows,
    control: &dyn JobControl,
) -> Result<f64, Interrupt> {
    let steps: Vec<f64> = (0..x.cols)
        .map(|input| if ask.players.continuous[input] { NUDGE * deviation(background, input) } else { 0.0 })
        .collect();
    let mut worst = 0.0_f64;
    for nudge in 0..NUDGES {
        let mut rng = ChaCha8Rng::seed_from_u64(ask.seed ^ 0x5e15_171e);
        rng.set_stream(nudge);
        let mut moved = x.clone();
        for row in moved.values.chunks_exact_mut(x.cols.max(1)) {
            for (value, step) in row.iter_mut().zip(&steps) {
                *value += step * rng.random_range(-1.0..=1.0);
            }
        }
        for (now, before) in ask.parts(&moved, control)?.iter().zip(parts) {
            let away = |(a, b): (&f64, &f64)| (a - b).powi(2);
            let moved: f64 = now.columns.iter().zip(&before.columns).map(away).sum();
            let size: f64 = before.columns.iter().map(|value| value * value).sum();
            worst = worst.max(share(moved, size).sqrt());
        }
    }
    Ok(worst)
}

/// Deviation of an input over the background's rows that have it.
fn deviation(background: &Rows, input: usize) -> f64 {
    let values =
        || (0..background.len()).map(|row| background.row(row)[input]).filter(|value| !value.is_nan());
    let many = values().count().max(1) as f64;
    let mean = values().sum::<f64>() / many;
    (values().map(|value| (value - mean).powi(2)).sum::<f64>() / many).sqrt()
}

/// Size of the mean correlation between the parts and those of the same model with its weights shuffled; none where weights are not
/// to be had.
fn randomized(
    ask: &Ask<'_>,
    x: &Rows,
    parts: &[Parts],
    folder: &Path,
    control: &dyn JobControl,
) -> Result<Option<f64>, Interrupt> {
    let mut sum = 0.0;
    for seed in 0..SHUFFLES {
        let mut rng = ChaCha8Rng::seed_from_u64(ask.seed ^ 0x0adb_a405);
        rng.set_stream(seed);
        let others = match ask.explained {
            Explained::Network { rules, means, .. } => {
                let (arch, mut weights) = nets::load(folder)?;
                shuffle(&mut weights, &mut rng);
                let scorer = Scorer::new(&arch, &weights)?;
                let explained = Explained::Network { rules, scorer: &scorer, means: *means };
                Ask { explained: &explained, ..*ask }.parts(x, control)?
            }
            Explained::Trees { rules, scorer } => {
                let mut forest = scorer.forest().clone();
                for tree in &mut forest.trees {
                    let leaves: Vec<usize> =
                        (0..tree.left.len()).filter(|node| tree.left[*node] == 0).collect();
                    let mut values: Vec<f64> = leaves.iter().map(|leaf| tree.value[*leaf]).collect();
                    values.shuffle(&mut rng);
                    leaves.iter().zip(values).for_each(|(leaf, value)| tree.value[*leaf] = value);
                }
                let scorer = GbtScorer::new(forest);
                let explained = Explained::Trees { rules, scorer: &scorer };
                Ask { explained: &explained, ..*ask }.parts(x, control)?
            }
            Explained::Integer { .. } => return Ok(None),
        };
        sum += correlation(parts, &others);
    }
    Ok(Some((sum / SHUFFLES as f64).abs()))
}

/// Shuffles the numbers within each tensor.
fn shuffle(weights: &mut Weights, rng: &mut ChaCha8Rng) {
    for (_, values) in weights.values_mut() {
        values.shuffle(rng);
    }
}

/// Correlation of all parts of all rows; 0 where one side does not vary.
fn correlation(a: &[Parts], b: &[Parts]) -> f64 {
    let flat = |parts: &[Parts]| -> Vec<f64> { parts.iter().flat_map(|row| row.columns.clone()).collect() };
    let (a, b) = (flat(a), flat(b));
    let (mean_a, mean_b) = (super::ask::mean(&a), super::ask::mean(&b));
    let pairs = || a.iter().zip(&b).map(|(a, b)| (a - mean_a, b - mean_b));
    let (both, own, other) = pairs()
        .fold((0.0, 0.0, 0.0), |(both, own, other), (a, b)| (both + a * b, own + a * a, other + b * b));
    if own > 0.0 && other > 0.0 { both / (own * other).sqrt() } else { 0.0 }
}

/// 0 of nothing.
fn share(part: f64, whole: f64) -> f64 {
    if part == 0.0 { 0.0 } else { part / whole.max(f64::MIN_POSITIVE) }
}
