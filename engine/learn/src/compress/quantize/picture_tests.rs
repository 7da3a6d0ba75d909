//! Tests of quantized image networks: against sums counted by hand, against plain loops over whole numbers, and against floats.

use std::collections::BTreeMap;

use orrery_domain::{
    compress::Calibration,
    image::ImageShape,
    training::{HyperParameters, ModelKind},
};
use prost::Message;

use super::{
    IntegerNetwork,
    graph::{Form, Input, Layer, layers, rewrite},
    observe,
    tests::{plan, run},
};
use crate::{
    nets::{
        self, Architecture, Encoded, OutputScale, Scorer, Weights,
        codes::{Bits, Codes, Group, Range},
        initial_weights,
        onnx::graph,
        rounding::{InputRounding, Rounding},
    },
    onnx::OnnxModel,
};

fn network(
    kind: ModelKind,
    width: u32,
    depth: u32,
    (side, height, channels): (u32, u32, u32),
    outputs: usize,
) -> Architecture {
    let hyper = HyperParameters {
        width: Some(width),
        depth: Some(depth),
        dropout: Some(0.0),
        ..HyperParameters::default()
    };
    let shape = ImageShape { width: side, height, channels };
    Architecture::design(kind, &hyper, shape.values(), Vec::new(), outputs, OutputScale::Logits, Vec::new())
        .over(shape)
}

/// First weights, with biases that say something.
fn weights(arch: &Architecture) -> Weights {
    let mut weights = initial_weights(arch, 5);
    for (name, (_, values)) in &mut weights {
        if name.rsplit('.').next() == Some("bias") {
            values.iter_mut().enumerate().for_each(|(at, value)| *value = ((at * 7) % 5) as f32 * 0.05 - 0.1);
        }
    }
    weights
}

/// Pictures of values from -0.5 to 2, whose code of 0 is 51; none is half way between two codes, which may be rounded to either.
fn pictures(arch: &Architecture, rows: usize) -> Encoded {
    let value = |at: usize| {
        let share = ((at * 37 + at / 101) % 101) as f32 / 100.0;
        2.5 * share * (0.3 + 0.7 * share) - 0.5
    };
    Encoded { rows, cols: arch.numeric, values: (0..rows * arch.numeric).map(value).collect() }
}

fn model(graph: &crate::nets::onnx::proto::ModelProto) -> OnnxModel {
    OnnxModel::of(graph.encode_to_vec()).expect("it runs")
}

/// Ranges by the name of the value.
fn ranges(arch: &Architecture, weights: &Weights, rows: &Encoded) -> BTreeMap<String, Range> {
    let float = graph(arch, weights);
    let inputs: Vec<String> = layers(&float).into_iter().filter_map(|(_, input)| input).collect();
    observe::ranges(&float, rows, &inputs, Calibration::MinMax).expect("ranges")
}

/// Both filters meet the picture's corners, an edge and its middle: what lies outside counts as 0, whose code is 10.
#[test]
fn a_convolution_is_the_sum_of_whole_numbers_that_were_counted_by_hand() {
    let arch = network(ModelKind::Cnn, 2, 1, (3, 3, 1), 8);
    let mut weights = initial_weights(&arch, 1);
    let mut put = |name: &str, values: Vec<f32>| {
        let tensor = weights.get_mut(name).expect("it is there");
        assert_eq!(tensor.1.len(), values.len(), "{name}");
        tensor.1 = values;
    };
    let first = [1, 2, 3, 4, 5, 6, 7, 8, 64].map(|code: i16| f32::from(code) * 0.25);
    let second = [-64, 1, 0, 2, -3, 1, 0, 5, -1].map(|code: i16| f32::from(code) * 0.5);
    put("stages.0.conv.weight", [first, second].concat());
    put("stages.0.conv.bias", vec![0.25, 60.0]);
    // The rest passes on four places of each channel.
    let places = [0, 1, 4, 8];
    let mut hidden = vec![0.0; 18 * 8];
    for (out, channel, place) in (0..8).map(|out: usize| (out, out / 4, places[out % 4])) {
        hidden[(channel * 9 + place) * 8 + out] = 1.0;
    }
    put("hidden.weight", hidden);
    put("hidden.bias", vec![0.0; 8]);
    put("head.weight", (0..64).map(|at| f32::from(u8::from(at / 8 == at % 8))).collect());
    put("head.bias", vec![0.0; 8]);
    let range = Range { scale: 0.5, zero: 10 };
    let mut plan = plan(&arch, &weights, |_| Input::Static(range), Group::Channel);
    plan.retain(|name, _| name == "stages.0.conv.weight");
    let layer = &plan["stages.0.conv.weight"];
    assert_eq!(layer.codes.scales, [0.25, 0.5]);
    assert_eq!(layer.codes.all[..9], [1, 2, 3, 4, 5, 6, 7, 8, 64]);
    // In codes less that of 0: -2 0 1, 2 3 4, 0 -1 6. The sums are 198, 292, 424 and 37 in steps of 0.125, and 13, 8, 116 and -208 in
    // steps of 0.25, before the biases.
    let picture = vec![-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 0.0, -0.5, 3.0];
    let expected = [25.0, 36.75, 53.25, 4.875, 63.25, 62.0, 89.0, 8.0];
    for form in [Form::Integer, Form::Qdq] {
        let made = rewrite(&graph(&arch, &weights), &plan, form);
        for rows in [1, 3] {
            let rows = Encoded { rows, cols: 9, values: picture.repeat(rows) };
            for answer in run(&model(&made), &rows).chunks_exact(8) {
                let near = answer
                    .iter()
                    .zip(expected)
                    .all(|(found, expected): (&f32, f32)| (found - expected).abs() < 1e-4);
                assert!(near, "{form:?}: {answer:?}");
            }
        }
    }
}

