//! `orrery fleet demo`: four nodes and a gateway on this machine, with a small real model and a little traffic.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Args;
use orrery_domain::{
    Failure, FailureClass,
    fleet::{FleetCommand, Guards, RolloutPlan, RolloutState},
};
use orrery_engine::{fleet::demo, jobs::spawn::this_program, registry};

use super::listen::Listener;
use crate::cli::{Context, End, INTERRUPTED, Outcome, catch_interrupts, output};

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// The model: NAME (its newest version) or NAME:VERSION [default: a small one is trained on the sample]
    #[arg(long)]
    model: Option<String>,
    /// End after so many seconds [default: Ctrl-C ends it]
    #[arg(long, value_name = "SECS")]
    seconds: Option<f64>,
}

/// The model that is trained where none is named.
const MODEL: &str = "demo-delays";

pub fn run(context: &Context, arguments: &DemoArguments) -> Outcome {
    catch_interrupts();
    let program = this_program()?;
    let model = match &arguments.model {
        Some(model) => registry::find(&mut context.store()?, model)?.model,
        None => match registry::find(&mut context.store()?, MODEL) {
            Ok(known) => known.model,
            Err(_none) => train(context, &program)?,
        },
    };
    let demo = demo::start(&program, &context.workspace)?;
    output::note(&format!(
        "{} processes run; the gateway listens at http://{}. Watch them: orrery --home {} --page fleet",
        demo.processes(),
        demo.gateway,
        context.workspace.home().display()
    ));
    roll_out(context, &model)?;
    if context.json {
        output::json(&serde_json::json!({ "event": "ready", "gateway": demo.gateway, "model": model }))?;
    }
    output::note(&format!(
        "{model} serves in four regions. A little traffic goes through the gateway; Ctrl-C ends it all."
    ));
    let over = Arc::new(AtomicBool::new(false));
    let counts = (AtomicU64::new(0), AtomicU64::new(0));
    let begun = Instant::now();
    let asked = std::thread::scope(|scope| {
        let traffic = scope.spawn(|| demo.traffic(&model.name, &over, &counts));
        let wanted = arguments.seconds.map(|secs| Duration::try_from_secs_f64(secs).unwrap_or(Duration::MAX));
        while !INTERRUPTED.load(Ordering::Relaxed)
            && !traffic.is_finished()
            && wanted.is_none_or(|wanted| begun.elapsed() < wanted)
        {
            std::thread::sleep(Duration::from_millis(100));
        }
        over.store(true, Ordering::Relaxed);
        traffic
            .join()
            .unwrap_or_else(|_panic| Err(Failure::new(FailureClass::Bug, "The traffic broke down.")))
    });
    asked?;
    drop(demo);
    let (answered, failed) = (counts.0.into_inner(), counts.1.into_inner());
    if context.json {
        output::json(&serde_json::json!({ "event": "ended", "answered": answered, "failed": failed }))?;
    }
    output::note(&format!("{answered} requests were answered, {failed} were not. Everything has ended."));
    Ok(())
}

/// Trains the small model on the sample, as a person would.
fn train(context: &Context, program: &std::path::Path) -> Result<orrery_domain::ModelRef, End> {
    output::note("Training a small model on the sample…");
    let sample = orrery_engine::datasets::put_sample(&context.workspace)?;
    let output = std::process::Command::new(program)
        .arg("--home")
        .arg(context.workspace.home())
        .args(["train", "--model", "linear", "--target", "late", "--name", MODEL, "--data"])
        .arg(sample)
        .output()
        .map_err(|error| Failure::new(FailureClass::Bug, format!("The training did not start: {error}.")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::new(FailureClass::Model, format!("The training failed: {said}")).into());
    }
    Ok(registry::find(&mut context.store()?, MODEL)?.model)
}

/// Brings the model to all four nodes.
fn roll_out(context: &Context, model: &orrery_domain::ModelRef) -> Outcome {
    let listener = Listener::start(context)?;
    let known: Vec<String> = listener.wait(Duration::from_secs(10), |state| {
        state.polling.then(|| state.rollouts.iter().map(|rollout| rollout.id.clone()).collect())
    })?;
    let plan = RolloutPlan {
        model: model.clone(),
        endpoints: demo::LATENCIES.iter().map(|(region, _)| format!("{region}-1")).collect(),
        stages: vec![100],
        stage_secs: 1.0,
        guards: Guards { min_requests: 1, ..Guards::default() },
    };
    listener.send(FleetCommand::StartRollout { plan: Box::new(plan) });
    let ended = listener.wait(Duration::from_mins(2), |state| {
        let mut new = state.rollouts.iter().filter(|rollout| !known.contains(&rollout.id));
        new.find(|rollout| rollout.ended_at.is_some()).cloned()
    })?;
    if ended.state == RolloutState::Done {
        return Ok(());
    }
    Err(Failure::new(FailureClass::Model, format!("The model was not rolled out. {}", ended.reason)).into())
}
