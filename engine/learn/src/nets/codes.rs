//! Codes: a tensor of floats as whole numbers of few bits, each run of them with a scale.
//!
//! `value = code * scale`, symmetric about 0. A scale covers a box of the tensor: whole columns (an output channel) or runs of a column
//! (blocks); of a convolution's filters `[outputs, inputs, height, width]`, whole filters or runs of all that goes into one.
//! Krishnamoorthi 2018 (per channel), Dettmers and Zettlemoyer 2023 (blocks).

use serde::{Deserialize, Serialize};

/// Axes of a convolution's filters; nothing else has as many.
const FILTERS: usize = 4;

/// Bits of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Bits {
    /// -7 to 7; two codes a byte, the first in the low half
    Four,
    /// -64 to 64, a code a byte: for sums of products with unsigned bytes. Processors without dot products of bytes (AVX2 and
    /// AVX-512 before VNNI) add two such products up in 16 bits, which is more than they hold with larger codes.
    Seven,
    /// -127 to 127, a code a byte
    Eight,
}

impl Bits {
    /// Largest code.
    pub fn most(self) -> f32 {
        match self {
            Self::Eight => 127.0,
            Self::Seven => 64.0,
            Self::Four => 7.0,
        }
    }

    /// How many a code takes where it is stored.
    pub fn count(self) -> u8 {
        match self {
            Self::Seven | Self::Eight => 8,
            Self::Four => 4,
        }
    }
}

/// How a layer's input becomes whole numbers: `code = round(x / scale) + zero`, 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Size of a step.
    pub scale: f32,
    /// The code of 0.
    pub zero: u8,
}

impl Range {
    /// The steps that cover `low` to `high`, and 0.
    pub fn covering(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let scale = if high > low { (high - low) / 255.0 } else { 1.0 };
        Self { scale, zero: (-low / scale).round().clamp(0.0, 255.0) as u8 }
    }
}

/// A quantized tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Codes {
    /// Lengths, outermost first.
    pub shape: Vec<usize>,
    /// Bits.
    pub bits: Bits,
    /// A code a value, row-major.
    pub all: Vec<i8>,
    /// How many scales there are along each axis of [`Self::lines`]; each covers `lines / scale_shape`, rounded up.
    pub scale_shape: Vec<usize>,
    /// Scales, row-major.
    pub scales: Vec<f32>,
}

/// How many values a scale covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Group {
    /// All inputs of an output: the last axis keeps its length, the one before it becomes 1. Of filters, each whole one.
    Channel,
    /// So many inputs of an output.
    Block(usize),
}

/// The shape that scales go by: its own, but for a convolution's filters, each of which is a line of all its inputs.
fn lines(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [outputs, inputs, height, width] => vec![outputs, inputs * height * width, 1, 1],
        _ => shape.to_vec(),
    }
}

/// Scales along each axis of [`lines`]. A vector is one row: every value has its own channel.
fn scale_shape(shape: &[usize], group: Group) -> Vec<usize> {
    let mut scales = lines(shape);
    let inputs = if shape.len() == FILTERS { Some(1) } else { shape.len().checked_sub(2) };
    if let Some(inputs) = inputs.and_then(|axis| scales.get_mut(axis)) {
        *inputs = match group {
            Group::Channel => 1,
            Group::Block(size) => inputs.div_ceil(size.max(1)),
        };
    }
    scales
}

/// How many scales a tensor has.
pub fn scale_count(shape: &[usize], group: Group) -> usize {
    scale_shape(shape, group).iter().product()
}

/// The scale of each value, as its place among the scales. `[values]`
fn owners(shape: &[usize], scales: &[usize]) -> impl Iterator<Item = usize> {
    let shape = lines(shape);
    let runs: Vec<usize> =
        shape.iter().zip(scales).map(|(length, scales)| length.div_ceil((*scales).max(1)).max(1)).collect();
    let scales = scales.to_vec();
    let count = shape.iter().product::<usize>();
    let mut at = vec![0; shape.len()];
    (0..count).map(move |_| {
        let owner = at
            .iter()
            .zip(&runs)
            .zip(&scales)
            .fold(0, |owner, ((place, run), scales)| owner * scales + place / run);
        for axis in (0..at.len()).rev() {
            at[axis] += 1;
            if at[axis] < shape[axis] {
                break;
            }
            at[axis] = 0;
        }
        owner
    })
}

