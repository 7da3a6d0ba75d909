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
    units::UnixSecs,
};
use orrery_policy::traffic::burn_rate::{self, Counts};
use serde::{Deserialize, Serialize};

use super::serve::Gateway;
use crate::{files, jobs::now};

/// Minutes kept: three days.
const MINUTES: usize = 4_320;
/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Tries of one alert.
const TRIES: u32 = 4;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Minute {
    number: u64,
    total: u64,
    bad: u64,
}

#[derive(Default)]
struct Kept {
    minutes: VecDeque<Minute>,
    /// Alerts that are on, by objective: how urgent, and since when.
    alerts: Vec<Option<(burn_rate::Severity, UnixSecs)>>,
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
    pub fn views(&self, config: &super::GatewayConfig) -> Vec<SloView> {
        let kept = self.kept();
        let number = (now() / 60.0) as u64;
        let view = |(index, slo): (usize, &super::config::Slo)| {
            let burn = |secs| slo.objective.burn_rate(window(&kept.minutes, number, secs));
            let alert = kept.alerts.get(index).copied().flatten();
            SloView {
                name: slo.name.clone(),
                objective_percent: slo.objective.objective_percent,
                burn_hour: burn(3_600),
                burn_6_hours: burn(21_600),
                burn_3_days: burn(259_200),
                alert: alert.map(|(severity, _)| word(severity).to_owned()),
                alert_since: alert.map(|(_, since)| since),
            }
        };
        config.slos.iter().enumerate().map(view).collect()
    }

    fn save(&self) {
        let number = (now() / 60.0) as u64;
        let minutes = {
            let mut kept = self.kept();
            if std::mem::replace(&mut kept.saved, number) == number {
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
        tokio::time::sleep(LOOK_EVERY).await;
        let live = gateway.live();
        let number = (now() / 60.0) as u64;
        let mut news = Vec::new();
        {
            let mut kept = gateway.slos.kept();
            kept.alerts.resize(live.config.slos.len(), None);
            let minutes = kept.minutes.clone();
            for (slo, known) in live.config.slos.iter().zip(&mut kept.alerts) {
                let on =
                    slo.objective.alert(|secs| window(&minutes, number, secs)).map(|alert| alert.severity);
                if known.map(|(severity, _)| severity) == on {
                    continue;
                }
                *known = on.map(|severity| (severity, now()));
                news.push((slo.name.clone(), on));
            }
        }
        for (name, on) in news {
            let (severity, message) = match on {
                Some(burn_rate::Severity::Page) => {
                    (Severity::Error, "The error budget is spent far too fast: page.".to_owned())
                }
                Some(burn_rate::Severity::Ticket) => {
                    (Severity::Warning, "The error budget is spent too fast: ticket.".to_owned())
                }
                None => (Severity::Ok, "The alert is over.".to_owned()),
            };
            live.event(severity, FleetEventKind::Alert, &name, message.clone());
            let alert = serde_json::json!({
                "gateway": live.config.name, "objective": name, "alert": on.map(word), "message": message, "at": now(),
            });
            for url in &live.config.alert_webhooks {
                tokio::spawn(send(gateway.http.clone(), url.clone(), alert.to_string()));
            }
        }
        let saving = Arc::clone(&gateway);
        // A slow disk must not hold up the watch.
        tokio::task::spawn_blocking(move || saving.slos.save());
    }
}

/// Sends an alert, again after 1, 2 and 4 seconds where that fails.
async fn send(http: reqwest::Client, url: String, body: String) {
    for attempt in 0..TRIES {
        let sent = http
            .post(&url)
            .header("content-type", "application/json")
            .timeout(Duration::from_secs(10))
            .body(body.clone())
            .send()
            .await;
        match sent {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) => log::warn!("an alert was answered with {}", answer.status()),
            Err(error) => log::warn!("an alert was not delivered: {}", error.without_url()),
        }
        tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
    }
    log::error!("an alert was given up after {TRIES} tries");
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
        slos.save();
        let again = Slos::open(file);
        let number = (now() / 60.0) as u64;
        assert_eq!(window(&again.kept().minutes, number, 3_600), Counts { total: 7, bad: 2 });
    }
}
