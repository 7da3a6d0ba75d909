//! Forecast: what a run will need, from its request, the columns' profile and the measured devices.

use orrery_domain::{
    Failure, FailureClass,
    dataset::Dataset,
    device::{Device, DeviceChoice, DeviceState},
    profile::Profile,
    training::{CategoryEncoding, Forecast, HyperParameters, ModelKind, Task, TrainConfig},
    units::{Figure, Unit},
    words::{count, plural, whole},
};

use super::{
    outlook::{Shape, shape},
    parts::valid_share,
    plan::BUDGET_SECS,
    request,
};
use crate::{
    gbt::GbtSettings,
    nets::{self, Architecture, Encoded, FitSettings, OutputScale},
    split::TEST_SHARE,
};

/// Parameters of the workload that devices are measured with: an MLP of 3 x 256 on 64 inputs.
const TRIAL_PARAMETERS: f64 = 148_481.0;
/// Rows a second of that workload on the machine where the constants of trees and linear models were measured.
const TRIAL_RATE: f64 = 60_000.0;
/// Rows times features that trees take a second there, for trees of [`TREE_LEAVES`] leaves.
const TREE_RATE: f64 = 60e6;
const TREE_LEAVES: f64 = 127.0;
/// Rows times inputs that a linear fit takes a second there.
const LINEAR_RATE: f64 = 150e6;
/// Iterations a linear fit usually needs.
const LINEAR_ITERATIONS: f64 = 120.0;
/// Memory of a child before it loads anything.
const IDLE_BYTES: f64 = 90e6;
pub(super) fn forecast(
    dataset: &Dataset,
    profile: Option<&Profile>,
    config: &TrainConfig,
    devices: &[Device],
) -> Result<Forecast, Failure> {
    request::check_names(config, dataset.columns.iter().map(|column| column.name.as_str()))?;
    let shape = shape(dataset, profile, config)?;
    let device = chosen(config.device, devices)?;
    let rate = rate_of(device);
    let cpu = rate_of(devices.iter().find(|device| device.choice == DeviceChoice::Cpu));
    let measured = match (device, rate) {
        (Some(device), Some(rate)) => {
            format!("{} trains {} rows a second of the fixed workload", device.name, whole(rate))
        }
        _ => "no device has been measured yet, so a usual CPU is assumed".to_owned(),
    };
    let rate = rate.unwrap_or(TRIAL_RATE);
    let cpu = cpu.unwrap_or(TRIAL_RATE);
    let need = match config.model {
        ModelKind::Gbt => trees(&shape, config, cpu),
        ModelKind::Linear => linear(&shape, cpu),
        ModelKind::Auto => auto(&shape, config, rate, cpu),
        kind => network(kind, &shape, config, rate),
    };
    let basis = format!(
        "{} of {} rows for training; {}; {measured}. Early stopping may end it sooner.",
        whole(shape.train_rows),
        whole(shape.rows),
        need.words
    );
    Ok(Forecast {
        parameters: need.parameters,
        memory: Figure::estimated(IDLE_BYTES + 2.0 * shape.table_bytes + need.bytes, Unit::Bytes),
        epoch: need
            .epoch
            .map_or(Figure::unknown(Unit::Seconds), |secs| Figure::estimated(secs, Unit::Seconds)),
        total: Figure::estimated(need.total, Unit::Seconds),
        train_rows: shape.train_rows as u64,
        basis,
        resolved: Some(Box::new(need.resolved)),
    })
}

/// What a family needs.
struct Need {
    parameters: u64,
    bytes: f64,
    epoch: Option<f64>,
    total: f64,
    words: String,
    resolved: HyperParameters,
}

fn chosen(choice: DeviceChoice, devices: &[Device]) -> Result<Option<&Device>, Failure> {
    let device = match choice {
        DeviceChoice::Auto => {
            // The fastest usable one; which it will be is the policy's decision.
            return Ok(devices.iter().filter(|device| rate_of(Some(device)).is_some()).max_by(|a, b| {
                rate_of(Some(a)).partial_cmp(&rate_of(Some(b))).unwrap_or(std::cmp::Ordering::Equal)
            }));
        }
        choice => devices.iter().find(|device| device.choice == choice),
    };
    match device {
        None if !devices.is_empty() => {
            Err(request::client(format!("There is no device '{choice}' here; see `orrery devices`.")))
        }
        Some(Device { state: DeviceState::Unusable { reason }, name, .. }) => Err(Failure::new(
            FailureClass::Hardware,
            format!("{name} cannot be used: {reason} Choose another device."),
        )),
        device => Ok(device),
    }
}

fn rate_of(device: Option<&Device>) -> Option<f64> {
    match device?.state {
        DeviceState::Usable { rows_per_sec, .. } if rows_per_sec > 0.0 => Some(rows_per_sec),
        _ => None,
    }
}

