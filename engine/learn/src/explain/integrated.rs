//! Integrated gradients: each column's slope, summed along the straight line from a baseline to the row.
//!
//! Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks". The slopes of a network of rectifiers jump at
//! hundreds of kinks, which evenly spaced points of any number meet badly. So the line is halved where it pays: an interval
//! whose sum changes when its middle is looked at becomes two, others are done (adaptive trapezoidal rule).

use orrery_domain::Failure;

use crate::{
    control::{Interrupt, JobControl, check},
    nets::{Baseline, Encoded, PathPoint, Scorer},
};

/// Intervals that the line is divided into at first.
const FIRST: u32 = 64;
/// An interval whose middle changes its sum by less than this share of the row's largest attribution is done.
const STILL: f64 = 3e-6;
/// Shortest interval.
const SHORTEST: f64 = 1.0 / (1_u32 << 24) as f64;
/// Most points of a row: then its intervals are done as they are, and the gap tells how good that was.
const MOST_POINTS: usize = 32_768;
/// Rows that are computed together.
const ROWS: usize = 64;
/// Points that are computed together: bounds the memory.
const AT_ONCE: usize = 8192;

/// One row's attributions.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// The output at the row.
    pub end: f64,
    /// The output at the baseline.
    pub begin: f64,
    /// One a raw column.
    pub columns: Vec<f64>,
}

/// The output and each column's slope at a point of the line.
#[derive(Clone, Debug)]
struct Point {
    value: f64,
    slopes: Vec<f64>,
}

/// A piece of the line whose sum is not yet known well enough.
struct Interval {
    /// Which of the rows that are computed together.
    row: usize,
    from: f64,
    to: f64,
    first: Point,
    last: Point,
}

/// A row on its way.
struct Row {
    path: Path,
    points: usize,
    /// Change of a sum that is small enough.
    still: f64,
}

/// What is explained.
pub(super) struct Line<'a> {
    /// Network.
    pub scorer: &'a Scorer,
    /// Rows.
    pub x: &'a Encoded,
    /// Where all lines begin.
    pub baseline: &'a Baseline,
    /// Output, see [`Scorer::slopes`].
    pub class: usize,
    /// The raw column of each encoded input.
    pub owners: &'a [usize],
    /// Raw columns.
    pub columns: usize,
}

