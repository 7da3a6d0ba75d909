//! Vantage: looks from where this process stands at the endpoints that its workspace has set up, for others to ask what it saw.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use orrery_domain::{
    Failure,
    fleet::{FleetEndpoint, VantageLook, VantageReport, endpoint::EndpointRole},
};
use tokio::task::JoinHandle as Task;

use super::{
    client::{self, Server},
    look::{EVERY, Looker},
};
use crate::{Workspace, store::Store};

/// Where a vantage point tells what it sees.
pub const PATH: &str = "/api/fleet/sightings";
/// Time between two looks at whether the set-up changed.
const RECALL_EVERY: Duration = Duration::from_secs(2);

/// The last look at one endpoint. Whoever looks writes here and nowhere else: a look that ends after its endpoint was forgotten is not brought back by it.
type Sight = Mutex<Option<(Instant, VantageLook)>>;

/// What was seen lately.
#[derive(Debug, Default)]
pub struct Vantage {
    seen: Mutex<BTreeMap<String, Arc<Sight>>>,
}

impl Vantage {
    /// The last look at each endpoint.
    pub fn report(&self) -> VantageReport {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let aged = |sight: &Arc<Sight>| {
            let look = sight.lock().unwrap_or_else(PoisonError::into_inner);
            look.as_ref()
                .map(|(at, look)| VantageLook { age_secs: at.elapsed().as_secs_f64(), ..look.clone() })
        };
        VantageReport { sightings: seen.values().filter_map(aged).collect() }
    }

    /// A place for the looks at this endpoint; what was seen before is forgotten.
    fn watch(&self, endpoint: &str) -> Arc<Sight> {
        let sight = Arc::<Sight>::default();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(endpoint.to_owned(), Arc::clone(&sight));
        sight
    }

    fn forget(&self, endpoint: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(endpoint);
    }
}

/// Looks at the servers of the workspace's enabled regions until the task is ended; takes up what is changed there.
///
/// # Errors
/// When the store cannot be read, or the network not be used.
pub async fn look_around(workspace: Workspace, vantage: Arc<Vantage>) -> Result<(), Failure> {
    let store = Store::open(&workspace)?;
    let http = client::connections()?;
    let mut tasks = Tasks { vantage, running: BTreeMap::new() };
    let mut version = None;
    loop {
        let now = store.data_version()?;
        if version.replace(now) != Some(now) {
            tasks.set_up(&http, wanted(&store)?);
        }
        tokio::time::sleep(RECALL_EVERY).await;
    }
}

/// Servers that may be contacted, by name.
fn wanted(store: &Store) -> Result<BTreeMap<String, FleetEndpoint>, Failure> {
    let regions = store.regions()?;
    let enabled = |name: &str| regions.iter().any(|region| region.name == name && region.enabled);
    let endpoints = store.endpoints()?.into_iter();
    let wanted = endpoints.filter(|one| one.role == EndpointRole::Server && enabled(&one.region));
    Ok(wanted.map(|endpoint| (endpoint.name.clone(), endpoint)).collect())
}

/// A task an endpoint. Dropping it ends them.
struct Tasks {
    vantage: Arc<Vantage>,
    running: BTreeMap<String, (FleetEndpoint, Task<()>)>,
}

impl Tasks {
    fn set_up(&mut self, http: &reqwest::Client, wanted: BTreeMap<String, FleetEndpoint>) {
        let vantage = Arc::clone(&self.vantage);
        self.running.retain(|name, (endpoint, task)| {
            let stays = wanted.get(name) == Some(endpoint);
            if !stays {
                task.abort();
                vantage.forget(name);
            }
            stays
        });
        for (name, endpoint) in wanted {
            if self.running.contains_key(&name) {
                continue;
            }
            match Server::new(http.clone(), &endpoint) {
                Ok(server) => {
                    let task = tokio::spawn(look_at(server, self.vantage.watch(&name)));
                    self.running.insert(name, (endpoint, task));
                }
                Err(failure) => log::warn!("'{name}' cannot be looked at. {}", failure.message),
            }
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for (_, task) in self.running.values() {
            task.abort();
        }
    }
}

async fn look_at(server: Server, sight: Arc<Sight>) {
    let mut looker = Looker::new(server);
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let look = looker.look().await;
        *sight.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), look));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look() -> (Instant, VantageLook) {
        let look = VantageLook {
            url: "http://a".into(),
            age_secs: 0.0,
            healthy: true,
            latency_secs: None,
            reason: String::new(),
        };
        (Instant::now(), look)
    }

    #[test]
    fn a_look_that_ends_late_brings_nothing_back() {
        let vantage = Vantage::default();
        let sight = vantage.watch("a");
        assert_eq!(vantage.report().sightings, [], "not looked at yet");
        *sight.lock().expect("free") = Some(look());
        assert_eq!(vantage.report().sightings.len(), 1);
        vantage.forget("a");
        *sight.lock().expect("free") = Some(look());
        assert_eq!(vantage.report().sightings, []);
    }
}
