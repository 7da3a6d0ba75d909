//! `orrery gateway`: balances, retries and fails over between servers.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use orrery_engine::gateway::{GatewayOptions, serve};

use super::{Context, Outcome, output};

#[derive(Debug, Args)]
pub struct GatewayArguments {
    /// Its configuration, JSON; the audit log, counts and recordings are kept beside it
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where to listen; without a key (`orrery keys create`) only loopback addresses are taken
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Longest that requests under way are waited for at the end, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 30.0)]
    drain: f64,
}

pub fn run(context: &Context, arguments: &GatewayArguments) -> Outcome {
    let options = GatewayOptions {
        config: arguments.config.clone(),
        listen: arguments.listen,
        drain: Duration::try_from_secs_f64(arguments.drain).unwrap_or(Duration::MAX),
    };
    let json = context.json;
    serve(context.workspace.clone(), &options, |address, keyed| {
        let access = if keyed { "with a key" } else { "from this machine, without a key" };
        output::note(&format!("The gateway listens at http://{address} ({access}). Ctrl-C ends it."));
        if json {
            let document = serde_json::json!({ "event": "listening", "address": address, "keyed": keyed });
            // Whoever reads is told by the process's end, too.
            let _said = output::json(&document);
        }
    })?;
    output::note("Every request was answered; the gateway has ended.");
    Ok(())
}
