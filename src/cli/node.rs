//! `orrery node`: serves the registry's models, or a folder of ONNX files.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use orrery_domain::device::DeviceChoice;
use orrery_engine::{
    jobs::spawn::this_program,
    node::{Listening, NodeOptions, batcher::BatchSettings, serve},
};

use super::{
    Context, Outcome,
    http::{HttpArguments, span},
    output,
};

#[derive(Debug, Args)]
pub struct NodeArguments {
    /// Where to listen; without a key (`orrery keys create`) only loopback addresses are taken
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// Serve this v2 model repository (NAME/VERSION/model.onnx, or NAME/model.onnx) instead of the registry
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// What networks compute with: cpu, gpu or gpu:N (see `orrery devices`); trees and ONNX files use the CPU
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceChoice,
    /// Go on on the CPU when the device is lost; without it the node ends, for its supervisor to start it anew
    #[arg(long)]
    cpu_fallback: bool,
    /// Look, each second, at the servers of the regions that are enabled in this workspace (`orrery fleet`), and tell what is seen to
    /// whoever asks /api/fleet/sightings: the window and `orrery fleet` count it as a vantage point
    #[arg(long)]
    vantage: bool,
    /// Most rows that are computed together
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    max_batch: u32,
    /// Longest that a request waits for others to be computed with, in microseconds
    #[arg(long, value_name = "MICROS", default_value_t = 0)]
    queue_delay: u64,
    /// Most requests that wait for one version; more are refused with 503
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    queue: u32,
    /// Batches of each version that are computed side by side
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    instances: u32,
    /// Threads that each of them computes with [default: those of the whole process, shared]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: Option<u32>,
    /// Serve every version as these flags say, whatever was applied to its model (`orrery tune apply`)
    #[arg(long)]
    ignore_tuned: bool,
    /// Longest that a request may take, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 30.0)]
    timeout: f64,
    /// Largest body, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_body: u32,
    #[command(flatten)]
    http: HttpArguments,
}

pub fn run(context: &Context, arguments: &NodeArguments) -> Outcome {
    let options = NodeOptions {
        program: this_program()?,
        listen: arguments.listen,
        device: if arguments.device == DeviceChoice::Auto { DeviceChoice::Cpu } else { arguments.device },
        cpu_fallback: arguments.cpu_fallback,
        batch: BatchSettings {
            max_rows: arguments.max_batch as usize,
            max_delay: Duration::from_micros(arguments.queue_delay),
            queue: arguments.queue as usize,
            instances: arguments.instances as usize,
            threads: arguments.threads.unwrap_or(0) as usize,
        },
        log_requests: arguments.http.logs_requests(),
        models: arguments.models.clone(),
        tuned: !arguments.ignore_tuned,
        body_bytes: arguments.max_body as usize * (1 << 20),
        timeout: span(arguments.timeout),
        http: arguments.http.limits(),
        tls: arguments.http.tls(),
        vantage: arguments.vantage,
    };
    let json = context.json;
    serve(context.workspace.clone(), options, |Listening { address, keyed, tls }| {
        let access = if keyed { "with a key" } else { "from this machine, without a key" };
        let what = arguments.models.as_ref().map_or("the registry".into(), |folder| folder.to_string_lossy());
        let scheme = if tls { "https" } else { "http" };
        output::note(&format!("Serving {what} at {scheme}://{address} ({access}). Ctrl-C ends it."));
        if json {
            let document =
                serde_json::json!({ "event": "listening", "address": address, "keyed": keyed, "tls": tls });
            // Whoever reads is told by the process's end, too.
            let _said = output::json(&document);
        }
    })?;
    output::note("Every request was answered; the node has ended.");
    Ok(())
}
