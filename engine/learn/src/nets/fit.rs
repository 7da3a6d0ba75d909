//! Fit: the training loop, with its checkpoints, steering and early stopping.

mod recover;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use burn::tensor::Device;
use orrery_domain::{
    Failure, FailureClass,
    device::DeviceChoice,
    job::JobEvent,
    run::{RunState, SeriesId},
};

use super::{
    Architecture, FitSettings, Loss, Rows, Weights,
    batch::{Gatherer, order},
    checkpoint::{self, Checkpoint, State},
    initial_weights,
    judge::Judgement,
    optimizer::Slots,
    parameter_count,
    progress::{Plan, Reporter, StepFigures},
    rounding::Rounding,
    score,
    teacher::Teacher,
};
use crate::{
    control::{Interrupt, JobControl, Wish},
    faults::{self, Fault},
};

/// Seconds between two checkpoints inside an epoch.
const CHECKPOINT_SECS: f64 = 30.0;
/// Pause between two looks at the wish while paused.
const PAUSE_POLL: Duration = Duration::from_millis(50);

/// What a fit computes with; none of it changes what comes out on the same device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    /// Device.
    pub device: DeviceChoice,
    /// Parts that a batch is computed in, at least; more where memory runs out.
    pub passes: u32,
    /// Whether the CPU takes over when the device is lost, missing or does not open.
    pub cpu_fallback: bool,
}

impl From<DeviceChoice> for Means {
    fn from(device: DeviceChoice) -> Self {
        Self { device, passes: 1, cpu_fallback: false }
    }
}

/// What a fit ended with.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOutcome {
    /// Weights of the best validation.
    pub weights: Weights,
    /// What they belong to.
    pub architecture: Architecture,
    /// Validation loss of these weights.
    pub best_valid_loss: f64,
    /// Steps done.
    pub steps: u64,
    /// Passes over the training rows done.
    pub epochs: f64,
    /// Seconds of training, validation and checkpoints included, pauses not.
    pub train_secs: f64,
    /// Training rows a second over all of that time.
    pub samples_per_sec: f64,
    /// Trainable parameters.
    pub parameters: u64,
    /// Whether it ended before its last epoch for want of progress.
    pub stopped_early: bool,
    /// The device it ended on.
    pub device: DeviceChoice,
}

/// Weights that a fit begins with.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The weights.
    pub weights: &'a Weights,
    /// Whether those that are 0 stay 0.
    pub hold_zeros: bool,
}

/// A network to train.
#[derive(Clone, Copy, Debug)]
pub struct Fit<'a> {
    /// Architecture.
    pub arch: &'a Architecture,
    /// What it begins with; `None`: the architecture's first weights, by the seed.
    pub start: Option<Start<'a>>,
    /// What is minimised.
    pub loss: Loss,
    /// Training rows.
    pub train: Rows<'a>,
    /// Rows that are judged by between epochs.
    pub valid: Rows<'a>,
    /// What another model says of the training rows, where it is followed.
    pub teacher: Option<Teacher<'a>>,
    /// What the network rounds on its way forward, in training and validation, where it is to be quantized.
    pub rounding: Option<&'a Rounding>,
    /// Settings.
    pub settings: &'a FitSettings,
    /// What it computes with.
    pub means: Means,
    /// Folder of its checkpoints.
    pub checkpoints: &'a Path,
}

