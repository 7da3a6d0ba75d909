//! Sizes: text, the 4-point grid, heights and radii. Points, before the person's scale.

/// Text sizes, points.
pub mod size {
    /// Captions, axis ticks, column headers.
    pub const CAPTION: f32 = 11.0;
    /// Labels, ids, code.
    pub const LABEL: f32 = 12.0;
    /// Ordinary text, buttons, table cells.
    pub const BODY: f32 = 13.0;
    /// Headings inside a page.
    pub const HEADING: f32 = 15.0;
    /// Page titles and metric figures.
    pub const TITLE: f32 = 20.0;
    /// The one large number or word of a page.
    pub const DISPLAY: f32 = 28.0;
    /// Icons beside body text.
    pub const ICON: f32 = 16.0;
    /// Icons that stand alone (empty states).
    pub const ICON_LARGE: f32 = 40.0;
}

/// Distances on the 4-point grid, points.
pub mod space {
    /// Half a step, between lines that belong together.
    pub const XS: f32 = 4.0;
    /// Inside things.
    pub const S: f32 = 8.0;
    /// Between things.
    pub const M: f32 = 12.0;
    /// Between groups.
    pub const L: f32 = 16.0;
    /// Around things.
    pub const XL: f32 = 24.0;
    /// Height of a table row.
    pub const ROW: f32 = 26.0;
    /// Height of a comfortable row (lists, navigation).
    pub const ROW_COMFORTABLE: f32 = 32.0;
    /// Height of buttons and inputs.
    pub const CONTROL: f32 = 28.0;
    /// Height of the page header.
    pub const HEADER: f32 = 48.0;
    /// Height of the status bar.
    pub const STATUS: f32 = 26.0;
    /// Width of the navigation rail with words.
    pub const RAIL: f32 = 168.0;
    /// Width of the navigation rail with icons only.
    pub const RAIL_ICONS: f32 = 48.0;
    /// Width at which a form, a dialog or a paragraph stops growing.
    pub const READABLE: f32 = 640.0;
    /// Corner radius of controls and cards.
    pub const RADIUS: u8 = 6;
    /// Corner radius of small things (badges, bars).
    pub const RADIUS_SMALL: u8 = 4;
    /// Width of the one hairline.
    pub const HAIRLINE: f32 = 1.0;
    /// Width of a plotted line.
    pub const LINE: f32 = 1.5;
    /// Width of the focus ring.
    pub const FOCUS: f32 = 2.0;
}
