//! A fleet for harness and demo: four regions, twelve servers and two gateways, not all of them well.

use std::{collections::BTreeMap, sync::Arc};

use orrery_domain::{
    Failure, FailureClass, ModelRef,
    fleet::{
        BreakerView, CanaryView, Conformance, ConformanceCheck, Deployment, Drill, DrillPhase,
        EndpointStatus, Finding, FleetEndpoint, FleetEvent, FleetEventKind, FleetState, GatewayEndpoint,
        GatewayStatus, GuardReading, Guards, Health, LatencyCell, LatencyFigures, LevelView, ModelSeen,
        Region, RegionHealth, RegionView, Rollout, RolloutPlan, RolloutState, RolloutStep, ServerKind,
        Sighting, Simulation, SimulationRow, SloView, StrategyId, VersionShare, endpoint::EndpointRole,
    },
    snapshot::Severity,
};

use super::NOW;

const REGIONS: [&str; 4] = ["us-east", "us-west", "eu-west", "ap-southeast"];

fn latency(p50: f64) -> LatencyFigures {
    LatencyFigures { p50: Some(p50), p95: Some(p50 * 2.1), p99: Some(p50 * 3.4) }
}

/// The latencies of the last looks: a little restless.
fn looks(p50: f64, seed: usize) -> Vec<Option<f64>> {
    (0..60).map(|at| Some(p50 * (1.0 + 0.4 * (((at * 37 + seed * 17) % 23) as f64 / 23.0)))).collect()
}

fn closed() -> BreakerView {
    BreakerView {
        state: "closed".to_owned(),
        since: NOW - 7200.0,
        retry_in_secs: None,
        reason: String::new(),
        failure_ratio: Some(0.001),
    }
}

fn open_breaker() -> BreakerView {
    BreakerView {
        state: "open".to_owned(),
        since: NOW - 18.0,
        retry_in_secs: Some(42.0),
        reason: "14 of its last 20 requests failed (limit 50%).".to_owned(),
        failure_ratio: Some(0.7),
    }
}

fn model(name: &str, version: &str, proved: Option<bool>) -> ModelSeen {
    ModelSeen {
        name: name.to_owned(),
        version: version.to_owned(),
        state: "READY".to_owned(),
        reason: String::new(),
        proved,
    }
}

/// A healthy server, the `index`-th of a region.
pub fn server(region: &str, index: usize, p50: f64) -> EndpointStatus {
    let name = format!("{region}-{index}");
    let kinds = [ServerKind::Orrery, ServerKind::Triton, ServerKind::MlServer];
    let kind = kinds[index % 3];
    let version = ["orrery 0.1.0", "2.50.0", "1.6.1"][index % 3];
    let sighting = |vantage: &str, factor: f64| Sighting {
        vantage: vantage.to_owned(),
        at: NOW - 3.0,
        healthy: true,
        latency_secs: Some(p50 * factor),
        reason: String::new(),
    };
    EndpointStatus {
        endpoint: FleetEndpoint {
            name,
            url: format!("http://{region}-{index}.example:8000"),
            region: region.to_owned(),
            weight: 1,
            key_file: None,
            role: EndpointRole::Server,
        },
        health: Health::Healthy,
        reason: "3 of 3 vantage points see it ready.".to_owned(),
        server: kind,
        server_version: Some(version.to_owned()),
        sightings: vec![sighting("window", 1.0), sighting("gateway-east", 0.8), sighting("gateway-eu", 1.7)],
        latency: latency(p50),
        error_ratio: Some(0.0012),
        requests_per_sec: Some(41.0 + index as f64 * 3.0),
        memory_bytes: Some(412_000_000 + 31_000_000 * index as u64),
        saturation: Some(0.31),
        breaker: Some(closed()),
        models: vec![model("flights-gbt", "2", Some(true)), model("diamonds-gbt", "3", None)],
        models_at: Some(NOW - 3.0),
        recent: looks(p50, index),
    }
}

fn gateway(name: &str, region: &str) -> EndpointStatus {
    let mut status = server(region, 0, 0.004);
    name.clone_into(&mut status.endpoint.name);
    status.endpoint.url = format!("https://{name}.example:9000");
    status.endpoint.role = EndpointRole::Gateway;
    status.models = Vec::new();
    status.breaker = None;
    status
}

