//! Fitting: each family trained on the prepared parts, its model left in a folder of its own.

use std::{cell::OnceCell, path::Path, time::Instant};

use orrery_domain::{
    Failure, FailureClass,
    device::DeviceChoice,
    job::JobEvent,
    training::{CategoryEncoding, ModelKind, TargetTransform, Task},
};

use super::{
    TrainJob, files,
    journal::Done,
    parts::{self, Part, Parts},
    pictures,
    request::Request,
    scorer::{Fitted, loss},
};
use crate::{
    control::{Interrupt, JobControl},
    device,
    gbt::{self, GbtJob, GbtSettings, Labelled, Objective},
    nets::{self, Architecture, Augment, Encoded, Fit, FitSettings, Loss, Means, OutputScale, Rows},
    prepare::{self, FitInput, Layout, Preprocessor},
};

/// Everything a family is fitted on.
pub(super) struct Bench<'a> {
    pub job: &'a TrainJob,
    pub request: &'a Request,
    pub parts: &'a Parts,
    /// Rules of networks and trees.
    pub rules: Preprocessor,
    /// Rules with one-hot categories, of linear models, once they are asked for.
    one_hot: OnceCell<Preprocessor>,
    /// Encoded once, for the count of parameters, the trial and the fit.
    data: OnceCell<NetworkData>,
}

/// Limits a run sets on a family.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    /// Seconds of training.
    pub secs: Option<f64>,
    /// Epochs, where not the request's or the default.
    pub epochs: Option<u32>,
}

impl<'a> Bench<'a> {
    /// Learns the preprocessing from the training rows; also returns what could not be used, as sentences.
    ///
    /// # Errors
    /// A client failure when no column is left.
    pub fn new(
        job: &'a TrainJob,
        request: &'a Request,
        parts: &'a Parts,
    ) -> Result<(Self, Vec<String>), Failure> {
        let fitted = learn(job, request, parts, job.config.categories)?;
        let rules = fitted.preprocessor;
        let bench = Self { job, request, parts, rules, one_hot: OnceCell::new(), data: OnceCell::new() };
        Ok((bench, fitted.notes))
    }

    /// Rules with one-hot categories.
    ///
    /// # Errors
    /// A client failure when no column is left.
    pub fn one_hot(&self) -> Result<&Preprocessor, Failure> {
        if let Some(rules) = self.one_hot.get() {
            return Ok(rules);
        }
        let rules = match self.rules.categories {
            CategoryEncoding::OneHot => self.rules.clone(),
            CategoryEncoding::Embedding => {
                learn(self.job, self.request, self.parts, CategoryEncoding::OneHot)?.preprocessor
            }
        };
        Ok(self.one_hot.get_or_init(|| rules))
    }

    /// Trains a family and leaves its model in `folder/model`.
    ///
    /// # Errors
    /// A failure, or an interruption after a checkpoint.
    pub fn fit(
        &self,
        kind: ModelKind,
        allowance: Allowance,
        folder: &Path,
        control: &dyn JobControl,
    ) -> Result<Done, Interrupt> {
        let model = folder.join("model");
        let began = std::fs::create_dir_all(&model);
        began.map_err(|error| {
            Failure::new(
                FailureClass::Capacity,
                format!("A folder could not be made: {error}. Free some disk space. ({})", model.display()),
            )
        })?;
        files::clear_unfinished(&model);
        let mut done = match kind {
            ModelKind::Gbt => self.trees(allowance, folder, &model, control)?,
            ModelKind::Linear => self.linear(allowance, folder, &model, control)?,
            _ => self.network(kind, allowance, folder, &model, control)?,
        };
        done.valid_loss = self.valid_loss(kind, &model)?;
        Ok(done)
    }

    /// Loss of the finished model on the validation rows.
    fn valid_loss(&self, kind: ModelKind, model: &Path) -> Result<f64, Failure> {
        let valid = &self.parts.valid;
        let predictions = Fitted::load(model, kind)?.predict(self.request, &valid.table)?;
        Ok(loss(&predictions, &valid.y, &valid.weight, self.job.config.target_transform))
    }

    pub(super) fn loss(&self) -> Loss {
        match self.request.task {
            Task::Binary => Loss::Binary,
            Task::Multiclass => Loss::Multiclass,
            Task::Regression => Loss::Squared,
        }
    }

    fn output(&self) -> OutputScale {
        parts::output(self.request, &self.parts.train.y, self.job.config.target_transform)
    }

    pub(super) fn scaled(&self, part: &Part) -> Vec<f64> {
        match self.output() {
            OutputScale::Logits => part.y.clone(),
            OutputScale::Value { mean, std, .. } => part.y.iter().map(|y| (y - mean) / std).collect(),
        }
    }

