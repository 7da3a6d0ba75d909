//! Pixels: pictures and heat maps drawn pixel by pixel, side by side under their names.

#![expect(clippy::disallowed_methods, reason = "a picture of the data has its own colours")]

use egui::{
    Align2, Color32, FontId, Mesh, Pos2, Rect, Response, Role, Sense, Shape, Ui, WidgetInfo, pos2, vec2,
};
use orrery_domain::image::ImageShape;

use super::{chart_card::picture_card, pixels_export};
use crate::{
    context::PageContext,
    theme::{Theme, size, space},
};

/// Height of a panel's name, points.
const NAME: f32 = 18.0;
/// Largest side of a panel, points.
const LARGEST: f32 = 260.0;

/// What a panel shows of its values.
#[derive(Clone, Debug, PartialEq)]
pub enum Face {
    /// A picture: values from 0 (black) to `most`. `[channels * height * width]`
    Picture {
        /// Values.
        values: Vec<f64>,
        /// White.
        most: f64,
    },
    /// Figures around 0, of which `most` is the largest: one colour above, another below. `[height * width]`
    Heat {
        /// Figures.
        figures: Vec<f64>,
        /// The largest size.
        most: f64,
    },
    /// Figures over the picture in grey.
    Both {
        /// Values of the picture.
        values: Vec<f64>,
        /// White.
        white: f64,
        /// Figures.
        figures: Vec<f64>,
        /// The largest size.
        most: f64,
    },
}

/// A picture or a map with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Its name, above it.
    pub name: String,
    /// What it shows.
    pub face: Face,
}

/// Panels of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels<'a> {
    /// Title; the accessible name begins with it.
    pub title: &'a str,
    /// Shape of the pictures.
    pub shape: ImageShape,
    /// Panels, from left to right.
    pub panels: Vec<Panel>,
    /// What they show, in a sentence.
    pub summary: String,
}

/// What white is among such values: 1, 16 or 255, or the largest of them.
pub fn white(values: impl Iterator<Item = f64>) -> f64 {
    let largest = values.fold(0.0, f64::max);
    [1.0, 16.0, 255.0].into_iter().find(|white| largest <= *white).unwrap_or(largest)
}

/// A share of a value's way to white as one of 256 shades.
fn shade(value: f64, most: f64) -> u8 {
    (value / most.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0).mul_add(255.0, 0.5) as u8
}

/// The colour of a figure on a ground.
fn heat(theme: &Theme, ground: Color32, figure: f64, most: f64) -> Color32 {
    let share = (figure.abs() / most.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0) as f32;
    ground.lerp_to_gamma(theme.series(usize::from(figure < 0.0)), share)
}

impl Face {
    /// The colour of a pixel.
    pub(super) fn color(&self, theme: &Theme, shape: ImageShape, at: usize) -> Color32 {
        let plane = shape.width as usize * shape.height as usize;
        let pixel = |values: &[f64], most: f64| {
            let part =
                |channel: usize| shade(values.get(channel * plane + at).copied().unwrap_or_default(), most);
            if shape.channels == 3 {
                Color32::from_rgb(part(0), part(1), part(2))
            } else {
                Color32::from_gray(part(0))
            }
        };
        let of = |figures: &[f64]| figures.get(at).copied().unwrap_or_default();
        match self {
            Self::Picture { values, most } => pixel(values, *most),
            Self::Heat { figures, most } => heat(theme, theme.surface.field, of(figures), *most),
            Self::Both { values, white, figures, most } => {
                let [red, green, blue, _] = pixel(values, *white).to_array();
                let grey = ((u32::from(red) + u32::from(green) + u32::from(blue)) / 3) as u8;
                let ground = theme.surface.field.lerp_to_gamma(Color32::from_gray(grey), 0.5);
                heat(theme, ground, of(figures), *most)
            }
        }
    }

    /// What it says of a pixel.
    fn reading(&self, shape: ImageShape, at: usize) -> String {
        let (width, plane) = (shape.width as usize, shape.width as usize * shape.height as usize);
        let number = |value: f64| crate::format::significant(value, 3);
        let value = |values: &[f64]| -> String {
            let channels =
                (0..shape.channels as usize).filter_map(|channel| values.get(channel * plane + at));
            channels.map(|value| number(*value)).collect::<Vec<_>>().join(", ")
        };
        let words = match self {
            Self::Picture { values, .. } => value(values),
            Self::Heat { figures, .. } => figures.get(at).map(|figure| number(*figure)).unwrap_or_default(),
            Self::Both { values, figures, .. } => {
                let figure = figures.get(at).map(|figure| number(*figure)).unwrap_or_default();
                format!("{}: {figure}", value(values))
            }
        };
        format!("line {}, place {}\n{words}", at / width, at % width)
    }
}

