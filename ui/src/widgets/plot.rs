//! The plot panel: several curves, legend toggles, zoom and pan, a crosshair with every curve's value, smoothing,
//! a logarithmic axis, export. It thins what it draws without losing a peak, and says how much it shows.

use std::collections::BTreeSet;

use egui::{Color32, FontFamily, FontId, Id, Role, Ui, Vec2, WidgetInfo, vec2};
use egui_plot::{
    AxisHints, Line, LineStyle, Plot, PlotPoint, PlotPoints, Points, VLine, uniform_grid_spacer,
};

pub use super::plot_series::{Curve, CurveX};
use super::{
    downsample::nearest,
    format_cell,
    plot_prepare::{Budget, InView, PreparedCurves, Shape},
    plot_series::x_range,
    plot_tools,
};
use crate::theme::{NUMBERS, Theme, size, space};

/// A curve of more drawn points than this has no gaps that dashes could show.
const DENSE: usize = 400;

/// Lines of the grid, about, across a plot and up it.
const X_TICKS: f64 = 7.0;
const Y_TICKS: f64 = 6.0;

/// Steps of a grid with about `ticks` lines in a range: the round step, and two wider ones that are drawn stronger.
fn grid_steps((low, high): (f64, f64), ticks: f64) -> [f64; 3] {
    let rough = (high - low) / ticks;
    if !(rough.is_finite() && rough > 0.0) {
        return [1.0, 10.0, 100.0];
    }
    let power = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 5.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough);
    let step = round.unwrap_or(10.0 * power);
    [step, step * 5.0, step * 10.0]
}

/// What a plot is about.
#[derive(Clone, Copy, Debug)]
pub struct PlotSpec<'a> {
    /// Its title; tells it from the other plots of the page.
    pub title: &'a str,
    /// Name of the x axis.
    pub x_name: &'a str,
    /// Name of the y axis, with its unit.
    pub y_name: &'a str,
    /// Height of the drawing, points.
    pub height: f32,
    /// How a value of x is written.
    pub x_text: fn(f64) -> String,
    /// How a value of y is written.
    pub y_text: fn(f64) -> String,
    /// Whether its own legend is drawn (plots of a group may share one).
    pub legend: bool,
}

/// What plots of a page share.
#[derive(Debug, Default)]
pub struct PlotGroup {
    /// Where the crosshair stands, in x.
    pub cursor: Option<f64>,
    /// Weight of the past in the moving average, 0 to below 1.
    pub smoothing: f64,
    /// Keys of the curves switched off.
    pub hidden: BTreeSet<String>,
    /// The plot that put the crosshair there.
    owner: String,
    budget: Budget,
}

/// What one plot remembers.
#[derive(Debug, Default)]
pub struct PlotState {
    /// Logarithmic y axis.
    pub log_y: bool,
    pub(super) prepared: PreparedCurves,
    pub(super) command: Option<ViewCommand>,
    pub(super) shot: plot_tools::Shot,
    /// The view of the last frame: x range, y range.
    pub(super) view: Option<((f64, f64), (f64, f64))>,
}

impl PlotState {
    /// Shows everything again in the next frame.
    pub fn reset_view(&mut self) {
        self.command = Some(ViewCommand::Reset);
        self.view = None;
    }
}

/// What the buttons ask of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ViewCommand {
    ZoomIn,
    ZoomOut,
    Reset,
}

/// A file a person asked for: suggested name and bytes.
pub type Export = (String, Vec<u8>);

/// Draws the panel; returns a file to be saved if one was asked for.
pub fn plot_panel(
    ui: &mut Ui,
    theme: &Theme,
    spec: &PlotSpec<'_>,
    state: &mut PlotState,
    group: &mut PlotGroup,
    curves: &[Curve],
) -> Option<Export> {
    let shown: Vec<Curve> =
        curves.iter().filter(|curve| !group.hidden.contains(&curve.key)).cloned().collect();
    let mut export = None;
    let panel = ui.vertical(|ui| {
        export = plot_tools::header(ui, theme, spec, state, &shown);
        if spec.legend {
            plot_tools::legend(ui, theme, group, curves);
        }
        if x_range(&shown).is_none() {
            nothing(ui, theme, spec);
        } else {
            draw(ui, theme, spec, state, group, &shown);
        }
    });
    let picture = panel.response.rect;
    export.or_else(|| state.shot.take(ui, spec.title, picture))
}

/// Holds the place of a plot that has no point yet.
fn nothing(ui: &mut Ui, theme: &Theme, spec: &PlotSpec<'_>) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), spec.height), egui::Sense::hover());
    ui.painter().rect_filled(rect, space::RADIUS, theme.surface.field);
    let mut inside = ui.new_child(egui::UiBuilder::new().max_rect(rect));
    inside.centered_and_justified(|ui| ui.label(theme.weak("No points yet")));
}

