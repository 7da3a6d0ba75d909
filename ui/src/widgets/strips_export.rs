//! Strips as an SVG drawing.

use super::{
    chart::{TICKS, ticks},
    strips::{Strips, shade},
    svg::{Anchor, Drawing, css},
};
use crate::theme::Theme;

const WIDTH: f64 = 640.0;
const LEFT: f64 = 170.0;
const TOP: f64 = 40.0;
const STRIP: f64 = 26.0;
const PLOT: f64 = WIDTH - LEFT - 96.0;

/// The chart as an SVG document, 640 units wide.
pub(super) fn svg(chart: &Strips<'_>, theme: &Theme) -> Vec<u8> {
    let height = TOP + STRIP * chart.strips.len() as f64 + 44.0;
    Drawing::document((WIDTH, height), (16.0, chart.title), theme, |drawing| draw(drawing, chart, theme))
}

fn draw(drawing: &mut Drawing, chart: &Strips<'_>, theme: &Theme) -> std::fmt::Result {
    let place = |x: f64| LEFT + chart.share(x) * PLOT;
    let bottom = TOP + STRIP * chart.strips.len() as f64;
    for (tick, text) in ticks(chart.x, TICKS) {
        drawing.line([place(tick), TOP], [place(tick), bottom], theme.surface.hairline)?;
        drawing.text([place(tick), bottom + 16.0], Anchor::Middle, &text)?;
    }
    if let Some(zero) = chart.zero {
        drawing.line([place(zero), TOP], [place(zero), bottom], theme.text.weak)?;
    }
    drawing.text([LEFT + PLOT / 2.0, bottom + 34.0], Anchor::Middle, chart.x_name)?;
    for (at, strip) in chart.strips.iter().enumerate() {
        let middle = TOP + STRIP * (at as f64 + 0.5);
        drawing.text([16.0, middle + 4.0], Anchor::Start, &strip.name)?;
        drawing.text([WIDTH - 16.0, middle + 4.0], Anchor::End, &strip.value)?;
        if let Some((from, to)) = strip.bar {
            let (from, to) = (place(from), place(to));
            let (left, width, top) = (from.min(to), (to - from).abs().max(1.0), middle - 7.0);
            let fill = css(theme.series(strip.color));
            drawing.raw(format_args!(
                r#"<rect x="{left:.2}" y="{top:.2}" width="{width:.2}" height="14" fill="{fill}"/>"#
            ))?;
        }
        for dot in &strip.dots {
            let (x, y) = (place(dot.x), middle - f64::from(dot.lift) * (STRIP / 2.0 - 3.0));
            let fill = css(shade(theme, dot.shade));
            drawing.raw(format_args!(
                r#"<circle cx="{x:.2}" cy="{y:.2}" r="2" fill="{fill}" fill-opacity="0.8"/>"#
            ))?;
        }
        if let Some((low, high)) = strip.interval {
            let ends = [[place(low), middle], [place(high), middle]];
            drawing.polyline(ends.into_iter(), theme.text.strong, "")?;
            for [x, _] in ends {
                drawing.line([x, middle - 4.0], [x, middle + 4.0], theme.text.strong)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::widgets::strips::{Dot, Strip};

    #[test]
    fn everything_that_strips_show_is_in_the_drawing() {
        let strip = Strip {
            name: "carrier <a>".to_owned(),
            value: "+0.25".to_owned(),
            bar: Some((0.0, 0.5)),
            interval: Some((0.4, 0.6)),
            dots: vec![Dot { x: 0.1, lift: 0.5, shade: Some(0.3) }, Dot { x: 5.0, lift: 0.0, shade: None }],
            ..Strip::default()
        };
        let chart = Strips {
            title: "Importance",
            x_name: "Mean size",
            x: (0.0, 1.0),
            zero: Some(0.0),
            strips: vec![strip],
            ..Strips::default()
        };
        let text = String::from_utf8(svg(&chart, &Theme::dark())).expect("text");
        assert!(text.contains("carrier &lt;a&gt;") && text.contains("Mean size") && text.contains("+0.25"));
        assert_eq!((text.matches("<circle").count(), text.matches("<polyline").count()), (2, 1));
        assert!(text.contains(r#"<rect x="170.00" y="46.00" width="187.00" height="14""#), "{text}");
        assert!(!text.contains("NaN"));
    }
}
