//! Optimizer: global-norm clipping and `AdamW` or SGD over the whole parameter list, fused, on the host.

use orrery_domain::training::Optimizer as Rule;
use rayon::prelude::*;

use super::{Architecture, FitSettings, Weights};

/// `AdamW`'s constants (Loshchilov and Hutter 2019).
const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-8;
/// SGD's momentum (Nesterov).
const MOMENTUM: f32 = 0.9;
/// Elements a task; a fixed number, so that results do not depend on the number of threads.
const CHUNK: usize = 1 << 14;

/// One parameter and what the optimizer remembers of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slot {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Whether weight decay applies.
    pub decay: bool,
    /// Values.
    pub value: Vec<f32>,
    /// First moment, or SGD's velocity.
    pub first: Vec<f32>,
    /// Second moment; empty for SGD.
    pub second: Vec<f32>,
}

/// Every parameter of a network.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slots(pub Vec<Slot>);

/// The numbers of one step.
#[derive(Clone, Copy, Debug)]
struct Step {
    rate: f32,
    /// What a decayed value is multiplied by.
    keep: f32,
    /// What gradients are multiplied by.
    clip: f32,
    /// `1 / (1 - beta1^t)`.
    unbias1: f32,
    /// `1 / (1 - beta2^t)`.
    unbias2: f32,
}

impl Slots {
    /// Parameters in the architecture's order, moments at 0.
    pub fn new(arch: &Architecture, mut weights: Weights, rule: Rule) -> Self {
        let slots = arch.specs().into_iter().filter_map(|spec| {
            let (shape, value) = weights.remove(&spec.name)?;
            let second = if rule == Rule::AdamW { vec![0.0; value.len()] } else { Vec::new() };
            let first = vec![0.0; value.len()];
            Some(Slot { name: spec.name, shape, decay: spec.decay, value, first, second })
        });
        Self(slots.collect())
    }

    /// Names, shapes and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[usize], &[f32])> + Clone {
        self.0.iter().map(|slot| (slot.name.as_str(), slot.shape.as_slice(), slot.value.as_slice()))
    }

    /// The weights.
    pub fn weights(&self) -> Weights {
        self.0.iter().map(|slot| (slot.name.clone(), (slot.shape.clone(), slot.value.clone()))).collect()
    }

    /// Places of the weight matrices' values that are 0, a list for each parameter.
    pub fn zeros(&self) -> Vec<Vec<u32>> {
        let places = |slot: &Slot| -> Vec<u32> {
            (0..slot.value.len() as u32).filter(|at| slot.value[*at as usize] == 0.0).collect()
        };
        self.0.iter().map(|slot| if slot.decay { places(slot) } else { Vec::new() }).collect()
    }

    /// Sets these places of the parameters to 0.
    pub fn clear(&mut self, places: &[Vec<u32>]) {
        for (slot, places) in self.0.iter_mut().zip(places) {
            for at in places {
                slot.value[*at as usize] = 0.0;
            }
        }
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        self.0.iter().all(|slot| {
            [&slot.value, &slot.first, &slot.second].into_iter().flatten().all(|value| value.is_finite())
        })
    }

    /// One step, counted from 0, down the gradients (one slice a slot, none where a parameter had no part in the loss).
    /// Returns the global norm before clipping; where that is not finite, nothing is changed.
    pub fn step(&mut self, gradients: &[&[f32]], settings: &FitSettings, step: u64, rate: f64) -> f64 {
        let norm = gradients.iter().map(|gradient| square_sum(gradient)).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return norm;
        }
        let limit = settings.clip_norm;
        let count = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let unbias = |beta: f32| (1.0 / (1.0 - f64::from(beta).powi(count))) as f32;
        let plain = Step {
            rate: rate as f32,
            keep: 1.0,
            clip: if limit > 0.0 && norm > limit { (limit / norm) as f32 } else { 1.0 },
            unbias1: unbias(BETA1),
            unbias2: unbias(BETA2),
        };
        let decayed = Step { keep: (1.0 - rate * settings.weight_decay) as f32, ..plain };
        for (slot, gradient) in self.0.iter_mut().zip(gradients) {
            let numbers = if slot.decay { decayed } else { plain };
            match settings.optimizer {
                Rule::AdamW => adam(slot, gradient, numbers),
                Rule::Sgd => sgd(slot, gradient, numbers),
            }
        }
        norm
    }
}

fn adam(slot: &mut Slot, gradient: &[f32], numbers: Step) {
    let Step { rate, keep, clip, unbias1, unbias2 } = numbers;
    let values = slot.value.par_chunks_mut(CHUNK).zip(slot.first.par_chunks_mut(CHUNK));
    values.zip(slot.second.par_chunks_mut(CHUNK)).zip(gradient.par_chunks(CHUNK)).for_each(
        |(((value, first), second), gradient)| {
            for (((value, first), second), &gradient) in
                value.iter_mut().zip(first.iter_mut()).zip(second.iter_mut()).zip(gradient)
            {
                let gradient = gradient * clip;
                *first += (1.0 - BETA1) * (gradient - *first);
                *second += (1.0 - BETA2) * (gradient * gradient - *second);
                let step = rate * (*first * unbias1) / ((*second * unbias2).sqrt() + EPSILON);
                *value = *value * keep - step;
            }
        },
    );
}