fn endpoints() -> Vec<EndpointStatus> {
    let p50 = [0.0062, 0.031, 0.084, 0.19];
    let mut all = vec![gateway("gateway-east", "us-east"), gateway("gateway-eu", "eu-west")];
    for (region, p50) in REGIONS.iter().zip(p50) {
        all.extend((1..=3).map(|index| server(region, index, p50)));
    }
    let ill = all.iter_mut().find(|status| status.endpoint.name == "us-west-2").expect("made above");
    ill.health = Health::Unhealthy;
    "Connection refused, seen from 3 of 3 vantage points.".clone_into(&mut ill.reason);
    ill.latency = LatencyFigures::default();
    ill.error_ratio = Some(0.7);
    ill.requests_per_sec = None;
    ill.memory_bytes = None;
    ill.breaker = Some(open_breaker());
    for sighting in &mut ill.sightings {
        sighting.healthy = false;
        sighting.latency_secs = None;
        "Connection refused (os error 111).".clone_into(&mut sighting.reason);
    }
    for look in ill.recent.iter_mut().skip(48) {
        *look = None;
    }
    let slow = all.iter_mut().find(|status| status.endpoint.name == "eu-west-3").expect("made above");
    slow.health = Health::Degraded;
    "Model diamonds-gbt is not ready.".clone_into(&mut slow.reason);
    "UNAVAILABLE".clone_into(&mut slow.models[1].state);
    "It is loading.".clone_into(&mut slow.models[1].reason);
    all.sort_by(|a, b| (&a.endpoint.region, &a.endpoint.name).cmp(&(&b.endpoint.region, &b.endpoint.name)));
    all
}

fn regions(endpoints: &[EndpointStatus]) -> Vec<RegionView> {
    let view = |(index, name): (usize, &&str)| {
        let inside: Vec<&EndpointStatus> =
            endpoints.iter().filter(|status| status.endpoint.region == **name).collect();
        let healthy = inside.iter().filter(|status| status.health == Health::Healthy).count();
        RegionView {
            region: Region {
                name: (*name).to_owned(),
                priority: index as u32,
                price_per_1000: 0.012 + 0.004 * index as f64,
                tags: vec![name.split('-').next().unwrap_or_default().to_owned()],
                enabled: index < 3,
            },
            health: if index == 3 {
                RegionHealth::Unknown
            } else {
                RegionHealth::of(inside.iter().map(|status| status.health))
            },
            endpoints: inside.len(),
            healthy,
            latency: if index == 3 {
                LatencyFigures::default()
            } else {
                latency([0.0062, 0.031, 0.084][index])
            },
            error_ratio: (index < 3).then_some(0.0012 + 0.02 * f64::from(u8::from(index == 1))),
            requests_per_sec: (index < 3).then_some(141.0 - 40.0 * index as f64),
            saturation: (index < 3).then_some(0.31),
            drilled: false,
            seen_at: Some(NOW - 3.0),
        }
    };
    REGIONS.iter().enumerate().map(view).collect()
}

fn at_gateway(status: &EndpointStatus, index: usize) -> GatewayEndpoint {
    let priority = REGIONS.iter().position(|name| *name == status.endpoint.region).unwrap_or(0) as u32;
    let ill = status.health == Health::Unhealthy;
    GatewayEndpoint {
        name: status.endpoint.name.clone(),
        url: status.endpoint.url.clone(),
        region: status.endpoint.region.clone(),
        priority,
        weight: if index == 0 { 2 } else { 1 },
        health: status.health,
        reason: status.reason.clone(),
        ejected_for_secs: (index == 8).then_some(21.0),
        breaker: if ill { open_breaker() } else { closed() },
        active: if priority == 0 { 3 } else { 0 },
        max_requests: 1024,
        requests: if priority == 0 { 120_000 } else { 900 },
        failures: if ill { 640 } else { 12 },
        requests_per_sec: if priority == 0 { 47.0 } else { 0.4 },
        share: Some(if priority == 0 { [0.49, 0.26, 0.235][index % 3] } else { 0.0017 }),
        error_ratio: Some(if ill { 0.7 } else { 0.0012 }),
        latency: status.latency,
        check_secs: status.latency.p50,
        drained: index == 5,
    }
}

