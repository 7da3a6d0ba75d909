//! Curves made ready to draw: ascending, smoothed, thinned for the view; each step cached, and a curve that grew at its end
//! costs what it grew by. What is too much for one frame is done in the next ones.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use egui_plot::PlotPoint;
use orrery_domain::series::Series;

use super::{
    downsample::{Points, bucket_start, bucket_width, min_max, visible},
    plot_series::{Curve, CurveX},
};

/// How curves are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shape {
    /// Weight of the past in the moving average, 0 to below 1.
    pub smoothing: f64,
    /// Logarithmic y axis.
    pub log_y: bool,
}

/// What of the curves is in view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InView {
    /// From this x.
    pub from: f64,
    /// To this x.
    pub to: f64,
    /// Width of the drawing, points.
    pub pixels: f32,
}

/// Time for preparing curves in one frame, shared by all plots of a page.
#[derive(Debug, Default)]
pub struct Budget {
    frame: u64,
    spent: Duration,
}

impl Budget {
    /// Of a frame of 16 ms, this much may go into preparing.
    const A_FRAME: Duration = Duration::from_millis(4);

    /// Begins anew with a new frame.
    pub fn begin(&mut self, frame: u64) {
        if self.frame != frame {
            *self = Self { frame, spent: Duration::ZERO };
        }
    }

    fn is_left(&self) -> bool {
        self.spent < Self::A_FRAME
    }
}

/// Exponential moving average with a weight on the past (0 leaves the curve as it is, 0.99 is very smooth), without the
/// bias towards 0 at the beginning (Kingma and Ba 2015, section 3). Values that are not finite are passed over.
#[derive(Clone, Copy, Debug)]
struct Average {
    value: f64,
    past: f64,
}

impl Default for Average {
    fn default() -> Self {
        Self { value: 0.0, past: 1.0 }
    }
}

impl Average {
    fn next(&mut self, weight: f64, y: f64) -> f64 {
        let weight = weight.min(0.999_9);
        self.value = weight * self.value + (1.0 - weight) * y;
        self.past *= weight;
        self.value / (1.0 - self.past)
    }
}

/// A curve ready to draw.
#[derive(Debug, Default)]
pub struct Prepared {
    source: Series,
    x: CurveX,
    /// Whether every point of the source became one of `raw`, so that the two can be compared by length.
    regular: bool,
    /// As measured, ascending in x.
    pub raw: Points,
    /// Smoothed, ascending in x; empty without smoothing.
    pub smooth: Points,
    /// Points of `raw` that `smooth` knows.
    smoothed: usize,
    average: Average,
    shape: Shape,
    thinned: Option<Thinned>,
    /// `raw`, thinned for the view, in the axes' units (`log10(y)` on a logarithmic axis).
    pub drawn_raw: Vec<PlotPoint>,
    /// `smooth`, thinned likewise.
    pub drawn_smooth: Vec<PlotPoint>,
}

/// What the drawn points were thinned for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Thinned {
    bucket: f64,
    log_y: bool,
    from: f64,
    to: f64,
    raw: usize,
    smooth: usize,
}

impl Prepared {
    /// The line that carries the value: the smoothed one where there is one.
    pub fn main(&self) -> &Points {
        if self.smooth.is_empty() { &self.raw } else { &self.smooth }
    }

    /// Takes over new points and a new weight; says whether anything had to be computed.
    fn take(&mut self, curve: &Curve, shape: Shape) -> bool {
        let same_x = self.x == curve.x && (self.regular || self.source.is_empty());
        let grown = !curve.points.is_same(&self.source) || self.x != curve.x;
        if grown {
            let begin = if same_x && curve.points.extends(&self.source) { self.source.len() } else { 0 };
            if begin == 0 {
                *self = Self { x: curve.x, regular: true, shape, ..Self::default() };
            }
            self.raw.reserve(curve.points.len() - begin);
            for point in curve.points.iter_from(begin) {
                self.push(curve.x.place(point));
            }
            self.source = curve.points.clone();
        }
        let resmoothed = self.shape.smoothing.to_bits() != shape.smoothing.to_bits();
        if resmoothed || !self.regular {
            (self.smoothed, self.average) = (0, Average::default());
            self.smooth.clear();
        }
        if resmoothed {
            self.thinned = None;
        }
        self.shape = shape;
        if shape.smoothing > 0.0 {
            for [x, y] in self.raw.iter().skip(self.smoothed).filter(|[_, y]| y.is_finite()) {
                self.smooth.push([*x, self.average.next(shape.smoothing, *y)]);
            }
            self.smoothed = self.raw.len();
        }
        grown || resmoothed
    }

    /// Adds a point. Where x goes back (a run that went on from a checkpoint), it replaces what was drawn there before.
    fn push(&mut self, point: [f64; 2]) {
        if !point[0].is_finite() {
            self.regular = false;
            return;
        }
        while self.raw.last().is_some_and(|last| last[0] >= point[0]) {
            self.raw.pop();
            self.regular = false;
            self.thinned = None;
        }
        self.raw.push(point);
    }

