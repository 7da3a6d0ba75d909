//! Fewer points for the same picture: per bucket of x the first, lowest, highest and last point, so that no peak is lost.
//!
//! Buckets lie on a grid of powers of two that does not depend on where the view stands. A picture that is only panned
//! therefore draws the same points, and what was computed for it stays valid.

/// Points of a drawn curve, `[x, y]`, ascending in x.
pub type Points = Vec<[f64; 2]>;

/// The bucket width, a power of two, at which a view of `span` (in x units) over `pixels` keeps at least one bucket a pixel.
///
/// Returns 0 when there is nothing to divide; 0 means "keep every point" to [`min_max`].
pub fn bucket_width(span: f64, pixels: f32) -> f64 {
    let width = span / f64::from(pixels.max(1.0));
    if width.is_finite() && width > 0.0 { width.log2().floor().exp2() } else { 0.0 }
}

/// Where the bucket of `x` begins, on the grid of that width.
pub fn bucket_start(x: f64, bucket: f64) -> f64 {
    (x / bucket).floor() * bucket
}

/// Keeps of every bucket of width `bucket` the first, lowest, highest and last point, in their order.
///
/// `points` must ascend in x. Points that are not finite are dropped. Every kept point is one of the given ones; the
/// lowest and the highest y of every bucket survive. `O(n)`.
pub fn min_max(points: &[[f64; 2]], bucket: f64) -> Points {
    let finite = points.iter().copied().filter(|[x, y]| x.is_finite() && y.is_finite());
    if bucket <= 0.0 {
        return finite.collect();
    }
    let mut kept = Points::new();
    let mut open: Option<Bucket> = None;
    for point in finite {
        let number = (point[0] / bucket).floor();
        match &mut open {
            Some(current) if current.number.total_cmp(&number).is_eq() => current.take(point),
            _ => {
                if let Some(done) = open.replace(Bucket::new(number, point)) {
                    done.close(&mut kept);
                }
            }
        }
    }
    if let Some(done) = open {
        done.close(&mut kept);
    }
    kept
}

/// The part of `points` (ascending in x) inside `from..=to`, with one neighbour on either side so that lines leave the view.
pub fn visible(points: &[[f64; 2]], from: f64, to: f64) -> &[[f64; 2]] {
    let begin = points.partition_point(|point| point[0] < from).saturating_sub(1);
    let end = (points.partition_point(|point| point[0] <= to) + 1).min(points.len());
    points.get(begin..end.max(begin)).unwrap_or_default()
}

/// The point nearest to `x` in points that ascend in x.
pub fn nearest(points: &[[f64; 2]], x: f64) -> Option<[f64; 2]> {
    let after = points.partition_point(|point| point[0] < x);
    let right = points.get(after);
    let left = after.checked_sub(1).and_then(|before| points.get(before));
    match (left, right) {
        (Some(left), Some(right)) => Some(if x - left[0] <= right[0] - x { *left } else { *right }),
        (one, other) => one.or(other).copied(),
    }
}

/// What is kept of the points of one bucket, each with its rank of arrival.
struct Bucket {
    number: f64,
    count: usize,
    first: [f64; 2],
    low: (usize, [f64; 2]),
    high: (usize, [f64; 2]),
    last: [f64; 2],
}

impl Bucket {
    fn new(number: f64, point: [f64; 2]) -> Self {
        Self { number, count: 1, first: point, low: (0, point), high: (0, point), last: point }
    }

    fn take(&mut self, point: [f64; 2]) {
        if point[1] < self.low.1[1] {
            self.low = (self.count, point);
        }
        if point[1] > self.high.1[1] {
            self.high = (self.count, point);
        }
        self.last = point;
        self.count += 1;
    }

