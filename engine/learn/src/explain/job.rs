//! Job: rows of a file or a dataset explained by a method, with everything that it needs read and drawn.

use std::{io::ErrorKind, path::Path};

use orrery_domain::{
    Failure, FailureClass, ModelRef,
    compare::CompareData,
    dataset::Dataset,
    explain::{
        Against, BaselineChoice, Counterfactuals, Dependence, ExplainCheck, ExplainMethod, ExplainReport,
        ExplainSettings, Explanation, Findings, Totals,
    },
    training::{CategoryEncoding, Task},
};

use super::{
    Around, ExplainRequest, Explained,
    answers::{Output, Rows},
    client,
    counterfactual::{Search, Side, Wanted},
    dependence::Grounds,
    file::Lines,
    importance::Judged,
    material::{Material, draw, drawn, take},
    pieces::{Fingerprint, Place},
    players::Players,
};
use crate::{
    control::{Interrupt, JobControl},
    metrics::{DEFAULT_THRESHOLD, Truth},
    predict::{Known, Predictor, require, say},
    table::Table,
    train::files,
};

mod sent;

pub use self::sent::SentRows;

/// Rows that are explained between two words about progress.
const CHUNK: usize = 50;
/// Rows of single answers where none are named and no file is written.
const FEW: usize = 10;
/// Rows that permutation importance looks at where none are named.
const MANY: usize = 10_000;
/// Rows of the report, drawn by the seed; a file holds all.
const KEPT: usize = 1000;
/// Figures of the report, about: rows times columns.
const FIGURES: usize = 200_000;
/// Fewest rows whose values counterfactuals try.
const DONORS: usize = 1000;

/// Everything that explaining works with.
#[derive(Clone, Copy, Debug)]
pub struct ExplainJob<'a> {
    /// The model.
    pub model: &'a ModelRef,
    /// Its folder.
    pub folder: &'a Path,
    /// The rows: of the dataset that the model was trained on only the test rows.
    pub data: &'a CompareData,
    /// The dataset that the model was trained on, where it is here: its training rows are the background.
    pub trained_on: Option<&'a Dataset>,
    /// Folder of imported tables.
    pub blobs: &'a Path,
    /// How.
    pub settings: &'a ExplainSettings,
    /// A `.csv` file to write.
    pub out: Option<&'a Path>,
    /// Folder of what was computed, which may hold that of the same request; it need not be there.
    pub pieces: &'a Path,
}

/// Explains rows. What was computed when the job ends early stays in its folder of pieces, and is not computed again.
///
/// # Errors
/// A client failure when the method, class, columns or rows are not the model's; a data failure when the rows lack a column or, for
/// importance, the target; a model failure when the folder is not sound; a capacity failure when the file cannot be written; or an
/// interruption, after which no file is there.
pub fn run(job: &ExplainJob<'_>, control: &dyn JobControl) -> Result<ExplainReport, Interrupt> {
    if let Some(out) = job.out
        && !out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))
    {
        return Err(client(format!("Explanations are written as .csv. ({})", out.display())).into());
    }
    say(control, "Loading the model", None, 0, 0, None);
    let predictor = Predictor::load(job.folder)?;
    let explained = predictor.explained();
    let method = predictor.method(&explained, job.settings.method)?;
    let wanted = job.settings.background.max(1) as usize;
    let donors = if method == ExplainMethod::Counterfactual { wanted.max(DONORS) } else { wanted };
    let mut material = Material::read(job, &predictor, donors, control)?;
    let fingerprint = fingerprint(job, &predictor, &material)?;
    let place = Place { folder: Some(job.pieces), fingerprint: &fingerprint, control };
    let work = Work { job, predictor: &predictor, explained: &explained, method, material: &material, place };
    let mut lines = Lines::new();
    let (explained_rows, found) = match method {
        ExplainMethod::PermutationImportance => work.importance()?,
        ExplainMethod::PartialDependence => work.dependence()?,
        ExplainMethod::Counterfactual => work.counterfactuals()?,
        _ => work.attributions(&mut lines)?,
    };
    if let Some(out) = job.out {
        lines.findings(&found)?;
        write(out, &lines.bytes()?, place)?;
    }
    Ok(ExplainReport {
        model: job.model.clone(),
        source: std::mem::take(&mut material.source),
        origin: material.origin,
        explained: explained_rows as u64,
        found,
        out: job.out.map(Path::to_path_buf),
        warnings: material.warnings,
    })
}

