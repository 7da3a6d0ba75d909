//! Chart: a small finished picture of a model's quality (ROC, calibration, residuals), with a reading under the pointer.
//!
//! Unlike the plot panel it does not move: its axes are given, so two models look alike.

use egui::{
    Align2, FontFamily, FontId, Pos2, Rect, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use super::{chart_keys, chart_legend::Legend};
use crate::{
    format,
    theme::{NUMBERS, Theme, size, space},
};

/// Space for the y axis' ticks, points.
const LEFT: f32 = 44.0;
/// Space for the x axis' ticks and name, points.
const BOTTOM: f32 = 36.0;
/// How much of its colour one of many lines keeps.
pub(super) const FAINT: f32 = 0.45;
/// Intervals between ticks, about, where there is room.
pub(super) const TICKS: f64 = 5.0;
/// Room that a tick's label takes along an axis, points.
const LABEL: f32 = 52.0;
/// Radius and width of the ring around the point that is meant now.
pub(super) const RING: (f32, f32) = (6.0, 2.0);

/// A line of a chart.
#[derive(Clone, Debug, Default)]
pub struct ChartLine {
    /// What the legend says; empty: it is not in the legend. Lines of one name share an entry.
    pub name: String,
    /// Place in the theme's series colours; `None` for a quiet line of reference.
    pub color: Option<usize>,
    /// Points in drawing order.
    pub points: Vec<[f64; 2]>,
    /// Dots on the points.
    pub dots: bool,
    /// Thin and faint: one of many.
    pub faint: bool,
}

/// What a chart shows.
#[derive(Clone, Debug, Default)]
pub struct Chart<'a> {
    /// Title; its accessible name begins with it.
    pub title: &'a str,
    /// What x is.
    pub x_name: &'a str,
    /// What y is.
    pub y_name: &'a str,
    /// Range of x.
    pub x: (f64, f64),
    /// Range of y.
    pub y: (f64, f64),
    /// Lines.
    pub lines: Vec<ChartLine>,
    /// Loose points.
    pub points: Vec<[f64; 2]>,
    /// Bars: from, to, height.
    pub bars: Vec<[f64; 3]>,
    /// The point that is meant now: it stands in a ring.
    pub marker: Option<[f64; 2]>,
    /// Whether thousands are grouped from the first one on: of counts and measures, not of years.
    pub grouped: bool,
    /// What it shows, in a sentence, for those who do not see it.
    pub summary: String,
}

