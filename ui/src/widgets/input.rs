//! One-line input: words in the middle of its height, as wide as it is told.

use egui::{Align2, Slider, TextEdit, Ui};

use crate::theme::{Theme, space};

/// A one-line text. egui alone puts the words at the top of the box.
#[expect(clippy::disallowed_methods, reason = "the one place that makes a one-line input")]
pub fn input(text: &mut String) -> TextEdit<'_> {
    TextEdit::singleline(text).align(Align2::LEFT_CENTER)
}

/// A slider whose way so far stands out from the rest of its rail.
pub fn slider(ui: &mut Ui, theme: &Theme, slider: Slider<'_>) -> egui::Response {
    ui.scope(|ui| {
        ui.spacing_mut().interact_size.y = space::ROW - space::XS;
        ui.spacing_mut().slider_rail_height = space::XS;
        ui.visuals_mut().selection.bg_fill = theme.accent.fill;
        ui.add(slider)
    })
    .inner
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;

    use super::*;
    use crate::theme::install;

    #[test]
    fn words_stand_in_the_middle_of_their_box() {
        let mut text = "late".to_owned();
        let mut distance = f32::INFINITY;
        let mut harness = Harness::builder().with_context_setup(install).build_ui(|ui| {
            let output = input(&mut text).show(ui);
            let words = output.galley.rect.translate(output.galley_pos.to_vec2());
            output.response.response.clone().accessible_name("Target");
            distance = (words.center().y - output.response.response.rect.center().y).abs();
        });
        harness.run_steps(3);
        drop(harness);
        assert!(distance < 1.0, "the words stand {distance} points from the middle");
    }
}
