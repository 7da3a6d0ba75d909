//! Random numbers that are the same on every machine, as streams of a seed.

use orrery_policy::traffic::{Random as _, SplitMix64};

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(SplitMix64);

impl Rng {
    /// The stream of a seed and a number in it.
    pub fn new(seed: u64, number: u64) -> Self {
        // A place of its own in the generator's one cycle, far from its neighbours'.
        Self(SplitMix64::new(SplitMix64::new(seed).next_u64() ^ SplitMix64::new(!number).next_u64()))
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        self.0.unit()
    }

    /// From 0 to below `count`, which is at least 1.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.below(count as u64) as usize
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
        let first = |seed, number| Rng::new(seed, number).unit().to_bits();
        assert_ne!(first(1, 0), first(1, 1));
        assert_ne!(first(2, 0), first(1, 0));
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
