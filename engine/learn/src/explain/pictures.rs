//! Pictures: what an answer owes to each pixel, by its slope and by covering it, each held against the model scored again.

use orrery_domain::image::{ImageShape, PixelColumns};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    Explained, Parts,
    answers::{Answers as _, Rows},
    ask::Ask,
    client,
};
use crate::{
    control::{Interrupt, JobControl, check},
    nets::{Baseline, PathPoint},
    predict::Predictor,
};

/// Largest share by which the answer's change along the slope may miss what the slope says.
pub(super) const SLOPE: f64 = 0.05;
/// Length of a step along the slope, in deviations of the pixels.
const STEP: f64 = 0.02;
/// Largest change by covering random pixels, as a share of that by covering those with the largest figures.
pub(super) const DELETION: f64 = 0.5;
/// Share of the pixels that are covered for that.
const COVERED: f64 = 0.1;
/// Random choices of pixels that are covered.
const DRAWS: usize = 20;
/// Windows along the shorter side where no size is asked for.
const WINDOWS: u32 = 5;

/// The pixels among a model's columns.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    /// Shape of the pictures.
    pub shape: ImageShape,
    /// The column of each value. `[channels * height * width]`
    pub players: Vec<usize>,
}

impl Grid {
    /// Of a model whose columns are all pixels.
    pub fn of(predictor: &Predictor) -> Option<Self> {
        let names: Vec<&str> = predictor.features().map(|feature| feature.name.as_str()).collect();
        let shape = predictor.card().config.image;
        let found = PixelColumns::among(names.iter().copied());
        let (shape, columns) = match (found, shape) {
            (Some(found), _) => (found.shape, found.columns),
            (None, Some(shape)) => (shape, names.iter().map(|name| (*name).to_owned()).collect()),
            (None, None) => return None,
        };
        let place = |column: &String| names.iter().position(|name| name == column);
        let players = columns.iter().map(place).collect::<Option<Vec<usize>>>()?;
        (players.len() == names.len() && players.len() == shape.values()).then_some(Self { shape, players })
    }

    /// Columns of every channel of a window. `[window]`
    fn window(&self, (top, left): (u32, u32), side: u32) -> Vec<usize> {
        let (width, height) = (self.shape.width, self.shape.height);
        let mut players = Vec::new();
        for channel in 0..self.shape.channels {
            for y in top..(top + side).min(height) {
                for x in left..(left + side).min(width) {
                    players.push(self.players[((channel * height + y) * width + x) as usize]);
                }
            }
        }
        players
    }

    /// Windows of a side that cover every pixel, half of each over the one before.
    fn windows(&self, side: u32) -> Vec<Vec<usize>> {
        let starts = |length: u32| {
            let last = length.saturating_sub(side);
            let step = (side / 2).max(1) as usize;
            let mut starts: Vec<u32> = (0..last).step_by(step).collect();
            starts.push(last);
            starts
        };
        let (down, across) = (starts(self.shape.height), starts(self.shape.width));
        let places = down.iter().flat_map(|top| across.iter().map(|left| (*top, *left)));
        places.map(|place| self.window(place, side)).collect()
    }

    /// Side of the windows where none is asked for.
    fn usual(&self) -> u32 {
        self.shape.width.min(self.shape.height).div_ceil(WINDOWS).max(1)
    }
}