impl Chart<'_> {
    /// Draws it, `width` by `height` points and as much below as its legend takes. `reading` says what stands at a place; `None` for
    /// nothing. While it has the focus, left and right read one value after another.
    pub fn show(
        &self,
        ui: &mut Ui,
        theme: &Theme,
        width: f32,
        height: f32,
        reading: impl Fn([f64; 2]) -> Option<String>,
    ) -> egui::Response {
        let legend = Legend::of(self, ui, theme, width - LEFT - space::S);
        let whole = vec2(width, height + legend.height());
        let (rect, response) = ui.allocate_exact_size(whole, Sense::focusable_noninteractive());
        let plot = Rect::from_min_max(
            pos2(rect.left() + LEFT, rect.top() + space::S),
            pos2(rect.right() - space::S, rect.top() + height - BOTTOM),
        );
        legend.paint(ui, theme, pos2(plot.left(), rect.top() + height));
        let place = |point: [f64; 2]| self.place(plot, point);
        ui.painter().rect_filled(plot, 2.0, theme.surface.field);
        self.axes(ui, theme, plot);
        let painter = ui.painter_at(plot.expand(3.0));
        for [from, to, top] in &self.bars {
            let bar = Rect::from_two_pos(place([*from, self.y.0.max(0.0)]), place([*to, *top]))
                .shrink2(vec2(0.5, 0.0));
            painter.rect_filled(bar, 0.0, theme.series(0));
        }
        let dot = theme.series(0).gamma_multiply(0.55);
        painter.extend(self.points.iter().map(|point| Shape::circle_filled(place(*point), 1.6, dot)));
        for line in &self.lines {
            let points: Vec<Pos2> = line.points.iter().map(|point| place(*point)).collect();
            match line.color {
                Some(color) => {
                    let stroke = Stroke::new(space::LINE, theme.series(color));
                    if line.dots {
                        painter.extend(
                            points.iter().map(|point| Shape::circle_filled(*point, 3.0, stroke.color)),
                        );
                    }
                    painter.add(Shape::line(points, stroke));
                }
                None if line.faint => {
                    let stroke = Stroke::new(1.0, theme.text.weak.gamma_multiply(FAINT));
                    painter.add(Shape::line(points, stroke));
                }
                None => {
                    painter.extend(Shape::dashed_line(&points, Stroke::new(1.0, theme.text.weak), 4.0, 4.0));
                }
            }
        }
        if let Some(marker) = self.marker {
            painter.circle_stroke(place(marker), RING.0, Stroke::new(RING.1, theme.text.strong));
        }
        let name = format!("{}: {}", self.title, self.summary);
        response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name.trim_end_matches([':', ' '])));
        chart_keys::ring(ui, theme, &response);
        if let Some(stop) = chart_keys::cursor(self, ui, &response)
            && let Some(words) = reading(stop)
        {
            painter.circle_stroke(place(stop), 6.0, Stroke::new(space::FOCUS, theme.text.strong));
            chart_keys::say(ui, theme, &response, place(stop), &words);
        }
        let words =
            response.hover_pos().filter(|at| plot.contains(*at)).and_then(|at| reading(self.value(plot, at)));
        match words {
            Some(words) => response.on_hover_text_at_pointer(words),
            None => response,
        }
    }

    fn place(&self, plot: Rect, [x, y]: [f64; 2]) -> Pos2 {
        let share = |value: f64, (low, high): (f64, f64)| {
            if high > low { ((value - low) / (high - low)) as f32 } else { 0.5 }
        };
        pos2(plot.left() + share(x, self.x) * plot.width(), plot.bottom() - share(y, self.y) * plot.height())
    }

    fn value(&self, plot: Rect, at: Pos2) -> [f64; 2] {
        let x = f64::from((at.x - plot.left()) / plot.width());
        let y = f64::from((plot.bottom() - at.y) / plot.height());
        [self.x.0 + x * (self.x.1 - self.x.0), self.y.0 + y * (self.y.1 - self.y.0)]
    }

    /// Round values in a range, as [`ticks`] has them.
    pub(super) fn ticks(&self, range: (f64, f64), intervals: f64) -> Vec<(f64, String)> {
        let mut all = ticks(range, intervals);
        for (value, text) in all.iter_mut().filter(|(value, text)| value.abs() >= 1e3 && !text.contains('.'))
        {
            if self.grouped {
                *text = format::count_short(*value);
            }
        }
        all
    }

    fn axes(&self, ui: &Ui, theme: &Theme, plot: Rect) {
        let painter = ui.painter();
        let font = FontId::new(size::CAPTION, FontFamily::Name(NUMBERS.into()));
        let grid = Stroke::new(space::HAIRLINE, theme.surface.hairline);
        for (tick, text) in self.ticks(self.x, intervals(plot.width())) {
            let x = self.place(plot, [tick, self.y.0]).x;
            painter.vline(x, plot.y_range(), grid);
            let words = painter.layout_no_wrap(text, font.clone(), theme.text.weak);
            painter.galley(below(plot, x, words.size()).min, words, theme.text.weak);
        }
        for (tick, text) in self.ticks(self.y, TICKS) {
            let y = self.place(plot, [self.x.0, tick]).y;
            painter.hline(plot.x_range(), y, grid);
            let words = painter.layout_no_wrap(text, font.clone(), theme.text.weak);
            painter.galley(beside(plot, y, words.size()).min, words, theme.text.weak);
        }
        let words = FontId::proportional(size::CAPTION);
        painter.text(
            pos2(plot.center().x, plot.bottom() + 18.0),
            Align2::CENTER_TOP,
            self.x_name,
            words,
            theme.text.weak,
        );
    }
}

/// Where a tick's label of that size stands under the plot: about `x`, but not past the left edge, where the other axis has its own.
fn below(plot: Rect, x: f32, size: Vec2) -> Rect {
    let left = (x - size.x / 2.0).max(plot.left());
    Rect::from_min_size(pos2(left, plot.bottom() + 3.0), size)
}

/// The same to the left of the plot: about `y`, but not past its lower edge.
fn beside(plot: Rect, y: f32, size: Vec2) -> Rect {
    let bottom = (y + size.y / 2.0).min(plot.bottom());
    Rect::from_min_size(pos2(plot.left() - 6.0 - size.x, bottom - size.y), size)
}

