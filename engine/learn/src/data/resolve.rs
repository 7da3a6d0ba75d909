//! Resolution: one type for each column from what its pieces look like, over the whole file.
//!
//! A column is an integer, a float, a boolean or a datetime only if every present value is; else it holds texts. Decimal commas
//! and the order of day and month are decided here too, because one value late in the file can settle them. The pieces that
//! were parsed as something else are then parsed again, from the text.

use orrery_domain::{dataset::ColumnType, words};
use rayon::prelude::*;

use super::{
    cells::Cells,
    datetime::{Evidence, Order},
    piece::{FloatFacts, Misfits, Piece, Target, parse_as},
    progress::Meter,
    value::{self, Missing, Style},
};
use crate::control::Interrupt;

/// Chunks of cells that can be had again.
pub(super) trait CellSource: Sync {
    /// How many chunks.
    fn chunks(&self) -> usize;

    /// The cells of one.
    fn cells(&self, chunk: usize) -> Cells<'_>;

    /// Where a column is in that chunk, if it is there.
    fn local(&self, _chunk: usize, column: usize) -> Option<usize> {
        Some(column)
    }

    /// Whether a comma may be a decimal mark.
    fn commas_may_be_decimal(&self) -> bool;
}

/// A column in parts.
#[derive(Debug)]
pub(super) struct Column {
    /// Name.
    pub(super) name: String,
    /// The type a person asked for.
    pub(super) forced: Option<ColumnType>,
    /// One piece a chunk.
    pub(super) pieces: Vec<Piece>,
    /// What all its values are. `Text` stands for category too: the distinct texts decide between the two.
    pub(super) kind: ColumnType,
    /// How its numbers are written.
    style: Style,
    /// How its dates are written.
    order: Option<Order>,
}

impl Column {
    /// A column as its pieces came out, with numbers written in `style`.
    pub(super) fn new(name: String, forced: Option<ColumnType>, pieces: Vec<Piece>, style: Style) -> Self {
        Self { name, forced, pieces, kind: ColumnType::Text, style, order: None }
    }

    fn target(&self, kind: ColumnType, style: Style) -> Target {
        Target { kind, style, order: self.order, forced: self.forced.is_some() }
    }

    /// Values that did not fit the forced type.
    pub(super) fn misfits(&self) -> Misfits {
        self.pieces.iter().fold(Misfits::default(), |sum, piece| match piece {
            Piece::Integers(values) => sum.and(&values.misfits),
            Piece::Datetimes(values, ..) => sum.and(&values.misfits),
            Piece::Floats(values, _) => sum.and(&values.misfits),
            Piece::Booleans(values) => sum.and(&values.misfits),
            _ => sum,
        })
    }

    fn is_forced_number(&self) -> bool {
        self.forced.is_some_and(ColumnType::is_numeric)
    }

    fn evidence(&self) -> Evidence {
        self.pieces.iter().fold(Evidence::default(), |sum, piece| match piece {
            Piece::Datetimes(_, _, evidence) => sum.and(*evidence),
            _ => sum,
        })
    }
}

/// Decides the columns' types and brings every piece to them.
///
/// # Errors
/// An interruption.
pub(super) fn resolve(
    columns: &mut [Column],
    source: &dyn CellSource,
    missing: &Missing,
    decimal_comma: Option<bool>,
    warnings: &mut Vec<String>,
    meter: &Meter<'_>,
) -> Result<(), Interrupt> {
    for column in columns.iter_mut() {
        column.kind = column.forced.unwrap_or_else(|| common_kind(&column.pieces));
        column.order = Some(column.evidence().order());
    }
    if decimal_comma.is_none() && source.commas_may_be_decimal() {
        detect_decimal_comma(columns, source, missing, warnings, meter)?;
    }
    loop {
        let requests = misfitting(columns);
        if requests.is_empty() {
            break;
        }
        for (request, answer) in requests.iter().zip(parse_again(&requests, source, missing, meter)?) {
            let column = &mut columns[request.column];
            let Some(answer) = answer else {
                // Texts fit everything, so the next round is the last.
                column.kind = ColumnType::Text;
                continue;
            };
            for (piece, again) in column.pieces.iter_mut().zip(answer) {
                if let Again::New(again) = again {
                    *piece = again;
                }
            }
        }
    }
    for column in columns.iter() {
        warn_about(column, warnings);
    }
    Ok(())
}

/// The pieces that are not of their column's type.
fn misfitting(columns: &[Column]) -> Vec<Request> {
    let mut requests = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let chunks: Vec<bool> =
            column.pieces.iter().map(|piece| !fits(piece, column.kind, column.order)).collect();
        if chunks.contains(&true) {
            requests.push(Request {
                column: index,
                target: column.target(column.kind, column.style),
                chunks,
            });
        }
    }
    requests
}

