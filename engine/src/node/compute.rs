//! Compute: the device that our models answer on, and what happens when it is lost.
//!
//! A lost device poisons its process for good. Without a fallback the node is not ready from then on and ends, so that whoever supervises
//! it starts it anew; with one, models go on on the CPU.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use orrery_domain::{Failure, FailureClass, device::DeviceChoice};
use orrery_learn::predict::{Answer, Answers, Predictor};
use tokio::sync::Notify;

use super::model::Columns;

/// Largest relative difference of a device's answer from the CPU's with which a model is served on it.
const AGREES: f64 = 1e-3;

/// What models compute with.
#[derive(Debug)]
pub struct Compute {
    device: DeviceChoice,
    fallback: bool,
    lost: AtomicBool,
    ended: Notify,
}

impl Compute {
    /// A device, and whether the CPU takes over when it is lost.
    pub fn new(device: DeviceChoice, fallback: bool) -> Self {
        Self { device, fallback, lost: AtomicBool::new(false), ended: Notify::new() }
    }

    /// Whether there is nothing left to compute with.
    pub fn is_dead(&self) -> bool {
        !self.fallback && self.lost.load(Ordering::Acquire)
    }

    /// Waits until there is nothing left to compute with.
    pub async fn dead(&self) {
        let ended = self.ended.notified();
        if !self.is_dead() {
            ended.await;
        }
    }

    /// What a node that ends for this says.
    pub fn failure(&self) -> Failure {
        Failure::new(
            FailureClass::Hardware,
            format!(
                "The device {} was lost, and the node has ended: a process does not get it back. Start it again, with --cpu-fallback to \
                 go on on the CPU then.",
                self.device
            ),
        )
    }

    fn lose(&self, why: &str) {
        if self.lost.swap(true, Ordering::AcqRel) {
            return;
        }
        let next = if self.fallback { "models go on on the CPU" } else { "the node ends" };
        log::error!("the device {} was lost, and {next}: {why}", self.device);
        if !self.fallback {
            self.ended.notify_one();
        }
    }
}

/// One of our models on its device, with its spare.
#[derive(Debug)]
pub struct Ours {
    predictor: Predictor,
    /// The same model on the CPU.
    spare: Option<Predictor>,
    compute: Arc<Compute>,
}

impl Ours {
    /// Loads a version's folder and lets it answer `row`; on a graphics card the answer is held against the CPU's.
    ///
    /// # Errors
    /// A model failure when a file is missing or damaged, or when it does not answer; a hardware failure when the device cannot be
    /// opened or computes other numbers, and there is no fallback.
    pub fn load(
        folder: &Path,
        compute: &Arc<Compute>,
        row: impl FnOnce(&Predictor) -> Columns,
    ) -> Result<Self, Failure> {
        let cpu = || Predictor::load(folder);
        let spare = if compute.fallback { Some(cpu()?) } else { None };
        let (predictor, spare) = match proved(folder, compute.device, row) {
            Ok(predictor) => (predictor, spare),
            Err(failure) if failure.class == FailureClass::Hardware && compute.fallback => {
                log::warn!("{}: served on the CPU, because {failure}", folder.display());
                (cpu()?, None)
            }
            Err(failure) => return Err(failure),
        };
        Ok(Self { predictor, spare, compute: Arc::clone(compute) })
    }

    /// What answers now.
    pub fn predictor(&self) -> &Predictor {
        match &self.spare {
            Some(spare) if self.compute.lost.load(Ordering::Acquire) => spare,
            _ => &self.predictor,
        }
    }

    /// Answers.
    ///
    /// # Errors
    /// A client failure for columns that do not fit, a hardware failure when the device is lost.
    pub fn serve(&self, columns: &Columns) -> Result<Answers, Failure> {
        let lost = match on_device(|| self.predictor().serve(columns)) {
            Err(failure) if failure.class == FailureClass::Hardware => failure,
            result => return result,
        };
        self.compute.lose(&lost.message);
        match &self.spare {
            Some(spare) => spare.serve(columns),
            None => Err(lost),
        }
    }
}

/// A model on a device that answers as the CPU does.
fn proved(
    folder: &Path,
    device: DeviceChoice,
    row: impl FnOnce(&Predictor) -> Columns,
) -> Result<Predictor, Failure> {
    let predictor = Predictor::load_on(folder, device)?;
    if !matches!(device, DeviceChoice::Gpu(_)) {
        return Ok(predictor);
    }
    let row = row(&predictor);
    let found = on_device(|| predictor.serve(&row))?;
    let expected = Predictor::load(folder)?.serve(&row)?;
    if agree(&found, &expected) {
        return Ok(predictor);
    }
    let message = format!(
        "{device} computes other numbers than the CPU does. Update its driver, or serve on the CPU (--device cpu)."
    );
    Err(Failure::new(FailureClass::Hardware, message))
}

/// Runs on a device, whose loss may come as a panic.
fn on_device(work: impl FnOnce() -> Result<Answers, Failure>) -> Result<Answers, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Failure::new(FailureClass::Hardware, format!("The device broke down: {said}.")))
    })
}

fn agree(a: &Answers, b: &Answers) -> bool {
    let near = |a: &[f64], b: &[f64]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= AGREES * (1.0 + b.abs()))
    };
    match (&a.probabilities, &b.probabilities, &a.prediction, &b.prediction) {
        (Some(a), Some(b), ..) | (None, None, Answer::Values(a), Answer::Values(b)) => near(a, b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_device_ends_the_node_unless_there_is_a_fallback() {
        let alone = Compute::new(DeviceChoice::Gpu(0), false);
        assert!(!alone.is_dead());
        alone.lose("a test");
        assert!(alone.is_dead() && alone.failure().message.contains("gpu:0"));
        let backed = Compute::new(DeviceChoice::Gpu(0), true);
        backed.lose("a test");
        assert!(!backed.is_dead());
    }

    #[test]
    fn answers_agree_within_rounding_only() {
        let values =
            |values: &[f64]| Answers { prediction: Answer::Values(values.to_vec()), probabilities: None };
        assert!(agree(&values(&[1.0, 1e6]), &values(&[1.0001, 1_000_100.0])));
        assert!(!agree(&values(&[1.0]), &values(&[1.01])) && !agree(&values(&[1.0]), &values(&[])));
        let classes = |p: f64| Answers {
            prediction: Answer::Booleans(vec![true]),
            probabilities: Some(vec![1.0 - p, p]),
        };
        assert!(agree(&classes(0.6), &classes(0.6001)) && !agree(&classes(0.6), &classes(0.9)));
        assert!(!agree(&classes(0.6), &values(&[0.6])));
    }
}
