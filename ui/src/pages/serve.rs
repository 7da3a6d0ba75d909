//! Words, states and small parts that the pages of the fleet share.

use egui::Ui;
use orrery_domain::{
    fleet::{BreakerView, Finding, Health, RegionHealth},
    snapshot::Severity,
};

use crate::{
    format::{self, NONE},
    theme::{State, Theme},
    widgets::{
        form::FormRow,
        grid::{Cell, Look},
        icon,
        input::input,
    },
};

/// Seconds, or an en dash.
pub(super) fn secs(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), time)
}

/// A short time: `0.84 ms`, `12 ms`, `1.2 s`.
pub(super) fn time(value: f64) -> String {
    if (0.0..0.01).contains(&value) && value > 0.0 {
        format!("{} ms", format::significant(value * 1e3, 2))
    } else if (0.0..1.0).contains(&value) {
        format!("{:.0} ms", value * 1e3)
    } else {
        format::duration(value)
    }
}

/// A share in percent, or an en dash.
pub(super) fn share(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), format::percent)
}

/// Requests a second, or an en dash.
pub(super) fn rate(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), per_sec)
}

/// Requests a second without the unit.
pub(super) fn per_sec(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format::count_short(value) }
}

/// State and word of a health.
pub(super) fn health(health: Health) -> (State, &'static str) {
    match health {
        Health::Unknown => (State::Unknown, "Unknown"),
        Health::Healthy => (State::Ok, "Healthy"),
        Health::Degraded => (State::Warning, "Degraded"),
        Health::Unhealthy => (State::Failed, "Unhealthy"),
    }
}

/// State and word of a region's health.
pub(super) fn region_health(health: RegionHealth) -> (State, &'static str) {
    match health {
        RegionHealth::Unknown => (State::Unknown, "Unknown"),
        RegionHealth::Healthy => (State::Ok, "Healthy"),
        RegionHealth::Degraded => (State::Warning, "Degraded"),
        RegionHealth::Down => (State::Failed, "Down"),
    }
}

/// State and word of a check's finding.
pub(super) fn finding(finding: Finding) -> (State, &'static str) {
    match finding {
        Finding::Conforms => (State::Ok, "Conforms"),
        Finding::Unsupported => (State::Unknown, "Not offered"),
        Finding::Deviates => (State::Warning, "Deviates"),
        Finding::Untrue => (State::Failed, "Untrue"),
        Finding::Unchecked => (State::Waiting, "Not checked"),
    }
}

/// State and word of how grave an event is.
pub(super) fn severity(severity: Severity) -> (State, &'static str) {
    match severity {
        Severity::Ok => (State::Ok, "Good"),
        Severity::Info => (State::Running, "News"),
        Severity::Warning => (State::Warning, "Warning"),
        Severity::Error => (State::Failed, "Error"),
    }
}

/// State and word of a breaker.
pub(super) fn breaker(view: &BreakerView) -> (State, String) {
    match view.state.as_str() {
        "closed" => (State::Ok, "Closed".to_owned()),
        "open" => (State::Failed, "Open".to_owned()),
        "half_open" => (State::Warning, "Half open".to_owned()),
        "forced_open" => (State::Failed, "Held open".to_owned()),
        "disabled" => (State::Unknown, "Disabled".to_owned()),
        "metrics_only" => (State::Unknown, "Only counts".to_owned()),
        other => (State::Unknown, other.to_owned()),
    }
}

/// The cell of a breaker, with its countdown.
pub(super) fn breaker_cell(view: Option<&BreakerView>) -> Cell {
    let Some(view) = view else { return Cell::text(NONE) };
    let (state, word) = breaker(view);
    let rank = if state == State::Failed { 0.0 } else { 1.0 };
    let look = view.retry_in_secs.map_or(Look::State(state), |secs| Look::Countdown(state, secs));
    Cell { text: word, number: Some(rank), look }
}

/// A one-line field with its label, the error beside it; says whether it changed.
pub(super) fn field(
    ui: &mut Ui,
    theme: &Theme,
    (label, help): (&str, &str),
    text: &mut String,
    error: Option<&str>,
) -> bool {
    FormRow::new(label, help)
        .error(error)
        .show(ui, theme, |ui| ui.add(input(text).desired_width(240.0)).accessible_name(label).changed())
        .inner
}

/// A sentence with the icon of a state.
pub(super) fn remark(ui: &mut Ui, theme: &Theme, state: State, words: &str) {
    ui.horizontal_top(|ui| {
        ui.label(icon::state_text(theme, state));
        ui.add(egui::Label::new(theme.body(words)).wrap());
    });
}

/// The moment of a day, to the second: `06:31:00`.
pub(super) fn clock(at: f64) -> String {
    if !at.is_finite() {
        return NONE.to_owned();
    }
    let of_day = (at.floor() as i64).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", of_day / 3600, of_day % 3600 / 60, of_day % 60)
}

/// A number that a person wrote, within limits.
///
/// # Errors
/// What is wrong with it.
pub(super) fn number(text: &str, from: f64, to: f64) -> Result<f64, String> {
    let wrong = || format!("A number from {from} to {to}.");
    let value: f64 = text.trim().parse().ok().ok_or_else(wrong)?;
    if (from..=to).contains(&value) { Ok(value) } else { Err(wrong()) }
}

/// A whole number that a person wrote, within limits.
///
/// # Errors
/// What is wrong with it.
pub(super) fn whole(text: &str, from: u32, to: u32) -> Result<u32, String> {
    let wrong = || format!("A whole number from {from} to {}.", format::count(to.into()));
    let value: u32 = text.trim().parse().ok().ok_or_else(wrong)?;
    if (from..=to).contains(&value) { Ok(value) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_a_dash_and_never_zero() {
        assert_eq!(secs(None), "–");
        assert_eq!(rate(None), "–");
        assert_eq!(share(None), "–");
        assert_eq!(secs(Some(0.0084)), "8.4 ms");
        assert_eq!(secs(Some(0.0123)), "12 ms");
        assert_eq!(secs(Some(1.24)), "1.2 s");
    }

    #[test]
    fn numbers_outside_their_limits_are_refused_with_the_limits() {
        assert_eq!(whole("128", 0, 127), Err("A whole number from 0 to 127.".to_owned()));
        assert_eq!(whole(" 7 ", 0, 127), Ok(7));
        assert!(number("nan", 0.0, 1.0).is_err() && number("", 0.0, 1.0).is_err());
        assert_eq!(clock(1_795_329_060.0), "06:31:00");
    }
}
