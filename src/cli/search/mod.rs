//! `orrery search`: settings and architectures tried one after another; list, show, go on with and end searches.

mod arguments;
mod show;

use std::path::Path;

use clap::{Args, Subcommand};
use orrery_domain::{
    Failure, FailureClass,
    job::{JobEvent, JobSpec},
    run::RunState,
    search::{Plan, Search, SearchState},
};
use orrery_engine::{jobs::spawn, policy::names, search::table::Table, searches};

use self::arguments::RequestArguments;
use super::{
    Context, End, INTERRUPTED, Outcome, catch_interrupts, data, output, progress, train, unexpected,
};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SearchArguments {
    #[command(subcommand)]
    command: Option<SearchCommand>,
    #[command(flatten)]
    request: RequestArguments,
}

#[derive(Debug, Subcommand)]
enum SearchCommand {
    /// All searches, newest first
    List,
    /// One search: its trials, what mattered, the front of quality, time and size
    Show {
        /// Its id, or a unique beginning or ending of it
        id: String,
    },
    /// Go on with a search that was stopped, or with a larger budget
    Resume {
        /// Its id
        id: String,
        /// Trials in all, those that are done among them
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        trials: Option<u32>,
        /// Time in all, as 90s, 5m or 1h
        #[arg(long, value_name = "TIME", value_parser = train::parse_time)]
        budget: Option<f64>,
        /// Start it and return; it goes on by itself
        #[arg(long)]
        detach: bool,
    },
    /// End a search; its trials are kept, and it can be resumed
    Cancel {
        /// Its id
        id: String,
    },
}

pub fn run(context: &Context, arguments: SearchArguments) -> Outcome {
    let mut store = context.store()?;
    match arguments.command {
        None => start(context, &arguments.request),
        Some(SearchCommand::List) => {
            let all = store.searches()?;
            if context.json {
                output::json(&serde_json::json!({ "searches": all }))
            } else {
                show::list(&context.workspace, &all)
            }
        }
        Some(SearchCommand::Show { id }) => {
            let search = searches::find(&mut store, &id)?;
            if context.json {
                return output::json(&serde_json::json!({ "search": search }));
            }
            show::show(&context.workspace, &search)
        }
        Some(SearchCommand::Resume { id, trials, budget, detach }) => {
            let id = searches::find(&mut store, &id)?.id;
            let search = searches::prepare_resume(&context.workspace, &mut store, &id, trials, budget)?;
            go(context, &search, detach)
        }
        Some(SearchCommand::Cancel { id }) => {
            let id = searches::find(&mut store, &id)?.id;
            let told = searches::cancel(&context.workspace, &mut store, &id)?;
            let words = if told { "is told to end" } else { "is cancelled" };
            output::note(&format!("{id} {words}. `orrery search resume {id}` goes on with it."));
            if context.json {
                output::json(&serde_json::json!({ "search": id, "told": told }))
            } else {
                Ok(())
            }
        }
    }
}

fn start(context: &Context, arguments: &RequestArguments) -> Outcome {
    let plan = arguments.plan();
    if let Some(file) = &arguments.table {
        return replay(context, file, &plan);
    }
    let needed = |what: &Option<String>, flag: &str| {
        what.clone().ok_or_else(|| {
            Failure::new(FailureClass::Client, format!("A search needs {flag}: see `orrery search --help`."))
        })
    };
    let (file, target) = (needed(&arguments.data, "--data")?, needed(&arguments.target, "--target")?);
    let space = arguments.space()?;
    searches::check_space(&space)?;
    let dataset = data::resolve(context, &file, &arguments.read)?;
    let config = arguments.config(target);
    train::check_columns(&dataset, &config)?;
    let name = arguments.name.clone();
    let model_name = name.unwrap_or_else(|| names::model_name(&dataset.name, arguments.named_model()));
    let request = orrery_domain::search::SearchRequest {
        dataset: Box::new(dataset),
        config: Box::new(config),
        model_name,
        metric: arguments.metric,
    };
    let mut store = context.store()?;
    let search = searches::create(&context.workspace, &mut store, request, space, plan)?;
    go(context, &search, arguments.detach)
}

/// Starts a search's process, and stays with it unless it is to go on by itself.
fn go(context: &Context, search: &Search, detach: bool) -> Outcome {
    let id = &search.id;
    if detach {
        let launch = searches::launch_detached(&context.workspace, id)?;
        spawn::start(&context.launcher, &launch, |_| {})?;
        output::note(&format!("{id} goes on by itself. `orrery search show {id}` says how far it is."));
        return if context.json { output::json(&serde_json::json!({ "search": id })) } else { Ok(()) };
    }
    catch_interrupts();
    if context.json {
        output::json(&serde_json::json!({ "event": "started", "search": id }))?;
    }
    let spec = JobSpec::Search { home: context.workspace.home().to_path_buf(), search: id.clone() };
    let mut line = progress::Line::new();
    let json = context.json;
    let event = spawn::complete(&context.launcher, &context.workspace, &spec, &INTERRUPTED, |event| {
        if json && matches!(event, JobEvent::Trial { .. } | JobEvent::Progress { .. }) {
            // A reader that left ends the command by itself.
            let _said = output::json(event);
        }
        if !json || output::watched() {
            line.show(event);
        }
    });
    line.clear();
    match event {
        Ok(JobEvent::Searched { search }) if context.json => output::json(&JobEvent::Searched { search }),
        Ok(JobEvent::Searched { search }) => show::show(&context.workspace, &search),
        Ok(JobEvent::State { state: RunState::Paused | RunState::Cancelled, .. }) => {
            output::note(&format!("Stopped; every trial is kept. `orrery search resume {id}` goes on."));
            Err(End::Said(130))
        }
        Ok(other) => Err(unexpected(&other)),
        Err(failure) => {
            output::note(&format!("The trials are kept: `orrery search show {id}`."));
            Err(failure.into())
        }
    }
}

/// Lets a sampler search a recorded objective.
fn replay(context: &Context, file: &Path, plan: &Plan) -> Outcome {
    let failed = |why: String| Failure::new(FailureClass::Data, format!("{why} ({})", file.display()));
    let bytes = std::fs::read(file).map_err(|error| failed(format!("The table cannot be read: {error}.")))?;
    let table: Table = serde_json::from_slice(&bytes)
        .map_err(|error| failed(format!("The table is not valid: {error}.")))?;
    let replay = table.replay(plan)?;
    if context.json {
        return output::json(&replay);
    }
    let best = replay.best.last().copied().unwrap_or(f64::NAN);
    output::line(&format!(
        "{} found {} in {} trials, which would have cost {:.1} full trainings; the table's best is {}.",
        plan.sampler.title(),
        output::number(best),
        plan.trials,
        replay.trainings,
        output::number(replay.optimum)
    ));
    Ok(())
}

/// Where a search stands, in a word; one whose process died can be resumed.
fn state_word(alive: bool, search: &Search) -> &'static str {
    match search.state {
        SearchState::Running if !alive => "interrupted",
        state => state.name(),
    }
}
