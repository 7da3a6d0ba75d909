//! Attributions: what each column added to a model's answer for a row, as bars to both sides of nothing, with the check.

use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use orrery_domain::explain::{ExplainCheck, ExplainScale, Explanation, RowExplanation};

use super::icon;
use crate::theme::{State, Theme, size, space};

/// Columns that are shown; the rest are summed up.
const MOST: usize = 8;
/// Width of the bars, both sides, points.
const BARS: f32 = 160.0;
/// Width of a column's name, points.
const NAME: f32 = 120.0;

/// Draws the first explained row.
pub fn show(explanation: &Explanation, theme: &Theme, ui: &mut Ui) {
    let Some(row) = explanation.rows.first() else { return };
    ui.add_space(space::S);
    let title = match &explanation.class {
        Some(class) => format!("What speaks for '{class}'"),
        None => "What made the number".to_owned(),
    };
    ui.label(theme.strong(title));
    ui.label(theme.caption(summary(explanation, row)));
    ui.add_space(space::XS);
    let all = lines(row);
    let largest = all.iter().fold(0.0_f64, |top, (_, value)| top.max(value.abs()));
    for (name, value) in &all {
        line(ui, theme, name, *value, largest);
    }
    ui.add_space(space::XS);
    let (state, words) = verdict(&explanation.check);
    ui.horizontal_top(|ui| {
        ui.label(icon::state_text(theme, state));
        let words = format!("{words} ({})", explanation.method.title());
        ui.add(egui::Label::new(theme.caption(words)).wrap());
    });
}

fn summary(explanation: &Explanation, row: &RowExplanation) -> String {
    let unit = match explanation.scale {
        ExplainScale::LogOdds => "log-odds",
        ExplainScale::Value => "the target's unit",
        ExplainScale::LogValue => "the logarithm of the target",
    };
    format!(
        "From {} for the mean row to {} for this one, in {unit}",
        figure(row.baseline).trim_start_matches('+'),
        figure(row.prediction).trim_start_matches('+')
    )
}

/// The largest columns, and the others as one.
fn lines(row: &RowExplanation) -> Vec<(String, f64)> {
    let ranked = row.attributions.ranked();
    let mut all: Vec<(String, f64)> = ranked.iter().take(MOST).map(|part| (*part).clone()).collect();
    let others = &ranked[all.len()..];
    if !others.is_empty() {
        let sum = others.iter().map(|(_, value)| value).sum();
        all.push((format!("{} other columns", others.len()), sum));
    }
    all
}

fn line(ui: &mut Ui, theme: &Theme, name: &str, value: f64, largest: f64) {
    let height = ui.text_style_height(&egui::TextStyle::Body);
    let response = ui
        .horizontal(|ui| {
            ui.allocate_ui_with_layout(
                vec2(NAME, height),
                egui::Layout::left_to_right(egui::Align::Center),
                |ui| {
                    ui.set_min_width(NAME);
                    ui.add(egui::Label::new(theme.weak(name)).truncate());
                },
            );
            let (rect, _) = ui.allocate_exact_size(vec2(BARS, height), Sense::hover());
            let middle = rect.center();
            let share = if largest > 0.0 { (value / largest) as f32 } else { 0.0 };
            let (from, to) = (middle.x, middle.x + share * BARS / 2.0);
            let half = space::XS;
            let bar = Rect::from_min_max(
                pos2(from.min(to), middle.y - half),
                pos2(from.max(to).max(from.min(to) + 1.0), middle.y + half),
            );
            let color = if value >= 0.0 { theme.series(0) } else { theme.series(1) };
            ui.painter().rect_filled(bar, 1.0, color);
            ui.painter().vline(middle.x, rect.y_range(), (space::HAIRLINE, theme.surface.hairline));
            ui.label(theme.number(figure(value)).size(size::LABEL));
        })
        .response;
    let spoken = format!("{name} adds {}", figure(value));
    response.widget_info(|| WidgetInfo::labeled(Role::Meter, true, &spoken));
    response.on_hover_text(spoken);
}

/// With its sign, to three digits behind the point or three in all; a real minus.
pub fn figure(value: f64) -> String {
    let text = if value != 0.0 && (value.abs() < 1e-3 || value.abs() >= 1e6) {
        format!("{value:+.2e}")
    } else {
        format!("{value:+.3}")
    };
    text.replace('-', "\u{2212}")
}

/// What the check says, in words.
fn verdict(check: &ExplainCheck) -> (State, String) {
    (if check.passed { State::Ok } else { State::Warning }, check.sentence())
}

#[cfg(test)]
mod tests {
    use orrery_domain::explain::Attributions;

    use super::*;

    #[test]
    fn many_columns_are_the_largest_and_the_sum_of_the_others() {
        let parts = (0..12).map(|at| (format!("c{at}"), f64::from(at) - 2.0)).collect();
        let row = RowExplanation {
            row: 0,
            prediction: 1.0,
            baseline: 0.0,
            attributions: Attributions(parts),
            standard_errors: None,
            values: Vec::new(),
        };
        let lines = lines(&row);
        assert_eq!(lines.len(), MOST + 1);
        assert_eq!(lines[0], ("c11".to_owned(), 9.0));
        assert_eq!(lines[MOST].0, "4 other columns");
        let sum: f64 = lines.iter().map(|(_, value)| value).sum();
        assert!((sum - (0..12).map(|at| f64::from(at) - 2.0).sum::<f64>()).abs() < 1e-12);
    }

    #[test]
    fn a_failed_check_is_said_in_words() {
        let check = |value| ExplainCheck::new("completeness", value, 1e-3);
        assert_eq!(verdict(&check(1e-6)).0, State::Ok);
        let (state, words) = verdict(&check(0.2));
        assert!(state == State::Warning && words.contains("do not add up"), "{words}");
        assert_eq!(figure(-0.5), "\u{2212}0.500");
        assert_eq!(figure(0.0), "+0.000");
    }
}
