//! Resizing: a picture brought to another size by the triangle filter, widened where it shrinks so that no pixel is skipped.

/// One output's share of each input along an axis, from the first that it takes.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// Pixels `[height, width, channels]` stretched to another size (bilinear with antialiasing, as Pillow's `BILINEAR`).
pub(super) fn resize(values: &[u8], channels: usize, from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
    if from == to {
        return values.to_vec();
    }
    let ((width, height), (new_width, new_height)) = (from, to);
    let across = taps(width, new_width);
    let mut lines = vec![0.0_f32; height * new_width * channels];
    for y in 0..height {
        for (x, tap) in across.iter().enumerate() {
            for (at, weight) in tap.weights.iter().enumerate() {
                let pixel = &values[(y * width + tap.first + at) * channels..][..channels];
                let sum = &mut lines[(y * new_width + x) * channels..][..channels];
                sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * f32::from(*value));
            }
        }
    }
    let line = new_width * channels;
    let mut out = Vec::with_capacity(new_height * line);
    for tap in taps(height, new_height) {
        let mut sums = vec![0.0_f32; line];
        for (at, weight) in tap.weights.iter().enumerate() {
            let values = &lines[(tap.first + at) * line..][..line];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
        }
        out.extend(sums.into_iter().map(|sum| sum.round().clamp(0.0, 255.0) as u8));
    }
    out
}

/// The taps of every output along an axis; their weights sum to 1.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let ratio = from as f64 / to as f64;
    let reach = ratio.max(1.0);
    let tap = |out: usize| {
        let centre = (out as f64 + 0.5) * ratio;
        let first = (centre - reach).floor().max(0.0) as usize;
        let last = ((centre + reach).ceil() as usize).min(from);
        let weight = |at: usize| (1.0 - ((at as f64 + 0.5 - centre) / reach).abs()).max(0.0);
        let weights: Vec<f64> = (first..last).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        Taps { first, weights: weights.iter().map(|weight| (weight / sum) as f32).collect() }
    };
    (0..to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_picture_stays_even_and_a_half_is_a_mean_of_neighbours() {
        for to in [(1, 1), (3, 7), (16, 16), (40, 9)] {
            let out = resize(&[77; 10 * 8 * 3], 3, (10, 8), to);
            assert_eq!(out.len(), to.0 * to.1 * 3);
            assert!(out.iter().all(|value| *value == 77));
        }
        // Pillow 13: Image.fromarray(a).resize((4, 1), Image.BILINEAR) of the line below.
        let line = [0, 10, 20, 30, 200, 210, 220, 250];
        assert_eq!(resize(&line, 1, (8, 1), (4, 1)), [7, 45, 185, 231]);
        // and enlarged to 4 from 2.
        assert_eq!(resize(&[0, 100], 1, (2, 1), (4, 1)), [0, 25, 75, 100]);
    }
}
