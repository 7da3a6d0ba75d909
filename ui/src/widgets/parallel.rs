//! Parallel coordinates: one axis a parameter, one line a trial; a range brushed on an axis keeps the lines that pass through it.

use std::collections::BTreeMap;

use egui::{
    Color32, FontFamily, FontId, Key, Pos2, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2,
    text::{LayoutJob, TextWrapping},
    vec2,
};

use super::svg::{Anchor, Drawing, css};
use crate::theme::{NUMBERS, Theme, size, space};

/// Height of the picture, points.
const HEIGHT: f32 = 280.0;
/// Space for names above and below the axes, points.
const ENDS: f32 = 40.0;
/// Half the width of the handle on an axis, points.
const GRIP: f32 = 12.0;

/// An axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// What stands at its lower and upper end.
    pub ends: (String, String),
}

/// A line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParallelLine {
    /// Where it passes each axis, 0 to 1; none where the parameter plays no part.
    pub at: Vec<Option<f32>>,
    /// From 0 (best) to 1 (worst); none is grey.
    pub shade: Option<f32>,
}

/// The picture.
#[derive(Clone, Debug, Default)]
pub struct Parallel<'a> {
    /// Title; its accessible name begins with it.
    pub title: &'a str,
    /// Axes, from left to right.
    pub axes: Vec<Axis>,
    /// Lines; the last is drawn on top.
    pub lines: Vec<ParallelLine>,
    /// What it shows, in a sentence.
    pub summary: String,
}

/// Brushed ranges by the axis' name, 0 to 1.
pub type Brushes = BTreeMap<String, (f32, f32)>;

fn color(theme: &Theme, shade: Option<f32>) -> Color32 {
    match shade {
        Some(share) => theme.series(0).lerp_to_gamma(theme.text.weak, share.clamp(0.0, 1.0)),
        None => theme.text.weak,
    }
}

impl Parallel<'_> {
    /// Whether a line passes through every brushed range.
    pub fn passes(&self, line: &ParallelLine, brushes: &Brushes) -> bool {
        self.axes.iter().zip(&line.at).all(|(axis, at)| match (brushes.get(&axis.name), at) {
            (None, _) => true,
            (Some((low, high)), Some(at)) => (*low..=*high).contains(at),
            (Some(_), None) => false,
        })
    }

    /// Draws it as wide as there is room; a drag on an axis brushes, a click takes the brush away. With the keyboard: Enter brushes the
    /// upper half or nothing, up and down move the brush.
    pub fn show(&self, ui: &mut Ui, theme: &Theme, brushes: &mut Brushes) -> egui::Response {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
        let name = format!("{}: {}", self.title, self.summary);
        response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name.trim_end_matches([':', ' '])));
        let plot = Rect::from_min_max(
            pos2(rect.left() + 48.0, rect.top() + ENDS),
            pos2(rect.right() - 48.0, rect.bottom() - ENDS / 2.0),
        );
        let gap = plot.width() / (self.axes.len().max(2) - 1) as f32;
        let x = |axis: usize| plot.left() + gap * axis as f32;
        ui.painter().rect_filled(plot.expand2(vec2(GRIP, 2.0)), 2.0, theme.surface.field);
        let place = |axis: usize, at: f32| pos2(x(axis), plot.bottom() - at * plot.height());
        for kept in [false, true] {
            for line in self.lines.iter().filter(|line| self.passes(line, brushes) == kept) {
                let color = color(theme, line.shade).gamma_multiply(if kept { 0.85 } else { 0.08 });
                draw_line(ui, line, Stroke::new(if kept { space::LINE } else { 1.0 }, color), place);
            }
        }
        for (at, axis) in self.axes.iter().enumerate() {
            self.axis(ui, theme, axis, (x(at), gap), plot, brushes);
        }
        response
    }

    fn axis(
        &self,
        ui: &Ui,
        theme: &Theme,
        axis: &Axis,
        (x, gap): (f32, f32),
        plot: Rect,
        brushes: &mut Brushes,
    ) {
        let area = Rect::from_x_y_ranges(x - GRIP..=x + GRIP, plot.y_range());
        let id = ui.scope_id().with((self.title, &axis.name));
        let response = ui.interact(area, id, Sense::click_and_drag());
        brush(ui, &response, axis, plot, brushes);
        let painter = ui.painter();
        let focused = response.has_focus();
        let ink = if focused || response.hovered() { theme.text.strong } else { theme.text.weak };
        painter.vline(x, plot.y_range(), Stroke::new(if focused { 2.0 } else { 1.0 }, ink));
        if let Some((low, high)) = brushes.get(&axis.name) {
            let y = |at: f32| plot.bottom() - at * plot.height();
            let bar = Rect::from_x_y_ranges(x - 4.0..=x + 4.0, y(*high)..=y(*low).max(y(*high) + 2.0));
            painter.rect_filled(bar, 2.0, theme.accent.fill);
        }
        let centred = |text: &str, y: f32, font: FontId, color: Color32| {
            let mut job = LayoutJob::simple_singleline(text.to_owned(), font, color);
            job.wrap = TextWrapping::truncate_at_width((gap - space::XS).max(24.0));
            let galley = painter.layout_job(job);
            painter.galley(pos2(x - galley.size().x / 2.0, y), galley, color);
        };
        let numbers = || FontId::new(size::CAPTION, FontFamily::Name(NUMBERS.into()));
        centred(&axis.name, plot.top() - ENDS + 2.0, FontId::proportional(size::LABEL), theme.text.body);
        centred(&axis.ends.1, plot.top() - 17.0, numbers(), theme.text.weak);
        centred(&axis.ends.0, plot.bottom() + 4.0, numbers(), theme.text.weak);
        let said = match brushes.get(&axis.name) {
            Some((low, high)) => {
                format!("{}: from {:.0}% to {:.0}% of the axis", axis.name, low * 100.0, high * 100.0)
            }
            None => format!("{}: from {} to {}", axis.name, axis.ends.0, axis.ends.1),
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Slider, true, &said));
        response.on_hover_text(format!("{said}\nDrag to keep a range; click to keep all"));
    }

    /// The picture as an SVG document.
    pub fn svg(&self, theme: &Theme) -> Vec<u8> {
        let gap = 120.0;
        let width = 96.0 + gap * (self.axes.len().max(2) - 1) as f64;
        let (top, bottom) = (84.0, 360.0);
        Drawing::document((width, 400.0), (16.0, self.title), theme, |drawing| {
            for line in &self.lines {
                let at = |(axis, at): (usize, &Option<f32>)| {
                    Some([48.0 + gap * axis as f64, bottom - f64::from((*at)?) * (bottom - top)])
                };
                let points = line.at.iter().enumerate().filter_map(at);
                drawing.polyline(points, color(theme, line.shade), r#" stroke-opacity="0.85""#)?;
            }
            for (at, axis) in self.axes.iter().enumerate() {
                let x = 48.0 + gap * at as f64;
                let ink = css(theme.text.weak);
                drawing.raw(format_args!(
                    r#"<line x1="{x:.2}" y1="{top}" x2="{x:.2}" y2="{bottom}" stroke="{ink}"/>"#
                ))?;
                drawing.text([x, top - 24.0], Anchor::Middle, &axis.name)?;
                drawing.text([x, top - 8.0], Anchor::Middle, &axis.ends.1)?;
                drawing.text([x, bottom + 18.0], Anchor::Middle, &axis.ends.0)?;
            }
            Ok(())
        })
    }
}

