//! `orrery fleet deploy`, `rollback` and `rollouts`.

use std::time::Duration;

use clap::Args;
use orrery_domain::{
    Failure, FailureClass,
    fleet::{FleetCommand, FleetState, Guards, Rollout, RolloutPlan, RolloutState, RolloutStep},
};
use orrery_engine::registry;

use super::listen::Listener;
use crate::cli::{
    Context, End, Outcome,
    output::{self, Align},
};

/// Longest that a rollout is watched from here; it goes on at its gateway.
const PATIENCE: Duration = Duration::from_hours(24);

#[derive(Debug, Args)]
pub struct DeployArguments {
    /// The model: NAME (its newest version) or NAME:VERSION
    model: String,
    /// Endpoints to load it on [default: every server of the enabled regions]
    #[arg(long, value_delimiter = ',', value_name = "ENDPOINT,…")]
    to: Vec<String>,
    /// Percents of the canary
    #[arg(long, value_delimiter = ',', value_name = "PERCENT,…", default_values_t = [1, 5, 25, 100])]
    stages: Vec<u32>,
    /// Seconds that a stage lasts at least
    #[arg(long, value_name = "SECS", default_value_t = 60.0)]
    stage_seconds: f64,
    /// Go back when the canary's share of failures is this much above, and chance does not explain it, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = Guards::default().max_error_ratio_above)]
    max_errors: f64,
    /// Chance that the guard on failures ends a canary that fails no more than the other
    #[arg(long, value_name = "CHANCE", default_value_t = Guards::default().significance_level)]
    significance: f64,
    /// Go back when the canary's p95 is this many times the other's
    #[arg(long, value_name = "RATIO", default_value_t = Guards::default().max_p95_ratio)]
    max_p95: f64,
    /// Go back when the predictions' population stability index is above this
    #[arg(long, value_name = "PSI", default_value_t = Guards::default().max_drift)]
    max_drift: f64,
    /// Requests to the canary before a stage is judged
    #[arg(long, value_name = "N", default_value_t = Guards::default().min_requests)]
    min_requests: u64,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Take the model's rollout up whose process ended before it did, with the settings it began with
    #[arg(
        long,
        conflicts_with_all = ["to", "stages", "stage_seconds", "max_errors", "significance", "max_p95", "max_drift",
            "min_requests", "dry_run"]
    )]
    resume: bool,
}

#[derive(Debug, Args)]
pub struct RollbackArguments {
    /// The model's name
    model: String,
}

pub fn deploy(context: &Context, arguments: &DeployArguments) -> Outcome {
    if arguments.resume {
        return resume(context, &arguments.model);
    }
    let model = registry::find(&mut context.store()?, &arguments.model)?.model;
    let plan = Box::new(RolloutPlan {
        model,
        endpoints: arguments.to.clone(),
        stages: arguments.stages.clone(),
        stage_secs: arguments.stage_seconds,
        guards: Guards {
            max_error_ratio_above: arguments.max_errors,
            significance_level: arguments.significance,
            max_p95_ratio: arguments.max_p95,
            max_drift: arguments.max_drift,
            min_requests: arguments.min_requests,
        },
    });
    let listener = Listener::start(context)?;
    if arguments.dry_run {
        listener.send(FleetCommand::PlanRollout { plan });
        let planned = listener.wait(Duration::from_mins(1), |state| state.planned.clone())?;
        if context.json {
            return output::json(&*planned);
        }
        planned.steps.iter().for_each(show_step);
        return Ok(());
    }
    let before = ids(&listener, |_| true)?;
    listener.send(FleetCommand::StartRollout { plan });
    watch(context, &listener, &before, &[RolloutState::Done])
}

/// Takes up the rollout of a model, and follows it from there.
fn resume(context: &Context, model: &str) -> Outcome {
    let model = model.split_once(':').map_or(model, |(name, _)| name).to_owned();
    let listener = Listener::start(context)?;
    let others = ids(&listener, |rollout| rollout.ended_at.is_some() || rollout.plan.model.name != model)?;
    listener.send(FleetCommand::ResumeRollouts { model: Some(model) });
    watch(context, &listener, &others, &[RolloutState::Done])
}

