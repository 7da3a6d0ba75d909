//! Countdown: seconds that run down between two snapshots; wakes the window once a second, and only while it is drawn.

use std::time::Duration;

use egui::{Id, Ui};

/// What is left of `secs`, counted from the moment the window first saw this figure.
pub fn left(ui: &Ui, id: Id, secs: f64) -> f64 {
    let now = ui.input(|input| input.time);
    let (_, since) = ui.data_mut(|data| {
        let kept = data.get_temp_mut_or(id, (secs, now));
        if kept.0.to_bits() != secs.to_bits() {
            *kept = (secs, now);
        }
        *kept
    });
    let left = (secs - (now - since)).max(0.0);
    if left > 0.0 {
        ui.request_repaint_after(Duration::from_secs(1));
    }
    left
}
