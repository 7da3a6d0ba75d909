//! `orrery fleet drill` and `drills`: a region taken out on purpose, and its report.

use std::time::Duration;

use clap::Args;
use orrery_domain::{
    Failure, FailureClass,
    fleet::{Drill, DrillPhase, FleetCommand, endpoint::EndpointRole},
    words,
};

use super::listen::Listener;
use crate::cli::{
    Context, Outcome,
    output::{self, Align},
};

#[derive(Debug, Args)]
pub struct DrillArguments {
    /// The region to take out
    region: String,
    /// The gateway whose traffic is cut, by endpoint name [default: the only one]
    #[arg(long)]
    gateway: Option<String>,
}

pub fn run(context: &Context, arguments: &DrillArguments) -> Outcome {
    let gateway = match &arguments.gateway {
        Some(gateway) => gateway.clone(),
        None => only_gateway(context)?,
    };
    let listener = Listener::start(context)?;
    let known: Vec<String> = listener.wait(Duration::from_secs(10), |state| {
        state.polling.then(|| state.drills.iter().map(|drill| drill.id.clone()).collect())
    })?;
    listener.send(FleetCommand::StartDrill { gateway, region: arguments.region.clone() });
    let mut shown = 0;
    let ended = listener.wait(Duration::from_mins(15), |state| {
        let drill = state.drills.iter().find(|drill| !known.contains(&drill.id))?;
        for (_, step) in drill.steps.iter().skip(shown) {
            output::note(step);
        }
        shown = drill.steps.len();
        drill.ended_at.is_some().then(|| drill.clone())
    })?;
    if context.json {
        output::json(&*ended)?;
    } else {
        show(&[&*ended]);
    }
    if ended.phase == DrillPhase::Done {
        Ok(())
    } else {
        Err(Failure::new(FailureClass::Transient, ended.reason.clone()).into())
    }
}

fn only_gateway(context: &Context) -> Result<String, Failure> {
    let endpoints = context.store()?.endpoints()?;
    let mut gateways = endpoints.iter().filter(|endpoint| endpoint.role == EndpointRole::Gateway);
    match (gateways.next(), gateways.next()) {
        (Some(only), None) => Ok(only.name.clone()),
        (None, _) => Err(Failure::new(
            FailureClass::Client,
            "There is no gateway. Add one with `orrery fleet endpoints add NAME URL --region REGION --role gateway`.",
        )),
        _ => Err(Failure::new(FailureClass::Client, "There are several gateways: name one with --gateway.")),
    }
}

pub fn list(context: &Context) -> Outcome {
    let drills = context.store()?.drills()?;
    if context.json {
        return output::json(&serde_json::json!({ "drills": drills }));
    }
    show(&drills.iter().collect::<Vec<_>>());
    Ok(())
}

fn show(drills: &[&Drill]) {
    let secs = |secs: Option<f64>| secs.map_or_else(|| words::NONE.to_owned(), |secs| format!("{secs:.1}"));
    let count = |count: Option<u64>| count.map_or_else(|| words::NONE.to_owned(), words::count);
    let head = [
        ("REGION", Align::Left),
        ("DETECTED S", Align::Right),
        ("SHIFTED S", Align::Right),
        ("RECOVERED S", Align::Right),
        ("REQUESTS", Align::Right),
        ("FAILED", Align::Right),
        ("HOW IT ENDED", Align::Left),
    ];
    let row = |drill: &&Drill| {
        vec![
            drill.region.clone(),
            secs(drill.detection_secs),
            secs(drill.shift_secs),
            secs(drill.recovery_secs),
            count(drill.requests),
            count(drill.failures),
            drill.reason.clone(),
        ]
    };
    output::table(&head, &drills.iter().map(row).collect::<Vec<_>>());
}
