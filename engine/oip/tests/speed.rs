//! A small measurement, never a promise: `cargo test --release -p orrery-oip --test speed -- --ignored --nocapture`.

use std::time::Instant;

use orrery_oip::{
    DecodeOptions, EncodeOptions, Encoding, InferRequest, Limits, Tensor, decode_request, encode_request,
};

/// Elements of the tensor.
const COUNT: usize = 1 << 20;
/// Runs; the fastest is shown.
const RUNS: usize = 10;

fn fastest(mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let begin = Instant::now();
        run();
        best = best.min(begin.elapsed().as_secs_f64());
    }
    best
}

#[test]
#[ignore = "measures, and asserts nothing"]
fn a_million_numbers() {
    let numbers: Vec<f32> = (0..COUNT).map(|at| (at as f32 * 0.37).sin() * 100.0).collect();
    for encoding in [Encoding::Json, Encoding::Binary] {
        let x = Tensor::from_slice("x", vec![COUNT as u64], &numbers).expect("fits").with_encoding(encoding);
        let request = InferRequest { inputs: vec![x], ..InferRequest::default() };
        let encoded = encode_request(&request, &EncodeOptions::default()).expect("is written");
        let options = DecodeOptions { limits: Limits::default(), ..DecodeOptions::default() };
        let megabytes = encoded.body.len() as f64 / 1e6;
        let write = fastest(|| drop(encode_request(&request, &EncodeOptions::default())));
        let read = fastest(|| {
            let read = decode_request(&encoded.body, encoded.header_length, &options).expect("reads");
            assert_eq!(read.inputs[0].as_f32().expect("numbers").len(), COUNT);
        });
        println!(
            "{encoding:?}: {megabytes:.1} MB, read in {:.2} ms ({:.0} MB/s), written in {:.2} ms ({:.0} MB/s)",
            read * 1e3,
            megabytes / read,
            write * 1e3,
            megabytes / write
        );
        if encoding == Encoding::Json {
            let tree = fastest(|| drop(serde_json::from_slice::<serde_json::Value>(&encoded.body)));
            println!("serde_json::Value for comparison: {:.2} ms ({:.0} MB/s)", tree * 1e3, megabytes / tree);
        }
    }
}

#[test]
#[ignore = "measures, and asserts nothing"]
fn a_small_request() {
    const TIMES: usize = 10_000;
    let four = Tensor::from_slice("x", vec![1, 4], &[5.1_f32, 3.5, 1.4, 0.2]).expect("fits");
    let mut inputs = [four.clone(), four];
    inputs[1].name = "y".into();
    for encoding in [Encoding::Json, Encoding::Binary] {
        let inputs = inputs.iter().map(|tensor| tensor.clone().with_encoding(encoding)).collect();
        let request = InferRequest { id: Some("7".to_owned()), inputs, ..InferRequest::default() };
        let encoded = encode_request(&request, &EncodeOptions::default()).expect("is written");
        let read = fastest(|| {
            for _ in 0..TIMES {
                let read = decode_request(&encoded.body, encoded.header_length, &DecodeOptions::default());
                assert_eq!(read.map(|request| request.inputs.len()), Ok(2));
            }
        });
        let write = fastest(|| {
            for _ in 0..TIMES {
                drop(encode_request(&request, &EncodeOptions::default()));
            }
        });
        let micros = 1e6 / TIMES as f64;
        println!("{encoding:?}, small: read in {:.2} us, written in {:.2} us", read * micros, write * micros);
    }
}
