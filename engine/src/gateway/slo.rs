//! Slo: how fast error budgets are spent, from counts by the minute that survive a restart; and whom to tell.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use orrery_domain::{
    fleet::{FleetEventKind, SloView},
    snapshot::Severity,
};
use orrery_policy::traffic::burn_rate::{self, Counts};
use serde::{Deserialize, Serialize};

use super::{
    alerts::{self, Alerts},
    serve::Gateway,
};
use crate::{files, jobs::now};

/// Minutes kept: three days.
const MINUTES: usize = 4_320;
/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Minute {
    number: u64,
    total: u64,
    bad: u64,
}

#[derive(Default)]
struct Kept {
    minutes: VecDeque<Minute>,
    saved: u64,
}

/// Counts by the minute.
pub struct Slos {
    kept: Mutex<Kept>,
    file: PathBuf,
}

impl Slos {
    /// Takes over what an earlier process counted.
    pub fn open(file: PathBuf) -> Self {
        let minutes = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { kept: Mutex::new(Kept { minutes: minutes.unwrap_or_default(), ..Kept::default() }), file }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request.
    pub fn record(&self, bad: bool) {
        let number = (now() / 60.0) as u64;
        let mut kept = self.kept();
        if kept.minutes.back().is_none_or(|last| last.number < number) {
            kept.minutes.push_back(Minute { number, ..Minute::default() });
            if kept.minutes.len() > MINUTES {
                kept.minutes.pop_front();
            }
        }
        if let Some(last) = kept.minutes.back_mut() {
            last.total += 1;
            last.bad += u64::from(bad);
        }
    }

    /// How every objective stands.
    pub fn views(&self, config: &super::GatewayConfig, alerts: &Alerts) -> Vec<SloView> {
        let kept = self.kept();
        let number = (now() / 60.0) as u64;
        let view = |slo: &super::config::Slo| {
            let burn = |secs| slo.objective.burn_rate(window(&kept.minutes, number, secs));
            let alert = alerts.on(&slo.name);
            SloView {
                name: slo.name.clone(),
                objective_percent: slo.objective.objective_percent,
                burn_hour: burn(3_600),
                burn_6_hours: burn(21_600),
                burn_3_days: burn(259_200),
                alert: alert.map(|on| word(on.severity).to_owned()),
                alert_since: alert.map(|on| on.since),
            }
        };
        config.slos.iter().map(view).collect()
    }

    /// How urgent every objective is, by its name.
    fn urgencies(&self, config: &super::GatewayConfig) -> Vec<(String, Option<burn_rate::Severity>)> {
        let number = (now() / 60.0) as u64;
        let minutes = self.kept().minutes.clone();
        let urgency = |slo: &super::config::Slo| {
            let alert = slo.objective.alert(|secs| window(&minutes, number, secs));
            (slo.name.clone(), alert.map(|alert| alert.severity))
        };
        config.slos.iter().map(urgency).collect()
    }

    /// Keeps the counts: once a minute, or `at_once`.
    fn save(&self, at_once: bool) {
        let number = (now() / 60.0) as u64;
        let minutes = {
            let mut kept = self.kept();
            if std::mem::replace(&mut kept.saved, number) == number && !at_once {
                return;
            }
            kept.minutes.clone()
        };
        let written = serde_json::to_vec(&minutes).map(|bytes| files::write_atomic(&self.file, &bytes));
        if !matches!(written, Ok(Ok(()))) {
            log::warn!("the counts of the objectives could not be kept in {}", self.file.display());
        }
    }
}

fn word(severity: burn_rate::Severity) -> &'static str {
    match severity {
        burn_rate::Severity::Page => "page",
        burn_rate::Severity::Ticket => "ticket",
    }
}

/// What is said of an alert that is on, or over.
fn said(on: Option<burn_rate::Severity>) -> (Severity, &'static str) {
    match on {
        Some(burn_rate::Severity::Page) => (Severity::Error, "The error budget is spent far too fast: page."),
        Some(burn_rate::Severity::Ticket) => {
            (Severity::Warning, "The error budget is spent too fast: ticket.")
        }
        None => (Severity::Ok, "The alert is over."),
    }
}

/// The requests of the last so many seconds, to the minute; the present minute counts.
fn window(minutes: &VecDeque<Minute>, number: u64, secs: u64) -> Counts {
    let span = secs.div_ceil(60);
    let inside = minutes.iter().rev().take_while(|minute| minute.number + span > number);
    inside.fold(Counts::default(), |counts, minute| Counts {
        total: counts.total + minute.total,
        bad: counts.bad + minute.bad,
    })
}

/// Looks at the objectives again and again, and tells whom it concerns.
pub async fn watch(gateway: Arc<Gateway>) {
    loop {
        // First what an earlier process could not deliver.
        alerts::deliver(&gateway);
        tokio::time::sleep(LOOK_EVERY).await;
        let live = gateway.live();
        let (urgencies, now) = (gateway.slos.urgencies(&live.config), now());
        let words = |name: &str, on: Option<burn_rate::Severity>| {
            serde_json::json!({
                "gateway": live.config.name, "objective": name, "alert": on.map(word), "message": said(on).1, "at": now,
            })
            .to_string()
        };
        let news = gateway.alerts.take(&urgencies, now, &live.config.alert_webhooks, words);
        for (name, on) in &news {
            let (severity, message) = said(*on);
            live.event(severity, FleetEventKind::Alert, name, message.to_owned());
        }
        let (saving, changed) = (Arc::clone(&gateway), !news.is_empty());
        let saved = tokio::task::spawn_blocking(move || {
            saving.slos.save(changed);
            if changed {
                saving.alerts.save();
            }
        });
        // What is told is kept first. Without news a slow disk must not hold up the watch.
        if changed && let Err(error) = saved.await {
            log::error!("the alerts were not kept: {error}");
        }
    }
}

/// The file that counts are kept in, beside the configuration.
pub fn file(config: &Path) -> PathBuf {
    config.with_extension("slo.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_count_whole_minutes_and_the_present_one() {
        let minutes: VecDeque<Minute> =
            (0..120).map(|number| Minute { number, total: 10, bad: u64::from(number >= 115) }).collect();
        assert_eq!(window(&minutes, 119, 300), Counts { total: 50, bad: 5 });
        assert_eq!(window(&minutes, 119, 3_600), Counts { total: 600, bad: 5 });
        assert_eq!(window(&minutes, 119, 259_200), Counts { total: 1200, bad: 5 });
        assert_eq!(window(&minutes, 300, 300), Counts::default(), "nothing came lately");
    }

    #[test]
    fn counts_survive_a_restart() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("g.slo.json");
        let slos = Slos::open(file.clone());
        (0..7).for_each(|index| slos.record(index < 2));
        slos.save(true);
        let again = Slos::open(file);
        let number = (now() / 60.0) as u64;
        assert_eq!(window(&again.kept().minutes, number, 3_600), Counts { total: 7, bad: 2 });
    }
}
