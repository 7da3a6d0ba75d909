//! Trial: one setting, measured on a node in a process of its own that serves nothing else.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use orrery_domain::{
    Failure, ModelRef,
    tune::{Figure, Goals, Pace, TuneMeasurement, TuneSetting, Workload},
};
use orrery_learn::control::{Interrupt, JobControl, check};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::{
    load::{self, Client},
    steady::{self, Next},
};
use crate::{Workspace, files, jobs::measure};

/// Longest that a node may take to be ready.
const READY: Duration = Duration::from_mins(1);
/// Time between two looks whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(4);
/// Bytes of a node's log that say why it failed.
const LOG_TAIL: u64 = 2 << 10;

/// What trials of a tuning share.
pub struct Bench {
    /// This program.
    pub program: PathBuf,
    /// A folder that trials may write to.
    pub scratch: PathBuf,
    /// Bodies of requests.
    pub bodies: Vec<Vec<u8>>,
    /// What is wanted.
    pub goals: Goals,
    /// The load.
    pub workload: Workload,
    /// How long each is measured.
    pub pace: Pace,
}

/// A node that ends with the value.
struct Node {
    process: Child,
    address: SocketAddr,
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait().map(drop)) {
            log::warn!("a node could not be ended: {error}");
        }
    }
}

/// How a trial ended without figures.
enum Ended {
    Interrupted(Interrupt),
    /// In words: the setting does not work here.
    Failed(String),
}

impl From<Interrupt> for Ended {
    fn from(interrupt: Interrupt) -> Self {
        Self::Interrupted(interrupt)
    }
}