/// Edges of as many bins as a number can have.
fn finest_bins() -> Vec<f32> {
    let rows = 64_u8;
    let values = (0..rows).map(f32::from).collect();
    nets::bin_edges(&Encoded { rows: usize::from(rows), cols: 1, values }, 1).pop().unwrap_or_default()
}

fn network(kind: ModelKind, shape: &Shape, config: &TrainConfig, rate: f64) -> Need {
    let one_hot = config.categories == CategoryEncoding::OneHot;
    let wide: usize = shape.categories.iter().sum();
    let (numbers, cards) =
        if one_hot { (shape.numbers + wide, Vec::new()) } else { (shape.numbers, shape.categories.clone()) };
    let cols = numbers + cards.len();
    // As many bins a number as there can be; a one-hot input has none.
    let edges = (0..numbers).map(|column| if column < shape.numbers { finest_bins() } else { Vec::new() });
    let output = match shape.task {
        Task::Regression => OutputScale::Value { mean: 0.0, std: 1.0, log: false },
        Task::Binary | Task::Multiclass => OutputScale::Logits,
    };
    let mut arch =
        Architecture::design(kind, &config.hyper, numbers, cards, shape.outputs, output, edges.collect());
    if let Some(image) = shape.image {
        arch = arch.over(image);
    }
    let pictures = nets::cost(&arch);
    let settings = FitSettings::resolve(kind, &config.hyper, shape.train_rows as usize, shape.task);
    let parameters = nets::parameter_count(&arch);
    let members = arch.members.max(1) as f64;
    // Every member sends the rows through the shared weights: that is the work a row costs.
    let work = pictures.map_or(parameters as f64 * members, |(work, _)| work as f64);
    let speed = rate * TRIAL_PARAMETERS / work.max(2_000.0);
    let epoch = shape.train_rows / speed;
    let epochs = f64::from(settings.epochs);
    let batch = (settings.batch_size as f64).min(shape.train_rows);
    let width = match pictures {
        // Each stage holds half of what the one before it holds, and a few tensors of each are kept.
        Some((_, largest)) => 2.0 * largest as f64,
        None => arch.width.max(1) as f64 * arch.depth.max(1) as f64 * members,
    };
    let inputs = cols as f64 + numbers as f64 * arch.ple_width as f64 * members.min(2.0);
    // Encoded rows of every part; weights, gradients, two moments and the best copy; activations and their gradients.
    let bytes = 4.0 * (shape.rows * cols as f64 + 6.0 * parameters as f64 + 6.0 * batch * (width + inputs));
    Need {
        parameters,
        bytes,
        epoch: Some(epoch),
        total: epoch * epochs,
        words: format!(
            "{} of a network with {} parameters ({} multiplications a row), scaled from the measured speed",
            plural(u64::from(settings.epochs), "epoch"),
            count(parameters),
            whole(work)
        ),
        resolved: HyperParameters {
            epochs: Some(settings.epochs),
            batch_size: Some(settings.batch_size as u32),
            learning_rate: Some(settings.learning_rate),
            weight_decay: Some(settings.weight_decay),
            dropout: Some(arch.dropout),
            width: Some(arch.width as u32),
            depth: Some(arch.depth as u32),
            members: (kind == ModelKind::Tabm).then_some(arch.members as u32),
            optimizer: settings.optimizer,
            warmup: Some(settings.warmup),
            clip_norm: Some(settings.clip_norm),
            patience: Some(settings.patience),
            augment: config.hyper.augment.amounts().into(),
            ..shares(config, shape.rows)
        },
    }
}

/// The settings every family has.
fn shares(config: &TrainConfig, rows: f64) -> HyperParameters {
    HyperParameters {
        valid_share: Some(valid_share(config, rows as usize)),
        test_share: Some(config.hyper.test_share.unwrap_or(TEST_SHARE)),
        scaling: config.hyper.scaling,
        ..HyperParameters::default()
    }
}

fn trees(shape: &Shape, config: &TrainConfig, cpu: f64) -> Need {
    let settings = GbtSettings::resolve(
        &config.hyper,
        shape.train_rows as usize,
        shape.task == Task::Regression,
        config.seed,
    );
    let features = (shape.numbers + shape.categories.len()) as f64;
    let used = (features * settings.feature_share).max(1.0);
    let depth = (settings.leaves as f64).log2() / TREE_LEAVES.log2();
    let outputs = shape.outputs as f64;
    let rate = TREE_RATE * cpu / TRIAL_RATE;
    let round = outputs * (shape.train_rows * used * depth / rate + settings.leaves as f64 * 1e-5);
    Need {
        parameters: 0,
        // Raw features, bins twice, derivatives and predictions.
        bytes: shape.rows * (8.0 + 2.0 + 2.0) * features + shape.rows * (32.0 + 16.0 * outputs),
        epoch: Some(round),
        total: round * settings.trees as f64,
        words: format!(
            "at most {} trees of {} leaves an output",
            count(settings.trees as u64),
            count(settings.leaves as u64)
        ),
        resolved: HyperParameters {
            trees: Some(settings.trees as u32),
            leaves: Some(settings.leaves as u32),
            min_leaf_weight: Some(settings.min_leaf_weight),
            row_share: Some(settings.row_share),
            feature_share: Some(settings.feature_share),
            learning_rate: Some(settings.learning_rate),
            weight_decay: Some(settings.l2),
            patience: Some(settings.patience as u32),
            ..shares(config, shape.rows)
        },
    }
}

