//! Fit settings: what a network is trained with, every default resolved in one place.

use orrery_domain::training::{HyperParameters, ModelKind, Optimizer, Task};
use serde::{Deserialize, Serialize};

use super::Augment;

/// Steps that a fit has at least, within [`MOST_EPOCHS`].
const LEAST_STEPS: usize = 3000;
/// Most passes that a default asks for.
const MOST_EPOCHS: u32 = 100;
/// The same of a network over pictures, whose passes are dear.
const MOST_EPOCHS_OF_PICTURES: u32 = 60;

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitSettings {
    /// Passes over the training rows.
    pub epochs: u32,
    /// Rows a step; capped at the training rows.
    pub batch_size: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Decoupled weight decay, on weight matrices only.
    pub weight_decay: f64,
    /// Optimizer.
    pub optimizer: Optimizer,
    /// Share of all steps spent warming up; the rest follows a cosine to 0.
    pub warmup: f64,
    /// Global gradient norm limit; 0 switches clipping off.
    pub clip_norm: f64,
    /// Epochs without a better validation loss before training stops; 0 never stops early.
    pub patience: u32,
    /// Seed of every random choice.
    pub seed: u64,
    /// How training pictures are varied; `None` for tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augment: Option<Augment>,
}

impl FitSettings {
    /// The settings of a request, with the kind's own defaults for what it leaves open. The seed is 0: set it.
    pub fn resolve(kind: ModelKind, hyper: &HyperParameters, train_rows: usize, _task: Task) -> Self {
        let tabm = kind == ModelKind::Tabm;
        let image = kind.is_for_images();
        let batch_size = hyper.batch_size.map_or(if image { 64 } else { 256 }, |size| size.max(1) as usize);
        // Small tables get more passes, so that every fit has about the same least number of steps.
        let steps_per_epoch = (train_rows / batch_size).max(1);
        let most = if image { MOST_EPOCHS_OF_PICTURES } else { MOST_EPOCHS };
        let few = u32::try_from(LEAST_STEPS.div_ceil(steps_per_epoch)).unwrap_or(MOST_EPOCHS);
        let epochs = hyper.epochs.unwrap_or(few.clamp(if tabm { 6 } else { 10 }, most)).max(1);
        let sgd = hyper.optimizer == Optimizer::Sgd;
        Self {
            epochs,
            batch_size,
            learning_rate: hyper.learning_rate.unwrap_or(match (sgd, tabm) {
                (true, _) => 0.05,
                (false, true) => 5e-3,
                (false, false) => 3e-3,
            }),
            weight_decay: hyper.weight_decay.unwrap_or(if sgd { 1e-4 } else { 1e-2 }),
            optimizer: hyper.optimizer,
            warmup: hyper.warmup.unwrap_or(0.05).clamp(0.0, 1.0),
            clip_norm: hyper.clip_norm.unwrap_or(1.0).max(0.0),
            patience: hyper.patience.unwrap_or(epochs.div_ceil(2).max(4)),
            seed: 0,
            augment: None,
        }
    }

    /// Learning rate of a step counted from 0 among `steps`: linear warm-up, then half a cosine that ends at 0
    /// (Loshchilov and Hutter 2017, "SGDR", one cycle).
    pub fn rate(&self, step: u64, steps: u64) -> f64 {
        let (step, steps) = (step as f64, (steps as f64).max(1.0));
        let warm = (self.warmup * steps).floor();
        if step < warm {
            return self.learning_rate * (step + 1.0) / warm;
        }
        let share = ((step - warm) / (steps - warm).max(1.0)).clamp(0.0, 1.0);
        self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_peaks_and_falls_to_nothing() {
        let hyper = HyperParameters { warmup: Some(0.1), learning_rate: Some(0.5), ..Default::default() };
        let settings = FitSettings::resolve(ModelKind::Mlp, &hyper, 1000, Task::Binary);
        let rate = |step| settings.rate(step, 100);
        assert!((rate(0) - 0.05).abs() < 1e-12);
        assert!((rate(9) - 0.5).abs() < 1e-12 && (rate(10) - 0.5).abs() < 1e-12);
        assert!((rate(55) - 0.25).abs() < 1e-12, "half way down the cosine");
        assert!(rate(99) < 0.001 && rate(99) > 0.0);
        for step in 10..99 {
            assert!(rate(step + 1) < rate(step));
        }
    }

    #[test]
    fn what_is_asked_for_is_used() {
        let hyper = HyperParameters {
            epochs: Some(3),
            batch_size: Some(64),
            clip_norm: Some(0.0),
            patience: Some(0),
            optimizer: Optimizer::Sgd,
            ..Default::default()
        };
        let settings = FitSettings::resolve(ModelKind::Tabm, &hyper, 1000, Task::Regression);
        assert_eq!((settings.epochs, settings.batch_size, settings.patience), (3, 64, 0));
        assert!(settings.clip_norm.abs() < 1e-12 && settings.optimizer == Optimizer::Sgd);
    }
}
