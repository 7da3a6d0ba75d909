//! Material: the rows to explain and the background, as the model takes them.

use std::path::Path;

use arrow::array::UInt32Array;
use orrery_domain::{
    Failure, FailureClass,
    compare::{CompareData, RowsOrigin},
    dataset::Dataset,
    words::plural,
};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{ExplainJob, client};
use crate::{
    control::{Interrupt, JobControl, check},
    predict::{Predictor, bad_rows, read_shared, say, taken_by},
    table::Table,
    train,
};

/// Rows that can be explained, and a background.
pub(super) struct Material {
    /// All columns of the rows. `[rows]`
    pub table: Table,
    /// The same rows as the model takes them. `[rows]`
    pub scored: Table,
    /// The file, or the dataset's name.
    pub source: String,
    /// Which rows of it.
    pub origin: RowsOrigin,
    /// Rows whose values stand in, as the model takes them.
    pub background: Table,
    /// What they were drawn from.
    pub of: String,
    /// What a person should know.
    pub warnings: Vec<String>,
}

impl Material {
    /// Reads the rows and draws `background` others.
    ///
    /// # Errors
    /// A data failure when a column is missing or no row is left; a client failure without a background; or an interruption.
    pub fn read(
        job: &ExplainJob<'_>,
        predictor: &Predictor,
        background: usize,
        control: &dyn JobControl,
    ) -> Result<Self, Interrupt> {
        say(control, "Reading the rows", None, 0, 0, None);
        let card = predictor.card();
        let mut warnings = Vec::new();
        let mut trained = None;
        let (table, scored, source, origin) = match job.data {
            CompareData::File { file } => {
                let shared = read_shared(file, &[card], control)?;
                warnings.extend(shared.read.warnings.iter().cloned().chain(bad_rows(&shared.read)));
                let scored = shared.scored.into_iter().next().unwrap_or_else(|| shared.table.clone());
                (shared.table, scored, file.display().to_string(), RowsOrigin::All)
            }
            CompareData::Dataset { dataset } => {
                let (table, scored) = imported(job.blobs, dataset, predictor, &mut warnings)?;
                if dataset.id == card.lineage.dataset {
                    let split = train::rows_again(card, &table)?;
                    trained = Some(take(&scored, &split.train)?);
                    (
                        take(&table, &split.test)?,
                        take(&scored, &split.test)?,
                        dataset.name.clone(),
                        RowsOrigin::TestRows,
                    )
                } else {
                    (table, scored, dataset.name.clone(), RowsOrigin::All)
                }
            }
        };
        check(control)?;
        if scored.rows() == 0 {
            return Err(client(format!("There is no row to explain. ({source})")).into());
        }
        let (pool, of) = match (trained, job.trained_on) {
            (Some(rows), _) => (rows, format!("the training rows of {}", job.model)),
            (None, Some(dataset)) => match training_rows(job.blobs, dataset, predictor) {
                Ok(rows) => (rows, format!("the training rows of {}", job.model)),
                Err(failure) => {
                    warnings.push(format!(
                        "The training rows are out of reach, so the given rows stand in: {}",
                        failure.message
                    ));
                    (scored.clone(), "the given rows".to_owned())
                }
            },
            (None, None) => {
                warnings.push(format!(
                    "The dataset that {} was trained on is not here, so the given rows are the background.",
                    job.model
                ));
                (scored.clone(), "the given rows".to_owned())
            }
        };
        let background = draw(&pool, background, job.settings.seed)?;
        Ok(Self { table, scored, source, origin, background, of, warnings })
    }

    /// Rows from the first to before the second, of all there are.
    ///
    /// # Errors
    /// A client failure when they are not there.
    pub fn range(&self, asked: Option<(u64, u64)>, usual: usize) -> Result<(usize, usize), Failure> {
        let rows = self.scored.rows();
        let Some((from, to)) = asked else { return Ok((0, rows.min(usual))) };
        if from >= to || from >= rows as u64 {
            return Err(client(format!(
                "There are no rows {from} to before {to}: there are {}, counted from 0.",
                plural(rows as u64, "row")
            )));
        }
        Ok((from as usize, (to as usize).min(rows)))
    }
}

/// An imported table, and as the model takes it.
fn imported(
    blobs: &Path,
    dataset: &Dataset,
    predictor: &Predictor,
    warnings: &mut Vec<String>,
) -> Result<(Table, Table), Failure> {
    let table = Table::read_arrow(&blobs.join(format!("{}.arrow", dataset.blob)), &dataset.columns)?;
    let scored = taken_by(predictor.card(), &table, Path::new(&dataset.name), warnings)?;
    Ok((table, scored))
}

fn training_rows(blobs: &Path, dataset: &Dataset, predictor: &Predictor) -> Result<Table, Failure> {
    let (table, scored) = imported(blobs, dataset, predictor, &mut Vec::new())?;
    take(&scored, &train::rows_again(predictor.card(), &table)?.train)
}

/// Some rows, by the seed, in their order.
pub(super) fn draw(table: &Table, many: usize, seed: u64) -> Result<Table, Failure> {
    take(table, &drawn((0..table.rows() as u32).collect(), many, seed))
}

/// Some of these places, one at least, by the seed, in their order.
pub(super) fn drawn(mut rows: Vec<u32>, many: usize, seed: u64) -> Vec<u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xbac6_9e0d);
    rows.shuffle(&mut rng);
    rows.truncate(many.max(1));
    rows.sort_unstable();
    rows
}

/// These rows.
pub(super) fn take(table: &Table, rows: &[u32]) -> Result<Table, Failure> {
    let rows = UInt32Array::from(rows.to_vec());
    let batch = arrow::compute::take_record_batch(&table.batch, &rows).map_err(|error| {
        Failure::new(FailureClass::Capacity, format!("The rows could not be put together: {error}."))
    })?;
    Ok(Table { schema: table.schema.clone(), batch })
}
