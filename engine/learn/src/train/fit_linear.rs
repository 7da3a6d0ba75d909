//! Fitting of the linear model, the family and the baseline.

use std::{collections::BTreeMap, path::Path, time::Instant};

use orrery_domain::{
    Failure, FailureClass,
    device::DeviceChoice,
    job::JobEvent,
    run::{Progress, SeriesId, SeriesPoint},
    training::ModelKind,
};

use serde::{Deserialize, Serialize};

use super::{
    fit::{Allowance, Bench},
    journal::Done,
    keep,
    steer::steer,
};
use crate::{
    control::{Interrupt, JobControl},
    device,
    faults::{self, Fault},
    linear::{
        self,
        lbfgs::{Limits, Search},
    },
    nets,
};

/// Iterations of a linear fit.
const LINEAR_ITERATIONS: usize = 400;

/// Seconds between two checkpoints.
const CHECKPOINT_SECS: f64 = 15.0;
/// Begins the names of the checkpoints.
const PREFIX: &str = "search";

/// A linear fit at rest.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    /// Hash of what is fitted to what.
    fingerprint: String,
    /// Seconds of fitting so far.
    secs: f64,
    search: Search,
}

/// Iterations at the newest sound checkpoint in a folder; 0 where there is none.
pub(super) fn step(folder: &Path) -> u64 {
    keep::step::<Kept>(folder, PREFIX)
}