/// A layer's input as codes, less that of 0.
fn codes(x: &[f32], range: Range) -> Vec<i32> {
    let zero = f32::from(range.zero);
    let code = |x: &f32| ((x / range.scale).round_ties_even() + zero).clamp(0.0, 255.0) - zero;
    x.iter().map(code).map(|code| code as i32).collect()
}

/// Sums of a convolution, place by place.
fn convolved(x: &[i32], (channels, height, width): (usize, usize, usize), filters: &Codes) -> Vec<i32> {
    let size = filters.shape[2];
    let reach = size / 2;
    let mut sums = Vec::new();
    for (out, y) in (0..filters.shape[0]).flat_map(|out| (0..height).map(move |y| (out, y))) {
        for place in 0..width {
            let mut sum = 0;
            for (channel, dy) in (0..channels).flat_map(|channel| (0..size).map(move |dy| (channel, dy))) {
                for dx in 0..size {
                    let (line, column) = (y + dy, place + dx);
                    let inside =
                        (reach..height + reach).contains(&line) && (reach..width + reach).contains(&column);
                    if inside {
                        let value = x[(channel * height + line - reach) * width + column - reach];
                        let at = ((out * channels + channel) * size + dy) * size + dx;
                        sum += value * i32::from(filters.all[at]);
                    }
                }
            }
            sums.push(sum);
        }
    }
    sums
}

/// Raw outputs of a plain network over one picture, every layer in whole numbers; `inputs` are the layers' ranges.
fn oracle(
    arch: &Architecture,
    weights: &Weights,
    plan: &BTreeMap<String, Layer>,
    inputs: &BTreeMap<String, Range>,
    row: &[f32],
) -> Vec<f32> {
    let shape = arch.image.expect("a picture");
    let (mut channels, mut height, mut width) =
        (shape.channels as usize, shape.height as usize, shape.width as usize);
    let mut x = row.to_vec();
    for stage in 0..arch.depth {
        let (name, bias) = (format!("stages.{stage}.conv.weight"), format!("stages.{stage}.conv.bias"));
        let (filters, range) = (&plan[&name].codes, inputs[&name]);
        let sums = convolved(&codes(&x, range), (channels, height, width), filters);
        channels = filters.shape[0];
        let plane = height * width;
        let value = |(at, sum): (usize, &i32)| {
            let out = at / plane;
            (*sum as f32 * (range.scale * filters.scales[out]) + weights[&bias].1[out]).max(0.0)
        };
        x = sums.iter().enumerate().map(value).collect();
        if height.min(width) >= 4 {
            let (lines, columns) = (height / 2, width / 2);
            let most = |at: usize| {
                let (channel, line, column) = (at / (lines * columns), at / columns % lines, at % columns);
                let from = |dy, dx| x[(channel * height + 2 * line + dy) * width + 2 * column + dx];
                from(0, 0).max(from(0, 1)).max(from(1, 0)).max(from(1, 1))
            };
            x = (0..channels * lines * columns).map(most).collect();
            (height, width) = (lines, columns);
        }
    }
    for layer in ["hidden", "head"] {
        let (name, bias) = (format!("{layer}.weight"), &weights[&format!("{layer}.bias")].1);
        let (matrix, range) = (&plan[&name].codes, inputs[&name]);
        let from = codes(&x, range);
        let outputs = matrix.shape[1];
        let value = |out: usize| {
            let sum: i32 =
                from.iter().enumerate().map(|(at, x)| x * i32::from(matrix.all[at * outputs + out])).sum();
            let value = sum as f32 * (range.scale * matrix.scales[out]) + bias[out];
            if layer == "head" { value } else { value.max(0.0) }
        };
        x = (0..outputs).map(value).collect();
    }
    x
}

