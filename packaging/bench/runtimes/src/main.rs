//! Measures rten and tract side by side on one ONNX file of one float input `[rows, columns]`, for runtimes.py.
//!
//! `orrery-runtimes FILE COLUMNS ROUNDS` prints a line of JSON: the median microseconds of each runtime at 1 and at 64 rows, one
//! thread each, alternating, and the largest difference of their answers.

use std::{error::Error, time::Instant};

use rten::{ModelOptions, RunOptions, ThreadPool, ValueView};
use rten_tensor::{NdTensor, prelude::*};
use tract_onnx::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, columns, rounds] = arguments.as_slice() else {
        return Err("usage: orrery-runtimes FILE COLUMNS ROUNDS".into());
    };
    let (columns, rounds): (usize, usize) = (columns.parse()?, rounds.parse()?);
    let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(file)?;
    let (input, output) = (model.input_ids()[0], model.output_ids()[0]);
    let pool = std::sync::Arc::new(ThreadPool::with_num_threads(1));
    let mut figures = Vec::new();
    for rows in [1, 64] {
        let values: Vec<f32> = (0..rows * columns).map(|at| ((at * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let tensor = NdTensor::from_data([rows, columns], values.clone());
        let by_rten = || -> Result<Vec<f32>, Box<dyn Error>> {
            let view: ValueView = tensor.view().into();
            let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
            let mut found = model.run(vec![(input, view.into())], &[output], Some(options))?;
            let found: rten_tensor::Tensor<f32> = found.remove(0).try_into()?;
            Ok(found.to_vec())
        };
        let plan = tract_onnx::onnx()
            .model_for_path(file)?
            .with_input_fact(0, f32::fact([rows, columns]).into())?
            .into_optimized()?
            .into_runnable()?;
        let by_tract = || -> Result<Vec<f32>, Box<dyn Error>> {
            let given = Tensor::from_shape(&[rows, columns], &values)?;
            let found = plan.run(tvec!(given.into()))?;
            Ok(found[0].to_array_view::<f32>()?.iter().copied().collect())
        };
        let apart = by_rten()?.iter().zip(&by_tract()?).map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
        let mut micros = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (at, run) in [&by_rten as &dyn Fn() -> _, &by_tract].into_iter().enumerate() {
                let began = Instant::now();
                run()?;
                micros[at].push(began.elapsed().as_secs_f64() * 1e6);
            }
        }
        let [rten, tract] = micros.map(|mut all| {
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        });
        figures.push(format!(
            r#""rows_{rows}": {{"rten_micros": {rten:.1}, "tract_micros": {tract:.1}, "apart": {apart:e}}}"#
        ));
    }
    println!("{{{}}}", figures.join(", "));
    Ok(())
}
