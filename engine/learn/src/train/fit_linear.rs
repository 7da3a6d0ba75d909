//! Fitting of the linear model, the family and the baseline.

use std::{collections::BTreeMap, path::Path, time::Instant};

use orrery_domain::{
    Failure, FailureClass,
    device::DeviceChoice,
    job::JobEvent,
    run::{Progress, SeriesId, SeriesPoint},
    training::ModelKind,
};

use super::{
    fit::{Allowance, Bench},
    journal::Done,
    steer::steer,
};
use crate::{
    control::{Interrupt, JobControl},
    device, faults,
    linear::{self, lbfgs::Limits},
    nets,
};

/// Iterations of a linear fit.
const LINEAR_ITERATIONS: usize = 400;

impl Bench<'_> {
    /// Fits the linear model.
    pub(super) fn linear(
        &self,
        allowance: Allowance,
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
        let mut waited = 0.0;
        let mut last_said = f64::NEG_INFINITY;
        let mut out_of_time = false;
        let fitted = linear::fit::<Interrupt>(&problem, limits, |iteration, value| {
            faults::kill_at("step", iteration as u64 + 1);
            waited += steer(control, || Ok(()))?.as_secs_f64();
            let secs = began.elapsed().as_secs_f64() - waited;
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
        if !fitted.parameters.iter().all(|value| value.is_finite()) {
            let message = "The linear model's weights are not finite. Look for extreme values in the columns, or use the quantile scaling.";
            return Err(Failure::new(FailureClass::Model, message).into());
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