/// Intervals between ticks whose labels have room along an axis of that length, points.
pub(super) fn intervals(length: f32) -> f64 {
    f64::from((length / LABEL).floor()).clamp(1.0, TICKS)
}

/// Round values in a range, at most about `intervals` of them apart, as numbers and as text.
pub(super) fn ticks((low, high): (f64, f64), intervals: f64) -> Vec<(f64, String)> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let rough = span / intervals;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    let last = (high / step * 1.000_001).floor() as i64;
    if first > last && intervals < TICKS {
        return ticks((low, high), intervals + 1.0);
    }
    let decimals = (-(step.log10() + 1e-9).floor()).max(0.0) as usize
        + usize::from((step / power - 2.5).abs() < 1e-9 && step < 10.0);
    let text = |value: f64| {
        if value.abs() >= 10_000.0 { format::count_short(value) } else { format!("{value:.decimals$}") }
    };
    (first..=last).map(|index| index as f64 * step).map(|value| (value, text(value))).collect()
}

/// The point of `points` whose x is nearest.
pub fn nearest_x(points: &[[f64; 2]], x: f64) -> Option<usize> {
    let distance = |point: &[f64; 2]| (point[0] - x).abs();
    points
        .iter()
        .enumerate()
        .min_by(|(_, a), (_, b)| distance(a).total_cmp(&distance(b)))
        .map(|(index, _)| index)
}

/// The range that holds all `values`, a little wider; `0..1` without any.
pub fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    let margin = ((high - low) * 0.04).max(f64::MIN_POSITIVE);
    if high > low { (low - margin, high + margin) } else { (low - 0.5, high + 0.5) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let texts = |range| ticks(range, TICKS).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts((0.0, 1.0)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts((-1000.0, 1000.0)), ["-1000", "-500", "0", "500", "1000"]);
        assert_eq!(texts((0.0, 50_000.0)), ["0", "10.0k", "20.0k", "30.0k", "40.0k", "50.0k"]);
        assert!(ticks((1.0, 1.0), TICKS).is_empty() && ticks((f64::NAN, 1.0), TICKS).is_empty());
        let chart = Chart { grouped: true, ..Chart::default() };
        let grouped: Vec<String> =
            chart.ticks((0.0, 2000.0), TICKS).into_iter().map(|(_, text)| text).collect();
        assert_eq!(grouped, ["0", "500", "1,000", "1,500", "2,000"]);
    }

    #[test]
    fn a_short_axis_has_fewer_ticks_and_none_reaches_into_another() {
        for range in [(0.0, 1.0), (-1000.0, 1000.0), (0.013, 0.087), (0.02, 0.47), (0.0, 50_000.0)] {
            for length in (60..600_u16).step_by(20).map(f32::from) {
                let all = ticks(range, intervals(length));
                assert!(!all.is_empty() && all.len() <= 11, "{range:?} {length}: {all:?}");
                // A digit of a caption is less than 7 points wide.
                let half = |text: &str| text.len() as f64 * 7.0 / 2.0;
                for pair in all.windows(2) {
                    let apart = (pair[1].0 - pair[0].0) / (range.1 - range.0) * f64::from(length);
                    assert!(apart > half(&pair[0].1) + half(&pair[1].1), "{range:?} {length}: {all:?}");
                }
            }
        }
        assert!(ticks((0.0, 1.0), intervals(120.0)).len() < ticks((0.0, 1.0), intervals(500.0)).len());
    }

    #[test]
    fn the_two_labels_at_the_origin_keep_apart() {
        let plot = Rect::from_min_max(pos2(44.0, 8.0), pos2(244.0, 208.0));
        let size = vec2(18.0, 14.0);
        let (under, left) = (below(plot, plot.left(), size), beside(plot, plot.bottom(), size));
        assert!(under.left() - left.right() >= 6.0 && under.top() - left.bottom() >= 3.0, "{under} {left}");
        assert!((below(plot, 144.0, size).center().x - 144.0).abs() < 0.01);
        assert!((beside(plot, 100.0, size).center().y - 100.0).abs() < 0.01);
    }

    #[test]
    fn ranges_hold_their_values_and_never_collapse() {
        let (low, high) = range([3.0, 5.0, f64::NAN].into_iter());
        assert!(low < 3.0 && high > 5.0);
        let (low, high) = range([7.0, 7.0].into_iter());
        assert!(high > low);
        assert_eq!(range(std::iter::empty()), (0.0, 1.0));
    }
}