/// Paints one panel's pixels into a rectangle.
pub fn paint(ui: &Ui, theme: &Theme, shape: ImageShape, face: &Face, rect: Rect) {
    let (width, height) = (shape.width as usize, shape.height as usize);
    let step = vec2(rect.width() / width as f32, rect.height() / height as f32);
    let mut mesh = Mesh::default();
    for at in 0..width * height {
        let corner = rect.min + vec2((at % width) as f32 * step.x, (at / width) as f32 * step.y);
        mesh.add_colored_rect(Rect::from_min_size(corner, step), face.color(theme, shape, at));
    }
    ui.painter().add(Shape::mesh(mesh));
}

impl Pixels<'_> {
    /// Width and height of a panel where so much width is there for all.
    fn panel(&self, available: f32) -> (f32, f32) {
        let many = self.panels.len().max(1) as f32;
        let width = ((available - (many - 1.0) * space::M) / many).clamp(24.0, LARGEST);
        let tall = width * self.shape.height as f32 / self.shape.width.max(1) as f32;
        if tall > LARGEST { (width * LARGEST / tall, LARGEST) } else { (width, tall) }
    }

    /// Draws them as wide as there is room.
    pub fn show(&self, ui: &mut Ui, theme: &Theme) -> Response {
        let (width, height) = self.panel(ui.available_width());
        let all = vec2(ui.available_width(), height + NAME);
        let (rect, response) = ui.allocate_exact_size(all, Sense::hover());
        let name = format!("{}: {}", self.title, self.summary);
        response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name.trim_end_matches([':', ' '])));
        let font = FontId::proportional(size::CAPTION);
        let mut reading = None;
        for (place, panel) in self.panels.iter().enumerate() {
            let left = rect.left() + place as f32 * (width + space::M);
            let picture = Rect::from_min_size(pos2(left, rect.top() + NAME), vec2(width, height));
            let painter = ui.painter();
            painter.text(
                pos2(left, rect.top()),
                Align2::LEFT_TOP,
                &panel.name,
                font.clone(),
                theme.text.weak,
            );
            paint(ui, theme, self.shape, &panel.face, picture);
            let pointer = response.hover_pos().filter(|at| picture.contains(*at));
            reading = reading.or(pointer.map(|at| panel.face.reading(self.shape, self.pixel(picture, at))));
        }
        match reading {
            Some(words) => response.on_hover_text_at_pointer(words),
            None => response,
        }
    }

    /// The pixel at a point of a panel.
    fn pixel(&self, picture: Rect, at: Pos2) -> usize {
        let share = (at - picture.min) / picture.size();
        let place =
            |share: f32, length: u32| ((share * length as f32) as u32).min(length.saturating_sub(1)) as usize;
        place(share.y, self.shape.height) * self.shape.width as usize + place(share.x, self.shape.width)
    }
}

/// Panels in a card, with the menu that saves their values and their picture.
pub fn pixels_card(
    pixels: &Pixels<'_>,
    csv: impl FnOnce() -> String,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let svg = |theme: &Theme| pixels_export::svg(pixels, theme);
    picture_card(pixels.title, svg, csv, ctx, ui, |ui, theme| pixels.show(ui, theme).rect);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_the_values() {
        let theme = Theme::dark();
        let shape = ImageShape { width: 2, height: 1, channels: 1 };
        let picture = Face::Picture { values: vec![0.0, 16.0], most: 16.0 };
        assert_eq!(picture.color(&theme, shape, 0), Color32::BLACK);
        assert_eq!(picture.color(&theme, shape, 1), Color32::WHITE);
        let map = Face::Heat { figures: vec![0.0, -2.0], most: 2.0 };
        assert_eq!(map.color(&theme, shape, 0), theme.surface.field);
        assert_eq!(map.color(&theme, shape, 1), theme.series(1));
        let colours = ImageShape { channels: 3, ..shape };
        let picture = Face::Picture { values: vec![255.0, 0.0, 0.0, 0.0, 0.0, 255.0], most: 255.0 };
        assert_eq!(picture.color(&theme, colours, 0), Color32::from_rgb(255, 0, 0));
        assert_eq!(picture.color(&theme, colours, 1), Color32::from_rgb(0, 0, 255));
        assert!(picture.reading(colours, 1).starts_with("line 0, place 1"));
    }

    #[test]
    fn white_is_a_usual_largest_value() {
        assert!((white([0.2, 0.9].into_iter()) - 1.0).abs() < 1e-12);
        assert!((white([3.0, 15.0].into_iter()) - 16.0).abs() < 1e-12);
        assert!((white([200.0].into_iter()) - 255.0).abs() < 1e-12);
        assert!((white([1000.0].into_iter()) - 1000.0).abs() < 1e-12);
    }
}
