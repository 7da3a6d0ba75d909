//! `orrery data`: import, profile, list, delete.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use orrery_domain::{
    Failure, FailureClass,
    dataset::{ColumnType, Dataset, ImportBudget, ImportOptions},
    image::ImageShape,
    job::{JobEvent, JobSpec},
    profile::Profile,
};
use orrery_engine::{datasets, files, store::Store};

use super::{
    Context, End, Outcome,
    output::{self, Align},
    unexpected,
};

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Read a file into the workspace
    Import {
        /// CSV, TSV, JSON lines, Parquet, Arrow or IDX pictures; also .gz. Or a folder of PNG and JPEG files, one sub-folder a class
        file: PathBuf,
        #[command(flatten)]
        options: ReadOptions,
    },
    /// What is in each column, and what to worry about
    Profile {
        /// A file, or a dataset's id or name
        data: String,
        /// The column to predict, for what depends on one (leaks, imbalance)
        #[arg(long, value_name = "COL")]
        target: Option<String>,
        #[command(flatten)]
        options: ReadOptions,
    },
    /// All datasets
    List,
    /// Forget a dataset; its runs and models stay
    Delete {
        /// Its id or name
        id: String,
    },
    /// Bring a deleted dataset back
    Restore {
        /// Its whole id
        id: String,
    },
}

/// How to read a file; what is not said is found by looking at it.
#[derive(Clone, Debug, Args)]
pub struct ReadOptions {
    /// Types of columns: integer, float, boolean, category, text, datetime
    #[arg(long, value_name = "COL=TYPE", value_delimiter = ',', value_parser = parse_type)]
    types: Vec<(String, ColumnType)>,
    /// Field delimiter of a text file, one character ("tab" for a tab)
    #[arg(long, value_name = "CHAR", value_parser = parse_delimiter)]
    delimiter: Option<char>,
    /// Numbers use a comma for the decimal point
    #[arg(long, value_name = "BOOL")]
    decimal_comma: Option<bool>,
    /// A text that means "missing"; may be given more than once
    #[arg(long, value_name = "TEXT")]
    null: Vec<String>,
    /// Size that all pictures of a folder are brought to: 28x28 for grey, 32x32x3 for colours [default: the size they all have,
    /// up to 64x64; else 32x32]
    #[arg(long, value_name = "WxH[x3]", value_parser = ImageShape::parse)]
    image_size: Option<ImageShape>,
}

fn parse_type(text: &str) -> Result<(String, ColumnType), String> {
    let (column, kind) = text.rsplit_once('=').ok_or("write COLUMN=TYPE")?;
    let kind = ColumnType::from_name(kind).ok_or_else(|| {
        let names: Vec<&str> = ColumnType::ALL.iter().map(|kind| kind.name()).collect();
        format!("'{kind}' is no type: use {}", names.join(", "))
    })?;
    Ok((column.to_owned(), kind))
}

fn parse_delimiter(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("tab" | "\\t", _, _) => Ok('\t'),
        (_, Some(one), None) if one.is_ascii() => Ok(one),
        _ => Err("a delimiter is one ASCII character, or 'tab'".to_owned()),
    }
}

impl ReadOptions {
    fn import_options(&self) -> ImportOptions {
        ImportOptions {
            types: self.types.iter().cloned().collect(),
            delimiter: self.delimiter,
            decimal_comma: self.decimal_comma,
            null_tokens: self.null.clone(),
            image: self.image_size,
        }
    }
}

pub fn run(context: &Context, command: DataCommand) -> Outcome {
    match command {
        DataCommand::Import { file, options } => import_command(context, &file, &options),
        DataCommand::Profile { data, target, options } => profile(context, &data, target, &options),
        DataCommand::List => list(context),
        DataCommand::Delete { id } => delete(context, &id),
        DataCommand::Restore { id } => restore(context, &id),
    }
}

