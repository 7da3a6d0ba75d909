//! What a plot shows, as a file: values as CSV, the picture as SVG.

use egui::Color32;

use super::{
    downsample::visible,
    format_cell as format,
    plot_series::Curve,
    svg::{Anchor, Drawing, css, dashes},
};
use crate::theme::Theme;

/// The curves as they were measured, one line a point: `series,x,y` with the axes' names, full precision.
pub fn csv(curves: &[Curve], x_name: &str, y_name: &str) -> Vec<u8> {
    let rows = curves.iter().flat_map(|curve| {
        curve
            .places()
            .map(|[x, y]| vec![curve.name.as_str().into(), x.to_string().into(), y.to_string().into()])
    });
    super::table_csv::csv(&["series", x_name, y_name], rows)
}

/// A line of the picture, in the axes' units.
#[derive(Debug)]
pub struct SvgLine<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// Its colour.
    pub color: Color32,
    /// Drawn with dashes.
    pub dashed: bool,
    /// Points, ascending in x.
    pub points: &'a [[f64; 2]],
}

/// The picture around the lines.
#[derive(Debug)]
pub struct SvgFrame<'a> {
    /// Title.
    pub title: &'a str,
    /// Name of the x axis.
    pub x_name: &'a str,
    /// Visible range of x.
    pub x: (f64, f64),
    /// Visible range of y (of `log10(y)` with `log_y`).
    pub y: (f64, f64),
    /// Whether the y axis is logarithmic.
    pub log_y: bool,
}

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 72.0;
const TOP: f64 = 40.0;
const PLOT_WIDTH: f64 = WIDTH - LEFT - 16.0;
const PLOT_HEIGHT: f64 = HEIGHT - TOP - 72.0;

/// The picture as an SVG document of 960 by 480 units.
pub fn svg(frame: &SvgFrame<'_>, lines: &[SvgLine<'_>], theme: &Theme) -> Vec<u8> {
    Drawing::document((WIDTH, HEIGHT), (LEFT, frame.title), theme, |drawing| {
        draw(drawing, frame, lines, theme)
    })
}

fn draw(
    drawing: &mut Drawing,
    frame: &SvgFrame<'_>,
    lines: &[SvgLine<'_>],
    theme: &Theme,
) -> std::fmt::Result {
    axes(drawing, frame, theme.surface.hairline)?;
    drawing.raw(format_args!(
        r#"<clipPath id="view"><rect x="{LEFT}" y="{TOP}" width="{PLOT_WIDTH}" height="{PLOT_HEIGHT}"/></clipPath>"#
    ))?;
    let (mut x, y) = (LEFT, HEIGHT - 16.0);
    for line in lines {
        curve(drawing, frame, line)?;
        let (end, middle, color, dashes) = (x + 18.0, y - 4.0, css(line.color), dashes(line.dashed));
        drawing.raw(format_args!(
            r#"<line x1="{x}" x2="{end}" y1="{middle}" y2="{middle}" stroke="{color}" stroke-width="2"{dashes}/>"#
        ))?;
        drawing.text([x + 24.0, y], Anchor::Start, line.name)?;
        x += 44.0 + 6.5 * line.name.chars().count() as f64;
    }
    Ok(())
}

fn axes(drawing: &mut Drawing, frame: &SvgFrame<'_>, grid: Color32) -> std::fmt::Result {
    let (right, bottom) = (LEFT + PLOT_WIDTH, TOP + PLOT_HEIGHT);
    for tick in 0..=5 {
        let share = f64::from(tick) / 5.0;
        let y = TOP + PLOT_HEIGHT * (1.0 - share);
        let value = frame.y.0 + (frame.y.1 - frame.y.0) * share;
        let shown = format::number(if frame.log_y { 10_f64.powf(value) } else { value });
        drawing.line([LEFT, y], [right, y], grid)?;
        drawing.text([LEFT - 8.0, y + 4.0], Anchor::End, &shown)?;
        let shown = format::number(frame.x.0 + (frame.x.1 - frame.x.0) * share);
        drawing.text([LEFT + PLOT_WIDTH * share, bottom + 18.0], Anchor::Middle, &shown)?;
    }
    drawing.text([right, bottom + 36.0], Anchor::End, frame.x_name)
}

fn curve(drawing: &mut Drawing, frame: &SvgFrame<'_>, line: &SvgLine<'_>) -> std::fmt::Result {
    let SvgFrame { x: (left, right), y: (low, high), .. } = *frame;
    let (width, height) = (right - left, high - low);
    if !(width > 0.0 && height > 0.0) {
        return Ok(());
    }
    let place = |[x, y]: &[f64; 2]| {
        [LEFT + (x - left) / width * PLOT_WIDTH, TOP + PLOT_HEIGHT - (y - low) / height * PLOT_HEIGHT]
    };
    let more = format!(r#" clip-path="url(#view)"{}"#, dashes(line.dashed));
    drawing.polyline(visible(line.points, left, right).iter().map(place), line.color, &more)
}

#[cfg(test)]
mod tests {
    use orrery_domain::run::SeriesPoint;

    use super::*;
    use crate::widgets::plot_series::CurveX;

    #[test]
    fn csv_holds_every_point_at_full_precision() {
        let point = |step, value| SeriesPoint { step, secs: 0.0, value };
        let points = [point(1, 0.1 + 0.2), point(2, 1e-9)].into_iter().collect();
        let curve =
            Curve { key: "k".into(), name: "a, b".into(), color: 0, dashed: false, points, x: CurveX::Step };
        let text = String::from_utf8(csv(&[curve], "step", "loss")).expect("text");
        assert_eq!(text, "series,step,loss\r\n\"a, b\",1,0.30000000000000004\r\n\"a, b\",2,0.000000001\r\n");
    }

    #[test]
    fn svg_maps_the_corners_and_escapes_names() {
        let frame =
            SvgFrame { title: "Loss <test>", x_name: "step", x: (0.0, 10.0), y: (0.0, 1.0), log_y: false };
        let points = [[0.0, 0.0], [10.0, 1.0]];
        let lines = [SvgLine { name: "a&b", color: Color32::RED, dashed: true, points: &points }];
        let text = String::from_utf8(svg(&frame, &lines, &Theme::dark())).expect("text");
        assert!(text.contains("Loss &lt;test&gt;") && text.contains("a&amp;b"));
        assert!(text.contains("points=\"72.00,408.00 944.00,40.00 \""), "{text}");
        assert!(text.contains("#ff0000") && text.contains("stroke-dasharray"));
        let empty = SvgFrame { x: (0.0, 0.0), ..frame };
        assert!(!String::from_utf8(svg(&empty, &lines, &Theme::light())).expect("text").contains("NaN"));
    }
}
