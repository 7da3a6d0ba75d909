//! Tests of foreign files: against our own scores, with graphs that cannot be served, and with rows that touch each other.

use std::{path::PathBuf, time::Instant};

use prost::Message;

use super::*;
use crate::nets::{
    Architecture, Encoded, Family, OutputScale, Scorer, initial_weights,
    onnx::{export, proto::*},
};

fn put(folder: &Path, bytes: &[u8]) -> PathBuf {
    let file = folder.join("model.onnx");
    let mut open = std::fs::File::create(&file).expect("a file");
    std::io::Write::write_all(&mut open, bytes).expect("written");
    file
}

fn load(bytes: &[u8]) -> Result<OnnxModel, Failure> {
    let folder = tempfile::tempdir().expect("a folder");
    OnnxModel::load(&put(folder.path(), bytes))
}

fn mlp(width: usize, numeric: usize) -> Architecture {
    Architecture {
        family: Family::Mlp,
        numeric,
        category_sizes: Vec::new(),
        embedding: 0,
        outputs: 3,
        width,
        depth: 3,
        hidden: Vec::new(),
        dropout: 0.0,
        members: 1,
        ple_edges: Vec::new(),
        ple_width: 0,
        output: OutputScale::Logits,
        image: None,
    }
}

fn values(rows: usize, cols: usize) -> Vec<f32> {
    (0..rows * cols).map(|at| ((at * 37) % 101) as f32 / 50.0 - 1.0).collect()
}

#[test]
fn our_own_exports_answer_as_our_own_networks_do_whatever_the_batch() {
    for family in [Family::Linear, Family::Mlp, Family::Resnet, Family::Tabm] {
        let arch = Architecture {
            family,
            depth: if family == Family::Linear { 0 } else { 2 },
            hidden: Vec::new(),
            members: if family == Family::Tabm { 4 } else { 1 },
            ..mlp(16, 5)
        };
        let weights = initial_weights(&arch, 1);
        let model = load(&export(&arch, &weights)).expect("it is served");
        assert!(model.batches(), "{family:?}");
        assert_eq!(model.inputs()[0].shape, Some(vec![None, Some(5)]));
        let scorer = Scorer::new(&arch, &weights).expect("a network");
        for rows in [1, 2, 7, 64] {
            let x = values(rows, 5);
            let truth = scorer.score(&Encoded { rows, cols: 5, values: x.clone() }).expect("scores");
            let given = OnnxTensor { shape: vec![rows, 5], elements: Elements::Floats(x) };
            let found = model.run(&[given]).expect("an answer");
            assert_eq!(found[0].shape, [rows, 3]);
            let Elements::Floats(found) = &found[0].elements else { panic!("{found:?}") };
            for (found, truth) in found.iter().zip(&truth) {
                assert!((f64::from(*found) - truth).abs() < 1e-4, "{family:?}: {found} {truth}");
            }
        }
    }
}

#[test]
fn joined_rows_are_split_as_they_came() {
    let tensor = |rows: usize, from: i32| OnnxTensor {
        shape: vec![rows, 2],
        elements: Elements::Integers((from..from + 2 * rows as i32).collect()),
    };
    let (a, b) = (tensor(1, 0), tensor(3, 2));
    assert!(a.fits(&b));
    let mut both = a.clone();
    both.extend(&b);
    assert_eq!(both, tensor(4, 0));
    assert_eq!(both.split(&[1, 3]), [a.clone(), b]);
    assert!(!a.fits(&OnnxTensor { shape: vec![1, 3], ..tensor(1, 0) }));
    assert!(!a.fits(&OnnxTensor { elements: Elements::Floats(vec![0.0; 2]), ..tensor(1, 0) }));
}

/// A graph of one operator from `x` to `y`.
fn graph(operator: &str, attributes: Vec<AttributeProto>, x: (i32, &[i64]), y: (i32, &[i64])) -> Vec<u8> {
    let info = |name: &str, (elem_type, shape): (i32, &[i64])| ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type,
                shape: Some(TensorShapeProto {
                    dim: shape
                        .iter()
                        .map(|length| Dimension {
                            dim_value: (*length >= 0).then_some(*length),
                            dim_param: (*length < 0).then(|| "rows".to_owned()),
                        })
                        .collect(),
                }),
            }),
        }),
    };
    let node = NodeProto {
        input: vec!["x".to_owned()],
        output: vec!["y".to_owned()],
        name: "only".to_owned(),
        op_type: operator.to_owned(),
        attribute: attributes,
    };
    ModelProto {
        ir_version: Some(IR_VERSION),
        graph: Some(GraphProto {
            node: vec![node],
            name: "one".to_owned(),
            input: vec![info("x", x)],
            output: vec![info("y", y)],
            ..GraphProto::default()
        }),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: Some(OPSET) }],
        ..ModelProto::default()
    }
    .encode_to_vec()
}

