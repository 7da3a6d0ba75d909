//! 5x2 cross-validation: the requests of two versions trained anew on either half of the rows, five times.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, types::Int32Type};
use orrery_domain::{
    Failure, FailureClass, RunId,
    compare::{Better, CompareData, ComparedPair, CrossValidated},
    dataset::{ColumnSchema, ColumnType, Dataset},
    device::DeviceChoice,
    job::JobEvent,
    metric::MetricId,
    model::ModelCard,
    training::{Split, Task},
};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    CompareJob, LEVEL, client,
    five_by_two::{REPETITIONS, five_by_two},
    folds::{Folds, unmade},
};
use crate::{
    control::{Interrupt, JobControl, Wish, check},
    predict::say,
    table::Table,
    train::{self, TrainJob, files},
};

/// What is said before each training.
pub(super) const TRAINING: &str = "Training on halves of the rows";

/// Adds the tests of 5x2 cross-validation to every pair. What was trained when the work ended early stays for the next time that the
/// same is asked.
///
/// # Errors
/// A client failure where the rows are no imported dataset, a failure of a training, or an interruption.
pub(super) fn add(
    job: &CompareJob<'_>,
    cards: &[&ModelCard],
    metric: MetricId,
    pairs: &mut [ComparedPair],
    control: &dyn JobControl,
) -> Result<(), Interrupt> {
    let CompareData::Dataset { dataset } = job.data else {
        return Err(client(
            "5x2 cross-validation trains on an imported dataset. Import the file (`orrery data import FILE`) and name the dataset.",
        )
        .into());
    };
    let Some(folder) = job.kept else {
        let message = "A cross-validation needs a folder for what it finds.";
        return Err(Failure::new(FailureClass::Bug, message).into());
    };
    let mut folds = Folds::open(folder, dataset, cards)?;
    match train_missing(job, dataset, cards, &mut folds, control) {
        Ok(()) => {}
        Err(Interrupt::Stopped) => return Err(Interrupt::Stopped),
        Err(interrupt) => {
            folds.give_up();
            return Err(interrupt);
        }
    }
    for pair in pairs {
        let place = |model| job.models.iter().position(|(known, _)| known == model).unwrap_or_default();
        let (a, b) = (place(&pair.a), place(&pair.b));
        pair.cross_validated = tested(&folds, metric, (a, b));
    }
    folds.give_up();
    Ok(())
}

/// `None` where the metric was not defined on a half.
fn tested(folds: &Folds<'_>, metric: MetricId, (a, b): (usize, usize)) -> Option<CrossValidated> {
    let mut differences = [[0.0; 2]; REPETITIONS];
    for (repetition, row) in differences.iter_mut().enumerate() {
        for (half, difference) in row.iter_mut().enumerate() {
            let value = |version| folds.value((repetition, half, version), metric);
            *difference = value(b)? - value(a)?;
        }
    }
    let found = five_by_two(&differences);
    let mean = differences.iter().flatten().sum::<f64>() / (2 * REPETITIONS) as f64;
    let better = match found.f {
        Some((_, p)) if p < LEVEL && (mean > 0.0) == metric.higher_is_better() => Better::B,
        Some((_, p)) if p < LEVEL => Better::A,
        _ => Better::NotDistinguishable,
    };
    Some(CrossValidated {
        metric,
        differences: differences.to_vec(),
        mean,
        t: found.t.map(|(t, _)| t),
        t_p: found.t.map(|(_, p)| p),
        f: found.f.map(|(f, _)| f),
        f_p: found.f.map(|(_, p)| p),
        better,
    })
}