/// Writes the file; where the disk is full, once more without the pieces, which may be what fills it.
fn write(out: &Path, bytes: &[u8], place: Place<'_>) -> Result<(), Failure> {
    let written = files::try_bytes(out, bytes).or_else(|error| {
        if !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            return Err(error);
        }
        place.clear();
        files::try_bytes(out, bytes)
    });
    written.map_err(|error| files::unwritten(&error, out))
}

/// Hash of all that the figures depend on.
fn fingerprint(job: &ExplainJob<'_>, predictor: &Predictor, material: &Material) -> Result<String, Failure> {
    let mut found = Fingerprint::new();
    // Without a file fewer rows are explained.
    found.value(&(job.model, predictor.card(), job.settings, &material.of, job.out.is_some()))?;
    for table in [&material.table, &material.scored, &material.background] {
        found.table(table)?;
    }
    Ok(found.text())
}

struct Work<'a> {
    job: &'a ExplainJob<'a>,
    predictor: &'a Predictor,
    explained: &'a Explained<'a>,
    method: ExplainMethod,
    material: &'a Material,
    place: Place<'a>,
}

impl Work<'_> {
    fn names(&self) -> Vec<String> {
        self.predictor.features().map(|feature| feature.name.clone()).collect()
    }

    /// Places of the columns that were named, among the features; all of them where none were.
    fn columns(&self) -> Result<Vec<(usize, String)>, Failure> {
        let names = self.names();
        let asked = &self.job.settings.columns;
        let place = |name: &String| {
            names.iter().position(|known| known == name).map(|place| (place, name.clone())).ok_or_else(|| {
                client(format!("The model has no column '{name}'. Its columns: {}.", names.join(", ")))
            })
        };
        if asked.is_empty() { names.iter().map(place).collect() } else { asked.iter().map(place).collect() }
    }

    fn background(&self) -> Against {
        Against::Background {
            rows: self.material.background.rows() as u64,
            of: self.material.of.clone(),
            seed: self.job.settings.seed,
        }
    }

    /// Each column's part of each row's answer.
    fn attributions(&self, lines: &mut Lines) -> Result<(usize, Findings), Interrupt> {
        let settings = self.job.settings;
        let scored = &self.material.scored;
        let usual = if self.job.out.is_some() { usize::MAX } else { FEW };
        let (from, to) = self.material.range(settings.rows, usual)?;
        let first = take(scored, &[from as u32])?;
        let class = self.predictor.explained_class(&first, settings.class.as_deref())?;
        let mut request = ExplainRequest {
            method: Some(self.method),
            class: self.predictor.card().classes.get(class).cloned(),
            baseline: settings.baseline,
            samples: settings.samples,
            seed: settings.seed,
            checks: settings.checks,
        };
        if let BaselineChoice::Row(row) = settings.baseline
            && row >= scored.rows()
        {
            return Err(client(format!(
                "There is no row {row} to be the baseline: the rows are 0 to {}.",
                scored.rows() - 1
            ))
            .into());
        }
        let around = Around {
            background: Some((&self.material.background, &self.material.of)),
            folder: Some(self.job.folder),
        };
        lines.head(self.predictor.features().map(|feature| feature.name.as_str()))?;
        let begin = std::time::Instant::now();
        let mut pieces = self.place.pieces();
        let mut whole: Option<Explanation> = None;
        let mut rows: Vec<u32> = (from as u32..to as u32).collect();
        rows.dedup();
        let columns = self.predictor.features().count();
        let shown = shown(rows.clone(), columns, settings.seed);
        let mut totals = Totals::default();
        // Rows that this process has explained itself.
        let mut own = 0;
        for chunk in rows.chunks(CHUNK) {
            let again = pieces.again();
            let mut found = pieces.next(|| self.chunk(chunk, &mut request, around))?;
            if pieces.again() == again {
                own += chunk.len();
            }
            lines.rows(&found.rows)?;
            totals.add(&found.rows);
            found.rows.retain(|row| shown.binary_search(&(row.row as u32)).is_ok());
            whole = Some(match whole {
                None => found,
                Some(before) => joined(before, found),
            });
            let done = (chunk[chunk.len() - 1] as usize + 1) - from;
            // As if all of them had been explained at the pace of these.
            let secs = (own > 0).then(|| begin.elapsed().as_secs_f64() * done as f64 / own as f64);
            let share = Some(done as f64 / (to - from) as f64);
            say(self.place.control, &pieces.phase("Explaining"), share, done, to - from, secs);
            request.checks = false;
        }
        let mut whole = whole.ok_or_else(|| client("There is no row to explain. Give one row at least."))?;
        whole.totals = (totals.rows > whole.rows.len() as u64).then_some(totals);
        Ok((to - from, Findings::Attributions(whole)))
    }

    /// Rows that are explained together; a baseline that is a row comes along as the last one.
    fn chunk(
        &self,
        chunk: &[u32],
        request: &mut ExplainRequest,
        around: Around<'_>,
    ) -> Result<Explanation, Interrupt> {
        let scored = &self.material.scored;
        let mut rows = chunk.to_vec();
        if let BaselineChoice::Row(row) = self.job.settings.baseline {
            request.baseline = BaselineChoice::Row(rows.len());
            rows.push(row as u32);
        }
        let mut found =
            self.predictor.explain_around(&take(scored, &rows)?, request, around, self.place.control)?;
        if let BaselineChoice::Row(row) = self.job.settings.baseline {
            found.rows.pop();
            found.against = Some(Against::Row { row: row as u64 });
        }
        let places: Vec<Option<usize>> =
            self.predictor.features().map(|feature| scored.position(&feature.name)).collect();
        for (row, place) in found.rows.iter_mut().zip(chunk) {
            row.row = u64::from(*place);
            let text =
                |column: &Option<usize>| column.and_then(|column| scored.text(column, *place as usize));
            row.values = places.iter().map(text).collect();
        }
        Ok(found)
    }

    /// Which rows a global method looks at, in order.
    fn sample(&self, table: &Table, usual: usize) -> Result<Table, Failure> {
        match self.job.settings.rows {
            None if table.rows() <= usual => Ok(table.clone()),
            None => draw(table, usual, self.job.settings.seed),
            Some(_) => {
                let (from, to) = self.material.range(self.job.settings.rows, usual)?;
                take(table, &(from as u32..to as u32).collect::<Vec<u32>>())
            }
        }
    }

    fn importance(&self) -> Result<(usize, Findings), Interrupt> {
        let card = self.predictor.card();
        let material = self.material;
        let place = Path::new(&material.source);
        require(&material.table, std::iter::once(card.target.as_str()), place)?;
        // Drawn alike: both tables have the same rows.
        let (raw, scored) = (self.sample(&material.table, MANY)?, self.sample(&material.scored, MANY)?);
        let column = raw.position(&card.target).unwrap_or_default();
        let known = Known::of(self.predictor, &raw, column, &material.source)?;
        if known.kept.is_empty() {
            return Err(Failure::new(
                FailureClass::Data,
                format!(
                    "No row has a value in '{}', so nothing can get worse. ({})",
                    card.target, material.source
                ),
            )
            .into());
        }
        let x = self.explained.encode(&scored)?.select(known.kept.iter().copied());
        let truth = match card.task {
            Task::Regression => Truth::Values(&known.values),
            Task::Binary | Task::Multiclass => Truth::Classes { codes: &known.codes, classes: &card.classes },
        };
        let (players, names) = (self.explained.players(), self.names());
        let judged = Judged {
            output: self.output(0),
            players: &players,
            names: &names,
            x: &x,
            truth,
            threshold: card.threshold.unwrap_or(DEFAULT_THRESHOLD),
        };
        let found = judged.importance(self.job.settings.repeats, self.job.settings.seed, self.place)?;
        Ok((x.len(), Findings::Importance(found)))
    }

    fn output(&self, class: usize) -> Output<'_> {
        Output { explained: self.explained, task: self.predictor.card().task, class }
    }

    fn dependence(&self) -> Result<(usize, Findings), Interrupt> {
        let columns = self.columns()?;
        let settings = self.job.settings;
        // Values are put into the rows that were named, else into the background.
        let (table, against) = if settings.rows.is_some() {
            let table = self.sample(&self.material.scored, MANY)?;
            let of = format!("the rows of {}", self.material.source);
            let rows = table.rows() as u64;
            (table, Against::Background { rows, of, seed: settings.seed })
        } else {
            (self.material.background.clone(), self.background())
        };
        let class = self.predictor.explained_class(&table, settings.class.as_deref())?;
        let x = self.explained.encode(&table)?;
        let (players, output) = (self.explained.players(), self.output(class));
        let grounds = Grounds { model: &output, players: &players, x: &x, table: &table };
        let (columns, check) = grounds.dependence(&columns, self.place)?;
        let found = Dependence {
            method: self.method,
            class: self.predictor.card().classes.get(class).cloned(),
            scale: self.predictor.scale(self.explained),
            columns,
            against,
            check,
        };
        Ok((x.len(), Findings::Dependence(found)))
    }

    fn counterfactuals(&self) -> Result<(usize, Findings), Interrupt> {
        let settings = self.job.settings;
        let wanted = Wanted::of(self.predictor, settings.wanted.as_deref())?;
        let may = self.columns()?;
        let names = self.names();
        let actionable: Vec<bool> =
            (0..names.len()).map(|place| may.iter().any(|(known, _)| *known == place)).collect();
        let (from, to) = self.material.range(settings.rows, FEW)?;
        let table = take(&self.material.scored, &(from as u32..to as u32).collect::<Vec<u32>>())?;
        let donors = &self.material.background;
        let (x, others) = (self.explained.encode(&table)?, self.explained.encode(donors)?);
        let rules = match self.explained {
            Explained::Network { rules, .. }
            | Explained::Integer { rules, .. }
            | Explained::Trees { rules, .. } => rules,
        };
        let units = |table: &Table| -> Result<Rows, Failure> {
            let (units, _) = rules.transform_codes(table)?;
            Ok(Rows { cols: units.cols, values: units.values.into_iter().map(f64::from).collect() })
        };
        let (row_units, donor_units) = (units(&table)?, units(donors)?);
        let coded =
            crate::prepare::Preprocessor { categories: CategoryEncoding::Embedding, ..(*rules).clone() };
        let (players, unit_players) = (self.explained.players(), Players::of_inputs(&coded));
        let search = Search {
            predictor: self.predictor,
            output: self.output(0),
            players: &players,
            unit_players: &unit_players,
            names: &names,
            rows: Side { x: &x, table: &table, units: &row_units },
            donors: Side { x: &others, table: donors, units: &donor_units },
            actionable: &actionable,
            wanted: &wanted,
        };
        let mut rows = search.run(self.place)?;
        for row in &mut rows {
            row.row += from as u64;
        }
        let without = rows.iter().filter(|row| row.nearest.is_none() && !row.already).count();
        let check = ExplainCheck::new("validity", without as f64 / rows.len().max(1) as f64, 0.0);
        let found = Counterfactuals {
            method: self.method,
            wanted: wanted.words(&self.predictor.card().classes),
            actionable: may.into_iter().map(|(_, name)| name).collect(),
            against: self.background(),
            rows,
            check,
        };
        Ok((to - from, Findings::Counterfactuals(found)))
    }
}

