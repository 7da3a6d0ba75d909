//! Path: what a network says on the straight line from a baseline to a row, and how much each input moves it there.

use burn::tensor::{Tensor, TensorData};
use orrery_domain::Failure;
use rayon::prelude::*;

use super::{
    Architecture, Encoded, OutputScale, Scorer,
    graph::{self, Dropout, Inputs},
    loss::softplus,
    score::{combine, read, rows_at_once},
};

/// Points that are computed together.
const POINTS: usize = 256;

/// Where a path begins: an encoded row, or a mean of encoded rows, in which a category is its codes' shares.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// Numeric inputs. `[numeric]`
    pub numbers: Vec<f32>,
    /// The share of each code, by category feature; each sums to 1. `[categories][codes]`
    pub shares: Vec<Vec<f32>>,
}

/// A point of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathPoint {
    /// The row that the path ends in.
    pub row: u32,
    /// The baseline that it begins in.
    pub from: u32,
    /// Share of the way, 0 to 1.
    pub share: f64,
}

/// What was found at points of a path, row-major.
#[derive(Clone, Debug, Default)]
pub struct Slopes {
    /// The explained output. `[points]`
    pub values: Vec<f64>,
    /// The derivative of the output along the path, split by encoded input: the input's slope times its way from the
    /// baseline to the row. `[points, numeric + categories]`
    pub inputs: Vec<f64>,
}

impl Scorer {
    /// The output `class` and its slopes at points of paths from baselines to rows of `x`.
    ///
    /// The output is the log-odds of the class (`ln p - ln (1 - p)`, for two classes and for several), or the number in the
    /// target's unit, of which there is but class 0. A category between two codes is the mixture of their embeddings, which is
    /// what a one-hot input would give.
    ///
    /// # Errors
    /// A hardware failure when the device does not deliver.
    ///
    /// # Panics
    /// When `x` or a baseline has other columns than the architecture, or there is no such row, baseline or class.
    pub fn slopes(
        &self,
        x: &Encoded,
        baselines: &[Baseline],
        class: usize,
        points: &[PathPoint],
    ) -> Result<Slopes, Failure> {
        let origins: Vec<Vec<Vec<f32>>> =
            baselines.iter().map(|baseline| self.category_origins(baseline)).collect();
        let parts: Result<Vec<Slopes>, Failure> = points
            .par_chunks(POINTS.min(rows_at_once(&self.arch)))
            .map(|points| self.part(x, (baselines, &origins), class, points))
            .collect();
        let mut all = Slopes::default();
        for part in parts? {
            all.values.extend(part.values);
            all.inputs.extend(part.inputs);
        }
        Ok(all)
    }

    fn part(
        &self,
        x: &Encoded,
        (baselines, origins): (&[Baseline], &[Vec<Vec<f32>>]),
        class: usize,
        points: &[PathPoint],
    ) -> Result<Slopes, Failure> {
        let (arch, tables) = (&self.arch, self.network.tables());
        let numeric = arch.numeric;
        // Rows on the path; categories are mixed after they are embedded.
        let mut between = Encoded { rows: points.len(), cols: x.cols, values: Vec::new() };
        between.values.reserve(points.len() * x.cols);
        for &PathPoint { row, from, share } in points {
            let (numbers, codes) = x.row(row as usize).split_at(numeric);
            let mixed = numbers.iter().zip(&baselines[from as usize].numbers).map(|(to, from)| {
                let (to, from) = (f64::from(*to), f64::from(*from));
                (from + share * (to - from)) as f32
            });
            between.values.extend(mixed);
            between.values.extend(codes);
        }
        let all: Vec<u32> = (0..points.len() as u32).collect();
        let batch = self.gatherer.gather(&between, &all);
        let mut embedded = tables.embed(&batch);
        let categories = arch.category_sizes.len();
        // How far each embedded category goes. `[points, categories, embedding]`
        let width = arch.embedding;
        let first = tables.inputs() - categories * width;
        let mut ways = Vec::with_capacity(points.len() * categories * width);
        for (&PathPoint { from, share, .. }, inputs) in
            points.iter().zip(embedded.chunks_exact_mut(tables.inputs().max(1)))
        {
            for (origin, code) in
                origins[from as usize].iter().zip(inputs[first..].chunks_exact_mut(width.max(1)))
            {
                for (from, to) in origin.iter().zip(code) {
                    let way = *to - from;
                    ways.push(way);
                    *to = (f64::from(*from) + share * f64::from(way)) as f32;
                }
            }
        }
        let inputs = Inputs::of(batch.plain.clone(), embedded, batch.rows, &self.device).tracked();
        let output = graph::forward(arch, &self.network, &inputs, &mut Dropout::default());
        let shape = output.dims();
        let raw = read(output.clone().inner().try_into_data())?;
        let (values, slope) = explained(arch, &raw, class);
        let slope = Tensor::<3>::from_data(TensorData::new(slope, shape), &self.device);
        let mut found = (output * slope).sum().backward();
        let mut gradient = |part: Option<&Tensor<2>>| match part.and_then(|part| part.grad_remove(&mut found))
        {
            Some(slopes) => read(slopes.try_into_data()),
            None => Ok(Vec::new()),
        };
        let (plain, embedded) = (gradient(inputs.plain.as_ref())?, gradient(inputs.embedded.as_ref())?);
        let numbers = self.gatherer.number_slopes(tables, &batch, &plain, &embedded);
        let mut slopes = Vec::with_capacity(points.len() * (numeric + categories));
        for (point, &PathPoint { row, from, .. }) in points.iter().enumerate() {
            let to = x.row(row as usize).iter().zip(&baselines[from as usize].numbers);
            let along = numbers[point * numeric..][..numeric].iter().zip(to);
            slopes.extend(along.map(|(slope, (to, from))| slope * (f64::from(*to) - f64::from(*from))));
            let at = &embedded[(point * tables.inputs()).min(embedded.len())..];
            let ways = &ways[point * categories * width..];
            for category in 0..categories {
                let slope = &at[first + category * width..][..width];
                let way = &ways[category * width..][..width];
                slopes.push(slope.iter().zip(way).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum());
            }
        }
        Ok(Slopes { values, inputs: slopes })
    }