/// Hash of what is fitted to what.
fn fingerprint(problem: &linear::Problem<'_>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{:?} {:?} {}", problem.shape, problem.loss, problem.l2).as_bytes());
    for value in problem.y.iter().chain(problem.weight) {
        hasher.update(&value.to_le_bytes());
    }
    for value in &problem.x.values {
        hasher.update(&value.to_le_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

impl Bench<'_> {
    /// Fits the linear model.
    pub(super) fn linear(
        &self,
        allowance: Allowance,
        folder: &Path,
        model: &Path,
        control: &dyn JobControl,
    ) -> Result<Done, Interrupt> {
        let began = Instant::now();
        let train = &self.parts.train;
        let rules = self.one_hot()?;
        let x = rules.transform_codes(&train.table)?.0;
        let layout = rules.layout();
        let shape = linear::Shape {
            numbers: layout.numbers(),
            cardinalities: layout.categories.iter().map(|(_, codes)| *codes).collect(),
            outputs: self.request.outputs(),
        };
        // As scikit-learn's default of C = 1.
        let l2 = self.job.config.hyper.weight_decay.unwrap_or(1.0 / x.rows as f64);
        let problem = linear::Problem {
            x: &x,
            shape: &shape,
            y: &self.scaled(train),
            weight: &train.weight,
            loss: self.loss(),
            l2,
        };
        let limits = Limits { iterations: LINEAR_ITERATIONS, gradient: 1e-6, fall: 1e-8 };
        let fingerprint = fingerprint(&problem);
        let (found, warnings) = keep::read(folder, PREFIX, |kept: &Kept| kept.fingerprint == fingerprint);
        for message in warnings {
            control.emit(JobEvent::Warning { message });
        }
        let (search, secs_before) = found.map_or((None, 0.0), |kept| (Some(kept.search), kept.secs));
        let every = faults::checkpoint_secs(CHECKPOINT_SECS);
        let (mut last_said, mut last_kept) = (f64::NEG_INFINITY, secs_before);
        // Seconds of pauses, less those of fitting before.
        let mut waited = -secs_before;
        let mut out_of_time = false;
        let fitted = linear::fit::<Interrupt>(&problem, limits, search, |search| {
            let (iteration, value) = (search.iteration, search.value);
            faults::kill_at("step", iteration as u64 + 1);
            let secs = began.elapsed().as_secs_f64() - waited;
            let keep = || {
                let kept = Kept { fingerprint: fingerprint.clone(), secs, search: search.clone() };
                let room = keep::write(folder, PREFIX, iteration as u64, &kept, control)?;
                control.emit(JobEvent::Checkpoint { step: iteration as u64 });
                Ok(room)
            };
            if secs - last_kept >= every {
                last_kept = secs;
                waited += keep()?.as_secs_f64();
            }
            waited += steer(control, || keep().map(drop))?.as_secs_f64();
            if secs - last_said > 0.2 || iteration == 0 {
                last_said = secs;
                say_linear(control, iteration as u64, secs, value, x.rows);
            }
            out_of_time = allowance.secs.is_some_and(|most| secs > most);
            Ok(!out_of_time)
        })?;
        let secs = began.elapsed().as_secs_f64() - waited;
        say_linear(control, fitted.iterations as u64, secs, fitted.objective, x.rows);
        if out_of_time {
            let message = format!(
                "The linear model was stopped at its time limit after {} iterations; with more time it may be slightly better.",
                fitted.iterations
            );
            control.emit(JobEvent::Warning { message });
        }
        // As they are kept: in single precision.
        let finite = fitted.parameters.iter().all(|value| (*value as f32).is_finite());
        if !finite || !fitted.objective.is_finite() || faults::happens(Fault::NanLoss, "linear") {
            let message = format!(
                "The linear model's numbers are not finite after {} iterations. Ask for a weight decay above {l2:.1e}, use the quantile scaling, or look for extreme values in the columns.",
                fitted.iterations
            );
            let kept = "The last checkpoint, and every model that was finished before.";
            return Err(Failure::new(FailureClass::Model, message).keeping(kept).into());
        }
        let arch = self.architecture(ModelKind::Linear, Vec::new())?;
        nets::save(model, &arch, &fitted.weights())?;
        rules.save(model)?;
        Ok(Done {
            kind: ModelKind::Linear,
            valid_loss: f64::INFINITY,
            steps: fitted.iterations as u64,
            secs,
            rows_per_sec: (x.rows * fitted.iterations.max(1)) as f64 / secs.max(1e-9),
            parameters: shape.parameters() as u64,
            device: device::name(DeviceChoice::Cpu),
            files: BTreeMap::new(),
        })
    }
}

fn say_linear(control: &dyn JobControl, step: u64, secs: f64, value: f64, rows: usize) {
    let rate = (secs > 0.0 && step > 0).then(|| (rows as u64 * step) as f64 / secs);
    let point = SeriesPoint { step, secs, value };
    control.emit(JobEvent::Points { series: vec![(SeriesId::TrainLoss, point)] });
    let progress = Progress {
        phase: "Fitting the linear model".to_owned(),
        fraction: Some(step as f64 / LINEAR_ITERATIONS as f64),
        step,
        steps: LINEAR_ITERATIONS as u64,
        epoch: step as f64,
        rows_per_sec: rate,
        ..Progress::default()
    };
    control.emit(JobEvent::Progress { progress, kind: Some(ModelKind::Linear) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{control::Unwatched, nets::Encoded};

    #[test]
    fn two_hundred_damaged_checkpoints_fall_back_to_the_one_before() {
        // Three classes: a search that remembers its steps, so that a checkpoint holds all that one can.
        let shape = linear::Shape { numbers: 2, cardinalities: vec![3], outputs: 3 };
        let values =
            (0..90).flat_map(|i| [((i * 37) % 31) as f32 / 31.0, ((i * 53) % 29) as f32, (i % 3) as f32]);
        let x = Encoded { rows: 90, cols: 3, values: values.collect() };
        let y: Vec<f64> = (0..90).map(|i| f64::from(i * i % 7 % 3)).collect();
        let weight = vec![1.0; 90];
        let loss = nets::Loss::Multiclass;
        let problem = linear::Problem { x: &x, shape: &shape, y: &y, weight: &weight, loss, l2: 0.01 };
        let limits = Limits { iterations: 8, gradient: 0.0, fall: 0.0 };
        let (folder, mut kept) = (tempfile::tempdir().expect("a folder"), 0);
        linear::fit::<Interrupt>(&problem, limits, None, |search| {
            let step = search.iteration as u64;
            let state = Kept { fingerprint: "this".to_owned(), secs: 0.5, search: search.clone() };
            keep::write(folder.path(), PREFIX, step, &state, &Unwatched)?;
            kept += 1;
            Ok(true)
        })
        .expect("fitted");
        assert!(kept > 3, "{kept}");
        let latest = || keep::read(folder.path(), PREFIX, |kept: &Kept| kept.fingerprint == "this");
        keep::damages::assert_passed_over(folder.path(), PREFIX, latest);
    }
}
