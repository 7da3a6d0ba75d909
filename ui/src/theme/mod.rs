//! The look: tokens read from the embedded themes, fonts, and the one place where raw colours and sizes are named.

mod fonts;
pub mod metrics;
mod style;
mod tokens;

use egui::{FontFamily, FontId, RichText};

pub use fonts::{ICONS, MEDIUM, NUMBERS, NUMBERS_STRONG, STRONG};
pub use metrics::{size, space};
pub use style::install;
pub use tokens::{Accent, StateColors, Surface, TextColors, Theme};

/// What a coloured state means. Always drawn with its icon and its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Good.
    Ok,
    /// Computing.
    Running,
    /// Waiting for something or someone.
    Waiting,
    /// Look at it.
    Warning,
    /// It failed.
    Failed,
    /// Nobody knows.
    Unknown,
}

impl Theme {
    /// The colour of a state.
    pub fn state(&self, state: State) -> egui::Color32 {
        match state {
            State::Ok => self.state.ok,
            State::Running => self.state.running,
            State::Waiting => self.state.waiting,
            State::Warning => self.state.warning,
            State::Failed => self.state.failed,
            State::Unknown => self.state.unknown,
        }
    }

    /// The colour of the `index`-th series of a plot; begins again after eight.
    pub fn series(&self, index: usize) -> egui::Color32 {
        self.series[index % self.series.len()]
    }

    /// Ordinary text.
    pub fn body(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).size(size::BODY).color(self.text.body)
    }

    /// Text that matters more than its neighbours.
    pub fn strong(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(FontId::new(size::BODY, medium())).color(self.text.strong)
    }

    /// Text that explains: labels of fields, units, captions.
    pub fn weak(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).size(size::LABEL).color(self.text.weak)
    }

    /// The smallest text: axis ticks, column headers, provenance.
    pub fn caption(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).size(size::CAPTION).color(self.text.weak)
    }

    /// A heading inside a page.
    pub fn heading(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(FontId::new(size::HEADING, strong())).color(self.text.strong)
    }

    /// The title of a page or dialog.
    pub fn title(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(FontId::new(size::TITLE, strong())).color(self.text.strong)
    }

    /// A number in a table, axis or counter: tabular figures.
    pub fn number(&self, text: impl Into<String>) -> RichText {
        RichText::new(text)
            .font(FontId::new(size::BODY, FontFamily::Name(NUMBERS.into())))
            .color(self.text.body)
    }

    /// The number of a metric tile: large tabular figures.
    pub fn figure(&self, text: impl Into<String>) -> RichText {
        RichText::new(text)
            .font(FontId::new(size::TITLE, FontFamily::Name(NUMBERS_STRONG.into())))
            .color(self.text.strong)
    }

    /// Code, ids, hashes, paths.
    pub fn mono(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(FontId::new(size::LABEL, FontFamily::Monospace)).color(self.text.body)
    }
}

fn medium() -> FontFamily {
    FontFamily::Name(MEDIUM.into())
}

fn strong() -> FontFamily {
    FontFamily::Name(STRONG.into())
}
