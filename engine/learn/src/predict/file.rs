//! A file predicted: batches of rows scored in parallel and written in order, whole or not at all.

use std::{
    io::{BufWriter, Write},
    path::Path,
    time::Instant,
};

use arrow::array::ArrayRef;
use orrery_domain::{
    Failure, FailureClass,
    job::{JobEvent, PredictReport},
    run::Progress,
    words::plural,
};
use rayon::prelude::*;

use super::{
    Predictor, columns,
    columns::Added,
    csv,
    input::{self, Input},
    parquet::Writer,
};
use crate::{
    control::{Interrupt, JobControl, check},
    data::ReadReport,
    metrics::Predictions,
    model::files::{beside, persist, unwritten},
    prepare::TransformReport,
    table::Table,
};

/// Rows scored at once by one thread.
const BATCH: usize = 8192;
/// Batches between two looks at what a person wants.
const WAVE: usize = 8;
/// Bad rows named in a warning.
const NAMED_BAD_ROWS: usize = 5;

/// Predicts on `file` and writes `out` (`.csv` or `.parquet`): all input columns in their order, and the prediction's. The
/// outcome appears whole or not at all, also when the job is cancelled.
///
/// # Errors
/// A data failure that names a missing column, a client failure for another ending of `out`, or an interruption.
pub fn predict_file(
    model: &Path,
    file: &Path,
    out: &Path,
    control: &dyn JobControl,
) -> Result<PredictReport, Interrupt> {
    let format = Format::of(out)?;
    say(control, "Loading the model", None, 0, 0, None);
    let predictor = Predictor::load(model)?;
    predict_with(&predictor, format, file, out, control)
}

/// What `out` is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Parquet,
}

impl Format {
    /// By the ending of the name.
    pub(super) fn of(out: &Path) -> Result<Self, Failure> {
        let ending = out.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match ending.as_str() {
            "csv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            _ => Err(Failure::new(
                FailureClass::Client,
                format!(
                    "Predictions are written as .csv or .parquet: give the file one of these endings. ({})",
                    out.display()
                ),
            )),
        }
    }
}

pub(super) fn predict_with(
    predictor: &Predictor,
    format: Format,
    file: &Path,
    out: &Path,
    control: &dyn JobControl,
) -> Result<PredictReport, Interrupt> {
    say(control, "Reading the file", None, 0, 0, None);
    let input = input::read(file, &predictor.card, control)?;
    let added = columns::added(predictor, &input.table);
    let temporary = beside(out).map_err(|error| unwritten(out, &error))?;
    let handle = temporary.reopen().map_err(|error| unwritten(out, &error))?;
    let mut sink = match format {
        Format::Csv => {
            let mut writer = BufWriter::new(handle);
            writer.write_all(&csv::header(&input.table, &added)).map_err(|error| unwritten(out, &error))?;
            Sink::Csv(writer)
        }
        Format::Parquet => Sink::Parquet(Box::new(
            Writer::new(handle, &input.table, &added).map_err(|error| unwritten(out, &error))?,
        )),
    };
    let (odd, secs) = predict_rows(predictor, &input, &mut sink, out, control)?;
    sink.finish().map_err(|error| unwritten(out, &error))?;
    check(control)?;
    persist(temporary, out).map_err(|error| unwritten(out, &error))?;
    Ok(report(predictor, &input, added, odd, secs, out))
}

/// Where rows go.
enum Sink {
    Csv(BufWriter<std::fs::File>),
    Parquet(Box<Writer>),
}

