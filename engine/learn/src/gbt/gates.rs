//! Gates: what trees must reach on real tables. Slow, so ignored: `cargo test -p orrery-learn gates -- --ignored --nocapture`.

use std::{path::PathBuf, time::Instant};

use arrow::{compute::cast, datatypes::DataType};
use orrery_domain::{
    dataset::{ColumnSchema, ColumnType},
    training::{CategoryEncoding, HyperParameters, Scaling},
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::{
    control::Unwatched,
    prepare::{FitInput, Preprocessor},
    table::{Table, arrow_type},
};

/// A table of the shared data, or `None` where it is not there.
fn shared(name: &str) -> Option<Table> {
    let folder = std::env::var_os("ORRERY_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let file = std::fs::File::open(folder.join("data").join(name)).ok()?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).ok()?.build().ok()?;
    let batches: Vec<_> = reader.collect::<Result<_, _>>().ok()?;
    let schema = batches.first()?.schema();
    let batch = arrow::compute::concat_batches(&schema, &batches).ok()?;
    let kind = |kind: &DataType| match kind {
        DataType::Float32 | DataType::Float64 => ColumnType::Float,
        DataType::Boolean => ColumnType::Boolean,
        kind if kind.is_integer() => ColumnType::Integer,
        _ => ColumnType::Category,
    };
    let columns: Vec<ColumnSchema> = schema
        .fields()
        .iter()
        .map(|f| ColumnSchema { name: f.name().clone(), kind: kind(f.data_type()), overridden: false })
        .collect();
    let arrays = columns
        .iter()
        .zip(batch.columns())
        .map(|(column, array)| cast(array, &arrow_type(column.kind)).expect("castable"))
        .collect();
    Some(Table::new(columns, arrays))
}

fn take(table: &Table, rows: &[u32]) -> Table {
    let index = arrow::array::UInt32Array::from(rows.to_vec());
    let columns = table
        .batch
        .columns()
        .iter()
        .map(|column| arrow::compute::take(column, &index, None).expect("rows exist"))
        .collect();
    Table::new(table.schema.clone(), columns)
}

/// Trains at the defaults and returns raw scores and truths of the test rows.
fn train(name: &str, target: &str, objective: Objective) -> Option<(Vec<f64>, Vec<f64>)> {
    let table = shared(name)?;
    let split = table.position("split")?;
    let (mut train, mut valid, mut test) = (vec![], vec![], vec![]);
    for row in 0..table.rows() {
        if table.text(split, row).as_deref() == Some("test") {
            test.push(row as u32);
        } else if row.wrapping_mul(2_654_435_761) % 100 < 10 {
            valid.push(row as u32);
        } else {
            train.push(row as u32);
        }
    }
    let features: Vec<String> = table
        .schema
        .iter()
        .map(|column| column.name.clone())
        .filter(|name| name != target && name != "split")
        .collect();
    let place = table.position(target)?;
    let parts = [train, valid, test].map(|rows| take(&table, &rows));
    let y = [0, 1, 2].map(|part| parts[part].numbers(place));
    let ones = vec![1.0; parts[0].rows()];
    let began = Instant::now();
    let fitted = Preprocessor::fit(&FitInput {
        train: &parts[0],
        features: &features,
        target: &y[0],
        classes: if objective == Objective::Binary { 2 } else { 0 },
        weights: &ones,
        categories: CategoryEncoding::Embedding,
        scaling: Scaling::Standard,
        pixels: false,
    })
    .expect("fitted");
    let rules = fitted.preprocessor;
    let x = [0, 1, 2].map(|part| rules.transform_trees(&parts[part]).expect("transformed").0);
    println!("{name}: prepared in {:.2} s", began.elapsed().as_secs_f64());
    let hyper = HyperParameters::default();
    let settings = GbtSettings::resolve(&hyper, parts[0].rows(), objective == Objective::Squared, 0);
    let folder = tempfile::tempdir().expect("a folder");
    let classes: Vec<String> =
        if objective == Objective::Binary { vec!["0".into(), "1".into()] } else { vec![] };
    let job = GbtJob {
        objective,
        classes: &classes,
        features: &rules.tree_inputs(),
        log: false,
        train: Labelled { x: &x[0], y: &y[0], weight: &ones },
        valid: Labelled { x: &x[1], y: &y[1], weight: &ones[..y[1].len()] },
        settings: &settings,
        folder: folder.path(),
        source: name,
        budget_secs: None,
    };
    let began = Instant::now();
    let grown = fit(&job, &Unwatched).expect("grown");
    println!(
        "{name}: {} of {} rounds kept, grown in {:.1} s, {settings:?}",
        grown.forest.trees.len(),
        grown.rounds,
        began.elapsed().as_secs_f64()
    );
    let began = Instant::now();
    let scores = grown.forest.score(&x[2]);
    println!("{name}: {} rows scored in {:.2} s", x[2].rows, began.elapsed().as_secs_f64());
    Some((scores, y[2].clone()))
}

/// Area under the ROC curve by ranks.
fn auroc(scores: &[f64], truth: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let positives = truth.iter().filter(|y| **y > 0.5).count() as f64;
    let ranks: f64 = order
        .iter()
        .enumerate()
        .filter(|(_, row)| truth[**row] > 0.5)
        .map(|(rank, _)| rank as f64 + 1.0)
        .sum();
    (ranks - positives * (positives + 1.0) / 2.0) / (positives * (truth.len() as f64 - positives))
}

#[test]
#[ignore = "takes half a minute and needs the shared data"]
fn gate_flights() {
    let Some((scores, truth)) = train("flights_delay.parquet", "late", Objective::Binary) else {
        println!("The shared data is not there: nothing was checked.");
        return;
    };
    let reached = auroc(&scores, &truth);
    println!("flights: AUROC {reached:.4}");
    assert!(reached >= 0.800, "{reached}");
}

#[test]
#[ignore = "takes seconds and needs the shared data"]
fn gate_diamonds() {
    let Some((scores, truth)) = train("diamonds.parquet", "price", Objective::Squared) else {
        println!("The shared data is not there: nothing was checked.");
        return;
    };
    let sum: f64 = scores.iter().zip(&truth).map(|(a, b)| (a - b).powi(2)).sum();
    let reached = (sum / truth.len() as f64).sqrt();
    println!("diamonds: RMSE {reached:.1} USD");
    assert!(reached <= 532.0, "{reached}");
}
