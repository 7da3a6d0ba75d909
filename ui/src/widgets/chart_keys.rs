//! Pictures' values by keyboard: while a picture has the focus, the arrow keys move a cursor from point to point, or from strip to strip.

use egui::{EventFilter, Key, PopupAnchor, Pos2, Response, Stroke, StrokeKind, Tooltip, Ui};

use super::chart::Chart;
use crate::theme::{Theme, space};

/// What the keyboard can stand on, from left to right: the points of coloured lines, loose points, the tops of bars.
fn stops(chart: &Chart<'_>) -> Vec<[f64; 2]> {
    let lines = chart.lines.iter().filter(|line| line.color.is_some()).flat_map(|line| &line.points);
    let bars = chart.bars.iter().map(|[from, to, top]| [from.midpoint(*to), *top]);
    let mut all: Vec<[f64; 2]> = lines.chain(&chart.points).copied().chain(bars).collect();
    all.retain(|[x, y]| x.is_finite() && y.is_finite());
    all.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    all.dedup();
    all
}

/// The keys that lead back and forth.
type Keys = [Key; 2];
const SIDEWAYS: Keys = [Key::ArrowLeft, Key::ArrowRight];
const UPRIGHT: Keys = [Key::ArrowUp, Key::ArrowDown];

/// Where the two keys, Home and End lead from a stop, of so many.
fn step(at: usize, many: usize, [back, forth]: Keys, pressed: impl Fn(Key) -> usize) -> usize {
    let last = many.saturating_sub(1);
    if pressed(Key::Home) > 0 {
        return 0;
    }
    if pressed(Key::End) > 0 {
        return last;
    }
    (at.min(last) + pressed(forth)).saturating_sub(pressed(back)).min(last)
}

/// The stop that the keyboard is on, of `many`, in a picture that has the focus.
fn stop(ui: &Ui, response: &Response, many: usize, keys: Keys) -> usize {
    if response.gained_focus() {
        // The arrow keys are the picture's own from the next frame on.
        ui.ctx().request_repaint();
    }
    let (horizontal_arrows, vertical_arrows) = (keys == SIDEWAYS, keys == UPRIGHT);
    let arrows = EventFilter { horizontal_arrows, vertical_arrows, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
    let place = response.id.with("cursor");
    let before = ui.data(|data| data.get_temp::<usize>(place)).unwrap_or(0);
    let now = step(before, many, keys, |key| ui.input(|input| input.num_presses(key)));
    ui.data_mut(|data| data.insert_temp(place, now));
    now
}

/// The point that the keyboard is on, where the chart has the focus.
pub(super) fn cursor(chart: &Chart<'_>, ui: &Ui, response: &Response) -> Option<[f64; 2]> {
    if !response.has_focus() {
        return None;
    }
    let stops = stops(chart);
    stops.get(stop(ui, response, stops.len(), SIDEWAYS)).copied()
}

/// The strip that the keyboard is on, of `many` below each other, where their picture has the focus.
pub(super) fn row(ui: &Ui, response: &Response, many: usize) -> Option<usize> {
    (many > 0 && response.has_focus()).then(|| stop(ui, response, many, UPRIGHT))
}

/// The ring around a picture that has the focus.
pub(super) fn ring(ui: &Ui, theme: &Theme, response: &Response) {
    if response.has_focus() {
        let line = Stroke::new(space::FOCUS, theme.accent.text);
        ui.painter().rect_stroke(response.rect, space::RADIUS_SMALL, line, StrokeKind::Inside);
    }
}

/// Says what stands at the cursor: beside it, and to those who do not see it.
pub(super) fn say(ui: &Ui, theme: &Theme, response: &Response, at: Pos2, words: &str) {
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_value(words));
    let (ctx, layer) = (ui.ctx().clone(), ui.layer_id());
    let tooltip = Tooltip::always_open(ctx, layer, response.id, PopupAnchor::Position(at)).gap(12.0);
    tooltip.show(|ui| ui.label(theme.body(words)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::widgets::chart::ChartLine;

    #[test]
    fn the_keyboard_stands_on_values_and_not_on_lines_of_reference() {
        let line = |color: Option<usize>, points: &[[f64; 2]]| ChartLine {
            color,
            points: points.to_vec(),
            ..ChartLine::default()
        };
        let chart = Chart {
            lines: vec![
                line(None, &[[0.0, 0.0], [9.0, 9.0]]),
                line(Some(0), &[[3.0, 1.0], [1.0, 2.0]]),
                line(Some(1), &[[1.0, 2.0], [2.0, f64::NAN]]),
            ],
            points: vec![[2.0, 5.0]],
            bars: vec![[4.0, 6.0, 7.0]],
            ..Chart::default()
        };
        assert_eq!(stops(&chart), [[1.0, 2.0], [2.0, 5.0], [3.0, 1.0], [5.0, 7.0]]);
    }

    #[test]
    fn keys_move_within_the_values() {
        let by = |at: usize, key: Key, times: usize| {
            step(at, 4, SIDEWAYS, |asked| if asked == key { times } else { 0 })
        };
        assert_eq!([by(0, Key::ArrowRight, 1), by(2, Key::ArrowRight, 5)], [1, 3]);
        assert_eq!([by(1, Key::ArrowLeft, 1), by(0, Key::ArrowLeft, 2)], [0, 0]);
        assert_eq!([by(2, Key::Home, 1), by(2, Key::End, 1), by(9, Key::Tab, 1)], [0, 3, 3]);
        assert_eq!(
            (step(3, 0, UPRIGHT, |_| 1), step(1, 4, UPRIGHT, |key| usize::from(key == Key::ArrowDown))),
            (0, 2)
        );
    }
}
