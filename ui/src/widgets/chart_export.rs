//! A chart as an SVG drawing.

use super::{
    chart::{Chart, RING, TICKS},
    chart_legend::Drawn,
    svg::{Anchor, Drawing, css, dashes},
};
use crate::theme::Theme;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 40.0;
const PLOT_WIDTH: f64 = WIDTH - LEFT - 16.0;
const PLOT_HEIGHT: f64 = HEIGHT - TOP - 56.0;

/// The chart as an SVG document of 480 by 400 units, and as much more in height as its legend takes.
pub fn svg(chart: &Chart<'_>, theme: &Theme) -> Vec<u8> {
    let legend = Drawn::of(chart, PLOT_WIDTH);
    let size = (WIDTH, HEIGHT + legend.height());
    Drawing::document(size, (LEFT, chart.title), theme, |drawing| {
        draw(drawing, chart, theme)?;
        legend.draw(drawing, theme, [LEFT, HEIGHT - 4.0])
    })
}

fn share(value: f64, (low, high): (f64, f64)) -> f64 {
    if high > low { (value - low) / (high - low) } else { 0.5 }
}

fn place(chart: &Chart<'_>, [x, y]: [f64; 2]) -> [f64; 2] {
    [LEFT + share(x, chart.x) * PLOT_WIDTH, TOP + (1.0 - share(y, chart.y)) * PLOT_HEIGHT]
}

fn draw(drawing: &mut Drawing, chart: &Chart<'_>, theme: &Theme) -> std::fmt::Result {
    axes(drawing, chart, theme)?;
    let series = css(theme.series(0));
    for [from, to, top] in &chart.bars {
        let [left, y] = place(chart, [*from, *top]);
        let [right, bottom] = place(chart, [*to, chart.y.0.max(0.0)]);
        let (width, height) = ((right - left - 1.0).max(0.5), bottom - y);
        drawing.raw(format_args!(
            r#"<rect x="{left:.2}" y="{y:.2}" width="{width:.2}" height="{height:.2}" fill="{series}"/>"#
        ))?;
    }
    for point in chart.points.iter().filter(|[x, y]| x.is_finite() && y.is_finite()) {
        let [x, y] = place(chart, *point);
        drawing.raw(format_args!(
            r#"<circle cx="{x:.2}" cy="{y:.2}" r="1.6" fill="{series}" fill-opacity="0.55"/>"#
        ))?;
    }
    for line in &chart.lines {
        let color = line.color.map_or(theme.text.weak, |color| theme.series(color));
        let points = line.points.iter().map(|point| place(chart, *point));
        if line.dots {
            let fill = css(color);
            for [x, y] in points.clone().filter(|[x, y]| x.is_finite() && y.is_finite()) {
                drawing.raw(format_args!(r#"<circle cx="{x:.2}" cy="{y:.2}" r="3" fill="{fill}"/>"#))?;
            }
        }
        let more = if line.faint { r#" stroke-opacity="0.45""# } else { dashes(line.color.is_none()) };
        drawing.polyline(points, color, more)?;
    }
    if let Some(marker) = chart.marker {
        let [x, y] = place(chart, marker);
        let (ink, (radius, width)) = (css(theme.text.strong), RING);
        drawing.raw(format_args!(
            r#"<circle cx="{x:.2}" cy="{y:.2}" r="{radius}" fill="none" stroke="{ink}" stroke-width="{width}"/>"#
        ))?;
    }
    Ok(())
}

fn axes(drawing: &mut Drawing, chart: &Chart<'_>, theme: &Theme) -> std::fmt::Result {
    let grid = theme.surface.hairline;
    let (right, bottom) = (LEFT + PLOT_WIDTH, TOP + PLOT_HEIGHT);
    for (tick, text) in chart.ticks(chart.x, TICKS) {
        let [x, _] = place(chart, [tick, chart.y.0]);
        drawing.line([x, TOP], [x, bottom], grid)?;
        drawing.text([x, bottom + 16.0], Anchor::Middle, &text)?;
    }
    for (tick, text) in chart.ticks(chart.y, TICKS) {
        let [_, y] = place(chart, [chart.x.0, tick]);
        drawing.line([LEFT, y], [right, y], grid)?;
        drawing.text([LEFT - 8.0, y + 4.0], Anchor::End, &text)?;
    }
    drawing.text([LEFT + PLOT_WIDTH / 2.0, HEIGHT - 12.0], Anchor::Middle, chart.x_name)?;
    let middle = TOP + PLOT_HEIGHT / 2.0;
    drawing.raw(format_args!(r#"<g transform="rotate(-90 16 {middle})">"#))?;
    drawing.text([16.0, middle], Anchor::Middle, chart.y_name)?;
    drawing.raw(format_args!("</g>"))
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
                ChartLine {
                    color: Some(0),
                    points: vec![[0.0, 0.0], [1.0, 1.0]],
                    dots: false,
                    ..ChartLine::default()
                },
                ChartLine {
                    color: None,
                    points: vec![[0.0, 0.0], [1.0, f64::NAN]],
                    dots: false,
                    ..ChartLine::default()
                },
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
        // The point that is meant keeps its colour: the ring is drawn around it.
        let dot = ChartLine { color: Some(2), points: vec![[0.2, 0.8]], dots: true, ..ChartLine::default() };
        let dotted = Chart { lines: vec![dot], points: Vec::new(), ..chart.clone() };
        let text = String::from_utf8(svg(&dotted, &Theme::dark())).expect("text");
        let circles: Vec<&str> = text.lines().filter(|line| line.starts_with("<circle")).collect();
        let [dot, ring] = circles[..] else { panic!("{circles:?}") };
        let color = format!(r#"r="3" fill="{}""#, css(Theme::dark().series(2)));
        assert!(dot.contains(&color) && ring.contains(r#"r="6" fill="none""#), "{circles:?}");
        let empty = Chart { x: (0.0, 0.0), ..chart };
        assert!(!String::from_utf8(svg(&empty, &Theme::light())).expect("text").contains("NaN"));
    }

    #[test]
    fn colours_are_explained_in_the_drawing_and_single_dots_are_seen() {
        let theme = Theme::dark();
        let dot = |color: usize, name: &str| ChartLine {
            color: Some(color),
            name: name.to_owned(),
            points: vec![[0.5, 0.5]],
            dots: true,
            ..ChartLine::default()
        };
        let front = ChartLine {
            name: "Front".to_owned(),
            points: vec![[0.0, 0.0], [1.0, 1.0]],
            ..ChartLine::default()
        };
        let lines = vec![front, dot(2, "Best <b>"), dot(0, "Others"), dot(0, "Others")];
        let chart = Chart { title: "T", x: (0.0, 1.0), y: (0.0, 1.0), lines, ..Chart::default() };
        let text = String::from_utf8(svg(&chart, &theme)).expect("text");
        for name in ["Front", "Best &lt;b&gt;", "Others"] {
            assert_eq!(text.matches(&format!(">{name}</text>")).count(), 1, "{name} in {text}");
        }
        // Its dot in the plot, and its mark in the legend.
        assert_eq!(text.matches(&format!(r#"fill="{}"/>"#, css(theme.series(2)))).count(), 2, "{text}");
        assert_eq!(text.matches("stroke-dasharray").count(), 2, "the front and its mark");
        assert!(text.contains(r#"viewBox="0 0 480 418""#), "{text}");
    }
}
