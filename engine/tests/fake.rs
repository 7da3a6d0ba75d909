//! Scripted work in real child processes: this test binary, started again as the child.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use orrery_domain::{
    DatasetId, Failure, FailureClass,
    compare::CompareReport,
    compress::{CompressMethod, CompressReport},
    dataset::{ColumnSchema, ColumnType, Dataset, FileFormat, ImportBudget, ImportOptions, SourceFile},
    device::{Device, DeviceChoice, DeviceKind, DeviceState},
    explain::ExplainReport,
    job::{JobEvent, PredictReport, RowPrediction, TrainSummary},
    metric::{MetricId, MetricValue, Metrics},
    model::{Lineage, ModelCard, ModelFile, SplitCounts},
    profile::Profile,
    run::{Progress, RunState, SeriesId, SeriesPoint},
    training::{ModelKind, Task, TrainConfig},
};
use orrery_engine::{
    Workspace,
    jobs::{Launcher, RowAnswerer, Work, child, now},
    runs::{self, NewRun},
    store::Store,
};
use orrery_learn::{
    compare::CompareJob,
    compress::CompressJob,
    control::{Interrupt, JobControl, Wish, check},
    explain::ExplainJob,
    model::{PREPROCESS, TREES},
    train::TrainJob,
};

/// The child: does the job of the spec named in its environment with scripted work.
#[test]
#[ignore = "the child process of other tests"]
fn child_process() {
    let Some(spec) = std::env::var_os("ORRERY_TEST_SPEC") else { return };
    // Ends the line that the test harness has begun.
    println!();
    let start = child::Start {
        spec: PathBuf::from(spec),
        detached: std::env::var_os("ORRERY_TEST_DETACHED").is_some(),
        control_from: std::env::var("ORRERY_TEST_FROM").ok().and_then(|from| from.parse().ok()),
    };
    let code = child::run(&start, &ScriptedWork);
    std::process::exit(code.into());
}

/// Starts this binary as the child.
pub fn launcher() -> Launcher {
    Launcher::new(|launch| {
        let mut command = child_command(&launch.spec);
        command.env("ORRERY_TEST_FROM", launch.control_from.to_string());
        if launch.detached {
            command.env("ORRERY_TEST_DETACHED", "1");
        }
        command
    })
}