impl Fit<'_> {
    /// Trains the network, or goes on from the newest checkpoint in the folder that is of the same request and data. On the CPU a
    /// resumed fit ends with the very weights of an unbroken one.
    ///
    /// # Errors
    /// A failure (data: no rows; model: the loss is not finite, or the weights to begin with do not fit; hardware: the device was lost;
    /// capacity: the disk is full), or an interruption after a checkpoint.
    pub fn run(&self, control: &dyn JobControl) -> Result<FitOutcome, Interrupt> {
        check_rows(self.arch, self.train, "training")?;
        check_rows(self.arch, self.valid, "validation")?;
        if let Some(start) = self.start {
            score::check(self.arch, start.weights)?;
        }
        let opened = recover::open(self.means, control)?;
        let mut trainer = Trainer::new(self, opened, control);
        trainer.resume();
        trainer.run()
    }

    /// Hash of what is fitted to what. Data goes in by its size, its truth and its first and last rows.
    fn fingerprint(&self) -> String {
        const ENDS: usize = 1 << 14;
        let mut hasher = blake3::Hasher::new();
        // Plain data without maps always serializes, and always the same way.
        let text = serde_json::to_string(&(self.arch, self.loss, self.settings)).unwrap_or_default();
        hasher.update(text.as_bytes());
        let mut floats = |values: &[f32]| {
            hasher.update(&(values.len() as u64).to_le_bytes());
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            hasher.update(&bytes);
        };
        for rows in [self.train, self.valid] {
            let values = &rows.x.values;
            floats(&[rows.x.rows as f32, rows.x.cols as f32]);
            floats(&values[..values.len().min(ENDS)]);
            floats(&values[values.len().saturating_sub(ENDS)..]);
            floats(rows.y);
            floats(rows.weight.unwrap_or_default());
        }
        if let Some(Start { weights, hold_zeros }) = self.start {
            for (_, values) in weights.values() {
                floats(values);
            }
            floats(&[f32::from(u8::from(hold_zeros))]);
        }
        if let Some(Teacher { outputs, features, features_weight, share, imitation }) = self.teacher {
            floats(outputs);
            let text = serde_json::to_string(&(features, features_weight, share, imitation));
            hasher.update(text.unwrap_or_default().as_bytes());
        }
        if let Some(rounding) = self.rounding {
            hasher.update(serde_json::to_string(rounding).unwrap_or_default().as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// What a fit begins with, moments at 0.
fn first_slots(arch: &Architecture, start: Option<Start<'_>>, settings: &FitSettings) -> Slots {
    let first = start.map_or_else(|| initial_weights(arch, settings.seed), |start| start.weights.clone());
    Slots::new(arch, first, settings.optimizer)
}

/// Whether rows can be trained on.
fn check_rows(arch: &Architecture, rows: Rows, part: &str) -> Result<(), Failure> {
    let cols = arch.numeric + arch.category_sizes.len();
    let fits = rows.x.cols == cols
        && rows.x.values.len() == rows.x.rows * cols
        && rows.y.len() == rows.x.rows
        && rows.weight.is_none_or(|weight| weight.len() == rows.x.rows);
    if !fits || cols == 0 || arch.outputs == 0 {
        let message = format!(
            "The {part} rows do not fit the network ({cols} input columns expected). Choose at least one feature column."
        );
        return Err(Failure::new(FailureClass::Data, message));
    }
    if rows.x.rows == 0 {
        let message =
            format!("There are no {part} rows. Use a larger file, or another split that leaves some for it.");
        return Err(Failure::new(FailureClass::Data, message));
    }
    Ok(())
}

/// A fit under way.
struct Trainer<'a> {
    arch: &'a Architecture,
    loss: Loss,
    train: Rows<'a>,
    valid: Rows<'a>,
    teacher: Option<Teacher<'a>>,
    rounding: Option<Arc<Rounding>>,
    start: Option<Start<'a>>,
    /// Places of each parameter that stay 0.
    zeros: Vec<Vec<u32>>,
    settings: &'a FitSettings,
    means: Means,
    /// Whether the device was lost and the CPU has taken over.
    fallen_back: bool,
    device: Device,
    dir: PathBuf,
    control: &'a dyn JobControl,
    gatherer: Gatherer,
    reporter: Reporter<'a>,
    /// One over the mean training weight: weights of mean 1 keep the loss's scale.
    weight_scale: f32,
    batch: usize,
    /// Validation rows that are scored at once.
    scoring: usize,
    plan: Plan,
    state: State,
    slots: Slots,
    best: Weights,
    clock: Instant,
    saved: Instant,
    /// Seconds between two checkpoints inside an epoch.
    every: f64,
}

impl<'a> Trainer<'a> {
    fn new(fit: &Fit<'a>, (means, device): (Means, Device), control: &'a dyn JobControl) -> Self {
        let Fit { arch, start, loss, train, valid, teacher, rounding, settings, checkpoints, .. } = *fit;
        // A last batch that is not full is left out: every epoch has another order, so no row is left out for good, and
        // one constant shape serves all steps.
        let batch = settings.batch_size.clamp(1, train.x.rows);
        let steps_per_epoch = (train.x.rows / batch) as u64;
        let plan = Plan {
            steps: steps_per_epoch * u64::from(settings.epochs),
            steps_per_epoch,
            family: arch.family,
        };
        let weight_scale = train.weight.map_or(1.0, |weight| {
            let mean = weight.iter().map(|&w| f64::from(w)).sum::<f64>() / weight.len() as f64;
            if mean > 0.0 { (1.0 / mean) as f32 } else { 1.0 }
        });
        let fingerprint = fit.fingerprint();
        let slots = first_slots(arch, start, settings);
        let zeros = if start.is_some_and(|start| start.hold_zeros) { slots.zeros() } else { Vec::new() };
        Self {
            arch,
            loss,
            train,
            valid,
            teacher,
            rounding: rounding.cloned().map(Arc::new),
            start,
            zeros,
            settings,
            means,
            fallen_back: false,
            device,
            dir: checkpoints.to_path_buf(),
            control,
            gatherer: Gatherer::new(arch),
            reporter: Reporter::new(control, plan),
            weight_scale,
            batch,
            scoring: (score::rows_at_once(arch) / means.passes.max(1) as usize).max(1),
            plan,
            state: State { fingerprint, passes: means.passes, ..State::default() },
            slots,
            best: Weights::new(),
            clock: Instant::now(),
            saved: Instant::now(),
            every: faults::checkpoint_secs(CHECKPOINT_SECS),
        }
    }

    /// Takes up the newest usable checkpoint, saying which damaged ones were passed over.
    fn resume(&mut self) {
        let (found, warnings) = checkpoint::latest(&self.dir, &self.state.fingerprint, &self.slots);
        for message in warnings {
            self.control.emit(JobEvent::Warning { message });
        }
        if let Some(Checkpoint { state, slots, best }) = found {
            (self.state, self.slots, self.best) = (state, slots, best);
            self.state.passes = self.state.passes.max(self.means.passes);
        }
    }

    fn run(&mut self) -> Result<FitOutcome, Interrupt> {
        self.clock = Instant::now();
        if self.state.unjudged {
            self.end_epoch()?;
        }
        let mut rows = (u64::MAX, Vec::new());
        while self.state.step < self.plan.steps && !self.state.stopped_early {
            let epoch = self.state.step / self.plan.steps_per_epoch;
            if rows.0 != epoch {
                rows = (epoch, order(self.train.x.rows, self.settings.seed, epoch));
            }
            faults::kill_at("step", self.state.step + 1);
            let first = (self.state.step % self.plan.steps_per_epoch) as usize * self.batch;
            let Some(figures) = self.step(&rows.1[first..first + self.batch])? else {
                // It went back, or tries again with other means; a person may still have the word.
                self.obey()?;
                continue;
            };
            self.state.step += 1;
            let secs = self.secs();
            self.reporter.step(self.state.step, secs, figures);
            if self.state.step.is_multiple_of(self.plan.steps_per_epoch) {
                self.end_epoch()?;
            } else if self.saved.elapsed().as_secs_f64() > self.every {
                self.save()?;
            }
            self.obey()?;
        }
        Ok(self.outcome())
    }

    /// Seconds of training so far.
    fn secs(&self) -> f64 {
        self.state.secs + self.clock.elapsed().as_secs_f64()
    }

    /// One optimizer step on these rows; `None` where it could not be done and the fit goes on from elsewhere.
    fn step(&mut self, rows: &[u32]) -> Result<Option<StepFigures>, Interrupt> {
        let (mut loss, mut gradients) = match self.slopes(rows) {
            Ok(found) => found,
            Err(failure) => return self.mend(failure).map(|()| None),
        };
        if faults::strikes(Fault::NanLoss, "step", self.state.step + 1) {
            loss = f64::NAN;
        }
        if faults::strikes(Fault::NanGradient, "step", self.state.step + 1)
            && let Some(entry) = gradients.iter_mut().flatten().next_back()
        {
            *entry = f32::NAN;
        }
        if !loss.is_finite() {
            return self.roll_back().map(|()| None);
        }
        let slices: Vec<&[f32]> = gradients.iter().map(Vec::as_slice).collect();
        let scale = if self.state.halved { 0.5 } else { 1.0 };
        let rate = scale * self.settings.rate(self.state.step, self.plan.steps);
        let norm = self.slots.step(&slices, self.settings, self.state.step, rate);
        if !norm.is_finite() {
            return self.roll_back().map(|()| None);
        }
        self.slots.clear(&self.zeros);
        Ok(Some(StepFigures { loss, rate, norm, rows: rows.len() }))
    }

    fn diverged(&self) -> Failure {
        let step = self.state.step + 1;
        Failure::new(
            FailureClass::Model,
            format!(
                "Training diverged: the loss or its gradient was not finite at step {step}. Try a learning rate of {:.1e} or lower, a smaller gradient norm limit, or look for extreme values in the numeric columns.",
                self.settings.learning_rate / 3.0
            ),
        )
        .keeping("The last checkpoint before it was kept.")
    }

    /// Validates, keeps the best weights, decides on early stopping and writes a checkpoint.
    fn end_epoch(&mut self) -> Result<(), Interrupt> {
        self.reporter.progress("Validating", self.state.step);
        // What is kept before the validation is done has it done first when the fit goes on.
        self.state.unjudged = true;
        let Judgement { loss, metric } = loop {
            match self.judgement() {
                Ok(judgement) => break judgement,
                Err(failure) => self.mend_validation(failure)?,
            }
            self.obey()?;
            if !self.state.unjudged {
                // It went back meanwhile.
                return Ok(());
            }
        };
        self.state.unjudged = false;
        if !loss.is_finite() {
            return self.roll_back();
        }
        let mut points = vec![(SeriesId::ValidLoss, loss)];
        points.extend(metric.map(|metric| (SeriesId::ValidMetric, metric)));
        self.reporter.points(self.state.step, self.secs(), &points);
        if self.state.best_valid_loss.is_none_or(|best| loss < best) {
            self.state.best_valid_loss = Some(loss);
            self.state.best_step = self.state.step;
            self.state.stale = 0;
            self.best = self.slots.weights();
        } else {
            self.state.stale += 1;
            let patience = self.settings.patience;
            self.state.stopped_early = patience > 0 && self.state.stale >= patience;
        }
        self.save()?;
        self.reporter.restart_clock();
        Ok(())
    }

    /// Writes a checkpoint. Numbers that went wrong are not kept: the fit goes back.
    fn save(&mut self) -> Result<(), Interrupt> {
        if !self.slots.is_finite() {
            return self.roll_back();
        }
        self.state.secs = self.secs();
        self.clock = Instant::now();
        let checkpoint =
            Checkpoint { state: self.state.clone(), slots: self.slots.clone(), best: self.best.clone() };
        self.clock += checkpoint::write(&self.dir, &checkpoint, self.control)?;
        self.saved = Instant::now();
        self.control.emit(JobEvent::Checkpoint { step: self.state.step });
        Ok(())
    }

    /// Does what a person wishes.
    fn obey(&mut self) -> Result<(), Interrupt> {
        match self.control.wish() {
            Wish::Continue => return Ok(()),
            Wish::Cancel => {
                self.save()?;
                return Err(Interrupt::Cancelled);
            }
            Wish::Stop => {
                self.save()?;
                return Err(Interrupt::Stopped);
            }
            Wish::Pause => self.save()?,
        }
        self.control.emit(JobEvent::State { state: RunState::Paused, reason: None });
        let wish = loop {
            match self.control.wish() {
                Wish::Pause => std::thread::sleep(PAUSE_POLL),
                wish => break wish,
            }
        };
        self.clock = Instant::now();
        self.saved = Instant::now();
        self.reporter.restart_clock();
        match wish {
            Wish::Cancel => Err(Interrupt::Cancelled),
            Wish::Stop => Err(Interrupt::Stopped),
            Wish::Continue | Wish::Pause => {
                self.control.emit(JobEvent::State { state: RunState::Running, reason: None });
                Ok(())
            }
        }
    }

    fn outcome(&self) -> FitOutcome {
        let State { step, best_valid_loss, secs, stopped_early, .. } = self.state;
        log::info!("progress took {:.4} s of {secs:.3} s of training", self.reporter.telling_secs());
        let rows = step as f64 * self.batch as f64;
        FitOutcome {
            weights: if self.best.is_empty() { self.slots.weights() } else { self.best.clone() },
            architecture: self.arch.clone(),
            best_valid_loss: best_valid_loss.unwrap_or(f64::NAN),
            steps: step,
            epochs: step as f64 / self.plan.steps_per_epoch as f64,
            train_secs: secs,
            samples_per_sec: if secs > 0.0 { rows / secs } else { 0.0 },
            parameters: parameter_count(self.arch),
            stopped_early,
            device: self.means.device,
        }
    }
}
