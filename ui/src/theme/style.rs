//! egui's style made from the tokens.

use std::collections::BTreeMap;

use egui::{
    Color32, Context, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Visuals,
    style::{Selection, WidgetVisuals, Widgets},
    vec2,
};

use super::{
    MEDIUM, NUMBERS, STRONG, Theme, fonts,
    metrics::{size, space},
};

/// Gives a context our fonts and both styles.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts::definitions());
    for (kind, theme) in [(egui::Theme::Dark, Theme::dark()), (egui::Theme::Light, Theme::light())] {
        ctx.set_style_of(kind, style(&theme));
    }
    ctx.options_mut(|options| {
        options.zoom_with_keyboard = false; // the commands own those keys
        options.fallback_theme = egui::Theme::Dark;
    });
}

fn style(theme: &Theme) -> Style {
    let mut style = Style { text_styles: text_styles(), visuals: visuals(theme), ..Style::default() };
    let spacing = &mut style.spacing;
    spacing.item_spacing = vec2(space::S, space::XS);
    spacing.button_padding = vec2(10.0, space::XS);
    spacing.interact_size = vec2(space::CONTROL, space::CONTROL);
    spacing.window_margin = Margin::same(16);
    spacing.menu_margin = Margin::same(6);
    spacing.combo_width = 120.0;
    spacing.icon_width = 16.0;
    spacing.icon_width_inner = 10.0;
    spacing.icon_spacing = 6.0;
    spacing.tooltip_width = 360.0;
    spacing.scroll = egui::style::ScrollStyle::thin();
    style.interaction.tooltip_delay = 0.4;
    style.interaction.selectable_labels = false;
    style.animation_time = 0.0; // no motion but progress and live data
    style.scroll_animation = egui::style::ScrollAnimation::none();
    style.drag_value_text_style = TextStyle::Name(NUMBERS.into());
    style
}

fn text_styles() -> BTreeMap<TextStyle, FontId> {
    let named = |name: &str| FontFamily::Name(name.into());
    [
        (TextStyle::Small, FontId::new(size::CAPTION, FontFamily::Proportional)),
        (TextStyle::Body, FontId::new(size::BODY, FontFamily::Proportional)),
        (TextStyle::Button, FontId::new(size::BODY, named(MEDIUM))),
        (TextStyle::Heading, FontId::new(size::HEADING, named(STRONG))),
        (TextStyle::Monospace, FontId::new(size::LABEL, FontFamily::Monospace)),
        (TextStyle::Name(NUMBERS.into()), FontId::new(size::BODY, named(NUMBERS))),
    ]
    .into()
}

#[expect(clippy::disallowed_methods, reason = "the one place that makes a shadow")]
fn visuals(theme: &Theme) -> Visuals {
    let Theme { dark, surface, text, accent, state, series: _ } = theme;
    let radius = CornerRadius::same(space::RADIUS);
    let hairline = Stroke::new(space::HAIRLINE, surface.hairline);
    let shadow = Shadow {
        offset: [0, 8],
        blur: 24,
        spread: 0,
        color: Color32::from_black_alpha(if *dark { 120 } else { 40 }),
    };
    let base = if *dark { Visuals::dark() } else { Visuals::light() };
    Visuals {
        dark_mode: *dark,
        override_text_color: None,
        weak_text_color: Some(text.weak),
        widgets: widgets(theme),
        selection: Selection { bg_fill: accent.soft, stroke: Stroke::new(1.0, accent.text) },
        hyperlink_color: accent.text,
        faint_bg_color: surface.raised,
        extreme_bg_color: surface.field,
        text_edit_bg_color: Some(surface.field),
        code_bg_color: surface.sunken,
        warn_fg_color: state.warning,
        error_fg_color: state.failed,
        window_corner_radius: CornerRadius::same(10),
        window_shadow: shadow,
        window_fill: surface.overlay,
        window_stroke: hairline,
        menu_corner_radius: radius,
        panel_fill: surface.base,
        popup_shadow: shadow,
        striped: false,
        slider_trailing_fill: true,
        handle_shape: egui::style::HandleShape::Circle,
        interact_cursor: Some(egui::CursorIcon::PointingHand),
        disabled_alpha: 0.5,
        ..base
    }
}

fn widgets(theme: &Theme) -> Widgets {
    let Theme { surface, text, accent, .. } = theme;
    let hairline = Stroke::new(space::HAIRLINE, surface.hairline);
    let edge = Stroke::new(space::HAIRLINE, surface.edge);
    // egui fills buttons with the weak colour; rails, their handles and scroll bars with the other.
    let look = |fill: Color32, shape: Color32, line: Stroke, word: Color32| WidgetVisuals {
        bg_fill: shape,
        weak_bg_fill: fill,
        bg_stroke: line,
        corner_radius: CornerRadius::same(space::RADIUS),
        fg_stroke: Stroke::new(1.0, word),
        expansion: 0.0,
    };
    Widgets {
        noninteractive: look(surface.raised, surface.raised, hairline, text.body),
        inactive: look(surface.overlay, surface.control, edge, text.body),
        hovered: look(surface.hover, text.weak, edge, text.strong),
        // egui draws the focused widget as active: the ring is what keyboard users steer by.
        active: look(surface.hover, text.weak, Stroke::new(space::FOCUS, accent.text), text.strong),
        open: look(surface.hover, text.weak, edge, text.strong),
    }
}