/// Rounds values to what their codes stand for, as [`Codes::of`] and [`Codes::values`] do, at the speed of a training step.
pub fn round(shape: &[usize], values: &mut [f32], bits: Bits, group: Group) {
    if shape.len() == FILTERS {
        return round_filters(shape, values, bits, group);
    }
    let length = |from_last: usize| shape.iter().rev().nth(from_last).copied().unwrap_or(1).max(1);
    let (width, inputs) = (length(0), length(1));
    let scales = scale_shape(shape, group).iter().rev().nth(1).copied().unwrap_or(1).max(1);
    let run = inputs.div_ceil(scales);
    let most = bits.most();
    let mut scale = vec![0.0_f32; width];
    for part in values.chunks_mut(inputs * width).flat_map(|matrix| matrix.chunks_mut(run * width)) {
        scale.fill(0.0);
        for row in part.chunks_exact(width) {
            scale.iter_mut().zip(row).for_each(|(scale, value)| *scale = scale.max(value.abs()));
        }
        for scale in &mut scale {
            *scale /= most;
        }
        for row in part.chunks_exact_mut(width) {
            for (value, scale) in row.iter_mut().zip(&scale) {
                let code = if *scale > 0.0 { (*value / scale).round().clamp(-most, most) } else { 0.0 };
                *value = code * scale;
            }
        }
    }
}

/// The same of filters, whose values of one scale lie side by side.
fn round_filters(shape: &[usize], values: &mut [f32], bits: Bits, group: Group) {
    let (filter, scales) = (lines(shape)[1].max(1), scale_shape(shape, group)[1].max(1));
    let (run, most) = (filter.div_ceil(scales), bits.most());
    for part in values.chunks_mut(filter).flat_map(|filter| filter.chunks_mut(run)) {
        let scale = part.iter().fold(0.0_f32, |scale, value| scale.max(value.abs())) / most;
        for value in part {
            let code = if scale > 0.0 { (*value / scale).round().clamp(-most, most) } else { 0.0 };
            *value = code * scale;
        }
    }
}

impl Codes {
    /// The shape that the scales go by: its own, but for a convolution's filters, which are `[outputs, all inputs of one, 1, 1]`.
    pub fn lines(&self) -> Vec<usize> {
        lines(&self.shape)
    }

    /// Rounds values to codes, the largest of each group to the largest code. A group of zeros has the scale 0.
    pub fn of(shape: &[usize], values: &[f32], bits: Bits, group: Group) -> Self {
        let scale_shape = scale_shape(shape, group);
        let mut scales = vec![0.0_f32; scale_shape.iter().product()];
        for (owner, value) in owners(shape, &scale_shape).zip(values) {
            scales[owner] = scales[owner].max(value.abs());
        }
        for scale in &mut scales {
            *scale /= bits.most();
        }
        let code = |(owner, value): (usize, &f32)| {
            let scale = scales[owner];
            if scale > 0.0 { (value / scale).round().clamp(-bits.most(), bits.most()) as i8 } else { 0 }
        };
        let all = owners(shape, &scale_shape).zip(values).map(code).collect();
        Self { shape: shape.to_vec(), bits, all, scale_shape, scales }
    }

    /// The values that the codes stand for.
    pub fn values(&self) -> Vec<f32> {
        let value = |(owner, code): (usize, &i8)| f32::from(*code) * self.scales[owner];
        owners(&self.shape, &self.scale_shape).zip(&self.all).map(value).collect()
    }

    /// The codes as bytes: one a byte, or two.
    pub fn bytes(&self) -> Vec<u8> {
        match self.bits {
            Bits::Seven | Bits::Eight => self.all.iter().map(|code| code.cast_unsigned()).collect(),
            Bits::Four => {
                let half = |code: Option<&i8>| code.map_or(0, |code| code.cast_unsigned() & 0x0f);
                self.all.chunks(2).map(|pair| half(pair.first()) | half(pair.get(1)) << 4).collect()
            }
        }
    }