fn linear(shape: &Shape, cpu: f64) -> Need {
    let inputs = shape.numbers + shape.categories.iter().sum::<usize>();
    let touched = (shape.numbers + shape.categories.len() + 1) as f64 * shape.outputs as f64;
    let rate = LINEAR_RATE * cpu / TRIAL_RATE;
    let pass = shape.train_rows * touched / rate;
    let parameters = ((inputs + 1) * shape.outputs) as u64;
    Need {
        parameters,
        bytes: 4.0 * shape.rows * (shape.numbers + shape.categories.len()) as f64
            + 64.0 * 8.0 * parameters as f64,
        epoch: Some(pass),
        total: pass * LINEAR_ITERATIONS,
        words: format!("about {LINEAR_ITERATIONS} passes of L-BFGS over {inputs} inputs"),
        resolved: HyperParameters {
            weight_decay: Some(1.0 / shape.train_rows),
            ..HyperParameters::default()
        },
    }
}

fn auto(shape: &Shape, config: &TrainConfig, rate: f64, cpu: f64) -> Need {
    let budget = config.budget_secs.unwrap_or(BUDGET_SECS);
    let parts =
        [trees(shape, config, cpu), network(ModelKind::Tabm, shape, config, rate), linear(shape, cpu)];
    let total: f64 = parts.iter().map(|part| part.total).sum();
    Need {
        parameters: parts[1].parameters,
        bytes: parts.iter().fold(0.0, |most, part| part.bytes.max(most)),
        epoch: None,
        total: total.min(budget),
        words: format!("trees, TabM and a linear model one after the other, within {budget:.0} seconds"),
        resolved: shares(config, shape.rows),
    }
}

#[cfg(test)]
mod tests {
    use orrery_domain::dataset::ColumnType;

    use super::super::tests::dataset_of;
    use super::*;

    fn dataset() -> Dataset {
        dataset_of(
            1000,
            &[("x", ColumnType::Float), ("kind", ColumnType::Category), ("y", ColumnType::Float)],
        )
    }

    #[test]
    fn every_family_has_a_forecast_that_says_how_it_was_made() {
        let mut config = TrainConfig::new("y");
        for kind in ModelKind::ALL.into_iter().filter(|kind| !kind.is_for_images()) {
            config.model = kind;
            let forecast = forecast(&dataset(), None, &config, &[]).expect("a forecast");
            assert!(forecast.total.value.is_some_and(|secs| secs > 0.0 && secs < 1e5), "{kind:?}");
            assert!(forecast.memory.value.is_some_and(|bytes| bytes > 5e7 && bytes < 1e10));
            assert!(forecast.basis.contains("680 of 1,000 rows"), "{}", forecast.basis);
            assert_eq!(forecast.parameters > 0, kind != ModelKind::Gbt, "{kind:?}");
        }
    }

    #[test]
    fn more_rows_and_a_slower_device_take_longer() {
        let mut config = TrainConfig::new("y");
        config.model = ModelKind::Mlp;
        let device = |rows_per_sec| Device {
            choice: DeviceChoice::Cpu,
            name: "A processor".to_owned(),
            kind: orrery_domain::device::DeviceKind::Cpu,
            api: String::new(),
            driver: String::new(),
            threads: Some(2),
            state: DeviceState::Usable { rows_per_sec, gradient_error: 0.0 },
            probed_at: None,
        };
        let secs = |dataset: &Dataset, rate| {
            let forecast = forecast(dataset, None, &config, &[device(rate)]).expect("a forecast");
            forecast.total.value.expect("known")
        };
        let mut larger = dataset();
        larger.rows = 100_000;
        // Not in proportion: small tables get more epochs.
        assert!(secs(&larger, 1e4) > 10.0 * secs(&dataset(), 1e4));
        assert!((secs(&larger, 1e4) / secs(&larger, 2e4) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn impossible_requests_are_refused_with_the_nearest_name() {
        let refused = |config: &TrainConfig| {
            forecast(&dataset(), None, config, &[]).expect_err("must be refused").message
        };
        assert!(refused(&TrainConfig::new("yy")).contains("'y'"));
        let mut config = TrainConfig::new("y");
        config.exclude = vec!["x".to_owned(), "kind".to_owned()];
        assert!(refused(&config).contains("No column is left"));
        let mut config = TrainConfig::new("kind");
        config.task = Some(Task::Regression);
        assert!(refused(&config).contains("needs numbers"));
        let mut config = TrainConfig::new("y");
        config.hyper.dropout = Some(1.0);
        assert!(refused(&config).contains("dropout"));
    }
}