impl Line<'_> {
    /// Integrated gradients of every row.
    ///
    /// # Errors
    /// An interruption, or a hardware failure when the device does not deliver.
    pub fn gradients(&self, control: &dyn JobControl) -> Result<Vec<Path>, Interrupt> {
        let rows: Vec<u32> = (0..self.x.rows as u32).collect();
        let mut paths = Vec::with_capacity(rows.len());
        for rows in rows.chunks(ROWS) {
            let (mut found, mut open) = self.begin(rows, control)?;
            while !open.is_empty() {
                let middles: Vec<(u32, f64)> =
                    open.iter().map(|one| (rows[one.row], f64::midpoint(one.from, one.to))).collect();
                let middles = self.points(&middles, control)?;
                let halves = open.into_iter().zip(middles);
                open = halves.flat_map(|(one, middle)| one.halve(middle, &mut found)).collect();
            }
            paths.extend(found.into_iter().map(|row| row.path));
        }
        Ok(paths)
    }

    /// The rows' first intervals.
    fn begin(&self, rows: &[u32], control: &dyn JobControl) -> Result<(Vec<Row>, Vec<Interval>), Interrupt> {
        let many = FIRST as usize + 1;
        let shares: Vec<f64> = (0..=FIRST).map(|at| f64::from(at) / f64::from(FIRST)).collect();
        let points: Vec<(u32, f64)> =
            rows.iter().flat_map(|row| shares.iter().map(|share| (*row, *share))).collect();
        let points = self.points(&points, control)?;
        let (mut found, mut open) = (Vec::with_capacity(rows.len()), Vec::new());
        for (row, points) in points.chunks_exact(many).enumerate() {
            let mut rough = vec![0.0; self.columns];
            for (at, pair) in points.windows(2).enumerate() {
                rough
                    .iter_mut()
                    .zip(&trapezoid(&pair[0], &pair[1], 1.0 / f64::from(FIRST)))
                    .for_each(|(a, b)| *a += b);
                open.push(Interval {
                    row,
                    from: shares[at],
                    to: shares[at + 1],
                    first: pair[0].clone(),
                    last: pair[1].clone(),
                });
            }
            let (begin, end) = (points[0].value, points[FIRST as usize].value);
            // What the outputs' own rounding hides cannot be summed any better.
            let rounding = f64::from(f32::EPSILON) * (1.0 + begin.abs().max(end.abs())) / f64::from(FIRST);
            let still = (STILL * largest(&rough)).max(rounding);
            found.push(Row {
                path: Path { end, begin, columns: vec![0.0; self.columns] },
                points: many,
                still,
            });
        }
        Ok((found, open))
    }

    /// The outputs and slopes at points `(row of x, share of the way)`.
    fn points(&self, points: &[(u32, f64)], control: &dyn JobControl) -> Result<Vec<Point>, Interrupt> {
        let mut all = Vec::with_capacity(points.len());
        for points in points.chunks(AT_ONCE) {
            check(control)?;
            let places: Vec<PathPoint> =
                points.iter().map(|(row, share)| PathPoint { row: *row, from: 0, share: *share }).collect();
            let baselines = std::slice::from_ref(self.baseline);
            let found = self.scorer.slopes(self.x, baselines, self.class, &places).map_err(stopped)?;
            for (value, inputs) in
                found.values.iter().zip(found.inputs.chunks_exact(self.owners.len().max(1)))
            {
                let mut slopes = vec![0.0; self.columns];
                self.owners.iter().zip(inputs).for_each(|(owner, slope)| slopes[*owner] += slope);
                all.push(Point { value: *value, slopes });
            }
        }
        Ok(all)
    }
}

fn stopped(failure: Failure) -> Interrupt {
    Interrupt::Failed(failure)
}

impl Interval {
    /// Adds the interval to its row's sums where its middle shows that it may be; else its halves.
    fn halve(self, middle: Point, rows: &mut [Row]) -> Vec<Self> {
        let row = &mut rows[self.row];
        row.points += 1;
        let width = self.to - self.from;
        let whole = trapezoid(&self.first, &self.last, width);
        let left = trapezoid(&self.first, &middle, width / 2.0);
        let right = trapezoid(&middle, &self.last, width / 2.0);
        let halves: Vec<f64> = left.iter().zip(&right).map(|(a, b)| a + b).collect();
        let moved = whole.iter().zip(&halves).fold(0.0_f64, |top, (a, b)| top.max((a - b).abs()));
        // The output itself says when the slopes' sum missed something that no point met.
        let missed = (self.last.value - self.first.value - halves.iter().sum::<f64>()).abs();
        let rounding = 4.0 * f64::from(f32::EPSILON) * (1.0 + self.first.value.abs());
        let still = moved <= row.still && missed <= row.still.max(rounding) * 4.0;
        if still || width <= SHORTEST || row.points >= MOST_POINTS {
            row.path.columns.iter_mut().zip(&halves).for_each(|(sum, part)| *sum += part);
            return Vec::new();
        }
        let at = f64::midpoint(self.from, self.to);
        let second = Self { row: self.row, from: at, to: self.to, first: middle.clone(), last: self.last };
        vec![Self { row: self.row, from: self.from, to: at, first: self.first, last: middle }, second]
    }
}

/// The sum of slopes between two points that far from each other.
fn trapezoid(first: &Point, last: &Point, width: f64) -> Vec<f64> {
    first.slopes.iter().zip(&last.slopes).map(|(a, b)| f64::midpoint(*a, *b) * width).collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |top, value| top.max(value.abs()))
}
