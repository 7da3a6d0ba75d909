//! `orrery fleet status`: one look at everything that may be contacted.

use std::time::Duration;

use clap::Args;
use orrery_domain::{
    fleet::{EndpointStatus, FleetState, Health, endpoint::EndpointRole},
    words,
};

use super::listen::Listener;
use crate::cli::{
    Context, End, Outcome,
    output::{self, Align},
};

#[derive(Debug, Args)]
pub struct StatusArguments {
    /// Longest to wait for answers, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 10)]
    patience: u64,
}

/// Longest to wait for the models of servers that answered: each is probed.
const MODELS: Duration = Duration::from_secs(15);

/// Whether everything that is contacted was looked at, and what answers was identified.
fn complete(state: &FleetState) -> bool {
    let enabled =
        |name: &str| state.regions.iter().any(|view| view.region.name == name && view.region.enabled);
    let looked = |status: &EndpointStatus| {
        let seen = status.sightings.first();
        match status.endpoint.role {
            EndpointRole::Gateway => state.gateways.iter().any(|(name, _)| *name == status.endpoint.name),
            // Whoever answers is asked who it is, too.
            EndpointRole::Server => {
                seen.is_some_and(|seen| seen.latency_secs.is_none() || status.server_version.is_some())
            }
        }
    };
    state.polling
        && state
            .endpoints
            .iter()
            .filter(|status| enabled(&status.endpoint.region))
            .all(|status| looked(status))
}

/// Whether the models of every server that answered were read.
fn has_models(state: &FleetState) -> bool {
    let answered = |status: &EndpointStatus| {
        status.endpoint.role == EndpointRole::Server
            && status.sightings.first().is_some_and(|seen| seen.latency_secs.is_some())
    };
    state.endpoints.iter().all(|status| !answered(status) || status.models_at.is_some())
}

pub fn run(context: &Context, arguments: &StatusArguments) -> Outcome {
    let listener = Listener::start(context)?;
    let patience = Duration::from_secs(arguments.patience);
    let mut state = listener.wait(patience, |state| complete(state).then(|| state.clone()))?;
    if !has_models(&state) {
        let waited = listener.wait(patience.min(MODELS), |newer| {
            state = newer.clone();
            has_models(newer).then_some(())
        });
        match waited {
            // A model that hangs keeps nobody from what is known.
            Ok(()) | Err(End::Failed(_)) => {}
            Err(end) => return Err(end),
        }
    }
    if context.json {
        return output::json(&state);
    }
    if state.endpoints.is_empty() {
        output::note(
            "There are no endpoints. `orrery fleet endpoints add NAME URL --region REGION` adds one.",
        );
        return Ok(());
    }
    let head = [
        ("ENDPOINT", Align::Left),
        ("REGION", Align::Left),
        ("HEALTH", Align::Left),
        ("SERVER", Align::Left),
        ("MS", Align::Right),
        ("MODELS", Align::Left),
        ("WHY", Align::Left),
    ];
    output::table(&head, &state.endpoints.iter().map(|status| row(status)).collect::<Vec<_>>());
    Ok(())
}

fn row(status: &EndpointStatus) -> Vec<String> {
    let health = match status.health {
        Health::Unknown => "unknown",
        Health::Healthy => "healthy",
        Health::Degraded => "degraded",
        Health::Unhealthy => "unhealthy",
    };
    let latency = status.sightings.first().and_then(|seen| seen.latency_secs);
    let models = status.models.iter().map(|model| {
        let proof = match model.proved {
            Some(true) => "proved",
            Some(false) => "NOT ANSWERING",
            None => "not proved",
        };
        let version = if model.version.is_empty() { String::new() } else { format!(":{}", model.version) };
        if model.state == "READY" {
            format!("{}{version} ({proof})", model.name)
        } else {
            format!("{}{version} ({})", model.name, model.state.to_lowercase())
        }
    });
    vec![
        status.endpoint.name.clone(),
        status.endpoint.region.clone(),
        health.to_owned(),
        status.server_version.clone().unwrap_or_else(|| words::NONE.to_owned()),
        latency.map_or_else(|| words::NONE.to_owned(), |secs| format!("{:.1}", secs * 1e3)),
        models.collect::<Vec<_>>().join(", "),
        status.reason.clone(),
    ]
}