impl Ask<'_> {
    /// Saliency (Simonyan, Vedaldi and Zisserman 2014): the slope of the answer by every pixel, for a deviation of it. What it says of a
    /// short step is held against the answer after that step.
    ///
    /// # Errors
    /// A client failure when the model has no slopes, a failure of the model, or an interruption.
    pub fn saliency(&self, x: &Rows, control: &dyn JobControl) -> Result<Vec<Parts>, Interrupt> {
        let Explained::Network { scorer, .. } = self.explained else {
            return Err(client("Only networks and linear models have slopes.").into());
        };
        let encoded = x.encoded();
        // The way from one below every input to the input has a length of 1: the slope along it is the slope.
        let begin = |row: usize| Baseline {
            numbers: encoded.row(row).iter().map(|value| value - 1.0).collect(),
            shares: Vec::new(),
        };
        let baselines: Vec<Baseline> = (0..x.len()).map(begin).collect();
        let points: Vec<PathPoint> =
            (0..x.len() as u32).map(|row| PathPoint { row, from: row, share: 1.0 }).collect();
        check(control)?;
        let found = scorer.slopes(&encoded, &baselines, self.class, &points)?;
        let (inputs, output) = (x.cols.max(1), self.output());
        let steps: Vec<f64> = found.inputs.chunks_exact(inputs).map(|slopes| STEP / norm(slopes)).collect();
        let moved = |sign: f64| -> Rows {
            let rows = found.inputs.chunks_exact(inputs).zip(&steps).enumerate();
            let values = rows.flat_map(|(row, (slopes, step))| {
                x.row(row).iter().zip(slopes).map(move |(value, slope)| value + sign * step * slope)
            });
            Rows { cols: x.cols, values: values.collect() }
        };
        let (after, before) = (output.answers(&moved(1.0))?, output.answers(&moved(-1.0))?);
        let covered = self.all_covered(x)?;
        let rows = found.inputs.chunks_exact(inputs).enumerate().map(|(row, slopes)| {
            let expected = 2.0 * STEP * norm(slopes);
            let answer = found.values[row];
            let rounding = 64.0 * f64::from(f32::EPSILON) * (1.0 + answer.abs());
            let gap = ((after[row] - before[row] - expected).abs() - rounding).max(0.0);
            let mut columns = vec![0.0; self.players.len()];
            self.players.owners.iter().zip(slopes).for_each(|(owner, slope)| columns[*owner] += slope);
            let measured = Some((gap / expected.max(rounding), SLOPE));
            Parts { measured, ..Parts::new(answer, covered[row], columns) }
        });
        Ok(rows.collect())
    }

    /// Occlusion (Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2): how far the answer falls
    /// when a window over a pixel is covered, the mean of all windows over it. A covered pixel is the background's mean there. Covering
    /// the tenth with the largest figures must change the answer more than covering random tenths does.
    ///
    /// # Errors
    /// A client failure without a background or for a window that is too large, a failure of the model, or an interruption.
    pub fn occlusion(&self, x: &Rows, control: &dyn JobControl) -> Result<Vec<Parts>, Interrupt> {
        let grid = self.grid()?;
        let side = self.samples.unwrap_or(grid.usual());
        if side > grid.shape.width.min(grid.shape.height) {
            let message = format!("A window of {side} pixels is larger than pictures of {}.", grid.shape);
            return Err(client(message).into());
        }
        let windows = grid.windows(side);
        let cover = self.cover()?;
        let answers = self.output().answers(x)?;
        let whole = self.all_covered(x)?;
        let mut parts = Vec::with_capacity(x.len());
        for row in 0..x.len() {
            check(control)?;
            let covered = self.covered(x.row(row), &windows, &cover)?;
            let mut sums = vec![(0.0, 0.0); self.players.len()];
            for (window, after) in windows.iter().zip(covered) {
                for player in window {
                    sums[*player].0 += answers[row] - after;
                    sums[*player].1 += 1.0;
                }
            }
            let columns = sums.into_iter().map(|(sum, many): (f64, f64)| sum / many.max(1.0)).collect();
            parts.push(Parts::new(answers[row], whole[row], columns));
        }
        let measured = Some((self.deletion(x, &parts, &cover, control)?, DELETION));
        for parts in &mut parts {
            parts.measured = measured;
        }
        Ok(parts)
    }

    /// The mean change by covering random pixels, as a share of that by covering as many with the largest figures.
    fn deletion(
        &self,
        x: &Rows,
        parts: &[Parts],
        cover: &[f64],
        control: &dyn JobControl,
    ) -> Result<f64, Interrupt> {
        let many = ((self.players.len() as f64 * COVERED).round() as usize).max(1);
        let (mut chosen, mut random) = (0.0, 0.0);
        for (row, parts) in parts.iter().enumerate() {
            check(control)?;
            let mut order: Vec<usize> = (0..self.players.len()).collect();
            order.sort_by(|a, b| parts.columns[*b].total_cmp(&parts.columns[*a]));
            let mut sets = vec![order[..many].to_vec()];
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ 0xde1e_7104);
            rng.set_stream(row as u64);
            for _ in 0..DRAWS {
                order.shuffle(&mut rng);
                sets.push(order[..many].to_vec());
            }
            let after = self.covered(x.row(row), &sets, cover)?;
            chosen += parts.prediction - after[0];
            random +=
                after[1..].iter().map(|after| (parts.prediction - after).abs()).sum::<f64>() / DRAWS as f64;
        }
        // A fall that is none is the worst there is.
        Ok(if chosen > 0.0 { random / chosen } else { f64::MAX })
    }

    /// The answer to a row with each set of columns covered. `[sets]`
    fn covered(&self, row: &[f64], sets: &[Vec<usize>], cover: &[f64]) -> Result<Vec<f64>, Interrupt> {
        let mut values = Vec::with_capacity(row.len() * sets.len());
        for set in sets {
            let from = values.len();
            values.extend_from_slice(row);
            for input in set.iter().flat_map(|player| &self.players.inputs[*player]) {
                values[from + input] = cover[*input];
            }
        }
        Ok(self.output().answers(&Rows { cols: row.len(), values })?)
    }

    /// The answer to every row with nothing left of it, which is the same for all. `[rows]`
    fn all_covered(&self, x: &Rows) -> Result<Vec<f64>, Interrupt> {
        let answer = self.output().answers(&Rows { cols: x.cols, values: self.cover()? })?;
        Ok(vec![answer.first().copied().unwrap_or_default(); x.len()])
    }

    /// What covers each input: the background's mean. `[inputs]`
    fn cover(&self) -> Result<Vec<f64>, Interrupt> {
        let background = self.background()?;
        let many = background.len() as f64;
        let mean = |input: usize| {
            (0..background.len()).map(|row| background.row(row)[input]).filter(|v| !v.is_nan()).sum::<f64>()
                / many
        };
        Ok((0..background.cols).map(mean).collect())
    }

    fn grid(&self) -> Result<&Grid, Interrupt> {
        self.grid.ok_or_else(|| client("Only pictures can be covered window by window.").into())
    }
}

/// Length of a gradient; never 0.
fn norm(slopes: &[f64]) -> f64 {
    slopes.iter().map(|slope| slope * slope).sum::<f64>().sqrt().max(f64::MIN_POSITIVE)
}