/// The font of an axis' numbers, as in the charts.
fn tick_font() -> FontId {
    FontId::new(size::CAPTION, FontFamily::Name(NUMBERS.into()))
}

fn draw(
    ui: &mut Ui,
    theme: &Theme,
    spec: &PlotSpec<'_>,
    state: &mut PlotState,
    group: &mut PlotGroup,
    curves: &[Curve],
) {
    let Some((first, last)) = x_range(curves) else { return };
    let width = ui.available_width();
    let shape = Shape { smoothing: group.smoothing, log_y: state.log_y };
    let (from, to) = state.view.map_or((first, last), |(x, _)| x);
    group.budget.begin(ui.ctx().cumulative_frame_nr());
    let view = InView { from, to, pixels: width };
    if !state.prepared.update(curves, shape, view, &mut group.budget) {
        ui.ctx().request_repaint();
    }
    let command = state.command.take();
    let cursor = group.cursor;
    let log_y = state.log_y;
    let y_text = spec.y_text;
    let write_y = move |value: f64| y_text(if log_y { 10_f64.powf(value) } else { value });
    let plot = Plot::new(spec.title)
        .height(spec.height)
        .link_axis(Id::unique("plots of a page"), [true, false])
        .include_x(first)
        .include_x(last)
        .set_margin_fraction(vec2(0.01, 0.08))
        .allow_scroll(false)
        .show_x(false)
        .show_y(false)
        .grid_color(theme.surface.hairline)
        .x_grid_spacer(uniform_grid_spacer(|input| grid_steps(input.bounds, X_TICKS)))
        .y_grid_spacer(uniform_grid_spacer(|input| grid_steps(input.bounds, Y_TICKS)))
        .custom_x_axes(vec![
            AxisHints::new_x()
                .formatter(move |mark, _| (spec.x_text)(mark.value))
                .tick_label_font(tick_font()),
        ])
        .custom_y_axes(vec![
            AxisHints::new_y()
                .formatter(move |mark, _| write_y(mark.value))
                .tick_label_font(tick_font())
                .min_thickness(56.0),
        ]);
    let plot = if command == Some(ViewCommand::Reset) { plot.reset() } else { plot };
    let prepared = &state.prepared;
    let mut drawn = 0;
    let shown = plot.show(ui, |plot| {
        for curve in curves {
            drawn += draw_curve(plot, theme, prepared, curve, shape.smoothing > 0.0);
        }
        let zoom = match command {
            Some(ViewCommand::ZoomIn) => 1.5,
            Some(ViewCommand::ZoomOut) => 1.0 / 1.5,
            _ => 1.0,
        };
        if (zoom - 1.0_f32).abs() > f32::EPSILON {
            let bounds = plot.plot_bounds();
            plot.zoom_bounds(Vec2::new(zoom, 1.0), bounds.center());
        }
        if let Some(x) = cursor {
            draw_cursor(plot, theme, prepared, curves, (x, log_y));
        }
        let hovered = plot.response().hovered();
        hovered.then(|| plot.pointer_coordinate().map(|point| point.x)).flatten()
    });
    let bounds = shown.transform.bounds();
    state.view = Some(((bounds.min()[0], bounds.max()[0]), (bounds.min()[1], bounds.max()[1])));
    point_at(ui, spec, group, shown.inner, (&state.prepared, curves));
    let total = curves.iter().map(|curve| curve.points.len()).sum();
    plot_tools::footer(ui, theme, spec, drawn, total);
    let name = spoken(spec, curves);
    shown.response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name.as_str()));
    if shown.response.hovered()
        && let Some(x) = group.cursor
    {
        plot_tools::values(ui, theme, spec, &shown.response, x, &at(&state.prepared, curves, x));
    }
}