/// Largest and mean distance.
fn apart(a: &[f32], b: &[f32]) -> (f64, f64) {
    assert_eq!(a.len(), b.len());
    let all: Vec<f64> = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).collect();
    (all.iter().fold(0.0, |most, one| one.max(most)), all.iter().sum::<f64>() / all.len() as f64)
}

fn largest(values: &[f32]) -> f64 {
    values.iter().fold(0.0_f64, |most, value| most.max(f64::from(value.abs())))
}

#[test]
fn whole_networks_are_those_of_plain_loops_over_whole_numbers() {
    for (shape, ends) in [((8, 8, 1), false), ((7, 5, 3), false), ((9, 6, 2), true)] {
        let arch = network(ModelKind::Cnn, 5, 2, shape, 3);
        let mut weights = weights(&arch);
        if ends {
            // Every code at its end, pairs of them side by side: their products fill 16 bits.
            for (name, (_, values)) in &mut weights {
                if name.ends_with("conv.weight") {
                    let sign = |at: usize| if (at / 4).is_multiple_of(2) { 0.2 } else { -0.2 };
                    values.iter_mut().enumerate().for_each(|(at, value)| *value = sign(at));
                }
            }
        }
        let rows = pictures(&arch, 6);
        let known = ranges(&arch, &weights, &rows);
        let plan = plan(&arch, &weights, |input| Input::Static(known[input]), Group::Channel);
        let float = graph(&arch, &weights);
        let inputs: BTreeMap<String, Range> = layers(&float)
            .into_iter()
            .map(|(name, input)| (name, known[&input.expect("an input")]))
            .collect();
        assert_eq!(inputs["stages.0.conv.weight"].zero, 51);
        let expected: Vec<f32> =
            (0..rows.rows).flat_map(|row| oracle(&arch, &weights, &plan, &inputs, rows.row(row))).collect();
        let found = run(&model(&rewrite(&float, &plan, Form::Integer)), &rows);
        let (most, mean) = apart(&found, &expected);
        let size = largest(&expected);
        // A number between two codes can be rounded to either.
        assert!(most < 0.01 * size && mean < 1e-3 * size, "{shape:?}: {most} {mean} of {size}");
    }
}

#[test]
fn every_kind_and_form_stays_near_the_network_in_floats() {
    for (kind, shape) in [
        (ModelKind::Cnn, (8, 8, 1)),
        (ModelKind::Cnn, (7, 5, 3)),
        (ModelKind::ResnetCnn, (8, 8, 1)),
        (ModelKind::ResnetCnn, (17, 16, 3)),
    ] {
        let arch = network(kind, 8, 2, shape, 3);
        let weights = weights(&arch);
        let float = graph(&arch, &weights);
        let rows = pictures(&arch, 40);
        let truth = Scorer::new(&arch, &weights).expect("a network").score(&rows).expect("scores");
        let truth: Vec<f32> = truth.into_iter().map(|value| value as f32).collect();
        let size = largest(&truth);
        let known = ranges(&arch, &weights, &rows);
        let convolutions = layers(&float)
            .iter()
            .filter(|(name, _)| name.contains("conv") || name.contains("stem") || name.contains("shortcut"))
            .count();
        assert_eq!(convolutions, if kind == ModelKind::Cnn { 2 } else { 6 }, "{kind:?}");
        let plans = [
            ("static", plan(&arch, &weights, |input| Input::Static(known[input]), Group::Channel)),
            ("dynamic", plan(&arch, &weights, |_| Input::Dynamic, Group::Channel)),
            ("weights", plan(&arch, &weights, |_| Input::Float, Group::Channel)),
            ("blocks", plan(&arch, &weights, |_| Input::Float, Group::Block(5))),
        ];
        for (name, plan) in plans {
            assert_eq!(plan.len(), layers(&float).len(), "{kind:?}: every layer is quantized");
            let [whole, pairs] = [Form::Integer, Form::Qdq].map(|form| rewrite(&float, &plan, form));
            let nodes = whole.graph.as_ref().expect("a graph").node.iter();
            let integer = nodes.filter(|node| node.op_type == "ConvInteger").count();
            let computed = matches!(name, "static" | "dynamic");
            assert_eq!(integer, if computed { convolutions } else { 0 }, "{kind:?} {name}");
            let [whole, pairs] = [whole, pairs].map(|graph| run(&model(&graph), &rows));
            let (far, _) = apart(&whole, &truth);
            assert!(far < 0.06 * size, "{kind:?} {shape:?} {name}: {far} of {size}");
            // A sum that is rounded otherwise can turn a code into its neighbour, here and there.
            let (most, mean) = apart(&whole, &pairs);
            assert!(
                most < 0.02 * size && mean < 2e-3 * size,
                "{kind:?} {shape:?} {name}: {most} {mean} of {size}"
            );
        }
    }
}

