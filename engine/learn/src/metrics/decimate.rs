//! Decimation: a curve with fewer points and the same shape.

use std::{cmp::Ordering, collections::BinaryHeap};

use orrery_domain::curves::CurvePoint;

/// A stretch between two kept points, and the point in it that lies farthest from the line between them.
struct Stretch {
    distance: f64,
    first: usize,
    farthest: usize,
    last: usize,
}

impl PartialEq for Stretch {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Stretch {}

impl PartialOrd for Stretch {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Stretch {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(other.first.cmp(&self.first))
    }
}

/// At most `most` of the points: both ends and the corners that matter most, each an original point (Ramer 1972; Douglas and
/// Peucker 1973, farthest first). Points on a straight line between kept ones are always left out.
pub(super) fn decimate(points: &[CurvePoint], most: usize) -> Vec<CurvePoint> {
    if points.len() <= 2 {
        return points.to_vec();
    }
    let mut kept = vec![0, points.len() - 1];
    let mut open: BinaryHeap<Stretch> = stretch(points, 0, points.len() - 1).into_iter().collect();
    while kept.len() < most
        && let Some(Stretch { first, farthest, last, .. }) = open.pop()
    {
        kept.push(farthest);
        open.extend(stretch(points, first, farthest));
        open.extend(stretch(points, farthest, last));
    }
    kept.sort_unstable();
    kept.into_iter().map(|index| points[index]).collect()
}

/// `None` where every point between lies on the line.
fn stretch(points: &[CurvePoint], first: usize, last: usize) -> Option<Stretch> {
    let (a, b) = (points[first], points[last]);
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length = dx.hypot(dy);
    let distance = |point: &CurvePoint| {
        let (x, y) = (point.x - a.x, point.y - a.y);
        if length > 0.0 { (dx * y - dy * x).abs() / length } else { x.hypot(y) }
    };
    let (farthest, distance) = (first + 1..last)
        .map(|index| (index, distance(&points[index])))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    (distance > 1e-12).then_some(Stretch { distance, first, farthest, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f64, y: f64) -> CurvePoint {
        CurvePoint { x, y, threshold: None }
    }

    #[test]
    fn straight_lines_keep_their_ends_and_corners_survive() {
        let line: Vec<_> = (0..=100).map(|i| at(f64::from(i) / 100.0, 0.5)).collect();
        assert_eq!(decimate(&line, 512).len(), 2);
        let stairs = [at(0.0, 0.0), at(0.0, 0.5), at(0.5, 0.5), at(0.5, 1.0), at(1.0, 1.0)];
        assert_eq!(decimate(&stairs, 512), stairs);
    }

    #[test]
    fn a_long_curve_is_cut_to_size_and_stays_close() {
        let circle: Vec<_> = (0..=20_000)
            .map(|i| f64::from(i) / 20_000.0 * std::f64::consts::FRAC_PI_2)
            .map(|angle| at(1.0 - angle.cos(), angle.sin()))
            .collect();
        let few = decimate(&circle, 512);
        assert!(few.len() == 512 && few[0] == circle[0] && few[511] == circle[20_000]);
        assert!(few.is_sorted_by(|a, b| a.x < b.x));
        let area = |points: &[CurvePoint]| {
            points
                .windows(2)
                .map(|pair| (pair[1].x - pair[0].x) * f64::midpoint(pair[0].y, pair[1].y))
                .sum::<f64>()
        };
        assert!((area(&few) - area(&circle)).abs() < 1e-5);
    }
}
