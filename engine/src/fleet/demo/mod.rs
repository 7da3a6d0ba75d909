//! Demo: four nodes and a gateway on loopback, in regions of different latency, with a small real model and a little traffic.
//!
//! Everything is the real program in processes of their own; only the latencies are made, by relays that hold bytes back.

mod child;
mod relay;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use orrery_domain::{
    Failure, FailureClass,
    fleet::{FleetEndpoint, Region, endpoint::EndpointRole},
};
use orrery_oip::Dialect;

use self::child::Child;
use super::{client::Server, identity, probe, setup};
use crate::{Workspace, files, store::Store};

/// Latency that each region's relay adds to an answer, milliseconds.
pub const LATENCIES: [(&str, u64); 4] =
    [("us-east", 5), ("us-west", 25), ("eu-west", 40), ("ap-southeast", 90)];

/// Time between two requests of the demo's own traffic.
const PAUSE: Duration = Duration::from_millis(40);

/// A running demo. Dropping it ends its processes.
#[derive(Debug)]
pub struct Demo {
    /// The gateway's address.
    pub gateway: String,
    children: Vec<Child>,
}

/// The name of a region's endpoint.
fn endpoint(region: &str) -> String {
    format!("{region}-1")
}

/// Starts the processes of a demo below `workspace`, and sets its regions and endpoints up in it.
///
/// # Errors
/// When a process does not start, or the workspace refuses.
pub fn start(program: &Path, workspace: &Workspace) -> Result<Demo, Failure> {
    let home = workspace.home().join("demo");
    files::create_private(&home)?;
    let mut children = Vec::new();
    let mut upstreams = Vec::new();
    for (priority, (region, millis)) in LATENCIES.into_iter().enumerate() {
        let node = Child::start(program, &home.join(region), &["node", "--vantage"])?;
        let relayed = relay::start(&node.address, Duration::from_millis(millis))?;
        upstreams.push(serde_json::json!({
            "name": endpoint(region), "url": format!("http://{relayed}"), "region": region,
            // Both American regions share the traffic; the others wait for them to fail.
            "priority": priority / 2, "price_per_1000": 1.0 + priority as f64 / 4.0,
            "tags": [&region[..2]],
        }));
        children.push(node);
    }
    let config = home.join("gateway.json");
    let document = serde_json::json!({
        "name": "demo-gateway", "endpoints": upstreams, "recording": true,
        "timeouts": { "timeout_secs": 10, "per_try_timeout_secs": 1 }, "retries": { "num_retries": 2 },
        "slos": [{ "name": "availability" }],
    });
    files::write_atomic(&config, document.to_string().as_bytes())?;
    let config = config.to_string_lossy().into_owned();
    let gateway = Child::start(program, &home.join("gateway"), &["gateway", "--config", &config])?;
    set_up(workspace, &upstreams, &gateway.address)?;
    for (region, _) in LATENCIES {
        // Each node looks at all of them, so that a matrix and a quorum are there to see.
        set_up(&Workspace::open(&home.join(region))?, &upstreams, &gateway.address)?;
    }
    let address = gateway.address.clone();
    children.push(gateway);
    Ok(Demo { gateway: address, children })
}

/// Enables the demo's regions and adds its endpoints; what has those names is changed.
fn set_up(workspace: &Workspace, upstreams: &[serde_json::Value], gateway: &str) -> Result<(), Failure> {
    let mut store = Store::open(workspace)?;
    for known in store.regions()? {
        if LATENCIES.iter().any(|(name, _)| *name == known.name) {
            setup::put_region(&mut store, &Region { enabled: true, ..known })?;
        }
    }
    let mut put = |name: String, url: String, region: &str, role: EndpointRole| {
        let region = region.to_owned();
        setup::put_endpoint(&mut store, &FleetEndpoint { name, url, region, weight: 1, key_file: None, role })
    };
    for upstream in upstreams {
        let text = |field: &str| upstream[field].as_str().unwrap_or_default().to_owned();
        put(text("name"), text("url"), &text("region"), EndpointRole::Server)?;
    }
    put("demo-gateway".to_owned(), format!("http://{gateway}"), LATENCIES[0].0, EndpointRole::Gateway)
}

impl Demo {
    /// Asks the gateway made-up rows of `model` until `over`; tells how many were answered and how many were not.
    ///
    /// # Errors
    /// When the network cannot be used.
    pub fn traffic(
        &self,
        model: &str,
        over: &Arc<AtomicBool>,
        counts: &(AtomicU64, AtomicU64),
    ) -> Result<(), Failure> {
        let endpoint = FleetEndpoint {
            name: "demo-gateway".to_owned(),
            url: format!("http://{}", self.gateway),
            region: LATENCIES[0].0.to_owned(),
            weight: 1,
            key_file: None,
            role: EndpointRole::Gateway,
        };
        let server = Server::new(super::client::connections()?, &endpoint)?;
        super::client::block_on(async {
            let metadata = identity::metadata(&server, model, None).await?;
            let request = probe::made_up(&metadata).map_err(|why| Failure::new(FailureClass::Model, why))?;
            while !over.load(Ordering::Relaxed) {
                let answered = probe::infer(&server, Dialect::Orrery, model, None, &request).await;
                let count = if answered.is_ok() { &counts.0 } else { &counts.1 };
                count.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
            }
            Ok(())
        })?
    }

    /// How many processes there are.
    pub fn processes(&self) -> usize {
        self.children.len()
    }
}
