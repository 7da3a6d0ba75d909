//! Distillation: smaller networks trained on what a model says of the training rows, and on the truth.
//!
//! Any model of the registry can teach, trees too, for what it says is all that is asked of it. Every student is trained at every
//! temperature; the smallest that keeps to the budget is kept, and trained once more without a teacher, to see what that one was worth.
//! Students over pictures see them as they are stored, for so the teacher answered them: they are not varied.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, PoisonError},
};

use orrery_domain::{
    Failure,
    compress::{CompressTarget, DistilConfig, DistilLoss, DistilTrial, Student},
    dataset::ColumnType,
    image::{Augmentation, PixelColumns},
    model::ModelCard,
    training::{CategoryEncoding, HyperParameters, ModelKind, Task, TrainConfig},
    words::count,
};

use super::{
    CompressJob, Made, Stretch, check_budget, client, hints,
    material::{Aids, Material},
    say,
};
use crate::{
    control::{Interrupt, JobControl},
    metrics::Predictions,
    nets::{
        self, Architecture, FitOutcome, Imitation, OutputScale, Teacher, bin_edges, parameter_count,
        with_features, without_features,
    },
    predict::Predictor,
    prepare::Preprocessor,
    table::Table,
    train::again::Again,
};

/// Probabilities are kept this far from 0 and 1 before their logarithm is taken.
const LEAST: f64 = 1e-7;

/// Distils a model into the staged folder.
///
/// # Errors
/// A client failure when the request makes no sense or a teacher answers another question; those of reading and training; an interruption.
pub(super) fn make(
    job: &CompressJob,
    config: &DistilConfig,
    from: &Predictor,
    rows: &Again,
    control: &dyn JobControl,
) -> Result<Made, Interrupt> {
    check_config(config)?;
    let card = from.card();
    let mut teachers = vec![Predictor::load(&job.folder)?];
    for (model, folder) in config.teachers.iter().zip(&job.others) {
        let teacher = Predictor::load(folder)?;
        let other = teacher.card();
        if (other.task, &other.target, &other.classes) != (card.task, &card.target, &card.classes) {
            let message = format!(
                "{model} predicts '{}', or other classes of it, and {} predicts '{}': both cannot teach the same student.",
                other.target, job.from, card.target
            );
            return Err(client(message).into());
        }
        teachers.push(teacher);
    }
    say(control, "Asking the teacher", 0.04)?;
    let output = rows.output();
    let mut taught = taught(&teachers, rows.train(), output)?;
    let mut features = 0;
    if config.features > 0.0 {
        let hints = hints::of(&job.folder, card, rows.train())?;
        taught = hints.beside(&taught);
        features = hints.count;
    }
    let target = valid_loss(rows, &teachers)?;
    let rules = BTreeMap::new();
    let mut bench =
        Bench { job, config, card, rows, output, taught, features, rules, said: Mutex::default() };
    for student in &config.students {
        bench.prepare(student)?;
    }
    let (student, best, trials) = bench.search(target, control)?;
    let (rules, _) = &bench.rules[&Intake::of(&student)];
    nets::save(&job.staged, &best.architecture, &best.weights)?;
    rules.save(&job.staged)?;
    rules.means(rows.train())?.save(&job.staged)?;
    let made = Made {
        kind: student.kind,
        parameters: best.parameters,
        config: student_config(card, &student, config),
        features: rules.features.iter().filter_map(|one| job.dataset.column(&one.name).cloned()).collect(),
        target: Some(CompressTarget::ValidLoss {
            teacher: target,
            most: bench.most(target),
            found: trials.iter().find(|trial| trial.chosen).map_or(f64::INFINITY, |trial| trial.valid_loss),
        }),
        trained: Some((best.train_secs, best.samples_per_sec)),
        notes: bench.said.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        trials,
        ..Made::like(card)
    };
    Ok(made)
}

