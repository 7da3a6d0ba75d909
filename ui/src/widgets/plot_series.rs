//! Curves made ready to draw: ascending, smoothed, on a linear or logarithmic axis, thinned; each step cached.

use std::{collections::HashMap, sync::Arc};

use egui_plot::PlotPoint;

use super::downsample::{Points, bucket_width, min_max};

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
    /// Points, ascending in x ([`ascending`] makes them so). A new `Arc` means new data.
    pub points: Arc<Points>,
}

/// Drops what was drawn twice: where x goes back (a run that went on from a checkpoint), the later points replace the
/// earlier ones. The result ascends strictly in x.
pub fn ascending(points: impl Iterator<Item = [f64; 2]>) -> Points {
    let mut kept = Points::new();
    for point in points.filter(|[x, _]| x.is_finite()) {
        while kept.last().is_some_and(|last| last[0] >= point[0]) {
            kept.pop();
        }
        kept.push(point);
    }
    kept
}

/// Exponential moving average with `weight` on the past (0 leaves the curve as it is, 0.99 is very smooth), without the
/// bias towards 0 at the beginning (Kingma and Ba 2015, section 3). Values that are not finite are passed over.
pub fn smoothed(points: &[[f64; 2]], weight: f64) -> Points {
    if weight <= 0.0 {
        return points.to_vec();
    }
    let weight = weight.min(0.999_9);
    let (mut average, mut past) = (0.0, 1.0);
    points
        .iter()
        .filter(|[_, y]| y.is_finite())
        .map(|[x, y]| {
            average = weight * average + (1.0 - weight) * y;
            past *= weight;
            [*x, average / (1.0 - past)]
        })
        .collect()
}

/// The curve on a logarithmic y axis (base 10); values that have no logarithm are left out.
pub fn log10(points: &[[f64; 2]]) -> Points {
    points.iter().filter(|[_, y]| *y > 0.0).map(|[x, y]| [*x, y.log10()]).collect()
}

/// How curves are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shape {
    /// Weight of the past in the moving average, 0 to below 1.
    pub smoothing: f64,
    /// Logarithmic y axis.
    pub log_y: bool,
}

/// A curve ready to draw, in the axis' own units (`log10(y)` on a logarithmic axis).
#[derive(Debug, Default)]
pub struct Prepared {
    source: Option<Arc<Points>>,
    shape: Shape,
    bucket: f64,
    /// As measured, all of it.
    pub raw: Points,
    /// Smoothed, all of it; empty without smoothing.
    pub smooth: Points,
    /// `raw`, thinned for the view.
    pub drawn_raw: Vec<PlotPoint>,
    /// `smooth`, thinned for the view.
    pub drawn_smooth: Vec<PlotPoint>,
}

impl Prepared {
    /// The line that carries the value: the smoothed one where there is one.
    pub fn main(&self) -> &Points {
        if self.smooth.is_empty() { &self.raw } else { &self.smooth }
    }

    /// Brings the curve up to date for `shape` and a view whose pixels are `bucket` wide; says what had to be computed.
    fn update(&mut self, points: &Arc<Points>, shape: Shape, bucket: f64) -> bool {
        let same_data = self.source.as_ref().is_some_and(|source| Arc::ptr_eq(source, points));
        let same = same_data && self.shape == shape;
        if !same {
            let axis = |points: &[[f64; 2]]| if shape.log_y { log10(points) } else { points.to_vec() };
            self.raw = axis(points);
            self.smooth =
                if shape.smoothing > 0.0 { axis(&smoothed(points, shape.smoothing)) } else { Points::new() };
            self.source = Some(Arc::clone(points));
            self.shape = shape;
        }
        if same && self.bucket.to_bits() == bucket.to_bits() {
            return false;
        }
        self.bucket = bucket;
        self.drawn_raw = min_max(&self.raw, bucket).into_iter().map(PlotPoint::from).collect();
        self.drawn_smooth = min_max(&self.smooth, bucket).into_iter().map(PlotPoint::from).collect();
        true
    }
}

/// Prepared curves of one plot, by key.
#[derive(Debug, Default)]
pub struct PreparedCurves {
    curves: HashMap<String, Prepared>,
    /// How often a curve had to be computed anew: for tests of the cache.
    pub computed: u64,
}