/// The rows that the report shows of all these: a sample where there are many, or of pictures, whose columns are many.
fn shown(rows: Vec<u32>, columns: usize, seed: u64) -> Vec<u32> {
    let room = KEPT.min((FIGURES / columns.max(1)).max(CHUNK));
    // The background is drawn by the seed itself.
    if rows.len() <= room { rows } else { drawn(rows, room, seed ^ 0x0bee_54a2) }
}

/// More rows of the same explanation: the worse check counts.
fn joined(mut before: Explanation, mut more: Explanation) -> Explanation {
    let worse = |a: &ExplainCheck, b: &ExplainCheck| b.value / b.limit > a.value / a.limit;
    if worse(&before.check, &more.check) {
        before.check = more.check;
    }
    before.rows.append(&mut more.rows);
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_are_all_shown_and_of_many_a_sample_from_everywhere() {
        let rows = |many: u32| (100..100 + many).collect::<Vec<u32>>();
        assert_eq!(shown(rows(1000), 9, 0), rows(1000));
        let found = shown(rows(10_000), 9, 0);
        assert_eq!(found.len(), 1000);
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "in their order, none twice");
        for tenth in 0..10 {
            let within = 100 + tenth * 1000..100 + (tenth + 1) * 1000;
            let many = found.iter().filter(|row| within.contains(*row)).count();
            // 100 are expected; the deviation of the count is 9.
            assert!((60..=140).contains(&many), "{many} of the {tenth}. tenth");
        }
        assert_eq!(shown(rows(10_000), 9, 0), found);
        assert_ne!(shown(rows(10_000), 9, 1), found);
        assert_eq!(shown(rows(10_000), 784, 0).len(), 200_000 / 784);
        assert_eq!(shown(rows(10_000), 100_000, 0).len(), CHUNK);
    }
}
