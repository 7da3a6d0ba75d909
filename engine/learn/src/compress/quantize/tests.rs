//! Tests of quantized graphs: against whole numbers counted by hand, and against the network in floats.

use std::collections::BTreeMap;

use prost::Message;

use super::{
    graph::{Form, Input, Layer, layers, rewrite},
    observe, tensor,
};
use crate::{
    nets::{
        Architecture, Encoded, Family, OutputScale, Scorer, Weights,
        codes::{Bits, Codes, Group, Range},
        initial_weights,
        onnx::graph,
        rounding::{InputRounding, Rounding},
    },
    onnx::{Elements, OnnxModel, OnnxTensor},
};
use orrery_domain::compress::Calibration;

/// Six plain columns.
fn plain(family: Family) -> Architecture {
    Architecture {
        family,
        numeric: 6,
        category_sizes: Vec::new(),
        embedding: 0,
        outputs: 3,
        width: 16,
        depth: if family == Family::Linear { 0 } else { 2 },
        hidden: Vec::new(),
        dropout: 0.0,
        members: if family == Family::Tabm { 4 } else { 1 },
        ple_edges: Vec::new(),
        ple_width: 0,
        output: OutputScale::Logits,
        image: None,
    }
}

/// Four columns, embedded piecewise where the family does so, and two categories.
fn embedded(family: Family) -> Architecture {
    let edges = if family == Family::Linear { Vec::new() } else { vec![vec![-1.0, -0.3, 0.2, 1.0]; 4] };
    Architecture {
        numeric: 4,
        category_sizes: vec![5, 9],
        embedding: 3,
        ple_edges: edges,
        ple_width: 2,
        ..plain(family)
    }
}

fn rows(count: usize) -> Encoded {
    let values = (0..count * 6).map(|at| ((at * 37) % 101) as f32 / 50.0 - 1.0).collect();
    Encoded { rows: count, cols: 6, values }
}

/// Rows whose last two columns are codes.
fn coded(count: usize) -> Encoded {
    let mut rows = rows(count);
    for (at, row) in rows.values.chunks_exact_mut(6).enumerate() {
        (row[4], row[5]) = ((at % 5) as f32, (at % 9) as f32);
    }
    rows
}

/// What a graph says of some rows.
pub(super) fn run(model: &OnnxModel, rows: &Encoded) -> Vec<f32> {
    let x = OnnxTensor { shape: vec![rows.rows, rows.cols], elements: Elements::Floats(rows.values.clone()) };
    let Elements::Floats(values) = model.run(&[x]).expect("an answer").remove(0).elements else {
        panic!("floats")
    };
    values
}

/// Every layer quantized, its input by its name.
pub(super) fn plan(
    arch: &Architecture,
    weights: &Weights,
    input: impl Fn(&str) -> Input,
    group: Group,
) -> BTreeMap<String, Layer> {
    let float = graph(arch, weights);
    let layer = |(matrix, x): (String, Option<String>)| {
        let (shape, values) = tensor(&float, &matrix).expect("a matrix");
        let group = if matrix == "embedding.weight" { Group::Channel } else { group };
        let codes = Codes::of(&shape, &values, Bits::Seven, group);
        (matrix, Layer { codes, input: x.map_or(Input::Float, |x| input(&x)) })
    };
    layers(&float).into_iter().map(layer).collect()
}

#[test]
fn a_layer_is_the_sum_of_whole_numbers_that_can_be_counted_by_hand() {
    let arch = plain(Family::Linear);
    let weights = initial_weights(&arch, 3);
    let range = Range::covering(-1.0, 1.02);
    let plan = plan(&arch, &weights, |_| Input::Static(range), Group::Channel);
    let made = rewrite(&graph(&arch, &weights), &plan, Form::Integer);
    let model = OnnxModel::of(made.encode_to_vec()).expect("it runs");
    assert!(model.batches(), "a row's answer does not depend on another's");
    let (rows, layer) = (rows(40), &plan["head.weight"]);
    let bias = &weights["head.bias"].1;
    let found = run(&model, &rows);
    for (x, found) in rows.values.chunks_exact(6).zip(found.chunks_exact(3)) {
        let code = |x: &f32| ((x / range.scale).round() as i32 + i32::from(range.zero)).clamp(0, 255);
        for (out, found) in found.iter().enumerate() {
            let sum: i32 = x
                .iter()
                .enumerate()
                .map(|(at, x)| (code(x) - i32::from(range.zero)) * i32::from(layer.codes.all[at * 3 + out]))
                .sum();
            let expected = sum as f32 * range.scale * layer.codes.scales[out] + bias[out];
            assert!((expected - found).abs() < 1e-5, "{expected} {found}");
        }
    }
}

