//! `orrery gateway`: balances, retries and fails over between servers.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use orrery_engine::gateway::{GatewayOptions, serve};

use super::{Context, Outcome, http::HttpArguments, output};

#[derive(Debug, Args)]
pub struct GatewayArguments {
    /// Its configuration, JSON; the audit log, counts and recordings are kept beside it
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where to listen; without a key (`orrery keys create`) only loopback addresses are taken
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    #[command(flatten)]
    http: HttpArguments,
}

pub fn run(context: &Context, arguments: &GatewayArguments) -> Outcome {
    let options = GatewayOptions {
        config: arguments.config.clone(),
        listen: arguments.listen,
        http: arguments.http.limits(),
        tls: arguments.http.tls(),
        log_requests: arguments.http.logs_requests(),
    };
    let json = context.json;
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    serve(context.workspace.clone(), &options, |address, keyed| {
        let access = if keyed { "with a key" } else { "from this machine, without a key" };
        output::note(&format!("The gateway listens at {scheme}://{address} ({access}). Ctrl-C ends it."));
        if json {
            let document = serde_json::json!({ "event": "listening", "address": address, "keyed": keyed });
            // Whoever reads is told by the process's end, too.
            let _said = output::json(&document);
        }
    })?;
    output::note("Every request was answered; the gateway has ended.");
    Ok(())
}