fn check_config(config: &DistilConfig) -> Result<(), Failure> {
    let most = if config.search { 100 } else { 20 };
    if config.students.is_empty() || config.students.len() > most {
        return Err(client(format!("Name from 1 to {most} students.")));
    }
    if !(0.0..=100.0).contains(&config.features) {
        let message = format!(
            "A weight of {} for the hidden layer is not possible: it must be from 0 to 100.",
            config.features
        );
        return Err(client(message));
    }
    for student in &config.students {
        if !student.kind.is_network() && student.kind != ModelKind::Linear {
            let message =
                format!("{} cannot be taught: a student is a network, or linear.", student.kind.title());
            return Err(client(message));
        }
        let (widest, deepest) = Student::largest(student.kind);
        let fits = |size: Option<u32>, most: u32| size.is_none_or(|size| (1..=most).contains(&size));
        if !fits(student.width, widest) || !fits(student.depth, deepest) {
            return Err(client(format!(
                "A student's width goes from 1 to {}, its depth from 1 to {deepest}.",
                count(u64::from(widest))
            )));
        }
    }
    if config.temperatures.is_empty() || config.temperatures.len() > 20 {
        return Err(client("Name from 1 to 20 temperatures."));
    }
    if let Some(wrong) = config.temperatures.iter().find(|t| !(0.1..=100.0).contains(*t)) {
        return Err(client(format!("A temperature of {wrong} is not possible: it must be from 0.1 to 100.")));
    }
    if !(0.0..=1.0).contains(&config.share) {
        return Err(client(format!("A share of {} is not possible: it must be from 0 to 1.", config.share)));
    }
    if config.epochs.is_some_and(|epochs| !(1..=10_000).contains(&epochs)) {
        return Err(client("From 1 to 10,000 passes are possible."));
    }
    check_budget(Some(config.loss_budget))
}

/// What a student takes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Intake {
    /// Its columns, categories as the teacher's run has them.
    Columns,
    /// Its columns, categories one-hot, as linear models do.
    OneHot,
    /// The pixels among its columns, as one picture.
    Pixels,
}

impl Intake {
    fn of(student: &Student) -> Self {
        match student.kind {
            ModelKind::Linear => Self::OneHot,
            kind if kind.is_for_images() => Self::Pixels,
            _ => Self::Columns,
        }
    }
}

/// The request of a run that would train the student.
fn student_config(card: &ModelCard, student: &Student, asked: &DistilConfig) -> TrainConfig {
    let teacher = card.kind;
    let mut config = TrainConfig { model: student.kind, ..card.config.clone() };
    config.hyper.width = student.width;
    config.hyper.depth = student.depth;
    config.hyper.members = None;
    config.hyper.epochs = asked.epochs;
    if teacher != student.kind {
        // Another kind's: the shrinkage of trees is no network's learning rate.
        let own = HyperParameters::default();
        config.hyper.learning_rate = own.learning_rate;
        config.hyper.weight_decay = own.weight_decay;
        config.hyper.batch_size = own.batch_size;
        config.hyper.dropout = own.dropout;
        config.hyper.warmup = own.warmup;
        config.hyper.clip_norm = own.clip_norm;
        config.hyper.patience = own.patience;
        config.hyper.optimizer = own.optimizer;
    }
    if student.kind.is_for_images() {
        config.hyper.augment = Augmentation::NONE;
    }
    config
}

/// Mean of what the teachers say of these rows, on a network's own scale. `[rows, outputs]`
///
/// # Errors
/// Those of predicting.
fn taught(teachers: &[Predictor], table: &Table, output: OutputScale) -> Result<Vec<f32>, Failure> {
    let mean = mean(teachers, table)?;
    Ok(match mean {
        Predictions::Probabilities { classes: 2, values } => {
            let logit = |row: &[f64]| (row[1].max(LEAST).ln() - row[0].max(LEAST).ln()) as f32;
            values.chunks_exact(2).map(logit).collect()
        }
        Predictions::Probabilities { values, .. } => {
            values.iter().map(|p| p.max(LEAST).ln() as f32).collect()
        }
        Predictions::Values(values) => values.iter().map(|value| output.raw(*value) as f32).collect(),
    })
}

/// Mean of the teachers' predictions.
fn mean(teachers: &[Predictor], table: &Table) -> Result<Predictions, Failure> {
    let mut all = teachers.iter().map(|teacher| Ok(teacher.predict_table(table)?.0));
    let mut mean = all.next().ok_or_else(|| client("There is no teacher."))??;
    for (count, other) in all.enumerate() {
        let other: Predictions = other?;
        let ((
            Predictions::Probabilities { values: into, .. },
            Predictions::Probabilities { values: from, .. },
        )
        | (Predictions::Values(into), Predictions::Values(from))) = (&mut mean, &other)
        else {
            return Err(client("The teachers answer different questions."));
        };
        let share = 1.0 / (count as f64 + 2.0);
        into.iter_mut().zip(from).for_each(|(mean, value)| *mean += (value - *mean) * share);
    }
    Ok(mean)
}

fn valid_loss(rows: &Again, teachers: &[Predictor]) -> Result<f64, Failure> {
    Ok(rows.valid_loss(&mean(teachers, rows.valid())?))
}

struct Bench<'a> {
    job: &'a CompressJob,
    config: &'a DistilConfig,
    card: &'a ModelCard,
    rows: &'a Again,
    output: OutputScale,
    /// What the teachers say, then their features. `[rows, outputs + features]`
    taught: Vec<f32>,
    features: usize,
    /// Rules and encoded rows.
    rules: BTreeMap<Intake, (Preprocessor, Material)>,
    /// What befell the training.
    said: Mutex<Vec<String>>,
}

