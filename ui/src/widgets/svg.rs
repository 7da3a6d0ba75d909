//! The parts that every exported drawing has: document, title, texts, lines of points, colours.

use std::fmt::{Result, Write as _};

use egui::Color32;

use crate::theme::Theme;

/// A drawing that grows element by element. Coordinates are its own units.
pub(super) struct Drawing {
    out: String,
}

/// Where a text stands against its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Drawing {
    /// A document of that size with its ground and title; `draw` puts everything else into it.
    pub(super) fn document(
        (width, height): (f64, f64),
        (left, title): (f64, &str),
        theme: &Theme,
        draw: impl FnOnce(&mut Self) -> Result,
    ) -> Vec<u8> {
        let mut drawing = Self { out: String::new() };
        let ink = css(theme.text.body);
        let begin = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="Inter, sans-serif" font-size="12" fill="{ink}">"#
        );
        let ground =
            format!(r#"<rect width="{width}" height="{height}" fill="{}"/>"#, css(theme.surface.base));
        let title = format!(r#"<text x="{left}" y="24" font-size="15">{}</text>"#, escaped(title));
        let written = drawing
            .raw(format_args!("{begin}\n{ground}\n{title}"))
            .and_then(|()| draw(&mut drawing))
            .and_then(|()| drawing.raw(format_args!("</svg>")));
        if let Err(error) = written {
            log::error!("The picture is incomplete: {error}");
        }
        drawing.out.into_bytes()
    }

    /// An element that is written out.
    pub(super) fn raw(&mut self, element: std::fmt::Arguments<'_>) -> Result {
        writeln!(self.out, "{element}")
    }

    /// A text at a point.
    pub(super) fn text(&mut self, [x, y]: [f64; 2], anchor: Anchor, text: &str) -> Result {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.raw(format_args!(r#"<text x="{x:.2}" y="{y:.2}" text-anchor="{anchor}">{text}</text>"#))
    }

    /// A straight line.
    pub(super) fn line(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], color: Color32) -> Result {
        let color = css(color);
        self.raw(format_args!(
            r#"<line x1="{x1:.2}" y1="{y1:.2}" x2="{x2:.2}" y2="{y2:.2}" stroke="{color}"/>"#
        ))
    }

    /// A line through points; `more` are further attributes. Points that are no numbers are left out.
    pub(super) fn polyline(
        &mut self,
        points: impl Iterator<Item = [f64; 2]>,
        color: Color32,
        more: &str,
    ) -> Result {
        let color = css(color);
        write!(self.out, r#"<polyline fill="none" stroke="{color}" stroke-width="1.5"{more} points=""#)?;
        for [x, y] in points.filter(|[x, y]| x.is_finite() && y.is_finite()) {
            write!(self.out, "{x:.2},{y:.2} ")?;
        }
        self.raw(format_args!(r#""/>"#))
    }
}

/// The attribute of a dashed line, or none.
pub(super) fn dashes(dashed: bool) -> &'static str {
    if dashed { r#" stroke-dasharray="5 3""# } else { "" }
}

/// A colour as `#rrggbb`.
pub(super) fn css(color: Color32) -> String {
    let [red, green, blue, _] = color.to_srgba_unmultiplied();
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