/// The child's command without pipes.
pub fn child_command(spec: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["fake::child_process", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("ORRERY_TEST_SPEC", spec).env("BURN_DEVICE", "flex");
    command
}

/// Writes a file.
pub fn put(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    orrery_engine::files::write_atomic(path.as_ref(), content.as_ref()).expect("written");
}

/// A workspace in a temporary folder.
pub fn workspace() -> (tempfile::TempDir, Workspace, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let workspace = Workspace::open(folder.path()).expect("a workspace");
    let store = Store::open(&workspace).expect("a store");
    (folder, workspace, store)
}

/// A dataset with a table that is there.
pub fn dataset(workspace: &Workspace) -> Dataset {
    let dataset = dataset_of("things", b"a,y\n1,2\n");
    put(workspace.blob(&dataset), "table");
    dataset
}

fn dataset_of(name: &str, bytes: &[u8]) -> Dataset {
    let hash = blake3::hash(bytes).to_hex().to_string();
    let column = |name: &str| ColumnSchema { name: name.into(), kind: ColumnType::Float, overridden: false };
    Dataset {
        id: DatasetId(hash.clone()),
        name: name.into(),
        source: SourceFile {
            path: format!("/{name}.csv"),
            bytes: 8,
            hash: hash.clone(),
            format: FileFormat::Csv,
        },
        options: ImportOptions::default(),
        rows: bytes.split(|byte| *byte == b'\n').count() as u64,
        columns: vec![column("a"), column("y")],
        blob: hash,
        blob_bytes: 5,
        bad_rows: 0,
        bad_row_list: Vec::new(),
        warnings: Vec::new(),
        imported_at: now(),
    }
}

/// An empty profile.
pub fn profile(dataset: &Dataset, target: Option<&str>) -> Profile {
    Profile {
        dataset: dataset.id.clone(),
        rows: dataset.rows,
        duplicate_rows: 0,
        columns: Vec::new(),
        warnings: Vec::new(),
        preview: vec![vec![None, Some("1".into())]],
        target: target.map(str::to_owned),
        task: None,
        pictures: None,
    }
}

/// A request whose positive class says what the scripted training does.
pub fn config(script: &str) -> TrainConfig {
    let mut config = TrainConfig::new("y");
    config.positive = Some(script.into());
    config.model = if script == "starve" { ModelKind::Mlp } else { ModelKind::Gbt };
    config
}

/// A run that does what `script` says.
pub fn new_run(workspace: &Workspace, store: &mut Store, script: &str) -> orrery_domain::run::Run {
    let new = NewRun {
        dataset: dataset(workspace),
        config: config(script),
        name: None,
        device: DeviceChoice::Cpu,
        state: RunState::Running,
    };
    runs::create(workspace, store, &new).expect("created")
}

/// Waits until something is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the children of these tests do: `quick` and `slow` train, `panic` panics, `starve` is killed until it takes fewer rows at once.
struct ScriptedWork;

const STEP: Duration = Duration::from_millis(10);

impl ScriptedWork {
    fn steps(script: &str) -> u64 {
        if script == "slow" { 1500 } else { 5 }
    }
}

impl Work for ScriptedWork {
    fn import(
        &self,
        file: &Path,
        _: &ImportOptions,
        _: &ImportBudget,
        blobs: &Path,
        control: &dyn JobControl,
    ) -> Result<(Dataset, Profile), Interrupt> {
        let bytes = fs::read(file).map_err(|error| Failure::new(FailureClass::Data, error.to_string()))?;
        if bytes.starts_with(b"endless") {
            loop {
                control.emit(JobEvent::Progress { progress: Progress::default(), kind: None });
                check(control)?;
                std::thread::sleep(STEP);
            }
        }
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let dataset = dataset_of(&name, &bytes);
        put(blobs.join(format!("{}.arrow", dataset.blob)), "table");
        let profile = profile(&dataset, None);
        Ok((dataset, profile))
    }

    fn profile(
        &self,
        dataset: &Dataset,
        _: &Path,
        target: Option<&str>,
        _: &dyn JobControl,
    ) -> Result<Profile, Interrupt> {
        Ok(profile(dataset, target))
    }

    fn train(
        &self,
        job: &TrainJob,
        control: &dyn JobControl,
    ) -> Result<(TrainSummary, ModelCard), Interrupt> {
        let script = job.config.positive.clone().unwrap_or_default();
        let checkpoint = job.run_dir.join("checkpoints/step");
        let from: u64 = fs::read_to_string(&checkpoint).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        control.emit(JobEvent::Started {
            run: job.run.clone(),
            task: Task::Binary,
            kind: ModelKind::Gbt,
            device: "Scripted".into(),
            train_rows: 1,
            parameters: 1,
            from_step: from,
        });
        assert!(script != "panic", "scripted panic");
        if script == "starve" && job.passes == 1 {
            put(&checkpoint, "3");
            // Killed as the kernel does it when memory is short.
            Command::new("kill").args(["-9", &std::process::id().to_string()]).status().expect("killed");
            std::thread::sleep(Duration::from_secs(10));
        }
        let steps = Self::steps(&script);
        for step in from + 1..=steps {
            std::thread::sleep(STEP);
            let point = SeriesPoint { step, secs: step as f64, value: 1.0 / step as f64 };
            control.emit(JobEvent::Points { series: vec![(SeriesId::ValidLoss, point)] });
            let fraction = Some(step as f64 / steps as f64);
            let progress = Progress { step, steps, fraction, ..Progress::default() };
            control.emit(JobEvent::Progress { progress, kind: None });
            let save = || put(&checkpoint, step.to_string());
            steer(control, save)?;
        }
        let folder = job.run_dir.join("model");
        let card = card(job);
        fs::create_dir_all(&folder).expect("made");
        for file in &card.files {
            put(folder.join(&file.name), "x");
        }
        Ok((summary(&card), card))
    }

    fn evaluate(&self, _: &Path, _: &Path, _: &dyn JobControl) -> Result<(Metrics, u64), Interrupt> {
        Ok((metrics(), 1))
    }

    fn compare(&self, _: &CompareJob<'_>, _: &dyn JobControl) -> Result<CompareReport, Interrupt> {
        Err(Failure::new(FailureClass::Client, "Nothing is compared here.").into())
    }

    fn predict(
        &self,
        _: &Path,
        _: &Path,
        out: &Path,
        _: &dyn JobControl,
    ) -> Result<PredictReport, Interrupt> {
        Ok(PredictReport {
            rows: 1,
            out: out.to_path_buf(),
            added_columns: vec!["prediction".into()],
            unseen_categories: Vec::new(),
            out_of_range: Vec::new(),
            extra_columns: Vec::new(),
            warnings: Vec::new(),
            rows_per_sec: 1.0,
        })
    }

    fn explain(&self, _job: &ExplainJob<'_>, _control: &dyn JobControl) -> Result<ExplainReport, Interrupt> {
        Err(Failure::new(FailureClass::Client, "Nothing is explained here.").into())
    }

    fn compress(
        &self,
        job: &CompressJob,
        control: &dyn JobControl,
    ) -> Result<(CompressReport, ModelCard), Interrupt> {
        // With further training it takes until it is cancelled.
        while matches!(&job.method, CompressMethod::Quantize(config) if config.epochs > 0) {
            control.emit(JobEvent::Progress { progress: Progress::default(), kind: None });
            check(control)?;
            std::thread::sleep(STEP);
        }
        Err(Failure::new(FailureClass::Client, "Nothing is compressed here.").into())
    }

    fn list_devices(&self) -> Vec<Device> {
        vec![Device {
            choice: DeviceChoice::Cpu,
            name: "Scripted".into(),
            kind: DeviceKind::Cpu,
            api: String::new(),
            driver: String::new(),
            threads: Some(1),
            state: DeviceState::Unprobed,
            probed_at: None,
        }]
    }

    fn probe_device(&self, choice: DeviceChoice) -> Result<Device, Failure> {
        let mut device = self.list_devices().remove(0);
        device.choice = choice;
        device.state = DeviceState::Usable { rows_per_sec: 10.0, gradient_error: 0.0 };
        Ok(device)
    }

    fn load(&self, model: &Path) -> Result<RowAnswerer, Failure> {
        let name = model.display().to_string();
        Ok(Box::new(move |asked| {
            Ok(RowPrediction {
                prediction: format!("{} of {name}", asked.row.len()),
                value: None,
                probabilities: Vec::new(),
                warnings: Vec::new(),
                secs: 0.0,
                explanation: None,
            })
        }))
    }
}

fn steer(control: &dyn JobControl, save: impl Fn()) -> Result<(), Interrupt> {
    let mut paused = false;
    loop {
        match control.wish() {
            Wish::Continue => break,
            Wish::Pause if !paused => {
                save();
                paused = true;
                control.emit(JobEvent::State { state: RunState::Paused, reason: None });
            }
            Wish::Pause => std::thread::sleep(STEP),
            Wish::Cancel => {
                save();
                return Err(Interrupt::Cancelled);
            }
            Wish::Stop => {
                save();
                return Err(Interrupt::Stopped);
            }
        }
    }
    if paused {
        control.emit(JobEvent::State { state: RunState::Running, reason: None });
    }
    Ok(())
}

fn metrics() -> Metrics {
    [(MetricId::Auroc, MetricValue { value: Some(0.75), low: Some(0.7), high: Some(0.8) })].into()
}

fn summary(card: &ModelCard) -> TrainSummary {
    TrainSummary {
        model: None,
        kind: card.kind,
        test: card.test.clone(),
        baselines: Vec::new(),
        verdict: None,
        // Nothing per no time: what must not become an unreadable line.
        samples_per_sec: f64::NAN,
        device: card.device.clone(),
        train_secs: 0.0,
    }
}

/// The card of a scripted model.
pub fn card(job: &TrainJob) -> ModelCard {
    let file = |name: &&str| ModelFile { name: (*name).into(), bytes: 1, hash: String::new() };
    ModelCard {
        format: 1,
        program: "test".into(),
        model: None,
        kind: ModelKind::Gbt,
        task: Task::Binary,
        target: "y".into(),
        classes: vec!["0".into(), "1".into()],
        threshold: Some(0.5),
        features: Vec::new(),
        importance: Vec::new(),
        parameters: 1,
        rows: SplitCounts { train: 1, valid: 1, test: 1, without_target: 0 },
        test: metrics(),
        valid: metrics(),
        baselines: Vec::new(),
        verdict: None,
        candidates: Vec::new(),
        device: "Scripted".into(),
        threads: 1,
        samples_per_sec: 1.0,
        train_secs: 1.0,
        seed: 0,
        config: job.config.clone(),
        lineage: Lineage {
            source: job.dataset.source.clone(),
            dataset: job.dataset.id.clone(),
            run: job.run.clone(),
            search: None,
        },
        compressions: Vec::new(),
        notes: Vec::new(),
        files: [PREPROCESS, TREES].iter().map(file).collect(),
        created_at: now(),
    }
}
