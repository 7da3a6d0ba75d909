//! The legend of a chart: what each named line is, in the picture itself, so that it is still there when the picture is saved.

use std::sync::Arc;

use egui::{
    FontId, Galley, Pos2, Shape, Stroke, Ui, pos2,
    text::{LayoutJob, TextWrapping},
    vec2,
};

use super::{
    chart::{Chart, ChartLine, FAINT},
    svg::{Anchor, Drawing, css, dashes},
};
use crate::theme::{Theme, size, space};

/// Height of a line of the legend, points (units of the drawing).
const LINE: f32 = 18.0;
/// Width of an entry's mark with the space after it, points.
const MARK: f32 = 18.0;
/// Width of a character of a drawing, about; nobody measures text there.
const CHARACTER: f32 = 6.6;

/// The named lines, each name once.
fn entries<'a>(chart: &'a Chart<'_>) -> Vec<&'a ChartLine> {
    let mut all: Vec<&ChartLine> = Vec::new();
    for line in &chart.lines {
        if !line.name.is_empty() && all.iter().all(|known| known.name != line.name) {
            all.push(line);
        }
    }
    all
}

/// Where words of such widths stand: in which line, and how far from the left. What does not fit begins the next line.
fn flow(widths: impl Iterator<Item = f32>, room: f32) -> Vec<(usize, f32)> {
    let (mut row, mut left) = (0, 0.0);
    widths
        .map(|width| {
            let width = MARK + width + space::M;
            if left > 0.0 && left + width > room {
                (row, left) = (row + 1, 0.0);
            }
            let place = (row, left);
            left += width;
            place
        })
        .collect()
}

fn height(places: &[(usize, f32)]) -> f32 {
    places.last().map_or(0.0, |(row, _)| (*row as f32 + 1.0) * LINE)
}

/// A legend that is ready to be drawn in the window.
pub(super) struct Legend<'a> {
    entries: Vec<(&'a ChartLine, Arc<Galley>)>,
    places: Vec<(usize, f32)>,
}

impl<'a> Legend<'a> {
    /// Of a chart, in so much width.
    pub(super) fn of(chart: &'a Chart<'_>, ui: &Ui, theme: &Theme, room: f32) -> Self {
        let lay = |line: &ChartLine| {
            let font = FontId::proportional(size::CAPTION);
            let mut job = LayoutJob::simple_singleline(line.name.clone(), font, theme.text.weak);
            job.wrap = TextWrapping::truncate_at_width((room - MARK).max(MARK));
            ui.painter().layout_job(job)
        };
        let entries: Vec<_> = entries(chart).into_iter().map(|line| (line, lay(line))).collect();
        let places = flow(entries.iter().map(|(_, words)| words.size().x), room);
        Self { entries, places }
    }

    /// How high it is, points; 0 where no line has a name.
    pub(super) fn height(&self) -> f32 {
        height(&self.places)
    }

    /// Draws it with its upper left corner there.
    pub(super) fn paint(&self, ui: &Ui, theme: &Theme, corner: Pos2) {
        for ((line, words), (row, left)) in self.entries.iter().zip(&self.places) {
            let at = corner + vec2(*left, LINE * *row as f32);
            mark(ui, theme, line, at + vec2(0.0, LINE / 2.0));
            let top = at.y + (LINE - words.size().y) / 2.0;
            ui.painter().galley(pos2(at.x + MARK, top), Arc::clone(words), theme.text.weak);
        }
    }
}

/// An entry's mark, from the middle of its left edge on.
fn mark(ui: &Ui, theme: &Theme, line: &ChartLine, at: Pos2) {
    let painter = ui.painter();
    let ends = [at, at + vec2(MARK - 6.0, 0.0)];
    match line.color {
        Some(color) if line.dots => {
            _ = painter.circle_filled(at + vec2(MARK / 2.0 - 3.0, 0.0), 3.5, theme.series(color));
        }
        Some(color) => _ = painter.line_segment(ends, Stroke::new(space::LINE, theme.series(color))),
        None if line.faint => {
            _ = painter.line_segment(ends, Stroke::new(1.0, theme.text.weak.gamma_multiply(FAINT)));
        }
        None => painter.extend(Shape::dashed_line(&ends, Stroke::new(1.0, theme.text.weak), 4.0, 4.0)),
    }
}

/// The legend of a drawing.
pub(super) struct Drawn<'a> {
    entries: Vec<&'a ChartLine>,
    places: Vec<(usize, f32)>,
}

impl<'a> Drawn<'a> {
    /// Of a chart, in so much width.
    pub(super) fn of(chart: &'a Chart<'_>, room: f64) -> Self {
        let entries = entries(chart);
        let width = |line: &&ChartLine| line.name.chars().count() as f32 * CHARACTER;
        let places = flow(entries.iter().map(width), room as f32);
        Self { entries, places }
    }

    /// How high it is, units; 0 where no line has a name.
    pub(super) fn height(&self) -> f64 {
        f64::from(height(&self.places))
    }

    /// Draws it with its upper left corner there.
    pub(super) fn draw(&self, drawing: &mut Drawing, theme: &Theme, corner: [f64; 2]) -> std::fmt::Result {
        let mark = f64::from(MARK);
        for (line, (row, left)) in self.entries.iter().zip(&self.places) {
            let x = corner[0] + f64::from(*left);
            let y = corner[1] + f64::from(LINE) * (*row as f64 + 0.5);
            let color = line.color.map_or(theme.text.weak, |color| theme.series(color));
            if line.dots {
                let (x, fill) = (x + mark / 2.0 - 3.0, css(color));
                drawing.raw(format_args!(r#"<circle cx="{x:.2}" cy="{y:.2}" r="3.5" fill="{fill}"/>"#))?;
            } else {
                let more =
                    if line.faint { r#" stroke-opacity="0.45""# } else { dashes(line.color.is_none()) };
                drawing.polyline([[x, y], [x + mark - 6.0, y]].into_iter(), color, more)?;
            }
            drawing.text([x + mark, y + 4.0], Anchor::Start, &line.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_once_and_what_has_none_stays_out() {
        let line = |name: &str| ChartLine { name: name.to_owned(), ..ChartLine::default() };
        let chart = Chart { lines: vec![line("a"), line(""), line("b"), line("a")], ..Chart::default() };
        let names: Vec<&str> = entries(&chart).into_iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn what_does_not_fit_begins_the_next_line() {
        // An entry takes 18 for its mark, its words, and 12 after them.
        let places = flow([70.0, 70.0, 500.0, 10.0].into_iter(), 210.0);
        assert_eq!(places.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [0, 0, 1, 2]);
        assert!((places[1].1 - 100.0).abs() < 1e-3 && places[2].1.abs() < 1e-3, "{places:?}");
        assert!((height(&places) - 3.0 * LINE).abs() < 1e-3 && height(&[]).abs() < 1e-3);
    }
}
