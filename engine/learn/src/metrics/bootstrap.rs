//! Bootstrap: resampled row counts, and the percentile interval of what was measured on them.
//!
//! A resample is never copied out: it is a count a row (a multinomial draw), and every metric is computed from the counts
//! over rows that were sorted once. 65,000 rows x 1000 resamples with AUROC and average precision take well under 2 s on two
//! cores.

use rayon::prelude::*;

use super::BootstrapSettings;

/// Most row visits one bootstrap may make before it draws fewer resamples.
const MOST_VISITS: f64 = 8e9;
/// Fewest resamples an interval is made of.
const FEWEST: u32 = 100;

/// Measures every resample, in parallel. `measure` gets how often each row was drawn. `[rows]` `work` is the number of passes
/// over the rows one measurement makes. The results are in the resamples' order and depend on the seed only.
pub(super) fn replicate<T: Send>(
    rows: usize,
    work: usize,
    settings: &BootstrapSettings,
    measure: impl Fn(&[u32]) -> T + Sync,
) -> Vec<T> {
    if rows == 0 {
        return Vec::new();
    }
    (0..affordable(rows, work, settings.resamples))
        .into_par_iter()
        .map_init(
            || vec![0_u32; rows],
            |counts, resample| {
                draw(counts, settings.seed, resample);
                measure(counts)
            },
        )
        .collect()
}

/// Resamples that fit the budget of row visits.
fn affordable(rows: usize, work: usize, asked: u32) -> u32 {
    let most = (MOST_VISITS / (rows as f64 * (work + 1) as f64)) as u32;
    asked.min(most.max(FEWEST))
}

/// Draws `counts.len()` rows with replacement.
fn draw(counts: &mut [u32], seed: u64, resample: u32) {
    counts.fill(0);
    let mut random = SplitMix::new(seed, u64::from(resample));
    for _ in 0..counts.len() {
        counts[random.below(counts.len())] += 1;
    }
}

/// The 2.5 % and 97.5 % quantiles of the defined values, linearly interpolated as `numpy.quantile`. `None` when fewer than
/// half of the resamples have a value.
pub(super) fn interval(values: impl Iterator<Item = Option<f64>>) -> Option<(f64, f64)> {
    let mut all = 0;
    let mut defined: Vec<f64> = values.inspect(|_| all += 1).flatten().collect();
    if defined.is_empty() || defined.len() * 2 < all {
        return None;
    }
    defined.sort_unstable_by(f64::total_cmp);
    Some((quantile(&defined, 0.025), quantile(&defined, 0.975)))
}

/// Quantile `share` of sorted values by linear interpolation.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = sorted[position.floor() as usize];
    let above = sorted[position.ceil() as usize];
    below + (above - below) * position.fract()
}

/// `SplitMix64` (Steele, Lea and Flood 2014): one multiply-xor chain a number, the same everywhere.
pub(super) struct SplitMix(u64);

impl SplitMix {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    /// The generator of `stream` under `seed`.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut mixer = Self(seed);
        let first = mixer.next();
        let mut mixer = Self(first ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        Self(mixer.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, by multiply-shift (bias below `end / 2^64`).
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resample_draws_as_many_rows_as_there_are_and_every_row_equally_often() {
        let settings = BootstrapSettings { resamples: 2000, seed: 7 };
        let drawn = replicate(50, 1, &settings, <[u32]>::to_vec);
        let mut totals = [0_u32; 50];
        for counts in &drawn {
            assert_eq!(counts.iter().sum::<u32>(), 50);
            for (total, count) in totals.iter_mut().zip(counts) {
                *total += count;
            }
        }
        // 2000 expected, standard deviation about 44
        assert!(totals.iter().all(|total| (1780..2220).contains(total)), "{totals:?}");
    }

    #[test]
    fn the_interval_of_a_mean_has_the_width_of_theory() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 20)).collect();
        let settings = BootstrapSettings { resamples: 4000, seed: 1 };
        let means = replicate(values.len(), 1, &settings, |counts| {
            Some(
                counts.iter().zip(&values).map(|(c, v)| f64::from(*c) * v).sum::<f64>() / values.len() as f64,
            )
        });
        let (low, high) = interval(means.into_iter()).expect("defined");
        // standard deviation of 0..20 is 5.766; 1.96 * 5.766 / 20 = 0.565
        assert!((low - (9.5 - 0.565)).abs() < 0.04 && (high - (9.5 + 0.565)).abs() < 0.04, "{low} {high}");
    }

    #[test]
    fn the_seed_alone_decides() {
        let settings = BootstrapSettings { resamples: 20, seed: 3 };
        let first = replicate(100, 1, &settings, <[u32]>::to_vec);
        assert_eq!(first, replicate(100, 1, &settings, <[u32]>::to_vec));
        let other = BootstrapSettings { seed: 4, ..settings };
        assert_ne!(first, replicate(100, 1, &other, <[u32]>::to_vec));
    }

    #[test]
    fn intervals_are_quantiles_and_need_half_of_the_resamples() {
        let values = (0..=1000).map(|i| Some(f64::from(i)));
        assert_eq!(interval(values), Some((25.0, 975.0)));
        assert_eq!(interval([None, None, Some(1.0)].into_iter()), None);
        assert_eq!(interval(std::iter::empty()), None);
    }

    #[test]
    fn huge_tables_draw_fewer_resamples_but_never_too_few() {
        assert_eq!(affordable(65_000, 3, 1000), 1000);
        assert_eq!(affordable(50_000_000, 3, 1000), FEWEST);
        assert_eq!(affordable(50_000_000, 3, 10), 10);
    }
}