/// The narrowest type that every piece fits.
fn common_kind(pieces: &[Piece]) -> ColumnType {
    let mut facts = FloatFacts::default();
    let mut evidence = Evidence::default();
    let (mut integers, mut floats, mut booleans, mut datetimes, mut texts) =
        (false, false, false, false, false);
    for piece in pieces {
        match piece {
            Piece::Missing(_) => {}
            Piece::Integers(_) => integers = true,
            Piece::Floats(_, more) => {
                floats = true;
                facts.fractional |= more.fractional;
                facts.lossy |= more.lossy;
            }
            Piece::Booleans(_) => booleans = true,
            Piece::Datetimes(_, _, more) => {
                datetimes = true;
                evidence = evidence.and(*more);
            }
            Piece::Words(_) | Piece::Strings(_) => texts = true,
        }
    }
    match (integers, floats, booleans, datetimes, texts) {
        (true, false, false, false, false) => ColumnType::Integer,
        // Nothing at all: as pandas, a float column of missing values.
        (false, false, false, false, false) => ColumnType::Float,
        // Whole numbers beyond 64 bits are ids, hence text: as floats they would lose digits.
        (_, true, false, false, false) if !facts.lossy || facts.fractional => ColumnType::Float,
        (false, false, true, false, false) => ColumnType::Boolean,
        (false, false, false, true, false) if !evidence.contradicts_itself() => ColumnType::Datetime,
        _ => ColumnType::Text,
    }
}

fn fits(piece: &Piece, kind: ColumnType, order: Option<Order>) -> bool {
    match (piece, kind) {
        (Piece::Missing(_), _)
        | (Piece::Integers(_), ColumnType::Integer | ColumnType::Float)
        | (Piece::Floats(..), ColumnType::Float)
        | (Piece::Booleans(_), ColumnType::Boolean)
        | (Piece::Words(_) | Piece::Strings(_), ColumnType::Category | ColumnType::Text) => true,
        (Piece::Datetimes(_, read, evidence), ColumnType::Datetime) => {
            !evidence.ordered || order == Some(*read)
        }
        _ => false,
    }
}

/// Some pieces of a column to be parsed again.
struct Request {
    column: usize,
    target: Target,
    chunks: Vec<bool>,
}

/// What became of one piece.
enum Again {
    /// It was not asked for.
    Kept,
    /// It is parsed.
    New(Piece),
    /// Some value does not fit.
    Misfit,
}

/// By request, what became of each chunk's piece; `None` where some value does not fit.
type Answers = Vec<Option<Vec<Again>>>;

fn parse_again(
    requests: &[Request],
    source: &dyn CellSource,
    missing: &Missing,
    meter: &Meter<'_>,
) -> Result<Answers, Interrupt> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let by_chunk = (0..source.chunks())
        .into_par_iter()
        .map(|chunk| {
            meter.advance(0, 0)?;
            if !requests.iter().any(|request| request.chunks[chunk]) {
                return Ok(requests.iter().map(|_| Again::Kept).collect());
            }
            let cells = source.cells(chunk);
            let parse = |request: &Request| match source.local(chunk, request.column) {
                _ if !request.chunks[chunk] => Again::Kept,
                Some(local) => {
                    parse_as(&cells.column(local), missing, request.target).map_or(Again::Misfit, Again::New)
                }
                None => Again::New(Piece::Missing(cells.rows)),
            };
            Ok(requests.iter().map(parse).collect())
        })
        .collect::<Result<Vec<Vec<Again>>, Interrupt>>()?;
    let mut answers: Answers = requests.iter().map(|_| Some(Vec::with_capacity(source.chunks()))).collect();
    for chunk in by_chunk {
        for (answer, again) in answers.iter_mut().zip(chunk) {
            match (answer.as_mut(), again) {
                (Some(_), Again::Misfit) => *answer = None,
                (Some(pieces), again) => pieces.push(again),
                (None, _) => {}
            }
        }
    }
    Ok(answers)
}

