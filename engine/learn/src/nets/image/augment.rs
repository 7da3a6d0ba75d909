//! Augmentation: training pictures moved, turned and scaled anew at every step, as the run's seed and the step say.

use orrery_domain::image::{Amounts, ImageShape};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::batch::Noise;

/// How training pictures are varied, and what fills their edges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Augment {
    /// Shape of the pictures.
    pub shape: ImageShape,
    /// Amounts.
    pub amounts: Amounts,
    /// What a picture is taken to be outside its edges and where it is wiped out: black, as the network reads it.
    pub fill: f32,
}

/// Where a pixel of the varied picture comes from: `source = matrix * (pixel - centre) + centre + offset`.
#[derive(Clone, Copy, Debug)]
struct Map {
    matrix: [f32; 4],
    offset: [f32; 2],
    /// First line and place of the wiped square, and its side.
    erased: (usize, usize, usize),
}

impl Augment {
    /// Varies pictures `[rows, channels * height * width]`. Row `index` of the step's whole batch draws what it would draw in any
    /// part of it.
    pub(in super::super) fn apply(&self, values: &mut [f32], first: usize, (seed, step): (u64, u64)) {
        let size = self.shape.values();
        values.par_chunks_mut(size).enumerate().for_each(|(row, picture)| {
            let stream = (step << 32) | (first + row) as u64;
            let map = self.map(&mut Noise::new(seed, Noise::AUGMENT, stream));
            let plane = self.shape.width as usize * self.shape.height as usize;
            for channel in picture.chunks_exact_mut(plane) {
                let varied = self.varied(channel, map);
                channel.copy_from_slice(&varied);
            }
        });
    }

    fn map(&self, noise: &mut Noise) -> Map {
        let Amounts { shift, rotate, scale, erase } = self.amounts;
        let mut draw = |most: f64| (noise.uniform() * 2.0 - 1.0) * most;
        let (down, right) =
            (draw(shift) * f64::from(self.shape.height), draw(shift) * f64::from(self.shape.width));
        let (angle, size) = (draw(rotate).to_radians(), 1.0 + draw(scale));
        let (sin, cos) = angle.sin_cos();
        let matrix = [cos / size, -sin / size, sin / size, cos / size].map(|entry| entry as f32);
        let side = (erase * f64::from(self.shape.width.min(self.shape.height))).round() as usize;
        let mut place = |length: u32| noise.below((length as usize).saturating_sub(side) + 1);
        let erased = (place(self.shape.height), place(self.shape.width), side);
        Map { matrix, offset: [-down as f32, -right as f32], erased }
    }

    /// One channel read at the mapped places, between four pixels by their distance (bilinear).
    fn varied(&self, channel: &[f32], Map { matrix, offset, erased }: Map) -> Vec<f32> {
        let (width, height) = (self.shape.width as usize, self.shape.height as usize);
        let centre = [(height as f32 - 1.0) / 2.0, (width as f32 - 1.0) / 2.0];
        let at = |y: i32, x: i32| {
            let inside = (0..height as i32).contains(&y) && (0..width as i32).contains(&x);
            if inside { channel[y as usize * width + x as usize] } else { self.fill }
        };
        let (top, left, side) = erased;
        let mut out = Vec::with_capacity(channel.len());
        for y in 0..height {
            for x in 0..width {
                if (top..top + side).contains(&y) && (left..left + side).contains(&x) {
                    out.push(self.fill);
                    continue;
                }
                let (down, right) = (y as f32 - centre[0], x as f32 - centre[1]);
                let from_y = matrix[0] * down + matrix[1] * right + centre[0] + offset[0];
                let from_x = matrix[2] * down + matrix[3] * right + centre[1] + offset[1];
                let (above, before) = (from_y.floor(), from_x.floor());
                let (share_y, share_x) = (from_y - above, from_x - before);
                let (row, column) = (above as i32, before as i32);
                let upper = at(row, column) * (1.0 - share_x) + at(row, column + 1) * share_x;
                let lower = at(row + 1, column) * (1.0 - share_x) + at(row + 1, column + 1) * share_x;
                out.push(upper * (1.0 - share_y) + lower * share_y);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use orrery_domain::image::Augmentation;

    use super::*;

    fn augment(amounts: Augmentation) -> Augment {
        let amounts = amounts.amounts();
        let shape = ImageShape { width: 6, height: 5, channels: 3 };
        Augment { shape, amounts, fill: -1.0 }
    }

    fn pictures(count: usize) -> Vec<f32> {
        (0..count * 90).map(|at| (at * 31 % 97) as f32 / 97.0).collect()
    }

    #[test]
    fn nothing_asked_leaves_pictures_as_they_are() {
        let mut values = pictures(3);
        augment(Augmentation::NONE).apply(&mut values, 0, (1, 2));
        assert_eq!(values, pictures(3));
    }

    #[test]
    fn a_row_is_varied_alike_in_any_part_of_its_batch_and_anew_at_each_step() {
        let augment = augment(Augmentation { erase: Some(0.3), ..Augmentation::default() });
        let vary = |from: usize, to: usize, step: u64| {
            let mut values = pictures(to)[from * 90..].to_vec();
            augment.apply(&mut values, from, (7, step));
            values
        };
        let whole = vary(0, 8, 5);
        assert_eq!(whole[3 * 90..], vary(3, 8, 5));
        assert_ne!(whole, vary(0, 8, 6));
        assert_ne!(whole, pictures(8));
    }

    #[test]
    fn a_whole_turn_and_a_whole_shift_are_what_they_say() {
        let shape = ImageShape { width: 3, height: 3, channels: 1 };
        let augment = Augment { shape, amounts: Augmentation::NONE.amounts(), fill: 0.0 };
        let picture: Vec<f32> = (1_u8..=9).map(f32::from).collect();
        let plain = Map { matrix: [1.0, 0.0, 0.0, 1.0], offset: [-1.0, 0.0], erased: (0, 0, 0) };
        assert_eq!(augment.varied(&picture, plain), [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let quarter = Map { matrix: [0.0, -1.0, 1.0, 0.0], offset: [0.0, 0.0], ..plain };
        assert_eq!(augment.varied(&picture, quarter), [7.0, 4.0, 1.0, 8.0, 5.0, 2.0, 9.0, 6.0, 3.0]);
        let wiped = Map { offset: [0.0, 0.0], erased: (1, 1, 2), ..plain };
        assert_eq!(augment.varied(&picture, wiped), [1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 7.0, 0.0, 0.0]);
    }
}
