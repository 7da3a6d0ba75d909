//! Boosting: the loop that grows a forest, and can stop and go on at any tree.

mod recover;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use forust_ml::{
    Matrix,
    binning::{BinnedData, TiledBins, bin_matrix},
    constraints::ConstraintMap,
    gradientbooster::GrowPolicy,
    sampler::SampleMethod,
    splitter::MissingImputerSplitter,
    tree::Tree as GrownTree,
};
use orrery_domain::{
    Failure, FailureClass,
    job::JobEvent,
    run::{Progress, SeriesId, SeriesPoint},
    training::ModelKind,
};

use super::{
    checkpoint::{self, State},
    forest::{FORMAT, Forest, Objective, Tree},
    loss,
    rows::{add_tree, fingerprint, sample, unit},
    settings::GbtSettings,
};
use crate::{
    control::{Interrupt, JobControl},
    faults::{self, Fault},
    prepare::TreeMatrix,
    train::steer::steer,
};

/// Seconds between two checkpoints that nobody asked for.
const CHECKPOINT_EVERY: f64 = 15.0;
/// Seconds between two progress events.
const PROGRESS_EVERY: f64 = 0.25;

/// Rows with their truth.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// Features.
    pub x: &'a TreeMatrix,
    /// 0 or 1, the class number, or the value. `[rows]`
    pub y: &'a [f64],
    /// Weights, 0 or more. `[rows]`
    pub weight: &'a [f64],
}

/// What is to be grown.
#[derive(Clone, Debug)]
pub struct GbtJob<'a> {
    /// What for.
    pub objective: Objective,
    /// Class names; empty for a number.
    pub classes: &'a [String],
    /// Names of the features.
    pub features: &'a [String],
    /// Whether `y` is the logarithm of the target.
    pub log: bool,
    /// Training rows.
    pub train: Labelled<'a>,
    /// Validation rows; may be none, then nothing stops early.
    pub valid: Labelled<'a>,
    /// Settings.
    pub settings: &'a GbtSettings,
    /// Folder of the checkpoints.
    pub folder: &'a Path,
    /// What else the result depends on (the data's hash); part of the checkpoints' fingerprint.
    pub source: &'a str,
    /// Most seconds of growing, pauses not counted.
    pub budget_secs: Option<f64>,
}

/// What was grown.
#[derive(Clone, Debug)]
pub struct GbtOutcome {
    /// The forest, cut at its best validation loss.
    pub forest: Forest,
    /// Rounds grown, the ones cut away included.
    pub rounds: usize,
    /// Seconds of growing, pauses not counted.
    pub secs: f64,
    /// Rows times trees grown in a second.
    pub rows_per_sec: f64,
}

/// Grows a forest, or goes on from the last checkpoint in the job's folder.
///
/// # Errors
/// A data failure without training rows, a model failure when a loss is not finite, a capacity failure when the disk does not take a checkpoint,
/// or an interruption after a checkpoint.
pub fn fit(job: &GbtJob<'_>, control: &dyn JobControl) -> Result<GbtOutcome, Interrupt> {
    if job.train.x.rows == 0 || job.train.x.cols == 0 {
        let message = "There are no training rows to grow trees on. Check the split and the target column.";
        return Err(Failure::new(FailureClass::Data, message).into());
    }
    // Inside the pool, so that no parallel step hands over from a blocked caller.
    rayon::scope(|_| Boost::new(job, control)?.run())
}

/// The loop's state and everything it borrows.
struct Boost<'a> {
    job: &'a GbtJob<'a>,
    control: &'a dyn JobControl,
    bins: BinnedData<f64>,
    /// The targets, standardized for a number. `[rows]`
    train_y: Vec<f64>,
    valid_y: Vec<f64>,
    /// Mean and deviation of a number's training values; 0 and 1 for classes.
    unit: (f64, f64),
    base: Vec<f64>,
    /// Raw outputs. `[outputs][rows]`
    train_raw: Vec<Vec<f64>>,
    valid_raw: Vec<Vec<f64>>,
    state: State,
    /// Start of this process' part, moved on by pauses.
    began: Instant,
    secs_before: f64,
    last_checkpoint: f64,
    /// Seconds between two checkpoints.
    every: f64,
    last_progress: f64,
}

