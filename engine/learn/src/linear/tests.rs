//! Tests of linear models: laws first, scikit-learn's figures beside them.

use super::*;
use crate::linear::lbfgs::Limits;

const EXACT: Limits = Limits { iterations: 2000, gradient: 1e-10, fall: 0.0 };

/// Rows of two numbers and one category of three codes.
fn table(rows: usize) -> (Encoded, Shape) {
    let values = (0..rows)
        .flat_map(|i| {
            let a = ((i * 37) % 101) as f32 / 50.0 - 1.0;
            let b = ((i * 53) % 97) as f32 / 48.0 - 1.0;
            [a, b, (i % 3) as f32]
        })
        .collect();
    let shape = Shape { numbers: 2, cardinalities: vec![3], outputs: 1 };
    (Encoded { rows, cols: 3, values }, shape)
}

fn fitted(x: &Encoded, shape: &Shape, y: &[f64], loss: Loss, l2: f64) -> LinearModel {
    let weight = vec![1.0; x.rows];
    let problem = Problem { x, shape, y, weight: &weight, loss, l2 };
    fit::<()>(&problem, EXACT, None, |_| Ok(true)).expect("no interruption")
}

#[test]
fn a_linear_target_is_found_again() {
    let (x, shape) = table(400);
    let effect = [0.0, 2.0, -1.0];
    let y: Vec<f64> = (0..x.rows)
        .map(|i| {
            let row = x.row(i);
            3.0 * f64::from(row[0]) - 2.0 * f64::from(row[1]) + effect[row[2] as usize] + 0.5
        })
        .collect();
    let model = fitted(&x, &shape, &y, Loss::Squared, 1e-10);
    assert!(model.converged);
    let error = model.scores(&x).iter().zip(&y).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
    assert!(error < 1e-4, "{error}");
    assert!((model.parameters[0] - 3.0).abs() < 1e-4);
}

/// Both searches end at the same point: they share nothing but the loss.
#[test]
fn newton_and_l_bfgs_meet() {
    let (x, shape) = table(500);
    let noise = |i: usize| ((i * 7919) % 103) as f64 / 103.0;
    let weight: Vec<f64> = (0..x.rows).map(|i| noise(i + 3)).collect();
    for loss in [Loss::Binary, Loss::Squared] {
        let y: Vec<f64> = (0..x.rows)
            .map(|i| {
                let number = f64::from(x.row(i)[0]) + 2.0 * noise(i) - 1.0;
                if loss == Loss::Binary { f64::from(u8::from(number > 0.0)) } else { number }
            })
            .collect();
        let problem = Problem { x: &x, shape: &shape, y: &y, weight: &weight, loss, l2: 1e-3 };
        let total: f64 = weight.iter().sum();
        let exact =
            newton::minimise::<()>(&problem, total, None, EXACT, |_| Ok(true)).expect("no interruption");
        assert!(exact.converged && exact.iterations < 12, "{exact:?}");
        let value = |at: &[f64], gradient: &mut [f64]| objective(&problem, total, at, gradient);
        let start = Search::new(vec![0.0; shape.parameters()], value);
        let slow = lbfgs::minimise::<()>(start, EXACT, value, |_| Ok(true)).expect("no interruption");
        let gap = exact.at.iter().zip(&slow.at).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
        assert!(gap < 1e-6, "{gap}");
    }
}

#[test]
fn mean_probabilities_are_the_shares_of_the_classes() {
    // The intercept is not penalised, so at the minimum the residuals of every output sum to 0.
    let (x, mut shape) = table(300);
    let y: Vec<f64> = (0..x.rows).map(|i| ((i * i) % 4 % 3) as f64).collect();
    shape.outputs = 3;
    let model = fitted(&x, &shape, &y, Loss::Multiclass, 0.01);
    let mut mean = [0.0; 3];
    for row in model.scores(&x).chunks(3) {
        let sum: f64 = row.iter().map(|score| score.exp()).sum();
        row.iter().zip(&mut mean).for_each(|(score, mean)| *mean += score.exp() / sum / 300.0);
    }
    for (class, mean) in mean.iter().enumerate() {
        let share = y.iter().filter(|y| **y as usize == class).count() as f64 / 300.0;
        assert!((mean - share).abs() < 1e-7, "{class}: {mean} {share}");
    }
}

#[test]
fn an_interruption_ends_the_search() {
    let (x, shape) = table(100);
    let y: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
    let weight = vec![1.0; 100];
    let problem = Problem { x: &x, shape: &shape, y: &y, weight: &weight, loss: Loss::Binary, l2: 0.01 };
    let ended =
        fit(&problem, EXACT, None, |search| if search.iteration == 2 { Err("enough") } else { Ok(true) });
    assert_eq!(ended, Err("enough"));
}

/// A golden file of `tests/peers/sklearn_linear.py`.
#[derive(serde::Deserialize)]
struct Golden {
    loss: Loss,
    outputs: usize,
    l2: f64,
    cardinalities: Vec<usize>,
    numbers: Vec<Vec<f32>>,
    codes: Vec<Vec<u8>>,
    y: Vec<f64>,
    weight: Vec<f64>,
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
}

#[test]
fn coefficients_are_scikit_learns() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("golden files are in the repository").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("linear_") {
            continue;
        }
        files += 1;
        let text = std::fs::read_to_string(entry.path()).expect("readable");
        let golden: Golden = serde_json::from_str(&text).expect("a golden file");
        let shape = Shape {
            numbers: golden.numbers[0].len(),
            cardinalities: golden.cardinalities,
            outputs: golden.outputs,
        };
        let rows = golden.numbers.iter().zip(&golden.codes);
        let values: Vec<f32> = rows
            .flat_map(|(numbers, codes)| {
                numbers.iter().copied().chain(codes.iter().map(|code| f32::from(*code))).collect::<Vec<_>>()
            })
            .collect();
        let x = Encoded { rows: golden.y.len(), cols: values.len() / golden.y.len(), values };
        let problem = Problem {
            x: &x,
            shape: &shape,
            y: &golden.y,
            weight: &golden.weight,
            loss: golden.loss,
            l2: golden.l2,
        };
        let model = fit::<()>(&problem, EXACT, None, |_| Ok(true)).expect("no interruption");
        let theirs = golden.coefficients.iter().flatten().chain(&golden.intercepts);
        let gap = model.parameters.iter().zip(theirs).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
        assert!(gap < 1e-4, "{name}: {gap}");
    }
    assert_eq!(files, 6, "golden files of linear models");
}
