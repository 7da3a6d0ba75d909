//! `orrery models`: the registry.

use std::path::PathBuf;

use clap::Subcommand;
use orrery_domain::{ModelRef, metric::MetricId, model::ModelCard, snapshot::ModelEntry};
use orrery_engine::{registry, workspace};

use super::{
    Context, Outcome,
    output::{self, Align},
};

#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// All model versions, newest first
    List,
    /// A model's card
    Show {
        /// NAME (its newest version) or NAME:VERSION
        model: String,
    },
    /// Say whether one of several models is better beyond chance, where each is worst, and how they are built
    Compare(Box<super::compare::CompareArguments>),
    /// Copy a model version into a folder
    Export {
        /// NAME or NAME:VERSION
        model: String,
        /// A new or empty folder, or one to make NAME-VERSION in
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Register a model folder that came from elsewhere
    Import {
        /// A folder with card.json
        folder: PathBuf,
        /// Name in the registry [default: the name it had]
        #[arg(long)]
        name: Option<String>,
    },
    /// Move a model version to the bin
    Delete {
        /// NAME:VERSION
        model: ModelRef,
    },
    /// Bring a deleted model version back
    Restore {
        /// NAME:VERSION
        model: ModelRef,
    },
}

pub fn run(context: &Context, command: ModelsCommand) -> Outcome {
    match command {
        ModelsCommand::List => list(context),
        ModelsCommand::Show { model } => show(context, &model),
        ModelsCommand::Compare(arguments) => super::compare::run(context, &arguments),
        ModelsCommand::Export { model, to } => {
            let model = registry::find(&mut context.store()?, &model)?.model;
            let to = registry::export(&context.workspace, &model, &to)?;
            output::note(&format!("Copied {model} to {}.", to.display()));
            if context.json { output::json(&serde_json::json!({ "model": model, "to": to })) } else { Ok(()) }
        }
        ModelsCommand::Import { folder, name } => {
            let model =
                registry::import(&context.workspace, &mut context.store()?, &folder, name.as_deref())?;
            output::note(&format!("Registered as {model}."));
            if context.json { output::json(&serde_json::json!({ "model": model })) } else { Ok(()) }
        }
        ModelsCommand::Delete { model } => {
            let mut store = context.store()?;
            if store.model(&model)?.is_none_or(|entry| entry.deleted) {
                return Err(workspace::no_model(&model.to_string()).into());
            }
            registry::delete(&context.workspace, &mut store, &model)?;
            output::note(&format!("Deleted {model}. `orrery models restore {model}` brings it back."));
            if context.json { output::json(&serde_json::json!({ "deleted": model })) } else { Ok(()) }
        }
        ModelsCommand::Restore { model } => {
            registry::restore(&context.workspace, &mut context.store()?, &model)?;
            output::note(&format!("{model} is back."));
            if context.json { output::json(&serde_json::json!({ "restored": model })) } else { Ok(()) }
        }
    }
}

fn list(context: &Context) -> Outcome {
    let models: Vec<ModelEntry> =
        context.store()?.models()?.into_iter().filter(|entry| !entry.deleted).collect();
    if context.json {
        return output::json(&serde_json::json!({ "models": models }));
    }
    if models.is_empty() {
        output::note("There are no models yet. Begin with `orrery train --data FILE --target COL`.");
        return Ok(());
    }
    let head = [
        ("Model", Align::Left),
        ("Kind", Align::Left),
        ("Target", Align::Left),
        ("Dataset", Align::Left),
        ("Metric", Align::Left),
        ("Test [95% interval]", Align::Left),
        ("Size", Align::Right),
        ("Made", Align::Left),
    ];
    let rows: Vec<Vec<String>> = models
        .iter()
        .map(|entry| {
            let (id, value) = &entry.primary;
            vec![
                entry.model.to_string(),
                entry.kind.name().to_owned(),
                entry.target.clone(),
                entry.dataset_name.clone(),
                id.title().to_owned(),
                output::metric(*id, value),
                output::bytes(entry.bytes),
                output::moment(entry.created_at),
            ]
        })
        .collect();
    output::table(&head, &rows);
    Ok(())
}

fn show(context: &Context, model: &str) -> Outcome {
    let model = registry::find(&mut context.store()?, model)?.model;
    let folder = context.workspace.model(&model);
    let card = registry::read_card(&folder)?;
    if context.json {
        return output::json(&serde_json::json!({ "model": model, "card": card }));
    }
    let facts = [
        ("Model", model.to_string()),
        ("Family", card.kind.title().to_owned()),
        ("Target", card.target.clone()),
        ("Classes", card.classes.join(", ")),
        ("Features", card.features.len().to_string()),
        ("Parameters", output::count(card.parameters)),
        ("Rows", rows(&card)),
        ("Device", format!("{} ({} threads)", card.device, card.threads)),
        ("Trained", format!("{} in {}", output::moment(card.created_at), output::duration(card.train_secs))),
        ("Seed", card.seed.to_string()),
        (
            "From",
            format!(
                "{} · dataset {} · run {}",
                card.lineage.source.path,
                card.lineage.dataset.short(),
                card.lineage.run
            ),
        ),
        ("Folder", folder.display().to_string()),
    ];
    for (title, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        output::line(&format!("{title:<10} {value}"));
    }
    let mut head = vec![("Test", Align::Left), ("This model", Align::Left)];
    head.extend(card.baselines.iter().map(|baseline| (baseline.name.as_str(), Align::Left)));
    let lines: Vec<Vec<String>> = MetricId::of(card.task)
        .iter()
        .filter_map(|id| card.test.get(id).map(|value| (*id, value)))
        .map(|(id, value)| {
            let mut line = vec![id.title().to_owned(), output::metric(id, value)];
            line.extend(card.baselines.iter().map(|baseline| {
                baseline.test.get(&id).map_or_else(|| "—".to_owned(), |value| output::metric(id, value))
            }));
            line
        })
        .collect();
    output::table(&head, &lines);
    if let Some(verdict) = &card.verdict {
        output::line(&verdict.message);
    }
    Ok(())
}

fn rows(card: &ModelCard) -> String {
    format!(
        "{} training, {} validation, {} test",
        output::count(card.rows.train),
        output::count(card.rows.valid),
        output::count(card.rows.test)
    )
}