impl<'a> Boost<'a> {
    fn new(job: &'a GbtJob<'a>, control: &'a dyn JobControl) -> Result<Self, Interrupt> {
        let fingerprint = fingerprint(job);
        let (found, warnings) = checkpoint::read(job.folder, &fingerprint);
        for message in warnings {
            control.emit(JobEvent::Warning { message });
        }
        let mut state = found.unwrap_or_else(|| State::fresh(fingerprint));
        let outputs = if job.objective == Objective::OneVsRest { job.classes.len() } else { 1 };
        state.trees.truncate(state.trees.len() / outputs * outputs);

        let unit = unit(job);
        let scaled = |y: &[f64]| y.iter().map(|y| (y - unit.0) / unit.1).collect::<Vec<f64>>();
        let (train_y, valid_y) = (scaled(job.train.y), scaled(job.valid.y));
        let base: Vec<f64> = (0..outputs)
            .map(|output| loss::base(job.objective, output, &train_y, job.train.weight))
            .collect();
        let x = job.train.x;
        let matrix = Matrix::new(&x.values, x.rows, x.cols);
        let bins =
            bin_matrix(&matrix, job.train.weight, job.settings.bins, f64::NAN, true).map_err(|error| {
                Failure::new(FailureClass::Bug, format!("The features could not be binned: {error}."))
            })?;
        let secs_before = state.secs;
        let mut boost = Self {
            job,
            control,
            bins,
            train_y,
            valid_y,
            unit,
            base,
            train_raw: Vec::new(),
            valid_raw: Vec::new(),
            state,
            began: Instant::now(),
            secs_before,
            last_checkpoint: secs_before,
            every: faults::checkpoint_secs(CHECKPOINT_EVERY),
            last_progress: f64::NEG_INFINITY,
        };
        boost.replay();
        Ok(boost)
    }

    fn outputs(&self) -> usize {
        self.base.len()
    }

    fn rounds(&self) -> usize {
        self.state.trees.len() / self.outputs()
    }

    fn secs(&self) -> f64 {
        self.secs_before + self.began.elapsed().as_secs_f64()
    }

    /// Adds the trees of a checkpoint to the predictions of no tree at all, in order.
    fn replay(&mut self) {
        for (raws, rows) in
            [(&mut self.train_raw, self.job.train.x.rows), (&mut self.valid_raw, self.job.valid.x.rows)]
        {
            *raws = self.base.iter().map(|base| vec![*base; rows]).collect();
        }
        for tree in &self.state.trees {
            let output = tree.output as usize;
            add_tree(tree, self.job.train.x, &mut self.train_raw[output]);
            add_tree(tree, self.job.valid.x, &mut self.valid_raw[output]);
        }
    }

    fn run(mut self) -> Result<GbtOutcome, Interrupt> {
        let settings = self.job.settings;
        let mut splitter = MissingImputerSplitter {
            l1: 0.0,
            l2: settings.l2 as f32,
            max_delta_step: 0.0,
            gamma: 0.0,
            min_leaf_weight: settings.min_leaf_weight as f32,
            learning_rate: settings.learning_rate as f32,
            allow_missing_splits: true,
            constraints_map: ConstraintMap::new(),
        };
        let binned = std::mem::take(&mut self.bins.binned_data);
        let data = Matrix::new(&binned, self.job.train.x.rows, self.job.train.x.cols);
        let tiles = TiledBins::new(&data, &self.bins.cuts, true);
        let rows = self.job.train.x.rows;
        let (mut gradient, mut hessian) = (vec![0.0_f32; rows], vec![0.0_f32; rows]);
        while !self.state.done && self.rounds() < settings.trees {
            if self.job.budget_secs.is_some_and(|budget| self.secs() >= budget) {
                break;
            }
            let round = self.rounds();
            faults::kill_at("step", round as u64 + 1);
            let scale = if self.state.halved { 0.5 } else { 1.0 };
            splitter.learning_rate = (scale * settings.learning_rate) as f32;
            for output in 0..self.outputs() {
                let waited = self.steer()?;
                self.began += waited;
                loss::derivatives(
                    self.job.objective,
                    output,
                    (&self.train_y, self.job.train.weight, &self.train_raw[output]),
                    &mut gradient,
                    &mut hessian,
                );
                let draw = (round * self.outputs() + output) as u64;
                let (index, columns, sampling) = sample(settings, self.job.train.x, draw);
                if faults::strikes(Fault::NanGradient, "step", round as u64 + 1)
                    && let Some(row) = index.first()
                {
                    gradient[*row] = f32::NAN;
                }
                let mut grown = GrownTree::new();
                let placed = grown.fit_with_tiles(
                    &data,
                    index,
                    &columns,
                    &self.bins.cuts,
                    &gradient,
                    &hessian,
                    &splitter,
                    settings.leaves,
                    usize::MAX,
                    true,
                    &sampling,
                    &GrowPolicy::LossGuide,
                    Some(&tiles),
                );
                let tree = Tree::from_grown(&grown, output as u32);
                match placed {
                    Some(placed) if sampling == SampleMethod::None => {
                        for (rows, value) in placed.leaves(&grown) {
                            for row in rows {
                                self.train_raw[output][*row] += value;
                            }
                        }
                    }
                    _ => add_tree(&tree, self.job.train.x, &mut self.train_raw[output]),
                }
                add_tree(&tree, self.job.valid.x, &mut self.valid_raw[output]);
                self.state.trees.push(tree);
            }
            self.after_round()?;
        }
        self.state.done = true;
        self.checkpoint()?;
        Ok(self.outcome())
    }