    fn close(self, kept: &mut Points) {
        let Self { count, first, low, high, last, .. } = self;
        let mut ranked = [(0, first), low, high, (count - 1, last)];
        ranked.sort_by_key(|(rank, _)| *rank);
        let mut previous = None;
        for (rank, point) in ranked {
            if previous != Some(rank) {
                kept.push(point);
            }
            previous = Some(rank);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A deterministic jagged curve.
    fn jagged(count: usize) -> Points {
        let mut state = 42_u64;
        (0..count)
            .map(|index| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                [index as f64, (state >> 40) as f64]
            })
            .collect()
    }

    #[test]
    fn every_bucket_keeps_its_peaks_and_ends() {
        let points = jagged(10_000);
        let kept = min_max(&points, 64.0);
        assert!(kept.len() <= 4 * (10_000 / 64 + 1));
        for bucket in points.chunk_by(|a, b| (a[0] / 64.0).floor() as u64 == (b[0] / 64.0).floor() as u64) {
            let inside =
                |point: &&[f64; 2]| (point[0] / 64.0).floor() as u64 == (bucket[0][0] / 64.0).floor() as u64;
            let mine: Vec<_> = kept.iter().filter(inside).collect();
            let low = |points: &mut dyn Iterator<Item = f64>| points.fold(f64::INFINITY, f64::min);
            let high = |points: &mut dyn Iterator<Item = f64>| points.fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(
                low(&mut bucket.iter().map(|p| p[1])).to_bits(),
                low(&mut mine.iter().map(|p| p[1])).to_bits()
            );
            assert_eq!(
                high(&mut bucket.iter().map(|p| p[1])).to_bits(),
                high(&mut mine.iter().map(|p| p[1])).to_bits()
            );
            assert_eq!(mine.first(), bucket.first().as_ref());
            assert_eq!(mine.last(), bucket.last().as_ref());
        }
    }

    #[test]
    fn kept_points_are_given_points_in_order() {
        let points = jagged(5_000);
        let kept = min_max(&points, 128.0);
        assert!(kept.windows(2).all(|pair| pair[0][0] < pair[1][0]), "ascending, none twice");
        assert!(kept.iter().all(|point| points.contains(point)), "no point is made up");
    }

    #[test]
    fn a_single_spike_in_a_flat_curve_survives_any_zoom() {
        let mut points: Points = (0..100_000).map(|x| [f64::from(x), 1.0]).collect();
        points[54_321][1] = 9.0;
        for bucket in [0.0, 2.0, 64.0, 4096.0, 1e6] {
            assert!(min_max(&points, bucket).contains(&[54_321.0, 9.0]), "lost at bucket width {bucket}");
        }
        assert_eq!(min_max(&points, 1e6).len(), 3, "first, spike, last");
    }

    #[test]
    fn few_points_and_odd_values_pass() {
        assert!(min_max(&[], 1.0).is_empty());
        assert_eq!(min_max(&[[1.0, 2.0]], 8.0), vec![[1.0, 2.0]]);
        let holes = [[0.0, f64::NAN], [1.0, 1.0], [f64::INFINITY, 1.0], [2.0, f64::NEG_INFINITY]];
        assert_eq!(min_max(&holes, 1.0), vec![[1.0, 1.0]]);
    }

    #[test]
    fn the_bucket_grid_is_a_power_of_two_of_at_most_a_pixel() {
        for span in [1.0, 37.5, 1e6, 3e-3] {
            let width = bucket_width(span, 800.0);
            assert!(width <= span / 800.0 && width > span / 1600.0 - f64::EPSILON);
            assert!((width.log2() - width.log2().round()).abs() < 1e-12);
        }
        for nothing in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(bucket_width(nothing, 800.0).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn the_visible_part_reaches_one_point_beyond() {
        let points: Points = (0..10).map(|x| [f64::from(x), 0.0]).collect();
        assert_eq!(visible(&points, 3.5, 5.5), &points[3..7]);
        assert_eq!(visible(&points, -5.0, -1.0), &points[0..1]);
        assert_eq!(visible(&points, -5.0, 50.0), &points[..]);
        assert!(visible(&[], 0.0, 1.0).is_empty());
        assert_eq!(visible(&points, 5.0, 2.0).len(), 0, "a reversed range is empty");
    }

    #[test]
    fn the_nearest_point_is_found_on_either_side() {
        let points = [[0.0, 5.0], [10.0, 6.0], [20.0, 7.0]];
        assert_eq!(nearest(&points, -3.0), Some([0.0, 5.0]));
        assert_eq!(nearest(&points, 6.0), Some([10.0, 6.0]));
        assert_eq!(nearest(&points, 14.0), Some([10.0, 6.0]));
        assert_eq!(nearest(&points, 99.0), Some([20.0, 7.0]));
        assert_eq!(nearest(&[], 0.0), None);
    }
}