fn canary() -> CanaryView {
    CanaryView {
        model: "flights-gbt".to_owned(),
        primary: "2".to_owned(),
        canary: "3".to_owned(),
        percent: 5,
        stages: vec![1, 5, 25, 100],
        stage: 1,
        stage_secs: 60.0,
        guards: Guards::default(),
        state: "running".to_owned(),
        reason: "Stage 2 of 4: 31 s to go.".to_owned(),
        canary_requests: 214,
        canary_failures: 1,
        primary_requests: 4066,
        primary_failures: 5,
        canary_latency: latency(0.0069),
        primary_latency: latency(0.0062),
        drift: Some(0.061),
        started_at: NOW - 92.0,
    }
}

fn slo(name: &str, objective_percent: f64, burn: Option<f64>, alert: Option<&str>) -> SloView {
    SloView {
        name: name.to_owned(),
        objective_percent,
        burn_hour: burn,
        burn_6_hours: burn.map(|burn| burn * 0.4),
        burn_3_days: burn.map(|burn| burn * 0.1),
        alert: alert.map(str::to_owned),
        alert_since: alert.map(|_| NOW - 300.0),
    }
}

fn account(endpoints: &[EndpointStatus]) -> GatewayStatus {
    let mut servers: Vec<&EndpointStatus> =
        endpoints.iter().filter(|status| status.endpoint.role == EndpointRole::Server).collect();
    servers.sort_by_key(|status| REGIONS.iter().position(|name| *name == status.endpoint.region));
    let level = |(index, percent): (usize, u32)| LevelView {
        priority: index as u32,
        percent,
        panic: index == 1,
        endpoints: 3,
        healthy: if index == 1 { 1 } else { 3 },
    };
    GatewayStatus {
        name: "gateway-east".to_owned(),
        version: "0.1.0".to_owned(),
        at: NOW - 1.0,
        uptime_secs: 93_000.0,
        revision: 7,
        strategy: StrategyId::LeastRequest,
        requests: 361_204,
        failures: 702,
        retries: 688,
        hedges: 0,
        hedges_won: 0,
        requests_per_sec: 143.2,
        latency: latency(0.0071),
        endpoints: servers.iter().enumerate().map(|(index, status)| at_gateway(status, index)).collect(),
        levels: [98, 2, 0, 0].into_iter().enumerate().map(level).collect(),
        canaries: vec![canary()],
        slos: vec![
            slo("availability", 99.9, Some(1.9), None),
            slo("latency below 250 ms", 99.0, Some(15.2), Some("page")),
            slo("batch", 95.0, None, None),
        ],
        events: Vec::new(),
        recording: true,
    }
}

fn deployments() -> Vec<Deployment> {
    let share = |version: &str, percent, names: &[&str], ready| VersionShare {
        version: version.to_owned(),
        percent,
        endpoints: names.iter().map(|name| (*name).to_owned()).collect(),
        ready,
    };
    vec![
        Deployment {
            model: "flights-gbt".to_owned(),
            versions: vec![
                share("3", Some(5), &["us-east-1", "us-east-2"], 2),
                share("2", Some(95), &["us-east-1", "us-east-2", "us-west-1", "us-west-2"], 3),
            ],
            ours: true,
            previous: Some("1".to_owned()),
            requests_per_sec: Some(71.4),
            latency: latency(0.0064),
            changed_at: Some(NOW - 92.0),
        },
        Deployment {
            model: "diamonds-gbt".to_owned(),
            versions: vec![share("3", None, &["eu-west-1", "eu-west-2", "eu-west-3"], 2)],
            ours: false,
            previous: None,
            requests_per_sec: None,
            latency: LatencyFigures::default(),
            changed_at: None,
        },
    ]
}

fn step(before: f64, what: &str, ok: Option<bool>, detail: &str) -> RolloutStep {
    RolloutStep { at: NOW - before, what: what.to_owned(), ok, detail: detail.to_owned() }
}