    fn trees(
        &self,
        allowance: Allowance,
        folder: &Path,
        model: &Path,
        control: &dyn JobControl,
    ) -> Result<Done, Interrupt> {
        let (train, valid) = (&self.parts.train, &self.parts.valid);
        let train_x = self.rules.transform_trees(&train.table)?.0;
        let valid_x = self.rules.transform_trees(&valid.table)?.0;
        let config = &self.job.config;
        let settings = GbtSettings::resolve(
            &config.hyper,
            train_x.rows,
            self.request.task == Task::Regression,
            config.seed,
        );
        let job = GbtJob {
            objective: match self.request.task {
                Task::Binary => Objective::Binary,
                Task::Multiclass => Objective::OneVsRest,
                Task::Regression => Objective::Squared,
            },
            classes: &self.request.classes,
            features: &self.rules.tree_inputs(),
            log: self.job.config.target_transform == TargetTransform::Log,
            train: Labelled { x: &train_x, y: &train.y, weight: &train.weight },
            valid: Labelled { x: &valid_x, y: &valid.y, weight: &valid.weight },
            settings: &settings,
            folder,
            source: &self.job.dataset.blob,
            budget_secs: allowance.secs,
        };
        let grown = gbt::fit(&job, control)?;
        grown.forest.save(model)?;
        self.rules.save(model)?;
        Ok(Done {
            kind: ModelKind::Gbt,
            valid_loss: f64::INFINITY,
            steps: grown.rounds as u64,
            secs: grown.secs,
            rows_per_sec: grown.rows_per_sec,
            parameters: grown.forest.leaves(),
            device: device::name(DeviceChoice::Cpu),
            files: std::collections::BTreeMap::new(),
        })
    }

    /// The network of a request, whose numbers enter through bins with these edges.
    ///
    /// # Errors
    /// A client failure when no column is left.
    pub fn architecture(&self, kind: ModelKind, edges: Vec<Vec<f32>>) -> Result<Architecture, Failure> {
        let rules = if kind == ModelKind::Linear { self.one_hot()? } else { &self.rules };
        let layout = rules.layout();
        let arch = Architecture::design(
            kind,
            &self.job.config.hyper,
            numeric_inputs(&layout),
            layout.cardinalities(),
            self.request.outputs(),
            self.output(),
            edges,
        );
        Ok(match self.request.image.filter(|_| kind.is_for_images()) {
            Some(shape) => arch.over(shape),
            None => arch,
        })
    }

    fn network(
        &self,
        kind: ModelKind,
        allowance: Allowance,
        folder: &Path,
        model: &Path,
        control: &dyn JobControl,
    ) -> Result<Done, Interrupt> {
        let data = self.network_data()?;
        let arch = self.architecture(kind, data.edges.clone())?;
        let settings = self.network_settings(kind, allowance, data.train_x.rows);
        let means = self.means(kind);
        let (train, valid) = (data.train(), data.valid());
        let fit = Fit {
            arch: &arch,
            start: None,
            loss: self.loss(),
            train,
            valid,
            teacher: None,
            rounding: None,
            settings: &settings,
            means,
            checkpoints: folder,
        };
        let fitted = fit.run(control)?;
        nets::save(model, &fitted.architecture, &fitted.weights)?;
        self.rules.save(model)?;
        Ok(Done {
            kind,
            valid_loss: f64::INFINITY,
            steps: fitted.steps,
            secs: fitted.train_secs,
            rows_per_sec: fitted.samples_per_sec,
            parameters: fitted.parameters,
            device: device::name(fitted.device),
            files: std::collections::BTreeMap::new(),
        })
    }

    /// What a network computes with. Convolutions are computed by the processor: devices are only checked with the operations of tables'
    /// networks.
    fn means(&self, kind: ModelKind) -> Means {
        let TrainJob { device, passes, config, .. } = self.job;
        let device = if kind.is_for_images() { DeviceChoice::Cpu } else { *device };
        Means { device, passes: *passes, cpu_fallback: config.cpu_fallback }
    }

    fn network_settings(&self, kind: ModelKind, allowance: Allowance, rows: usize) -> FitSettings {
        let config = &self.job.config;
        let mut hyper = config.hyper.clone();
        hyper.epochs = allowance.epochs.or(hyper.epochs);
        let mut settings = FitSettings::resolve(kind, &hyper, rows, self.request.task);
        settings.seed = config.seed;
        settings.augment = self.augment(kind);
        settings
    }

    /// How training pictures are varied; `None` for tables, and where they are not.
    fn augment(&self, kind: ModelKind) -> Option<Augment> {
        let shape = self.request.image.filter(|_| kind.is_for_images())?;
        let amounts = self.job.config.hyper.augment.amounts();
        let fill = pictures::black(&self.rules);
        (!amounts.is_none()).then_some(Augment { shape, amounts, fill })
    }

