//! Record: what happened to each request, as JSON lines without bodies, and with callers' keys as hashes that nobody can undo; and
//! its replay through every strategy.

use std::{
    collections::{BTreeMap, BTreeSet},
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
    Endpoint, Residency, Strategy, Tag,
    balance::{
        RoundRobinConfig, cost_weighted::CostWeightedConfig, least_request::LeastRequestConfig,
        maglev::MaglevConfig, peak_ewma::PeakEwmaConfig,
    },
    simulate::{Arrival, Recorded, simulate},
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

/// No request was recorded before 2001, seconds since 1970.
const EARLIEST: f64 = 978_307_200.0;

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it arrived, seconds since 1970: one start of a gateway follows the other.
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
    /// Hash of its consistent-hashing key, by a secret of this start of the gateway that is written nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<u64>,
    /// Residency tags that its endpoint must have; none where it may go anywhere, empty where what it requires was not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<BTreeSet<Tag>>,
    /// Bytes of the request's body.
    pub request_bytes: usize,
    /// Bytes of the answer's body.
    pub answer_bytes: usize,
}

/// Writes lines on a thread of its own.
pub struct Recorder {
    lines: SyncSender<Line>,
    /// Without randomness no key is recorded.
    secret: Option<[u8; 32]>,
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
        let mut secret = [0; 32];
        let drawn = getrandom::fill(&mut secret);
        if let Err(error) = &drawn {
            log::error!("no randomness: keys are not recorded ({error})");
        }
        Self { lines, secret: drawn.is_ok().then_some(secret) }
    }

    /// A key's hash as it may be recorded: who has the recording cannot find the key, and can tell whether two are alike.
    pub fn disguise(&self, key: u64) -> Option<u64> {
        let hash = blake3::keyed_hash(self.secret.as_ref()?, &key.to_le_bytes());
        hash.as_bytes().first_chunk().map(|first| u64::from_le_bytes(*first))
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

/// Where a request's data may go, as it is recorded.
pub fn tags(residency: &Residency) -> Option<BTreeSet<Tag>> {
    match residency {
        Residency::Unrestricted => None,
        Residency::Unknown => Some(BTreeSet::new()),
        Residency::Requires(tags) => Some(tags.clone()),
    }
}

fn residency(recorded: Option<&BTreeSet<Tag>>) -> Residency {
    match recorded {
        None => Residency::Unrestricted,
        Some(tags) if tags.is_empty() => Residency::Unknown,
        Some(tags) => Residency::Requires(tags.clone()),
    }
}

/// Reads a recording, by time; a line that is none (the last one of a killed gateway) is left out, as is one whose time is none (an
/// older gateway counted from its start, so that several starts lie on each other).
///
/// # Errors
/// When there is none, or it is empty.
pub fn read(path: &Path) -> Result<Vec<Line>, Failure> {
    let file =
        File::open(path).map_err(|error| files::failure("The recording cannot be read", &error, path))?;
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    let mut lines: Vec<Line> =
        lines.filter_map(|line| serde_json::from_str(&line).ok()).take(REPLAYED).collect();
    lines.retain(|line| line.at >= EARLIEST);
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
    let first = lines.first().map_or(0.0, |line| line.at);
    let arrival = |line: &Line| Arrival {
        at: line.at - first,
        key: line.key,
        residency: residency(line.residency.as_ref()),
    };
    let arrivals: Vec<Arrival> = lines.iter().map(arrival).collect();
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
    let secs = arrivals.last().map_or(0.0, |last| last.at);
    Ok(Simulation { requests: lines.len() as u64, secs, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: f64, key: Option<u64>) -> Line {
        Line {
            at,
            secs: 0.01,
            status: 200,
            endpoint: Some("a".to_owned()),
            model: None,
            key,
            residency: None,
            request_bytes: 1,
            answer_bytes: 1,
        }
    }

    #[test]
    fn several_starts_follow_each_other_and_what_has_no_time_is_left_out() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("g.recording.jsonl");
        // A start, another a day later, an older gateway's line, and the half of a killed gateway's last one.
        let (begun, day) = (1_790_000_000.0, 86_400.0);
        let times = [begun + 1.0, begun, begun + day, begun + day + 5.0, 3.25];
        let mut text: String =
            times.iter().map(|at| serde_json::to_string(&line(*at, None)).expect("JSON") + "\n").collect();
        text.push_str("{\"at\":17900");
        files::write_atomic(&path, text.as_bytes()).expect("written");
        let lines = read(&path).expect("read");
        let found: Vec<f64> = lines.iter().map(|line| line.at - begun).collect();
        assert_eq!(found, [0.0, 1.0, day, day + 5.0]);
        let config =
            GatewayConfig::parse(br#"{"endpoints":[{"name":"a","url":"http://h"}]}"#).expect("sound");
        let simulation = replay(&config, &lines, 0).expect("replayed");
        assert_eq!((simulation.requests, simulation.secs), (4, day + 5.0));
    }

    #[test]
    fn keys_are_told_apart_and_not_told() {
        let dir = tempfile::tempdir().expect("a folder");
        let recorder = || Recorder::start(dir.path().join("g.recording.jsonl"));
        let (one, other) = (recorder(), recorder());
        let hash = one.disguise(7).expect("randomness");
        assert_eq!(one.disguise(7), Some(hash), "the same caller");
        assert_ne!(one.disguise(8), Some(hash));
        assert_ne!(hash, 7);
        assert_ne!(other.disguise(7), Some(hash), "another start has another secret");
    }

    #[test]
    fn what_is_required_of_a_place_is_read_as_it_was_recorded() {
        for wanted in [Residency::Unrestricted, Residency::Unknown, Residency::from_header("eu, gdpr")] {
            let line = Line { residency: tags(&wanted), ..line(1e9, Some(u64::MAX)) };
            let text = serde_json::to_string(&line).expect("JSON");
            let read: Line = serde_json::from_str(&text).expect("a line");
            assert_eq!((residency(read.residency.as_ref()), read.key), (wanted, Some(u64::MAX)), "{text}");
        }
    }
}
