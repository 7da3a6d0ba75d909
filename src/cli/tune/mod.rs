//! `orrery tune`: how a model is best served on this machine, found by measuring; applied, and undone.

mod record;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use orrery_domain::{
    ModelRef,
    job::{JobEvent, JobSpec},
    tune::{Figure, Goals, Limit, Pace, TuneAsk, TuneReport, TuneRequest, TuneStage, Workload},
};
use orrery_engine::{
    registry, runs,
    tune::{records, serving},
};

use super::{Context, End, Outcome, output, unexpected};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct TuneArguments {
    #[command(subcommand)]
    command: Option<TuneCommand>,
    #[command(flatten)]
    ask: AskArguments,
}

#[derive(Debug, Subcommand)]
enum TuneCommand {
    /// List tunings, finished or not
    List,
    /// Show every measurement of a tuning
    Show {
        /// Its id, or the beginning of it, or 'last'
        #[arg(default_value = "last")]
        tuning: String,
    },
    /// Go on with a tuning; a finished one measures some more settings
    Resume {
        /// Its id, or the beginning of it, or 'last'
        #[arg(default_value = "last")]
        tuning: String,
        /// Most settings that are measured, those of before included
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
        max_measurements: Option<u32>,
        /// Measure again what was noisy
        #[arg(long)]
        noisy: bool,
    },
    /// Serve the model as a measurement was made: nodes take it within seconds
    Apply {
        /// The tuning's id, or the beginning of it, or 'last'
        #[arg(default_value = "last")]
        tuning: String,
        /// Number of the measurement, as `show` lists them [default: the best]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        measurement: Option<u32>,
    },
    /// Serve a model as before the last tuning that was applied to it
    Undo {
        /// The model's name
        model: String,
    },
    /// Measure every setting, and write them to a file that searches can be replayed on
    Record {
        #[command(flatten)]
        ask: Box<AskArguments>,
        /// The file (JSON)
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// What was measured, for people [default: the model's name]
        #[arg(long)]
        title: Option<String>,
        /// On which machine, for people
        #[arg(long, default_value = "")]
        machine: String,
        /// Measure every setting a second time, after all of them: what judges a choice by the first
        #[arg(long)]
        twice: bool,
    },
    /// Replay the search on files of recorded surfaces, beside as many settings drawn at random
    Replay {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Seeds
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
        seeds: u64,
        /// Measurements, in percent of all settings
        #[arg(long, value_name = "PERCENT", default_value_t = 8.0)]
        share: f64,
    },
}

#[derive(Debug, Args)]
struct AskArguments {
    /// The model: NAME (its newest version) or NAME:VERSION
    #[arg(long, value_name = "NAME[:VERSION]")]
    model: Option<String>,
    /// What is made best: the most throughput (rows/s), the lowest p50, p95 or p99, the least memory or cpu
    #[arg(long, value_name = "FIGURE", default_value = "throughput", value_parser = figure)]
    goal: Figure,
    /// What must be kept: p95=5ms, memory=200MiB, cpu=1.5, throughput=500 (at least)
    #[arg(long, value_name = "FIGURE=VALUE,…", value_delimiter = ',', value_parser = limit)]
    limit: Vec<Limit>,
    /// Clients that ask at once, each again as soon as it is answered
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    clients: u32,
    /// Rows of each request
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4096))]
    rows: u32,
    /// Versions to choose from, of one model [default: this one, and those quantized from it]
    #[arg(long, value_name = "VERSION,…", value_delimiter = ',')]
    versions: Option<Vec<u32>>,
    /// Most rows that are computed together [default: 4,16,64,256,1024]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    batch_rows: Option<Vec<u32>>,
    /// Threads of an instance; 0: those of the whole process [default: 1, 2, 4, … up to the machine's]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    threads: Option<Vec<u32>>,
    /// Batches that are computed side by side [default: 1, 2, 4, … up to twice the machine's threads]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    instances: Option<Vec<u32>>,
    /// Microseconds that a request waits for others [default: 0,200,500,1000,2000]
    #[arg(long, value_name = "MICROS,…", value_delimiter = ',')]
    delay: Option<Vec<u64>>,
    /// Most settings that are measured [default: 8 of 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    max_measurements: Option<u32>,
    /// Seconds of one repetition of a measurement
    #[arg(long, value_name = "SECS", default_value_t = 0.4)]
    secs: f64,
    /// Fewest repetitions
    #[arg(long, value_name = "N", default_value_t = 3)]
    repeats: u32,
    /// Most repetitions: what is not steady then is called noisy
    #[arg(long, value_name = "N", default_value_t = 12)]
    most_repeats: u32,
    /// Widest half of a steady figure's 95% interval, in percent of it
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    within: f64,
    /// Seed of the search's choices
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

fn figure(text: &str) -> Result<Figure, String> {
    text.parse()
}

fn limit(text: &str) -> Result<Limit, String> {
    text.parse()
}

