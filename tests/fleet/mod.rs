//! The fleet as operations staff meet it: a gateway over servers that fail, rollouts with guards, drills.

mod alerts;
mod backend;
mod gateway;
mod guards;
mod hedging;
mod kept;
mod relay;
mod resumed;
mod rollout;
mod secure;
mod simulate;
mod streams;
mod traces;
mod vantage;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    http::{Answer, ask},
    program::{Program, Stream},
};

/// A process of ours that listens.
struct Service {
    stream: Option<Stream>,
    address: String,
    /// Its workspace, which goes with it.
    program: Program,
}

impl Service {
    /// Starts `arguments` in a workspace of its own; it listens at this address, ready or not.
    fn launch(program: Program, arguments: &[&str], listen: &str) -> Self {
        let mut stream = program.stream(&[arguments, &["--listen", listen]].concat());
        let address = stream.next().expect("it listens")["address"].as_str().expect("an address").to_owned();
        Self { stream: Some(stream), address, program }
    }

    /// Starts `arguments` in a workspace of its own and waits until it is ready.
    fn start(program: Program, arguments: &[&str]) -> Self {
        let service = Self::launch(program, arguments, "127.0.0.1:0");
        until("it is ready", || service.get("/v2/health/ready").status == 200);
        service
    }

    fn node() -> Self {
        Self::start(Program::new(), &["node"])
    }

    /// A gateway with this configuration.
    fn gateway(config: &Value) -> Self {
        let program = Program::new();
        crate::program::put(&program.home().join("gateway.json"), config.to_string().as_bytes());
        Self::gateway_of(program)
    }

    /// A gateway with the configuration that lies in this workspace.
    fn gateway_of(program: Program) -> Self {
        let file = program.home().join("gateway.json");
        let file = file.to_str().expect("UTF-8").to_owned();
        Self::start(program, &["gateway", "--config", &file])
    }

    /// Ends it as a crash would; what it left behind, and the address it had.
    fn crash(mut self) -> (Program, String) {
        self.stream.take().expect("it runs").kill();
        (std::mem::replace(&mut self.program, Program::new()), std::mem::take(&mut self.address))
    }

    /// Ends a gateway as a crash would, and starts one anew from what it left behind.
    fn crash_and_start(self) -> Self {
        Self::gateway_of(self.crash().0)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn get(&self, path: &str) -> Answer {
        ask(&self.address, "GET", path, "")
    }

    fn put(&self, path: &str, body: &Value) -> u16 {
        ask(&self.address, "PUT", path, &body.to_string()).status
    }

    fn infer(&self) -> Answer {
        ask(&self.address, "POST", "/v2/models/m/infer", r#"{"inputs":[]}"#)
    }

    fn status(&self) -> Value {
        self.get("/api/gateway/status").json()
    }

    /// What the gateway says of one of its endpoints.
    fn endpoint(&self, name: &str) -> Value {
        let status = self.status();
        let endpoints = status["endpoints"].as_array().expect("endpoints");
        endpoints.iter().find(|endpoint| endpoint["name"] == name).expect("it is there").clone()
    }

    /// Ends it as a crash would.
    fn kill(mut self) {
        self.stream.take().expect("it runs").kill();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.kill();
        }
    }
}

/// A workspace whose fleet is one node and a gateway that reaches it at the address that `through` makes, with `m:1` served.
fn fleet(through: impl FnOnce(&Service) -> String) -> (Program, Service, Service) {
    let program = Program::new();
    rollout::train(&program, 10);
    let node = Service::node();
    let gateway = Service::gateway(&over(&[("us-east", &through(&node))]));
    program.document(&["fleet", "regions", "set", "us-east", "--enable"]);
    for (name, service, role) in [("east", &node, "server"), ("gw", &gateway, "gateway")] {
        let url = service.url();
        program.document(&["fleet", "endpoints", "add", name, &url, "--region", "us-east", "--role", role]);
    }
    assert_eq!(program.document(&["fleet", "deploy", "m:1"])["state"], "done");
    (program, node, gateway)
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < end, "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A configuration over these servers, with tries of half a second and checks that come often.
fn over(servers: &[(&str, &str)]) -> Value {
    let endpoints: Vec<Value> =
        servers.iter().map(|(name, url)| json!({ "name": name, "url": url, "region": name })).collect();
    json!({
        "endpoints": endpoints,
        "strategy": { "name": "weighted_round_robin" },
        "timeouts": { "timeout_secs": 5, "per_try_timeout_secs": 0.5 },
        "health_checks": { "interval_secs": 0.2, "timeout_secs": 0.5 },
    })
}
