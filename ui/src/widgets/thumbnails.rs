//! Thumbnails: small pictures in lines, each line with a name before it.

use egui::{
    FontId, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2,
    text::{LayoutJob, TextWrapping},
    vec2,
};
use orrery_domain::image::ImageShape;

use super::{
    chart_card::picture_card,
    pixels::{Face, paint},
    svg::{Anchor, Drawing, css},
};
use crate::{
    context::PageContext,
    theme::{Theme, size, space},
};

/// Side of a thumbnail, points.
const SIDE: f32 = 52.0;
/// Width of the names, points.
const NAME: f32 = 120.0;

/// Pictures in lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Thumbnails<'a> {
    /// Title; the accessible name begins with it.
    pub title: &'a str,
    /// Shape of the pictures.
    pub shape: ImageShape,
    /// White.
    pub most: f64,
    /// Name and pictures of each line, each with its own name.
    pub lines: Vec<Line>,
    /// What is shown, in a sentence.
    pub summary: String,
}

/// A line of pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// What each picture is, and its values. `[pictures][channels * height * width]`
    pub pictures: Vec<(String, Vec<f64>)>,
}

impl Thumbnails<'_> {
    /// Draws them, as many of a line as there is room for.
    pub fn show(&self, ui: &mut Ui, theme: &Theme) -> Response {
        let step = SIDE + space::XS;
        let height = step * self.lines.len() as f32;
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
        let name = format!("{}: {}", self.title, self.summary);
        response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name.trim_end_matches([':', ' '])));
        let room = (((rect.width() - NAME) / step) as usize).max(1);
        let mut hovered = None;
        for (place, line) in self.lines.iter().enumerate() {
            let top = rect.top() + step * place as f32;
            let font = FontId::proportional(size::LABEL);
            let mut words = LayoutJob::simple_singleline(line.name.clone(), font, theme.text.body);
            words.wrap = TextWrapping::truncate_at_width(NAME - space::S);
            let words = ui.painter().layout_job(words);
            let at = pos2(rect.left(), top + (SIDE - words.size().y) / 2.0);
            ui.painter().galley(at, words, theme.text.body);
            for (at, (name, values)) in line.pictures.iter().take(room).enumerate() {
                let area = self.area(pos2(rect.left() + NAME + step * at as f32, top));
                paint(ui, theme, self.shape, &self.face(values), area);
                if response.hover_pos().is_some_and(|pointer| area.contains(pointer)) {
                    hovered = Some(name.clone());
                }
            }
        }
        match hovered {
            Some(words) => response.on_hover_text_at_pointer(words),
            None => response,
        }
    }

    /// Where a picture is drawn in its square.
    fn area(&self, corner: egui::Pos2) -> Rect {
        let (width, height) = (self.shape.width as f32, self.shape.height as f32);
        let scale = SIDE / width.max(height);
        Rect::from_min_size(corner, vec2(width * scale, height * scale))
    }

    fn face(&self, values: &[f64]) -> Face {
        Face::Picture { values: values.to_vec(), most: self.most }
    }

    /// The same as an SVG document; pixels of one colour beside each other are one bar.
    fn svg(&self, theme: &Theme) -> Vec<u8> {
        let (side, step, left, top) = (52.0, 56.0, 136.0, 44.0);
        let most = self.lines.iter().map(|line| line.pictures.len()).max().unwrap_or(1).max(1);
        let size = (left + step * most as f64 + 16.0, top + step * self.lines.len() as f64 + 12.0);
        let (width, height) = (self.shape.width as usize, self.shape.height as usize);
        let pixel = side / width.max(height) as f64;
        Drawing::document(size, (16.0, self.title), theme, |drawing| {
            for (place, line) in self.lines.iter().enumerate() {
                let y = top + step * place as f64;
                drawing.text([16.0, y + side / 2.0 + 4.0], Anchor::Start, &line.name)?;
                for (at, (_, values)) in line.pictures.iter().enumerate() {
                    let (x, face) = (left + step * at as f64, self.face(values));
                    for row in 0..height {
                        let mut from = 0;
                        while from < width {
                            let color = face.color(theme, self.shape, row * width + from);
                            let mut to = from + 1;
                            while to < width && face.color(theme, self.shape, row * width + to) == color {
                                to += 1;
                            }
                            let (x, y) = (x + from as f64 * pixel, y + row as f64 * pixel);
                            let (wide, fill) = ((to - from) as f64 * pixel, css(color));
                            drawing.raw(format_args!(
                                r#"<rect x="{x:.2}" y="{y:.2}" width="{wide:.2}" height="{pixel:.2}" fill="{fill}" shape-rendering="crispEdges"/>"#
                            ))?;
                            from = to;
                        }
                    }
                }
            }
            Ok(())
        })
    }
}

/// Thumbnails in a card, with the menu that saves their values and their picture.
pub fn thumbnails_card(
    pictures: &Thumbnails<'_>,
    csv: impl FnOnce() -> String,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    picture_card(
        pictures.title,
        |theme| pictures.svg(theme),
        csv,
        ctx,
        ui,
        |ui, theme| {
            let shown = pictures.show(ui, theme).rect;
            ui.add_space(space::XS);
            ui.add(egui::Label::new(theme.weak(pictures.summary.as_str())).wrap());
            shown
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_of_one_colour_are_one_bar() {
        let line =
            Line { name: "seven <7>".to_owned(), pictures: vec![("a".to_owned(), vec![0.0, 0.0, 1.0, 1.0])] };
        let pictures = Thumbnails {
            title: "Pictures",
            shape: ImageShape { width: 2, height: 2, channels: 1 },
            most: 1.0,
            lines: vec![line],
            summary: String::new(),
        };
        let text = String::from_utf8(pictures.svg(&Theme::dark())).expect("text");
        assert_eq!(text.matches("crispEdges").count(), 2);
        assert!(text.contains("seven &lt;7&gt;") && text.contains("#ffffff") && text.contains("#000000"));
    }
}