    /// The mixed embedding of each category at the baseline.
    fn category_origins(&self, baseline: &Baseline) -> Vec<Vec<f32>> {
        let mut first = 0;
        let mix = |(size, shares): (&usize, &Vec<f32>)| {
            let mut mixed = vec![0.0_f64; self.arch.embedding];
            for (code, share) in shares.iter().enumerate().filter(|(_, share)| **share != 0.0) {
                let table = self.network.tables().code((first + code) as u32);
                mixed.iter_mut().zip(table).for_each(|(sum, value)| {
                    *sum += f64::from(*share) * f64::from(*value);
                });
            }
            first += size;
            mixed.into_iter().map(|value| value as f32).collect()
        };
        self.arch.category_sizes.iter().zip(&baseline.shares).map(mix).collect()
    }
}

/// The explained output of each row and its slope at every raw output. `[members, rows, outputs]` to `[rows]` and
/// `[members, rows, outputs]`.
fn explained(arch: &Architecture, raw: &[f32], class: usize) -> (Vec<f64>, Vec<f32>) {
    let (members, outputs) = (arch.members.max(1), arch.outputs);
    let rows = raw.len() / (members * outputs);
    let many = members as f64;
    let mut values = Vec::with_capacity(rows);
    let mut slopes = vec![0.0_f32; raw.len()];
    let at = |member: usize, row: usize| (member * rows + row) * outputs;
    if let OutputScale::Value { std, log, .. } = arch.output {
        for mean in combine(arch, raw) {
            let value = arch.output.report(mean);
            values.push(value);
        }
        for (place, slope) in slopes.iter_mut().enumerate() {
            *slope = (std / many * if log { values[place % rows] } else { 1.0 }) as f32;
        }
        return (values, slopes);
    }
    for row in 0..rows {
        // Logarithms of each member's probability of the class and of all others, and of every class.
        let members: Vec<(f64, f64, Vec<f64>)> =
            (0..members).map(|member| logarithms(&raw[at(member, row)..][..outputs], class)).collect();
        let yes = log_sum(members.iter().map(|(yes, ..)| *yes)) - many.ln();
        let no = log_sum(members.iter().map(|(_, no, _)| *no)) - many.ln();
        values.push(yes - no);
        for (member, (own, other, all)) in members.iter().enumerate() {
            let slopes = &mut slopes[at(member, row)..][..outputs];
            let common = own - many.ln() - yes - no;
            if outputs == 1 {
                slopes[0] = ((common + other).exp() * if class == 1 { 1.0 } else { -1.0 }) as f32;
                continue;
            }
            for (index, (slope, log)) in slopes.iter_mut().zip(all).enumerate() {
                *slope = if index == class { (common + other).exp() } else { -(common + log).exp() } as f32;
            }
        }
    }
    (values, slopes)
}

