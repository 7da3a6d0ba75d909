//! Pixels as an SVG drawing.

use super::{
    pixels::Pixels,
    svg::{Anchor, Drawing, css},
};
use crate::theme::Theme;

const PANEL: f64 = 224.0;
const GAP: f64 = 16.0;
const TOP: f64 = 60.0;

/// The panels as an SVG document, each 224 units wide.
pub(super) fn svg(pixels: &Pixels<'_>, theme: &Theme) -> Vec<u8> {
    let many = pixels.panels.len().max(1) as f64;
    let side = PANEL / f64::from(pixels.shape.width.max(1));
    let size = (many * (PANEL + GAP) + GAP, TOP + side * f64::from(pixels.shape.height) + GAP);
    Drawing::document(size, (GAP, pixels.title), theme, |drawing| draw(drawing, pixels, side, theme))
}

fn draw(drawing: &mut Drawing, pixels: &Pixels<'_>, side: f64, theme: &Theme) -> std::fmt::Result {
    let (width, height) = (pixels.shape.width as usize, pixels.shape.height as usize);
    for (place, panel) in pixels.panels.iter().enumerate() {
        let left = GAP + place as f64 * (PANEL + GAP);
        drawing.text([left, TOP - 10.0], Anchor::Start, &panel.name)?;
        for at in 0..width * height {
            let fill = css(panel.face.color(theme, pixels.shape, at));
            let (x, y) = (left + (at % width) as f64 * side, TOP + (at / width) as f64 * side);
            drawing.raw(format_args!(
                r#"<rect x="{x:.2}" y="{y:.2}" width="{side:.2}" height="{side:.2}" fill="{fill}" shape-rendering="crispEdges"/>"#
            ))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use orrery_domain::image::ImageShape;

    use super::*;
    use crate::widgets::pixels::{Face, Panel};

    #[test]
    fn every_pixel_is_in_the_drawing() {
        let panel = Panel {
            name: "Picture <1>".to_owned(),
            face: Face::Picture { values: vec![0.0, 1.0, 0.5, 1.0, 0.0, 0.0], most: 1.0 },
        };
        let pixels = Pixels {
            title: "Row 3",
            shape: ImageShape { width: 3, height: 2, channels: 1 },
            panels: vec![panel.clone(), panel],
            summary: String::new(),
        };
        let text = String::from_utf8(svg(&pixels, &Theme::light())).expect("text");
        assert_eq!(text.matches("crispEdges").count(), 12);
        assert!(text.contains("Picture &lt;1&gt;") && text.contains("#808080") && text.contains("#ffffff"));
    }
}