/// Draws a line through the axes that it passes.
fn draw_line(ui: &Ui, line: &ParallelLine, stroke: Stroke, place: impl Fn(usize, f32) -> Pos2) {
    let points: Vec<Pos2> =
        line.at.iter().enumerate().filter_map(|(axis, at)| Some(place(axis, (*at)?))).collect();
    ui.painter().add(egui::Shape::line(points, stroke));
}

/// Changes an axis' brush by what the pointer and the keyboard do.
fn brush(ui: &Ui, response: &egui::Response, axis: &Axis, plot: Rect, brushes: &mut Brushes) {
    let share = |at: Pos2| ((plot.bottom() - at.y) / plot.height()).clamp(0.0, 1.0);
    if response.clicked() {
        brushes.remove(&axis.name);
        response.request_focus();
    }
    if response.dragged()
        && let (Some(from), Some(to)) =
            (ui.input(|input| input.pointer.press_origin()), response.interact_pointer_pos())
    {
        let (from, to) = (share(from), share(to));
        brushes.insert(axis.name.clone(), (from.min(to), from.max(to)));
    }
    if !response.has_focus() {
        return;
    }
    let pressed = |key| ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, key));
    let step = f32::from(i8::from(pressed(Key::ArrowUp)) - i8::from(pressed(Key::ArrowDown))) * 0.1;
    if pressed(Key::Enter) {
        if brushes.remove(&axis.name).is_none() {
            brushes.insert(axis.name.clone(), (0.5, 1.0));
        }
    } else if step != 0.0
        && let Some((low, high)) = brushes.get_mut(&axis.name)
    {
        let step = step.clamp(-*low, 1.0 - *high);
        (*low, *high) = (*low + step, *high + step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Parallel<'static> {
        let axis = |name: &str| Axis { name: name.to_owned(), ends: ("0".into(), "9".into()) };
        let line = |at: [Option<f32>; 2]| ParallelLine { at: at.to_vec(), shade: Some(0.2) };
        Parallel {
            title: "Trials <1>",
            axes: vec![axis("width"), axis("depth & more")],
            lines: vec![line([Some(0.1), Some(0.9)]), line([Some(0.6), None])],
            summary: String::new(),
        }
    }

    #[test]
    fn lines_pass_where_every_brush_is_met() {
        let picture = picture();
        let kept = |brushes: &Brushes| {
            picture.lines.iter().map(|line| picture.passes(line, brushes)).collect::<Vec<_>>()
        };
        assert_eq!(kept(&Brushes::new()), [true, true]);
        assert_eq!(kept(&Brushes::from([("width".to_owned(), (0.0, 0.5))])), [true, false]);
        assert_eq!(kept(&Brushes::from([("depth & more".to_owned(), (0.0, 1.0))])), [true, false]);
    }

    #[test]
    fn everything_is_in_the_drawing() {
        let text = String::from_utf8(picture().svg(&Theme::dark())).expect("text");
        assert_eq!(text.matches("<polyline").count(), 2);
        assert!(
            text.contains("depth &amp; more") && text.contains("Trials &lt;1&gt;") && !text.contains("NaN")
        );
    }
}
