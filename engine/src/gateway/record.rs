//! Record: what happened to each request, as JSON lines without bodies or keys; and its replay through every strategy.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use orrery_domain::{
    Failure, FailureClass,
    fleet::{LatencyFigures, Simulation, SimulationRow, StrategyId},
};
use orrery_policy::traffic::{
    Endpoint, Strategy,
    balance::{
        RoundRobinConfig, cost_weighted::CostWeightedConfig, least_request::LeastRequestConfig,
        maglev::MaglevConfig, peak_ewma::PeakEwmaConfig,
    },
    simulate::{Recorded, simulate},
};
use serde::{Deserialize, Serialize};

use super::config::{GatewayConfig, Upstream};
use crate::files;

/// Largest file, bytes; then it takes the place of the one before, and a new one begins.
const LARGEST: u64 = 64 << 20;
/// Lines that wait to be written; more are dropped, for recording must not hold up traffic.
const WAITING: usize = 65_536;
/// Most lines that are replayed.
const REPLAYED: usize = 1_000_000;

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it arrived, seconds since the gateway's start.
    pub at: f64,
    /// Seconds until its answer.
    pub secs: f64,
    /// Status the caller got.
    pub status: u16,
    /// Endpoint that answered; none where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Bytes of the request's body.
    pub request_bytes: usize,
    /// Bytes of the answer's body.
    pub answer_bytes: usize,
}

/// Writes lines on a thread of its own.
pub struct Recorder {
    lines: SyncSender<Line>,
}

impl Recorder {
    /// Begins when the first line comes.
    pub fn start(file: PathBuf) -> Self {
        let (lines, waiting) = sync_channel(WAITING);
        let spawned =
            std::thread::Builder::new().name("recorder".to_owned()).spawn(move || write(&file, &waiting));
        if let Err(error) = spawned {
            log::error!("traffic cannot be recorded: {error}");
        }
        Self { lines }
    }

    /// Records a request, or drops it where the disk is too slow.
    pub fn push(&self, line: Line) {
        if self.lines.try_send(line).is_err() {
            log::debug!("a line of the recording was dropped");
        }
    }
}

fn write(path: &Path, lines: &Receiver<Line>) {
    let mut out: Option<(std::io::BufWriter<File>, u64)> = None;
    while let Ok(first) = lines.recv() {
        let mut line = Some(first);
        while let Some(next) = line.take() {
            if let Err(error) = append(path, &mut out, &next) {
                log::error!("traffic cannot be recorded in {}: {error}", path.display());
                out = None;
            }
            line = lines.try_recv().ok();
        }
        if let Some((file, _)) = &mut out
            && let Err(error) = file.flush()
        {
            log::error!("traffic cannot be recorded in {}: {error}", path.display());
        }
    }
}

fn append(
    path: &Path,
    out: &mut Option<(std::io::BufWriter<File>, u64)>,
    line: &Line,
) -> std::io::Result<()> {
    if out.as_ref().is_some_and(|(_, bytes)| *bytes >= LARGEST) {
        *out = None;
        std::fs::rename(path, path.with_extension("old.jsonl"))?;
    }
    if out.is_none() {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let bytes = file.metadata()?.len();
        *out = Some((std::io::BufWriter::new(file), bytes));
    }
    if let Some((file, bytes)) = out {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        file.write_all(&text)?;
        *bytes += text.len() as u64;
    }
    Ok(())
}

/// The file that traffic is recorded in, beside the configuration.
pub fn file(config: &Path) -> PathBuf {
    config.with_extension("recording.jsonl")
}

/// Reads a recording; a line that is none (the last one of a killed gateway) is left out.
///
/// # Errors
/// When there is none, or it is empty.
pub fn read(path: &Path) -> Result<Vec<Line>, Failure> {
    let file =
        File::open(path).map_err(|error| files::failure("The recording cannot be read", &error, path))?;
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    let mut lines: Vec<Line> =
        lines.filter_map(|line| serde_json::from_str(&line).ok()).take(REPLAYED).collect();
    // A gateway that was started again counts from its new start: what came before goes to another recording's time.
    lines.sort_by(|one, other| one.at.total_cmp(&other.at));
    if lines.is_empty() {
        let message = format!(
            "The recording {} holds no request. Switch recording on and wait for some.",
            path.display()
        );
        return Err(Failure::new(FailureClass::Data, message));
    }
    Ok(lines)
}

/// A strategy with its defaults.
pub fn strategy(id: StrategyId) -> Strategy {
    match id {
        StrategyId::WeightedRoundRobin => Strategy::WeightedRoundRobin(RoundRobinConfig {}),
        StrategyId::LeastRequest => Strategy::LeastRequest(LeastRequestConfig::default()),
        StrategyId::PeakEwma => Strategy::PeakEwma(PeakEwmaConfig::default()),
        StrategyId::Maglev => Strategy::Maglev(MaglevConfig::default()),
        StrategyId::CostWeighted => Strategy::CostWeighted(CostWeightedConfig::default()),
    }
}

/// The name of a strategy.
pub fn strategy_id(strategy: &Strategy) -> StrategyId {
    match strategy {
        Strategy::WeightedRoundRobin(_) => StrategyId::WeightedRoundRobin,
        Strategy::LeastRequest(_) => StrategyId::LeastRequest,
        Strategy::PeakEwma(_) => StrategyId::PeakEwma,
        Strategy::Maglev(_) => StrategyId::Maglev,
        Strategy::CostWeighted(_) => StrategyId::CostWeighted,
    }
}

/// Replays a recording through every strategy. The strategy in use keeps its settings, the others have their defaults.
///
/// # Errors
/// What of the configuration will not do.
pub fn replay(config: &GatewayConfig, lines: &[Line], seed: u64) -> Result<Simulation, Failure> {
    let endpoints: Vec<Endpoint> = config.endpoints.iter().map(Upstream::endpoint).collect();
    let mut by_name: BTreeMap<&str, Recorded> = BTreeMap::new();
    for line in lines {
        if let Some(name) = &line.endpoint {
            by_name.entry(name).or_default().answers.push((line.secs, line.status >= 500));
        }
    }
    let recorded: Vec<Recorded> =
        endpoints.iter().map(|endpoint| by_name.remove(endpoint.name.as_str()).unwrap_or_default()).collect();
    let arrivals: Vec<f64> = lines.iter().map(|line| line.at).collect();
    let mut rows = Vec::new();
    for id in StrategyId::ALL {
        let used = strategy_id(&config.strategy) == id;
        let chosen = if used { config.strategy.clone() } else { strategy(id) };
        let done = simulate(&endpoints, &chosen, config.priority, &arrivals, &recorded, seed)
            .map_err(|error| Failure::new(FailureClass::Client, error.to_string()))?;
        let all = arrivals.len() as f64;
        let at = |share: f64| {
            let rank = ((share * done.latencies.len() as f64).ceil() as usize).max(1);
            done.latencies.get(rank - 1).copied()
        };
        let shares = endpoints.iter().zip(&done.requests);
        rows.push(SimulationRow {
            strategy: id,
            latency: LatencyFigures { p50: at(0.5), p95: at(0.95), p99: at(0.99) },
            error_ratio: done.failures as f64 / all,
            cost: done.cost,
            shares: shares.map(|(endpoint, count)| (endpoint.name.clone(), *count as f64 / all)).collect(),
        });
    }
    let secs = arrivals.last().copied().unwrap_or(0.0) - arrivals.first().copied().unwrap_or(0.0);
    Ok(Simulation { requests: lines.len() as u64, secs, rows })
}
