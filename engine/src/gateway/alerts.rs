//! Alerts: which are on, and whom they must still reach; kept on the disk, so that a restart neither fires one again nor forgets its end.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use orrery_domain::units::UnixSecs;
use orrery_policy::traffic::burn_rate::Severity;
use serde::{Deserialize, Serialize};

use super::serve::Gateway;
use crate::files;

/// Most news that wait for one address.
const MOST_WAITING: usize = 1_000;
/// Time from a try that failed to the next, when the first few failed.
const TRY_EVERY: Duration = Duration::from_mins(1);

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

impl Kept {
    /// What an earlier process kept. A file that cannot be read is put aside, so that it is neither lost nor read again.
    fn read(file: &Path) -> Self {
        let read = std::fs::read(file)
            .and_then(|bytes| serde_json::from_slice::<Self>(&bytes).map_err(io::Error::from));
        match read {
            Ok(kept) => kept,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => {
                let aside = file.with_extension("json.damaged");
                log::error!(
                    "which alerts are on could not be read, so that those that are will be sent again: {error}. The file is put aside \
                     as {}. ({})",
                    aside.display(),
                    file.display()
                );
                if let Err(error) = std::fs::rename(file, &aside) {
                    log::error!("the file could not be put aside: {error}. ({})", file.display());
                }
                Self::default()
            }
        }
    }

    /// Notes that an address is to be told something; of too much the oldest is dropped.
    fn tell(&mut self, url: &str, body: String) {
        let waiting = self.undelivered.iter().filter(|delivery| delivery.url == url).count();
        if waiting >= MOST_WAITING
            && let Some(oldest) = self.undelivered.iter().position(|delivery| delivery.url == url)
        {
            log::error!("an address has not taken {MOST_WAITING} alerts: the oldest is dropped");
            self.undelivered.remove(oldest);
        }
        self.undelivered.push(Delivery { url: url.to_owned(), body });
    }
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
        Self {
            kept: Mutex::new(Kept::read(&file)),
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

    /// Takes in how urgent each objective is at `now`, and notes for each of these addresses the `words` on what changed; those of which
    /// it changed. An objective that is gone is not urgent any more. No save comes in between: what is kept as on is kept with its news.
    pub fn take(
        &self,
        objectives: &[(String, Option<Severity>)],
        now: UnixSecs,
        urls: &[String],
        words: impl Fn(&str, Option<Severity>) -> String,
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
            for url in urls {
                kept.tell(url, words(name, *severity));
            }
        }
        news
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

    /// Takes out what an address has taken, where it was not dropped meanwhile.
    fn done(&self, url: &str, body: &str) {
        let mut kept = self.kept();
        let taken = |delivery: &Delivery| delivery.url == url && delivery.body == body;
        if let Some(first) = kept.undelivered.iter().position(taken) {
            kept.undelivered.remove(first);
        }
    }

    /// Takes out all that an address was to be told.
    fn forget(&self, url: &str) {
        self.kept().undelivered.retain(|delivery| delivery.url != url);
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
    let mut failed = 0;
    while let Some(body) = gateway.alerts.next(&url) {
        if !gateway.live().config.alert_webhooks.contains(&url) {
            log::warn!("alerts are not sent any more to an address that the configuration does not name");
            gateway.alerts.forget(&url);
        } else if send(&gateway.http, &url, &body).await {
            failed = 0;
            gateway.alerts.done(&url, &body);
        } else {
            tokio::time::sleep(pause(failed)).await;
            failed += 1;
            continue;
        }
        let saving = Arc::clone(&gateway);
        if let Err(error) = tokio::task::spawn_blocking(move || saving.alerts.save()).await {
            log::error!("the alerts were not kept: {error}");
        }
    }
    // What came just now is looked for at the next second.
    gateway.alerts.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&url);
}

/// Time until the next try after so many that failed and one more: 1, 2 and 4 seconds, then a minute.
fn pause(failed: u32) -> Duration {
    if failed < 3 { Duration::from_secs(1 << failed) } else { TRY_EVERY }
}

/// Sends an alert; whether it was taken.
async fn send(http: &reqwest::Client, url: &str, body: &str) -> bool {
    let sent = http
        .post(url)
        .header("content-type", "application/json")
        .timeout(Duration::from_secs(10))
        .body(body.to_owned())
        .send()
        .await;
    match sent {
        Ok(answer) if answer.status().is_success() => return true,
        Ok(answer) => log::warn!("an alert was answered with {}", answer.status()),
        Err(error) => log::warn!("an alert was not delivered: {}", error.without_url()),
    }
    false
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
        let take = |alerts: &Alerts, objectives: &[(String, Option<Severity>)], now| {
            alerts.take(objectives, now, &[], |_, _| String::new())
        };
        let alerts = Alerts::open(file.clone());
        assert!(take(&alerts, &of(None), 1.0).is_empty());
        assert_eq!(take(&alerts, &of(Some(Severity::Ticket)), 2.0), named(Some(Severity::Ticket)));
        let alerts = again(&alerts);
        assert!(take(&alerts, &of(Some(Severity::Ticket)), 3.0).is_empty(), "known before the restart");
        assert_eq!(alerts.on("a"), Some(On { severity: Severity::Ticket, since: 2.0 }));
        assert_eq!(take(&alerts, &of(Some(Severity::Page)), 4.0), named(Some(Severity::Page)));
        let alerts = again(&alerts);
        assert_eq!(take(&alerts, &[], 5.0), named(None), "the objective is gone, and so is its alert");
        assert!(take(&again(&alerts), &of(None), 6.0).is_empty(), "its end was told");
    }