/// The dataset that a person named by a file, an id or a name. A file is imported unless it was before.
pub fn resolve(context: &Context, data: &str, options: &ReadOptions) -> Result<Dataset, End> {
    let file = Path::new(data);
    let mut store = context.store()?;
    if file.is_dir() && datasets::find(&mut store, data).is_err() {
        // Its files are hashed by the import itself, which knows what it has read before.
        return import(context, file, options).map(|(dataset, _)| dataset);
    }
    if !file.is_file() {
        let unread = options.import_options() != ImportOptions::default();
        let dataset = match datasets::find(&mut store, data) {
            Ok(dataset) => dataset,
            Err(unknown) => {
                // A name with a separator, or of something that is there, is meant as a path.
                if file.components().count() > 1 || file.symlink_metadata().is_ok() {
                    files::require_file(file)?;
                }
                return Err(unknown.into());
            }
        };
        return if unread {
            // Other types make another dataset of the same file.
            import(context, Path::new(&dataset.source.path), options).map(|(dataset, _)| dataset)
        } else {
            Ok(dataset)
        };
    }
    let known = datasets::imported_before(&context.workspace, &store, file, &options.import_options())?;
    match known {
        Some(dataset) => Ok(dataset),
        None => import(context, file, options).map(|(dataset, _)| dataset),
    }
}

fn import(context: &Context, file: &Path, options: &ReadOptions) -> Result<(Dataset, Profile), End> {
    files::require_data(file)?;
    let spec = JobSpec::Import {
        home: context.workspace.home().to_path_buf(),
        file: files::absolute(file),
        options: options.import_options(),
        budget: ImportBudget::default(),
    };
    match context.complete(&spec)? {
        JobEvent::Imported { dataset, profile } => Ok((*dataset, *profile)),
        other => Err(unexpected(&other)),
    }
}

fn import_command(context: &Context, file: &Path, options: &ReadOptions) -> Outcome {
    let (dataset, profile) = import(context, file, options)?;
    if context.json {
        return output::json(&serde_json::json!({ "dataset": dataset, "profile": profile }));
    }
    for warning in &dataset.warnings {
        output::note(&format!("warning: {warning}"));
    }
    let bad = match dataset.bad_rows {
        0 => String::new(),
        rows => format!(", {} bad rows left out", output::count(rows)),
    };
    output::line(&format!(
        "Imported {} as {}: {} rows, {} columns{bad}.",
        dataset.name,
        dataset.id.short(),
        output::count(dataset.rows),
        dataset.columns.len()
    ));
    for row in dataset.bad_row_list.iter().take(5) {
        output::note(&format!("  line {}: {}", row.line, row.reason));
    }
    warnings(&profile);
    Ok(())
}

fn profile(context: &Context, data: &str, target: Option<String>, options: &ReadOptions) -> Outcome {
    let dataset = resolve(context, data, options)?;
    if let Some(target) = &target
        && dataset.column(target).is_none()
    {
        return Err(datasets::no_column(&dataset, target).into());
    }
    let store = context.store()?;
    let profile = match store.profile(&dataset.id, target.as_deref())? {
        Some(profile) => profile,
        None => compute(context, &dataset, target)?,
    };
    if context.json {
        return output::json(&profile);
    }
    show_profile(&dataset, &profile);
    Ok(())
}

fn compute(context: &Context, dataset: &Dataset, target: Option<String>) -> Result<Profile, End> {
    let home = context.workspace.home().to_path_buf();
    match context.complete(&JobSpec::Profile { home, dataset: Box::new(dataset.clone()), target })? {
        JobEvent::Profiled { profile } => Ok(*profile),
        other => Err(unexpected(&other)),
    }
}

