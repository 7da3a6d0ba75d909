//! `orrery fleet`: regions, endpoints, rollouts and drills from the command line.

mod conform;
mod demo;
mod deploy;
mod drill;
mod listen;
mod setup;
mod simulate;
mod status;

use clap::Subcommand;

use super::{Context, Outcome};

#[derive(Debug, Subcommand)]
pub enum FleetCommand {
    /// List, set up and remove regions; nothing is contacted before a region is enabled
    #[command(subcommand)]
    Regions(setup::RegionsCommand),
    /// List, add and remove endpoints: servers of the Open Inference Protocol, and gateways
    #[command(subcommand)]
    Endpoints(setup::EndpointsCommand),
    /// Look at every endpoint of the enabled regions once, and say how each is doing
    Status(status::StatusArguments),
    /// Check what a server supports of the protocol, and where it says what is not so
    Conform(conform::ConformArguments),
    /// Roll a model version out: load, prove, warm, canary with guards, verify; or take an interrupted rollout up
    Deploy(deploy::DeployArguments),
    /// Serve the version before the present one again
    Rollback(deploy::RollbackArguments),
    /// Rollouts, the newest first
    Rollouts,
    /// Replay recorded traffic through each strategy: latency, failures and cost of each
    Simulate(simulate::SimulateArguments),
    /// Take a region out of a gateway's traffic, measure what happens, and put it back
    Drill(drill::DrillArguments),
    /// Drills, the newest first
    Drills,
    /// Four nodes and a gateway on this machine, with a small real model and a little traffic, until Ctrl-C
    Demo(demo::DemoArguments),
}

pub fn run(context: &Context, command: FleetCommand) -> Outcome {
    match command {
        FleetCommand::Regions(command) => setup::regions(context, command),
        FleetCommand::Endpoints(command) => setup::endpoints(context, command),
        FleetCommand::Status(arguments) => status::run(context, &arguments),
        FleetCommand::Conform(arguments) => conform::run(context, &arguments),
        FleetCommand::Deploy(arguments) => deploy::deploy(context, &arguments),
        FleetCommand::Rollback(arguments) => deploy::roll_back(context, &arguments),
        FleetCommand::Rollouts => deploy::list(context),
        FleetCommand::Simulate(arguments) => simulate::run(context, &arguments),
        FleetCommand::Drill(arguments) => drill::run(context, &arguments),
        FleetCommand::Drills => drill::list(context),
        FleetCommand::Demo(arguments) => demo::run(context, &arguments),
    }
}
