//! Alerts: which are on, and whom they must still reach; kept on the disk, so that a restart neither fires one again nor forgets its end.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use orrery_domain::units::UnixSecs;
use orrery_policy::traffic::burn_rate::Severity;
use serde::{Deserialize, Serialize};

use super::serve::Gateway;
use crate::files;

/// Tries of one delivery within a run of the gateway.
const TRIES: u32 = 4;

/// An alert that is on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct On {
    /// How urgent.
    pub severity: Severity,
    /// Since when.
    pub since: UnixSecs,
}

/// News that an address has not taken yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Delivery {
    url: String,
    body: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// Alerts that are on, by objective.
    on: BTreeMap<String, On>,
    /// In order.
    undelivered: Vec<Delivery>,
}

/// The alerts of a gateway.
pub struct Alerts {
    kept: Mutex<Kept>,
    /// Addresses that something is on its way to: each is told one thing after the other.
    under_way: Mutex<BTreeSet<String>>,
    /// One write at a time, so that the newest is the last.
    saving: Mutex<()>,
    file: PathBuf,
}

impl Alerts {
    /// Takes over what an earlier process kept.
    pub fn open(file: PathBuf) -> Self {
        let kept = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            kept: Mutex::new(kept.unwrap_or_default()),
            under_way: Mutex::default(),
            saving: Mutex::default(),
            file,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The alert of an objective, where one is on.
    pub fn on(&self, objective: &str) -> Option<On> {
        self.kept().on.get(objective).copied()
    }

    /// Takes in how urgent each objective is at `now`; those of which that changed. An objective that is gone is not urgent any more.
    pub fn take(
        &self,
        objectives: &[(String, Option<Severity>)],
        now: UnixSecs,
    ) -> Vec<(String, Option<Severity>)> {
        let mut kept = self.kept();
        let gone = kept.on.keys().filter(|known| !objectives.iter().any(|(name, _)| name == *known));
        let mut news: Vec<(String, Option<Severity>)> = gone.map(|name| (name.clone(), None)).collect();
        for (name, severity) in objectives {
            if kept.on.get(name).map(|on| on.severity) != *severity {
                news.push((name.clone(), *severity));
            }
        }
        for (name, severity) in &news {
            match severity {
                Some(severity) => kept.on.insert(name.clone(), On { severity: *severity, since: now }),
                None => kept.on.remove(name),
            };
        }
        news
    }

    /// Notes that an address is to be told something.
    pub fn tell(&self, url: &str, body: String) {
        self.kept().undelivered.push(Delivery { url: url.to_owned(), body });
    }

    /// Writes what is known.
    pub fn save(&self) {
        let _one_at_a_time = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let written = serde_json::to_vec(&*self.kept());
        let written = written.map(|bytes| files::write_atomic(&self.file, &bytes));
        if !matches!(written, Ok(Ok(()))) {
            log::warn!("the alerts could not be kept in {}", self.file.display());
        }
    }

    /// The first thing that an address is to be told.
    fn next(&self, url: &str) -> Option<String> {
        self.kept().undelivered.iter().find(|delivery| delivery.url == url).map(|found| found.body.clone())
    }

    /// Takes out the first thing that an address was to be told.
    fn done(&self, url: &str) {
        let mut kept = self.kept();
        if let Some(first) = kept.undelivered.iter().position(|delivery| delivery.url == url) {
            kept.undelivered.remove(first);
        }
    }
}

/// Sends what is not delivered yet, to each address in its own time.
pub fn deliver(gateway: &Arc<Gateway>) {
    let alerts = &gateway.alerts;
    let urls: BTreeSet<String> =
        alerts.kept().undelivered.iter().map(|delivery| delivery.url.clone()).collect();
    let mut under_way = alerts.under_way.lock().unwrap_or_else(PoisonError::into_inner);
    for url in urls {
        if under_way.insert(url.clone()) {
            tokio::spawn(deliver_to(Arc::clone(gateway), url));
        }
    }
}

async fn deliver_to(gateway: Arc<Gateway>, url: String) {
    while let Some(body) = gateway.alerts.next(&url) {
        send(&gateway.http, &url, &body).await;
        gateway.alerts.done(&url);
        let saving = Arc::clone(&gateway);
        if let Err(error) = tokio::task::spawn_blocking(move || saving.alerts.save()).await {
            log::error!("the alerts were not kept: {error}");
        }
    }
    // What came just now is looked for at the next second.
    gateway.alerts.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&url);
}

/// Sends an alert, again after 1, 2 and 4 seconds where that fails.
async fn send(http: &reqwest::Client, url: &str, body: &str) {
    for attempt in 0..TRIES {
        let sent = http
            .post(url)
            .header("content-type", "application/json")
            .timeout(Duration::from_secs(10))
            .body(body.to_owned())
            .send()
            .await;
        match sent {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) => log::warn!("an alert was answered with {}", answer.status()),
            Err(error) => log::warn!("an alert was not delivered: {}", error.without_url()),
        }
        if attempt + 1 < TRIES {
            tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
        }
    }
    log::error!("an alert was given up after {TRIES} tries");
}

/// The file that alerts are kept in, beside the configuration.
pub fn file(config: &Path) -> PathBuf {
    config.with_extension("alerts.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_news_when_it_comes_changes_and_goes_whatever_restarts_in_between() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("g.alerts.json");
        let again = |alerts: &Alerts| {
            alerts.save();
            Alerts::open(file.clone())
        };
        let of = |severity| vec![("a".to_owned(), severity), ("b".to_owned(), None)];
        let named = |severity| vec![("a".to_owned(), severity)];
        let alerts = Alerts::open(file.clone());
        assert!(alerts.take(&of(None), 1.0).is_empty());
        assert_eq!(alerts.take(&of(Some(Severity::Ticket)), 2.0), named(Some(Severity::Ticket)));
        let alerts = again(&alerts);
        assert!(alerts.take(&of(Some(Severity::Ticket)), 3.0).is_empty(), "known before the restart");
        assert_eq!(alerts.on("a"), Some(On { severity: Severity::Ticket, since: 2.0 }));
        assert_eq!(alerts.take(&of(Some(Severity::Page)), 4.0), named(Some(Severity::Page)));
        let alerts = again(&alerts);
        assert_eq!(alerts.take(&[], 5.0), named(None), "the objective is gone, and so is its alert");
        assert!(again(&alerts).take(&of(None), 6.0).is_empty(), "its end was told");
    }

    #[test]
    fn what_was_not_delivered_is_kept_in_order() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("g.alerts.json");
        let alerts = Alerts::open(file.clone());
        for (url, body) in [("x", "1"), ("y", "2"), ("x", "3")] {
            alerts.tell(url, body.to_owned());
        }
        alerts.done("x");
        alerts.save();
        let alerts = Alerts::open(file);
        assert_eq!((alerts.next("x").as_deref(), alerts.next("y").as_deref()), (Some("3"), Some("2")));
        alerts.done("x");
        assert_eq!(alerts.next("x"), None);
    }
}
