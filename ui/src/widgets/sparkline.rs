//! Sparkline: a curve in the space of a word, thinned without losing a peak.

use egui::{Color32, Response, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2};

use super::{
    downsample::{bucket_width, min_max},
    format_cell::number,
};
use crate::theme::space;

/// Draws `points` (ascending in x) in `size`; `name` says what they are.
pub fn sparkline(ui: &mut Ui, points: &[[f64; 2]], color: Color32, size: Vec2, name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let words = spoken(name, points);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, words.as_str()));
    let span = match (points.first(), points.last()) {
        (Some(first), Some(last)) => last[0] - first[0],
        _ => return response,
    };
    let thin = min_max(points, bucket_width(span, rect.width()));
    let range = |part: usize| {
        thin.iter()
            .map(|point| point[part])
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)))
    };
    let ((left, right), (low, high)) = (range(0), range(1));
    let place = |point: &[f64; 2]| {
        let share = |value: f64, from: f64, to: f64| {
            if to > from { ((value - from) / (to - from)) as f32 } else { 0.5 }
        };
        let inner = rect.shrink(1.0);
        let x = inner.left() + share(point[0], left, right) * inner.width();
        pos2(x, inner.bottom() - share(point[1], low, high) * inner.height())
    };
    let line: Vec<_> = thin.iter().map(place).collect();
    if let [only] = line.as_slice() {
        ui.painter().circle_filled(*only, space::LINE, color);
    } else {
        ui.painter().add(Shape::line(line, Stroke::new(space::LINE, color)));
    }
    response.on_hover_text(words)
}

fn spoken(name: &str, points: &[[f64; 2]]) -> String {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) if points.len() > 1 => {
            format!("{name}: from {} to {}", number(first[1]), number(last[1]))
        }
        (Some(only), _) => format!("{name}: {}", number(only[1])),
        _ => format!("{name}: no values yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::spoken;

    #[test]
    fn it_says_where_it_began_and_stands() {
        assert_eq!(spoken("Loss", &[]), "Loss: no values yet");
        assert_eq!(spoken("Loss", &[[0.0, 0.7]]), "Loss: 0.7");
        assert_eq!(spoken("Loss", &[[0.0, 0.7], [1.0, 0.5]]), "Loss: from 0.7 to 0.5");
    }
}
