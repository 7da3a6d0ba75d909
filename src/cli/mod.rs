//! The command line: one file a subcommand; what they share is here.

mod compare;
mod compress;
mod data;
mod devices;
mod doctor;
#[cfg(feature = "fault-injection")]
mod edits;
mod explain;
mod fleet;
#[cfg(feature = "fault-injection")]
mod flood;
mod follow;
mod frames;
mod gateway;
mod http;
mod job;
mod keys;
mod logger;
mod models;
mod node;
mod output;
mod predict;
mod progress;
mod question;
mod runs;
mod search;
mod train;
mod tune;
mod window;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, LazyLock, atomic::AtomicBool},
};

use clap::{Parser, Subcommand};
use orrery_domain::{Failure, FailureClass, job::JobEvent, job::JobSpec, run::RunState};
use orrery_engine::policy::ending;
use orrery_engine::{Workspace, jobs::Launcher, jobs::spawn, store::Store};

/// From a file to a model in production, offline.
#[derive(Debug, Parser)]
#[command(name = "orrery", version, about, max_term_width = 110)]
struct Arguments {
    /// Write one JSON document (JSON lines for a stream) to standard output, and nothing else there
    #[arg(long, global = true)]
    json: bool,
    /// The workspace folder [default: `$ORRERY_HOME`, else the platform's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    #[command(flatten)]
    window: window::WindowArguments,
    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Import, profile, list and delete datasets
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Train a model
    Train(Box<train::TrainArguments>),
    /// Measure a model on a file that has its target
    Evaluate(predict::EvaluateArguments),
    /// Say what each column added to answers, what matters to a model, and what would change its mind
    Explain(Box<explain::ExplainArguments>),
    /// Make a smaller or faster version of a network, and measure what that costs
    Quantize(compress::quantize::QuantizeArguments),
    /// Make a version of a network without its least worthy units, and measure what that costs
    Prune(compress::prune::PruneArguments),
    /// Make a smaller network that learns what a model says, and measure what that costs
    Distil(compress::distil::DistilArguments),
    /// Search settings and architectures: TPE, evolution, ASHA, Hyperband, within limits on time and size
    Search(Box<search::SearchArguments>),
    /// Find the batch size, threads, instances, precision and delay that serve a model best, by measuring
    Tune(Box<tune::TuneArguments>),
    /// Predict on a file
    Predict(predict::PredictArguments),
    /// List, show and steer training runs
    #[command(subcommand)]
    Runs(runs::RunsCommand),
    /// List, show, compare, export, delete and restore models
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// What can compute here, and how fast it was
    Devices(devices::DevicesArguments),
    /// Do one job (used by the window, by commands and by clusters)
    #[command(subcommand)]
    Job(job::JobCommand),
    /// Serve the registry's models over the Open Inference Protocol
    Node(node::NodeArguments),
    /// Balance, retry and fail over between servers in several regions
    Gateway(gateway::GatewayArguments),
    /// Regions, endpoints, rollouts and drills: servers wherever they are
    #[command(subcommand)]
    Fleet(fleet::FleetCommand),
    /// Make, list and revoke keys to nodes and gateways
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Check this machine and workspace; say what is wrong and how to mend it
    Doctor,
}

/// How a command ended, where not well.
#[derive(Debug)]
enum End {
    /// It failed.
    Failed(Failure),
    /// A person ended it.
    Cancelled,
    /// It failed and has said so.
    Said(u8),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

type Outcome = Result<(), End>;

/// What every command works with.
#[derive(Debug)]
struct Context {
    /// Whether standard output is JSON.
    json: bool,
    /// The workspace.
    workspace: Workspace,
    /// How children are started.
    launcher: Launcher,
}

/// Set by Ctrl-C and by a request to end.
static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

impl Context {
    fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let home = Workspace::locate(arguments.home.as_deref())?;
        let workspace = Workspace::open(&home)?;
        Ok(Self { json: arguments.json, workspace, launcher: Launcher::this_program()? })
    }

