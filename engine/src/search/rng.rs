//! Random numbers that are the same on every machine: xoshiro256++ (Blackman and Vigna 2021), seeded by `SplitMix64`.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng([u64; 4]);

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// The stream of a seed and a number in it.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut mixed = seed;
        let mut state = split_mix(&mut mixed) ^ number.wrapping_mul(0xD134_2543_DE82_EF95);
        Self(std::array::from_fn(|_| split_mix(&mut state)))
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below `count`, which is at least 1.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// One of several, by weights that add up to 1.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit();
        for (at, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return at;
            }
        }
        weights.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_have_the_moments_they_should() {
        let mut first = Rng::new(1, 0);
        assert_ne!(first.next(), Rng::new(1, 1).next());
        assert_ne!(Rng::new(2, 0).next(), Rng::new(1, 0).next());
        let mut rng = Rng::new(7, 3);
        let many: Vec<f64> = (0..40_000).map(|_| rng.normal()).collect();
        let mean = many.iter().sum::<f64>() / many.len() as f64;
        let variance = many.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / many.len() as f64;
        // Five standard errors of each.
        assert!(mean.abs() < 0.025 && (variance - 1.0).abs() < 0.036, "{mean} {variance}");
        let mut counts = [0_u32; 5];
        (0..50_000).for_each(|_| counts[rng.below(5)] += 1);
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }
}