/// A plan for the newest model, and the rollout that it became, in its second stage.
pub fn rollout(state: RolloutState) -> Rollout {
    let readings = (0..46)
        .map(|at| {
            let wave = f64::from(at * 7 % 13) / 13.0;
            GuardReading {
                at: NOW - 92.0 + 2.0 * f64::from(at),
                percent: if at < 30 { 1 } else { 5 },
                error_ratio_above: Some(0.001 + 0.003 * wave),
                p95_ratio: Some(1.02 + 0.2 * wave),
                drift: (at > 12).then_some(0.05 + 0.02 * wave),
                requests: if at < 30 { 52 + at as u64 } else { 40 + 11 * (at as u64 - 29) },
            }
        })
        .collect();
    let plan = RolloutPlan::new(ModelRef { name: "flights-gbt".to_owned(), version: 3 });
    let steps = if state == RolloutState::Planned {
        vec![
            step(0.0, "Upload flights-gbt:3", None, "1.2 MiB to us-east-1 and us-east-2"),
            step(0.0, "Load it beside v2", None, "v2 goes on serving"),
            step(0.0, "Split the traffic", None, "1%, 5%, 25%, 100% at gateway-east"),
        ]
    } else {
        vec![
            step(92.0, "Uploaded flights-gbt:3", Some(true), "1.2 MiB to us-east-1 and us-east-2"),
            step(90.0, "Loaded beside v2", Some(true), "both servers say READY"),
            step(88.0, "Probed", Some(true), "8 rows answered as here, to the last bit"),
            step(87.0, "Stage 1%", Some(true), "81 requests, all guards held"),
            step(29.0, "Stage 5%", Some(true), "gateway-east was told"),
        ]
    };
    Rollout {
        id: "r-7".to_owned(),
        plan,
        from: Some("2".to_owned()),
        before: BTreeMap::new(),
        state,
        stage: 1,
        reason: "Stage 2 of 4: 31 s to go, all guards hold.".to_owned(),
        started_at: NOW - 92.0,
        ended_at: None,
        steps,
        readings: if state == RolloutState::Planned { Vec::new() } else { readings },
    }
}

/// A drill of a region in a phase.
pub fn drill(id: &str, region: &str, phase: DrillPhase, before: f64) -> Drill {
    let began = NOW - before;
    let done = phase == DrillPhase::Done;
    Drill {
        id: id.to_owned(),
        region: region.to_owned(),
        gateway: "gateway-east".to_owned(),
        phase,
        reason: match phase {
            DrillPhase::Done => "The other regions carried everything.",
            DrillPhase::Failed => "A person ended it after 4 s; the region was put back.",
            _ => "The traffic moves to us-west.",
        }
        .to_owned(),
        started_at: began,
        ended_at: (done || phase == DrillPhase::Failed).then_some(began + 74.0),
        detection_secs: (phase != DrillPhase::Failed).then_some(1.84),
        shift_secs: done.then_some(2.91),
        recovery_secs: done.then_some(11.2),
        requests: done.then_some(10_412),
        failures: done.then_some(37),
        steps: vec![
            (began, "Measured the baseline for 10 s: 143 requests a second, none failed".to_owned()),
            (began + 10.0, format!("Cut the traffic to {region}")),
            (began + 11.8, "Noticed: the region counts as ill".to_owned()),
        ],
    }
}

fn events() -> Vec<FleetEvent> {
    let event = |before: f64, severity, kind, subject: &str, message: &str| FleetEvent {
        at: NOW - before,
        severity,
        kind,
        subject: subject.to_owned(),
        message: message.to_owned(),
    };
    vec![
        event(
            18.0,
            Severity::Error,
            FleetEventKind::Breaker,
            "us-west-2",
            "Its breaker opened: 14 of its last 20 requests failed.",
        ),
        event(
            19.0,
            Severity::Error,
            FleetEventKind::Health,
            "us-west-2",
            "Unhealthy: connection refused, seen from 3 of 3 vantage points.",
        ),
        event(29.0, Severity::Info, FleetEventKind::Rollout, "flights-gbt", "v3 has 5% of the requests."),
        event(
            300.0,
            Severity::Warning,
            FleetEventKind::Alert,
            "gateway-east",
            "Objective 'latency below 250 ms' burns 15.2 times too fast.",
        ),
        event(
            420.0,
            Severity::Warning,
            FleetEventKind::Outlier,
            "eu-west-3",
            "Ejected for 30 s: its failures stand out.",
        ),
        event(
            3600.0,
            Severity::Ok,
            FleetEventKind::Drill,
            "us-east",
            "The drill ended: noticed after 1.8 s, moved after 2.9 s.",
        ),
        event(
            7200.0,
            Severity::Info,
            FleetEventKind::Config,
            "gateway-east",
            "Configuration 7 was taken over.",
        ),
    ]
}