/// `ln p` and `ln (1 - p)` of a class, and `ln p` of every class; one output is the log-odds of class 1.
fn logarithms(raw: &[f32], class: usize) -> (f64, f64, Vec<f64>) {
    if let [z] = raw {
        let z = if class == 1 { f64::from(*z) } else { -f64::from(*z) };
        return (-softplus(-z), -softplus(z), Vec::new());
    }
    let norm = log_sum(raw.iter().map(|z| f64::from(*z)));
    let all: Vec<f64> = raw.iter().map(|z| f64::from(*z) - norm).collect();
    let others = all.iter().enumerate().filter(|(index, _)| *index != class).map(|(_, log)| *log);
    (all[class], log_sum(others), all)
}

/// `ln` of a sum of exponentials.
fn log_sum(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = values.clone().fold(f64::NEG_INFINITY, f64::max);
    top + values.map(|value| (value - top).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::{Family, initial_weights, tests::small};

    /// Architectures of every family, with embedded numbers and categories, and outputs of every kind.
    fn cases() -> Vec<Architecture> {
        let value = OutputScale::Value { mean: 3.0, std: 2.0, log: false };
        let log = OutputScale::Value { mean: 1.0, std: 0.3, log: true };
        let mut all = Vec::new();
        for family in [Family::Linear, Family::Mlp, Family::Resnet, Family::Tabm] {
            for (outputs, output) in
                [(1, OutputScale::Logits), (3, OutputScale::Logits), (1, value), (1, log)]
            {
                let mut arch = small(family, outputs);
                arch.output = output;
                arch.numeric = 3;
                arch.category_sizes = vec![3, 4];
                if family != Family::Linear {
                    arch.ple_width = 3;
                    arch.ple_edges = vec![vec![-1.0, 0.2, 1.0, 2.5], Vec::new(), vec![-1.0, 1.0, 2.0]];
                }
                all.push(arch);
            }
        }
        all
    }

    fn at(row: u32, share: f64) -> PathPoint {
        PathPoint { row, from: 0, share }
    }

    fn rows() -> (Encoded, Baseline) {
        let x =
            Encoded { rows: 2, cols: 5, values: vec![0.7, -0.4, 1.6, 2.0, 1.0, -1.8, 0.9, 0.1, 0.0, 3.0] };
        let shares = vec![vec![0.5, 0.2, 0.3], vec![0.0, 0.25, 0.25, 0.5]];
        (x, Baseline { numbers: vec![0.05, 0.1, -0.2], shares })
    }

    /// At a row itself the output is what the scorer reports, as log-odds.
    #[test]
    fn the_end_of_a_path_is_the_reported_output() {
        let (x, baseline) = rows();
        for arch in cases() {
            let scorer = Scorer::new(&arch, &initial_weights(&arch, 5)).expect("scorer");
            let reported = scorer.score(&x).expect("scores");
            let classes = if arch.outputs > 1 { arch.outputs } else { 1 };
            for class in 0..classes {
                let points = [at(0, 1.0), at(1, 1.0)];
                let found = scorer
                    .slopes(&x, std::slice::from_ref(&baseline), class, &points)
                    .expect("slopes")
                    .values;
                for row in 0..2 {
                    let expected = match (arch.output, arch.outputs) {
                        (OutputScale::Value { .. }, _) => reported[row],
                        (OutputScale::Logits, 1) => -reported[row],
                        (OutputScale::Logits, many) => {
                            let exp: Vec<f64> =
                                reported[row * many..][..many].iter().map(|z| z.exp()).collect();
                            let p = exp[class] / exp.iter().sum::<f64>();
                            (p / (1.0 - p)).ln()
                        }
                    };
                    assert!(
                        (found[row] - expected).abs() < 1e-4,
                        "{arch:?} {class}: {} {expected}",
                        found[row]
                    );
                }
            }
        }
    }

    /// The slopes of all inputs add up to the derivative along the path, by central differences.
    #[test]
    fn slopes_add_up_to_the_derivative_along_the_path() {
        let (x, baseline) = rows();
        for arch in cases() {
            let scorer = Scorer::new(&arch, &initial_weights(&arch, 11)).expect("scorer");
            let class = usize::from(arch.outputs > 1);
            // Kinks are where a difference is no derivative: most points have none within so short a step.
            let (step, mut near) = (2e-3, 0);
            let shares: Vec<f64> = (1..40).map(|at| f64::from(at) / 40.0).collect();
            for share in &shares {
                let points = [at(1, *share), at(1, share - step), at(1, share + step)];
                let found =
                    scorer.slopes(&x, std::slice::from_ref(&baseline), class, &points).expect("slopes");
                let difference = (found.values[2] - found.values[1]) / (2.0 * step);
                let sum: f64 = found.inputs[..5].iter().sum();
                near += usize::from((sum - difference).abs() < 5e-3 * (1.0 + difference.abs()));
            }
            assert!(near * 10 >= shares.len() * 8, "{arch:?}: {near} of {}", shares.len());
        }
    }
}
