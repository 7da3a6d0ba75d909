//! What a plot shows, as a file: values as CSV, the picture as SVG.

use std::fmt::Write as _;

use egui::Color32;

use super::{downsample::visible, format_cell as format, plot_series::Curve};

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
    /// Colour of the ground.
    pub ground: Color32,
    /// Colour of the writing.
    pub ink: Color32,
    /// Colour of the grid.
    pub grid: Color32,
}

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 72.0;
const TOP: f64 = 40.0;
const PLOT_WIDTH: f64 = WIDTH - LEFT - 16.0;
const PLOT_HEIGHT: f64 = HEIGHT - TOP - 72.0;

/// The picture as an SVG document of 960 by 480 units.
pub fn svg(frame: &SvgFrame<'_>, lines: &[SvgLine<'_>]) -> Vec<u8> {
    let mut out = String::new();
    if let Err(error) = write_svg(&mut out, frame, lines) {
        log::error!("The picture is incomplete: {error}");
    }
    out.into_bytes()
}

fn write_svg(out: &mut String, frame: &SvgFrame<'_>, lines: &[SvgLine<'_>]) -> std::fmt::Result {
    let (ground, ink) = (css(frame.ground), css(frame.ink));
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="Inter, sans-serif" font-size="12" fill="{ink}">"#
    )?;
    writeln!(out, r#"<rect width="{WIDTH}" height="{HEIGHT}" fill="{ground}"/>"#)?;
    writeln!(out, r#"<text x="{LEFT}" y="24" font-size="15">{}</text>"#, escaped(frame.title))?;
    axes(out, frame)?;
    writeln!(
        out,
        r#"<clipPath id="view"><rect x="{LEFT}" y="{TOP}" width="{PLOT_WIDTH}" height="{PLOT_HEIGHT}"/></clipPath>"#
    )?;
    let mut legend_x = LEFT;
    for line in lines {
        polyline(out, frame, line)?;
        let y = HEIGHT - 16.0;
        writeln!(
            out,
            r#"<line x1="{legend_x}" x2="{}" y1="{}" y2="{}" stroke="{}" stroke-width="2"{}/>"#,
            legend_x + 18.0,
            y - 4.0,
            y - 4.0,
            css(line.color),
            dashes(line.dashed)
        )?;
        writeln!(out, r#"<text x="{}" y="{y}">{}</text>"#, legend_x + 24.0, escaped(line.name))?;
        legend_x += 44.0 + 6.5 * line.name.chars().count() as f64;
    }
    writeln!(out, "</svg>")
}

fn axes(out: &mut String, frame: &SvgFrame<'_>) -> std::fmt::Result {
    let grid = css(frame.grid);
    for tick in 0..=5 {
        let share = f64::from(tick) / 5.0;
        let y = TOP + PLOT_HEIGHT * (1.0 - share);
        let value = frame.y.0 + (frame.y.1 - frame.y.0) * share;
        let shown = format::number(if frame.log_y { 10_f64.powf(value) } else { value });
        writeln!(
            out,
            r#"<line x1="{LEFT}" x2="{}" y1="{y:.2}" y2="{y:.2}" stroke="{grid}"/><text x="{}" y="{:.2}" text-anchor="end">{}</text>"#,
            LEFT + PLOT_WIDTH,
            LEFT - 8.0,
            y + 4.0,
            escaped(&shown)
        )?;
        let x = LEFT + PLOT_WIDTH * share;
        let shown = format::number(frame.x.0 + (frame.x.1 - frame.x.0) * share);
        writeln!(
            out,
            r#"<text x="{x:.2}" y="{}" text-anchor="middle">{}</text>"#,
            TOP + PLOT_HEIGHT + 18.0,
            escaped(&shown)
        )?;
    }
    writeln!(
        out,
        r#"<text x="{}" y="{}" text-anchor="end">{}</text>"#,
        LEFT + PLOT_WIDTH,
        TOP + PLOT_HEIGHT + 36.0,
        escaped(frame.x_name)
    )
}

fn polyline(out: &mut String, frame: &SvgFrame<'_>, line: &SvgLine<'_>) -> std::fmt::Result {
    let SvgFrame { x: (left, right), y: (low, high), .. } = *frame;
    let (width, height) = (right - left, high - low);
    if !(width > 0.0 && height > 0.0) {
        return Ok(());
    }
    write!(
        out,
        r#"<polyline clip-path="url(#view)" fill="none" stroke="{}" stroke-width="1.5"{} points=""#,
        css(line.color),
        dashes(line.dashed)
    )?;
    for [x, y] in visible(line.points, left, right).iter().filter(|[_, y]| y.is_finite()) {
        let at_x = LEFT + (x - left) / width * PLOT_WIDTH;
        let at_y = TOP + PLOT_HEIGHT - (y - low) / height * PLOT_HEIGHT;
        write!(out, "{at_x:.2},{at_y:.2} ")?;
    }
    writeln!(out, r#""/>"#)
}

fn dashes(dashed: bool) -> &'static str {
    if dashed { r#" stroke-dasharray="5 3""# } else { "" }
}

fn css(color: Color32) -> String {
    let [red, green, blue, _] = color.to_srgba_unmultiplied();
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
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
        let frame = SvgFrame {
            title: "Loss <test>",
            x_name: "step",
            x: (0.0, 10.0),
            y: (0.0, 1.0),
            log_y: false,
            ground: Color32::BLACK,
            ink: Color32::WHITE,
            grid: Color32::GRAY,
        };
        let points = [[0.0, 0.0], [10.0, 1.0]];
        let lines = [SvgLine { name: "a&b", color: Color32::RED, dashed: true, points: &points }];
        let text = String::from_utf8(svg(&frame, &lines)).expect("text");
        assert!(text.contains("Loss &lt;test&gt;") && text.contains("a&amp;b"));
        assert!(text.contains("points=\"72.00,408.00 944.00,40.00 \""), "{text}");
        assert!(text.contains("#ff0000") && text.contains("stroke-dasharray"));
        let empty = SvgFrame { x: (0.0, 0.0), ..frame };
        assert!(!String::from_utf8(svg(&empty, &lines)).expect("text").contains("NaN"));
    }
}
