//! A quantized model for the fixture: some figures better, one worse, one layer kept as floats.

use std::{collections::BTreeMap, sync::Arc};

use orrery_domain::{
    ModelRef,
    compress::{
        AwareTraining, CompressMethod, CompressReport, CompressedFigures, Compression, LayerCost, ModelSpeed,
        QuantizeConfig, QuantizeScheme, Spread,
    },
    metric::{MetricId, MetricValue, Metrics},
    snapshot::ModelEntry,
};

fn spread(median: f64) -> Spread {
    Spread { median, low: median * 0.94, high: median * 1.12 }
}

fn figures(bytes: u64, row: f64, batch: f64, test: Metrics) -> CompressedFigures {
    CompressedFigures {
        files: BTreeMap::from([("model.onnx".to_owned(), bytes / 2)]),
        bytes,
        parameters: 213_505,
        speed: Some(ModelSpeed {
            row_secs: spread(row),
            batch_secs: spread(batch),
            rows_per_sec: 64.0 / batch,
            peak_memory_bytes: Some(61_000_000),
            added_memory_bytes: Some(bytes * 3),
        }),
        test,
    }
}

/// The next version of a network, quantized.
pub fn of(origin: &ModelEntry) -> ModelEntry {
    let mut card = (**origin.card.as_ref().expect("a card")).clone();
    let model = ModelRef { version: origin.model.version + 1, ..origin.model.clone() };
    let mut report = CompressReport {
        from: origin.model.clone(),
        model: None,
        before: figures(4_812_113, 34e-6, 178e-6, card.test.clone()),
        after: figures(1_254_882, 41e-6, 96e-6, card.test.clone()),
        difference: Some((
            MetricId::Auroc,
            MetricValue { value: Some(-0.00041), low: Some(-0.00087), high: Some(0.00006) },
        )),
        agreement: Some(0.9962),
        target: None,
        layers: [("layers.0.weight", 0.00012), ("layers.1.weight", 0.00003), ("head.weight", 0.0081)]
            .map(|(layer, loss_rise)| LayerCost {
                layer: layer.to_owned(),
                parameters: 65_536,
                loss_rise,
                quantized: layer != "head.weight",
                bits: (layer != "head.weight").then_some(8),
            })
            .to_vec(),
        aware: Some(AwareTraining { floats: 0.4021, without: 0.4068, with: 0.4029, kept: true }),
        shapes: Vec::new(),
        rounds: Vec::new(),
        trials: Vec::new(),
        findings: Vec::new(),
    };
    report.findings = report.find();
    let quantize = QuantizeConfig {
        scheme: QuantizeScheme::StaticInt8,
        loss_budget: Some(0.005),
        epochs: 3,
        ..QuantizeConfig::default()
    };
    card.model = Some(model.clone());
    let method = CompressMethod::Quantize(quantize);
    card.compressions.push(Compression { method, report });
    ModelEntry {
        model,
        bytes: 1_254_882,
        created_at: origin.created_at + 60.0,
        compressed_from: Some(origin.model.clone()),
        quantized: true,
        card: Some(Arc::new(card)),
        ..origin.clone()
    }
}