    /// Whether the drawn points serve for this view.
    fn serves(&self, bucket: f64, shape: Shape, view: InView) -> bool {
        self.thinned.is_some_and(|thinned| {
            thinned.bucket.to_bits() == bucket.to_bits()
                && thinned.log_y == shape.log_y
                && thinned.from <= view.from
                && view.to <= thinned.to
                && thinned.raw == self.raw.len()
                && thinned.smooth == self.smooth.len()
        })
    }

    fn thin(&mut self, bucket: f64, shape: Shape, view: InView) {
        let log_y = shape.log_y;
        let grows = self.thinned.filter(|thinned| {
            // Only points at the end are new: what was drawn before their bucket stays.
            let sized = (thinned.bucket.to_bits(), thinned.log_y) == (bucket.to_bits(), log_y);
            sized && thinned.from <= view.from && thinned.to.is_infinite()
        });
        if let Some(thinned) = grows.filter(|_| bucket > 0.0) {
            extend(&mut self.drawn_raw, &self.raw, thinned.raw, bucket, log_y);
            extend(&mut self.drawn_smooth, &self.smooth, thinned.smooth, bucket, log_y);
            self.thinned = Some(Thinned { raw: self.raw.len(), smooth: self.smooth.len(), ..thinned });
            return;
        }
        // Half a view on either side, so that panning finds its points there.
        let margin = (view.to - view.from) / 2.0;
        let first = self.raw.first().map_or(0.0, |point| point[0]);
        let last = self.raw.last().map_or(0.0, |point| point[0]);
        let from = Some(view.from - margin).filter(|from| *from > first).unwrap_or(f64::NEG_INFINITY);
        let to = Some(view.to + margin).filter(|to| *to < last).unwrap_or(f64::INFINITY);
        self.drawn_raw = drawn(visible(&self.raw, from, to), bucket, log_y);
        self.drawn_smooth = drawn(visible(&self.smooth, from, to), bucket, log_y);
        let (raw, smooth) = (self.raw.len(), self.smooth.len());
        self.thinned = Some(Thinned { bucket, log_y, from, to, raw, smooth });
    }
}

fn drawn(points: &[[f64; 2]], bucket: f64, log_y: bool) -> Vec<PlotPoint> {
    // A logarithm keeps the order, so thinning comes first and is cheaper.
    let kept = min_max(points, bucket);
    let on_axis = kept.into_iter().filter(|[_, y]| !log_y || *y > 0.0);
    on_axis.map(|[x, y]| PlotPoint::new(x, if log_y { y.log10() } else { y })).collect()
}

/// Draws the points that came after `known`, and the bucket they began in once more.
fn extend(kept: &mut Vec<PlotPoint>, points: &[[f64; 2]], known: usize, bucket: f64, log_y: bool) {
    let Some(edge) = known.checked_sub(1).and_then(|last| points.get(last)) else {
        *kept = drawn(points, bucket, log_y);
        return;
    };
    let start = bucket_start(edge[0], bucket);
    kept.truncate(kept.partition_point(|point| point.x < start));
    let begin = points.partition_point(|point| point[0] < start);
    kept.extend(drawn(&points[begin..], bucket, log_y));
}

/// Prepared curves of one plot, by key.
#[derive(Debug, Default)]
pub struct PreparedCurves {
    curves: HashMap<String, Prepared>,
    /// How often a curve had to be computed anew: for tests of the cache.
    pub computed: u64,
}

impl PreparedCurves {
    /// Brings the curves up to date for a view, as far as the budget reaches, and forgets those that are gone. `false` where
    /// some are left for the next frame; they are then drawn as they were.
    pub fn update(&mut self, curves: &[Curve], shape: Shape, view: InView, budget: &mut Budget) -> bool {
        self.curves.retain(|key, _| curves.iter().any(|curve| curve.key == *key));
        let bucket = bucket_width(view.to - view.from, view.pixels);
        let mut done = true;
        for curve in curves {
            let prepared = self.curves.entry(curve.key.clone()).or_default();
            let current = curve.points.is_same(&prepared.source) && prepared.x == curve.x;
            if current && prepared.shape == shape && prepared.serves(bucket, shape, view) {
                continue;
            }
            if !budget.is_left() {
                done = false;
                continue;
            }
            let begun = Instant::now();
            prepared.take(curve, shape);
            if !prepared.serves(bucket, shape, view) {
                prepared.thin(bucket, shape, view);
            }
            self.computed += 1;
            budget.spent += begun.elapsed();
        }
        done
    }

    /// The prepared curve of that key.
    pub fn get(&self, key: &str) -> Option<&Prepared> {
        self.curves.get(key)
    }
}

#[cfg(test)]
#[path = "plot_prepare_tests.rs"]
mod tests;