impl Bench {
    /// Lays a version out as a repository of its own, for a node that knows no key and no other model.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn lay_out(&self, workspace: &Workspace, model: &ModelRef) -> Result<(), Failure> {
        let (from, to) = (
            workspace.model(model),
            self.repository(model).join(&model.name).join(model.version.to_string()),
        );
        files::create_private(&to)?;
        let failed = |error: std::io::Error| files::failure("A model could not be laid out", &error, &from);
        for entry in fs::read_dir(&from).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let Some(name) = path.file_name() else { continue };
            let place = to.join(name);
            if path.is_file() && !place.exists() && fs::hard_link(&path, &place).is_err() {
                fs::copy(&path, &place).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn repository(&self, model: &ModelRef) -> PathBuf {
        self.scratch.join(format!("models-{}", model.version))
    }

    /// Measures a setting.
    ///
    /// # Errors
    /// When the work is interrupted. A setting that does not work is a measurement, too: its failure.
    pub fn measure(
        &self,
        setting: &TuneSetting,
        control: &dyn JobControl,
    ) -> Result<TuneMeasurement, Interrupt> {
        let began = Instant::now();
        let mut found = TuneMeasurement {
            setting: setting.clone(),
            figures: BTreeMap::new(),
            repeats: 0,
            steady: false,
            noisy: Vec::new(),
            secs: 0.0,
            failure: None,
        };
        match self.repeat(setting, control) {
            Ok((repeats, steady)) => {
                found.figures = steady::intervals(&repeats);
                found.repeats = repeats.len() as u32;
                found.steady = steady;
                found.noisy = found.wider_than(self.pace.doubt);
            }
            Err(Ended::Interrupted(interrupt)) => return Err(interrupt),
            Err(Ended::Failed(why)) => found.failure = Some(why),
        }
        found.secs = began.elapsed().as_secs_f64();
        Ok(found)
    }

    /// Figures of every repetition, and whether they are steady.
    fn repeat(
        &self,
        setting: &TuneSetting,
        control: &dyn JobControl,
    ) -> Result<(Vec<BTreeMap<Figure, f64>>, bool), Ended> {
        let node = self.start(setting, control)?;
        let path = format!("/v2/models/{}/versions/{}/infer", setting.model.name, setting.model.version);
        let requests: Vec<Vec<u8>> =
            self.bodies.iter().map(|body| load::request(node.address, "POST", &path, body)).collect();
        let lost = |error: std::io::Error| Ended::Failed(format!("the node takes no connection: {error}"));
        let clients: Result<Vec<Client>, _> =
            (0..self.workload.clients).map(|_| Client::connect(node.address)).collect();
        let mut clients = clients.map_err(lost)?;
        let time = Duration::from_secs_f64(self.pace.secs);
        load::run(&mut clients, &requests, time / 2).map_err(Ended::Failed)?;
        let mut repeats = Vec::new();
        loop {
            check(control)?;
            let (before, began) = (cpu_secs(node.process.id()), Instant::now());
            let seen = load::run(&mut clients, &requests, time).map_err(Ended::Failed)?;
            let took = began.elapsed().as_secs_f64();
            if seen.secs.is_empty() {
                return Err(Ended::Failed("no request was answered in the time of a repetition".to_owned()));
            }
            let mut figures = BTreeMap::from([
                (Figure::Throughput, seen.secs.len() as f64 * f64::from(self.workload.rows) / seen.span),
                (Figure::P50, seen.latency(0.5)),
                (Figure::P95, seen.latency(0.95)),
                (Figure::P99, seen.latency(0.99)),
            ]);
            if let Some(used) = before.zip(cpu_secs(node.process.id())).map(|(before, after)| after - before)
            {
                figures.insert(Figure::Cpu, (used / took).max(1e-6));
            }
            if let Some(bytes) = memory(node.process.id()) {
                figures.insert(Figure::Memory, bytes as f64);
            }
            repeats.push(figures);
            match steady::next(&self.goals, &repeats, &self.pace) {
                Next::Repeat => {}
                Next::Steady => return Ok((repeats, true)),
                Next::Noisy => return Ok((repeats, false)),
            }
        }
    }

    /// Starts a node that serves this setting, and waits until it answers.
    fn start(&self, setting: &TuneSetting, control: &dyn JobControl) -> Result<Node, Ended> {
        let log = self.scratch.join("node.log");
        let failed = |why: String| Ended::Failed(format!("the node did not start: {why}"));
        let output = fs::File::create(&log).map_err(|error| failed(error.to_string()))?;
        let serving = &setting.serving;
        let mut command = Command::new(&self.program);
        command.arg("--json").arg("--home").arg(self.scratch.join("home"));
        command.args(["node", "--listen", "127.0.0.1:0", "--end-with-stdin", "--drain", "0", "--models"]);
        command.arg(self.repository(&setting.model));
        command.arg("--max-batch").arg(serving.batch_rows.to_string());
        command.arg("--instances").arg(serving.instances.to_string());
        command.arg("--queue-delay").arg(serving.delay_micros.to_string());
        if serving.threads > 0 {
            command.arg("--threads").arg(serving.threads.to_string());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(output);
        let mut process = command.spawn().map_err(|error| failed(error.to_string()))?;
        let stdout = process.stdout.take();
        // From here on it ends with the value.
        let mut node = Node { process, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut line = String::new();
        let said = stdout.map(|stdout| BufReader::new(stdout).read_line(&mut line));
        let told = || files::tail_text(&log, LOG_TAIL).lines().last().unwrap_or("it said nothing").to_owned();
        if !matches!(said, Some(Ok(1..))) {
            return Err(failed(told()));
        }
        let address = serde_json::from_str::<serde_json::Value>(&line).ok();
        let address = address.and_then(|said| said["address"].as_str()?.parse().ok());
        node.address = address.ok_or_else(|| failed(line.trim().to_owned()))?;
        let path = format!("/v2/models/{}/versions/{}/ready", setting.model.name, setting.model.version);
        let asked = load::request(node.address, "GET", &path, b"");
        let end = Instant::now() + READY;
        loop {
            check(control)?;
            let answer = Client::connect(node.address).and_then(|mut client| client.ask(&asked));
            if matches!(answer, Ok((200, _))) {
                return Ok(node);
            }
            if Instant::now() > end || !matches!(node.process.try_wait(), Ok(None)) {
                return Err(failed(told()));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// Processor seconds that a process has used so far.
fn cpu_secs(process: u32) -> Option<f64> {
    threads_cpu_secs(Path::new(&format!("/proc/{process}/task"))).or_else(|| {
        let mut system = System::new().ok()?;
        let pid = Pid::from_u32(process);
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[pid]),
            false,
            ProcessRefreshKind::nothing().with_cpu(),
        );
        Some(system.process(pid)?.accumulated_cpu_time() as f64 / 1e3)
    })
}

/// By the nanoseconds that Linux counts for each thread.
fn threads_cpu_secs(tasks: &Path) -> Option<f64> {
    let mut nanos = 0_u64;
    for task in fs::read_dir(tasks).ok()?.flatten() {
        // A thread that has ended meanwhile is left out.
        if let Ok(text) = fs::read_to_string(task.path().join("schedstat")) {
            nanos += text.split(' ').next()?.parse::<u64>().ok()?;
        }
    }
    (nanos > 0).then(|| nanos as f64 / 1e9)
}

/// The most memory that a process had, or where that is not told, what it has now.
fn memory(process: u32) -> Option<u64> {
    measure::peak_of(&process.to_string()).or_else(|| {
        let mut system = System::new().ok()?;
        let pid = Pid::from_u32(process);
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[pid]),
            false,
            ProcessRefreshKind::nothing().with_memory(),
        );
        system.process(pid).map(sysinfo::Process::memory)
    })
}