    /// Epochs of a network that fit into `secs`, by a short trial on a few batches; at most the request's or the default. `None` when not even one does.
    ///
    /// # Errors
    /// Those of training.
    pub fn epochs_within(
        &self,
        kind: ModelKind,
        secs: f64,
        control: &dyn JobControl,
    ) -> Result<Option<u32>, Interrupt> {
        let data = self.network_data()?;
        let arch = self.architecture(kind, data.edges.clone())?;
        let mut settings = self.network_settings(kind, Allowance::default(), data.train_x.rows);
        let (wished, rows) = (settings.epochs, data.train_x.rows);
        let few: Vec<usize> = (0..rows.min(8 * settings.batch_size)).collect();
        let (x, y) = (data.train_x.select(&few), &data.train_y[..few.len()]);
        let sample = Rows { x: &x, y, weight: None };
        settings.epochs = 2;
        settings.patience = 0;
        // On the run's own disk: where that is full, the run waits for room there.
        let folder = self.job.run_dir.join("trial");
        files::remove_folder(&folder);
        let quiet = Quiet(control);
        let began = Instant::now();
        let fit = Fit {
            arch: &arch,
            start: None,
            loss: self.loss(),
            train: sample,
            valid: sample,
            teacher: None,
            rounding: None,
            settings: &settings,
            means: self.means(kind),
            checkpoints: &folder,
        };
        let fitted = fit.run(&quiet);
        files::remove_folder(&folder);
        fitted?;
        let rate = 2.0 * few.len() as f64 / began.elapsed().as_secs_f64().max(1e-6);
        let fits = 0.9 * secs * rate / rows as f64;
        Ok((fits >= 1.0).then(|| (fits as u32).min(wished)))
    }

    fn network_data(&self) -> Result<&NetworkData, Failure> {
        if let Some(data) = self.data.get() {
            return Ok(data);
        }
        let single = |values: &[f64]| values.iter().map(|value| *value as f32).collect();
        let (train, valid) = (&self.parts.train, &self.parts.valid);
        let rules = &self.rules;
        let encode = |part: &Part| Ok(rules.transform(&part.table)?.0);
        let (train_x, valid_x) = rayon::join(|| encode(train), || encode(valid));
        let (train_x, valid_x): (Encoded, Encoded) = (train_x?, valid_x?);
        let layout = self.rules.layout();
        let image = self.request.image.is_some();
        let mut edges = if image { Vec::new() } else { nets::bin_edges(&train_x, layout.numbers()) };
        // One-hot categories have two values and no bins: not worth a look at every row.
        edges.resize(numeric_inputs(&layout), Vec::new());
        let data = NetworkData {
            edges,
            train_x,
            valid_x,
            train_y: single(&self.scaled(train)),
            valid_y: single(&self.scaled(valid)),
            train_weight: single(&train.weight),
            valid_weight: single(&valid.weight),
        };
        Ok(self.data.get_or_init(|| data))
    }

    /// Trainable parameters, as far as they are known before training.
    pub fn parameters(&self, kind: ModelKind) -> Result<u64, Failure> {
        match kind {
            ModelKind::Auto | ModelKind::Gbt => Ok(0),
            ModelKind::Linear => Ok(nets::parameter_count(&self.architecture(kind, Vec::new())?)),
            _ => {
                let data = self.network_data()?;
                Ok(nets::parameter_count(&self.architecture(kind, data.edges.clone())?))
            }
        }
    }
}

/// Learns the preprocessing of networks from the training rows.
fn learn(
    job: &TrainJob,
    request: &Request,
    parts: &Parts,
    categories: CategoryEncoding,
) -> Result<prepare::Fitted, Failure> {
    Preprocessor::fit(&FitInput {
        train: &parts.train.table,
        features: &request.features,
        target: &parts.train.y,
        classes: request.classes.len(),
        weights: &parts.train.weight,
        categories,
        scaling: job.config.hyper.scaling,
        pixels: request.image.is_some(),
    })
}

/// Inputs that are numbers, one-hot categories among them.
fn numeric_inputs(layout: &Layout) -> usize {
    layout.width() - layout.cardinalities().len()
}

/// Encoded training and validation rows.
struct NetworkData {
    /// Bin edges of the numbers.
    edges: Vec<Vec<f32>>,
    train_x: Encoded,
    valid_x: Encoded,
    train_y: Vec<f32>,
    valid_y: Vec<f32>,
    train_weight: Vec<f32>,
    valid_weight: Vec<f32>,
}

impl NetworkData {
    fn train(&self) -> Rows<'_> {
        Rows { x: &self.train_x, y: &self.train_y, weight: Some(&self.train_weight) }
    }

    fn valid(&self) -> Rows<'_> {
        Rows { x: &self.valid_x, y: &self.valid_y, weight: Some(&self.valid_weight) }
    }
}

/// A control that is steered, but says nothing: so it may not wait either.
struct Quiet<'a>(&'a dyn JobControl);

impl JobControl for Quiet<'_> {
    fn emit(&self, _event: JobEvent) {}

    fn wish(&self) -> crate::control::Wish {
        self.0.wish()
    }

    fn may_wait(&self) -> bool {
        false
    }
}
