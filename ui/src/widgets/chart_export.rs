//! A chart as an SVG drawing.

use std::fmt::Write as _;

use super::{
    chart::{Chart, ticks},
    plot_export::{css, escaped},
};
use crate::theme::Theme;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 40.0;
const PLOT_WIDTH: f64 = WIDTH - LEFT - 16.0;
const PLOT_HEIGHT: f64 = HEIGHT - TOP - 56.0;

/// The chart as an SVG document of 480 by 400 units.
pub fn svg(chart: &Chart<'_>, theme: &Theme) -> Vec<u8> {
    let mut out = String::new();
    if let Err(error) = write_svg(&mut out, chart, theme) {
        log::error!("The picture is incomplete: {error}");
    }
    out.into_bytes()
}

fn share(value: f64, (low, high): (f64, f64)) -> f64 {
    if high > low { (value - low) / (high - low) } else { 0.5 }
}

fn place(chart: &Chart<'_>, [x, y]: [f64; 2]) -> [f64; 2] {
    [LEFT + share(x, chart.x) * PLOT_WIDTH, TOP + (1.0 - share(y, chart.y)) * PLOT_HEIGHT]
}

fn write_svg(out: &mut String, chart: &Chart<'_>, theme: &Theme) -> std::fmt::Result {
    let (ground, ink, weak) = (css(theme.surface.base), css(theme.text.body), css(theme.text.weak));
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="Inter, sans-serif" font-size="12" fill="{ink}">"#
    )?;
    writeln!(out, r#"<rect width="{WIDTH}" height="{HEIGHT}" fill="{ground}"/>"#)?;
    writeln!(out, r#"<text x="{LEFT}" y="24" font-size="15">{}</text>"#, escaped(chart.title))?;
    axes(out, chart, theme)?;
    let series = css(theme.series(0));
    for [from, to, top] in &chart.bars {
        let [left, y] = place(chart, [*from, *top]);
        let [right, bottom] = place(chart, [*to, chart.y.0.max(0.0)]);
        let (width, height) = ((right - left - 1.0).max(0.5), bottom - y);
        writeln!(
            out,
            r#"<rect x="{left:.2}" y="{y:.2}" width="{width:.2}" height="{height:.2}" fill="{series}"/>"#
        )?;
    }
    for point in chart.points.iter().filter(|[x, y]| x.is_finite() && y.is_finite()) {
        let [x, y] = place(chart, *point);
        writeln!(out, r#"<circle cx="{x:.2}" cy="{y:.2}" r="1.6" fill="{series}" fill-opacity="0.55"/>"#)?;
    }
    for line in &chart.lines {
        let (color, dashes) = match line.color {
            Some(color) => (css(theme.series(color)), ""),
            None => (weak.clone(), r#" stroke-dasharray="4 4""#),
        };
        write!(out, r#"<polyline fill="none" stroke="{color}" stroke-width="1.5"{dashes} points=""#)?;
        for point in line.points.iter().filter(|[x, y]| x.is_finite() && y.is_finite()) {
            let [x, y] = place(chart, *point);
            write!(out, "{x:.2},{y:.2} ")?;
        }
        writeln!(out, r#""/>"#)?;
    }
    if let Some(marker) = chart.marker {
        let [x, y] = place(chart, marker);
        writeln!(
            out,
            r#"<circle cx="{x:.2}" cy="{y:.2}" r="5" fill="{}" stroke="{ink}"/>"#,
            css(theme.accent.fill)
        )?;
    }
    writeln!(out, "</svg>")
}

fn axes(out: &mut String, chart: &Chart<'_>, theme: &Theme) -> std::fmt::Result {
    let grid = css(theme.surface.hairline);
    for (tick, text) in ticks(chart.x) {
        let [x, _] = place(chart, [tick, chart.y.0]);
        let (bottom, below) = (TOP + PLOT_HEIGHT, TOP + PLOT_HEIGHT + 16.0);
        writeln!(
            out,
            r#"<line x1="{x:.2}" x2="{x:.2}" y1="{TOP}" y2="{bottom}" stroke="{grid}"/><text x="{x:.2}" y="{below}" text-anchor="middle">{text}</text>"#
        )?;
    }
    for (tick, text) in ticks(chart.y) {
        let [_, y] = place(chart, [chart.x.0, tick]);
        let (right, left) = (LEFT + PLOT_WIDTH, LEFT - 8.0);
        writeln!(
            out,
            r#"<line x1="{LEFT}" x2="{right}" y1="{y:.2}" y2="{y:.2}" stroke="{grid}"/><text x="{left}" y="{:.2}" text-anchor="end">{text}</text>"#,
            y + 4.0
        )?;
    }
    writeln!(
        out,
        r#"<text x="{}" y="{}" text-anchor="middle">{}</text>"#,
        LEFT + PLOT_WIDTH / 2.0,
        HEIGHT - 12.0,
        escaped(chart.x_name)
    )?;
    let middle = TOP + PLOT_HEIGHT / 2.0;
    writeln!(
        out,
        r#"<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">{}</text>"#,
        escaped(chart.y_name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::widgets::chart::ChartLine;

    #[test]
    fn everything_a_chart_shows_is_in_the_drawing() {
        let chart = Chart {
            title: "ROC <a>",
            x_name: "False & true",
            y_name: "Rate",
            x: (0.0, 1.0),
            y: (0.0, 1.0),
            lines: vec![
                ChartLine { color: Some(0), points: vec![[0.0, 0.0], [1.0, 1.0]], dots: false },
                ChartLine { color: None, points: vec![[0.0, 0.0], [1.0, f64::NAN]], dots: false },
            ],
            points: vec![[0.5, 0.5]],
            bars: vec![[0.0, 0.1, 0.7]],
            marker: Some([0.2, 0.8]),
            ..Chart::default()
        };
        let text = String::from_utf8(svg(&chart, &Theme::dark())).expect("text");
        assert!(text.contains("ROC &lt;a&gt;") && text.contains("False &amp; true") && text.contains("Rate"));
        assert!(text.contains(r#"points="64.00,344.00 464.00,40.00 ""#), "{text}");
        assert_eq!((text.matches("<polyline").count(), text.matches("<circle").count()), (2, 2));
        assert!(text.contains("stroke-dasharray") && !text.contains("NaN"));
        let empty = Chart { x: (0.0, 0.0), ..chart };
        assert!(!String::from_utf8(svg(&empty, &Theme::light())).expect("text").contains("NaN"));
    }
}