pub fn roll_back(context: &Context, arguments: &RollbackArguments) -> Outcome {
    let listener = Listener::start(context)?;
    // What is rolled back may be the rollout that goes on.
    let before =
        ids(&listener, |rollout| rollout.ended_at.is_some() || rollout.plan.model.name != arguments.model)?;
    listener.send(FleetCommand::RollBackDeployment { model: arguments.model.clone() });
    watch(context, &listener, &before, &[RolloutState::Done, RolloutState::RolledBack])
}

/// The rollouts of which this is so before anything is asked for.
fn ids(listener: &Listener, is_so: impl Fn(&Rollout) -> bool) -> Result<Vec<String>, End> {
    let known = |state: &FleetState| {
        state.rollouts.iter().filter(|rollout| is_so(rollout)).map(|rollout| rollout.id.clone()).collect()
    };
    listener.wait(Duration::from_secs(10), |state| state.polling.then(|| known(state)))
}

/// Follows the rollout that is not among `others`, step by step; it must end in a state that is `wanted`.
fn watch(context: &Context, listener: &Listener, others: &[String], wanted: &[RolloutState]) -> Outcome {
    let mut of = String::new();
    let mut shown = 0;
    let mut percent = None;
    let ended = listener.wait(PATIENCE, |state| {
        let rollout = state.rollouts.iter().find(|rollout| !others.contains(&rollout.id))?;
        if of != rollout.id {
            (of, shown) = (rollout.id.clone(), 0);
        }
        for step in rollout.steps.iter().skip(shown) {
            if !context.json {
                show_step(step);
            }
        }
        shown = rollout.steps.len();
        if let Some(reading) = rollout.readings.last()
            && percent != Some(reading.percent)
        {
            percent = Some(reading.percent);
            output::note(&format!("{}% of the traffic goes to it.", reading.percent));
        }
        rollout.ended_at.is_some().then(|| rollout.clone())
    })?;
    if context.json {
        output::json(&*ended)?;
    }
    if wanted.contains(&ended.state) {
        output::note(&ended.reason);
        return Ok(());
    }
    Err(Failure::new(FailureClass::Model, ended.reason.clone()).into())
}

fn show_step(step: &RolloutStep) {
    let mark = match step.ok {
        Some(true) => "done   ",
        Some(false) => "failed ",
        None => "would  ",
    };
    let detail = if step.detail.is_empty() { String::new() } else { format!(": {}", step.detail) };
    output::line(&format!("{mark} {}{detail}", step.what));
}

pub fn list(context: &Context) -> Outcome {
    let rollouts = context.store()?.rollouts()?;
    if context.json {
        return output::json(&serde_json::json!({ "rollouts": rollouts }));
    }
    let looked: Vec<(&Rollout, bool)> =
        rollouts.iter().map(|rollout| (rollout, is_undriven(context, rollout))).collect();
    let head = [
        ("ID", Align::Left),
        ("MODEL", Align::Left),
        ("FROM", Align::Left),
        ("STATE", Align::Left),
        ("WHY", Align::Left),
    ];
    let row = |&(rollout, undriven): &(&Rollout, bool)| {
        vec![
            rollout.id.clone(),
            rollout.plan.model.to_string(),
            rollout.from.clone().unwrap_or_else(|| orrery_domain::words::NONE.to_owned()),
            if undriven { "interrupted" } else { state(rollout.state) }.to_owned(),
            rollout.reason.clone(),
        ]
    };
    output::table(&head, &looked.iter().map(row).collect::<Vec<_>>());
    for (rollout, _) in looked.iter().filter(|(_, undriven)| *undriven) {
        output::note(&format!("`orrery fleet deploy {} --resume` takes it up.", rollout.plan.model.name));
    }
    Ok(())
}

/// Whether a rollout is not over and no process drives it.
fn is_undriven(context: &Context, rollout: &Rollout) -> bool {
    let free = || context.workspace.is_rollout_driven(&rollout.plan.model.name).is_ok_and(|driven| !driven);
    rollout.ended_at.is_none() && free()
}

fn state(state: RolloutState) -> &'static str {
    match state {
        RolloutState::Planned => "planned",
        RolloutState::Loading => "loading",
        RolloutState::Warming => "warming",
        RolloutState::Canary => "canary",
        RolloutState::Done => "done",
        RolloutState::RolledBack => "rolled back",
        RolloutState::Failed => "failed",
    }
}