/// Draws a curve: the smoothed line over the measured one, faint. Returns how many measured points were drawn.
fn draw_curve<'a>(
    plot: &mut egui_plot::PlotUi<'a>,
    theme: &Theme,
    prepared: &'a PreparedCurves,
    curve: &Curve,
    smooth: bool,
) -> usize {
    let Some(ready) = prepared.get(&curve.key) else { return 0 };
    let color = theme.series(curve.color);
    // Dashes of a curve that fills its columns cannot be told apart, and are costly: it is drawn fainter instead.
    let dense = ready.drawn_raw.len() > DENSE;
    let style = if curve.dashed && !dense { LineStyle::dashed_dense() } else { LineStyle::Solid };
    let color = if curve.dashed && dense { color.gamma_multiply(0.55) } else { color };
    // A line needs two points: a curve that has just begun is a dot.
    if let [only] = ready.drawn_raw.as_slice() {
        let dot = Points::new(curve.name.as_str(), PlotPoints::Owned(vec![*only]));
        plot.points(dot.radius(space::LINE * 2.0).color(color).allow_hover(false));
        return 1;
    }
    let raw_color = if smooth { color.gamma_multiply(0.28) } else { color };
    let raw = Line::new(format!("{} raw", curve.key), PlotPoints::Borrowed(&ready.drawn_raw));
    plot.line(raw.color(raw_color).width(space::LINE).style(style).allow_hover(false));
    if smooth {
        let line = Line::new(curve.key.as_str(), PlotPoints::Borrowed(&ready.drawn_smooth));
        plot.line(line.color(color).width(space::LINE).style(style).allow_hover(false));
    }
    ready.drawn_raw.len()
}

fn draw_cursor<'a>(
    plot: &mut egui_plot::PlotUi<'a>,
    theme: &Theme,
    prepared: &'a PreparedCurves,
    curves: &[Curve],
    (x, log_y): (f64, bool),
) {
    let line = VLine::new("crosshair", x).color(theme.text.weak).width(1.0).allow_hover(false);
    plot.vline(line);
    for curve in curves {
        let point = prepared.get(&curve.key).and_then(|ready| nearest(ready.main(), x));
        if let Some([px, py]) = point.filter(|[_, y]| !log_y || *y > 0.0) {
            let place = PlotPoint::new(px, if log_y { py.log10() } else { py });
            let dot = Points::new(format!("{} at", curve.key), PlotPoints::Owned(vec![place]));
            plot.points(dot.radius(3.0).color(theme.series(curve.color)).allow_hover(false));
        }
    }
}

/// Moves the shared crosshair, and asks for one more frame when plots drawn before this one must follow.
fn point_at(
    ui: &Ui,
    spec: &PlotSpec<'_>,
    group: &mut PlotGroup,
    pointed: Option<f64>,
    (prepared, curves): (&PreparedCurves, &[Curve]),
) {
    let before = group.cursor;
    match pointed {
        Some(x) => {
            let snapped = curves
                .iter()
                .filter_map(|curve| nearest(&prepared.get(&curve.key)?.raw, x))
                .min_by(|a, b| (a[0] - x).abs().total_cmp(&(b[0] - x).abs()));
            group.cursor = snapped.map(|point| point[0]);
            spec.title.clone_into(&mut group.owner);
        }
        None if group.owner == spec.title => group.cursor = None,
        None => {}
    }
    if before != group.cursor {
        ui.ctx().request_repaint();
    }
}

/// A curve's value at the crosshair.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ValueAt {
    pub name: String,
    pub color: usize,
    pub value: f64,
}

fn at(prepared: &PreparedCurves, curves: &[Curve], x: f64) -> Vec<ValueAt> {
    let value = |curve: &Curve| {
        let [_, value] = nearest(prepared.get(&curve.key)?.main(), x)?;
        Some(ValueAt { name: curve.name.clone(), color: curve.color, value })
    };
    curves.iter().filter_map(value).collect()
}

/// What a screen reader says about the plot: the curves and their last values.
fn spoken(spec: &PlotSpec<'_>, curves: &[Curve]) -> String {
    let title = format!("{} by {}", spec.title, spec.x_name);
    let last =
        |curve: &Curve| curve.last_value().map(|value| format!("{} {}", curve.name, (spec.y_text)(value)));
    let values = curves.iter().take(8).filter_map(last);
    std::iter::once(title).chain(values).collect::<Vec<_>>().join("; ")
}

/// A value of a plot's axis in few characters.
pub fn plain(value: f64) -> String {
    format_cell::number(value)
}

/// A colour swatch of a curve, as legends draw it.
pub fn swatch(ui: &mut Ui, color: Color32) {
    let (rect, _) = ui.allocate_exact_size(vec2(size::CAPTION, size::CAPTION), egui::Sense::hover());
    ui.painter().rect_filled(rect.shrink(1.0), 2.0, color);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_has_a_few_round_grid_lines() {
        for (low, high) in [(0.45, 0.56), (0.0, 1.0), (3.0, 100_000.0), (-2e-6, 5e-6)] {
            let [step, ..] = grid_steps((low, high), Y_TICKS);
            let lines = (high - low) / step;
            assert!((2.4..=6.0).contains(&lines), "{lines} lines of {step} from {low} to {high}");
        }
        assert!(grid_steps((1.0, 1.0), 5.0)[0] > 0.0 && grid_steps((f64::NAN, 1.0), 5.0)[0] > 0.0);
    }
}