    /// Losses, best round, early stop, checkpoint and news after a round.
    fn after_round(&mut self) -> Result<(), Interrupt> {
        let job = self.job;
        let rounds = self.rounds();
        let valid = self.valid_loss();
        let chunk_ends = rounds.is_multiple_of(job.settings.chunk) || rounds == job.settings.trees;
        let train = if chunk_ends { self.train_loss() } else { None };
        let grown = &self.state.trees[(rounds - 1) * self.outputs()..];
        // A gradient that is not finite is in its leaf, however few rows say so in a loss.
        let spoilt = grown.iter().flat_map(|tree| &tree.value).any(|value| !value.is_finite())
            || faults::strikes(Fault::NanLoss, "step", rounds as u64);
        if spoilt || [valid, train].into_iter().flatten().any(|loss| !loss.is_finite()) {
            return self.roll_back();
        }
        if let Some(loss) = valid
            && self.state.best_loss.is_none_or(|best| loss < best)
        {
            self.state.best_loss = Some(loss);
            self.state.best_rounds = rounds;
        }
        if chunk_ends {
            self.points(train, valid);
            let chunk = rounds.div_ceil(job.settings.chunk);
            let best_chunk = self.state.best_rounds.div_ceil(job.settings.chunk);
            self.state.stale_chunks = if valid.is_some() { chunk - best_chunk } else { 0 };
            let patience = job.settings.patience;
            self.state.done = patience > 0 && self.state.stale_chunks >= patience;
        }
        if self.secs() - self.last_checkpoint >= self.every {
            self.checkpoint()?;
        }
        self.progress();
        Ok(())
    }

    /// Mean loss on the validation rows; `None` where there are none.
    fn valid_loss(&self) -> Option<f64> {
        let job = self.job;
        loss::mean_loss(job.objective, &self.valid_y, job.valid.weight, &self.valid_raw)
    }

    /// Mean loss on the training rows.
    fn train_loss(&self) -> Option<f64> {
        let job = self.job;
        loss::mean_loss(job.objective, &self.train_y, job.train.weight, &self.train_raw)
    }

    fn points(&self, train: Option<f64>, valid: Option<f64>) {
        let (step, secs) = (self.rounds() as u64, self.secs());
        let point =
            |series, value: Option<f64>| value.map(|value| (series, SeriesPoint { step, secs, value }));
        let series = [
            point(SeriesId::TrainLoss, train),
            point(SeriesId::ValidLoss, valid),
            point(SeriesId::RowsPerSec, self.rate()),
        ];
        self.control.emit(JobEvent::Points { series: series.into_iter().flatten().collect() });
    }

    /// Rows times trees a second so far.
    fn rate(&self) -> Option<f64> {
        let secs = self.secs();
        let visits = self.job.train.x.rows as f64 * self.state.trees.len() as f64;
        (secs > 0.0).then(|| visits / secs)
    }

    fn progress(&mut self) {
        let secs = self.secs();
        if secs - self.last_progress < PROGRESS_EVERY {
            return;
        }
        self.last_progress = secs;
        let (step, steps) = (self.rounds(), self.job.settings.trees);
        let by_trees = step as f64 / steps as f64;
        let by_time = self.job.budget_secs.map_or(0.0, |budget| secs / budget.max(1e-9));
        let fraction = by_trees.max(by_time).min(1.0);
        let progress = Progress {
            phase: "Growing trees".to_owned(),
            fraction: Some(fraction),
            step: step as u64,
            steps: steps as u64,
            epoch: step as f64,
            rows_per_sec: self.rate(),
            secs_left: (fraction > 0.0).then(|| secs * (1.0 - fraction) / fraction),
            ..Progress::default()
        };
        self.control.emit(JobEvent::Progress { progress, kind: Some(ModelKind::Gbt) });
    }

    fn steer(&mut self) -> Result<Duration, Interrupt> {
        let control = self.control;
        steer(control, || self.checkpoint())
    }

    fn checkpoint(&mut self) -> Result<(), Interrupt> {
        self.state.secs = self.secs();
        self.last_checkpoint = self.state.secs;
        // A tree of an unfinished round is grown again: the state holds whole rounds only.
        let whole = self.rounds() * self.outputs();
        let rest = self.state.trees.split_off(whole);
        let written = checkpoint::write(self.job.folder, self.rounds(), &self.state, self.control);
        self.state.trees.extend(rest);
        self.began += written?;
        self.control.emit(JobEvent::Checkpoint { step: self.rounds() as u64 });
        Ok(())
    }

    fn outcome(mut self) -> GbtOutcome {
        let rounds = self.rounds();
        let rows_per_sec = self.rate().unwrap_or(0.0);
        let kept = if self.state.best_loss.is_some() { self.state.best_rounds } else { rounds };
        self.state.trees.truncate(kept * self.outputs());
        let (mean, scale) = self.unit;
        let forest = Forest {
            format: FORMAT,
            objective: self.job.objective,
            classes: self.job.classes.to_vec(),
            features: self.job.features.to_vec(),
            learning_rate: self.job.settings.learning_rate,
            base: self.base.iter().map(|base| mean + scale * base).collect(),
            scale,
            log: self.job.log,
            trees: self.state.trees,
        };
        GbtOutcome { forest, rounds, secs: self.state.secs, rows_per_sec }
    }
}
