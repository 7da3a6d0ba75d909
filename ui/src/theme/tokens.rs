//! The colour tokens, read from `assets/theme/*.ron`.

use egui::Color32;
use serde::{Deserialize, Deserializer, de::Error as _};

/// Backgrounds by elevation, and the one hairline.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Surface {
    /// The page.
    #[serde(deserialize_with = "hex")]
    pub base: Color32,
    /// Cards, panels, the rail.
    #[serde(deserialize_with = "hex")]
    pub raised: Color32,
    /// Popups, dialogs.
    #[serde(deserialize_with = "hex")]
    pub overlay: Color32,
    /// Tracks of bars, code.
    #[serde(deserialize_with = "hex")]
    pub sunken: Color32,
    /// Inside inputs and plots.
    #[serde(deserialize_with = "hex")]
    pub field: Color32,
    /// Under the pointer.
    #[serde(deserialize_with = "hex")]
    pub hover: Color32,
    /// Lines between things.
    #[serde(deserialize_with = "hex")]
    pub hairline: Color32,
    /// Outlines of buttons and inputs.
    #[serde(deserialize_with = "hex")]
    pub edge: Color32,
    /// What tells a control by its shape alone: rails and handles, empty check boxes, scroll bars.
    #[serde(deserialize_with = "hex")]
    pub control: Color32,
}

/// Text colours.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TextColors {
    /// Titles, values.
    #[serde(deserialize_with = "hex")]
    pub strong: Color32,
    /// Ordinary text.
    #[serde(deserialize_with = "hex")]
    pub body: Color32,
    /// Labels, units, captions.
    #[serde(deserialize_with = "hex")]
    pub weak: Color32,
    /// Text on the accent fill.
    #[serde(deserialize_with = "hex")]
    pub on_accent: Color32,
}

/// The accent: selection and the primary action.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Accent {
    /// Fill of the primary action.
    #[serde(deserialize_with = "hex")]
    pub fill: Color32,
    /// The same under the pointer.
    #[serde(deserialize_with = "hex")]
    pub hover: Color32,
    /// Links, the focus ring, selected words.
    #[serde(deserialize_with = "hex")]
    pub text: Color32,
    /// Background of what is selected.
    #[serde(deserialize_with = "hex")]
    pub soft: Color32,
}

/// State colours; safe for colour-blind eyes, and never alone.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct StateColors {
    /// Good.
    #[serde(deserialize_with = "hex")]
    pub ok: Color32,
    /// Computing.
    #[serde(deserialize_with = "hex")]
    pub running: Color32,
    /// Waiting.
    #[serde(deserialize_with = "hex")]
    pub waiting: Color32,
    /// Look at it.
    #[serde(deserialize_with = "hex")]
    pub warning: Color32,
    /// It failed.
    #[serde(deserialize_with = "hex")]
    pub failed: Color32,
    /// Nobody knows.
    #[serde(deserialize_with = "hex")]
    pub unknown: Color32,
}

/// A theme: every colour the window may use.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Theme {
    /// Whether it is the dark one.
    pub dark: bool,
    /// Backgrounds.
    pub surface: Surface,
    /// Text.
    pub text: TextColors,
    /// Accent.
    pub accent: Accent,
    /// States.
    pub state: StateColors,
    /// Lines of plots.
    #[serde(deserialize_with = "hex_list")]
    pub series: [Color32; 8],
}

impl Theme {
    /// The embedded dark theme.
    ///
    /// # Panics
    /// Never: a test reads both embedded themes.
    pub fn dark() -> Self {
        ron::from_str(include_str!("../../../assets/theme/dark.ron")).expect("the embedded theme is valid")
    }

    /// The embedded light theme.
    ///
    /// # Panics
    /// Never: a test reads both embedded themes.
    pub fn light() -> Self {
        ron::from_str(include_str!("../../../assets/theme/light.ron")).expect("the embedded theme is valid")
    }
}

fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Color32, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn hex_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[Color32; 8], D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let colours =
        texts.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>().map_err(D::Error::custom)?;
    colours.try_into().map_err(|found: Vec<_>| {
        D::Error::custom(format!("a theme has eight series colours, not {}", found.len()))
    })
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads a colour")]
fn parse(text: &str) -> Result<Color32, String> {
    Color32::from_hex(text).map_err(|error| format!("'{text}' is not a colour: {error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.2.
    fn luminance(colour: Color32) -> f64 {
        let linear = |byte: u8| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Everything that words and controls lie on.
    fn grounds(theme: &Theme) -> [Color32; 7] {
        let Surface { base, raised, overlay, sunken, field, hover, .. } = theme.surface;
        [base, raised, overlay, sunken, field, hover, theme.accent.soft]
    }

    #[test]
    fn text_and_series_are_legible_on_every_surface() {
        for theme in [Theme::dark(), Theme::light()] {
            let surface = &theme.surface;
            let everywhere = grounds(&theme);
            let state = &theme.state;
            let words = [
                theme.text.strong,
                theme.text.body,
                theme.text.weak,
                theme.accent.text,
                state.ok,
                state.running,
                state.waiting,
                state.warning,
                state.failed,
                state.unknown,
            ];
            for ground in everywhere {
                for word in words {
                    let ratio = contrast(word, ground);
                    assert!(ratio >= 4.5, "dark={} {word:?} on {ground:?} is {ratio:.2}", theme.dark);
                }
            }
            for fill in [theme.accent.fill, theme.accent.hover] {
                assert!(contrast(theme.text.on_accent, fill) >= 4.5, "dark={} text on accent", theme.dark);
            }
            for ground in [surface.base, surface.raised, surface.sunken, surface.field] {
                for line in theme.series {
                    let ratio = contrast(line, ground);
                    assert!(ratio >= 3.0, "dark={} series {line:?} on {ground:?} is {ratio:.2}", theme.dark);
                }
            }
        }
    }

    /// WCAG 2.2, 1.4.11: what a control is told by stands out 3:1 from what it lies on.
    #[test]
    fn controls_without_words_stand_out_from_every_surface() {
        for theme in [Theme::dark(), Theme::light()] {
            let surface = &theme.surface;
            for ground in grounds(&theme) {
                let ratio = contrast(surface.control, ground);
                assert!(ratio >= 3.0, "dark={} a control on {ground:?} is {ratio:.2}", theme.dark);
            }
            let checked = contrast(theme.accent.fill, surface.base);
            assert!(checked >= 3.0, "dark={} a checked box is {checked:.2}", theme.dark);
        }
    }
}