#[test]
fn every_family_and_form_stays_near_the_network_in_floats() {
    for family in [Family::Linear, Family::Mlp, Family::Resnet, Family::Tabm] {
        let arch = embedded(family);
        let weights = initial_weights(&arch, 5);
        let float = graph(&arch, &weights);
        let truth = Scorer::new(&arch, &weights).expect("a network").score(&coded(64)).expect("scores");
        let size = truth.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let inputs: Vec<String> = layers(&float).into_iter().filter_map(|(_, input)| input).collect();
        let ranges = observe::ranges(&float, &coded(64), &inputs, Calibration::MinMax).expect("ranges");
        let named = |input: &str| Input::Static(ranges[input]);
        let plans = [
            ("static", plan(&arch, &weights, named, Group::Channel)),
            ("dynamic", plan(&arch, &weights, |_| Input::Dynamic, Group::Channel)),
            ("weights", plan(&arch, &weights, |_| Input::Float, Group::Channel)),
            ("blocks", plan(&arch, &weights, |_| Input::Float, Group::Block(4))),
        ];
        for (name, plan) in plans {
            assert_eq!(plan.len(), layers(&float).len(), "{family:?}: every matrix is quantized");
            let found: Vec<Vec<f32>> = [Form::Integer, Form::Qdq]
                .into_iter()
                .map(|form| {
                    let made = rewrite(&float, &plan, form);
                    let model = OnnxModel::of(made.encode_to_vec());
                    run(
                        &model.unwrap_or_else(|what| panic!("{family:?} {name} {form:?}: {what}")),
                        &coded(64),
                    )
                })
                .collect();
            for ((whole, pairs), truth) in found[0].iter().zip(&found[1]).zip(&truth) {
                assert!(
                    (f64::from(*whole) - truth).abs() < 0.04 * size,
                    "{family:?} {name}: {whole} {truth} of {size}"
                );
                assert!((whole - pairs).abs() < 0.05 * size as f32, "{family:?} {name}: {whole} {pairs}");
            }
            // A sum that is rounded otherwise can turn a code into its neighbour, here and there.
            let apart: f32 = found[0].iter().zip(&found[1]).map(|(whole, pairs)| (whole - pairs).abs()).sum();
            let mean = f64::from(apart) / truth.len() as f64;
            assert!(mean < 2e-3 * size, "{family:?} {name}: {mean} of {size}");
        }
    }
}

#[test]
fn layers_that_are_not_chosen_stay_as_they_are() {
    let arch = embedded(Family::Mlp);
    let weights = initial_weights(&arch, 5);
    let float = graph(&arch, &weights);
    assert_eq!(rewrite(&float, &BTreeMap::new(), Form::Integer), float);
    let mut one = plan(&arch, &weights, |_| Input::Dynamic, Group::Channel);
    one.retain(|name, _| name == "head.weight");
    let made = rewrite(&float, &one, Form::Integer);
    let names = |model: &crate::nets::onnx::proto::ModelProto| -> Vec<String> {
        model.graph.as_ref().expect("a graph").initializer.iter().map(|tensor| tensor.name.clone()).collect()
    };
    assert!(
        names(&made).contains(&"layers.0.weight".to_owned())
            && !names(&made).contains(&"head.weight".to_owned())
    );
}

/// What training with rounding computes is what the quantized graph computes, whatever runs it.
#[test]
fn rounding_on_the_way_forward_is_what_the_graph_in_whole_numbers_does() {
    for family in [Family::Linear, Family::Mlp, Family::Resnet, Family::Tabm] {
        let arch = embedded(family);
        let weights = initial_weights(&arch, 5);
        let float = graph(&arch, &weights);
        let found = layers(&float);
        let names: Vec<String> = found.iter().filter_map(|(_, input)| input.clone()).collect();
        let ranges = observe::ranges(&float, &coded(64), &names, Calibration::MinMax).expect("ranges");
        let truth = Scorer::new(&arch, &weights).expect("a network").score(&coded(64)).expect("scores");
        let size = truth.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let known = found.iter().filter_map(|(name, input)| Some((name.clone(), ranges[input.as_ref()?])));
        let known = InputRounding::Static(known.collect());
        let plans = [
            (known, plan(&arch, &weights, |input| Input::Static(ranges[input]), Group::Channel)),
            (InputRounding::Dynamic, plan(&arch, &weights, |_| Input::Dynamic, Group::Channel)),
        ];
        for (inputs, plan) in plans {
            let folded = family == Family::Tabm;
            let stored = found.iter().filter(|(name, _)| !(folded && name.starts_with("layers.")));
            let matrices = stored.map(|(name, _)| (name.clone(), (Bits::Seven, Group::Channel))).collect();
            let rounding = Rounding { matrices, folded, inputs };
            let scorer = Scorer::rounded(&arch, &weights, rounding).expect("a network");
            let rounded = scorer.score(&coded(64)).expect("scores");
            let made = rewrite(&float, &plan, Form::Integer);
            let whole = run(&OnnxModel::of(made.encode_to_vec()).expect("it runs"), &coded(64));
            let apart = |a: &[f64], b: &[f64]| -> f64 {
                a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len() as f64
            };
            let whole: Vec<f64> = whole.into_iter().map(f64::from).collect();
            // A sum that is rounded otherwise can turn a code into its neighbour, here and there.
            let (near, far) = (apart(&rounded, &whole), apart(&truth, &whole));
            assert!(
                near < 2e-3 * size && near < 0.5 * far,
                "{family:?}: {near}, rounding itself makes {far}"
            );
        }
    }
}