/// Does the trainings that are not done yet, and keeps what each of them found.
fn train_missing(
    job: &CompareJob<'_>,
    dataset: &Dataset,
    cards: &[&ModelCard],
    folds: &mut Folds<'_>,
    control: &dyn JobControl,
) -> Result<(), Interrupt> {
    let table = Table::read_arrow(&job.blobs.join(format!("{}.arrow", dataset.blob)), &dataset.columns)?;
    let column = free_name(&table);
    let trainings = REPETITIONS * 2 * cards.len();
    for repetition in 0..REPETITIONS {
        let first = halves(&table, cards[0], repetition as u64);
        for half in 0..2 {
            let missing = folds.missing(repetition, half, cards.len());
            if missing.is_empty() {
                continue;
            }
            let blob = folds.work().join(format!("half-{repetition}-{half}.arrow"));
            let is_test = |row: usize| first[row] == (half == 0);
            let (parted, columns) = with_column(&table, &column, is_test);
            parted.write_arrow(&blob)?;
            for version in missing {
                check(control)?;
                let done = folds.count();
                say(control, TRAINING, Some(done as f64 / trainings as f64), done, trainings, None);
                let mut config = cards[version].config.clone();
                config.model = cards[version].kind;
                config.split = Split::Column { column: column.clone() };
                config.seed = cards[version].seed + repetition as u64;
                let name = format!("half-{repetition}-{half}-{version}");
                let training = TrainJob {
                    run_dir: prepared(folds.work().join(&name))?,
                    run: RunId(name),
                    blob: blob.clone(),
                    dataset: Dataset { columns: columns.clone(), ..dataset.clone() },
                    config,
                    device: DeviceChoice::Cpu,
                    passes: 1,
                    part: None,
                };
                let (summary, _) = train::run(&training, &Quiet(control))?;
                folds.keep((repetition, half, version), summary.test)?;
                files::remove_folder(&training.run_dir);
            }
            if let Err(error) = std::fs::remove_file(&blob) {
                log::debug!("a half could not be removed: {error}");
            }
        }
    }
    Ok(())
}

/// Whether each row is in the first half, at random and within each class. `[rows]`
fn halves(table: &Table, card: &ModelCard, seed: u64) -> Vec<bool> {
    let codes: Vec<u32> = if card.task == Task::Regression {
        vec![0; table.rows()]
    } else {
        let labels = table.labels(table.position(&card.target).unwrap_or_default());
        labels.codes.into_iter().map(Option::unwrap_or_default).collect()
    };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..table.rows()).collect();
    order.shuffle(&mut random);
    let mut first = vec![false; table.rows()];
    let mut turns = std::collections::BTreeMap::new();
    for row in order {
        let turn = turns.entry(codes[row]).or_insert(false);
        first[row] = *turn;
        *turn = !*turn;
    }
    first
}

/// The table with a column that parts its rows.
fn with_column(table: &Table, name: &str, is_test: impl Fn(usize) -> bool) -> (Table, Vec<ColumnSchema>) {
    let parts: DictionaryArray<Int32Type> =
        (0..table.rows()).map(|row| Some(if is_test(row) { "test" } else { "train" })).collect();
    let mut schema = table.schema.clone();
    schema.push(ColumnSchema { name: name.to_owned(), kind: ColumnType::Category, overridden: true });
    let mut columns = table.batch.columns().to_vec();
    let parts: ArrayRef = Arc::new(parts);
    columns.push(parts);
    (Table::new(schema.clone(), columns), schema)
}

fn free_name(table: &Table) -> String {
    let mut name = "half".to_owned();
    while table.position(&name).is_some() {
        name.push('_');
    }
    name
}

fn prepared(folder: std::path::PathBuf) -> Result<std::path::PathBuf, Failure> {
    std::fs::create_dir_all(folder.join("checkpoints")).map_err(|error| unmade(&folder, &error))?;
    Ok(folder)
}

/// Hears wishes, and keeps a training's own news to itself.
struct Quiet<'a>(&'a dyn JobControl);

impl JobControl for Quiet<'_> {
    fn emit(&self, event: JobEvent) {
        if let JobEvent::Warning { message } = event {
            log::info!("{message}");
        }
    }

    fn wish(&self) -> Wish {
        self.0.wish()
    }

    fn may_wait(&self) -> bool {
        false
    }
}
