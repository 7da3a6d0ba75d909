//! The flags of a search.

use std::path::PathBuf;

use clap::Args;
use orrery_domain::{
    Failure, FailureClass,
    device::DeviceChoice,
    metric::MetricId,
    search::{Limits, Plan, Sampler, Schedule, Space},
    training::{ModelKind, TrainConfig},
};

use super::super::{data::ReadOptions, question::QuestionArguments, train};

#[derive(Debug, Args)]
pub struct RequestArguments {
    /// A file, or a dataset's id or name
    #[arg(long, value_name = "FILE|ID")]
    pub data: Option<String>,
    /// The column to predict
    #[arg(long, value_name = "COL")]
    pub target: Option<String>,
    /// Model families to choose from: mlp, resnet, tabm, gbt, linear; for pictures cnn, resnet-cnn
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', default_value = "mlp", value_parser = parse_kind)]
    models: Vec<ModelKind>,
    /// A range of the space: NAME=LOW..HIGH, NAME=log:LOW..HIGH, NAME=A|B|C, NAME=VALUE, or NAME=- to leave it at its default; NAME is a
    /// setting, or KIND.SETTING for one family; may be given more than once
    #[arg(long, value_name = "NAME=RANGE")]
    set: Vec<String>,
    /// The whole space, as `search show --json` writes it (`search.course.space`)
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["models", "set"])]
    space: Option<PathBuf>,
    /// How values are chosen: tpe, independent-tpe, random, evolution
    #[arg(long, default_value = "tpe", value_parser = parse_sampler)]
    sampler: Sampler,
    /// Which trials are trained to their end: full, asha, hyperband
    #[arg(long, default_value = "full", value_parser = parse_schedule)]
    schedule: Schedule,
    /// Rungs of asha and hyperband, each three times as long as the one before
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=6))]
    rungs: u32,
    /// Trials
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    trials: u32,
    /// Time that the search may take, as 90s, 5m or 1h
    #[arg(long, value_name = "TIME", value_parser = train::parse_time)]
    budget: Option<f64>,
    /// Most time for one row of the chosen model, measured, as 200us, 1.5ms or 0.01s
    #[arg(long, value_name = "TIME", value_parser = parse_latency)]
    latency: Option<f64>,
    /// Most bytes of the chosen model on disk, as 500kB, 2MB or 300000
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    size: Option<u64>,
    /// Stop when a trial is as good as this
    #[arg(long, value_name = "VALUE", value_parser = train::finite, allow_hyphen_values = true)]
    goal: Option<f64>,
    /// What is searched for, on the validation rows [default: auroc for classes, rmse for a number]
    #[arg(long, value_parser = parse_metric)]
    pub metric: Option<MetricId>,
    /// Trials at once [default: as cores and memory allow]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    parallel: Option<u32>,
    /// Leave the time of a row unmeasured where it is not limited
    #[arg(long)]
    no_measure: bool,
    /// Passes over the training rows of a whole training (trees: `--set trees=N`)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    #[command(flatten)]
    question: QuestionArguments,
    /// Where to compute: auto, cpu, gpu or gpu:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Seed of the search and of every training
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Name of the chosen model in the registry [default: from the dataset and the model]
    #[arg(long, value_parser = train::parse_name)]
    pub name: Option<String>,
    /// Start the search and return; it goes on by itself
    #[arg(long)]
    pub detach: bool,
    /// Search a recorded objective instead of training: what every combination came to
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["data", "target"])]
    pub table: Option<PathBuf>,
    #[command(flatten)]
    pub read: ReadOptions,
}

fn parse_kind(text: &str) -> Result<ModelKind, String> {
    ModelKind::from_name(text)
        .filter(|kind| *kind != ModelKind::Auto)
        .ok_or_else(|| "use mlp, resnet, tabm, gbt, linear, cnn, resnet-cnn".to_owned())
}

fn parse_sampler(text: &str) -> Result<Sampler, String> {
    Sampler::from_name(text).ok_or_else(|| format!("use {}", Sampler::ALL.map(Sampler::name).join(", ")))
}

fn parse_schedule(text: &str) -> Result<Schedule, String> {
    Schedule::from_name(text).ok_or_else(|| format!("use {}", Schedule::ALL.map(Schedule::name).join(", ")))
}

fn parse_metric(text: &str) -> Result<MetricId, String> {
    let all: Vec<MetricId> = MetricId::CLASSIFICATION.into_iter().chain(MetricId::REGRESSION).collect();
    all.iter().copied().find(|metric| metric.name() == text).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|metric| metric.name()).collect();
        format!("use {}", names.join(", "))
    })
}

fn parse_latency(text: &str) -> Result<f64, String> {
    let (digits, scale) = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)]
        .into_iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)))
        .ok_or("write a time as 200us, 1.5ms or 0.01s")?;
    train::positive(digits).map(|value| value * scale)
}

fn parse_bytes(text: &str) -> Result<u64, String> {
    let (digits, scale) = [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("KiB", 1024.0), ("MiB", 1_048_576.0)]
        .into_iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)))
        .unwrap_or((text, 1.0));
    let bytes = train::positive(digits)? * scale;
    if (1.0..1e15).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err("it must be at least one byte".to_owned())
    }
}

impl RequestArguments {
    /// What the search goes by.
    pub fn plan(&self) -> Plan {
        Plan {
            sampler: self.sampler,
            schedule: self.schedule,
            trials: self.trials,
            secs: self.budget,
            goal: self.goal,
            maximize: false,
            limits: Limits { row_secs: self.latency, bytes: self.size },
            parallel: self.parallel,
            measure: !self.no_measure,
            seed: self.seed,
            rungs: self.rungs,
        }
    }

    /// What is searched.
    pub fn space(&self) -> Result<Space, Failure> {
        if let Some(file) = &self.space {
            let failed =
                |why: String| Failure::new(FailureClass::Data, format!("{why} ({})", file.display()));
            let bytes =
                std::fs::read(file).map_err(|error| failed(format!("The space cannot be read: {error}.")))?;
            return serde_json::from_slice(&bytes)
                .map_err(|error| failed(format!("The space is not valid: {error}.")));
        }
        let mut space = Space::of_models(&self.models);
        for line in &self.set {
            space
                .set(line)
                .map_err(|why| Failure::new(FailureClass::Client, format!("--set {line}: {why}.")))?;
        }
        Ok(space)
    }

    /// The family that names the model: the only one, or none.
    pub fn named_model(&self) -> ModelKind {
        if let [only] = self.models[..] { only } else { ModelKind::Auto }
    }

    /// What every training is asked for.
    pub fn config(&self, target: String) -> TrainConfig {
        let mut config = self.question.config(target);
        config.device = self.device;
        config.seed = self.seed;
        config.hyper.epochs = self.epochs;
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_with_their_units() {
        let near = |text: &str, secs: f64| (parse_latency(text).expect("legal") / secs - 1.0).abs() < 1e-12;
        assert!(near("200us", 2e-4) && near("1.5ms", 1.5e-3) && near("0.01s", 0.01));
        assert!(parse_latency("5").is_err() && parse_latency("-1ms").is_err());
        assert_eq!(parse_bytes("2MB"), Ok(2_000_000));
        assert_eq!(parse_bytes("1.5KiB"), Ok(1536));
        assert!(parse_bytes("0").is_err() && parse_bytes("MB").is_err());
    }
}