/// The range of the rows at hand, known before: both give the same answers.
#[test]
fn dynamic_ranges_are_those_of_the_rows_at_hand() {
    let arch = network(ModelKind::ResnetCnn, 6, 2, (9, 8, 1), 3);
    let weights = weights(&arch);
    let rows = pictures(&arch, 20);
    let float = graph(&arch, &weights);
    // Only the first layer: what comes after it has ranges of its own, once it is rounded.
    let first = |input: Input| {
        let mut plan = plan(&arch, &weights, |_| input, Group::Channel);
        plan.retain(|name, _| name == "stem.weight");
        run(&model(&rewrite(&float, &plan, Form::Integer)), &rows)
    };
    let (low, high) =
        rows.values.iter().fold((0.0_f32, 0.0_f32), |(low, high), x| (low.min(*x), high.max(*x)));
    let (dynamic, known) = (first(Input::Dynamic), first(Input::Static(Range::covering(low, high))));
    let (_, mean) = apart(&dynamic, &known);
    assert!(mean < 1e-4 * largest(&known), "{mean}");
    assert!(apart(&dynamic, &first(Input::Static(Range::covering(low, 2.0 * high)))).1 > mean);
}

#[test]
fn ranges_of_some_rows_at_a_time_are_those_of_all() {
    let arch = network(ModelKind::Cnn, 4, 2, (8, 8, 1), 3);
    let weights = weights(&arch);
    let rows = pictures(&arch, 150);
    let float = graph(&arch, &weights);
    let names: Vec<String> = layers(&float).into_iter().filter_map(|(_, input)| input).collect();
    let whole = observe::values(&float, &rows, &names).expect("values");
    let found = ranges(&arch, &weights, &rows);
    assert_eq!((found.len(), whole.len()), (4, 4));
    for (name, values) in whole {
        let (low, high) =
            values.iter().fold((0.0_f32, 0.0_f32), |(low, high), x| (low.min(*x), high.max(*x)));
        let expected = Range::covering(low, high);
        assert_eq!(found[&name].zero, expected.zero, "{name}");
        assert!((found[&name].scale / expected.scale - 1.0).abs() < 1e-5, "{name}");
    }
}

/// What training with rounding computes is what the quantized graph computes.
#[test]
fn rounding_on_the_way_forward_is_what_the_graph_does() {
    for kind in [ModelKind::Cnn, ModelKind::ResnetCnn] {
        let arch = network(kind, 8, 2, (8, 8, 1), 3);
        let weights = weights(&arch);
        let float = graph(&arch, &weights);
        let rows = pictures(&arch, 40);
        let truth = Scorer::new(&arch, &weights).expect("a network").score(&rows).expect("scores");
        let truth: Vec<f32> = truth.into_iter().map(|value| value as f32).collect();
        let known = ranges(&arch, &weights, &rows);
        let by_layer = layers(&float).into_iter().filter_map(|(name, input)| Some((name, known[&input?])));
        let cases = [
            (InputRounding::None, Bits::Four, Group::Block(5), Input::Float),
            (InputRounding::Dynamic, Bits::Seven, Group::Channel, Input::Dynamic),
            (InputRounding::Static(by_layer.collect()), Bits::Seven, Group::Channel, Input::Float),
        ];
        for (inputs, bits, group, input) in cases {
            let mut plan = plan(&arch, &weights, |_| input, group);
            for (name, layer) in &mut plan {
                let (shape, values) = &weights[name];
                layer.codes = Codes::of(shape, values, bits, group);
                if let InputRounding::Static(ranges) = &inputs {
                    layer.input = Input::Static(ranges[name]);
                }
            }
            let matrices = plan.keys().map(|name| (name.clone(), (bits, group))).collect();
            let rounding = Rounding { matrices, folded: false, inputs };
            let rounded = Scorer::rounded(&arch, &weights, rounding).expect("a network");
            let rounded: Vec<f32> =
                rounded.score(&rows).expect("scores").into_iter().map(|value| value as f32).collect();
            let whole = run(&model(&rewrite(&float, &plan, Form::Integer)), &rows);
            let ((_, near), (_, far)) = (apart(&rounded, &whole), apart(&truth, &whole));
            assert!(
                near < 2e-3 * largest(&truth) && near < 0.5 * far,
                "{kind:?} {bits:?}: {near}, rounding itself makes {far}"
            );
        }
    }
}