    fn store(&self) -> Result<Store, Failure> {
        Store::open(&self.workspace)
    }

    /// Runs a job to its end, with its progress on standard error.
    fn complete(&self, spec: &JobSpec) -> Result<JobEvent, End> {
        catch_interrupts();
        let mut progress = progress::Line::new();
        let event = spawn::complete(&self.launcher, &self.workspace, spec, &INTERRUPTED, |event| {
            progress.show(event);
        });
        progress.clear();
        match event? {
            JobEvent::State { state: RunState::Cancelled | RunState::Paused, .. } => Err(End::Cancelled),
            event => Ok(event),
        }
    }
}

/// From now on Ctrl-C sets a flag; the second one ends this process.
fn catch_interrupts() {
    use signal_hook::{consts::SIGINT, flag};
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // The order matters: the first signal finds the flag unset, sets it, and goes on.
        let caught = flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&INTERRUPTED))
            .and_then(|_| flag::register(SIGINT, Arc::clone(&INTERRUPTED)));
        if let Err(error) = caught {
            log::warn!("Ctrl-C cannot be caught: {error}. Use `orrery runs pause` from another terminal.");
        }
    });
}

/// The failure for an answer that no job should give.
fn unexpected(event: &JobEvent) -> End {
    End::Failed(Failure::new(FailureClass::Bug, format!("The job gave an unexpected answer: {event:?}.")))
}

pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logger::start();
    let json = arguments.json;
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(End::Cancelled) => {
            output::note("Cancelled.");
            ExitCode::from(130)
        }
        Err(End::Said(code)) => ExitCode::from(code),
        Err(End::Failed(failure)) => {
            output::failure(json, &failure);
            ExitCode::from(ending::exit_code(failure.class))
        }
    }
}

fn run(mut arguments: Arguments) -> Outcome {
    #[cfg(feature = "fault-injection")]
    match &arguments.command {
        Some(Subcommands::Job(job::JobCommand::Flood { prefix })) => {
            return flood::run(&Context::new(&arguments)?, prefix);
        }
        Some(Subcommands::Job(job::JobCommand::Edits)) => return edits::run(&Context::new(&arguments)?),
        _ => {}
    }
    // A job knows its workspace from its spec: it must not create another one.
    if let Some(Subcommands::Job(command)) = arguments.command {
        return job::run(&command);
    }
    let context = Context::new(&arguments)?;
    match arguments.command.take() {
        None => window::run(&context, &arguments.window),
        Some(Subcommands::Data(command)) => data::run(&context, command),
        Some(Subcommands::Train(arguments)) => train::run(&context, &arguments),
        Some(Subcommands::Explain(arguments)) => explain::run(&context, &arguments),
        Some(Subcommands::Quantize(arguments)) => compress::quantize::run(&context, &arguments),
        Some(Subcommands::Prune(arguments)) => compress::prune::run(&context, &arguments),
        Some(Subcommands::Distil(arguments)) => compress::distil::run(&context, &arguments),
        Some(Subcommands::Search(arguments)) => search::run(&context, *arguments),
        Some(Subcommands::Tune(arguments)) => tune::run(&context, &arguments),
        Some(Subcommands::Evaluate(arguments)) => predict::evaluate(&context, &arguments),
        Some(Subcommands::Predict(arguments)) => predict::predict(&context, &arguments),
        Some(Subcommands::Runs(command)) => runs::run(&context, command),
        Some(Subcommands::Models(command)) => models::run(&context, command),
        Some(Subcommands::Devices(arguments)) => devices::run(&context, &arguments),
        Some(Subcommands::Node(arguments)) => node::run(&context, &arguments),
        Some(Subcommands::Gateway(arguments)) => gateway::run(&context, &arguments),
        Some(Subcommands::Fleet(command)) => fleet::run(&context, command),
        Some(Subcommands::Keys(command)) => keys::run(&context, command),
        Some(Subcommands::Doctor) => doctor::run(&context),
        Some(Subcommands::Job(_)) => Ok(()),
    }
}