    /// Reads what [`Self::bytes`] wrote; a sentence part where it does not fit.
    pub fn read(
        shape: &[usize],
        bits: Bits,
        bytes: &[u8],
        scale_shape: &[usize],
        scales: Vec<f32>,
    ) -> Result<Self, String> {
        let count: usize = shape.iter().product();
        let needed = if bits == Bits::Four { count.div_ceil(2) } else { count };
        let fits = scale_shape.len() == shape.len()
            && scale_shape
                .iter()
                .zip(lines(shape))
                .all(|(scales, length)| (1..=length.max(1)).contains(scales))
            && scale_shape.iter().product::<usize>() == scales.len();
        if bytes.len() != needed || !fits || scales.iter().any(|scale| !scale.is_finite()) {
            return Err(format!("its {} bytes and scales {scale_shape:?} do not fit {shape:?}", bytes.len()));
        }
        let wide = |half: u8| (half << 4).cast_signed() >> 4;
        let all: Vec<i8> = match bits {
            Bits::Seven | Bits::Eight => bytes.iter().map(|byte| byte.cast_signed()).collect(),
            Bits::Four => {
                bytes.iter().flat_map(|pair| [wide(pair & 0x0f), wide(pair >> 4)]).take(count).collect()
            }
        };
        Ok(Self { shape: shape.to_vec(), bits, all, scale_shape: scale_shape.to_vec(), scales })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|at| (((at * 7919) % 1009) as f32 / 504.5 - 1.0) * (1.0 + at as f32 / 50.0)).collect()
    }

    #[test]
    fn every_value_is_within_half_a_step_of_its_own_group() {
        for shape in [vec![6, 5], vec![2, 7, 3], vec![9], vec![1, 1], vec![3, 2, 3, 3], vec![4, 5, 1, 1]] {
            let values = numbers(shape.iter().product());
            for bits in [Bits::Eight, Bits::Seven, Bits::Four] {
                for group in [Group::Channel, Group::Block(2), Group::Block(64)] {
                    let codes = Codes::of(&shape, &values, bits, group);
                    let mut rounded = values.clone();
                    round(&shape, &mut rounded, bits, group);
                    assert_eq!(rounded, codes.values(), "{shape:?} {bits:?} {group:?}");
                    let step: Vec<f32> =
                        owners(&shape, &codes.scale_shape).map(|at| codes.scales[at]).collect();
                    for ((value, found), step) in values.iter().zip(codes.values()).zip(step) {
                        assert!(
                            (value - found).abs() <= step * 0.5001,
                            "{shape:?} {bits:?} {group:?}: {value} {found}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_scale_covers_what_it_should() {
        // Two inputs, three outputs: the second column is ten times the first, the third is nothing.
        let codes = Codes::of(&[2, 3], &[1.0, 10.0, 0.0, -0.5, -5.0, 0.0], Bits::Eight, Group::Channel);
        assert_eq!(codes.scale_shape, [1, 3]);
        assert_eq!(codes.all, [127, 127, 0, -64, -64, 0]);
        assert_eq!(codes.scales, [1.0 / 127.0, 10.0 / 127.0, 0.0]);
        assert!(codes.values()[2].abs() < f32::MIN_POSITIVE);
        assert_eq!(Codes::of(&[4, 3], &numbers(12), Bits::Four, Group::Block(3)).scale_shape, [2, 3]);
        assert_eq!(Codes::of(&[2, 4, 3], &numbers(24), Bits::Four, Group::Channel).scale_shape, [2, 1, 3]);
    }

    #[test]
    fn a_filter_has_a_scale_of_its_own_or_one_for_each_run_of_its_inputs() {
        // Two filters of two inputs and two by one places: the second is ten times the first, but for one place.
        let values = [1.0, -0.4, 0.25, 0.0, 10.0, -4.0, 2.5, 0.5];
        let codes = Codes::of(&[2, 2, 2, 1], &values, Bits::Eight, Group::Channel);
        assert_eq!((codes.lines(), codes.scale_shape.clone()), (vec![2, 4, 1, 1], vec![2, 1, 1, 1]));
        assert_eq!(codes.scales, [1.0 / 127.0, 10.0 / 127.0]);
        assert_eq!(codes.all, [127, -51, 32, 0, 127, -51, 32, 6]);
        // Runs of at most three inputs: two of two.
        let codes = Codes::of(&[2, 2, 2, 1], &values, Bits::Four, Group::Block(3));
        assert_eq!(codes.scale_shape, [2, 2, 1, 1]);
        assert_eq!(codes.scales, [1.0 / 7.0, 0.25 / 7.0, 10.0 / 7.0, 2.5 / 7.0]);
        assert_eq!(codes.all, [7, -3, 7, 0, 7, -3, 7, 1]);
        assert_eq!(scale_count(&[24, 12, 3, 3], Group::Channel), 24);
        assert_eq!(scale_count(&[24, 12, 3, 3], Group::Block(32)), 24 * 4);
        let read =
            Codes::read(&[2, 2, 2, 1], Bits::Four, &codes.bytes(), &[2, 2, 1, 1], codes.scales.clone());
        assert_eq!(read, Ok(codes.clone()));
        let scales = codes.scales.clone();
        assert!(Codes::read(&[2, 2, 2, 1], Bits::Four, &codes.bytes(), &[2, 1, 2, 1], scales).is_err());
    }

    #[test]
    fn bytes_read_back_and_what_does_not_fit_is_refused() {
        for bits in [Bits::Eight, Bits::Four] {
            let codes = Codes::of(&[3, 3], &numbers(9), bits, Group::Block(2));
            let bytes = codes.bytes();
            assert_eq!(bytes.len(), if bits == Bits::Four { 5 } else { 9 });
            let read = |shape: &[usize], bytes: &[u8], scale_shape: &[usize], scales: &[f32]| {
                Codes::read(shape, bits, bytes, scale_shape, scales.to_vec())
            };
            assert_eq!(read(&[3, 3], &bytes, &codes.scale_shape, &codes.scales), Ok(codes.clone()));
            assert!(read(&[3, 4], &bytes, &[2, 4], &[0.0; 8]).is_err());
            assert!(read(&[3, 3], &bytes[1..], &codes.scale_shape, &codes.scales).is_err());
            assert!(read(&[3, 3], &bytes, &[6], &codes.scales).is_err());
            assert!(read(&[3, 3], &bytes, &[2, 3], &[f32::NAN; 6]).is_err());
            assert!(read(&[3, 3], &bytes, &[0, 3], &[]).is_err());
        }
    }
}
