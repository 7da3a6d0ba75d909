//! Times rten and tract on one ONNX file of one float input `[rows, columns]`, in turn, for runtimes.py.
//!
//! `orrery-runtimes FILE COLUMNS CALLS` prints a line of JSON: of each runtime the median microseconds of so many calls with 1 and with
//! 64 rows, and how far their answers are apart at most. Threads are as `RTEN_NUM_THREADS` has it; tract has one.

use std::{error::Error, time::Instant};

use rten::{ModelOptions, ValueView};
use tract_onnx::prelude::{DatumExt, Framework, InferenceModelExt, IntoRunnable, IntoTValue, Tensor, tvec};

type Answer = Result<Vec<f32>, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, columns, calls] = arguments.as_slice() else {
        return Err("usage: orrery-runtimes FILE COLUMNS CALLS".into());
    };
    let (columns, calls): (usize, usize) = (columns.parse()?, calls.parse()?);
    let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(file)?;
    let (input, output) = (model.input_ids()[0], model.output_ids()[0]);
    let mut figures = Vec::new();
    for rows in [1, 64] {
        let shape = [rows, columns];
        let values: Vec<f32> = (0..rows * columns).map(|at| ((at * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let by_rten = || -> Answer {
            let view = ValueView::from_shape(&shape, &values)?;
            let mut found = model.run(vec![(input, view.into())], &[output], None)?;
            let found: rten_tensor::Tensor<f32> = found.remove(0).try_into()?;
            Ok(found.into_data().to_vec())
        };
        let plan = tract_onnx::onnx()
            .model_for_path(file)?
            .with_input_fact(0, f32::fact(shape).into())?
            .into_optimized()?
            .into_runnable()?;
        let by_tract = || -> Answer {
            let given = Tensor::from_shape(&shape, &values)?;
            let found = plan.run(tvec!(given.into_tvalue()))?;
            Ok(found[0].to_plain_array_view::<f32>()?.iter().copied().collect())
        };
        let (one, other) = (by_rten()?, by_tract()?);
        if one.len() != other.len() {
            return Err(format!("rten answers {} numbers, tract {}", one.len(), other.len()).into());
        }
        let apart = one.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
        let mut micros = [Vec::new(), Vec::new()];
        for _ in 0..calls {
            // In turn, so that a busy moment meets both.
            for (at, run) in [&by_rten as &dyn Fn() -> Answer, &by_tract].into_iter().enumerate() {
                let began = Instant::now();
                run()?;
                micros[at].push(began.elapsed().as_secs_f64() * 1e6);
            }
        }
        let [rten, tract] = micros.map(|mut all| {
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        });
        figures.push(format!(r#""{rows}": {{"rten": {rten:.2}, "tract": {tract:.2}, "apart": {apart:e}}}"#));
    }
    println!("{{{}}}", figures.join(", "));
    Ok(())
}