fn axis(axis: i64) -> Vec<AttributeProto> {
    let r#type = AttributeType::Int as i32;
    vec![AttributeProto { name: "axis".to_owned(), i: Some(axis), r#type, ..AttributeProto::default() }]
}

#[test]
fn rows_that_touch_each_other_are_never_computed_together() {
    let along = |axis_of: i64| load(&graph("Softmax", axis(axis_of), (FLOAT, &[-1, 3]), (FLOAT, &[-1, 3])));
    assert!(along(1).expect("served").batches());
    let touching = along(0).expect("served");
    assert!(!touching.batches());
    let fixed = load(&graph("Softmax", axis(1), (FLOAT, &[2, 3]), (FLOAT, &[2, 3]))).expect("served");
    assert!(!fixed.batches());
    let given =
        |rows: usize| [OnnxTensor { shape: vec![rows, 3], elements: Elements::Floats(vec![0.5; rows * 3]) }];
    assert!(fixed.run(&given(2)).is_ok());
    let refused = fixed.run(&given(1)).expect_err("of one shape only");
    assert!(refused.message.contains("[1, 3]: [2, 3] was expected"), "{refused}");
}

#[test]
fn types_are_those_of_the_file_and_others_are_refused_in_words() {
    for (kind, served) in [
        (1, ElementType::Float32),
        (2, ElementType::Uint8),
        (3, ElementType::Int8),
        (6, ElementType::Int32),
        (7, ElementType::Int64),
        (9, ElementType::Bool),
        (11, ElementType::Float64),
    ] {
        let model = load(&graph("Identity", Vec::new(), (kind, &[-1]), (kind, &[-1]))).expect("served");
        assert_eq!((model.inputs()[0].kind, model.outputs()[0].kind), (served, served));
        let mut given = model.run(&[]).expect_err("nothing given");
        assert!(given.message.contains("takes 1 inputs"), "{given}");
        let other = match served {
            ElementType::Float32 | ElementType::Float64 => Elements::Integers(vec![1]),
            _ => Elements::Floats(vec![1.0]),
        };
        given = model.run(&[OnnxTensor { shape: vec![1], elements: other }]).expect_err("of another type");
        assert!(given.message.contains("another type"), "{given}");
    }
    for kind in [8, 10, 13, 99] {
        let refused =
            load(&graph("Identity", Vec::new(), (kind, &[-1]), (kind, &[-1]))).expect_err("not served");
        assert!(refused.message.contains(&format!("ONNX type {kind}")), "{refused}");
    }
}

#[test]
fn what_cannot_be_served_says_why_and_nothing_panics() {
    let sound = export(&mlp(4, 2), &initial_weights(&mlp(4, 2), 1));
    for (bytes, words) in [
        (Vec::new(), "no graph"),
        (b"no ONNX at all".to_vec(), "cannot be served"),
        (graph("NoSuchOperator", Vec::new(), (FLOAT, &[-1]), (FLOAT, &[-1])), "NoSuchOperator"),
        (graph("Identity", Vec::new(), (FLOAT, &[-1]), (INT64, &[-1])), "promised"),
    ] {
        let refused = load(&bytes).expect_err(words);
        assert!(refused.message.contains(words), "{refused}");
        assert_eq!(refused.class, FailureClass::Model);
    }
    for end in (0..sound.len()).step_by(7) {
        let Err(refused) = load(&sound[..end]) else { panic!("half a file was taken: {end}") };
        assert_eq!(refused.class, FailureClass::Model);
    }
}

/// The same network by both of our runtimes: `cargo test --features inspection,fault-injection runtimes_side_by_side -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, on a quiet machine"]
fn runtimes_side_by_side() {
    let arch = mlp(256, 30);
    let weights = initial_weights(&arch, 1);
    let onnx = load(&export(&arch, &weights)).expect("served");
    let scorer = Scorer::new(&arch, &weights).expect("a network");
    for rows in [1, 64] {
        let x = values(rows, 30);
        let given = [OnnxTensor { shape: vec![rows, 30], elements: Elements::Floats(x.clone()) }];
        let encoded = Encoded { rows, cols: 30, values: x };
        let by_rten = || assert!(onnx.run(&given).is_ok());
        let by_flex = || assert!(scorer.score(&encoded).is_ok());
        // Alternating, so that a busy moment meets both.
        let mut micros = [Vec::new(), Vec::new()];
        for _ in 0..300 {
            for (at, work) in [&by_rten as &dyn Fn(), &by_flex].into_iter().enumerate() {
                let began = Instant::now();
                work();
                micros[at].push(began.elapsed().as_secs_f64() * 1e6);
            }
        }
        let median = |micros: &mut Vec<f64>| {
            micros.sort_by(f64::total_cmp);
            micros[micros.len() / 2]
        };
        let [rten, flex] = micros.each_mut().map(median);
        println!("batch {rows}: rten {rten:.1} us, burn flex {flex:.1} us ({:.2} times)", flex / rten);
    }
}