    #[test]
    fn what_changed_is_noted_for_every_address_with_the_change() {
        let alerts = Alerts::open(PathBuf::from("nowhere.alerts.json"));
        let words = |name: &str, on: Option<Severity>| format!("{name} {}", on.is_some());
        let urls = ["x".to_owned(), "y".to_owned()];
        let of = |severity| [("a".to_owned(), severity)];
        for now in [1.0, 2.0] {
            alerts.take(&of(Some(Severity::Page)), now, &urls, words);
        }
        alerts.take(&of(None), 3.0, &urls, words);
        for url in &urls {
            for told in ["a true", "a false"] {
                assert_eq!(alerts.next(url).as_deref(), Some(told));
                alerts.done(url, told);
            }
            assert_eq!(alerts.next(url), None, "once each");
        }
    }

    #[test]
    fn what_was_not_delivered_is_kept_in_order() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("g.alerts.json");
        let alerts = Alerts::open(file.clone());
        for (url, body) in [("x", "1"), ("y", "2"), ("x", "3"), ("z", "4")] {
            alerts.kept().tell(url, body.to_owned());
        }
        alerts.done("x", "1");
        alerts.done("y", "another");
        alerts.forget("z");
        alerts.save();
        let alerts = Alerts::open(file);
        assert_eq!((alerts.next("x").as_deref(), alerts.next("y").as_deref()), (Some("3"), Some("2")));
        alerts.done("x", "3");
        assert_eq!((alerts.next("x"), alerts.next("z")), (None, None));
    }

    #[test]
    fn an_address_that_takes_nothing_keeps_the_newest() {
        let alerts = Alerts::open(PathBuf::from("nowhere.alerts.json"));
        alerts.kept().tell("y", "0".to_owned());
        for number in 0..MOST_WAITING + 2 {
            alerts.kept().tell("x", number.to_string());
        }
        let kept = alerts.kept().undelivered.clone();
        assert_eq!((kept.len(), kept[0].url.as_str()), (1 + MOST_WAITING, "y"));
        assert_eq!((kept[1].body.as_str(), kept[MOST_WAITING].body.as_str()), ("2", "1001"));
    }

    #[test]
    fn tries_are_soon_at_first_and_then_every_minute() {
        let secs: Vec<u64> = (0..6).map(|failed| pause(failed).as_secs()).collect();
        assert_eq!(secs, [1, 2, 4, 60, 60, 60]);
    }

    #[test]
    fn a_damaged_file_is_put_aside_and_not_lost() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("g.alerts.json");
        crate::files::write_atomic(&file, br#"{"on":{"a":"#).expect("written");
        let alerts = Alerts::open(file.clone());
        assert_eq!(alerts.on("a"), None);
        let aside = std::fs::read(dir.path().join("g.alerts.json.damaged")).expect("put aside");
        assert_eq!((aside.as_slice(), file.exists()), (br#"{"on":{"a":"#.as_slice(), false));
    }
}
