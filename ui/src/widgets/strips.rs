//! Strips: lines of a chart that share one axis, each with a name, a bar, an interval and dots (importance, beeswarm, waterfall).

use egui::{
    Align2, Color32, FontFamily, FontId, Rect, Response, Role, Sense, Stroke, Ui, WidgetInfo, pos2,
    text::{LayoutJob, TextWrapping},
    vec2,
};

use super::{
    chart::{intervals, ticks},
    chart_card::picture_card,
    chart_keys, strips_export,
};
use crate::{
    context::PageContext,
    theme::{NUMBERS, Theme, size, space},
};

/// Width of the names, points.
const NAME: f32 = 148.0;
/// Width of the values at the right end, points.
const VALUE: f32 = 76.0;
/// Height of a strip, points.
pub(super) const STRIP: f32 = 26.0;
/// Space for the axis below, points.
const AXIS: f32 = 36.0;

/// A dot of a strip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    /// Its place on the axis.
    pub x: f64,
    /// How far above (to 1) or below (to -1) the middle of the strip.
    pub lift: f32,
    /// From 0 (low) to 1 (high), as a colour between two; none is grey.
    pub shade: Option<f32>,
}

/// A line of the chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strip {
    /// Its name, at the left.
    pub name: String,
    /// Its value, at the right.
    pub value: String,
    /// A bar, from and to.
    pub bar: Option<(f64, f64)>,
    /// Place of the bar's colour among the theme's series.
    pub color: usize,
    /// An interval, low and high.
    pub interval: Option<(f64, f64)>,
    /// Dots.
    pub dots: Vec<Dot>,
    /// What it says, for those who do not see it and those who point at it.
    pub spoken: String,
}

/// The chart.
#[derive(Clone, Debug, Default)]
pub struct Strips<'a> {
    /// Title; its accessible name begins with it.
    pub title: &'a str,
    /// What the axis is.
    pub x_name: &'a str,
    /// Range of the axis.
    pub x: (f64, f64),
    /// Where a line marks nothing.
    pub zero: Option<f64>,
    /// Lines, from top to bottom.
    pub strips: Vec<Strip>,
    /// What it shows, in a sentence.
    pub summary: String,
}

/// The colour of a dot.
pub(super) fn shade(theme: &Theme, shade: Option<f32>) -> Color32 {
    match shade {
        Some(share) => theme.series(0).lerp_to_gamma(theme.series(1), share.clamp(0.0, 1.0)),
        None => theme.text.weak,
    }
}