/// Finds columns that are numbers only with decimal commas. Where there is one, the whole file is taken to be written so.
fn detect_decimal_comma(
    columns: &mut [Column],
    source: &dyn CellSource,
    missing: &Missing,
    warnings: &mut Vec<String>,
    meter: &Meter<'_>,
) -> Result<(), Interrupt> {
    let every = vec![true; source.chunks()];
    let try_comma = |columns: &mut [Column], chosen: Vec<usize>| -> Result<Vec<usize>, Interrupt> {
        let requests: Vec<Request> = chosen
            .iter()
            .map(|index| {
                let column = &columns[*index];
                let kind = column.forced.unwrap_or(ColumnType::Float);
                Request { column: *index, target: column.target(kind, Style::Comma), chunks: every.clone() }
            })
            .collect();
        let answers = parse_again(&requests, source, missing, meter)?;
        let mut changed = Vec::new();
        for (index, answer) in chosen.into_iter().zip(answers) {
            let Some(answer) = answer else { continue };
            let new = |again| if let Again::New(piece) = again { Some(piece) } else { None };
            let pieces: Vec<Piece> = answer.into_iter().filter_map(new).collect();
            let column = &mut columns[index];
            let before = column.misfits().count;
            let trial = Column::new(String::new(), column.forced, pieces, Style::Comma);
            if column.is_forced_number() && trial.misfits().count >= before {
                continue;
            }
            column.pieces = trial.pieces;
            column.style = Style::Comma;
            changed.push(index);
        }
        Ok(changed)
    };
    let candidates = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| match column.forced {
            None => column.kind == ColumnType::Text && looks_comma(&column.pieces),
            Some(_) => column.is_forced_number() && column.misfits().count > 0,
        })
        .map(|(index, _)| index)
        .collect();
    let found = try_comma(columns, candidates)?;
    if found.is_empty() {
        return Ok(());
    }
    let names: Vec<String> =
        found.iter().take(3).map(|index| format!("'{}'", columns[*index].name)).collect();
    warnings.push(format!(
        "Numbers are written with a decimal comma (in {}{}); the whole file was read so.",
        names.join(", "),
        if found.len() > 3 { ", …" } else { "" }
    ));
    // In such a file a point groups thousands, where every value allows it.
    let points = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| {
            column.forced.is_none() && column.kind == ColumnType::Float && column.style == Style::Point
        })
        .map(|(index, _)| index)
        .collect();
    let regrouped = try_comma(columns, points)?;
    for index in found.into_iter().chain(regrouped) {
        let column = &mut columns[index];
        if column.forced.is_none() {
            column.kind = comma_kind(&column.pieces);
        }
    }
    Ok(())
}

/// Numbers with decimal commas were all parsed as floats: without a fraction anywhere they are integers.
fn comma_kind(pieces: &[Piece]) -> ColumnType {
    let whole = pieces.iter().all(|piece| match piece {
        Piece::Floats(_, facts) => !facts.fractional && !facts.huge,
        _ => true,
    });
    let any = pieces.iter().any(|piece| matches!(piece, Piece::Floats(..)));
    if whole && any { ColumnType::Integer } else { ColumnType::Float }
}

/// Whether the texts among the pieces are all numbers with decimal commas, and some have one.
fn looks_comma(pieces: &[Piece]) -> bool {
    let number = |text: &str| value::number(text, Style::Comma).is_some();
    let mut commas = false;
    for piece in pieces {
        let all = match piece {
            Piece::Missing(_) | Piece::Integers(_) | Piece::Floats(..) => true,
            Piece::Words(words) => words.words.iter().all(|word| {
                commas |= word.contains(',');
                number(word)
            }),
            Piece::Strings(strings) => {
                (0..strings.ends.len()).filter_map(|row| strings.get(row)).all(|text| {
                    commas |= text.contains(',');
                    number(text)
                })
            }
            _ => false,
        };
        if !all {
            return false;
        }
    }
    commas
}

pub(super) fn warn_about(column: &Column, warnings: &mut Vec<String>) {
    let name = &column.name;
    let misfits = column.misfits();
    if let (Some(kind), Some(example)) = (column.forced, misfits.example) {
        warnings.push(format!(
            "{} values of '{name}' do not fit the type {} and became missing; the first is '{example}'.",
            words::count(misfits.count),
            kind.name()
        ));
    }
    if column.kind == ColumnType::Datetime {
        let evidence = column.evidence();
        if evidence.ordered && !evidence.day_first && !evidence.month_first {
            warnings.push(format!(
                "Every date in '{name}' could have its day or its month first; it was read with the month first."
            ));
        }
        if evidence.zoned && evidence.local {
            warnings.push(format!(
                "Some times in '{name}' have an offset and some have none; those were taken as UTC."
            ));
        }
    }
    let infinite: usize = column
        .pieces
        .iter()
        .map(|piece| match piece {
            Piece::Floats(values, _) => values.values.iter().filter(|value| value.is_infinite()).count(),
            _ => 0,
        })
        .sum();
    if infinite > 0 {
        warnings.push(format!("{} values of '{name}' are infinite.", words::count(infinite as u64)));
    }
}
