//! `orrery fleet simulate`: recorded traffic through each strategy, on paper.

use std::path::PathBuf;

use clap::Args;
use orrery_domain::{fleet::SimulationRow, words};
use orrery_engine::gateway::{GatewayConfig, record};

use crate::cli::{
    Context, Outcome,
    output::{self, Align},
};

#[derive(Debug, Args)]
pub struct SimulateArguments {
    /// A recording of a gateway: FILE.recording.jsonl
    #[arg(long, value_name = "FILE")]
    record: PathBuf,
    /// The gateway's configuration, for endpoints, prices and levels
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

pub fn run(context: &Context, arguments: &SimulateArguments) -> Outcome {
    let config = GatewayConfig::load(&arguments.config)?;
    let simulation = record::replay(&config, &record::read(&arguments.record)?, arguments.seed)?;
    if context.json {
        return output::json(&simulation);
    }
    let requests = words::plural(simulation.requests, "request");
    output::note(&format!(
        "{requests} over {:.0} s. Latencies are drawn from what was recorded of each endpoint: overload, ill health, breakers, retries and \
         hedges are not replayed.",
        simulation.secs
    ));
    let head = [
        ("STRATEGY", Align::Left),
        ("P50 MS", Align::Right),
        ("P95 MS", Align::Right),
        ("P99 MS", Align::Right),
        ("FAILED", Align::Right),
        ("COST", Align::Right),
        ("SHARES", Align::Left),
    ];
    let ms =
        |secs: Option<f64>| secs.map_or_else(|| words::NONE.to_owned(), |secs| format!("{:.2}", secs * 1e3));
    let row = |row: &SimulationRow| {
        let shares = row.shares.iter().map(|(name, share)| format!("{name} {}", words::percent(*share)));
        vec![
            row.strategy.title().to_owned(),
            ms(row.latency.p50),
            ms(row.latency.p95),
            ms(row.latency.p99),
            words::percent(row.error_ratio),
            output::number(row.cost),
            shares.collect::<Vec<_>>().join(", "),
        ]
    };
    output::table(&head, &simulation.rows.iter().map(row).collect::<Vec<_>>());
    Ok(())
}