/// A trained student.
struct Trained {
    student: Student,
    fitted: FitOutcome,
    temperature: Option<f64>,
    valid_loss: f64,
}

impl Trained {
    /// Whether it is to be preferred where at most that loss is allowed: what keeps to it, then the smaller of two that do, then the better.
    fn beats(&self, other: &Self, most: f64) -> bool {
        match (self.valid_loss <= most, other.valid_loss <= most) {
            (true, true) if self.fitted.parameters != other.fitted.parameters => {
                self.fitted.parameters < other.fitted.parameters
            }
            (a, b) if a != b => a,
            _ => self.valid_loss < other.valid_loss,
        }
    }

    fn trial(&self, taught: bool) -> DistilTrial {
        DistilTrial {
            student: self.student.words(),
            parameters: self.fitted.parameters,
            temperature: self.temperature,
            taught,
            valid_loss: self.valid_loss,
            chosen: false,
        }
    }
}

/// Students that were trained, and the best of them.
#[derive(Default)]
struct Tried {
    temperatures: Vec<Option<f64>>,
    /// Most loss that keeps to the budget.
    most: f64,
    /// Trainings there will be, at most.
    count: usize,
    trials: Vec<DistilTrial>,
    best: Option<(usize, Trained)>,
}

impl Tried {
    /// How far the work is after so many trainings.
    fn share(&self, trainings: usize) -> f64 {
        0.05 + 0.85 * trainings as f64 / self.count.max(trainings + 1) as f64
    }

    fn done(&self) -> f64 {
        self.share(self.trials.len())
    }
}