#[test]
fn stored_codes_are_within_half_a_step_and_take_a_fraction_of_the_space() {
    let arch = network(ModelKind::Cnn, 24, 3, (16, 16, 1), 10);
    let weights = weights(&arch);
    let float = graph(&arch, &weights);
    let place = tempfile::tempdir().expect("a folder");
    nets::save(place.path(), &arch, &weights).expect("saved");
    let size = |name: &str| std::fs::metadata(place.path().join(name)).expect("a file").len() as f64;
    let (floats, graphs) = (size("weights.safetensors"), size("model.onnx"));
    for (bits, group, most) in [
        (Bits::Eight, Group::Channel, 0.30),
        (Bits::Four, Group::Channel, 0.17),
        (Bits::Four, Group::Block(32), 0.20),
    ] {
        let code = |(name, _): (String, Option<String>)| {
            let (shape, values) = &weights[&name];
            let codes = Codes::of(shape, values, bits, group);
            (name, codes)
        };
        let codes: BTreeMap<String, Codes> = layers(&float).into_iter().map(code).collect();
        let mut rounded = weights.clone();
        for (name, codes) in &codes {
            rounded.insert(name.clone(), (codes.shape.clone(), codes.values()));
        }
        nets::save_codes(place.path(), &arch, &rounded, &codes).expect("saved");
        let share = size("weights.safetensors") / floats;
        assert!(share <= most, "{bits:?} {group:?}: {share}");
        let (again, read) = nets::load(place.path()).expect("loaded");
        assert_eq!((&again, &read), (&arch, &rounded), "what was stored is what was rounded to");
        for (name, codes) in &codes {
            // The largest step of a layer bounds the error of all its values.
            let step = codes.scales.iter().fold(0.0_f32, |most, scale| most.max(*scale));
            let (far, _) = apart(&weights[name].1, &read[name].1);
            assert!(far <= f64::from(step) * 0.5001, "{name}: {far} of {step}");
        }
        // The graph says what the stored codes say.
        let plan =
            codes.into_iter().map(|(name, codes)| (name, Layer { codes, input: Input::Float })).collect();
        let made = rewrite(&graph(&arch, &rounded), &plan, Form::Integer);
        let rows = pictures(&arch, 5);
        let scores = Scorer::new(&arch, &read).expect("a network").score(&rows).expect("scores");
        let scores: Vec<f32> = scores.into_iter().map(|value| value as f32).collect();
        let (far, _) = apart(&run(&model(&made), &rows), &scores);
        assert!(far < 1e-4 * largest(&scores).max(1.0), "{bits:?}: {far}");
    }
    let plan = plan(&arch, &weights, |_| Input::Dynamic, Group::Channel);
    for form in [Form::Integer, Form::Qdq] {
        let share = rewrite(&float, &plan, form).encode_to_vec().len() as f64 / graphs;
        assert!(share <= 0.30, "{form:?}: {share}");
    }
}

/// However many pictures there are, 64 share a range: answers are those of the parts.
#[test]
fn pictures_are_computed_some_at_a_time() {
    let arch = network(ModelKind::Cnn, 4, 2, (8, 8, 1), 3);
    let weights = weights(&arch);
    let plan = plan(&arch, &weights, |_| Input::Dynamic, Group::Channel);
    let bytes = rewrite(&graph(&arch, &weights), &plan, Form::Integer).encode_to_vec();
    let network = IntegerNetwork::of(bytes, ModelKind::Cnn).expect("it runs");
    let mut rows = pictures(&arch, 130);
    for value in &mut rows.values[64..64 * 64] {
        *value *= 3.0;
    }
    let whole = network.score(&rows).expect("scores");
    let part = |from: usize, to: usize| {
        network.score(&rows.select(&(from..to).collect::<Vec<_>>())).expect("scores")
    };
    assert_eq!(whole, [part(0, 64), part(64, 128), part(128, 130)].concat());
    assert_ne!(whole[..3].to_vec(), part(0, 1), "a row alone has a range of its own");
}
