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
};
use crate::{
    control::{Interrupt, JobControl, Wish, check},
    predict::say,
    table::Table,
    train::{self, TrainJob},
};

/// Value of a metric by repetition, half and version. `[5][2][models]`
type Values = Vec<[Vec<Option<f64>>; 2]>;

/// Adds the tests of 5x2 cross-validation to every pair.
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
    let values = train_all(job, dataset, cards, metric, control)?;
    for pair in pairs {
        let place = |model| job.models.iter().position(|(known, _)| known == model).unwrap_or_default();
        let (a, b) = (place(&pair.a), place(&pair.b));
        pair.cross_validated = tested(&values, metric, (a, b));
    }
    Ok(())
}

/// `None` where the metric was not defined on a half.
fn tested(values: &Values, metric: MetricId, (a, b): (usize, usize)) -> Option<CrossValidated> {
    let mut differences = [[0.0; 2]; REPETITIONS];
    for (row, halves) in differences.iter_mut().zip(values) {
        for (difference, half) in row.iter_mut().zip(halves) {
            *difference = half[b]? - half[a]?;
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

fn train_all(
    job: &CompareJob<'_>,
    dataset: &Dataset,
    cards: &[&ModelCard],
    metric: MetricId,
    control: &dyn JobControl,
) -> Result<Values, Interrupt> {
    let table = Table::read_arrow(&job.blobs.join(format!("{}.arrow", dataset.blob)), &dataset.columns)?;
    let column = free_name(&table);
    let scratch = tempfile::tempdir_in(job.scratch).map_err(|error| unmade(job.scratch, &error))?;
    let trainings = REPETITIONS * 2 * cards.len();
    let mut done = 0;
    let mut values = Values::new();
    for repetition in 0..REPETITIONS {
        let first = halves(&table, cards[0], repetition as u64);
        let mut both = [Vec::new(), Vec::new()];
        for (half, into) in both.iter_mut().enumerate() {
            let blob = scratch.path().join(format!("half-{repetition}-{half}.arrow"));
            let is_test = |row: usize| first[row] == (half == 0);
            let (parted, columns) = with_column(&table, &column, is_test);
            parted.write_arrow(&blob)?;
            for (place, card) in cards.iter().enumerate() {
                check(control)?;
                let share = Some(done as f64 / trainings as f64);
                say(control, "Training on halves of the rows", share, done, trainings, None);
                let mut config = card.config.clone();
                config.model = card.kind;
                config.split = Split::Column { column: column.clone() };
                config.seed = card.seed + repetition as u64;
                let run_dir = scratch.path().join(format!("run-{repetition}-{half}-{place}"));
                let training = TrainJob {
                    run: RunId(format!("half-{repetition}-{half}-{place}")),
                    run_dir: prepared(run_dir)?,
                    blob: blob.clone(),
                    dataset: Dataset { columns: columns.clone(), ..dataset.clone() },
                    config,
                    device: DeviceChoice::Cpu,
                    passes: 1,
                    part: None,
                };
                let (summary, _) = train::run(&training, &Quiet(control))?;
                into.push(summary.test.get(&metric).and_then(|value| value.value));
                clear(&training.run_dir);
                done += 1;
            }
            if let Err(error) = std::fs::remove_file(&blob) {
                log::debug!("a half could not be removed: {error}");
            }
        }
        values.push(both);
    }
    Ok(values)
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

fn unmade(folder: &std::path::Path, error: &std::io::Error) -> Failure {
    let place = folder.display();
    let message =
        format!("A folder for the training could not be made: {error}. Free some disk space. ({place})");
    Failure::new(FailureClass::Capacity, message)
}

fn clear(folder: &std::path::Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        log::debug!("a training's folder could not be removed: {error}");
    }
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
        // There is nothing to come back to.
        match self.0.wish() {
            Wish::Stop => Wish::Cancel,
            wish => wish,
        }
    }

    fn may_wait(&self) -> bool {
        false
    }
}
