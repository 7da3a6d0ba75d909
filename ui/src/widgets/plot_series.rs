//! Curves of a plot: what they are made of, and their ranges.

use orrery_domain::{run::SeriesPoint, series::Series};

use super::downsample::Points;

/// What the x axis counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CurveX {
    /// Steps.
    #[default]
    Step,
    /// Seconds.
    Secs,
}

/// One curve of a plot.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Tells it from the others, across frames.
    pub key: String,
    /// What the legend and the crosshair call it.
    pub name: String,
    /// Its place in the theme's series colours.
    pub color: usize,
    /// Drawn with dashes.
    pub dashed: bool,
    /// Its points, shared with the snapshot.
    pub points: Series,
    /// What its x is.
    pub x: CurveX,
}

impl CurveX {
    /// Where a point stands, `[x, y]`.
    pub fn place(self, point: &SeriesPoint) -> [f64; 2] {
        match self {
            Self::Step => [point.step as f64, point.value],
            Self::Secs => [point.secs, point.value],
        }
    }
}

impl Curve {
    /// Its points as they were measured, `[x, y]`.
    pub fn places(&self) -> impl Iterator<Item = [f64; 2]> {
        self.points.iter().map(|point| self.x.place(point))
    }

    /// Its last value.
    pub fn last_value(&self) -> Option<f64> {
        self.points.last().map(|point| point.value)
    }
}

/// The curve on a logarithmic y axis (base 10); values that have no logarithm are left out.
pub fn log10(points: &[[f64; 2]]) -> Points {
    points.iter().filter(|[_, y]| *y > 0.0).map(|[x, y]| [*x, y.log10()]).collect()
}

/// The range of x that the curves cover; `None` without a point.
pub fn x_range(curves: &[Curve]) -> Option<(f64, f64)> {
    let ends = curves.iter().filter_map(|curve| {
        let (first, last) = (curve.points.first()?, curve.points.last()?);
        Some((curve.x.place(first)[0], curve.x.place(last)[0]))
    });
    ends.reduce(|(low, high), (first, last)| (low.min(first), high.max(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_axis_leaves_out_what_has_no_logarithm() {
        assert_eq!(log10(&[[0.0, 100.0], [1.0, 0.0], [2.0, -1.0], [3.0, 0.1]]), [[0.0, 2.0], [3.0, -1.0]]);
    }

    #[test]
    fn the_range_is_in_what_x_counts() {
        let point = |step| SeriesPoint { step, secs: step as f64 / 10.0, value: 1.0 };
        let curve = |x| Curve {
            key: String::new(),
            name: String::new(),
            color: 0,
            dashed: false,
            points: [point(20), point(50)].into_iter().collect(),
            x,
        };
        assert_eq!(x_range(&[curve(CurveX::Step)]), Some((20.0, 50.0)));
        assert_eq!(x_range(&[curve(CurveX::Secs)]), Some((2.0, 5.0)));
        assert_eq!(x_range(&[]), None);
    }
}