impl AskArguments {
    /// What is asked, of this workspace on this machine.
    fn request(&self, context: &Context) -> Result<TuneRequest, End> {
        let mut store = context.store()?;
        let Some(name) = &self.model else {
            output::note("error: which model? Name it with --model NAME, or see `orrery tune --help`.");
            return Err(End::Said(2));
        };
        let model = registry::find(&mut store, name)?.model;
        let version = |version: &u32| ModelRef { name: model.name.clone(), version: *version };
        let ask = TuneAsk {
            goals: Goals { objective: self.goal, limits: self.limit.clone() },
            workload: Workload { clients: self.clients, rows: self.rows },
            pace: Pace {
                secs: self.secs,
                fewest: self.repeats,
                most: self.most_repeats,
                doubt: self.within / 100.0,
            },
            versions: self.versions.as_ref().map(|all| all.iter().map(version).collect()),
            batch_rows: self.batch_rows.clone(),
            threads: self.threads.clone(),
            instances: self.instances.clone(),
            delay_micros: self.delay.clone(),
            max_measurements: self.max_measurements,
            seed: self.seed,
            model: model.clone(),
        };
        let quantized = serving::quantized_from(&mut store, &model)?;
        Ok(ask.request(quantized, serving::cores()))
    }
}

pub fn run(context: &Context, arguments: &TuneArguments) -> Outcome {
    match &arguments.command {
        None => {
            let request = arguments.ask.request(context)?;
            shown(context, &measured(context, request, None, false)?)
        }
        Some(TuneCommand::List) => show::list(context, &records::list(&context.workspace)?),
        Some(TuneCommand::Show { tuning }) => shown(context, &records::find(&context.workspace, tuning)?),
        Some(TuneCommand::Resume { tuning, max_measurements, noisy }) => {
            let report = records::find(&context.workspace, tuning)?;
            let mut request = report.request.clone();
            let more = || {
                let usual = TuneRequest::usual_measurements(&request.space);
                if report.stage == TuneStage::Finished && !noisy {
                    request.max_measurements + usual
                } else {
                    request.max_measurements
                }
            };
            request.max_measurements = max_measurements.unwrap_or_else(more);
            shown(context, &measured(context, request, Some(report.id), *noisy)?)
        }
        Some(TuneCommand::Apply { tuning, measurement }) => apply(context, tuning, *measurement),
        Some(TuneCommand::Undo { model }) => undo(context, model),
        Some(TuneCommand::Record { ask, out, title, machine, twice }) => {
            let request = ask.request(context)?;
            record::record(context, request, out, (title.as_deref(), machine), *twice)
        }
        Some(TuneCommand::Replay { files, seeds, share }) => record::replay(context, files, *seeds, *share),
    }
}

/// Measures in a child process; what an earlier one measured of the same request is not measured again.
fn measured(
    context: &Context,
    request: TuneRequest,
    id: Option<String>,
    noisy_again: bool,
) -> Result<TuneReport, End> {
    let known = match id {
        Some(id) => Some(id),
        None => records::unfinished(&context.workspace, &request)?,
    };
    let id = known.unwrap_or_else(runs::fresh_id);
    let home = context.workspace.home().to_path_buf();
    let spec = JobSpec::Tune { home, id: id.clone(), request: Box::new(request), noisy_again };
    match context.complete(&spec) {
        Ok(JobEvent::Tuned { report }) => Ok(*report),
        Ok(other) => Err(unexpected(&other)),
        Err(End::Cancelled) => {
            output::note(&format!(
                "Stopped. What was measured is kept: `orrery tune resume {id}` goes on, `show` and `apply` work with it."
            ));
            Err(End::Said(130))
        }
        Err(end) => Err(end),
    }
}

fn shown(context: &Context, report: &TuneReport) -> Outcome {
    if context.json {
        return output::json(report);
    }
    show::report(report);
    Ok(())
}

fn apply(context: &Context, tuning: &str, measurement: Option<u32>) -> Outcome {
    let report = records::find(&context.workspace, tuning)?;
    let number = measurement.map(|number| number as usize - 1);
    let (setting, serving) = serving::apply(&context.workspace, &mut context.store()?, &report, number)?;
    if context.json {
        return output::json(
            &serde_json::json!({ "applied": setting, "tuning": report.id, "serving": serving }),
        );
    }
    let name = &setting.model.name;
    output::line(&format!("{name} is served by {}.", setting.words()));
    output::line(&format!("A running node takes it within seconds. `orrery tune undo {name}` goes back."));
    Ok(())
}

fn undo(context: &Context, model: &str) -> Outcome {
    let (undone, serving) = serving::undo(&context.workspace, &mut context.store()?, model)?;
    if context.json {
        return output::json(&serde_json::json!({ "undone": undone, "serving": serving }));
    }
    let now = serving.in_force().map_or_else(
        || "as the node's own flags say".to_owned(),
        |applied| format!("by {model}:{}: {}", applied.version, applied.settings.words()),
    );
    output::line(&format!("{model} is served {now}, as before the tuning {}.", undone.tuning));
    Ok(())
}