fn conformance() -> Conformance {
    let check = |name: &str, finding, detail: &str| ConformanceCheck {
        name: name.to_owned(),
        finding,
        detail: detail.to_owned(),
    };
    Conformance {
        endpoint: "ap-southeast-1".to_owned(),
        at: NOW - 4000.0,
        server: ServerKind::Triton,
        server_version: Some("2.50.0".to_owned()),
        checks: vec![
            check("server metadata", Finding::Conforms, "name, version and extensions"),
            check("model ready", Finding::Conforms, "200 for a loaded model"),
            check("binary tensors", Finding::Unsupported, "the extension is not named"),
            check("error bodies", Finding::Deviates, "404 comes without an 'error' field"),
            check("ready means it answers", Finding::Untrue, "READY, but an inference gave 503"),
        ],
    }
}

fn simulation() -> Simulation {
    let row = |strategy, p50: f64, cost: f64| SimulationRow {
        strategy,
        latency: latency(p50),
        error_ratio: 0.0019,
        cost,
        shares: vec![("us-east-1".to_owned(), 0.5), ("us-east-2".to_owned(), 0.5)],
    };
    Simulation {
        requests: 84_012,
        secs: 600.0,
        rows: vec![
            row(StrategyId::WeightedRoundRobin, 0.0079, 1.12),
            row(StrategyId::LeastRequest, 0.0071, 1.10),
            row(StrategyId::PeakEwma, 0.0064, 1.18),
            row(StrategyId::Maglev, 0.0083, 1.11),
            row(StrategyId::CostWeighted, 0.0212, 0.74),
        ],
    }
}

/// A fleet in use: one server ill, one breaker open, a rollout in its second stage, drills behind it.
pub fn busy() -> FleetState {
    let endpoints = endpoints();
    let cell = |status: &EndpointStatus| {
        let name = status.endpoint.name.clone();
        status
            .sightings
            .iter()
            .map(move |sighting| LatencyCell {
                vantage: sighting.vantage.clone(),
                endpoint: name.clone(),
                secs: sighting.latency_secs,
                at: sighting.at,
            })
            .collect::<Vec<_>>()
    };
    let silent = Failure::new(FailureClass::Transient, "Gateway 'gateway-eu' did not answer within 2 s.")
        .keeping("What it last said is shown no longer; the servers behind it are looked at from here.");
    FleetState {
        regions: Arc::new(regions(&endpoints)),
        gateways: Arc::new(vec![
            ("gateway-east".to_owned(), Ok(Arc::new(account(&endpoints)))),
            ("gateway-eu".to_owned(), Err(silent)),
        ]),
        deployments: Arc::new(deployments()),
        rollouts: Arc::new(vec![Arc::new(rollout(RolloutState::Canary))]),
        planned: None,
        drills: Arc::new(vec![
            Arc::new(drill("d-2", "us-east", DrillPhase::Done, 3600.0)),
            Arc::new(drill("d-1", "eu-west", DrillPhase::Failed, 90_000.0)),
        ]),
        events: Arc::new(events()),
        latencies: Arc::new(endpoints.iter().flat_map(cell).collect()),
        conformance: Arc::new(vec![Arc::new(conformance())]),
        simulation: Some(Arc::new(("gateway-east".to_owned(), Ok(simulation())))),
        tried: None,
        polling: true,
        endpoints: Arc::new(endpoints.into_iter().map(Arc::new).collect()),
    }
}