impl Strips<'_> {
    /// The share of the axis' way that a value stands at.
    pub(super) fn share(&self, x: f64) -> f64 {
        let (low, high) = self.x;
        if high > low { ((x - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// Draws it as wide as there is room. While it has the focus, up and down read one strip after another.
    pub fn show(&self, ui: &mut Ui, theme: &Theme) -> Response {
        let height = STRIP * self.strips.len() as f32 + AXIS;
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::focusable_noninteractive());
        let name = format!("{}: {}", self.title, self.summary);
        response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name.trim_end_matches([':', ' '])));
        let plot = Rect::from_min_max(
            pos2(rect.left() + NAME + space::S, rect.top()),
            pos2((rect.right() - VALUE).max(rect.left() + NAME + 2.0 * space::L), rect.bottom() - AXIS),
        );
        ui.painter().rect_filled(plot, 2.0, theme.surface.field);
        self.axis(ui, theme, plot);
        chart_keys::ring(ui, theme, &response);
        let read = chart_keys::row(ui, &response, self.strips.len());
        for (place, strip) in self.strips.iter().enumerate() {
            let top = plot.top() + STRIP * place as f32;
            let line = Rect::from_min_max(pos2(rect.left(), top), pos2(rect.right(), top + STRIP));
            if read == Some(place) {
                ui.painter().rect_filled(line, 2.0, theme.accent.soft);
                ui.ctx().accesskit_node_builder(response.id, |node| node.set_value(strip.spoken.as_str()));
            }
            self.strip(ui, theme, strip, line, plot);
        }
        response
    }

    fn axis(&self, ui: &Ui, theme: &Theme, plot: Rect) {
        let painter = ui.painter();
        let font = FontId::new(size::CAPTION, FontFamily::Name(NUMBERS.into()));
        let place = |x: f64| plot.left() + self.share(x) as f32 * plot.width();
        for (tick, text) in ticks(self.x, intervals(plot.width())) {
            painter.vline(place(tick), plot.y_range(), Stroke::new(space::HAIRLINE, theme.surface.hairline));
            let at = pos2(place(tick), plot.bottom() + 3.0);
            painter.text(at, Align2::CENTER_TOP, text, font.clone(), theme.text.weak);
        }
        if let Some(zero) = self.zero {
            painter.vline(place(zero), plot.y_range(), Stroke::new(1.0, theme.text.weak));
        }
        let at = pos2(plot.center().x, plot.bottom() + 18.0);
        let words = FontId::proportional(size::CAPTION);
        painter.text(at, Align2::CENTER_TOP, self.x_name, words, theme.text.weak);
    }

    fn strip(&self, ui: &Ui, theme: &Theme, strip: &Strip, line: Rect, plot: Rect) {
        let painter = ui.painter();
        let middle = line.center().y;
        let place = |x: f64| plot.left() + self.share(x) as f32 * plot.width();
        let font = FontId::proportional(size::LABEL);
        let mut name = LayoutJob::simple_singleline(strip.name.clone(), font, theme.text.body);
        name.wrap = TextWrapping::truncate_at_width(plot.left() - space::XS - line.left());
        let name = painter.layout_job(name);
        painter.galley(pos2(line.left(), middle - name.size().y / 2.0), name, theme.text.body);
        let numbers = FontId::new(size::LABEL, FontFamily::Name(NUMBERS.into()));
        let at = pos2(line.right(), middle);
        painter.text(at, Align2::RIGHT_CENTER, &strip.value, numbers, theme.text.body);
        if let Some((from, to)) = strip.bar {
            let (from, to) = (place(from), place(to));
            let half = STRIP * 0.27;
            let bar = Rect::from_min_max(
                pos2(from.min(to), middle - half),
                pos2(from.max(to).max(from.min(to) + 1.0), middle + half),
            );
            painter.rect_filled(bar, 1.0, theme.series(strip.color));
        }
        for dot in &strip.dots {
            let at = pos2(place(dot.x), middle - dot.lift * (STRIP / 2.0 - 3.0));
            painter.circle_filled(at, 2.0, shade(theme, dot.shade).gamma_multiply(0.8));
        }
        if let Some((low, high)) = strip.interval {
            let stroke = Stroke::new(space::LINE, theme.text.strong);
            let (low, high) = (place(low), place(high));
            painter.hline(low..=high, middle, stroke);
            for end in [low, high] {
                painter.vline(end, middle - 4.0..=middle + 4.0, stroke);
            }
        }
        let response = ui.interact(line, ui.scope_id().with((self.title, &strip.name)), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Meter, true, &strip.spoken));
        response.on_hover_text(strip.spoken.as_str());
    }
}

/// Strips in a card, with the menu that saves their values and their picture.
pub fn strips_card(chart: &Strips<'_>, csv: impl FnOnce() -> String, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let svg = |theme: &Theme| strips_export::svg(chart, theme);
    picture_card(chart.title, svg, csv, ctx, ui, |ui, theme| chart.show(ui, theme).rect);
}

/// Lifts that keep dots which stand together apart, by how many are in the same part of the axis. `[dots]`
pub fn lifts(xs: &[f64], (low, high): (f64, f64), parts: usize) -> Vec<f32> {
    let width = (high - low).max(f64::MIN_POSITIVE);
    let part = |x: f64| (((x - low) / width * parts as f64) as usize).min(parts.saturating_sub(1));
    let mut counts = vec![0_usize; parts.max(1)];
    for x in xs {
        counts[part(*x)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(6) as f32;
    let mut seen = vec![0_usize; parts.max(1)];
    xs.iter()
        .map(|x| {
            let at = part(*x);
            seen[at] += 1;
            // One above, one below, the next above that.
            let step = (seen[at] / 2) as f32 * if seen[at].is_multiple_of(2) { 1.0 } else { -1.0 };
            2.0 * step / most
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_that_stand_together_are_lifted_apart_and_stay_inside() {
        let lifts = lifts(&[0.0, 0.001, 0.002, 1.0], (0.0, 1.0), 10);
        assert_eq!((lifts[0], lifts[3]), (0.0, 0.0));
        assert!(lifts[1] > 0.0 && lifts[2] < 0.0, "{lifts:?}");
        let many = super::lifts(&vec![0.5; 200], (0.0, 1.0), 10);
        assert!(many.iter().all(|lift| lift.abs() <= 1.0), "{many:?}");
    }

    #[test]
    fn what_is_outside_the_axis_stands_at_its_end() {
        let chart = Strips { x: (0.0, 2.0), ..Strips::default() };
        assert_eq!((chart.share(-1.0), chart.share(1.0), chart.share(9.0)), (0.0, 0.5, 1.0));
        assert!((Strips::default().share(1.0) - 0.5).abs() < 1e-12);
    }
}
