//! Histogram cell: the shape of a column in the space of a table cell; hovering tells each bar's range and count.

use egui::{Rect, Response, Role, Sense, Ui, Vec2, WidgetInfo, pos2};
use orrery_domain::profile::{Histogram, ValueCount};

use super::format_cell::{date, number, share};
use crate::{
    format,
    theme::{Theme, space},
};

/// Draws a histogram of a numeric column, or of a date column (`dates`: the edges are seconds since 1970).
pub fn histogram(
    ui: &mut Ui,
    theme: &Theme,
    data: &Histogram,
    dates: bool,
    size: Vec2,
    name: &str,
) -> Response {
    let bars: Vec<Bar> = data
        .counts
        .iter()
        .zip(data.edges.windows(2))
        .map(|(count, edges)| Bar::bin(*count, edges, dates))
        .collect();
    draw(ui, theme, &bars, size, &format!("Histogram of {name}"))
}

/// Draws the most frequent values of a column of `rows` rows as bars, the most frequent first.
pub fn top_values(
    ui: &mut Ui,
    theme: &Theme,
    values: &[ValueCount],
    rows: u64,
    size: Vec2,
    name: &str,
) -> Response {
    let bars: Vec<Bar> = values.iter().map(|value| Bar::value(value, rows)).collect();
    draw(ui, theme, &bars, size, &format!("Top values of {name}"))
}

struct Bar {
    count: u64,
    label: String,
}

impl Bar {
    fn bin(count: u64, edges: &[f64], dates: bool) -> Self {
        let text = if dates { date } else { number };
        let [from, to] = [edges.first(), edges.last()].map(|edge| edge.copied().unwrap_or_default());
        Self { count, label: format!("{} to {}: {}", text(from), text(to), format::plural(count, "row")) }
    }

    fn value(value: &ValueCount, rows: u64) -> Self {
        let part = if rows == 0 { 0.0 } else { value.count as f64 / rows as f64 };
        let label = format!("{}: {} ({})", value.value, format::plural(value.count, "row"), share(part));
        Self { count: value.count, label }
    }
}

fn draw(ui: &mut Ui, theme: &Theme, bars: &[Bar], size: Vec2, name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, spoken(name, bars)));
    if most == 0 || bars.is_empty() {
        return response;
    }
    // Few bars stay slim, so that two values do not look like a wall.
    let step = (rect.width() / bars.len() as f32).min(rect.height().max(space::L));
    let gap = if step > 3.0 { 1.0 } else { 0.0 };
    let place = |index: usize, height: f32| {
        let left = rect.left() + step * index as f32;
        Rect::from_min_max(pos2(left, rect.bottom() - height), pos2(left + step - gap, rect.bottom()))
    };
    let pointed = response.hover_pos().map(|pointer| ((pointer.x - rect.left()) / step) as usize);
    for (index, bar) in bars.iter().enumerate() {
        if bar.count == 0 {
            continue;
        }
        // A bar that counts something is never invisible.
        let height = (bar.count as f32 / most as f32 * rect.height()).max(1.0);
        let color = if pointed == Some(index) { theme.text.strong } else { theme.series(0) };
        ui.painter().rect_filled(place(index, height), 0.0, color);
    }
    ui.painter().hline(rect.x_range(), rect.bottom(), (space::HAIRLINE, theme.surface.hairline));
    match pointed.and_then(|index| bars.get(index)) {
        Some(bar) => response.on_hover_text_at_pointer(bar.label.as_str()),
        None => response,
    }
}

/// What a screen reader says: the tallest bar.
fn spoken(name: &str, bars: &[Bar]) -> String {
    match bars.iter().max_by_key(|bar| bar.count) {
        Some(bar) => format!("{name}, most at {}", bar.label),
        None => format!("{name}, no values"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_say_their_range_and_count() {
        let bin = Bar::bin(1_234, &[0.5, 1.0], false);
        assert_eq!(bin.label, "0.5 to 1: 1,234 rows");
        let day = Bar::bin(1, &[0.0, 86_400.0], true);
        assert_eq!(day.label, "1970-01-01 to 1970-01-02: 1 row");
        let value = Bar::value(&ValueCount { value: "JFK".into(), count: 5 }, 8);
        assert_eq!(value.label, "JFK: 5 rows (62.5%)");
        assert_eq!(
            spoken("Top values of origin", &[value]),
            "Top values of origin, most at JFK: 5 rows (62.5%)"
        );
    }
}