impl PreparedCurves {
    /// Brings every curve up to date for a view `span` wide over `pixels`, and forgets those that are gone.
    pub fn update(&mut self, curves: &[Curve], shape: Shape, span: f64, pixels: f32) {
        self.curves.retain(|key, _| curves.iter().any(|curve| curve.key == *key));
        let bucket = bucket_width(span, pixels);
        for curve in curves {
            let prepared = self.curves.entry(curve.key.clone()).or_default();
            self.computed += u64::from(prepared.update(&curve.points, shape, bucket));
        }
    }

    /// The prepared curve of that key.
    pub fn get(&self, key: &str) -> Option<&Prepared> {
        self.curves.get(key)
    }
}

/// The range of x that the curves cover; `None` without a point.
pub fn x_range(curves: &[Curve]) -> Option<(f64, f64)> {
    let ends = curves.iter().filter_map(|curve| Some((curve.points.first()?[0], curve.points.last()?[0])));
    ends.reduce(|(low, high), (first, last)| (low.min(first), high.max(last)))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn curve(key: &str, count: u32) -> Curve {
        let points = (0..count).map(|x| [f64::from(x), (f64::from(x) * 0.37).sin() + 2.0]).collect();
        Curve { key: key.to_owned(), name: key.to_owned(), color: 0, dashed: false, points: Arc::new(points) }
    }

    #[test]
    fn a_resumed_run_replaces_what_it_repeats() {
        let steps = [[0.0, 9.0], [1.0, 8.0], [2.0, 7.0], [3.0, 6.0], [2.0, 7.5], [3.0, 5.5]];
        let expected = [[0.0, 9.0], [1.0, 8.0], [2.0, 7.5], [3.0, 5.5]];
        assert_eq!(ascending(steps.into_iter()), expected);
    }

    #[test]
    fn smoothing_keeps_a_constant_and_starts_without_bias() {
        let flat: Points = (0..50).map(|x| [f64::from(x), 3.0]).collect();
        assert!(smoothed(&flat, 0.9).iter().all(|[_, y]| (y - 3.0).abs() < 1e-12));
        let curve = [[0.0, 1.0], [1.0, 2.0], [2.0, 4.0]];
        let smooth = smoothed(&curve, 0.5);
        // By hand: (0.5*2 + 0.25*1) / 0.75, then (0.5*4 + 0.25*2 + 0.125*1) / 0.875.
        for (got, wanted) in smooth.iter().zip([1.0, 1.25 / 0.75, 2.625 / 0.875]) {
            assert!((got[1] - wanted).abs() < 1e-12, "{got:?} is not {wanted}");
        }
        assert_eq!(smoothed(&curve, 0.0), curve);
    }

    #[test]
    fn a_smoothed_curve_stays_between_its_extremes() {
        let noisy = curve("a", 1_000);
        for [_, y] in smoothed(&noisy.points, 0.97) {
            assert!((1.0..=3.0).contains(&y));
        }
    }

    #[test]
    fn a_logarithmic_axis_leaves_out_what_has_no_logarithm() {
        assert_eq!(log10(&[[0.0, 100.0], [1.0, 0.0], [2.0, -1.0], [3.0, 0.1]]), [[0.0, 2.0], [3.0, -1.0]]);
    }

    #[test]
    fn twenty_long_curves_are_computed_once_and_then_cost_nothing() {
        let curves: Vec<Curve> = (0..20).map(|index| curve(&format!("run {index}"), 100_000)).collect();
        let mut prepared = PreparedCurves::default();
        let shape = Shape { smoothing: 0.6, log_y: false };
        prepared.update(&curves, shape, 100_000.0, 1_000.0);
        assert_eq!(prepared.computed, 20);
        let begun = Instant::now();
        for pan in 0..10 {
            // Panning keeps the span, and so the grid.
            prepared.update(&curves, shape, 100_000.0 + f64::from(pan), 1_000.0);
        }
        assert_eq!(prepared.computed, 20, "nothing changed, nothing computed");
        assert!(begun.elapsed() < Duration::from_millis(16), "{:?}", begun.elapsed());
        let drawn: usize =
            curves.iter().map(|curve| prepared.get(&curve.key).expect("there").drawn_raw.len()).sum();
        assert!(drawn <= 20 * 4 * 2_001, "{drawn} points is too many for 1,000 pixels");
        prepared.update(&curves[..3], shape, 50_000.0, 1_000.0);
        assert_eq!(prepared.computed, 23);
        assert!(prepared.get("run 7").is_none(), "a curve that is gone is forgotten");
    }
}
