//! `orrery doctor`: what is wrong with this machine or workspace, and how to mend it.

use orrery_domain::{Failure, device::Device, device::DeviceKind, device::DeviceState};
use orrery_engine::{devices, files, runs, store::Store};
use serde::Serialize;

use super::{Context, End, Outcome, output};

/// Below this many free bytes a long run may not finish.
const LOW_DISK: u64 = 2 << 30;

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, ok: true, found: found.into(), remedy: None }
    }

    fn bad(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, ok: false, found: found.into(), remedy: Some(remedy.into()) }
    }
}

pub fn run(context: &Context) -> Outcome {
    let mut checks = vec![folder(context), disk(context), processors()];
    match context.store() {
        Ok(mut store) => {
            checks.push(database(&store));
            checks.push(interrupted(context, &mut store));
            checks.push(tables(context, &mut store));
            checks.push(models(context, &mut store));
            checks.push(graphics(context, &store));
        }
        Err(failure) => checks.push(Check::bad("Database", failure.message, "See the message.")),
    }
    checks.push(display());
    if context.json {
        output::json(&serde_json::json!({ "checks": checks }))?;
    } else {
        for check in &checks {
            let mark = if check.ok { "ok   " } else { "WRONG" };
            output::line(&format!("{mark}  {:<12} {}", check.name, check.found));
            if let Some(remedy) = &check.remedy {
                output::line(&format!("{:20} {remedy}", ""));
            }
        }
    }
    if checks.iter().all(|check| check.ok) { Ok(()) } else { Err(End::Said(1)) }
}

fn folder(context: &Context) -> Check {
    const NAME: &str = "Workspace";
    let home = context.workspace.home();
    let probe = home.join("jobs").join("doctor");
    if let Err(failure) = files::write_atomic(&probe, b"ok") {
        return Check::bad(
            NAME,
            failure.message,
            format!("Give yourself write access to {}.", home.display()),
        );
    }
    if let Err(error) = std::fs::remove_file(&probe) {
        log::debug!("{error}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(home).map_or(0, |data| data.permissions().mode() & 0o777);
        if mode & 0o077 != 0 {
            return Check::bad(
                NAME,
                format!("{} can be read by others (mode {mode:o})", home.display()),
                format!("chmod 700 {}", home.display()),
            );
        }
    }
    Check::good(NAME, format!("{} is private and writable", home.display()))
}

fn disk(context: &Context) -> Check {
    const NAME: &str = "Disk";
    let home = context.workspace.home();
    let used = output::bytes(context.workspace.disk_bytes());
    let binned = files::bytes_of(&context.workspace.bin());
    match files::free_bytes(home) {
        Some(free) if free < LOW_DISK => Check::bad(
            NAME,
            format!("only {} free; the workspace uses {used}", output::bytes(free)),
            format!(
                "Free some space; deleted things hold {} in {}.",
                output::bytes(binned),
                context.workspace.bin().display()
            ),
        ),
        Some(free) => Check::good(NAME, format!("{} free; the workspace uses {used}", output::bytes(free))),
        None => Check::good(NAME, format!("free space is not known; the workspace uses {used}")),
    }
}

fn processors() -> Check {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Check::good("Processors", format!("{threads} threads to compute with"))
}

fn database(store: &Store) -> Check {
    const NAME: &str = "Database";
    match store.integrity() {
        Ok(found) if found.is_empty() => Check::good(NAME, "sound"),
        Ok(found) => Check::bad(
            NAME,
            found.join("; "),
            "Put a backup of orrery.db in its place, or move it aside to begin a new one; tables, runs and models stay on disk.",
        ),
        Err(failure) => Check::bad(NAME, failure.message, "Put a backup of orrery.db in its place."),
    }
}

/// Settles runs whose process died, which mends them.
fn interrupted(context: &Context, store: &mut Store) -> Check {
    const NAME: &str = "Runs";
    match runs::reconcile(&context.workspace, store) {
        Ok((changed, alive)) if changed.is_empty() => {
            Check::good(NAME, format!("{} going on, none left behind", alive.len()))
        }
        Ok((changed, _)) => {
            let ids: Vec<&str> = changed.iter().map(|run| run.id.0.as_str()).collect();
            Check::good(NAME, format!("found without a process, and settled: {}", ids.join(", ")))
        }
        Err(failure) => Check::bad(NAME, failure.message, "See the message."),
    }
}

fn tables(context: &Context, store: &mut Store) -> Check {
    const NAME: &str = "Datasets";
    let missing = store.datasets().map(|all| {
        all.into_iter()
            .filter(|(dataset, deleted)| !deleted && !context.workspace.blob(dataset).exists())
            .map(|(dataset, _)| dataset.source.path)
            .collect::<Vec<_>>()
    });
    listed(NAME, missing, "every table is there", "Import these files again")
}

fn models(context: &Context, store: &mut Store) -> Check {
    const NAME: &str = "Models";
    let missing = store.models().map(|all| {
        all.into_iter()
            .filter(|entry| {
                !entry.deleted && !context.workspace.model(&entry.model).join("card.json").exists()
            })
            .map(|entry| entry.model.to_string())
            .collect::<Vec<_>>()
    });
    listed(
        NAME,
        missing,
        "every folder is there",
        "Restore these folders from a backup, or delete the models",
    )
}

fn listed(name: &'static str, missing: Result<Vec<String>, Failure>, good: &str, remedy: &str) -> Check {
    match missing {
        Ok(missing) if missing.is_empty() => Check::good(name, good),
        Ok(missing) => Check::bad(
            name,
            format!("{} without their files", missing.len()),
            format!("{remedy}: {}", missing.join(", ")),
        ),
        Err(failure) => Check::bad(name, failure.message, "See the message."),
    }
}

fn graphics(context: &Context, store: &Store) -> Check {
    const NAME: &str = "Devices";
    match devices::list(&context.launcher, &context.workspace, store) {
        Ok(found) => {
            let names: Vec<String> = found.iter().map(describe).collect();
            Check::good(NAME, if names.is_empty() { "the CPU".to_owned() } else { names.join("; ") })
        }
        Err(failure) => {
            Check::bad(NAME, failure.message, "Training on the CPU still works; update the graphics driver.")
        }
    }
}

fn describe(device: &Device) -> String {
    let kind =
        if device.kind == DeviceKind::Cpu { String::new() } else { format!(", {}", device.kind.title()) };
    let state = match &device.state {
        DeviceState::Unusable { .. } => ", not usable",
        DeviceState::Unprobed => ", not measured",
        DeviceState::Usable { .. } => "",
    };
    format!("{} ({}{kind}{state})", device.name, device.choice)
}

/// Whether a window could open here.
fn display() -> Check {
    const NAME: &str = "Display";
    let there = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(not(target_os = "linux")) || there("WAYLAND_DISPLAY") || there("DISPLAY") {
        Check::good(NAME, "there is one")
    } else {
        Check::good(NAME, "none: the window cannot open here, every command can")
    }
}