fn sgd(slot: &mut Slot, gradient: &[f32], numbers: Step) {
    let values = slot.value.iter_mut().zip(slot.first.iter_mut());
    for ((value, velocity), &gradient) in values.zip(gradient) {
        let gradient = gradient * numbers.clip;
        *velocity = MOMENTUM * *velocity + gradient;
        *value = *value * numbers.keep - numbers.rate * (gradient + MOMENTUM * *velocity);
    }
}

/// Sum of squares: sixteen lanes over short runs, the runs in double precision.
fn square_sum(values: &[f32]) -> f64 {
    const LANES: usize = 16;
    values
        .chunks(1024)
        .map(|run| {
            let mut lanes = [0.0_f32; LANES];
            let mut parts = run.chunks_exact(LANES);
            for part in &mut parts {
                for (lane, value) in lanes.iter_mut().zip(part) {
                    *lane += value * value;
                }
            }
            let rest: f32 = parts.remainder().iter().map(|value| value * value).sum();
            f64::from(lanes.iter().sum::<f32>() + rest)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use orrery_domain::training::{HyperParameters, ModelKind, Task};

    use super::*;

    fn slots(rule: Rule) -> Slots {
        let value = vec![0.5, -1.0, 2.0];
        let second = if rule == Rule::AdamW { vec![0.0; 3] } else { Vec::new() };
        let first = vec![0.0; 3];
        Slots(vec![Slot { name: "w".into(), shape: vec![3], decay: true, value, first, second }])
    }

    fn settings(rule: Rule, clip: f64) -> FitSettings {
        let hyper = HyperParameters {
            optimizer: rule,
            weight_decay: Some(0.1),
            clip_norm: Some(clip),
            ..Default::default()
        };
        FitSettings::resolve(ModelKind::Mlp, &hyper, 100, Task::Regression)
    }

    /// Algorithm 2 of Loshchilov and Hutter 2019, in double precision.
    #[test]
    fn adamw_follows_its_published_formula() {
        let mut slots = slots(Rule::AdamW);
        let settings = settings(Rule::AdamW, 0.0);
        let (mut m, mut v, mut p) = ([0.0_f64; 3], [0.0_f64; 3], [0.5, -1.0, 2.0]);
        for step in 0..50_u64 {
            let gradient: Vec<f32> = (0..3).map(|i| ((step * 3 + i) as f32).sin()).collect();
            slots.step(&[&gradient], &settings, step, 0.01);
            for i in 0..3 {
                let g = f64::from(gradient[i]);
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                let t = step as i32 + 1;
                let (mh, vh) = (m[i] / (1.0 - 0.9_f64.powi(t)), v[i] / (1.0 - 0.999_f64.powi(t)));
                p[i] -= 0.01 * (mh / (vh.sqrt() + 1e-8) + 0.1 * p[i]);
            }
        }
        for (ours, theirs) in slots.0[0].value.iter().zip(p) {
            assert!((f64::from(*ours) - theirs).abs() < 2e-5, "{ours} {theirs}");
        }
    }

    #[test]
    fn sgd_takes_the_nesterov_step() {
        let mut slots = slots(Rule::Sgd);
        let settings = settings(Rule::Sgd, 0.0);
        slots.step(&[&[1.0, 0.0, 0.0]], &settings, 0, 0.1);
        assert!((slots.0[0].value[0] - (0.5 * 0.99 - 0.1 * 1.9)).abs() < 1e-6);
    }

    #[test]
    fn clipping_goes_by_the_global_norm() {
        let (mut clipped, mut free) = (slots(Rule::Sgd), slots(Rule::Sgd));
        let norm = clipped.step(&[&[3.0, 4.0, 0.0]], &settings(Rule::Sgd, 1.0), 0, 0.1);
        assert!((norm - 5.0).abs() < 1e-6);
        free.step(&[&[0.6, 0.8, 0.0]], &settings(Rule::Sgd, 0.0), 0, 0.1);
        for (a, b) in clipped.0[0].value.iter().zip(&free.0[0].value) {
            assert!((a - b).abs() < 1e-6);
        }
    }

    #[test]
    fn a_broken_gradient_changes_nothing() {
        let mut slots = slots(Rule::AdamW);
        let before = slots.clone();
        assert!(!slots.step(&[&[f32::NAN, 0.0, 0.0]], &settings(Rule::AdamW, 1.0), 0, 0.1).is_finite());
        assert_eq!(slots, before);
    }
}
