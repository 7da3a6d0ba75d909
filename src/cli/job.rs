//! `orrery job run SPEC`: one job, as a child process of the window, of a command or of a cluster's agent.

use std::path::PathBuf;

use clap::Subcommand;
use orrery_domain::{Failure, FailureClass};
use orrery_engine::{
    jobs::{LearnWork, child, measure},
    node::trial,
};

use super::{End, Outcome, output};

#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// Do the job of a spec file; events go to standard output, orders come from standard input
    Run {
        /// The spec: one JSON document
        spec: PathBuf,
        /// Go on when standard input ends
        #[arg(long)]
        detached: bool,
        /// Orders in the control file before this byte are old
        #[arg(long, hide = true)]
        control_from: Option<u64>,
    },
    /// Load a stranger's ONNX file and let it answer once, within bounds: what a node does first, in a process that may break
    #[command(hide = true)]
    Try {
        /// The file
        file: PathBuf,
    },
    /// Load a model folder and measure its speed and memory, in a process that does nothing else
    #[command(hide = true)]
    Measure {
        /// The folder
        folder: PathBuf,
    },
    /// Record runs in the workspace until killed, and say each that is safe: what tests kill
    #[cfg(feature = "fault-injection")]
    #[command(hide = true)]
    Flood {
        /// Begins the ids of what is recorded
        prefix: String,
    },
    /// Edit the window's own state until killed, and say each edit: what tests kill
    #[cfg(feature = "fault-injection")]
    #[command(hide = true)]
    Edits,
}

pub fn run(command: &JobCommand) -> Outcome {
    let (spec, detached, control_from) = match command {
        JobCommand::Run { spec, detached, control_from } => (spec, detached, control_from),
        JobCommand::Try { file } => return Ok(trial::here(file)?),
        JobCommand::Measure { folder } => {
            if std::env::var_os("BURN_DEVICE").is_none() {
                return again_with_device();
            }
            return output::json(&measure::here(folder)?);
        }
        #[cfg(feature = "fault-injection")]
        JobCommand::Flood { .. } | JobCommand::Edits => return Ok(()),
    };
    if std::env::var_os("BURN_DEVICE").is_none() {
        return again_with_device();
    }
    let start = child::Start { spec: spec.clone(), detached: *detached, control_from: *control_from };
    match child::run(&start, &LearnWork) {
        0 => Ok(()),
        code => Err(End::Said(code)),
    }
}

/// Starts this very command again with the default device set: it must be set before the process begins.
fn again_with_device() -> Outcome {
    let failed = |error: std::io::Error| {
        Failure::new(
            FailureClass::Bug,
            format!("The job could not start itself again: {error}. Set BURN_DEVICE=flex."),
        )
    };
    let mut command = std::process::Command::new(std::env::current_exe().map_err(failed)?);
    command.args(std::env::args_os().skip(1)).env("BURN_DEVICE", "flex");
    #[cfg(unix)]
    {
        let error = std::os::unix::process::CommandExt::exec(&mut command);
        Err(failed(error).into())
    }
    #[cfg(not(unix))]
    {
        let status = command.status().map_err(failed)?;
        let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        if code == 0 { Ok(()) } else { Err(End::Said(code)) }
    }
}
