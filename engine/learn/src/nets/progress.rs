//! Progress: what a fit says while it runs, at most five times a second.

use std::time::{Duration, Instant};

use orrery_domain::{
    job::JobEvent,
    run::{Progress, SeriesId, SeriesPoint},
};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::Family;
use crate::control::JobControl;

/// Seconds between two reports.
const REPORT_SECS: f64 = 0.2;
/// Seconds between two looks at the process's memory and processor.
const PROCESS_SECS: f64 = 1.0;
/// Seconds over which the shown speed is smoothed.
const SMOOTH_SECS: f64 = 3.0;

/// What a step measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepFigures {
    /// Mean training loss of the batch.
    pub loss: f64,
    /// Learning rate.
    pub rate: f64,
    /// Gradient norm before clipping.
    pub norm: f64,
    /// Rows.
    pub rows: usize,
}

/// The fixed numbers of a fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Steps in all.
    pub steps: u64,
    /// Steps an epoch.
    pub steps_per_epoch: u64,
    /// Family.
    pub family: Family,
}

/// Says how a fit is getting on.
pub(super) struct Reporter<'a> {
    control: &'a dyn JobControl,
    plan: Plan,
    last: Instant,
    losses: (f64, u32),
    rows: usize,
    speed: Option<f64>,
    /// `None` where the system does not tell.
    system: Option<System>,
    process_seen: Option<Instant>,
    memory_bytes: Option<u64>,
    cpu_cores: Option<f64>,
    /// Time spent on telling.
    telling: Duration,
}

impl<'a> Reporter<'a> {
    /// A reporter for one fit.
    pub fn new(control: &'a dyn JobControl, plan: Plan) -> Self {
        Self {
            control,
            plan,
            last: Instant::now(),
            losses: (0.0, 0),
            rows: 0,
            speed: None,
            system: System::new().ok(),
            process_seen: None,
            memory_bytes: None,
            cpu_cores: None,
            telling: Duration::ZERO,
        }
    }

    /// Takes a step's figures; `step` steps are done after `secs` of training.
    pub fn step(&mut self, step: u64, secs: f64, figures: StepFigures) {
        self.losses.0 += figures.loss;
        self.losses.1 += 1;
        self.rows += figures.rows;
        let passed = self.last.elapsed().as_secs_f64();
        if passed < REPORT_SECS && step != self.plan.steps {
            return;
        }
        let began = Instant::now();
        let speed = self.rows as f64 / passed.max(1e-9);
        let share = (passed / SMOOTH_SECS).min(1.0);
        self.speed = Some(self.speed.map_or(speed, |old| old + share * (speed - old)));
        let mean = self.losses.0 / f64::from(self.losses.1.max(1));
        self.points(
            step,
            secs,
            &[
                (SeriesId::TrainLoss, mean),
                (SeriesId::LearningRate, figures.rate),
                (SeriesId::GradientNorm, figures.norm),
                (SeriesId::RowsPerSec, speed),
            ],
        );
        self.progress("Training", step);
        self.losses = (0.0, 0);
        self.rows = 0;
        self.last = Instant::now();
        self.telling += self.last - began;
    }

    /// Seconds that telling about steps has taken.
    pub fn telling_secs(&self) -> f64 {
        self.telling.as_secs_f64()
    }

    /// Forgets the time since the last report: after a pause or a validation it is no measure of speed.
    pub fn restart_clock(&mut self) {
        self.last = Instant::now();
        self.rows = 0;
    }

    /// Adds points to curves.
    pub fn points(&self, step: u64, secs: f64, values: &[(SeriesId, f64)]) {
        let series = values.iter().map(|&(id, value)| (id, SeriesPoint { step, secs, value })).collect();
        self.control.emit(JobEvent::Points { series });
    }

    /// Says how far the fit is.
    pub fn progress(&mut self, phase: &str, step: u64) {
        self.look_at_process();
        let Plan { steps, steps_per_epoch, family } = self.plan;
        let kind = family.kind();
        let rows_a_step = self.rows as f64 / f64::from(self.losses.1.max(1));
        let secs_left = self
            .speed
            .filter(|&speed| speed > 0.0 && rows_a_step > 0.0)
            .map(|speed| steps.saturating_sub(step) as f64 * rows_a_step / speed);
        let progress = Progress {
            phase: phase.to_owned(),
            fraction: Some(step as f64 / steps.max(1) as f64),
            step,
            steps,
            epoch: step as f64 / steps_per_epoch.max(1) as f64,
            rows_per_sec: self.speed,
            secs_left,
            memory_bytes: self.memory_bytes,
            cpu_cores: self.cpu_cores,
        };
        self.control.emit(JobEvent::Progress { progress, kind: Some(kind) });
    }

    fn look_at_process(&mut self) {
        if self.process_seen.is_some_and(|seen| seen.elapsed().as_secs_f64() < PROCESS_SECS) {
            return;
        }
        let first = self.process_seen.is_none();
        self.process_seen = Some(Instant::now());
        let Some(system) = &mut self.system else { return };
        let pid = Pid::from_u32(std::process::id());
        let what = ProcessRefreshKind::nothing().with_memory().with_cpu();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        if let Some(process) = system.process(pid) {
            self.memory_bytes = Some(process.memory());
            // The first look has nothing to compare with.
            self.cpu_cores = (!first).then(|| f64::from(process.cpu_usage()) / 100.0);
        }
    }
}