impl Bench<'_> {
    /// Learns the preprocessing that a student takes.
    fn prepare(&mut self, student: &Student) -> Result<(), Failure> {
        let intake = Intake::of(student);
        if self.rules.contains_key(&intake) {
            return Ok(());
        }
        let pictures = match intake {
            Intake::Pixels if self.rows.image().is_none() => Some(self.pictures(student)?),
            _ => None,
        };
        let rows = pictures.as_ref().unwrap_or(self.rows);
        let config = &self.card.config;
        let categories = if intake == Intake::OneHot { CategoryEncoding::OneHot } else { config.categories };
        let rules = rows.learn(categories, config.hyper.scaling)?;
        let material = Material::new(rows, &rules, self.output)?;
        self.rules.insert(intake, (rules, material));
        Ok(())
    }

    /// The same rows as pictures, where the teacher takes their pixels as it takes any columns.
    fn pictures(&self, student: &Student) -> Result<Again, Failure> {
        let columns = self.rows.train().schema.iter();
        let numbers = columns.filter(|column| column.kind.is_numeric() || column.kind == ColumnType::Boolean);
        let found = PixelColumns::among(numbers.map(|column| column.name.as_str()));
        if found.is_none() && self.card.config.image.is_none() {
            return Err(client(format!(
                "A {} takes pictures, and {} takes no columns that are named as pixels are (pixel_Y_X, or pixelN of square pictures). \
                 Choose another student.",
                student.kind.title().to_lowercase(),
                self.job.from
            )));
        }
        Again::of(&student_config(self.card, student, self.config), &self.job.blob, &self.job.dataset)
    }

    fn architecture(&self, student: &Student) -> Architecture {
        let (rules, material) = &self.rules[&Intake::of(student)];
        let config = student_config(self.card, student, self.config);
        let layout = rules.layout();
        let cardinalities = layout.cardinalities();
        let numeric = layout.width() - cardinalities.len();
        let mut edges = if Intake::of(student) == Intake::Columns {
            bin_edges(&material.train_x, layout.numbers())
        } else {
            Vec::new()
        };
        edges.resize(numeric, Vec::new());
        let outputs = self.rows.outputs();
        let (kind, hyper) = (student.kind, &config.hyper);
        let arch = Architecture::design(kind, hyper, numeric, cardinalities, outputs, self.output, edges);
        match material.image().filter(|_| kind.is_for_images()) {
            Some(shape) => arch.over(shape),
            None => arch,
        }
    }

    /// Temperatures that mean something here.
    fn temperatures(&self) -> Vec<Option<f64>> {
        if self.config.loss == DistilLoss::Logits || self.rows.task() == Task::Regression {
            return vec![None];
        }
        self.config.temperatures.iter().copied().map(Some).collect()
    }

    /// Trains students at every temperature, chooses, and trains the chosen one without a teacher.
    fn search(
        &self,
        target: f64,
        control: &dyn JobControl,
    ) -> Result<(Student, FitOutcome, Vec<DistilTrial>), Interrupt> {
        let mut tried =
            Tried { temperatures: self.temperatures(), most: self.most(target), ..Tried::default() };
        if self.config.search {
            self.halve(&mut tried, control)?;
        } else {
            tried.count = self.config.students.len() * tried.temperatures.len() + 1;
            for (number, student) in self.config.students.iter().enumerate() {
                self.try_out(number, student, &mut tried, control)?;
            }
        }
        let (chosen, best) = tried.best.take().ok_or_else(|| client("No student was trained."))?;
        tried.trials[chosen].chosen = true;
        let phase = "Training the same student without a teacher";
        let student = best.student.clone();
        let alone = self.train(&student, None, None, "alone", (phase, (tried.done(), 0.9)), control)?;
        tried.trials.push(alone.trial(false));
        Ok((student, best.fitted, tried.trials))
    }

    /// Looks for the smallest student that keeps to the budget, where every larger one is taken to do so too.
    fn halve(&self, tried: &mut Tried, control: &dyn JobControl) -> Result<(), Interrupt> {
        let size = |student: &Student| parameter_count(&self.architecture(student));
        let mut students: Vec<(usize, &Student)> = self.config.students.iter().enumerate().collect();
        students.sort_by_key(|(number, student)| (size(student), *number));
        let halvings = (students.len() + 1).next_power_of_two().ilog2() as usize;
        tried.count = halvings * tried.temperatures.len() + 1;
        let (mut low, mut high) = (0, students.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let (number, student) = students[middle];
            if self.try_out(number, student, tried, control)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(())
    }

    /// Trains a student at every temperature; whether one of them keeps to the budget.
    fn try_out(
        &self,
        number: usize,
        student: &Student,
        tried: &mut Tried,
        control: &dyn JobControl,
    ) -> Result<bool, Interrupt> {
        let mut keeps = false;
        for (place, temperature) in tried.temperatures.clone().into_iter().enumerate() {
            let at = tried.trials.len();
            let phase = format!("Training student {} of {}", at + 1, (tried.count - 1).max(at + 1));
            let name = format!("student-{number}-{place}");
            let within = (tried.done(), tried.share(at + 1));
            let teacher = Some(self.teacher(temperature));
            let found = self.train(student, temperature, teacher, &name, (&phase, within), control)?;
            keeps |= found.valid_loss <= tried.most;
            tried.trials.push(found.trial(true));
            // Only the best one's weights are kept: there may be many.
            if tried.best.as_ref().is_none_or(|(_, best)| found.beats(best, tried.most)) {
                tried.best = Some((at, found));
            }
        }
        Ok(keeps)
    }

    /// Most loss on the validation rows that a student may have beside a teacher with that one.
    fn most(&self, teacher: f64) -> f64 {
        teacher + teacher.abs() * self.config.loss_budget
    }

    fn teacher(&self, temperature: Option<f64>) -> Teacher<'_> {
        let imitation = temperature.map_or(Imitation::Logits, |temperature| Imitation::Soft { temperature });
        let features_weight = self.config.features;
        let (outputs, features, share) = (&self.taught, self.features, self.config.share);
        Teacher { outputs, features, features_weight, share, imitation }
    }

    fn train(
        &self,
        student: &Student,
        temperature: Option<f64>,
        teacher: Option<Teacher<'_>>,
        name: &str,
        (phase, (from, to)): (&str, (f64, f64)),
        control: &dyn JobControl,
    ) -> Result<Trained, Interrupt> {
        say(control, phase, from)?;
        let (_, material) = &self.rules[&Intake::of(student)];
        let arch = self.architecture(student);
        let config = student_config(self.card, student, self.config);
        let settings = material.settings(&config, student.kind, self.config.epochs);
        let stretch = Stretch { control, phase: phase.to_owned(), from, to, said: &self.said };
        let folder: &Path = &self.job.work.join(name);
        let aids = Aids { teacher, ..Aids::default() };
        let features = teacher.map_or(0, |teacher| teacher.features);
        let mut fitted = material.fit(&with_features(&arch, features), aids, &settings, folder, &stretch)?;
        (fitted.architecture, fitted.weights) =
            without_features(&fitted.architecture, &fitted.weights, features);
        fitted.parameters = parameter_count(&fitted.architecture);
        let raw = nets::Scorer::new(&fitted.architecture, &fitted.weights)?.score(&material.valid_x)?;
        let valid_loss = self.rows.valid_loss(&self.rows.predictions(&raw)?);
        Ok(Trained { student: student.clone(), fitted, temperature, valid_loss })
    }
}
