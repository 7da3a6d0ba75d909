//! The embedded fonts and the families they form.

use std::sync::Arc;

use egui::{FontData, FontDefinitions, FontFamily};

/// Family of medium weight: buttons, emphasised words.
pub const MEDIUM: &str = "medium";
/// Family of semi-bold weight: titles.
pub const STRONG: &str = "strong";
/// Family with tabular figures.
pub const NUMBERS: &str = "numbers";
/// Semi-bold family with tabular figures.
pub const NUMBERS_STRONG: &str = "numbers-strong";
/// Family of the icons.
pub const ICONS: &str = egui_material_icons::FONT_FAMILY;

/// Where the icons stand against the line's middle, a share of their size; below it is positive.
const ICON_RISE: f32 = -0.02;

/// Every family, from the bytes in the binary: nothing is read from the machine.
pub(super) fn definitions() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let files: [(&str, &'static [u8]); 6] = [
        ("Inter", include_bytes!("../../../assets/fonts/Inter-Regular.otf")),
        ("Inter Medium", include_bytes!("../../../assets/fonts/Inter-Medium.otf")),
        ("Inter SemiBold", include_bytes!("../../../assets/fonts/Inter-SemiBold.otf")),
        ("Inter Numbers", include_bytes!("../../../assets/fonts/InterNumbers-Regular.otf")),
        ("Inter Numbers SemiBold", include_bytes!("../../../assets/fonts/InterNumbers-SemiBold.otf")),
        ("JetBrains Mono", include_bytes!("../../../assets/fonts/JetBrainsMono-Regular.ttf")),
    ];
    for (name, bytes) in files {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let mut icons = egui_material_icons::font_insert();
    // As they come, the icons hang a point below the middle of the words beside them.
    icons.data.tweak.y_offset_factor = ICON_RISE;
    fonts.font_data.insert(icons.name.clone(), Arc::new(icons.data));
    let families = [
        (FontFamily::Proportional, "Inter"),
        (FontFamily::Monospace, "JetBrains Mono"),
        (FontFamily::Name(MEDIUM.into()), "Inter Medium"),
        (FontFamily::Name(STRONG.into()), "Inter SemiBold"),
        (FontFamily::Name(NUMBERS.into()), "Inter Numbers"),
        (FontFamily::Name(NUMBERS_STRONG.into()), "Inter Numbers SemiBold"),
    ];
    for (family, first) in families {
        // A glyph the first font lacks comes from the others; icons come last everywhere, so that words may hold one.
        let fallbacks = ["Inter", "JetBrains Mono"].into_iter().filter(|name| *name != first);
        let mut names: Vec<String> = std::iter::once(first).chain(fallbacks).map(str::to_owned).collect();
        names.push(icons.name.clone());
        fonts.families.insert(family, names);
    }
    fonts.families.insert(FontFamily::Name(ICONS.into()), vec![icons.name, "Inter".to_owned()]);
    fonts
}