impl Sink {
    fn write(&mut self, part: &Part) -> Result<(), Box<dyn std::error::Error>> {
        match self {
            Self::Csv(writer) => writer.write_all(&part.lines)?,
            Self::Parquet(writer) => writer.write(&part.table, &part.added)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Box<dyn std::error::Error>> {
        match self {
            Self::Csv(mut writer) => writer.flush()?,
            Self::Parquet(writer) => writer.finish()?,
        }
        Ok(())
    }
}

/// Scores and writes every row; returns what was odd and the seconds the model took.
fn predict_rows(
    predictor: &Predictor,
    input: &Input,
    sink: &mut Sink,
    out: &Path,
    control: &dyn JobControl,
) -> Result<(TransformReport, f64), Interrupt> {
    let rows = input.table.rows();
    let csv = matches!(sink, Sink::Csv(_)).then(|| csv::whole_days(&input.table));
    let csv = csv.as_deref();
    let begin = Instant::now();
    let (mut odd, mut model_secs) = (TransformReport::default(), 0.0);
    for wave in (0..rows).step_by(BATCH * WAVE) {
        check(control)?;
        let starts: Vec<usize> = (wave..(wave + BATCH * WAVE).min(rows)).step_by(BATCH).collect();
        let wave_begin = Instant::now();
        let scored: Vec<Scored> = starts
            .into_par_iter()
            .map(|start| Scored::of(predictor, input, start))
            .collect::<Result<_, Failure>>()?;
        model_secs += wave_begin.elapsed().as_secs_f64();
        for one in &scored {
            merge(&mut odd.unseen, &one.odd.unseen);
            merge(&mut odd.out_of_range, &one.odd.out_of_range);
        }
        let parts: Vec<Part> = scored.into_par_iter().map(|one| Part::of(predictor, one, csv)).collect();
        for part in &parts {
            sink.write(part).map_err(|error| unwritten(out, &error))?;
        }
        let done = (wave + BATCH * WAVE).min(rows);
        let secs = Some(begin.elapsed().as_secs_f64());
        say(control, "Predicting", Some(done as f64 / rows as f64), done, rows, secs);
    }
    Ok((odd, model_secs))
}

/// A batch of rows with what the model says of them.
struct Scored {
    table: Table,
    predictions: Predictions,
    odd: TransformReport,
}

impl Scored {
    fn of(predictor: &Predictor, input: &Input, start: usize) -> Result<Self, Failure> {
        let length = BATCH.min(input.table.rows() - start);
        let slice =
            |table: &Table| Table { schema: table.schema.clone(), batch: table.batch.slice(start, length) };
        let (predictions, odd) = predictor.predict_table(&slice(&input.scored))?;
        Ok(Self { table: slice(&input.table), predictions, odd })
    }
}

/// A batch of rows as it is written.
struct Part {
    table: Table,
    /// `[columns][rows]`
    added: Vec<ArrayRef>,
    /// CSV lines, empty for Parquet.
    lines: Vec<u8>,
}

impl Part {
    fn of(predictor: &Predictor, scored: Scored, csv: Option<&[bool]>) -> Self {
        let added = columns::values(predictor, &scored.predictions);
        let lines = csv.map_or_else(Vec::new, |whole_days| csv::lines(&scored.table, whole_days, &added));
        Self { table: scored.table, added, lines }
    }
}

fn merge(into: &mut Vec<(String, u64)>, from: &[(String, u64)]) {
    for (column, count) in from {
        match into.iter_mut().find(|(name, _)| name == column) {
            Some((_, sum)) => *sum += count,
            None => into.push((column.clone(), *count)),
        }
    }
}

fn report(
    predictor: &Predictor,
    input: &Input,
    added: Vec<Added>,
    odd: TransformReport,
    secs: f64,
    out: &Path,
) -> PredictReport {
    let Input { table, read, .. } = input;
    let extra_columns: Vec<String> = table
        .schema
        .iter()
        .map(|column| &column.name)
        .filter(|name| !predictor.knows(name))
        .cloned()
        .collect();
    let mut warnings = read.warnings.clone();
    warnings.extend(bad_rows(read));
    if table.rows() == 0 {
        warnings.push("The file holds no rows, so nothing was predicted.".to_owned());
    }
    PredictReport {
        rows: table.rows() as u64,
        out: out.to_owned(),
        added_columns: added.into_iter().map(|column| column.name).collect(),
        unseen_categories: odd.unseen,
        out_of_range: odd.out_of_range,
        extra_columns,
        warnings,
        rows_per_sec: if secs > 0.0 { table.rows() as f64 / secs } else { 0.0 },
    }
}

/// A sentence about rows of the file that could not be read and are not in the outcome.
pub(crate) fn bad_rows(read: &ReadReport) -> Option<String> {
    if read.bad_rows == 0 {
        return None;
    }
    let named: Vec<String> = read
        .bad_row_list
        .iter()
        .take(NAMED_BAD_ROWS)
        .map(|row| format!("line {}: {}", row.line, row.reason.trim_end_matches('.')))
        .collect();
    Some(format!("Left out {} that could not be read ({}).", plural(read.bad_rows, "row"), named.join("; ")))
}

/// Says how far the job is.
pub(crate) fn say(
    control: &dyn JobControl,
    phase: &str,
    fraction: Option<f64>,
    done: usize,
    rows: usize,
    secs: Option<f64>,
) {
    let rate = secs.filter(|secs| *secs > 0.0).map(|secs| done as f64 / secs);
    let progress = Progress {
        phase: phase.to_owned(),
        fraction,
        step: done as u64,
        steps: rows as u64,
        rows_per_sec: rate,
        secs_left: rate.filter(|rate| *rate > 0.0).map(|rate| (rows - done) as f64 / rate),
        ..Progress::default()
    };
    control.emit(JobEvent::Progress { progress, kind: None });
}
