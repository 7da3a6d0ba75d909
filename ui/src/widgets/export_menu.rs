//! The menu that saves a picture: its values, or the picture as a drawing or as pixels.

use egui::{Ui, containers::menu::MenuButton};

use super::{button::icon_face, icon};
use crate::theme::Theme;

/// What kind of file is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Values.
    Csv,
    /// A drawing.
    Svg,
    /// Pixels.
    Png,
}

impl Format {
    /// A file name for a picture of that title.
    pub fn file_name(self, title: &str) -> String {
        let ending = match self {
            Self::Csv => "csv",
            Self::Svg => "svg",
            Self::Png => "png",
        };
        format!("{}.{ending}", title.to_lowercase().replace(' ', "-"))
    }
}

/// Draws the menu's button; returns what was asked for.
pub fn export_menu(ui: &mut Ui, theme: &Theme, title: &str) -> Option<Format> {
    let (response, inside) = MenuButton::from_button(icon_face(theme, icon::EXPORT)).ui(ui, |ui| {
        let formats = [
            ("Values as CSV…", Format::Csv),
            ("Picture as SVG…", Format::Svg),
            ("Picture as PNG…", Format::Png),
        ];
        formats.into_iter().filter(|(words, _)| ui.button(*words).clicked()).map(|(_, format)| format).last()
    });
    let name = format!("Export {}", title.to_lowercase());
    response.on_hover_text(name.as_str()).accessible_name(name);
    inside.and_then(|shown| shown.inner)
}
