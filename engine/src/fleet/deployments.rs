//! Deployments: what runs where, put together from what servers say, what gateways split, and what was rolled out.

use std::collections::BTreeMap;

use orrery_domain::fleet::{Deployment, LatencyFigures, VersionShare, endpoint::EndpointRole};

use super::board::Board;

/// Every model of the fleet, by name.
pub fn deployments(board: &Board) -> Vec<Deployment> {
    // Model → version → endpoints, and which of them are proved.
    let mut found: BTreeMap<&str, BTreeMap<&str, (Vec<String>, usize)>> = BTreeMap::new();
    for status in board.endpoints().filter(|status| status.endpoint.role == EndpointRole::Server) {
        for model in status.models.iter().filter(|model| model.state == "READY") {
            let (endpoints, ready) = found.entry(&model.name).or_default().entry(&model.version).or_default();
            endpoints.push(status.endpoint.name.clone());
            *ready += usize::from(model.proved == Some(true));
        }
    }
    found.into_iter().map(|(model, versions)| deployment(board, model, versions)).collect()
}

fn deployment(board: &Board, model: &str, versions: BTreeMap<&str, (Vec<String>, usize)>) -> Deployment {
    let canary = board.live_gateways().find_map(|(_, status)| {
        status.canaries.iter().find(|canary| canary.model == model && canary.state == "running")
    });
    let percent = |version: &str| {
        let canary = canary?;
        if version == canary.canary {
            Some(canary.percent)
        } else if version == canary.primary {
            Some(100 - canary.percent)
        } else {
            Some(0)
        }
    };
    let share = |(version, (endpoints, ready)): (&str, (Vec<String>, usize))| VersionShare {
        version: version.to_owned(),
        percent: percent(version),
        endpoints,
        ready,
    };
    let mut versions: Vec<VersionShare> = versions.into_iter().map(share).collect();
    // Numbers by size, other names by their letters; the newest first.
    versions.sort_by(|one, other| {
        let number = |share: &VersionShare| share.version.parse::<u64>().ok();
        (number(other), &other.version).cmp(&(number(one), &one.version))
    });
    let done = board.last_done(model);
    let latency = canary.map_or_else(LatencyFigures::default, |canary| canary.primary_latency);
    Deployment {
        model: model.to_owned(),
        ours: done.is_some(),
        previous: done.and_then(|rollout| rollout.from.clone()),
        requests_per_sec: None,
        latency,
        changed_at: done.and_then(|rollout| rollout.ended_at),
        versions,
    }
}