fn show_profile(dataset: &Dataset, profile: &Profile) {
    output::line(&format!(
        "{} ({}): {} rows, {} columns, {} bad rows left out, {} duplicate rows",
        dataset.name,
        dataset.id.short(),
        output::count(profile.rows),
        profile.columns.len(),
        output::count(dataset.bad_rows),
        output::count(profile.duplicate_rows)
    ));
    let head = [
        ("Column", Align::Left),
        ("Type", Align::Left),
        ("Missing", Align::Right),
        ("Distinct", Align::Right),
        ("Min", Align::Right),
        ("Mean", Align::Right),
        ("Max", Align::Right),
        ("Most frequent", Align::Left),
    ];
    let rows: Vec<Vec<String>> = profile
        .columns
        .iter()
        .map(|column| {
            let figure = |pick: fn(&orrery_domain::profile::NumericSummary) -> f64| {
                column
                    .numeric
                    .as_ref()
                    .map_or_else(|| "—".to_owned(), |summary| output::number(pick(summary)))
            };
            let top = column
                .top_values
                .first()
                .map(|top| format!("{} ({})", shorten(&top.value), output::count(top.count)))
                .unwrap_or_default();
            vec![
                shorten(&column.name),
                column.kind.name().to_owned(),
                output::count(column.missing),
                output::count(column.distinct),
                figure(|summary| summary.min),
                figure(|summary| summary.mean),
                figure(|summary| summary.max),
                top,
            ]
        })
        .collect();
    output::table(&head, &rows);
    warnings(profile);
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 32 { text.to_owned() } else { text.chars().take(31).chain(['…']).collect() }
}

fn warnings(profile: &Profile) {
    for warning in &profile.warnings {
        output::note(&format!("warning: {}", warning.message));
    }
}

fn list(context: &Context) -> Outcome {
    let datasets: Vec<Dataset> = context
        .store()?
        .datasets()?
        .into_iter()
        .filter(|(_, deleted)| !deleted)
        .map(|(dataset, _)| dataset)
        .collect();
    if context.json {
        return output::json(&serde_json::json!({ "datasets": datasets }));
    }
    if datasets.is_empty() {
        output::note("There are no datasets yet. Begin with `orrery data import FILE`.");
        return Ok(());
    }
    let head = [
        ("Id", Align::Left),
        ("Name", Align::Left),
        ("Rows", Align::Right),
        ("Columns", Align::Right),
        ("Size", Align::Right),
        ("Imported", Align::Left),
        ("From", Align::Left),
    ];
    let rows: Vec<Vec<String>> = datasets
        .iter()
        .map(|dataset| {
            vec![
                dataset.id.short().to_owned(),
                dataset.name.clone(),
                output::count(dataset.rows),
                dataset.columns.len().to_string(),
                output::bytes(dataset.blob_bytes),
                output::moment(dataset.imported_at),
                dataset.source.path.clone(),
            ]
        })
        .collect();
    output::table(&head, &rows);
    Ok(())
}

fn delete(context: &Context, id: &str) -> Outcome {
    let mut store: Store = context.store()?;
    let dataset = datasets::find(&mut store, id)?;
    datasets::delete(&context.workspace, &mut store, &dataset.id)?;
    output::note(&format!(
        "Deleted {}. Its runs and models stay; `orrery data restore {}` brings it back.",
        dataset.name, dataset.id
    ));
    if context.json { output::json(&serde_json::json!({ "deleted": dataset.id })) } else { Ok(()) }
}

fn restore(context: &Context, id: &str) -> Outcome {
    let mut store = context.store()?;
    let all = store.datasets()?;
    let found = all.iter().find(|(dataset, deleted)| {
        *deleted && (dataset.name == id || (id.len() >= 4 && dataset.id.0.starts_with(id)))
    });
    let Some((dataset, _)) = found else {
        let message = format!("There is no deleted dataset '{id}'.");
        return Err(Failure::new(FailureClass::Client, message).into());
    };
    datasets::restore(&context.workspace, &mut store, &dataset.id)?;
    output::note(&format!("{} is back.", dataset.name));
    if context.json { output::json(&serde_json::json!({ "restored": dataset.id })) } else { Ok(()) }
}
